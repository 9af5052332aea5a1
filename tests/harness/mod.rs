//! A sidecar over real sockets on loopback, an app that records what it sees, and a client that sends
//! bytes as they are, from any loopback address.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use pandium_sidecar::app as program;
use pandium_sidecar::config;
use pandium_sidecar::server::listener::Bound;
use pandium_sidecar::server::status::Standing;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use way::{Connection, Door, Entrance};

pub mod app;
pub mod certs;
pub mod child;
pub mod http2;
pub mod message;
pub mod script;
pub mod streams;
pub mod way;

pub use app::App;
use child::Scratch;
pub use message::{Message, Reader};

/// Whoever the fixture believes.
pub const TRUSTED: &str = "127.0.0.2";
/// Anybody else.
pub const STRANGER: &str = "127.0.0.3";

/// The fixture of the immunity tests: one trusted peer, three fields, two integrations.
pub fn fixture(app: SocketAddr) -> String {
    format!(
        r"
version: 1
listen: 127.0.0.1:0
admin: off
upstream: http://{app}
trust: {{ peers: {TRUSTED} }}
pandium:
  account: acme
  environment: sandbox
  secret: {{ env: FIXTURE_SECRET }}
session:
  from: headers
  fields:
    tenant_id: X-Tenant-Id
    user_email: {{ header: X-User-Email, optional: true }}
    groups: {{ header: X-User-Groups, type: list, default: [] }}
claims:
  sub: ${{session.tenant_id}}
  ti:
    uem: ${{session.user_email}}
    ili: ${{session.groups}}
    xti:
      connector_name: ${{integration.connector_name}}
      integration_name: ${{integration.integration_name}}
integrations:
  gwt2hs: {{ id: 1121, connector_name: gwt }}
  acme-crm: {{ id: 1122, connector_name: crm }}
log: {{ access: true, level: trace }}
"
    )
}

/// The fixture's key.
pub const SECRET: &str = "canary-key-0123456789abcdef0123456789abcdef";

/// The key of a second account.
pub const OTHER_SECRET: &str = "canary-other-fedcba9876543210fedcba9876543210";

/// Reads a configuration that knows the fixture's key.
pub fn load(text: &str) -> Result<config::Loaded, config::Invalid> {
    let env = |name: &str| match name {
        "FIXTURE_SECRET" => Some(SECRET.to_owned()),
        "OTHER_SECRET" => Some(OTHER_SECRET.to_owned()),
        _ => None,
    };
    config::load_text("test.yaml", text, &config::Options { env: &env, without_secrets: false, listen: None })
}

/// A fixture with some of its text replaced.
pub fn changed(text: &str, changes: &[(&str, &str)]) -> String {
    changes.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "the fixture has no `{from}`");
        text.replace(from, to)
    })
}

/// An app, and a sidecar of the fixture in front of it.
pub async fn pair() -> (App, Sidecar) {
    pair_with(&[]).await
}

/// The same with some of the fixture's text replaced.
pub async fn pair_with(changes: &[(&str, &str)]) -> (App, Sidecar) {
    let app = App::start().await;
    let sidecar = Sidecar::start(&changed(&fixture(app.address), changes)).await;
    (app, sidecar)
}

/// A sidecar, serving.
pub struct Sidecar {
    pub address: SocketAddr,
    to: Entrance,
    door: Door,
    running: Vec<program::Running>,
    scratch: Option<Scratch>,
}

impl Sidecar {
    pub async fn start(text: &str) -> Self {
        let running = Self::start_anywhere(text).await;
        let Bound::Tcp(address) = running.bound[0] else { panic!("not on TCP") };
        let to = Entrance::Tcp(address);
        Self { address, to, door: Door::Install, running: vec![running], scratch: None }
    }

    /// One that somebody else has started.
    pub fn at(address: SocketAddr) -> Self {
        Self { address, to: Entrance::Tcp(address), door: Door::Install, running: Vec::new(), scratch: None }
    }

    /// A program that need not listen on TCP.
    pub async fn start_anywhere(text: &str) -> program::Running {
        let loaded = load(text).unwrap_or_else(|invalid| panic!("{invalid}"));
        program::start(loaded.config, program::default_workers()).await.unwrap()
    }

    /// Serves by another configuration from now on.
    pub async fn adopt(&mut self, text: &str) {
        let loaded = load(text).unwrap_or_else(|invalid| panic!("{invalid}"));
        self.running[0].adopt(loaded.config).await;
    }

    /// What the operator is told.
    pub fn standing(&self) -> Standing {
        self.running[0].status.now()
    }

    /// Where the operator is.
    pub fn admin(&self) -> SocketAddr {
        let Some(Bound::Tcp(address)) = &self.running[0].admin else { panic!("no admin listener on TCP") };
        *address
    }

    /// A connection from a peer, kept as long as it can be.
    pub fn visitor(&self, from: &str) -> Visitor {
        Visitor { from: from.to_owned(), to: self.to.clone(), door: self.door, kept: None }
    }

    /// A connection from a peer, of which nothing is known.
    pub async fn connect(&self, from: &str) -> Box<dyn Connection> {
        self.to.connect(from).await
    }

    /// Sends bytes from a peer, and reads one answer.
    pub async fn send(&self, from: &str, bytes: impl AsRef<[u8]>) -> Message {
        self.visitor(from).send(bytes).await
    }

