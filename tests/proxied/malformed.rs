//! A Pandium that agrees on HTTP/2, and does not keep to its rules.

use crate::harness::child::{Scratch, Serving};
use crate::harness::http2::{CONTINUATION, DATA, END_HEADERS, GOAWAY, HEADERS, PING, SETTINGS, block, frame};
use crate::harness::{App, Reader, SECRET, TRUSTED, Visitor, connect};
use crate::kit::{Browser, Mount};
use crate::standin::{Asked, Deed, Standin, data, head};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;

const MOUNT: Mount = Mount::Path;

type Row = (&'static str, &'static [(&'static str, &'static str)], Option<&'static str>);

/// What is no head of an answer, and the body behind it.
const HEADS: &[Row] = &[
    ("no status", &[("x-a", "b")], None),
    ("two", &[(":status", "200"), (":status", "200")], None),
    ("no number", &[(":status", "2oo")], None),
    ("a switch", &[(":status", "101")], None),
    ("two lengths", &[(":status", "200"), ("content-length", "1"), ("content-length", "1")], Some("x")),
    ("other lengths", &[(":status", "200"), ("content-length", "1"), ("content-length", "2")], Some("x")),
    ("no length", &[(":status", "200"), ("content-length", "")], None),
    ("a signed length", &[(":status", "200"), ("content-length", "+1")], Some("x")),
    ("connection", &[(":status", "200"), ("connection", "close")], None),
    ("coding", &[(":status", "200"), ("transfer-encoding", "chunked")], Some("0\r\n\r\n")),
    ("upgrade", &[(":status", "200"), ("upgrade", "websocket")], None),
    ("capitals", &[(":status", "200"), ("X-A", "b")], None),
    ("a line's end", &[(":status", "200"), ("x-a", "b\r\nset-cookie: evil=1")], None),
    ("a space", &[(":status", "200"), ("x-a", " b")], None),
    ("a quote", &[(":status", "200"), ("x\"a", "b")], None),
    ("a late pseudo field", &[("x-a", "b"), (":status", "200")], None),
    ("length and no body", &[(":status", "200"), ("content-length", "1")], None),
];

fn answer(asked: &Asked, fields: &[(&str, &str)], body: Option<&str>) -> Vec<Deed> {
    let mut frames = head(asked, fields, body.is_none());
    frames.extend(body.map(|body| data(asked, body, true)).unwrap_or_default());
    vec![Deed::Say(frames)]
}

#[tokio::test]
async fn no_head_passes_that_is_none() {
    let pandium = Standin::misbehaving(|asked| {
        let row = asked.path()[1..].parse().ok().and_then(|at: usize| HEADS.get(at));
        if let Some((_, fields, body)) = row {
            return answer(asked, fields, *body);
        }
        let large = "x".repeat(20_000);
        let lines = ["x-a", "x-b", "x-c", "x-d"].map(|name| (name, &*large));
        answer(asked, &[&[(":status", "200")], &lines[..]].concat(), Some("x"))
    })
    .await;
    let waits = ("log:", "timeouts: { response: 1s }\nlog:");
    let (_app, _sidecar, mut browser) = pandium.opened(MOUNT, &[waits]).await;
    let rows = HEADS.iter().map(|(what, ..)| *what).chain(["too large"]);
    for (at, what) in rows.enumerate() {
        let answer = browser.page(&format!("/{at}")).await;
        let refused = (answer.status(), &*answer.code()) == (502, "upstream-unreachable");
        // What is no final head is waited for.
        assert!(refused || what == "a switch" && answer.status() == 504, "{what}: {}", answer.head);
        assert!(!answer.head.contains("evil"), "{what}: {}", answer.head);
    }
}

#[tokio::test]
async fn a_body_that_is_not_as_long_as_was_told_breaks_off() {
    let sent = [("/short", "1234", true), ("/long", "123456", true), ("/more", "123456", false)];
    let pandium = Standin::misbehaving(move |asked| {
        let (_, body, ends) = sent.iter().find(|(path, ..)| *path == asked.path()).unwrap();
        let fields = [(":status", "200"), ("content-length", "5")];
        vec![Deed::Say([head(asked, &fields, false), data(asked, body, *ends)].concat())]
    })
    .await;
    let (_app, sidecar, browser) = pandium.opened(MOUNT, &[]).await;
    for (path, ..) in sent {
        let mut reader = Reader::new(connect(TRUSTED, sidecar.address).await);
        let asked = browser.request("GET", &MOUNT.at(path), &[]);
        reader.stream().write_all(asked.as_bytes()).await.unwrap();
        let answer = reader.answer().await;
        let well = answer.as_ref().is_some_and(|answer| answer.status() == 200 && answer.whole);
        assert!(!well, "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn whoever_agrees_on_http2_and_does_not_speak_it_is_told_so() {
    for said in
        [&b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"[..], b"", b"\0\0\0\x99\0\0\0\0\0", &[0xff; 64]]
    {
        let pandium = Standin::start(&["h2"], move |mut line| async move {
            line.stream.write_all(said).await.unwrap();
            line.stream.shutdown().await.unwrap();
        })
        .await;
        let (app, sidecar) = pandium.shown(MOUNT, &[]).await;
        let mut visitors = JoinSet::new();
        for n in 0..20 {
            let mut browser = Browser::new(MOUNT, sidecar.visitor(TRUSTED), &n.to_string());
            visitors.spawn(async move { browser.install().await });
        }
        while let Some(answer) = visitors.join_next().await {
            let answer = answer.unwrap();
            assert_eq!((answer.status(), &*answer.code()), (502, "upstream-unreachable"), "{said:?}");
            assert!(!answer.resembles_token());
        }
        assert_eq!(sidecar.get(TRUSTED, "/app", &[]).await.status(), 200);
        assert_eq!(app.count(), 1);
    }
}

/// Frames without end: bounded in memory, ended in time, and in nobody's way but Pandium's own.
#[tokio::test]
async fn floods_are_bounded() {
    let pandium = Standin::misbehaving(|asked| {
        let stream = asked.stream;
        let begun = head(asked, &[(":status", "200")], false);
        if asked.path() == "/events" {
            return vec![Deed::Say([begun, data(asked, "begun", false)].concat())];
        }
        let (before, flood) = match asked.path() {
            "/pings" => (vec![], frame(PING, 0, 0, &[0; 8]).repeat(500)),
            "/settings" => (vec![], frame(SETTINGS, 0, 0, b"\0\x04\0\0\xff\xff").repeat(500)),
            "/continuations" => {
                let lines = block(&[("x-a", "x".repeat(4000))]);
                (
                    frame(HEADERS, 0, stream, &block(&[(":status", "200")])),
                    frame(CONTINUATION, 0, stream, &lines).repeat(20),
                )
            }
            "/crumbs" => (
                frame(HEADERS, 0, stream, &block(&[(":status", "200")])),
                frame(CONTINUATION, 0, stream, &[]).repeat(500),
            ),
            "/interim" => {
                let interim = block(&[(":status", "103"), ("link", "</x>")]);
                (vec![], frame(HEADERS, END_HEADERS, stream, &interim).repeat(500))
            }
            _ => (begun, frame(DATA, 0, stream, &[]).repeat(500)),
        };
        vec![Deed::Say(before), Deed::Endlessly(flood)]
    })
    .await;
    let app = App::start().await;
    let scratch = Scratch::new("proxied-floods");
    let text = pandium.text(MOUNT, &app) + "timeouts: { response: 2s }\n";
    let config = scratch.write("config.yaml", text.replace("level: trace", "level: info"));
    let mut serving = Serving::start(&config, &["--workers", "1"], &[("FIXTURE_SECRET", SECRET)]);
    let address = serving.address();
    let mut browser = Browser::new(MOUNT, Visitor::at(TRUSTED, address), "42");
    let mut passer = Visitor::at(TRUSTED, address);
    for path in ["/pings", "/settings", "/continuations", "/crumbs", "/interim", "/empty"] {
        assert_eq!(browser.install().await.status(), 200, "{path}");
        assert_eq!(passer.get("/app", &[]).await.status(), 200);
        // Somebody is there who stays.
        let mut events = Reader::new(connect(TRUSTED, address).await);
        let asked = browser.request("GET", &MOUNT.at("/events"), &[]);
        events.stream().write_all(asked.as_bytes()).await.unwrap();
        assert!(events.head().await.is_some(), "{path}");
        let before = serving.memory();
        let mut reader = Reader::new(connect(TRUSTED, address).await);
        let asked = browser.request("GET", &MOUNT.at(path), &[]);
        reader.stream().write_all(asked.as_bytes()).await.unwrap();
        let answered = reader.answer();
        tokio::pin!(answered);
        let answer = loop {
            tokio::select! {
                answer = &mut answered => break answer,
                page = passer.get("/app", &[]) => assert_eq!(page.status(), 200, "{path}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let well = answer.as_ref().is_some_and(|answer| answer.status() == 200 && answer.whole);
        assert!(!well, "{path}: {answer:?}");
        let grown = serving.most_memory().saturating_sub(before);
        assert!(grown < 16 << 20, "{path}: {} MiB more", grown >> 20);
    }
}

/// What a connection is ended with may have anything in it, and is not written down.
#[tokio::test]
async fn no_farewell_gets_into_the_log() {
    let pandium = Standin::misbehaving(|asked| {
        let last = if asked.path() == "/left" { 0 } else { asked.stream };
        let words = [&last.to_be_bytes()[..], &2_u32.to_be_bytes(), b"canary-of-pandium"].concat();
        vec![Deed::Say(frame(GOAWAY, 0, 0, &words)), Deed::Close]
    })
    .await;
    let app = App::start().await;
    let scratch = Scratch::new("proxied-farewell");
    let config = scratch.write("config.yaml", pandium.text(MOUNT, &app));
    let mut serving = Serving::start(&config, &[], &[("FIXTURE_SECRET", SECRET)]);
    let mut browser = Browser::new(MOUNT, Visitor::at(TRUSTED, serving.address()), "42");
    for path in ["/left", "/ended"] {
        assert_eq!(browser.install().await.status(), 200);
        assert_eq!(browser.page(path).await.status(), 502, "{path}");
        serving.line(&["Pandium gave no answer"]);
    }
    serving.terminate();
    let all = serving.end().all();
    assert!(all.contains("protocol=\"h2\"") || all.contains("\"protocol\":\"h2\""), "{all}");
    assert!(!all.contains("canary-of-pandium"), "{all}");
}
