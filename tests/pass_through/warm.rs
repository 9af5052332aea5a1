//! What passes over a connection to the app that was used before: a plain request then goes on from its
//! head as it stands. What has to hold on that way is said here without a word about the other.

use crate::harness::message::PATIENCE;
use crate::harness::{App, Message, STRANGER, Sidecar, TRUSTED, Visitor, changed, fixture, pair, pair_with};

const TRACED: &str = "Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// The lines that the app sees behind the first, but for the ids that are made.
async fn seen(app: &App, visitor: &mut Visitor, lines: &[&str]) -> Vec<String> {
    visitor.get("/", &[]).await;
    let (requests, connections) = (app.count(), app.connections());
    visitor.get("/page?a=1&b", lines).await;
    assert_eq!((app.count(), app.connections()), (requests + 1, connections), "not over a warm connection");
    let seen = app.last();
    assert_eq!(seen.first_line(), "GET /page?a=1&b HTTP/1.1");
    let made = |line: &&str| {
        let id = line.strip_prefix("X-Request-Id: ").is_some_and(|id| id.len() == 36);
        id || line.starts_with("Traceparent: 00-") && *line != TRACED
    };
    seen.head.trim_end().lines().skip(1).filter(|line| !made(line)).map(str::to_owned).collect()
}

/// Lines of whom the app may know more than of a stranger.
const LINES: [&str; 19] = [
    "X-Other: 1",
    "Cookie: a=b",
    "x-oDD-case:   spaced out  ",
    "Connection: keep-alive",
    "X-Tenant-Id: acme",
    "Cookie: c=d",
    "X_Forwarded_For: evil",
    "x.forwarded.proto: evil",
    "X-Forwarded-For: 10.0.0.9, 10.0.0.8",
    "x-forwarded-for: 10.0.0.7",
    "x-forwarded-HOST: shop.test",
    "X-Forwarded-Port: 8443",
    "Forwarded: for=10.0.0.9",
    "x-request-id: edge-7",
    TRACED,
    "tracestate: a=1",
    "X_Request.Id: evil",
    "X-Empty:",
    "X-Other: 2",
];

#[tokio::test]
async fn a_trusted_peers_word_goes_on() {
    let (app, sidecar) = pair().await;
    let seen = seen(&app, &mut sidecar.visitor(TRUSTED), &LINES).await;
    assert_eq!(
        seen,
        [
            "Host: app.test",
            "X-Other: 1",
            "Cookie: a=b",
            "x-oDD-case: spaced out",
            "X-Tenant-Id: acme",
            "Cookie: c=d",
            "x-forwarded-HOST: shop.test",
            "X-Forwarded-Port: 8443",
            "Forwarded: for=10.0.0.9",
            TRACED,
            "tracestate: a=1",
            "X-Empty: ",
            "X-Other: 2",
            "X-Forwarded-For: 10.0.0.9, 10.0.0.8, 10.0.0.7, 127.0.0.2",
            "X-Forwarded-Proto: http",
            "X-Request-Id: edge-7",
        ]
    );
}

#[tokio::test]
async fn a_strangers_word_is_replaced() {
    let (app, sidecar) = pair().await;
    let seen = seen(&app, &mut sidecar.visitor(STRANGER), &LINES).await;
    assert_eq!(
        seen,
        [
            "Host: app.test",
            "X-Other: 1",
            "Cookie: a=b",
            "x-oDD-case: spaced out",
            "Cookie: c=d",
            "X-Empty: ",
            "X-Other: 2",
            "X-Forwarded-For: 127.0.0.3",
            "X-Forwarded-Proto: http",
            "X-Forwarded-Host: app.test",
            "X-Forwarded-Port: 80",
        ]
    );
}

/// Where a trusted peer says less, the rest is said for it, but for the port, which nobody knows then.
#[tokio::test]
async fn what_a_trusted_peer_does_not_say_is_said() {
    let (app, sidecar) = pair().await;
    let seen = seen(&app, &mut sidecar.visitor(TRUSTED), &["tracestate: a=1"]).await;
    let said = ["X-Forwarded-For: 127.0.0.2", "X-Forwarded-Proto: http", "X-Forwarded-Host: app.test"];
    assert_eq!(seen, [&["Host: app.test"], &said[..]].concat(), "and no state of a trace that is not told");
}

