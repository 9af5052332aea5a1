//! A listener that speaks TLS.

use crate::harness::certs::{Authority, Identity};
use crate::harness::child::{Scratch, Serving};
use crate::harness::{
    App, INSTALL, Message, Reader, SECRET, STRANGER, Sidecar, TRUSTED, assert_minted, assert_refused,
    changed, connect, fixture, request,
};
use crate::server::client;
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConnection, SupportedProtocolVersion};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const BOTH: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// A listener's certificate, and what it takes to be believed by one.
struct Room {
    ours: Authority,
    clients: Authority,
    scratch: Scratch,
}

impl Room {
    fn new(name: &str) -> Self {
        let (ours, clients, scratch) =
            (Authority::new("ours"), Authority::new("clients"), Scratch::new(name));
        let identity = ours.issue(&["edge.test"]);
        scratch.write("cert.pem", identity.pem());
        scratch.write("key.pem", identity.key_pem());
        scratch.write("ca.pem", clients.pem());
        Self { ours, clients, scratch }
    }

    /// The fixture behind TLS.
    fn text(&self, app: SocketAddr, changes: &[(&str, &str)]) -> String {
        let tls = "listen: { address: \"127.0.0.1:0\", tls: { cert: DIR/cert.pem, key: DIR/key.pem } }";
        let text = changed(&fixture(app), &[("listen: 127.0.0.1:0", tls)]);
        let dir = self.scratch.path("");
        changed(&text, changes).replace("DIR", dir.to_str().unwrap().trim_end_matches('/'))
    }

    /// The same, with this for trust.
    fn trusting(&self, app: SocketAddr, trust: &str) -> String {
        let asking = ("key: DIR/key.pem", "key: DIR/key.pem, client_ca: DIR/ca.pem");
        self.text(app, &[asking, ("trust: { peers: 127.0.0.2 }", &format!("trust: {{ {trust} }}"))])
    }

    fn connector(&self, shown: Option<&Identity>) -> TlsConnector {
        client(&self.ours, shown, &BOTH, &["http/1.1"])
    }
}

type Encrypted = Reader<TlsStream<TcpStream>>;

async fn enter(from: &str, to: SocketAddr, connector: &TlsConnector) -> std::io::Result<Encrypted> {
    let name = ServerName::try_from("edge.test").unwrap();
    Ok(Reader::new(connector.connect(name, connect(from, to).await).await?))
}

async fn ask(visitor: &mut Encrypted, bytes: &[u8]) -> Message {
    visitor.stream().write_all(bytes).await.unwrap();
    visitor.stream().flush().await.unwrap();
    visitor.answer().await.expect("no answer")
}

#[tokio::test]
async fn what_comes_by_tls_is_answered_as_any_other() {
    let room = Room::new("served");
    let app = App::start().await;
    let sidecar = Sidecar::start(&room.text(app.address, &[])).await;
    for version in BOTH {
        let connector = client(&room.ours, None, &[version], &[]);
        let mut visitor = enter(TRUSTED, sidecar.address, &connector).await.unwrap();
        for _ in 0..3 {
            assert_eq!(ask(&mut visitor, &request("GET", "/any", &[])).await.status(), 200);
            let seen = app.last();
            assert_eq!(seen.values("x-forwarded-proto"), ["https"]);
            assert_eq!(seen.values("x-forwarded-host"), ["app.test"]);
            assert_minted(
                &ask(&mut visitor, &request("GET", INSTALL, &["X-Tenant-Id: 42"])).await,
                "trusted",
            );
        }
        let mut stranger = enter(STRANGER, sidecar.address, &connector).await.unwrap();
        let lines = ["X-Tenant-Id: 42", "X-Forwarded-Proto: http", "X-Forwarded-Port: 80"];
        let refused = ask(&mut stranger, &request("GET", INSTALL, &lines)).await;
        assert_refused(&refused, 403, "untrusted-peer", "a stranger");
        ask(&mut stranger, &request("GET", "/", &lines)).await;
        let seen = app.last();
        assert_eq!(
            (seen.values("x-forwarded-proto"), seen.values("x-forwarded-port")),
            (vec!["https"], vec!["443"])
        );
    }
}

