//! The ways in: over each transport, and through each door that a token comes out of.
//!
//! A test of what holds on all of them is written once, for an install over TCP. Over a unix socket
//! two sidecars share the app: one believes whoever comes as us, and one believes another user alone,
//! so that its visitors are strangers. Over TLS the friend is who shows a certificate. At another door the request is asked there, and the answer,
//! once it is just what that door gives, is handed to the test as the install's would have been.

use super::certs::{Authority, Identity};
use super::child::Scratch;
use super::{App, Message, Sidecar, TRUSTED, changed, fixture};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use std::borrow::Cow;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    pub transport: Transport,
    pub door: Door,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Tcp,
    Unix,
    Tls,
    /// HTTP/2 in clear text.
    H2c,
    /// HTTP/2 over TLS.
    H2,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    Install,
    Link,
    Decision,
}

/// Plays tests, each an `async fn(Way)`, as installs over each transport.
#[allow(unused_macros, reason = "each test file uses its own part")]
macro_rules! over_each_transport {
    ($($test:ident),+ $(,)?) => {
        $crate::harness::way::play!(over_tcp, Tcp, Install; $($test),+);
        $crate::harness::way::play!(over_unix, Unix, Install; $($test),+);
        $crate::harness::way::play!(over_tls, Tls, Install; $($test),+);
        $crate::harness::way::play!(over_h2c, H2c, Install; $($test),+);
        $crate::harness::way::play!(over_h2, H2, Install; $($test),+);
    };
}

/// The same, and through each door over what is quick: a handshake for each request is not.
#[allow(unused_macros, reason = "each test file uses its own part")]
macro_rules! each_way {
    ($($test:ident),+ $(,)?) => {
        $crate::harness::way::over_each_transport!($($test),+);
        $crate::harness::way::play!(link_over_tcp, Tcp, Link; $($test),+);
        $crate::harness::way::play!(link_over_unix, Unix, Link; $($test),+);
        $crate::harness::way::play!(decision_over_tcp, Tcp, Decision; $($test),+);
        $crate::harness::way::play!(decision_over_unix, Unix, Decision; $($test),+);
        $crate::harness::way::play!(link_over_h2c, H2c, Link; $($test),+);
        $crate::harness::way::play!(decision_over_h2c, H2c, Decision; $($test),+);
    };
}

#[allow(unused_macros, reason = "each test file uses its own part")]
macro_rules! play {
    ($module:ident, $transport:ident, $door:ident; $($test:ident),+) => {
        mod $module {
            use $crate::harness::way::{Door, Transport, Way};

            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(Way { transport: Transport::$transport, door: Door::$door }).await;
                }
            )+
        }
    };
}

#[allow(unused_imports, reason = "each test file uses its own part")]
pub(crate) use {each_way, over_each_transport, play};

impl Way {
    /// An app, and a sidecar of the fixture in front of it.
    pub async fn pair(self) -> (App, Sidecar) {
        self.pair_with(&[]).await
    }

    /// The same with some of the fixture's text replaced.
    pub async fn pair_with(self, changes: &[(&str, &str)]) -> (App, Sidecar) {
        let app = App::start().await;
        let sidecar = self.start(&changed(&fixture(app.address), changes)).await;
        (app, sidecar)
    }

    /// A sidecar of this file, which listens and trusts as the fixture does.
    pub async fn start(self, text: &str) -> Sidecar {
        let text = self.door.open(text);
        let mut sidecar = match self.transport {
            Transport::Tcp => Sidecar::start(&text).await,
            Transport::Unix => over_unix(&text).await,
            Transport::Tls => over_tls(&text, false).await,
            Transport::H2c => over_h2c(&text).await,
            Transport::H2 => over_tls(&text, true).await,
        };
        sidecar.door = self.door;
        sidecar
    }

    /// What the app is told in `X-Forwarded-For` of this peer, behind what it was told before.
    pub fn forwarded_for<'f>(self, before: &[&'f str], from: &'f str) -> Vec<String> {
        let own = (self.transport != Transport::Unix).then_some(from);
        let all: Vec<&str> = before.iter().copied().chain(own).collect();
        if all.is_empty() { Vec::new() } else { vec![all.join(", ")] }
    }

    /// Whether it is HTTP/2, which has no fields that are for one connection: one ends the request.
    pub fn is_http2(self) -> bool {
        matches!(self.transport, Transport::H2c | Transport::H2)
    }

    /// Whether these lines can be said here: HTTP/2 has none that are for one connection, and ends a
    /// request that has one all the same (`tests/http2/fields.rs`).
    pub fn can_say(self, lines: &[u8]) -> bool {
        let lines = String::from_utf8_lossy(lines).to_ascii_lowercase();
        !self.is_http2() || !(lines.contains("\nconnection:") || lines.contains("\ntransfer-encoding:"))
    }

    /// The scheme that the app is told of, and the port that goes with it.
    pub fn scheme(self) -> (&'static str, &'static str) {
        if matches!(self.transport, Transport::Tls | Transport::H2) {
            ("https", "443")
        } else {
            ("http", "80")
        }
    }
}

