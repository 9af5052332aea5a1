//! A process that runs out of file descriptors, and one that is full: neither ends nor spins.

use crate::harness::child::{Scratch, Serving};
use crate::harness::script::{Scripted, Step, ok, until};
use crate::harness::{Message, Reader, SECRET, STRANGER, changed, connect, fixture, request};
use crate::kit::gist;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const ENVIRONMENT: &[(&str, &str)] = &[("FIXTURE_SECRET", SECRET)];

async fn app() -> Scripted {
    Scripted::start(|call| match call.path() {
        "/slow" => vec![Step::Body, Step::Pause(Duration::from_millis(300)), ok("/slow")],
        path => vec![Step::Body, ok(path)],
    })
    .await
}

fn file(app: &Scripted, more: &str) -> String {
    let more = format!("{more}\nlog:");
    changed(&fixture(app.address), &[("log:", &more), ("level: trace", "level: info")])
}

/// A request over a connection of its own; none where there is no answer in time.
async fn try_get(address: SocketAddr, path: &str) -> Option<Message> {
    let asked = async {
        let mut reader = Reader::new(connect(STRANGER, address).await);
        reader.stream().write_all(&request("GET", path, &[])).await.ok()?;
        reader.answer().await
    };
    tokio::time::timeout(Duration::from_secs(3), asked).await.ok()?
}

/// Until a request is answered as usual.
async fn recovered(address: SocketAddr) {
    let start = Instant::now();
    while try_get(address, "/again").await.is_none_or(|answer| answer.status() != 200) {
        assert!(start.elapsed() < Duration::from_secs(15), "it does not recover");
    }
}

#[tokio::test]
async fn without_descriptors_it_neither_ends_nor_spins() {
    let app = app().await;
    let scratch = Scratch::new("files");
    let config = scratch.write("c.yaml", file(&app, "timeouts: { header: 60s, idle: 60s }"));
    let mut serving = Serving::start_with_files(64, &config, ENVIRONMENT);
    let address = serving.address();
    recovered(address).await;
    for round in 0..2 {
        // More visitors than it may have files: those beyond wait, or are turned away.
        let mut visitors: Vec<TcpStream> = Vec::new();
        for _ in 0..150 {
            let mut stream = connect(STRANGER, address).await;
            // It may be closed at once.
            drop(stream.write_all(&request("GET", "/fill", &[])).await);
            visitors.push(stream);
        }
        until("the app is asked", || app.count("/fill") > 0).await;
        // Let it come to rest, then see what it costs to be full.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let before = serving.cpu();
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let spent = serving.cpu().checked_sub(before).unwrap();
        assert!(spent < Duration::from_millis(400), "{spent:?} of 1.5 s in round {round}");
        drop(visitors);
        recovered(address).await;
    }
    serving.terminate();
    assert_eq!(tokio::task::spawn_blocking(|| serving.end().code).await.unwrap(), Some(0));
}

/// Those who are in keep being served, and told what is wrong where there is no file for the app.
#[tokio::test]
async fn without_descriptors_who_is_in_is_answered() {
    let app = app().await;
    let scratch = Scratch::new("inside");
    let config = scratch.write("c.yaml", file(&app, "timeouts: { header: 60s, idle: 60s }"));
    let mut serving = Serving::start_with_files(64, &config, ENVIRONMENT);
    let address = serving.address();
    let mut inside = Reader::new(connect(STRANGER, address).await);
    inside.stream().write_all(&request("GET", "/in", &[])).await.unwrap();
    assert_eq!(gist(inside.answer().await.as_ref()), "200 /in");
    let mut visitors = Vec::new();
    for _ in 0..150 {
        visitors.push(connect(STRANGER, address).await);
    }
    for _ in 0..20 {
        inside.stream().write_all(&request("GET", "/in", &[])).await.unwrap();
        let answer = inside.answer().await;
        // Its connection to the app may have grown too old, and there is none to be had.
        let got = gist(answer.as_ref());
        assert!(got == "200 /in" || got == "502 upstream-unreachable", "{got}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let minted = {
        inside.stream().write_all(&request("GET", "/pandium/install/gwt2hs", &[])).await.unwrap();
        inside.answer().await
    };
    assert_eq!(gist(minted.as_ref()), "403 untrusted-peer");
    drop(visitors);
    recovered(address).await;
}

/// The bound on connections is one, however many workers share it, and a place is free when it is left.
#[tokio::test]
async fn all_workers_share_one_bound() {
    let app = app().await;
    let scratch = Scratch::new("bound");
    let config = scratch.write("c.yaml", file(&app, "limits: { connections: 10 }\ntimeouts: { idle: 60s }"));
    let mut serving = Serving::start(&config, &["--workers", "2", "--log-format", "json"], ENVIRONMENT);
    let address = serving.address();
    for round in 0..3 {
        let kept = inside(address, 10).await;
        for _ in 0..10 {
            let mut one_more = Reader::new(connect(STRANGER, address).await);
            let answer = one_more.answer().await.unwrap();
            assert_eq!((answer.status(), answer.code().as_str()), (503, "overloaded"), "round {round}");
            assert_eq!(answer.values("retry-after").len(), 1);
            assert!(one_more.ends().await);
        }
        // Whoever asks at once is told as well: the answer is not lost over what was not read.
        for _ in 0..10 {
            let answer = try_get(address, "/x").await;
            assert_eq!(answer.map(|answer| answer.status()), Some(503), "round {round}");
        }
        drop(kept);
    }
    assert_eq!(app.count("/x"), 0);
}

/// So many connections that are served, as soon as there are places for them.
async fn inside(address: SocketAddr, places: usize) -> Vec<Reader<TcpStream>> {
    let start = Instant::now();
    loop {
        let mut inside = Vec::new();
        for _ in 0..places {
            let mut reader = Reader::new(connect(STRANGER, address).await);
            drop(reader.stream().write_all(&request("GET", "/in", &[])).await);
            match reader.answer().await {
                Some(answer) if answer.status() == 200 => inside.push(reader),
                _ => break,
            }
        }
        if inside.len() == places {
            return inside;
        }
        assert!(start.elapsed() < Duration::from_secs(15), "{} places are free", inside.len());
    }
}
