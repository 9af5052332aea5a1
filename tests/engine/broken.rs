//! Answers that break off behind their head: the visitor sees that they did.

use crate::harness::script::{Step, ok, say};
use crate::harness::{Message, Reader, STRANGER, Sidecar, connect};
use crate::kit::{Wrong, gist, playing};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const STALL: &str = "timeouts: { response: 5s, stall: 400ms }";

/// What the app says behind `HTTP/1.1 200 OK`, and how it goes on.
fn rows() -> Vec<(&'static str, &'static str, Step)> {
    vec![
        ("a length, closed", "Content-Length: 10\r\n\r\nabc", Step::Close),
        ("a length, reset", "Content-Length: 10\r\n\r\nabc", Step::Reset),
        ("a length, nothing of it", "Content-Length: 10\r\n\r\n", Step::Close),
        ("a length, all but a byte", "Content-Length: 10\r\n\r\nabcdefghi", Step::Close),
        ("a length, stalled", "Content-Length: 10\r\n\r\nabc", Step::Hang),
        ("a length, stalled at once", "Content-Length: 10\r\n\r\n", Step::Hang),
        ("chunks, closed", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", Step::Close),
        ("chunks, reset", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", Step::Reset),
        ("chunks, nothing of them", "Transfer-Encoding: chunked\r\n\r\n", Step::Close),
        ("chunks, closed within", "Transfer-Encoding: chunked\r\n\r\n5\r\nab", Step::Close),
        ("chunks, closed in the last", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", Step::Close),
        ("chunks, closed in a trailer", "Transfer-Encoding: chunked\r\n\r\n0\r\nX-A: b\r\n", Step::Close),
        ("chunks, stalled", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", Step::Hang),
        ("chunks, stalled before the end", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", Step::Hang),
        ("no size at all", "Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n", Step::Hang),
        ("a size that is none", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\nabc\r\n", Step::Hang),
        ("a size with a sign", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n-1\r\nabc\r\n", Step::Hang),
        (
            "a size beyond 64 bits",
            "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n10000000000000003\r\nabc\r\n0\r\n\r\n",
            Step::Hang,
        ),
        ("a chunk too long", "Transfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n", Step::Hang),
    ]
}

async fn app_and_sidecar() -> (crate::harness::script::Scripted, Sidecar) {
    playing(STALL, |call| match call.path().strip_prefix("/row/") {
        Some(row) => {
            let (_, text, then) = rows().swap_remove(row.parse().unwrap());
            vec![say(format!("HTTP/1.1 200 OK\r\n{text}")), then]
        }
        None => vec![ok("fine")],
    })
    .await
}

/// The answer is not whole, and nothing follows it on its connection.
fn is_broken(answer: Option<&Message>) -> bool {
    answer.is_none_or(|answer| !answer.whole || answer.status() == 502)
}

#[tokio::test]
async fn a_broken_answer_does_not_end_cleanly() {
    let (app, sidecar) = app_and_sidecar().await;
    let mut wrong = Wrong::default();
    for (row, (case, ..)) in rows().iter().enumerate() {
        let mut visitor = Reader::new(connect(STRANGER, sidecar.address).await);
        let path = format!("/row/{row}");
        visitor.stream().write_all(&crate::harness::request("GET", &path, &[])).await.unwrap();
        let answer = visitor.answer().await;
        wrong.expect(is_broken(answer.as_ref()), case, gist(answer.as_ref()));
        // Who hears nothing on a connection that served before takes it for stale, and asks again.
        wrong.expect(answer.is_some(), case, "nothing came");
        let told = answer.as_ref().is_some_and(|answer| answer.status() == 502 && answer.whole);
        wrong.expect(told || visitor.ends().await, case, "the connection goes on");
        let next = sidecar.get(STRANGER, "/next", &[]).await;
        wrong.expect(gist(Some(&next)) == "200 fine", case, format!("next: {}", gist(Some(&next))));
        wrong.expect(app.count(&path) == 1, case, format!("asked {} times", app.count(&path)));
    }
}

/// For an old client, nginx among them, the end of the connection is the end of the body: only a reset
/// tells that it is not.
#[tokio::test]
async fn a_broken_answer_does_not_end_cleanly_for_an_old_client_either() {
    let (_app, sidecar) = app_and_sidecar().await;
    let mut wrong = Wrong::default();
    for (row, (case, ..)) in rows().iter().enumerate() {
        let mut visitor = connect(STRANGER, sidecar.address).await;
        let request = format!("GET /row/{row} HTTP/1.0\r\nHost: app.test\r\n\r\n");
        visitor.write_all(request.as_bytes()).await.unwrap();
        let mut said = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(20), visitor.read_to_end(&mut said)).await;
        let said = String::from_utf8_lossy(&said).into_owned();
        // A length tells the visitor, too.
        let told = said.is_empty() || said.starts_with("HTTP/1.0 502") || said.starts_with("HTTP/1.1 502");
        let short = said.contains("ength: 10\r\n") && !said.ends_with("abcdefghij");
        let reset = ended.expect("the answer never ended").is_err();
        wrong.expect(told || short || reset, case, format!("a clean end of {said:?}"));
    }
}

/// `timeouts.stall` is the wait between two pieces, not for all of them.
#[tokio::test]
async fn a_slow_answer_is_not_a_stalled_one() {
    let pieces = |chunked: bool| {
        let pause = || Step::Pause(Duration::from_millis(150));
        let (head, piece, end) = if chunked {
            ("Transfer-Encoding: chunked", "1\r\nx\r\n", "0\r\n\r\n")
        } else {
            ("Content-Length: 8", "x", "")
        };
        let mut steps = vec![say(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n"))];
        steps.extend((0..8).flat_map(|_| [pause(), say(piece)]));
        steps.push(say(end));
        steps
    };
    let (_app, sidecar) = playing(STALL, move |call| pieces(call.path() == "/chunked")).await;
    let mut visitor = sidecar.visitor(STRANGER);
    for path in ["/length", "/chunked"] {
        let answer = visitor.get(path, &[]).await;
        assert_eq!(gist(Some(&answer)), "200 xxxxxxxx", "{path}");
    }
}

/// The head of a broken answer and what came of its body do arrive.
#[tokio::test]
async fn what_came_before_the_break_arrives() {
    let body = "x".repeat(100_000);
    let text = format!("HTTP/1.1 200 OK\r\nX-App: here\r\nContent-Length: 200000\r\n\r\n{body}");
    let (_app, sidecar) = playing(STALL, move |_| vec![say(&text), Step::Hang]).await;
    let mut visitor = Reader::new(connect(STRANGER, sidecar.address).await);
    visitor.stream().write_all(&crate::harness::request("GET", "/", &[])).await.unwrap();
    let answer = visitor.answer().await.unwrap();
    assert_eq!((answer.status(), answer.body.len(), answer.whole), (200, 100_000, false));
    assert!(visitor.ends().await);
}