#[tokio::test]
async fn the_secret_of_a_trusted_peer_stays() {
    let shown = "peers: 127.0.0.2, header: { name: X-Edge, value: { env: FIXTURE_SECRET } }";
    let (app, sidecar) = pair_with(&[("peers: 127.0.0.2", shown)]).await;
    for line in ["X-Edge: guess", "x-edge: guess", "X_Edge: guess"] {
        let seen = seen(&app, &mut sidecar.visitor(TRUSTED), &[line, "X-Tenant-Id: acme"]).await;
        assert!(!seen.concat().contains("guess") && !seen.concat().contains("acme"), "{seen:?}");
    }
    let secret = format!("X-Edge: {}", crate::harness::SECRET);
    let seen = seen(&app, &mut sidecar.visitor(TRUSTED), &[&secret, "X-Tenant-Id: acme"]).await;
    assert!(!seen.concat().contains(crate::harness::SECRET), "{seen:?}");
    assert!(seen.contains(&"X-Tenant-Id: acme".to_owned()), "{seen:?}");
}

/// Has the app say this to a request over a warm connection, and returns what the visitor hears.
async fn heard(app: fn(&Message) -> Option<Vec<u8>>, changes: &[(&str, &str)], request: &str) -> Message {
    let app = App::answering(app).await;
    let sidecar = Sidecar::start(&changed(&fixture(app.address), changes)).await;
    let mut visitor = sidecar.visitor(STRANGER);
    visitor.get("/warm", &[]).await;
    let answer = tokio::time::timeout(PATIENCE, visitor.send(request)).await.expect("no end of it");
    if answer.status() == 200 {
        assert_eq!(visitor.get("/warm", &[]).await.text(), "ok", "what follows is not told apart from it");
        assert_eq!(app.connections(), 1);
    }
    answer
}

fn or_warm(request: &Message, said: &str) -> Option<Vec<u8>> {
    let warm = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let said = if request.first_line().contains("/warm") { warm } else { said };
    (!said.is_empty()).then(|| said.as_bytes().to_vec())
}

#[tokio::test]
async fn an_answer_to_head_has_no_body() {
    for app in [
        |request: &Message| or_warm(request, "HTTP/1.1 200 OK\r\n\r\n"),
        |request: &Message| or_warm(request, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
        |request: &Message| or_warm(request, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ] {
        let answer = heard(app, &[], "HEAD / HTTP/1.1\r\nHost: app.test\r\n\r\n").await;
        assert_eq!((answer.status(), answer.text().as_str()), (200, ""));
    }
}

#[tokio::test]
async fn nobody_gets_trailers_who_did_not_ask() {
    let app = |request: &Message| {
        let head = "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n";
        or_warm(request, &format!("{head}2\r\nhi\r\n0\r\nX-Sum: abc\r\n\r\n"))
    };
    let answer = heard(app, &[], "GET / HTTP/1.1\r\nHost: app.test\r\n\r\n").await;
    assert_eq!((answer.text().as_str(), answer.trailers.as_str()), ("hi", ""));
    assert!(answer.values("trailer").is_empty(), "{}", answer.head);
}

#[tokio::test]
async fn a_session_in_an_answer_is_no_visitors() {
    let app = |request: &Message| {
        let fields = "X-Tenant-Id: acme\r\nx_user_email: a@b\r\nX-User-Groups: a\r\nX-Other: 1\r\n";
        or_warm(request, &format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 2\r\n\r\nhi"))
    };
    for from in ["  from: probe\n  probe: { path: /who }", "  from: handoff"] {
        let answer =
            heard(app, &[("  from: headers", from)], "GET / HTTP/1.1\r\nHost: app.test\r\n\r\n").await;
        assert_eq!((answer.text().as_str(), answer.values("x-other")), ("hi", vec!["1"]), "{from}");
        let names = answer.names().concat().to_ascii_lowercase();
        assert!(!names.contains("tenant") && !names.contains("user"), "{from}: {}", answer.head);
    }
}

#[tokio::test]
async fn a_failure_is_told_in_the_form_that_is_taken() {
    let silent: fn(&Message) -> Option<Vec<u8>> = |request| or_warm(request, "");
    let nonsense: fn(&Message) -> Option<Vec<u8>> = |request| or_warm(request, "nonsense\r\n\r\n");
    for (app, status, code) in [(silent, 504, "upstream-timeout"), (nonsense, 502, "upstream-unreachable")] {
        for (accept, kind) in
            [("text/html, */*", "text/html; charset=utf-8"), ("application/json", "application/problem+json")]
        {
            let request = format!("GET / HTTP/1.1\r\nHost: app.test\r\nAccept: {accept}\r\n\r\n");
            let answer = heard(app, &[("log:", "timeouts: { response: 100ms }\nlog:")], &request).await;
            assert_eq!((answer.status(), answer.values("content-type")), (status, vec![kind]), "{accept}");
            assert!(answer.text().contains(code), "{accept}: {}", answer.text());
            assert_eq!(answer.values("x-request-id").len(), 1);
        }
    }
}
