//! By what a request is found again: `X-Request-Id` and `traceparent`.

use crate::harness::{App, Message, STRANGER, Sidecar, TRUSTED, changed, fixture, pair};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const GIVEN: &str = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
const STATE: &str = "tracestate: edge=1";

/// The trace's id and whether a valid header says it.
fn trace(message: &Message) -> String {
    let values = message.values("traceparent");
    assert_eq!(values.len(), 1, "{}", message.head);
    let parts: Vec<_> = values[0].split('-').collect();
    let lengths: Vec<_> = parts.iter().map(|part| part.len()).collect();
    assert_eq!(lengths, [2, 32, 16, 2], "{}", values[0]);
    parts[1].to_owned()
}

#[tokio::test]
async fn a_trusted_peers_trace_and_id_go_on_as_they_are() {
    let (app, sidecar) = pair().await;
    let answer = sidecar.get(TRUSTED, "/", &[GIVEN, STATE, "X-Request-Id: edge-1"]).await;
    let seen = app.last();
    assert_eq!(seen.values("traceparent"), [GIVEN.split_once(": ").unwrap().1]);
    assert_eq!(seen.values("tracestate"), ["edge=1"]);
    assert_eq!(seen.values("x-request-id"), ["edge-1"]);
    assert_eq!(answer.values("x-request-id"), ["edge-1"]);
}

#[tokio::test]
async fn anybody_elses_are_replaced() {
    let (app, sidecar) = pair().await;
    let lines = [GIVEN, STATE, "X-Request-Id: mine", "trace_parent: x", "Trace-State: x"];
    let answer = sidecar.get(STRANGER, "/", &lines).await;
    let seen = app.last();
    assert_ne!(trace(&seen), TRACE);
    assert!(seen.values("tracestate").is_empty(), "{}", seen.head);
    assert_eq!(seen.values("x-request-id"), answer.values("x-request-id"));
    assert_eq!(trace(&seen), answer.values("x-request-id")[0].replace('-', ""));
}

#[tokio::test]
async fn what_a_trusted_peer_says_wrongly_begins_anew() {
    let (app, sidecar) = pair().await;
    for lines in [
        &[STATE][..],
        &["traceparent: 00-00000000000000000000000000000000-00f067aa0ba902b7-01", STATE],
        &["traceparent: nonsense", STATE],
        &[GIVEN, GIVEN, STATE],
    ] {
        sidecar.get(TRUSTED, "/", lines).await;
        let seen = app.last();
        assert_ne!(trace(&seen), TRACE, "{lines:?}");
        assert!(seen.values("tracestate").is_empty(), "{lines:?}: a state of no trace");
    }
    for id in ["", "a b", "ü", &"x".repeat(129)] {
        let answer = sidecar.get(TRUSTED, "/", &[&format!("X-Request-Id: {id}")]).await;
        assert_eq!(answer.values("x-request-id")[0].len(), 36, "{id}");
    }
    let two = sidecar.get(TRUSTED, "/", &["X-Request-Id: a", "X-Request-Id: b"]).await;
    assert_eq!(two.values("x-request-id")[0].len(), 36, "nobody can say which of two counts");
    assert_eq!(app.last().values("x-request-id"), two.values("x-request-id"));
}

#[tokio::test]
async fn an_app_that_names_its_requests_keeps_its_word() {
    let app = App::answering(|_| {
        Some(b"HTTP/1.1 200 OK\r\nX-Request-Id: app-1\r\nContent-Length: 0\r\n\r\n".to_vec())
    })
    .await;
    let sidecar = Sidecar::start(&fixture(app.address)).await;
    assert_eq!(sidecar.get(STRANGER, "/", &[]).await.values("x-request-id"), ["app-1"]);
}

#[tokio::test]
async fn a_question_to_the_app_belongs_to_its_visitors_trace() {
    let app = App::start().await;
    let changes = [("  from: headers", "  from: probe\n  probe: { path: /who }")];
    let sidecar = Sidecar::start(&changed(&fixture(app.address), &changes)).await;
    let answer = sidecar.install(TRUSTED, &[GIVEN, "X-Request-Id: edge-2"]).await;
    assert_eq!(trace(&app.last()), TRACE);
    assert_eq!(app.last().values("x-request-id"), ["edge-2"]);
    assert_eq!(answer.values("x-request-id"), ["edge-2"]);
    let answer = sidecar.install(STRANGER, &[GIVEN]).await;
    assert_eq!(trace(&app.last()), answer.values("x-request-id")[0].replace('-', ""));
}