    /// `GET path` with these header lines, from a peer.
    pub async fn get(&self, from: &str, path: &str, lines: &[&str]) -> Message {
        self.send(from, request("GET", path, lines)).await
    }

    /// The install request, with these header lines.
    pub async fn install(&self, from: &str, lines: &[&str]) -> Message {
        self.get(from, INSTALL, lines).await
    }
}

/// The way to Pandium.
pub const INSTALL: &str = "/pandium/install/gwt2hs";

/// A connection, in the words that are spoken on it.
enum Kept {
    Http1(Reader<Box<dyn Connection>>),
    Http2(http2::Client<Box<dyn Connection>>),
}

/// A client that sends one request after the other.
pub struct Visitor {
    from: String,
    to: Entrance,
    door: Door,
    kept: Option<Kept>,
}

impl Visitor {
    /// One from this peer, to a program at this address.
    pub fn at(from: &str, address: SocketAddr) -> Self {
        Self { from: from.to_owned(), to: Entrance::Tcp(address), door: Door::Install, kept: None }
    }

    /// Connects before there is anything to send.
    pub async fn connect(&mut self) {
        let connection = self.to.connect(&self.from).await;
        self.kept = Some(if self.to.speaks_http2() {
            Kept::Http2(http2::Client::new(connection).await)
        } else {
            Kept::Http1(Reader::new(connection))
        });
    }

    /// Sends bytes, and reads one answer.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> Message {
        self.try_send(bytes).await.expect("no answer")
    }

    /// The same; none where the connection ends without one.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> Option<Message> {
        let bytes = &*self.door.ask(bytes.as_ref());
        if self.kept.is_none() {
            self.connect().await;
        }
        let mut kept = self.kept.take()?;
        let answer = match &mut kept {
            Kept::Http1(reader) => {
                reader.stream().write_all(bytes).await.ok()?;
                let bare = bytes.starts_with(b"HEAD ");
                if bare { reader.bare_answer().await? } else { reader.answer().await? }
            }
            Kept::Http2(client) => client.converse(bytes).await?,
        };
        let close = answer.values("connection").iter().any(|option| option.eq_ignore_ascii_case("close"));
        self.kept = (!close).then_some(kept);
        Some(self.door.told(bytes, answer))
    }

    /// Whether the next request can go over the same connection, by the last answer's word.
    pub fn is_connected(&self) -> bool {
        self.kept.is_some()
    }

    /// Whether the other end closes the connection, with nothing more to say.
    pub async fn hung_up(&mut self) -> bool {
        match &mut self.kept {
            Some(Kept::Http1(reader)) => reader.ends().await,
            Some(Kept::Http2(client)) => client.frame().await.is_none(),
            None => true,
        }
    }

    /// `GET path` with these header lines.
    pub async fn get(&mut self, path: &str, lines: &[&str]) -> Message {
        self.send(request("GET", path, lines)).await
    }

    /// The install request, with these header lines.
    pub async fn install(&mut self, lines: &[&str]) -> Message {
        self.get(INSTALL, lines).await
    }
}

/// A refusal with this code, and without a token.
#[track_caller]
pub fn assert_refused(answer: &Message, status: u16, code: &str, case: &str) {
    assert_eq!((answer.status(), answer.code().as_str()), (status, code), "{case}\n{}", answer.head);
    assert!(!answer.resembles_token(), "{case}");
    assert!(answer.values("location").is_empty(), "{case}");
}

/// A redirect of ours, with exactly one token.
#[track_caller]
pub fn assert_minted(answer: &Message, case: &str) {
    assert_eq!(answer.status(), 302, "{case}\n{}", answer.text());
    assert_eq!(answer.tokens(), 1, "{case}");
    let location = answer.values("location");
    assert_eq!(location.len(), 1, "{case}");
    assert!(location[0].starts_with("https://imp.sandbox.pandium.com/acme/tenants/create/"), "{case}");
}

/// The bytes of a request without a body.
pub fn request(method: &str, path: &str, lines: &[&str]) -> Vec<u8> {
    format!("{method} {path} HTTP/1.1\r\nHost: app.test\r\n{}\r\n", joined(lines)).into_bytes()
}

/// Header lines as they stand on the wire.
pub fn joined(lines: &[&str]) -> String {
    lines.iter().flat_map(|line| [*line, "\r\n"]).collect()
}

/// An address at which nobody listens; nor can anybody else, as long as the socket is kept.
pub fn nobody() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0)).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// A connection from a loopback address of one's choice.
pub async fn connect(from: &str, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(from.parse::<IpAddr>().unwrap(), 0)).unwrap();
    let stream = socket.connect(to).await.unwrap();
    // HTTP/2 says small things in between, which nobody acknowledges at once.
    stream.set_nodelay(true).unwrap();
    stream
}

/// The claims of the token in an answer's `Location`, verified with the fixture's key.
pub fn claims(answer: &Message) -> serde_json::Value {
    assert_eq!(answer.status(), 302, "{}", answer.head);
    claims_under(SECRET, answer).expect("another key")
}

/// The same, where the token is signed with this key.
pub fn claims_under(secret: &str, answer: &Message) -> Option<serde_json::Value> {
    let location = answer.values("location");
    let token = location[0].split("tenant=").nth(1).unwrap().split('&').next().unwrap();
    let secret = pandium_sidecar::redact::Secret::new(secret.as_bytes().to_vec());
    pandium_sidecar::token::verify(token, &secret).ok()
}
