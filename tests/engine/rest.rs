//! Connections that are at rest for a while, and what comes right then: a connection at rest may be
//! held in another way than a busy one, and nothing that comes at the moment of change may be lost.

use crate::harness::script::{Scripted, Step, ok};
use crate::harness::{Reader, STRANGER, Sidecar, TRUSTED, connect, request};
use crate::kit::{Wrong, gist, playing, post};
use crate::raw::SMUGGLED;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

async fn patient() -> (Scripted, Sidecar) {
    playing("timeouts: { header: 3s, idle: 60s }", |call| vec![Step::Body, ok(call.path())]).await
}

async fn warm(address: SocketAddr) -> Reader<TcpStream> {
    let mut reader = Reader::new(connect(STRANGER, address).await);
    reader.stream().set_nodelay(true).unwrap();
    reader.stream().write_all(&request("GET", "/warm", &[])).await.unwrap();
    assert_eq!(gist(reader.answer().await.as_ref()), "200 /warm");
    reader
}

/// Longer than a head may take, and shorter than a connection may rest.
#[tokio::test]
async fn who_rests_is_answered_again() {
    let (_app, sidecar) =
        playing("timeouts: { header: 400ms, idle: 60s }", |call| vec![Step::Body, ok(call.path())]).await;
    let address = sidecar.address;
    let mut visitors = JoinSet::new();
    for rest in [300, 600, 1000, 1400, 1800, 2600] {
        visitors.spawn(async move {
            let mut reader = warm(address).await;
            for _ in 0..2 {
                tokio::time::sleep(ms(rest)).await;
                reader.stream().write_all((post("/again", 5) + "hello").as_bytes()).await.unwrap();
                let answer = reader.answer().await;
                assert_eq!(gist(answer.as_ref()), "200 /again", "after {rest} ms");
            }
        });
    }
    visitors.join_all().await;
}

/// The first byte of a head at any moment about the change, and the rest of it later.
#[tokio::test]
async fn a_head_may_begin_at_any_moment() {
    let (_app, sidecar) = patient().await;
    let address = sidecar.address;
    let mut visitors = JoinSet::new();
    for rest in (200..1400).step_by(15) {
        for (first, pause) in [(1, 0), (1, 120), (20, 1200)] {
            visitors.spawn(async move {
                let mut reader = warm(address).await;
                tokio::time::sleep(ms(rest)).await;
                let bytes = post("/again", 5) + "hello";
                let (first, rest_of_it) = bytes.split_at(first);
                reader.stream().write_all(first.as_bytes()).await.unwrap();
                tokio::time::sleep(ms(pause)).await;
                reader.stream().write_all(rest_of_it.as_bytes()).await.unwrap();
                let got = tokio::time::timeout(ms(5000), reader.answer()).await;
                (format!("{rest} ms, then {pause} ms"), gist(got.ok().flatten().as_ref()))
            });
        }
    }
    let mut wrong = Wrong::default();
    for (case, got) in visitors.join_all().await {
        wrong.expect(got == "200 /again", &case, got);
    }
}

/// A part of the next head comes with the request before it, and the rest when all is at rest.
#[tokio::test]
async fn half_a_head_in_advance_is_kept() {
    let (_app, sidecar) = patient().await;
    let address = sidecar.address;
    let mut visitors = JoinSet::new();
    let next = post("/next", 5) + "hello";
    for part in [1, 3, 5, 16, next.len() - 7, next.len() - 6, next.len() - 5, next.len() - 4, next.len() - 1]
    {
        for pause in [0, 300, 900, 1000, 1100, 1600] {
            let next = next.clone();
            visitors.spawn(async move {
                let mut reader = Reader::new(connect(STRANGER, address).await);
                let (first, rest) = next.split_at(part);
                let both = [request("GET", "/warm", &[]), first.into()].concat();
                reader.stream().write_all(&both).await.unwrap();
                assert_eq!(gist(reader.answer().await.as_ref()), "200 /warm");
                tokio::time::sleep(ms(pause)).await;
                reader.stream().write_all(rest.as_bytes()).await.unwrap();
                let got = tokio::time::timeout(ms(5000), reader.answer()).await;
                (format!("{part} bytes, {pause} ms"), gist(got.ok().flatten().as_ref()))
            });
        }
    }
    let mut wrong = Wrong::default();
    for (case, got) in visitors.join_all().await {
        wrong.expect(got == "200 /next", &case, got);
    }
}

