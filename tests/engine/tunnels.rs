//! WebSocket and what resembles it: a tunnel begins with the app's own 101 to a visitor who asked for
//! it, and in no other way.

use crate::harness::child::{Scratch, Serving};
use crate::harness::script::{Call, Scripted, Step, ok, say, until};
use crate::harness::{Reader, SECRET, STRANGER, TRUSTED, changed, connect, fixture, request};
use crate::kit::{Wrong, ask, gist, playing};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                      Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// What a browser says.
const HANDSHAKE: &[&str] = &[
    "Connection: keep-alive, Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

/// An app that switches at `/ws`, and says back what it hears.
fn switching(call: &Call) -> Vec<Step> {
    match call.path() {
        "/ws" => vec![say(SWITCH), Step::Echo(b"bye".to_vec())],
        path => vec![Step::Body, ok(path)],
    }
}

async fn opened(to: SocketAddr) -> Reader<TcpStream> {
    let mut reader = Reader::new(connect(STRANGER, to).await);
    reader.stream().write_all(&request("GET", "/ws", HANDSHAKE)).await.unwrap();
    let head = reader.head().await.unwrap();
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    reader
}

/// Sends bytes into a tunnel to an echo, and waits for them to come back.
async fn echoed(reader: &mut Reader<TcpStream>, bytes: &[u8]) {
    reader.stream().write_all(bytes).await.unwrap();
    let mut back = Vec::new();
    assert!(reader.exactly(bytes.len(), &mut back).await, "the tunnel ended");
    assert!(back == bytes, "other bytes came back");
}

#[tokio::test]
async fn bytes_pass_both_ways_as_they_are() {
    let (app, sidecar) = playing("", switching).await;
    let mut reader = opened(sidecar.address).await;
    let seen = app.last();
    assert_eq!(seen.values("upgrade"), ["websocket"]);
    assert!(seen.values("connection")[0].eq_ignore_ascii_case("upgrade"), "{}", seen.head);
    assert_eq!(seen.values("sec-websocket-key"), ["dGhlIHNhbXBsZSBub25jZQ=="]);
    assert_eq!(seen.values("x-forwarded-for"), [STRANGER]);
    let all: Vec<u8> = (0..=255).collect();
    for bytes in [&b"hello"[..], b"\0", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\r\n\r\n", &all] {
        echoed(&mut reader, bytes).await;
    }
    // Who has said all still hears the rest.
    reader.stream().shutdown().await.unwrap();
    let mut last = Vec::new();
    assert!(reader.exactly(3, &mut last).await && last == b"bye");
    assert!(reader.ends().await);
    until("the app is let go", || app.open() == 0).await;
    assert_eq!(app.calls().len(), 1, "what is in a tunnel is no request");
}

#[tokio::test]
async fn much_passes_both_ways_at_once() {
    let (_app, sidecar) = playing("", switching).await;
    let bytes: Vec<u8> = (0..8_000_000_u32).map(|n| u8::try_from(n * 31 / 7 % 251).unwrap()).collect();
    let (reading, mut writing) = connect(STRANGER, sidecar.address).await.into_split();
    let sent = bytes.clone();
    let writes = tokio::spawn(async move {
        writing.write_all(&request("GET", "/ws", HANDSHAKE)).await?;
        writing.write_all(&sent).await?;
        std::io::Result::Ok(writing)
    });
    let mut reader = Reader::new(reading);
    assert!(reader.head().await.unwrap().starts_with("HTTP/1.1 101"));
    let mut back = Vec::new();
    assert!(reader.exactly(bytes.len(), &mut back).await && back == bytes);
    drop(writes.await.unwrap().unwrap());
}

/// Bytes that come with the request or with the 101 are the first in the tunnel.
#[tokio::test]
async fn what_comes_early_is_not_lost() {
    let (_app, sidecar) = playing("", |call| match call.path() {
        "/ws" => vec![say(format!("{SWITCH}hello from the app ")), Step::Echo(Vec::new())],
        path => vec![ok(path)],
    })
    .await;
    let mut reader = Reader::new(connect(STRANGER, sidecar.address).await);
    let early = [request("GET", "/ws", HANDSHAKE), b"GET /early HTTP/1.1\r\n\r\n".to_vec()].concat();
    reader.stream().write_all(&early).await.unwrap();
    assert!(reader.head().await.unwrap().starts_with("HTTP/1.1 101"));
    let mut came = Vec::new();
    let expected = "hello from the app GET /early HTTP/1.1\r\n\r\n";
    assert!(reader.exactly(expected.len(), &mut came).await);
    assert_eq!(String::from_utf8_lossy(&came), expected);
}

/// Pingora CVE-2026-2833: where the app does not switch, all goes on as HTTP.
#[tokio::test]
async fn any_other_answer_is_an_answer() {
    let answers = [
        ("403 Forbidden", 403),
        ("200 OK", 200),
        ("404 Not Found", 404),
        ("426 Upgrade Required", 426),
        ("302 Found\r\nLocation: /login", 302),
        ("200 OK\r\nConnection: Upgrade\r\nUpgrade: websocket", 200),
        ("500 Oops", 500),
    ];
    for (head, status) in answers {
        let (app, sidecar) = playing("", move |call| match call.path() {
            "/ws" => vec![say(format!("HTTP/1.1 {head}\r\nContent-Length: 2\r\n\r\nno"))],
            path => vec![Step::Body, ok(path)],
        })
        .await;
        let mut reader = Reader::new(connect(STRANGER, sidecar.address).await);
        let both = [request("GET", "/ws", HANDSHAKE), request("GET", "/next", &["X-Forwarded-For: evil"])];
        reader.stream().write_all(&both.concat()).await.unwrap();
        let answer = reader.answer().await.unwrap();
        assert_eq!((answer.status(), answer.text().as_str()), (status, "no"), "{head}");
        assert!(answer.values("upgrade").is_empty(), "{head}: {}", answer.head);
        assert_eq!(gist(reader.answer().await.as_ref()), "200 /next", "{head}");
        assert_eq!(app.last().values("x-forwarded-for"), [STRANGER], "{head}");
    }
}

/// A 101 that switches to something else, or to nothing.
#[tokio::test]
async fn a_wrong_switch_is_a_bad_gateway() {
    let mut wrong = Wrong::default();
    for lines in [
        "",
        "Connection: Upgrade",
        "Upgrade: h2c\r\nConnection: Upgrade",
        "Upgrade: websocketx\r\nConnection: Upgrade",
    ] {
        let said = format!("HTTP/1.1 101 Switching Protocols\r\n{lines}\r\n\r\n")
            .replace("\r\n\r\n\r\n", "\r\n\r\n");
        let (_app, sidecar) = playing("timeouts: { response: 2s }", move |call| match call.path() {
            "/ws" => vec![say(&said), Step::Echo(Vec::new())],
            path => vec![ok(path)],
        })
        .await;
        let mut visitor = sidecar.visitor(STRANGER);
        let answer = ask(&mut visitor, request("GET", "/ws", HANDSHAKE)).await;
        wrong.expect(gist(answer.as_ref()) == "502 upstream-unreachable", lines, gist(answer.as_ref()));
        let next = ask(&mut visitor, request("GET", "/next", &[])).await;
        wrong.expect(gist(next.as_ref()) == "200 /next", lines, gist(next.as_ref()));
    }
}

/// What is no WebSocket handshake is passed on without the wish to switch, and a 101 to it is wrong.
#[tokio::test]
async fn only_a_handshake_asks() {
    let (app, sidecar) = playing("timeouts: { response: 2s }", switching).await;
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket";
    let mut wrong = Wrong::default();
    for bytes in [
        format!("POST /ws HTTP/1.1\r\nHost: a\r\n{upgrade}\r\nContent-Length: 0\r\n\r\n"),
        format!("PUT /ws HTTP/1.1\r\nHost: a\r\n{upgrade}\r\n\r\n"),
        format!("GET /ws HTTP/1.1\r\nHost: a\r\n{upgrade}\r\nContent-Length: 5\r\n\r\nhello"),
        format!("GET /ws HTTP/1.1\r\nHost: a\r\n{upgrade}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        format!("GET /ws HTTP/1.0\r\nHost: a\r\n{upgrade}\r\n\r\n"),
        "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n".to_owned(),
        "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: close\r\n\r\n".to_owned(),
        "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n\r\n".to_owned(),
        "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n".to_owned(),
    ] {
        let answer = ask(&mut sidecar.visitor(STRANGER), &bytes).await;
        let refused = answer.as_ref().is_some_and(|answer| matches!(answer.status(), 400 | 502));
        wrong.expect(refused, &bytes, gist(answer.as_ref()));
        let asked = app.calls().iter().any(|call| !call.message.values("upgrade").is_empty());
        wrong.expect(!asked, &bytes, "the app was asked to switch");
    }
    // In any case, and among others, it is one.
    for lines in [
        ["connection: upgrade", "upgrade: WebSocket"],
        ["CONNECTION: close-not, UPGRADE", "UPGRADE: WEBSOCKET"],
    ] {
        let mut reader = Reader::new(connect(STRANGER, sidecar.address).await);
        reader.stream().write_all(&request("GET", "/ws", &lines)).await.unwrap();
        let head = reader.head().await.unwrap_or_default();
        wrong.expect(head.starts_with("HTTP/1.1 101"), lines[0], head);
    }
    // Our own routes speak HTTP alone.
    let lines = [HANDSHAKE, &["X-Tenant-Id: acme"]].concat();
    let mut visitor = sidecar.visitor(TRUSTED);
    for _ in 0..2 {
        let minted = visitor.install(&lines).await;
        assert_eq!((minted.status(), minted.values("upgrade")), (302, vec![]));
    }
}

/// The waits of HTTP are none of a tunnel's, its own is.
#[tokio::test]
async fn a_silent_tunnel_has_a_wait_of_its_own() {
    let short = "header: 300ms, body: 300ms, idle: 400ms, response: 400ms, stall: 300ms";
    let (app, sidecar) = playing(&format!("timeouts: {{ {short}, tunnel: 60s }}"), switching).await;
    let mut reader = opened(sidecar.address).await;
    for silence in [500, 1200, 1800] {
        tokio::time::sleep(Duration::from_millis(silence)).await;
        echoed(&mut reader, b"still there").await;
    }
    drop(reader);
    until("the app is let go", || app.open() == 0).await;

    let (app, sidecar) = playing("timeouts: { tunnel: 600ms }", switching).await;
    let mut reader = opened(sidecar.address).await;
    for _ in 0..8 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        echoed(&mut reader, b"busy").await;
    }
    let start = Instant::now();
    assert!(reader.ends().await);
    let took = start.elapsed();
    assert!(took > Duration::from_millis(400) && took < Duration::from_secs(2), "{took:?}");
    until("the app is let go", || app.open() == 0).await;
}

/// Bytes in one direction are enough to be busy.
#[tokio::test]
async fn a_tunnel_that_only_speaks_is_busy() {
    let speaking = |_: &Call| {
        let word = || [Step::Pause(Duration::from_millis(200)), say("word ")];
        let mut steps = vec![say(SWITCH)];
        steps.extend((0..8).flat_map(|_| word()));
        steps.push(Step::Hang);
        steps
    };
    let (_app, sidecar) = playing("timeouts: { tunnel: 600ms }", speaking).await;
    let mut reader = opened(sidecar.address).await;
    let mut came = Vec::new();
    assert!(reader.exactly(40, &mut came).await);
    assert!(reader.ends().await);
}

/// The end of either side is the end of the other, and its connection serves nobody else.
#[tokio::test]
async fn a_tunnel_ends_with_either_side() {
    let (app, sidecar) = playing("", |call| match call.path() {
        "/ws" => vec![say(SWITCH), say("last words"), Step::Close],
        path => vec![Step::Body, ok(path)],
    })
    .await;
    let mut reader = opened(sidecar.address).await;
    let mut came = Vec::new();
    assert!(reader.exactly(10, &mut came).await);
    assert!(reader.ends().await);
    until("the app is let go", || app.open() == 0).await;
    for _ in 0..3 {
        assert_eq!(gist(Some(&sidecar.get(STRANGER, "/next", &[]).await)), "200 /next");
    }
    let last = app.calls().pop().unwrap();
    assert!(last.connection > 0, "the tunnel's connection was used again");
}

/// A tunnel is a connection like any other to `limits.connections`.
#[tokio::test]
async fn tunnels_count() {
    let (_app, sidecar) = playing("limits: { connections: 2 }", switching).await;
    let (mut one, two) = (opened(sidecar.address).await, opened(sidecar.address).await);
    let answer = sidecar.get(STRANGER, "/a", &[]).await;
    assert_eq!((answer.status(), answer.code().as_str()), (503, "overloaded"));
    echoed(&mut one, b"still there").await;
    drop(two);
    while sidecar.get(STRANGER, "/a", &[]).await.status() != 200 {}
    echoed(&mut one, b"still there").await;
}

/// SIGTERM: tunnels go on for the grace, and are ended with it.
#[tokio::test]
async fn tunnels_end_with_the_grace() {
    let app = Scripted::start(switching).await;
    let scratch = Scratch::new("tunnel");
    let more = "shutdown: { grace: 1500ms }\nlog:";
    let text = changed(&fixture(app.address), &[("log:", more), ("level: trace", "level: info")]);
    let config = scratch.write("c.yaml", text);
    let mut serving = Serving::start(&config, &["--log-format", "json"], &[("FIXTURE_SECRET", SECRET)]);
    let mut reader = opened(serving.address()).await;
    serving.terminate();
    serving.line(&["stopping"]);
    let told = Instant::now();
    while told.elapsed() < Duration::from_millis(900) {
        echoed(&mut reader, b"still there").await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(reader.ends().await);
    let ended = tokio::task::spawn_blocking(|| serving.end()).await.unwrap();
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    assert!(told.elapsed() < Duration::from_secs(3), "{:?}", told.elapsed());
}
