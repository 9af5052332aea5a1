//! What flows: streams, tunnels, bodies larger than memory; and Pandium gone, or silent.

use crate::harness::child::{Scratch, Serving};
use crate::harness::script::{Call, Scripted, Sign, Step, ok, say, until};
use crate::harness::{App, INSTALL, Message, Reader, SECRET, Sidecar, TRUSTED, Visitor, connect};
use crate::kit::{BOTH, Browser, Mount, opened, plain};
use tokio::io::AsyncWriteExt;

const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                      Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSet-Cookie: ws=1\r\n\r\n";

const HANDSHAKE: &[&str] = &[
    "Connection: keep-alive, Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol: chat",
];

#[tokio::test]
async fn websockets_pass_through_both_mounts() {
    for mount in BOTH {
        let pandium = Scripted::start(|call: &Call| match call.path() {
            "/acme/ws?room=1" => vec![say(SWITCH), Step::Echo(b"bye".to_vec())],
            _ => vec![ok("page")],
        })
        .await;
        let (app, sidecar, browser) = opened(mount, &pandium, &[]).await;
        let own = format!("Origin: https://{}", mount.host());
        let handshake = browser.request("GET", &mount.at("/acme/ws?room=1"), &[HANDSHAKE, &[&own]].concat());
        let mut reader = Reader::new(connect(TRUSTED, sidecar.address).await);
        reader.stream().write_all(handshake.as_bytes()).await.unwrap();
        let head = reader.head().await.unwrap();
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        assert!(head.contains("pandium-sidecar.") && !head.contains("set-cookie: ws="), "{head}");
        let asked = pandium.last();
        assert_eq!(asked.values("origin"), [format!("http://{}", pandium.address)]);
        assert_eq!(asked.values("sec-websocket-protocol"), ["chat"]);
        assert_eq!(
            (asked.values("upgrade"), asked.values("connection")),
            (vec!["websocket"], vec!["upgrade"])
        );
        for bytes in [&b"hello"[..], b"\0\xff", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"] {
            reader.stream().write_all(bytes).await.unwrap();
            let mut back = Vec::new();
            assert!(reader.exactly(bytes.len(), &mut back).await && back == bytes);
        }
        reader.stream().shutdown().await.unwrap();
        let mut last = Vec::new();
        assert!(reader.exactly(3, &mut last).await && last == b"bye");
        assert!(reader.ends().await);
        // A WebSocket is a page like any other: without the tie there is none.
        let mut stranger = Browser::new(mount, sidecar.visitor(TRUSTED), "42");
        let bare = stranger.request("GET", &mount.at("/acme/ws?room=1"), HANDSHAKE);
        assert_eq!(stranger.send("/", &bare).await.status(), 403);
        assert_eq!(app.count(), 0);
    }
}

#[tokio::test]
async fn a_streams_first_byte_comes_before_its_last_is_made() {
    for mount in BOTH {
        let sign = Sign::default();
        let go_on = sign.clone();
        let pandium = Scripted::start(move |call: &Call| {
            let head =
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
            let first = if call.path().contains("tenant=") { "e" } else { "data: 1\n\n" };
            let chunk = |text: &str| say(format!("{:x}\r\n{text}\r\n", text.len()));
            vec![
                say(head),
                chunk(&format!("<p>{first}")),
                Step::Await(go_on.clone()),
                chunk("end"),
                say("0\r\n\r\n"),
            ]
        })
        .await;
        let app = App::start().await;
        let sidecar = Sidecar::start(&plain(mount, app.address, pandium.address)).await;
        let mut browser = Browser::new(mount, sidecar.visitor(TRUSTED), "42");
        for (path, first, last) in
            [(INSTALL.to_owned(), "<p>", "eend"), (mount.at("/acme/events"), "<p>data: 1\n\n", "end")]
        {
            let mut reader = Reader::new(connect(TRUSTED, sidecar.address).await);
            reader.stream().write_all(browser.request("GET", &path, &[]).as_bytes()).await.unwrap();
            let head = reader.head().await.unwrap();
            assert!(head.starts_with("HTTP/1.1 200"), "{head}");
            // The first piece is here while the last is not made: nobody has given the sign.
            let mut seen = String::new();
            while !seen.contains(first) {
                seen.push_str(&String::from_utf8(reader.some().await.unwrap()).unwrap());
            }
            assert!(!seen.contains("end"), "{seen}");
            sign.give();
            while !seen.contains("0\r\n\r\n") {
                seen.push_str(&String::from_utf8(reader.some().await.unwrap()).unwrap());
            }
            let text: String = seen.split("\r\n").skip(1).step_by(2).collect();
            assert_eq!(text, format!("{first}{last}"), "{path}");
            browser.keep_all(&path, &Message::bare(head));
        }
    }
}

const MIB: usize = 1 << 20;

fn memory(serving: &Serving, what: &str) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", serving.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

