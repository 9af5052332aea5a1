//! A sidecar that shows Pandium's pages, and a stand-in for Pandium behind TLS.

use crate::harness::app::Answer;
use crate::harness::certs::{Authority, Identity};
use crate::harness::child::Scratch;
use crate::harness::script::Scripted;
use crate::harness::{App, INSTALL, Message, SECRET, Sidecar, TRUSTED, Visitor, changed, fixture, joined};
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio_rustls::TlsAcceptor;

/// Where Pandium's pages are in the tests of a host of their own.
pub const HOST: &str = "integrations.test";
/// And of a path.
pub const PREFIX: &str = "/pandium/app";

/// What both mounts have to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mount {
    Host,
    Path,
}

pub const BOTH: [Mount; 2] = [Mount::Host, Mount::Path];

/// What Pandium speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoken {
    /// It knows of nothing else.
    Http1,
    /// It agrees on it.
    Http2,
}

/// Both mounts, with a Pandium of each kind.
pub const EACH: [(Mount, Spoken); 4] = [
    (Mount::Host, Spoken::Http1),
    (Mount::Host, Spoken::Http2),
    (Mount::Path, Spoken::Http1),
    (Mount::Path, Spoken::Http2),
];

impl Mount {
    /// As the file has it.
    pub fn text(self) -> String {
        match self {
            Self::Host => format!("{{ mount: host, host: {HOST} }}"),
            Self::Path => format!("{{ mount: path, prefix: {PREFIX}, same_origin: accepted }}"),
        }
    }

    /// The host by which a visitor comes.
    pub fn host(self) -> &'static str {
        if self == Self::Host { HOST } else { "app.test" }
    }

    /// One of Pandium's paths, as it is here.
    pub fn at(self, path: &str) -> String {
        if self == Self::Host { path.to_owned() } else { format!("{PREFIX}{path}") }
    }

    /// A request with these lines.
    pub fn asking(self, method: &str, path: &str, lines: &[&str]) -> String {
        format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n{}\r\n", self.host(), joined(lines))
    }
}

/// All that one test needs.
pub struct Scene {
    pub app: App,
    pub pandium: App,
    pub sidecar: Sidecar,
    pub mount: Mount,
    _certified: Certified,
}

/// Everything is proxied; Pandium answers like this.
pub async fn scene(mount: Mount, spoken: Spoken, answer: Answer) -> Scene {
    scene_with(mount, spoken, answer, &[]).await
}

/// The same with some of the file replaced.
pub async fn scene_with(mount: Mount, spoken: Spoken, answer: Answer, changes: &[(&str, &str)]) -> Scene {
    let certified = Certified::new();
    let protocols: &[&str] = if spoken == Spoken::Http2 { &["h2", "http/1.1"] } else { &[] };
    let app = App::start().await;
    let pandium = App::encrypted(answer, certified.acceptor(protocols)).await;
    let text = changed(&certified.text(mount, app.address, pandium.address), changes);
    let sidecar = Sidecar::start(&text).await;
    Scene { app, pandium, sidecar, mount, _certified: certified }
}

/// A certificate for a Pandium at `localhost`, and the file by which it is believed.
pub struct Certified {
    identity: Identity,
    ca: PathBuf,
    _scratch: Scratch,
}

impl Certified {
    pub fn new() -> Self {
        let authority = Authority::new("Pandium's");
        let scratch = Scratch::new("proxied");
        let ca = scratch.write("ca.pem", authority.pem());
        Self { identity: authority.issue(&["localhost"]), ca, _scratch: scratch }
    }

    pub fn acceptor(&self, protocols: &[&str]) -> TlsAcceptor {
        self.identity.acceptor_for(protocols)
    }

    /// The file where everything is proxied from there.
    pub fn text(&self, mount: Mount, app: SocketAddr, pandium: SocketAddr) -> String {
        let base = format!("https://localhost:{}", pandium.port());
        let pages = format!("base_url: {base}\n  ca_file: {}\n  proxy: {}", self.ca.display(), mount.text());
        changed(&fixture(app), &[("environment: sandbox", &pages)])
            + "routes: { install: { deliver: proxy } }\n"
    }
}

/// The file where everything is proxied, and Pandium speaks plainly.
pub fn plain(mount: Mount, app: SocketAddr, pandium: SocketAddr) -> String {
    let pages = format!("base_url: http://{pandium}\n  proxy: {}", mount.text());
    changed(&fixture(app), &[("environment: sandbox", &pages)]) + "routes: { install: { deliver: proxy } }\n"
}

/// A Pandium that does as it is told, and somebody who has opened it.
pub async fn opened(mount: Mount, pandium: &Scripted, changes: &[(&str, &str)]) -> (App, Sidecar, Browser) {
    let app = App::start().await;
    let sidecar = Sidecar::start(&changed(&plain(mount, app.address, pandium.address), changes)).await;
    let mut browser = Browser::new(mount, sidecar.visitor(TRUSTED), "42");
    let page = browser.install().await;
    assert!(page.status() < 400, "{}", page.text());
    (app, sidecar, browser)
}