fn scratch() -> Scratch {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    Scratch::new(&format!("way{}", COUNT.fetch_add(1, Ordering::Relaxed)))
}

/// One that believes us, and one that does not, each on a socket of its own.
async fn over_unix(text: &str) -> Sidecar {
    let scratch = scratch();
    let own = std::fs::metadata("/proc/self").unwrap().uid();
    let (friends, strangers) = (scratch.path("friends"), scratch.path("strangers"));
    let mut running = Vec::new();
    for (path, uid) in [(&friends, own), (&strangers, own + 1)] {
        let text = changed(text, &[("listen: 127.0.0.1:0", &format!("listen: unix:{}", path.display()))]);
        let text = text.replace("peers: 127.0.0.2", &format!("peers: \"unix:{uid}\""));
        running.push(Sidecar::start_anywhere(&text).await);
    }
    let to = Entrance::Unix { friends, strangers };
    let address = SocketAddr::from(([0, 0, 0, 0], 0));
    Sidecar { address, to, door: Door::Install, running, scratch: Some(scratch) }
}

/// The same file, on a listener that speaks HTTP/2 to whoever begins with it.
async fn over_h2c(text: &str) -> Sidecar {
    let listen = "listen: { address: \"127.0.0.1:0\", http2: true }";
    let mut sidecar = Sidecar::start(&changed(text, &[("listen: 127.0.0.1:0", listen)])).await;
    sidecar.to = Entrance::H2c(sidecar.address);
    sidecar
}

/// One that believes whoever shows our certificate.
async fn over_tls(text: &str, http2: bool) -> Sidecar {
    let scratch = scratch();
    let (server, clients) = (Authority::new("servers"), Authority::new("clients"));
    let (shown, certificate) = (server.issue(&["app.test"]), clients.issue(&["edge.internal"]));
    let (cert, key) = (scratch.write("cert.pem", shown.pem()), scratch.write("key.pem", shown.key_pem()));
    let ca = scratch.write("ca.pem", clients.pem());
    let tls = format!("cert: {}, key: {}, client_ca: {}", cert.display(), key.display(), ca.display());
    let listen = format!("listen: {{ address: \"127.0.0.1:0\", http2: {http2}, tls: {{ {tls} }} }}");
    let text = changed(text, &[("listen: 127.0.0.1:0", &listen)]);
    let text = text.replace("peers: 127.0.0.2", "client_cert: { san: [edge.internal] }");
    let mut sidecar = Sidecar::start(&text).await;
    sidecar.to = Entrance::Tls {
        to: sidecar.address,
        friend: connector(&server, Some(&certificate), http2),
        stranger: connector(&server, None, http2),
        http2,
    };
    sidecar.scratch = Some(scratch);
    sidecar
}

fn connector(server: &Authority, shown: Option<&Identity>, http2: bool) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(server.certificate()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match shown {
        Some(it) => builder.with_client_auth_cert(vec![it.certificate.clone()], it.key_der()).unwrap(),
        None => builder.with_no_client_auth(),
    };
    if http2 {
        config.alpn_protocols = vec![b"h2".to_vec()];
    }
    TlsConnector::from(Arc::new(config))
}

/// Where a sidecar is reached.
#[derive(Clone)]
pub enum Entrance {
    Tcp(SocketAddr),
    Unix { friends: PathBuf, strangers: PathBuf },
    Tls { to: SocketAddr, friend: TlsConnector, stranger: TlsConnector, http2: bool },
    H2c(SocketAddr),
}

impl Entrance {
    /// Whether HTTP/2 is spoken here.
    pub fn speaks_http2(&self) -> bool {
        matches!(self, Self::H2c(_) | Self::Tls { http2: true, .. })
    }

    /// A connection from this peer.
    pub async fn connect(&self, from: &str) -> Box<dyn Connection> {
        match self {
            Self::Tcp(to) | Self::H2c(to) => Box::new(super::connect(from, *to).await),
            Self::Unix { friends, strangers } => {
                let path = if from == TRUSTED { friends } else { strangers };
                Box::new(UnixStream::connect(path).await.unwrap())
            }
            Self::Tls { to, friend, stranger, .. } => {
                let connector = if from == TRUSTED { friend } else { stranger };
                let name = ServerName::try_from("app.test").unwrap();
                Box::new(connector.connect(name, super::connect(from, *to).await).await.unwrap())
            }
        }
    }
}

