//! A sidecar over real sockets on loopback, an app that records what it sees, and a client that sends
//! bytes as they are, from any loopback address.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

use pandium_sidecar::app::{self, Running};
use pandium_sidecar::config;
use pandium_sidecar::server::listener::Bound;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// Whoever the fixture believes.
pub const TRUSTED: &str = "127.0.0.2";
/// Anybody else.
pub const STRANGER: &str = "127.0.0.3";

/// An app that records the head and the body of every request, and answers 200.
pub struct App {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

#[derive(Clone, Debug)]
pub struct Seen {
    pub head: String,
    pub body: Vec<u8>,
}

impl Seen {
    pub fn request_line(&self) -> &str {
        self.head.lines().next().unwrap()
    }

    /// The values of a header, by its name in any case.
    pub fn values(&self, name: &str) -> Vec<&str> {
        values(&self.head, name)
    }
}

fn values<'h>(head: &'h str, name: &str) -> Vec<&'h str> {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .filter(|(own, _)| own.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
        .collect()
}

impl App {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::default();
        let record = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer_all(stream, Arc::clone(&record)));
            }
        });
        Self { address, seen }
    }

    /// What it has seen so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// What it saw last.
    pub fn last(&self) -> Seen {
        self.seen().pop().expect("the app saw no request")
    }
}

async fn answer_all(mut stream: TcpStream, record: Arc<Mutex<Vec<Seen>>>) {
    let mut buffer = Vec::new();
    while let Some(message) = read_message(&mut stream, &mut buffer, false).await {
        record.lock().unwrap().push(Seen { head: message.head, body: message.body });
        let answer = "HTTP/1.1 200 OK\r\nX-App: here\r\nContent-Length: 2\r\n\r\nok";
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// An HTTP/1.1 message, read as a plain reader would.
#[derive(Clone, Debug)]
pub struct Message {
    pub head: String,
    pub body: Vec<u8>,
}

impl Message {
    pub fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    pub fn values(&self, name: &str) -> Vec<&str> {
        values(&self.head, name)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The refusal's code, where the answer is a problem.
    pub fn code(&self) -> String {
        let problem: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        problem["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Whether anything in it looks like a token.
    pub fn has_token(&self) -> bool {
        self.head.contains("eyJ") || self.text().contains("eyJ")
    }
}

/// Reads a message; `to_end` where a body without a length ends with the connection.
async fn read_message(stream: &mut TcpStream, buffer: &mut Vec<u8>, to_end: bool) -> Option<Message> {
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if !more(stream, buffer).await {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&buffer.drain(..end).collect::<Vec<_>>()).into_owned();
    let length = values(&head, "content-length").first().and_then(|length| length.parse::<usize>().ok());
    let body = if values(&head, "transfer-encoding").iter().any(|coding| coding.contains("chunked")) {
        read_chunks(stream, buffer).await
    } else if let Some(length) = length {
        while buffer.len() < length && more(stream, buffer).await {}
        buffer.drain(..length.min(buffer.len())).collect()
    } else {
        while to_end && more(stream, buffer).await {}
        if to_end { std::mem::take(buffer) } else { Vec::new() }
    };
    Some(Message { head, body })
}

/// The chunks as they stand, trailers included.
async fn read_chunks(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Vec<u8> {
    loop {
        let last = buffer.windows(3).position(|three| three == b"0\r\n").filter(|at| *at == 0 || buffer[at - 1] == b'\n');
        if last.is_some() && buffer.ends_with(b"\r\n\r\n") {
            return std::mem::take(buffer);
        }
        if !more(stream, buffer).await {
            return std::mem::take(buffer);
        }
    }
}

async fn more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> bool {
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_buf(buffer)).await;
    matches!(read, Ok(Ok(n)) if n > 0)
}

/// The fixture of the immunity tests: one trusted peer, three fields, two integrations.
pub fn fixture(app: SocketAddr) -> String {
    format!(
        r#"
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
"#
    )
}

/// The fixture's key.
pub const SECRET: &str = "canary-key-0123456789abcdef0123456789abcdef";

/// A sidecar, serving.
pub struct Sidecar {
    pub address: SocketAddr,
    running: Running,
}

impl Sidecar {
    pub async fn start(text: &str) -> Self {
        let env = |name: &str| (name == "FIXTURE_SECRET").then(|| SECRET.to_owned());
        let loaded = config::load_text("test.yaml", text, &config::Options { env: &env, without_secrets: false });
        let loaded = loaded.unwrap_or_else(|invalid| panic!("{invalid}"));
        let running = app::start(loaded.config).await.unwrap();
        let Bound::Tcp(address) = running.bound[0] else { panic!("not on TCP") };
        Self { address, running }
    }

    pub async fn stop(self) {
        self.running.end().await;
    }

    /// Sends bytes from a peer, and reads one answer.
    pub async fn send(&self, from: &str, bytes: impl AsRef<[u8]>) -> Message {
        self.try_send(from, bytes).await.expect("no answer")
    }

    /// The same; none where the connection ends without one.
    pub async fn try_send(&self, from: &str, bytes: impl AsRef<[u8]>) -> Option<Message> {
        let mut stream = connect(from, self.address).await;
        stream.write_all(bytes.as_ref()).await.ok()?;
        read_message(&mut stream, &mut Vec::new(), true).await
    }

    /// `GET path` with these header lines, from a peer.
    pub async fn get(&self, from: &str, path: &str, lines: &[&str]) -> Message {
        self.send(from, request("GET", path, lines)).await
    }

    /// The install request, with these header lines.
    pub async fn install(&self, from: &str, lines: &[&str]) -> Message {
        self.get(from, "/pandium/install/gwt2hs", lines).await
    }
}

/// The bytes of a request without a body.
pub fn request(method: &str, path: &str, lines: &[&str]) -> Vec<u8> {
    let mut bytes = format!("{method} {path} HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n").into_bytes();
    if lines.iter().any(|line| line.to_ascii_lowercase().starts_with("connection:")) {
        bytes = format!("{method} {path} HTTP/1.1\r\nHost: app.test\r\n").into_bytes();
    }
    for line in lines {
        bytes.extend_from_slice(line.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

/// A connection from a loopback address of one's choice.
pub async fn connect(from: &str, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(from.parse::<IpAddr>().unwrap(), 0)).unwrap();
    socket.connect(to).await.unwrap()
}

/// The claims of the token in an answer's `Location`, verified with the fixture's key.
pub fn claims(answer: &Message) -> serde_json::Value {
    let location = answer.values("location");
    let token = location[0].split("tenant=").nth(1).unwrap().split('&').next().unwrap();
    let secret = pandium_sidecar::redact::Secret::new(SECRET.as_bytes().to_vec());
    pandium_sidecar::token::verify(token, &secret).unwrap()
}
