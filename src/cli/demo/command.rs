//! The command itself: the demo around the real sidecar.

use super::{Delivery, Setup, Verify, printed, run as run_demo};
use crate::app::{self, Running};
use crate::cli::load::environment;
use crate::cli::out::{complain, say};
use crate::cli::{FAILED, USAGE};
use crate::config::{self, Options};
use crate::server::listener::Bound;
use crate::token;
use clap::{Args, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Args)]
pub(in crate::cli) struct DemoArgs {
    /// Where to open the demo
    #[arg(long, value_name = "ADDR", default_value_t = super::LISTEN)]
    listen: SocketAddr,
    /// How Pandium's page comes to the visitor
    #[arg(long, value_enum, default_value_t)]
    deliver: Deliver,
    /// Where it is shown, when proxied [default: path]
    #[arg(long, value_enum)]
    mount: Option<Mount>,
    /// Open it under this name, which has to lead to where it listens
    #[arg(long, value_name = "HOST")]
    name: Option<String>,
    /// Serve all of it over TLS, by the certificate and the key in this PEM file
    #[arg(long, value_name = "FILE")]
    tls: Option<PathBuf>,
    /// Print the sidecar's configuration file instead
    #[arg(long)]
    print_config: bool,
}

#[derive(Clone, Copy, Default, PartialEq, ValueEnum)]
enum Deliver {
    /// The browser is sent there
    #[default]
    Redirect,
    /// It comes through the sidecar
    Proxy,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Mount {
    /// Below a path of the app's
    Path,
    /// At a host of its own
    Host,
}

impl DemoArgs {
    fn delivery(&self) -> Option<Delivery> {
        match (self.deliver, self.mount) {
            (Deliver::Redirect, None) => Some(Delivery::Redirect),
            (Deliver::Redirect, Some(_)) => None,
            (Deliver::Proxy, None | Some(Mount::Path)) => Some(Delivery::BelowPath),
            (Deliver::Proxy, Some(Mount::Host)) => Some(Delivery::AtHost),
        }
    }
}

pub(in crate::cli) fn run(args: &DemoArgs) -> Result<(), u8> {
    let Some(delivery) = args.delivery() else {
        complain("--mount says where a proxied page is shown: it goes with --deliver proxy\n");
        return Err(USAGE);
    };
    let setup = Setup { listen: args.listen, delivery, name: args.name.clone(), tls: args.tls.clone() };
    if args.print_config {
        say(&printed(&setup));
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| failed(&error))?;
    runtime.block_on(demo(&setup)).map_err(|error| failed(&*error))
}

fn failed(error: &dyn std::error::Error) -> u8 {
    complain(&format!("{error}\n"));
    FAILED
}

async fn demo(setup: &Setup) -> Result<(), Box<dyn std::error::Error>> {
    let verify: Verify =
        Arc::new(|key, token| token::verify(token, key).map_err(|unverified| unverified.to_string()));
    let running = Mutex::new(None);
    let start = |text: String| async {
        let (sidecar, address) = sidecar(text).await?;
        running.lock().unwrap_or_else(PoisonError::into_inner).replace(sidecar);
        Ok(address)
    };
    let stop = app::stop_signal()?;
    run_demo(setup, verify, start, stop).await?;
    let sidecar = running.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(sidecar) = sidecar {
        sidecar.end().await;
    }
    Ok(())
}

/// The real one, on this configuration.
async fn sidecar(text: String) -> Result<(Running, SocketAddr), String> {
    let options = Options { env: &environment, without_secrets: false, listen: None };
    let loaded = config::load_text("demo.yaml", &text, &options).map_err(|invalid| invalid.to_string())?;
    let running =
        app::start(loaded.config, app::default_workers()).await.map_err(|error| error.to_string())?;
    match running.bound.first() {
        Some(Bound::Tcp(address)) => {
            let address = *address;
            Ok((running, address))
        }
        _ => Err("it listens nowhere".to_owned()),
    }
}