/// Many records each way.
#[tokio::test]
async fn large_bodies_come_through_whole() {
    let echo = |asked: &Message| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", asked.body.len());
        Some([head.as_bytes(), &asked.body].concat())
    };
    let room = Room::new("served-large");
    let app = App::answering(echo).await;
    let sidecar = Sidecar::start(&room.text(app.address, &[])).await;
    let mut visitor = enter(STRANGER, sidecar.address, &room.connector(None)).await.unwrap();
    let body: Vec<u8> = (0..3_000_000_u32).map(|n| u8::try_from(n * 31 % 251).unwrap()).collect();
    let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
    let answer = ask(&mut visitor, &[head.as_bytes(), &body].concat()).await;
    assert!(answer.status() == 200 && answer.whole && answer.body == body);
}

#[tokio::test]
async fn a_certificate_is_believed_by_its_name_and_no_header() {
    let room = Room::new("served-certificate");
    let app = App::start().await;
    let uri = "spiffe://cluster.local/ns/edge/sa/nginx";
    let trust = format!("client_cert: {{ san: [edge.internal, \"{uri}\"] }}");
    let sidecar = Sidecar::start(&room.trusting(app.address, &trust)).await;
    let right = room.clients.issue(&["edge.internal"]);
    let by_uri = room.clients.issue_with(&[], |params| {
        params.subject_alt_names.push(rcgen::SanType::URI(uri.try_into().unwrap()));
    });
    let wrong = room.clients.issue(&["other.internal", "127.0.0.2"]);
    let claims = format!("X-Forwarded-Client-Cert: URI={uri};DNS=edge.internal");
    for (shown, believed) in
        [(Some(&right), true), (Some(&by_uri), true), (Some(&wrong), false), (None, false)]
    {
        let mut visitor = enter(TRUSTED, sidecar.address, &room.connector(shown)).await.unwrap();
        for _ in 0..2 {
            let answer = ask(&mut visitor, &request("GET", INSTALL, &["X-Tenant-Id: 42", &claims])).await;
            if believed {
                assert_minted(&answer, "believed");
            } else {
                assert_refused(&answer, 403, "untrusted-peer", "not believed");
            }
        }
        // What passes keeps its identity headers, or loses them.
        assert_eq!(ask(&mut visitor, &request("GET", "/", &["X-Tenant-Id: 42"])).await.status(), 200);
        assert_eq!(app.last().values("x-tenant-id").len(), usize::from(believed));
    }
    for stranger in [room.ours.issue(&["edge.internal"]), Authority::new("clients").issue(&["edge.internal"])]
    {
        let count = app.count();
        let entered = enter(TRUSTED, sidecar.address, &room.connector(Some(&stranger))).await;
        // By TLS 1.3 a client learns of its refusal behind the handshake.
        if let Ok(mut visitor) = entered {
            let _ = visitor.stream().write_all(&request("GET", "/", &[])).await;
            assert!(visitor.answer().await.is_none());
        }
        assert_eq!(app.count(), count);
    }
}

#[tokio::test]
async fn all_that_is_asked_for_must_hold() {
    let room = Room::new("served-all");
    let app = App::start().await;
    let trust = "peers: 127.0.0.2, client_cert: { san: edge.internal }";
    let sidecar = Sidecar::start(&room.trusting(app.address, trust)).await;
    let right = room.clients.issue(&["edge.internal"]);
    for (from, shown, believed) in [
        (TRUSTED, Some(&right), true),
        (TRUSTED, None, false),
        (STRANGER, Some(&right), false),
        (STRANGER, None, false),
    ] {
        let mut visitor = enter(from, sidecar.address, &room.connector(shown)).await.unwrap();
        let answer = ask(&mut visitor, &request("GET", INSTALL, &["X-Tenant-Id: 42"])).await;
        assert_eq!(answer.status(), if believed { 302 } else { 403 }, "{from} {}", shown.is_some());
    }
}