/// The header by which the edge says who it is.
pub fn tenant(id: &str) -> String {
    format!("X-Tenant-Id: {id}")
}

impl Scene {
    /// Where Pandium is, as the file has it.
    pub fn base(&self) -> String {
        format!("https://localhost:{}", self.pandium.address.port())
    }

    /// A browser of somebody's, behind the edge.
    pub fn browser(&self, tenant_id: &str) -> Browser {
        Browser::new(self.mount, self.sidecar.visitor(TRUSTED), tenant_id)
    }
}

/// Somebody with a cookie jar.
pub struct Browser {
    mount: Mount,
    visitor: Visitor,
    /// What the edge adds.
    pub lines: Vec<String>,
    /// Name, value and path.
    pub cookies: Vec<(String, String, String)>,
}

impl Browser {
    /// One behind the edge.
    pub fn new(mount: Mount, visitor: Visitor, tenant_id: &str) -> Self {
        let lines = vec![tenant(tenant_id), "X-Forwarded-Proto: https".to_owned()];
        Self { mount, visitor, lines, cookies: Vec::new() }
    }

    /// The same browser over a connection of its own.
    pub fn again(&self, visitor: Visitor) -> Self {
        Self { mount: self.mount, visitor, lines: self.lines.clone(), cookies: self.cookies.clone() }
    }

    /// Somebody else comes to this browser.
    pub fn becomes(&mut self, tenant_id: &str) {
        self.lines[0] = tenant(tenant_id);
    }

    /// Opens an integration.
    pub async fn install(&mut self) -> Message {
        self.get(INSTALL, &[]).await
    }

    /// Opens one of Pandium's pages.
    pub async fn page(&mut self, path: &str) -> Message {
        let path = self.mount.at(path);
        self.get(&path, &[]).await
    }

    pub async fn get(&mut self, path: &str, lines: &[&str]) -> Message {
        let request = self.request("GET", path, lines);
        self.send(path, &request).await
    }

    /// The bytes of a request, with all that a browser and the edge add.
    pub fn request(&self, method: &str, path: &str, lines: &[&str]) -> String {
        let bare = path.split('?').next().unwrap();
        let sent = self.cookies.iter().filter(|(_, _, at)| {
            let rest = bare.strip_prefix(at.as_str());
            rest.is_some_and(|rest| rest.is_empty() || at.ends_with('/') || rest.starts_with('/'))
        });
        let pairs: Vec<String> = sent.map(|(name, value, _)| format!("{name}={value}")).collect();
        let cookies = (!pairs.is_empty()).then(|| format!("Cookie: {}", pairs.join("; ")));
        let own = self.lines.iter().map(String::as_str).chain(cookies.as_deref());
        let all: Vec<&str> = own.chain(lines.iter().copied()).collect();
        self.mount.asking(method, path, &all)
    }

    /// Sends a request, and keeps the cookies of the answer.
    pub async fn send(&mut self, path: &str, request: &str) -> Message {
        let answer = self.visitor.send(request).await;
        self.keep_all(path, &answer);
        answer
    }

    /// Keeps the cookies of an answer.
    pub fn keep_all(&mut self, path: &str, answer: &Message) {
        for line in answer.values("set-cookie") {
            self.keep(path, line);
        }
    }

    fn keep(&mut self, path: &str, line: &str) {
        let mut parts = line.split(';').map(str::trim);
        let (name, value) = parts.next().unwrap().split_once('=').unwrap();
        let attribute = |wanted: &str| {
            line.split(';')
                .skip(1)
                .filter_map(|part| part.trim().split_once('='))
                .find(|(own, _)| own.eq_ignore_ascii_case(wanted))
        };
        let at = attribute("path").map_or(path, |(_, at)| at).to_owned();
        // Those that are partitioned lie apart.
        if line.contains("Partitioned") && line.contains("Max-Age=0") {
            return;
        }
        self.cookies.retain(|(own, _, own_at)| (own.as_str(), own_at) != (name, &at));
        if attribute("max-age").is_none_or(|(_, age)| age != "0") {
            self.cookies.push((name.to_owned(), value.to_owned(), at));
        }
    }
}

/// The token in a request to Pandium, checked by its key.
pub fn token_in(asked: &Message) -> Option<String> {
    let (_, rest) = asked.first_line().split_once("tenant=")?;
    let written = rest.split(['&', ' ']).next().unwrap();
    let token = String::from_utf8(percent_encoding::percent_decode_str(written).collect()).unwrap();
    let secret = pandium_sidecar::redact::Secret::new(SECRET.as_bytes().to_vec());
    pandium_sidecar::token::verify(&token, &secret).unwrap();
    Some(token)
}

/// An answer with these lines and this body.
pub fn said(status: &str, lines: &[&str], body: &str) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\n{}Content-Length: {}\r\n\r\n", joined(lines), body.len());
    [head.as_bytes(), body.as_bytes()].concat()
}
