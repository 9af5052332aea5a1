//! `demo`: three programs on loopback in one process, to see the whole way of a visitor.
//!
//! A browser asks the *front*, which knows who is signed in and says so in session headers; it
//! asks the *sidecar*, the real one on a real configuration file; and that passes on to the
//! *app*, or sends the visitor to a stand-in *Pandium*.

mod app;
mod catalog;
mod command;
mod cookies;
mod files;
mod form;
mod front;
mod pages;
mod pandium;
mod partner;
mod people;
mod recent;
mod serve;
mod site;

pub(super) use command::{DemoArgs, run as command};
pub use files::printed;
pub use pandium::Verify;
pub use site::{Delivery, Setup};

use crate::tls::ServerTls;
use app::{App, Frame};
use files::Files;
use front::Front;
use pandium::{Pandium, Place};
use partner::Partner;
use people::Sessions;
use site::Site;
use std::fmt;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Where the demo is opened, unless told otherwise.
pub const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8700);

/// Why there is no demo.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The login asks no password.
    #[error("{0} is not a loopback address: the demo lets everybody in, so it stays on this machine")]
    NotLoopback(SocketAddr),
    /// Another program has the address.
    #[error("{0} is in use by another program; choose another with --listen 127.0.0.1:PORT (0: any)")]
    Busy(SocketAddr),
    /// The address cannot be had.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, #[source] io::Error),
    /// The certificate or its key is of no use.
    #[error("cannot use {file} for TLS: {why}", file = .0.display(), why = .1)]
    Tls(PathBuf, String),
    /// The configuration or the secret cannot be written.
    #[error("cannot write the demo's configuration to the folder for temporary files: {0}")]
    Files(#[source] io::Error),
    /// The sidecar does not start.
    #[error("the sidecar did not start: {0}")]
    Sidecar(String),
    /// Nobody hears which address to open.
    #[error("cannot print: {0}")]
    Print(#[source] io::Error),
}

/// A demo that runs, until it is dropped.
#[derive(Debug)]
pub struct Demo {
    front: SocketAddr,
    site: Site,
    files: Files,
    _servers: JoinSet<()>,
}

impl Demo {
    /// Starts all of it. `start` is given the text of the configuration, and gives the address on
    /// which the sidecar listens.
    pub async fn start<S, F>(setup: &Setup, verify: Verify, start: S) -> Result<Self, Error>
    where
        S: FnOnce(String) -> F,
        F: Future<Output = Result<SocketAddr, String>>,
    {
        if !setup.listen.ip().to_canonical().is_loopback() {
            return Err(Error::NotLoopback(setup.listen));
        }
        let tls = setup.tls()?;
        let (front, front_at) = bind(setup.listen).await?;
        let (app, app_at) = bind(ANY).await?;
        let (pandium, pandium_at) = bind(ANY).await?;
        let (partner, partner_at) = bind(ANY).await?;
        let site = setup.site(front_at, pandium_at, partner_at);
        let files = Files::new().map_err(Error::Files)?;
        let (key, config) = files.write(setup, app_at, &site).map_err(Error::Files)?;

        let sessions = Arc::new(Sessions::default());
        let place = Place {
            own: site.pandium.clone(),
            partner: site.partner.clone(),
            registered: vec![site.app.clone()],
        };
        let mut servers = JoinSet::new();
        servers.spawn(run_app(app, App::new(sessions.clone(), frame(setup, &site))));
        servers.spawn(run_pandium(pandium, tls.clone(), Pandium::new(key, verify, place)));
        servers.spawn(run_partner(partner, tls.clone(), Partner::new(&site.pandium)));
        let sidecar = start(config).await.map_err(Error::Sidecar)?;
        servers.spawn(run_front(front, tls, Front::new(sessions, sidecar, site.scheme)));
        Ok(Self { front: front_at, site, files, _servers: servers })
    }

    /// The address at which it listens.
    pub fn address(&self) -> SocketAddr {
        self.front
    }

    /// The configuration file that the sidecar runs on.
    pub fn config(&self) -> PathBuf {
        self.files.config()
    }
}

fn frame(setup: &Setup, site: &Site) -> Frame {
    let delivery = match setup.delivery {
        Delivery::Redirect => "by redirect".to_owned(),
        Delivery::BelowPath => format!("proxied below {}", site::PREFIX),
        Delivery::AtHost => format!("proxied at {}", site.shown),
    };
    let domain = setup.name().filter(|_| setup.delivery == Delivery::AtHost).map(str::to_owned);
    Frame { origin: site.shown.clone(), delivery, domain }
}

/// What to do with it, for the person at the terminal.
impl fmt::Display for Demo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Open {}/\n", self.site.app)?;
        writeln!(f, "  1. Sign in as somebody of Northwind GmbH.")?;
        writeln!(f, "  2. \"Integrations\" shows Pandium's page in a frame; \"Connect\" opens it in a tab.")?;
        writeln!(f, "  3. Sign out, sign in as somebody of Bright Harbor Ltd, and compare.\n")?;
        writeln!(f, "The sidecar's configuration: {}", self.files.config().display())?;
        writeln!(f, "Everything here ends, and is removed, with Ctrl-C.")
    }
}

/// Starts the demo, prints where to open it, and ends with `until`.
pub async fn run<S, F>(
    setup: &Setup,
    verify: Verify,
    start: S,
    until: impl Future<Output = ()>,
) -> Result<(), Error>
where
    S: FnOnce(String) -> F,
    F: Future<Output = Result<SocketAddr, String>>,
{
    let demo = Demo::start(setup, verify, start).await?;
    write!(io::stdout(), "{demo}").map_err(Error::Print)?;
    until.await;
    Ok(())
}

/// Any free port.
const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::AddrInUse => Error::Busy(address),
        _ => Error::Listen(address, error),
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

async fn run_app(listener: TcpListener, app: App) {
    let app = Arc::new(app);
    serve::serve(listener, None, move |_, request| {
        let app = app.clone();
        async move { app.answer(request).await }
    })
    .await;
}

async fn run_pandium(listener: TcpListener, tls: Option<ServerTls>, pandium: Pandium) {
    let pandium = Arc::new(pandium);
    serve::serve(listener, tls, move |_, request| {
        let pandium = pandium.clone();
        async move { pandium.answer(request).await }
    })
    .await;
}

async fn run_partner(listener: TcpListener, tls: Option<ServerTls>, partner: Partner) {
    let partner = Arc::new(partner);
    serve::serve(listener, tls, move |_, request| {
        let partner = partner.clone();
        async move { partner.answer(request).await }
    })
    .await;
}

async fn run_front(listener: TcpListener, tls: Option<ServerTls>, front: Front) {
    let front = Arc::new(front);
    serve::serve(listener, tls, move |peer, request| {
        let front = front.clone();
        async move { front.answer(peer, request).await }
    })
    .await;
}