/// Whoever does not shake hands is let go in time, and nobody waits for them.
#[tokio::test]
async fn a_handshake_that_never_ends_is_ended() {
    let room = Room::new("served-late");
    let app = App::start().await;
    let text = room.text(app.address, &[("log:", "timeouts: { tls: 300ms }\nlog:")]);
    let sidecar = Sidecar::start(&text).await;
    let mut hello = ClientConnection::new(Arc::clone(room.connector(None).config()), name()).unwrap();
    let mut begun = Vec::new();
    hello.write_tls(&mut begun).unwrap();
    let mut waiting = Vec::new();
    for said in [&b""[..], &begun[..5], &begun[..begun.len() - 1], &begun] {
        let mut silent = connect(STRANGER, sidecar.address).await;
        silent.write_all(said).await.unwrap();
        waiting.push(silent);
    }
    let mut visitor = enter(STRANGER, sidecar.address, &room.connector(None)).await.unwrap();
    assert_eq!(ask(&mut visitor, &request("GET", "/", &[])).await.status(), 200);
    for mut silent in waiting {
        // Its end; what came before is the server's part of the handshake at most.
        let mut said = Vec::new();
        let _ = tokio::time::timeout(std::time::Duration::from_secs(20), silent.read_to_end(&mut said))
            .await
            .expect("it was not let go");
        assert!(!String::from_utf8_lossy(&said).contains("HTTP/1.1"));
    }
    assert_eq!(ask(&mut visitor, &request("GET", "/", &[])).await.status(), 200, "others are served on");
}

fn name() -> ServerName<'static> {
    ServerName::try_from("edge.test").unwrap()
}

#[tokio::test]
async fn what_is_no_handshake_costs_a_line_of_the_finest_log() {
    let room = Room::new("served-plain");
    let app = App::start().await;
    let config = room
        .scratch
        .write("config.yaml", changed(&room.text(app.address, &[]), &[("level: trace", "level: debug")]));
    let mut serving = Serving::start(&config, &[], &[("FIXTURE_SECRET", SECRET)]);
    let address = serving.address();
    for said in [&b"GET /kanarie HTTP/1.1\r\nHost: a\r\n\r\n"[..], b"\x16\x03\x01\xff\xff\xff", b"\0"] {
        let mut stream = connect(STRANGER, address).await;
        stream.write_all(said).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(!String::from_utf8_lossy(&answer).contains("HTTP/1.1"), "an answer in the clear");
    }
    let line = serving.line(&["no TLS handshake"]);
    assert!(line.contains("DEBUG") && line.contains("127.0.0.3"), "{line}");
    serving.terminate();
    let ended = serving.end();
    assert!(!ended.all().contains("WARN") && !ended.all().contains("kanarie"), "{}", ended.all());
    assert_eq!((ended.code, app.connections()), (Some(0), 0));
}

/// What comes in one piece with the end of the handshake has no news on the socket.
#[tokio::test]
async fn a_request_may_ride_on_the_handshake() {
    let room = Room::new("served-early");
    let app = App::start().await;
    let sidecar = Sidecar::start(&room.text(app.address, &[])).await;
    for (version, count) in BOTH.into_iter().zip(1..) {
        let connector = client(&room.ours, None, &[version], &[]);
        let mut tls = ClientConnection::new(Arc::clone(connector.config()), name()).unwrap();
        let mut stream = connect(STRANGER, sidecar.address).await;
        let mut told = [0; 4096];
        while tls.is_handshaking() {
            let mut out = Vec::new();
            while tls.wants_write() {
                tls.write_tls(&mut out).unwrap();
            }
            stream.write_all(&out).await.unwrap();
            let length = stream.read(&mut told).await.unwrap();
            let mut piece = &told[..length];
            while !piece.is_empty() {
                tls.read_tls(&mut piece).unwrap();
                tls.process_new_packets().unwrap();
            }
        }
        std::io::Write::write_all(&mut tls.writer(), &request("GET", "/early", &["Connection: close"]))
            .unwrap();
        let mut out = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut out).unwrap();
        }
        stream.write_all(&out).await.unwrap();
        let mut answer = Vec::new();
        tokio::time::timeout(std::time::Duration::from_secs(20), stream.read_to_end(&mut answer))
            .await
            .expect("no answer")
            .unwrap();
        assert_eq!(app.count(), count, "it waited for more");
    }
}

/// A connection at rest is put aside, and taken up with its next byte.
#[tokio::test]
async fn a_connection_at_rest_goes_on_where_it_was() {
    let room = Room::new("served-rest");
    let app = App::start().await;
    let timeouts = ("log:", "timeouts: { header: 400ms, idle: 60s }\nlog:");
    let sidecar = Sidecar::start(&room.text(app.address, &[timeouts])).await;
    let mut visitor = enter(STRANGER, sidecar.address, &room.connector(None)).await.unwrap();
    for n in 1..=3 {
        assert_eq!(ask(&mut visitor, &request("GET", "/", &[])).await.status(), 200);
        // Another one's half-sent head runs out of time after the first has come to rest.
        let mut half = enter(STRANGER, sidecar.address, &room.connector(None)).await.unwrap();
        half.stream().write_all(b"GET / HTTP/1.1\r\nHost").await.unwrap();
        assert!(half.ends().await);
        assert_eq!(app.count(), n);
    }
}

