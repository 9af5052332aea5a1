//! Trailers of answers (RFC 9110 §6.5): for visitors who take them, and never identity or framing.

use crate::harness::script::{Step, say};
use crate::harness::{Message, STRANGER, TRUSTED, request};
use crate::kit::{Wrong, ask, gist, playing};

/// An app that sends these trailers, announced where `announced`.
async fn answered(announced: &str, trailers: &str, lines: &[&str], version: &str) -> Message {
    let announcement = if announced.is_empty() { String::new() } else { format!("Trailer: {announced}\r\n") };
    let said = format!(
        "HTTP/1.1 200 OK\r\n{announcement}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n{trailers}\r\n"
    );
    let (_app, sidecar) = playing("", move |_| vec![Step::Body, say(&said)]).await;
    let mut bytes = String::from_utf8(request("GET", "/", lines)).unwrap();
    bytes = bytes.replace("HTTP/1.1", version);
    let mut visitor = sidecar.visitor(STRANGER);
    let answer = ask(&mut visitor, bytes).await;
    assert_eq!(gist(answer.as_ref()), "200 hello", "{trailers}");
    if version == "HTTP/1.1" {
        let next = ask(&mut visitor, request("GET", "/", &[])).await;
        assert_eq!(gist(next.as_ref()), "200 hello", "{trailers}");
    }
    answer.unwrap()
}

const TAKES: &[&str] = &["TE: trailers", "Connection: TE"];

#[tokio::test]
async fn trailers_reach_who_takes_them() {
    let trailers = "X-Sum: abc\r\nServer-Timing: db;dur=1\r\n";
    for lines in [TAKES, &["TE: gzip, Trailers", "Connection: te, keep-alive"]] {
        let answer = answered("X-Sum, Server-Timing", trailers, lines, "HTTP/1.1").await;
        let got = answer.trailers.to_ascii_lowercase();
        assert_eq!(got, trailers.to_ascii_lowercase(), "{lines:?}");
        let announced = answer.values("trailer").join(", ").to_ascii_lowercase();
        assert_eq!(announced, "x-sum, server-timing", "{lines:?}");
    }
}

#[tokio::test]
async fn trailers_reach_nobody_else() {
    for (lines, version) in [
        (&[][..], "HTTP/1.1"),
        (&["TE: gzip"], "HTTP/1.1"),
        (&["TE: trailersx"], "HTTP/1.1"),
        (&["TE:"], "HTTP/1.1"),
        (TAKES, "HTTP/1.0"),
    ] {
        let answer = answered("X-Sum", "X-Sum: abc\r\n", lines, version).await;
        assert_eq!(answer.trailers, "", "{lines:?}");
        assert!(answer.values("trailer").is_empty(), "{lines:?}: {}", answer.head);
        assert!(!answer.text().contains("abc"));
    }
}

/// What nobody may learn from a trailer, and what nobody may be framed by.
#[tokio::test]
async fn some_fields_are_no_trailers() {
    let mut wrong = Wrong::default();
    for name in [
        "X-Tenant-Id",
        "x_tenant_id",
        "X-User-Email",
        "X-Pandium-Token",
        "x.pandium.url",
        "Content-Length",
        "Transfer-Encoding",
        "Connection",
        "Keep-Alive",
        "Trailer",
        "Upgrade",
        "Host",
        "Proxy-Authenticate",
    ] {
        let trailers = format!("{name}: evil\r\nX-Sum: abc\r\n");
        let answer = answered(&format!("{name}, X-Sum"), &trailers, TAKES, "HTTP/1.1").await;
        wrong.expect(!answer.trailers.contains("evil"), name, &answer.trailers);
        let announced = answer.values("trailer").join(", ").to_ascii_lowercase();
        wrong.expect(!announced.contains(&name.to_ascii_lowercase()), name, announced);
        wrong.expect(answer.trailers.to_ascii_lowercase().contains("x-sum: abc"), name, "X-Sum is gone");
    }
}

/// Whatever a trailer says, the next answer on the connection is its own.
#[tokio::test]
async fn unannounced_trailers_change_nothing() {
    for trailers in
        ["X-Sum: abc\r\n", "X-A: b\r\nX-A: c\r\n", "Set-Cookie: a=b\r\n", "Content-Length: 99\r\n"]
    {
        let answer = answered("", trailers, TAKES, "HTTP/1.1").await;
        assert!(answer.whole && answer.values("set-cookie").is_empty(), "{trailers}");
    }
}

/// A8: and a request's reach nobody, whatever it announces, by whomever.
#[tokio::test]
async fn a_requests_trailers_are_dropped() {
    let (app, sidecar) = crate::raw::app_and_sidecar().await;
    for from in [TRUSTED, STRANGER] {
        for name in ["X-Sum", "X-Tenant-Id", "Content-Length", "Transfer-Encoding", "Host", "X-Request-Id"] {
            for announcement in [format!("Trailer: {name}\r\n"), String::new()] {
                let bytes = format!(
                    "POST /row HTTP/1.1\r\nHost: app.test\r\n{announcement}TE: trailers\r\nConnection: TE\r\n\
                     Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n{name}: evil\r\n\r\n"
                );
                let mut visitor = sidecar.visitor(from);
                for _ in 0..2 {
                    let answer = ask(&mut visitor, &bytes).await;
                    assert_eq!(gist(answer.as_ref()), "200 /row", "{bytes}");
                    let seen = app.last();
                    assert_eq!((seen.text(), seen.trailers.as_str()), ("hello".to_owned(), ""), "{bytes}");
                    assert!(seen.values("trailer").is_empty() && !seen.head.contains("evil"), "{bytes}");
                }
            }
        }
    }
}
