//! A Pandium that speaks HTTP/2 as it should: what each visitor gets is what HTTP/1.1 would have brought.

use crate::harness::script::Sign;
use crate::harness::streams::{self, pour, read, say, serve};
use crate::harness::{INSTALL, Message, Reader, TRUSTED, connect};
use crate::kit::{BOTH, Browser, Mount};
use crate::standin::{Line, Standin};
use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::Request;
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;

pub const EITHER: &[&str] = &["h2", "http/1.1"];

/// Says this to each stream.
pub async fn saying(line: Line, said: impl Fn(&Message) -> String + Send + Sync + Clone + 'static) {
    assert!(line.http2, "a connection of HTTP/1.1");
    serve(line.stream, move |request, respond| {
        let said = said.clone();
        async move {
            let asked = read(request).await;
            say(respond, &asked, said(&asked).as_bytes()).await;
        }
    })
    .await;
}

pub fn ok(lines: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn a_request_is_one_of_http2() {
    let pandium = Standin::start(EITHER, |line| {
        saying(line, |asked| ok("Set-Cookie: a=1; Path=/\r\nSet-Cookie: b=2; Path=/\r\n", &asked.head))
    })
    .await;
    for mount in BOTH {
        let (app, _sidecar, mut browser) = pandium.opened(mount, &[]).await;
        let lines = ["Connection: keep-alive, TE", "TE: trailers", "Accept: text/html", "Origin: null"];
        let head = browser.get(&mount.at("/acme/a~b?x=%zz"), &lines).await.text();
        let seen = Message::bare(head);
        assert_eq!(seen.first_line(), "GET /acme/a~b?x=%zz HTTP/1.1");
        assert_eq!(seen.values("host"), [format!("localhost:{}", pandium.address.port())]);
        assert_eq!(seen.names(), ["host", "accept", "origin", "cookie"], "{}", seen.head);
        assert_eq!(seen.values("cookie"), ["a=1; b=2"]);
        let posted = browser.request("POST", &mount.at("/acme"), &[]);
        let seen = Message::bare(browser.send("/acme", &posted).await.text());
        assert_eq!(seen.values("content-length"), ["0"]);
        assert_eq!(app.count(), 0);
    }
}

/// Answers without a body, and what comes before and behind one.
#[tokio::test]
async fn answers_are_those_of_http1() {
    async fn answer(request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
        let asked = streams::head(&request);
        let path = request.uri().path().to_owned();
        let early = http::Response::builder().status(103).header("link", "</early>").body(()).unwrap();
        match &*path {
            "/early" => {
                respond.send_informational(early.clone()).unwrap();
                respond.send_informational(early).unwrap();
                say(respond, &asked, ok("", "late").as_bytes()).await;
            }
            "/trailers" => {
                let said = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
                            4\r\nbody\r\n0\r\nX-Sum: 1\r\n\r\n";
                say(respond, &asked, said.as_bytes()).await;
            }
            "/none" => say(respond, &asked, b"HTTP/1.1 204 No Content\r\n\r\n").await,
            "/same" => {
                say(respond, &asked, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\nETag: x\r\n\r\n")
                    .await;
            }
            "/empty" => {
                // The end comes apart from the head.
                let mut stream = respond.send_response(streams::answer(200, ""), false).unwrap();
                stream.send_data(Bytes::new(), true).unwrap();
            }
            _ => say(respond, &asked, ok("X-Own: 1\r\n", "1234567").as_bytes()).await,
        }
    }
    let pandium = Standin::start(EITHER, |line| serve(line.stream, answer)).await;
    for mount in BOTH {
        let (_app, _sidecar, mut browser) = pandium.opened(mount, &[]).await;
        for (path, status, body) in [
            ("/early", 200, "late"),
            ("/trailers", 200, "body"),
            ("/none", 204, ""),
            ("/same", 304, ""),
            ("/empty", 200, ""),
            ("/page", 200, "1234567"),
        ] {
            let page = browser.get(&mount.at(path), &["TE: trailers", "Connection: TE"]).await;
            assert_eq!((page.status(), &*page.text(), page.whole), (status, body, true), "{path}");
            assert!(page.values("link").is_empty() && page.trailers.is_empty(), "{path}");
        }
        let head = browser.request("HEAD", &mount.at("/page"), &[]);
        let head = browser.send("/page", &head).await;
        assert_eq!((head.status(), head.values("content-length")), (200, vec!["7"]));
        assert_eq!(browser.page("/page").await.text(), "1234567");
        assert_eq!(browser.get(INSTALL, &[]).await.status(), 200);
    }
}

#[tokio::test]
async fn bodies_come_whole_both_ways() {
    let pandium = Standin::start(EITHER, |line| {
        saying(line, |asked| {
            let length = asked.values("content-length").join("");
            ok(&format!("X-Length: {length}\r\n"), std::str::from_utf8(&asked.body).unwrap())
        })
    })
    .await;
    for mount in BOTH {
        let (_app, _sidecar, mut browser) = pandium.opened(mount, &[]).await;
        let body: String =
            (0..3_000_000_u32).map(|n| char::from(b'a' + u8::try_from(n * 31 % 23).unwrap())).collect();
        let length = format!("Content-Length: {}", body.len());
        let put = browser.request("PUT", &mount.at("/file"), &[&length]);
        let answer = browser.send("/file", &format!("{put}{body}")).await;
        assert_eq!(answer.status(), 200);
        assert!(answer.whole && answer.text() == body);
        assert_eq!(answer.values("x-length"), [body.len().to_string()]);
        let chunked = browser.request("POST", &mount.at("/form"), &["Transfer-Encoding: chunked"]);
        let chunks = "3\r\nabc\r\n1\r\nd\r\n0\r\nX-Tenant-Id: evil\r\n\r\n";
        let answer = browser.send("/form", &format!("{chunked}{chunks}")).await;
        assert_eq!((&*answer.text(), answer.values("x-length")), ("abcd", vec![""]));
    }
}

/// Each piece is here before the next is made: of an answer, and of an answer before the request's end.
#[tokio::test]
async fn a_stream_flows_at_once() {
    let sign = Sign::default();
    let go_on = sign.clone();
    let pandium = Standin::start(EITHER, move |line| {
        let go_on = go_on.clone();
        serve(line.stream, move |mut request, mut respond| {
            let go_on = go_on.clone();
            async move {
                let path = request.uri().path().to_owned();
                let asked = streams::head(&request);
                if path != "/events" && path != "/early" {
                    return say(respond, &asked, ok("", "page").as_bytes()).await;
                }
                let lines = "content-type: text/event-stream\r\n";
                let mut stream = respond.send_response(streams::answer(200, lines), false).unwrap();
                assert!(pour(&mut stream, b"data: first\n\n").await);
                go_on.wait().await;
                let mut body = Vec::new();
                while let Some(piece) = request.body_mut().data().await {
                    body.extend_from_slice(&piece.unwrap());
                }
                assert!(pour(&mut stream, &body).await);
                stream.send_data(Bytes::from_static(b"last"), true).unwrap();
            }
        })
    })
    .await;
    for mount in BOTH {
        let (_app, sidecar, browser) = pandium.opened(mount, &[]).await;
        let events = browser.request("GET", &mount.at("/events"), &[]);
        let early = browser.request("POST", &mount.at("/early"), &["Content-Length: 4"]);
        for (asked, rest, end) in [(events, "", "last"), (early, "body", "bodylast")] {
            let mut reader = Reader::new(connect(TRUSTED, sidecar.address).await);
            reader.stream().write_all(asked.as_bytes()).await.unwrap();
            let mut seen = String::new();
            while !seen.contains("first") {
                seen.push_str(&String::from_utf8(reader.some().await.unwrap()).unwrap());
            }
            assert!(seen.starts_with("HTTP/1.1 200") && !seen.contains("last"), "{seen}");
            reader.stream().write_all(rest.as_bytes()).await.unwrap();
            sign.give();
            while !seen.contains("0\r\n\r\n") {
                seen.push_str(&String::from_utf8(reader.some().await.unwrap()).unwrap());
            }
            let body: String =
                seen.split_once("\r\n\r\n").unwrap().1.split("\r\n").skip(1).step_by(2).collect();
            assert_eq!(body, format!("data: first\n\n{end}"), "{seen}");
        }
    }
}

const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                      Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

#[tokio::test]
async fn a_websocket_has_a_connection_of_http1_to_itself() {
    async fn switch(line: Line) {
        if line.http2 {
            return saying(line, |_| ok("", "page")).await;
        }
        let mut reader = Reader::patient(line.stream);
        let head = reader.head().await.unwrap();
        assert!(head.starts_with("GET /acme/ws HTTP/1.1\r\n"), "{head}");
        reader.stream().write_all(SWITCH.as_bytes()).await.unwrap();
        while let Some(bytes) = reader.some().await {
            reader.stream().write_all(&bytes).await.unwrap();
        }
    }
    let pandium = Standin::start(EITHER, switch).await;
    for (mount, lines) in BOTH.into_iter().zip(1..) {
        let (_app, sidecar, mut browser) = pandium.opened(mount, &[]).await;
        let handshake = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"];
        let asked = browser.request("GET", &mount.at("/acme/ws"), &handshake);
        let mut reader = Reader::new(connect(TRUSTED, sidecar.address).await);
        reader.stream().write_all(asked.as_bytes()).await.unwrap();
        let head = reader.head().await.unwrap();
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        for bytes in [&b"hello"[..], b"\0\xff"] {
            reader.stream().write_all(bytes).await.unwrap();
            let mut back = Vec::new();
            assert!(reader.exactly(bytes.len(), &mut back).await && back == bytes);
            assert_eq!(browser.page("/acme").await.text(), "page");
        }
        assert_eq!(pandium.connections().0, lines, "{mount:?}");
    }
}

#[tokio::test]
async fn whoever_agrees_on_nothing_is_spoken_to_in_http1() {
    for protocols in [&[][..], &["http/1.1"]] {
        let pandium = Standin::start(protocols, async |line| {
            assert!(!line.http2);
            let mut reader = Reader::patient(line.stream);
            while reader.request().await.is_some() {
                reader.stream().write_all(ok("", "page").as_bytes()).await.unwrap();
            }
        })
        .await;
        let (_app, sidecar) = pandium.shown(Mount::Path, &[]).await;
        let mut visitors = JoinSet::new();
        for n in 0..50 {
            let mut browser = Browser::new(Mount::Path, sidecar.visitor(TRUSTED), &n.to_string());
            visitors.spawn(async move {
                for _ in 0..3 {
                    assert_eq!(browser.install().await.text(), "page");
                    assert_eq!(browser.page("/acme").await.text(), "page");
                }
            });
        }
        while let Some(done) = visitors.join_next().await {
            done.unwrap();
        }
        let (http1, http2) = pandium.connections();
        assert!(http1 <= 100 && http2 == 0, "{http1} {http2}");
    }
}
