//! The end in order: no stream that is under way is lost, and nobody is waited for without end.

use crate::harness::STRANGER;
use crate::harness::child::{Ended, Serving};
use crate::harness::http2::{DATA, GOAWAY, get};
use crate::harness::script::{Step, ok, say, until};
use crate::kit::{SLACK, Stage, client, gist, ms, stage};
use std::time::{Duration, Instant};

/// Waits for the end of the program, while the app goes on.
async fn ended(serving: Serving) -> (Ended, Instant) {
    tokio::task::spawn_blocking(|| (serving.end(), Instant::now())).await.unwrap()
}

#[tokio::test]
async fn streams_under_way_end_and_connections_at_rest_do_so_at_once() {
    let Stage { app, serving, address, .. } =
        stage("h2-end", "timeouts: { idle: 60s }", |call| match call.path() {
            "/slow" => vec![Step::Pause(ms(1500)), ok("slow")],
            path => vec![ok(path)],
        })
        .await;
    let mut rested = client(STRANGER, address).await;
    assert_eq!(gist(&rested.ask(&get("/rested", &[])).await), "200 /rested");
    // This one never answers to anything.
    let mut deaf = client(STRANGER, address).await;
    deaf.begin(&get("/deaf", &[]), true).await;
    let mut busy = Vec::new();
    for _ in 0..5 {
        let mut visitor = client(STRANGER, address).await;
        let streams =
            [visitor.begin(&get("/slow", &[]), true).await, visitor.begin(&get("/slow", &[]), true).await];
        busy.push((visitor, streams));
    }
    until("the app is asked", || app.count("/slow") == 10 && app.count("/deaf") == 1).await;
    let start = Instant::now();
    serving.terminate();
    assert_eq!(rested.farewell().await, Some(0));
    assert!(start.elapsed() < ms(500) + SLACK, "at rest: {:?}", start.elapsed());
    for (mut visitor, streams) in busy {
        let mut bodies = 0;
        let mut farewell = false;
        while let Some(frame) = visitor.frame().await {
            match frame.kind {
                DATA if !frame.payload.is_empty() => {
                    assert!(frame.payload == b"slow" && streams.contains(&frame.stream));
                    bodies += 1;
                }
                GOAWAY => farewell = true,
                6 if frame.flags == 0 => {
                    visitor.send(&crate::harness::http2::frame(6, 1, 0, &frame.payload)).await;
                }
                _ => {}
            }
        }
        assert!(farewell && bodies == 2, "{farewell} {bodies}");
    }
    let last = start.elapsed();
    let (ended, at) = ended(serving).await;
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    let took = at.duration_since(start);
    assert!(last > ms(1000) && took < ms(1500) + SLACK, "{last:?}, {took:?}");
}

#[tokio::test]
async fn a_stream_that_does_not_end_is_cut_off_when_the_grace_is_over() {
    let more = "timeouts: { idle: 60s }\nshutdown: { grace: 1s }";
    let Stage { app, serving, address, .. } = stage("h2-cut", more, |_| {
        vec![say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n"), Step::Hang]
    })
    .await;
    let mut visitor = client(STRANGER, address).await;
    visitor.begin(&get("/events", &[]), true).await;
    until("the app is asked", || app.count("/events") == 1).await;
    let start = Instant::now();
    serving.terminate();
    let (ended, at) = ended(serving).await;
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    let took = at.duration_since(start);
    assert!(took > ms(800) && took < Duration::from_secs(1) + SLACK, "{took:?}");
}