/// What can be written to and read from.
pub trait Connection: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection for S {}

const INSTALLS: &str = "/pandium/install/";

impl Door {
    fn prefix(self) -> &'static str {
        match self {
            Self::Install => INSTALLS,
            Self::Link => "/pandium/link/",
            Self::Decision => "/pandium/decision/",
        }
    }

    /// The file with this route on.
    fn open(self, text: &str) -> String {
        let name = match self {
            Self::Install => return text.to_owned(),
            Self::Link => "link",
            Self::Decision => "decision",
        };
        assert!(!text.contains("\nroutes:"), "the file has routes of its own");
        format!("{text}routes: {{ {name}: {{ path: \"{}:integration\" }} }}\n", self.prefix())
    }

    /// An install's request, asked here.
    pub fn ask(self, request: &[u8]) -> Cow<'_, [u8]> {
        let line = request.iter().position(|&byte| byte == b'\n').unwrap_or(request.len());
        let at = request[..line].windows(INSTALLS.len()).position(|part| part == INSTALLS.as_bytes());
        match at {
            Some(at) if self != Self::Install => {
                let (before, after) = (&request[..at], &request[at + INSTALLS.len()..]);
                Cow::Owned([before, self.prefix().as_bytes(), after].concat())
            }
            _ => Cow::Borrowed(request),
        }
    }

    /// The answer to a request, as the install's would have been. What the parser itself refuses, and
    /// what is no route of ours, is the same at every door.
    pub fn told(self, request: &[u8], answer: Message) -> Message {
        let line = String::from_utf8_lossy(request.split(|&byte| byte == b'\r').next().unwrap_or_default());
        let target = line.split(' ').nth(1).unwrap_or_default();
        // In absolute form a scheme and a host stand before the path.
        let path = target.split_once("://").map_or(target, |(_, rest)| rest.trim_start_matches(|c| c != '/'));
        let ours = path.starts_with(self.prefix());
        let bare = answer.status() == 400 && answer.body.is_empty();
        match self {
            _ if !ours || bare || answer.status() == 431 => answer,
            Self::Install => answer,
            Self::Link => of_link(answer),
            Self::Decision => of_decision(&answer),
        }
    }
}

/// 200 with the address as JSON, or the install's own refusal.
fn of_link(answer: Message) -> Message {
    if answer.status() != 200 {
        return answer;
    }
    assert_eq!(answer.tokens(), 1, "{}", answer.text());
    assert!(answer.values("location").is_empty(), "{}", answer.head);
    let link: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    redirect(&answer, link["url"].as_str().unwrap())
}

/// 200 with both headers, or 401 or 403 with a code and neither.
fn of_decision(answer: &Message) -> Message {
    let (urls, tokens) = (answer.values("x-pandium-url"), answer.values("x-pandium-token"));
    assert!(answer.values("location").is_empty() && answer.values("allow").is_empty(), "{}", answer.head);
    if answer.status() == 200 {
        assert_eq!((urls.len(), tokens.len(), answer.tokens()), (1, 1, 2), "{}", answer.head);
        assert!(urls[0].ends_with(&format!("?tenant={}", tokens[0])), "{}", answer.head);
        assert!(answer.values("x-pandium-refusal").is_empty() && answer.body.is_empty(), "{}", answer.head);
        return redirect(answer, urls[0]);
    }
    let code = answer.code();
    assert!(urls.is_empty() && tokens.is_empty(), "{}", answer.head);
    assert_eq!(answer.status(), if code == "signed-out" { 401 } else { 403 }, "{}", answer.head);
    assert_eq!(answer.values("x-pandium-refusal"), [code.as_str()], "{}", answer.head);
    let usual = match code.as_str() {
        "signed-out" => 401,
        "prefetch" | "cross-site" | "untrusted-peer" | "incomplete-session" => 403,
        "unknown-integration" => 404,
        "token-too-large" => 500,
        "session-unavailable" => 502,
        "key-unavailable" => 503,
        _ => 400,
    };
    with_first_line(answer, &format!("HTTP/1.1 {usual} as of an install"), "")
}

fn redirect(answer: &Message, address: &str) -> Message {
    let mut redirect = with_first_line(answer, "HTTP/1.1 302 Found", &format!("location: {address}\r\n"));
    redirect.body = Vec::new();
    redirect
}

fn with_first_line(answer: &Message, line: &str, more: &str) -> Message {
    let kept =
        answer.head.lines().skip(1).filter(|line| !line.to_ascii_lowercase().starts_with("x-pandium-"));
    let kept: String = kept.flat_map(|line| [line, "\r\n"]).collect();
    Message { head: format!("{line}\r\n{more}{kept}"), ..answer.clone() }
}