/// 200 MiB of one of Pandium's pages, and 16 of one that a token opened, which are looked through.
#[tokio::test]
async fn bodies_larger_than_memory_pass() {
    let block = vec![b'e'; 64 << 10];
    let pandium = Scripted::start(move |call: &Call| match call.path() {
        path if path.ends_with("/large") || path.contains("/1122?") => {
            vec![say("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"), Step::Endlessly(block.clone())]
        }
        _ => vec![ok("page")],
    })
    .await;
    let mount = Mount::Path;
    let app = App::start().await;
    let scratch = Scratch::new("proxied-large");
    let config = scratch.write("config.yaml", plain(mount, app.address, pandium.address));
    let mut serving = Serving::start(&config, &["--workers", "1"], &[("FIXTURE_SECRET", SECRET)]);
    let address = serving.address();
    let mut browser = Browser::new(mount, Visitor::at(TRUSTED, address), "42");
    assert_eq!(browser.install().await.status(), 200);
    assert_eq!(browser.page("/acme").await.status(), 200);
    let before = memory(&serving, "VmRSS");
    for (path, size) in [(mount.at("/large"), 200 * MIB), ("/pandium/install/acme-crm".to_owned(), 16 * MIB)]
    {
        let mut reader = Reader::new(connect(TRUSTED, address).await);
        reader.stream().write_all(browser.request("GET", &path, &[]).as_bytes()).await.unwrap();
        let head = reader.head().await.unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let mut read = 0;
        while read < size {
            read += reader.some().await.expect("it ended").len();
        }
        let grown = memory(&serving, "VmHWM").saturating_sub(before);
        assert!(grown < 16 * MIB, "{} MiB more for {path}", grown / MIB);
    }
    until("Pandium is let go", || pandium.open() <= 2).await;
}

#[tokio::test]
async fn an_upload_reaches_pandium_whole() {
    for mount in BOTH {
        let pandium = Scripted::start(|_: &Call| vec![Step::Body, ok("taken")]).await;
        let (_app, _sidecar, mut browser) = opened(mount, &pandium, &[]).await;
        let body: String =
            (0..2_000_000_u32).map(|n| char::from(b'a' + u8::try_from(n % 23).unwrap())).collect();
        let length = format!("Content-Length: {}", body.len());
        let post = browser.request("PUT", &mount.at("/api/file"), &[&length, "Content-Type: text/csv"]);
        let answer = browser.send("/", &format!("{post}{body}")).await;
        assert_eq!((answer.status(), answer.text().as_str()), (200, "taken"));
        let seen = pandium.last();
        assert!(seen.whole && seen.body == body.as_bytes());
        assert_eq!(seen.values("content-type"), ["text/csv"]);
        let chunked = browser.request("POST", &mount.at("/api/file"), &["Transfer-Encoding: chunked"]);
        browser.send("/", &format!("{chunked}3\r\nabc\r\n0\r\nX-Tenant-Id: evil\r\n\r\n")).await;
        let seen = pandium.last();
        assert_eq!((seen.body.as_slice(), seen.trailers.as_str()), (&b"abc"[..], ""));
    }
}

#[tokio::test]
async fn pandium_gone_is_said_so() {
    for mount in BOTH {
        let pandium = Scripted::start(|call: &Call| match call.path() {
            path if path.contains("tenant=") => vec![ok("page")],
            "/silent" => vec![Step::Hang],
            "/broken" => vec![say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n")],
            "/unasked" => vec![say(SWITCH)],
            _ => vec![Step::Close],
        })
        .await;
        let waits = ("log:", "timeouts: { response: 300ms }\nlog:");
        let (_app, _sidecar, mut browser) = opened(mount, &pandium, &[waits]).await;
        for (path, status, code) in [
            ("/gone", 502, "upstream-unreachable"),
            ("/broken", 502, "upstream-unreachable"),
            ("/unasked", 502, "upstream-unreachable"),
            ("/silent", 504, "upstream-timeout"),
        ] {
            let path = mount.at(path);
            let problem = browser.get(&path, &[]).await;
            assert_eq!((problem.status(), problem.code().as_str()), (status, code), "{path}");
            let page = browser.get(&path, &["Accept: text/html", "X-Request-Id: request-7"]).await;
            assert_eq!(page.status(), status, "{path}");
            for words in ["Pandium is not available just now", code, "request-7"] {
                assert!(page.text().contains(words), "{}", page.text());
            }
        }
    }
    // Nobody there at all.
    let app = App::start().await;
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let sidecar = Sidecar::start(&plain(Mount::Path, app.address, port)).await;
    let mut browser = Browser::new(Mount::Path, sidecar.visitor(TRUSTED), "42");
    let page = browser.get(INSTALL, &["Accept: text/html"]).await;
    assert_eq!(page.status(), 502);
    assert!(page.text().contains("Pandium is not available just now"), "{}", page.text());
    assert!(browser.cookies.is_empty() && !page.resembles_token());
}