/// And is late like any other, if the rest does not come.
#[tokio::test]
async fn half_a_head_in_advance_is_not_kept_without_end() {
    let (_app, sidecar) =
        playing("timeouts: { header: 1s, idle: 60s }", |call| vec![Step::Body, ok(call.path())]).await;
    let address = sidecar.address;
    let mut visitors = JoinSet::new();
    for part in [1, 5, 20, 37] {
        visitors.spawn(async move {
            let mut reader = Reader::new(connect(STRANGER, address).await);
            let half = &request("GET", "/next", &[])[..part];
            let both = [request("GET", "/warm", &[]), half.to_vec()].concat();
            reader.stream().write_all(&both).await.unwrap();
            assert_eq!(gist(reader.answer().await.as_ref()), "200 /warm");
            let ended = tokio::time::timeout(ms(4000), reader.ends()).await;
            assert!(ended.is_ok(), "{part} bytes are waited upon");
        });
    }
    visitors.join_all().await;
}

/// Several requests at once behind a rest, a body among them, and the connection's rules as before.
#[tokio::test]
async fn all_rules_hold_behind_a_rest() {
    let (app, sidecar) = patient().await;
    let address = sidecar.address;
    let mut visitors = JoinSet::new();
    for round in 0..10 {
        visitors.spawn(async move {
            let mut reader = warm(address).await;
            tokio::time::sleep(ms(1000 + round * 50)).await;
            let three = [
                request("GET", "/a", &[]),
                (post("/b", 5) + "hello").into_bytes(),
                request("GET", "/c", &["Connection: close"]),
                SMUGGLED.as_bytes().to_vec(),
            ];
            reader.stream().write_all(&three.concat()).await.unwrap();
            for path in ["/a", "/b", "/c"] {
                assert_eq!(gist(reader.answer().await.as_ref()), format!("200 {path}"));
            }
            assert!(reader.ends().await);

            let mut reader = warm(address).await;
            tokio::time::sleep(ms(1000 + round * 50)).await;
            let bad = format!("POST /bad HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\n\r\n{SMUGGLED}");
            reader.stream().write_all(bad.as_bytes()).await.unwrap();
            assert_eq!(reader.answer().await.unwrap().status(), 400);
            assert!(reader.ends().await);
        });
    }
    visitors.join_all().await;
    assert_eq!((app.count("/smuggled"), app.count("/bad")), (0, 0));
}

/// Who the peer is does not change with a rest.
#[tokio::test]
async fn a_peer_is_the_same_behind_a_rest() {
    let (_app, sidecar) = patient().await;
    let mut visitor = sidecar.visitor(TRUSTED);
    for _ in 0..2 {
        assert_eq!(visitor.install(&["X-Tenant-Id: acme"]).await.status(), 302);
        tokio::time::sleep(ms(1300)).await;
    }
    assert!(visitor.is_connected());
}

/// Who leaves while at rest leaves a place free.
#[tokio::test]
async fn who_leaves_while_at_rest_makes_room() {
    let more = "limits: { connections: 3 }\ntimeouts: { idle: 60s }";
    let (_app, sidecar) = playing(more, |call| vec![Step::Body, ok(call.path())]).await;
    for rest in [0, 1500] {
        let mut kept = Vec::new();
        for _ in 0..3 {
            kept.push(until_warm(sidecar.address).await);
        }
        tokio::time::sleep(ms(rest)).await;
        let one_more = sidecar.get(STRANGER, "/more", &[]).await;
        assert_eq!((one_more.status(), one_more.code().as_str()), (503, "overloaded"));
        drop(kept);
    }
    until_warm(sidecar.address).await;
}

/// A connection that is served, as soon as there is room for it.
async fn until_warm(address: SocketAddr) -> Reader<TcpStream> {
    loop {
        let mut reader = Reader::new(connect(STRANGER, address).await);
        reader.stream().write_all(&request("GET", "/warm", &[])).await.unwrap();
        if reader.answer().await.is_some_and(|answer| answer.status() == 200) {
            return reader;
        }
    }
}
