//! What visitors share of HTTP/2 to Pandium, and what they do not: connections, and their life.

use crate::harness::child::{Scratch, Serving};
use crate::harness::script::{Sign, until};
use crate::harness::streams::{self, pour, say, serve};
use crate::harness::{App, INSTALL, Reader, SECRET, Sidecar, TRUSTED, Visitor, changed, connect};
use crate::kit::{Browser, Mount, token_in};
use crate::standin::Standin;
use crate::streams::{EITHER, ok, saying};
use bytes::Bytes;
use std::sync::{Arc, Mutex};
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;

fn sub(token: &str) -> String {
    let payload = token.split('.').nth(1).unwrap();
    let payload = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(payload).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    claims["sub"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn two_hundred_visitors_share_few_connections_and_nothing_else() {
    let pandium = Standin::start(EITHER, |line| {
        saying(line, |asked| {
            let Some(token) = token_in(asked) else {
                return ok("", &format!("{} {}", asked.values("cookie").join("|"), asked.text()));
            };
            ok(&format!("Set-Cookie: of={}; Path=/\r\n", sub(&token)), &sub(&token))
        })
    })
    .await;
    let (_app, sidecar) = pandium.shown(Mount::Host, &[]).await;
    let mut visitors = JoinSet::new();
    for n in 0..200 {
        let who = format!("tenant-{n}");
        let mut browser = Browser::new(Mount::Host, sidecar.visitor(TRUSTED), &who);
        visitors.spawn(async move {
            assert_eq!(browser.install().await.text(), who);
            for turn in 0..4 {
                let lines = ["Content-Type: text/plain", "Content-Length: 12"];
                let post = browser.request("POST", "/acme/form", &lines);
                let mine = format!("{turn}-{who:0>10}");
                let answer = browser.send("/acme/form", &format!("{post}{mine:.12}")).await;
                assert_eq!(answer.text(), format!("of={who} {mine:.12}"));
                assert_eq!(browser.page("/acme").await.text(), format!("of={who} "));
            }
        });
    }
    while let Some(done) = visitors.join_next().await {
        done.unwrap();
    }
    let most = 2 * pandium_sidecar::app::default_workers().get();
    let (http1, http2) = pandium.connections();
    assert!(http1 == 0 && http2 <= most, "{http2} connections, {http1} of HTTP/1.1");
}

/// Nobody's answer ends before all others have begun.
#[tokio::test]
async fn all_who_wait_for_a_connection_get_one() {
    let sign = Sign::default();
    let go_on = sign.clone();
    let pandium = Standin::start(EITHER, move |line| {
        let go_on = go_on.clone();
        serve(line.stream, move |_, mut respond| {
            let go_on = go_on.clone();
            async move {
                let mut stream = respond.send_response(streams::answer(200, ""), false).unwrap();
                assert!(pour(&mut stream, b"begun").await);
                go_on.wait().await;
                stream.send_data(Bytes::from_static(b" and ended"), true).unwrap();
            }
        })
    })
    .await;
    let (_app, sidecar) = pandium.shown(Mount::Path, &[]).await;
    let mut readers = JoinSet::new();
    for n in 0..20 {
        let browser = Browser::new(Mount::Path, sidecar.visitor(TRUSTED), &n.to_string());
        let asked = browser.request("GET", INSTALL, &[]);
        let address = sidecar.address;
        readers.spawn(async move {
            let mut reader = Reader::new(connect(TRUSTED, address).await);
            reader.stream().write_all(asked.as_bytes()).await.unwrap();
            let head = reader.head().await.unwrap();
            assert!(head.starts_with("HTTP/1.1 200"), "{head}");
            reader
        });
    }
    let readers = readers.join_all().await;
    for _ in &readers {
        sign.give();
    }
    for mut reader in readers {
        let mut seen = String::new();
        while !seen.contains("0\r\n\r\n") {
            seen.push_str(&String::from_utf8(reader.some().await.unwrap()).unwrap());
        }
        // It is looked through on its way, which may cut it anywhere.
        let text: String = seen.split("\r\n").skip(1).step_by(2).collect();
        assert_eq!(text, "begun and ended");
    }
}

/// What a page is in the middle of goes on where it was.
#[tokio::test]
async fn another_way_is_taken_by_those_who_come_after() {
    let sign = Sign::default();
    let go_on = sign.clone();
    let pandium = Standin::start(EITHER, move |line| {
        let go_on = go_on.clone();
        let nth = line.nth;
        serve(line.stream, move |request, mut respond| {
            let go_on = go_on.clone();
            async move {
                if request.uri().path() != "/slow" {
                    let asked = streams::head(&request);
                    return say(respond, &asked, ok("", &nth.to_string()).as_bytes()).await;
                }
                let mut stream = respond.send_response(streams::answer(200, ""), false).unwrap();
                assert!(pour(&mut stream, b"begun").await);
                go_on.wait().await;
                stream.send_data(Bytes::from_static(b" and ended"), true).unwrap();
            }
        })
    })
    .await;
    let app = App::start().await;
    let text = pandium.text(Mount::Path, &app);
    let mut sidecar = Sidecar::start(&text).await;
    let mut browser = Browser::new(Mount::Path, sidecar.visitor(TRUSTED), "42");
    assert_eq!(browser.install().await.text(), "0");
    let mut reader = Reader::new(connect(TRUSTED, sidecar.address).await);
    let slow = browser.request("GET", &Mount::Path.at("/slow"), &[]);
    reader.stream().write_all(slow.as_bytes()).await.unwrap();
    let head = reader.head().await.unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    // The same way: nothing changes.
    sidecar.adopt(&changed(&text, &[("log:", "limits: { headers: 90 }\nlog:")])).await;
    let before: usize = browser.page("/acme").await.text().parse().unwrap();
    let known = pandium.connections().1;
    assert!(before < known);
    // Another one.
    sidecar.adopt(&changed(&text, &[("log:", "timeouts: { response: 7s }\nlog:")])).await;
    let after: usize = browser.page("/acme").await.text().parse().unwrap();
    assert!(after >= known, "{after}");
    sign.give();
    let mut body = String::new();
    while !body.contains("0\r\n\r\n") {
        body.push_str(&String::from_utf8(reader.some().await.unwrap()).unwrap());
    }
    assert!(body.contains("begun") && body.contains(" and ended"), "{body}");
    until("the old connections end", || (0..known).all(|nth| pandium.has_ended(nth))).await;
    assert!(!pandium.has_ended(after));
}

/// A visitor who takes nothing of an answer, and one whose upload nobody takes, are in nobody's way.
#[tokio::test]
async fn whoever_stalls_keeps_nobody_else_waiting() {
    let taken = Arc::new(Mutex::new(0_usize));
    let count = Arc::clone(&taken);
    let pandium = Standin::start(EITHER, move |line| {
        let count = Arc::clone(&count);
        serve(line.stream, move |request, mut respond| {
            let count = Arc::clone(&count);
            async move {
                match request.uri().path() {
                    "/endless" => {
                        let mut stream = respond.send_response(streams::answer(200, ""), false).unwrap();
                        while pour(&mut stream, &[b'x'; 16 << 10]).await {
                            *count.lock().unwrap() += 16 << 10;
                        }
                    }
                    // It takes nothing of the body, and never answers.
                    "/deaf" => std::future::pending().await,
                    _ => {
                        let asked = streams::head(&request);
                        say(respond, &asked, ok("", &"y".repeat(300_000)).as_bytes()).await;
                    }
                }
            }
        })
    })
    .await;
    let waits = ("log:", "timeouts: { response: 2s }\nlog:");
    let (_app, sidecar, mut browser) = pandium.opened(Mount::Path, &[waits]).await;
    let mut stalled = Vec::new();
    for _ in 0..20 {
        let mut stream = connect(TRUSTED, sidecar.address).await;
        let endless = browser.request("GET", &Mount::Path.at("/endless"), &[]);
        stream.write_all(endless.as_bytes()).await.unwrap();
        stalled.push(stream);
    }
    // Nobody reads, so it comes to rest.
    let moved = || *taken.lock().unwrap();
    let mut last = 0;
    while moved() == 0 || moved() != last {
        last = moved();
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    let deaf = browser.request("PUT", &Mount::Path.at("/deaf"), &["Content-Length: 9000000"]);
    let mut uploading = connect(TRUSTED, sidecar.address).await;
    uploading.write_all(deaf.as_bytes()).await.unwrap();
    let (read_half, mut write_half) = uploading.into_split();
    let pushed = tokio::spawn(async move { write_half.write_all(&vec![b'z'; 9_000_000]).await });
    let mut reader = Reader::new(read_half);
    for _ in 0..10 {
        let page = browser.page("/acme").await;
        assert!(page.whole && page.body.len() == 300_000);
    }
    let answer = reader.answer().await.unwrap();
    assert_eq!((answer.status(), answer.code().as_str()), (504, "upstream-timeout"));
    drop(pushed.await);
    assert_eq!(pandium.connections().0, 0);
}

const MIB: usize = 1 << 20;

#[tokio::test]
async fn a_stream_larger_than_memory_passes() {
    let pandium = Standin::start(EITHER, |line| {
        serve(line.stream, async |request, mut respond| {
            if request.uri().path() != "/large" {
                let asked = streams::head(&request);
                return say(respond, &asked, ok("", "page").as_bytes()).await;
            }
            let mut stream = respond.send_response(streams::answer(200, ""), false).unwrap();
            while pour(&mut stream, &[b'x'; 16 << 10]).await {}
        })
    })
    .await;
    let app = App::start().await;
    let scratch = Scratch::new("proxied-h2-large");
    let config = scratch.write("config.yaml", pandium.text(Mount::Path, &app));
    let mut serving = Serving::start(&config, &["--workers", "1"], &[("FIXTURE_SECRET", SECRET)]);
    let address = serving.address();
    let mut browser = Browser::new(Mount::Path, Visitor::at(TRUSTED, address), "42");
    assert_eq!(browser.install().await.status(), 200);
    assert_eq!(browser.page("/acme").await.status(), 200);
    let before = serving.memory();
    let mut reader = Reader::new(connect(TRUSTED, address).await);
    let large = browser.request("GET", &Mount::Path.at("/large"), &[]);
    reader.stream().write_all(large.as_bytes()).await.unwrap();
    let mut read = 0;
    while read < 200 * MIB {
        read += reader.some().await.expect("it ended").len();
    }
    let grown = serving.most_memory().saturating_sub(before);
    assert!(grown < 16 * MIB, "{} MiB more", grown / MIB);
}