/// A record that comes byte by byte is no request, and wins no time.
#[tokio::test]
async fn a_record_in_crumbs_keeps_nothing_open() {
    let room = Room::new("served-crumbs");
    let app = App::start().await;
    let timeouts = ("log:", "timeouts: { header: 400ms, idle: 400ms }\nlog:");
    let sidecar = Sidecar::start(&room.text(app.address, &[timeouts])).await;
    let mut visitor = enter(STRANGER, sidecar.address, &room.connector(None)).await.unwrap();
    assert_eq!(ask(&mut visitor, &request("GET", "/", &[])).await.status(), 200);
    let (stream, _) = visitor.stream().get_mut();
    // The frame of a record of 16 KiB, and then a crumb at a time.
    stream.write_all(b"\x17\x03\x03\x40\x00").await.unwrap();
    let mut pace = tokio::time::interval(std::time::Duration::from_millis(50));
    let closed = async {
        loop {
            pace.tick().await;
            if stream.write_all(b"x").await.is_err() {
                return;
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(15), closed).await.expect("it is kept open");
}

#[tokio::test]
async fn one_connection_too_many_is_told_so() {
    let room = Room::new("served-many");
    let app = App::start().await;
    let sidecar =
        Sidecar::start(&room.text(app.address, &[("log:", "limits: { connections: 1 }\nlog:")])).await;
    let mut kept = enter(STRANGER, sidecar.address, &room.connector(None)).await.unwrap();
    assert_eq!(ask(&mut kept, &request("GET", "/", &[])).await.status(), 200);
    let mut one_more = enter(STRANGER, sidecar.address, &room.connector(None)).await.unwrap();
    let answer = one_more.answer().await.unwrap();
    assert_eq!((answer.status(), answer.values("retry-after")), (503, vec!["1"]));
    assert!(one_more.ends().await);
}

/// A WebSocket is bytes both ways, each side encrypted on its own.
#[tokio::test]
async fn an_upgrade_is_tunnelled_from_tls_to_tls() {
    let room = Room::new("served-tunnel");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = room.ours.issue(&["localhost"]).acceptor();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut app = Reader::new(acceptor.accept(stream).await.unwrap());
        app.head().await.unwrap();
        let said =
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello";
        app.stream().write_all(said).await.unwrap();
        app.stream().flush().await.unwrap();
        let mut echo = [0; 1024];
        while let Ok(count @ 1..) = app.stream().read(&mut echo).await {
            app.stream().write_all(&echo[..count]).await.unwrap();
            app.stream().flush().await.unwrap();
        }
        app.stream().shutdown().await.unwrap();
    });
    room.scratch.write("app-ca.pem", room.ours.pem());
    let upstream =
        format!("upstream: {{ url: \"https://localhost:{}\", ca_file: DIR/app-ca.pem }}", address.port());
    let text = room.text(address, &[(&format!("upstream: http://{address}"), &upstream)]);
    let sidecar = Sidecar::start(&text).await;
    let mut visitor = enter(STRANGER, sidecar.address, &room.connector(None)).await.unwrap();
    let lines = ["Connection: Upgrade", "Upgrade: websocket"];
    visitor.stream().write_all(&request("GET", "/ws", &lines)).await.unwrap();
    assert!(visitor.head().await.unwrap().starts_with("HTTP/1.1 101"));
    let mut heard = Vec::new();
    assert!(visitor.exactly(5, &mut heard).await);
    let sent: Vec<u8> = (0..200_000_u32).map(|n| u8::try_from(n % 253).unwrap()).collect();
    for piece in sent.chunks(1000) {
        visitor.stream().write_all(piece).await.unwrap();
        assert!(visitor.exactly(piece.len(), &mut heard).await);
    }
    visitor.stream().shutdown().await.unwrap();
    assert!(visitor.ends().await);
    assert!(heard[..5] == *b"hello" && heard[5..] == sent);
}
