//! What a visitor is told where the app, or the visitor, fails.

use crate::harness::{
    App, Reader, STRANGER, Sidecar, TRUSTED, assert_refused, changed, connect, fixture, nobody, pair,
    pair_with, request,
};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

#[tokio::test]
async fn an_app_that_is_down() {
    let (_held, address) = nobody();
    let sidecar = Sidecar::start(&fixture(address)).await;
    for request in
        [request("GET", "/", &[]), b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc".to_vec()]
    {
        let answer = sidecar.send(STRANGER, request).await;
        assert_refused(&answer, 502, "upstream-unreachable", "down");
    }
    let minted = sidecar.install(TRUSTED, &["X-Tenant-Id: a"]).await;
    assert_eq!(minted.status(), 302, "minting needs no app");
}

#[tokio::test]
async fn an_app_that_speaks_no_http() {
    for nonsense in
        ["no http at all\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "", "HTTP/1.1 200 OK\r\nbad header\r\n\r\n"]
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sidecar = Sidecar::start(&fixture(listener.local_addr().unwrap())).await;
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut reader = Reader::new(stream);
                reader.head().await;
                let _ = reader.stream().write_all(nonsense.as_bytes()).await;
            }
        });
        let answer = sidecar.get(STRANGER, "/", &[]).await;
        assert_refused(&answer, 502, "upstream-unreachable", nonsense);
    }
}

#[tokio::test]
async fn an_app_that_is_late() {
    let app = App::answering(|_| None).await;
    let text = changed(&fixture(app.address), &[("log:", "timeouts: { response: 50ms }\nlog:")]);
    let sidecar = Sidecar::start(&text).await;
    let answer = sidecar.get(STRANGER, "/", &[]).await;
    assert_refused(&answer, 504, "upstream-timeout", "late");
    let post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    assert_refused(&sidecar.send(STRANGER, post).await, 504, "upstream-timeout", "late");
}

#[tokio::test]
async fn a_visitor_who_stalls() {
    let (_app, sidecar) = pair_with(&[("log:", "timeouts: { body: 50ms }\nlog:")]).await;
    for begun in [
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n",
    ] {
        let mut visitor = sidecar.visitor(STRANGER);
        assert_refused(&visitor.send(begun).await, 408, "request-timeout", begun);
        assert!(!visitor.is_connected(), "{begun}");
    }
}

#[tokio::test]
async fn a_visitor_whose_body_is_malformed() {
    let (app, sidecar) = pair().await;
    for body in ["xyz\r\nabc\r\n0\r\n\r\n", "3\r\nabcdef\r\n0\r\n\r\n", "-1\r\n\r\n"] {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let mut visitor = sidecar.visitor(STRANGER);
        let answer = visitor.send(format!("{head}{body}")).await;
        assert_refused(&answer, 400, "bad-request", body);
        assert!(!visitor.is_connected(), "{body}");
    }
    assert!(app.seen().iter().all(|seen| !seen.whole), "the app took a broken body for a whole one");
}

#[tokio::test]
async fn without_an_app_what_is_not_ours_is_nowhere() {
    let text = changed(&fixture("127.0.0.1:1".parse().unwrap()), &[("upstream: http://127.0.0.1:1\n", "")]);
    let sidecar = Sidecar::start(&text).await;
    assert_refused(&sidecar.get(STRANGER, "/", &[]).await, 404, "not-found", "/");
    assert_eq!(sidecar.install(TRUSTED, &["X-Tenant-Id: a"]).await.status(), 302);
}

#[tokio::test]
async fn people_get_a_page_and_programs_a_problem() {
    let (_app, sidecar) = pair().await;
    for (accept, page) in [
        ("Accept: text/html", true),
        ("Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true),
        ("Accept: application/json", false),
        ("Accept: */*", false),
        ("X-None: x", false),
    ] {
        let answer = sidecar.install(TRUSTED, &[accept, "X-Request-Id: req-1"]).await;
        assert_eq!(answer.status(), 401, "{accept}");
        let kind = if page { "text/html; charset=utf-8" } else { "application/problem+json" };
        assert_eq!(answer.values("content-type"), [kind], "{accept}");
        assert_eq!(answer.values("cache-control"), ["no-store"]);
        assert_eq!(answer.values("x-content-type-options"), ["nosniff"]);
        let text = answer.text();
        assert!(text.contains("signed-out") && text.contains("req-1"), "{text}");
        assert_eq!(text.starts_with("<!doctype html>"), page);
        if page {
            let policy = "default-src 'none'; style-src 'unsafe-inline'";
            assert_eq!(answer.values("content-security-policy"), [policy]);
            // It has to show in the app's iframe.
            assert!(answer.values("x-frame-options").is_empty());
        } else {
            let problem: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(
                (problem["status"].as_u64(), problem["code"].as_str()),
                (Some(401), Some("signed-out"))
            );
        }
    }
}

/// What whoever is in front of us forgot is nothing about the visitor's account.
#[tokio::test]
async fn the_page_blames_whose_fault_it_is() {
    let all = "trust: { peers: 127.0.0.2, complete: true }";
    let (_app, sidecar) = pair_with(&[("trust: { peers: 127.0.0.2 }", all)]).await;
    let own = "X-Tenant-Id: acme";
    for (lines, words, account) in [
        (&[own][..], "is not set up as it should be", "nothing about your account"),
        (&["X-User-Email: -"], "is not set up as it should be", "nothing about your account"),
    ] {
        let answer = sidecar.install(TRUSTED, &[&["Accept: text/html"], lines].concat()).await;
        assert_eq!(answer.status(), 403, "{lines:?}");
        let page = answer.text();
        assert!(
            page.contains("incomplete-session") && page.contains(words) && page.contains(account),
            "{page}"
        );
        assert!(!page.contains("missing from your account"), "{page}");
    }
}

#[tokio::test]
async fn one_connection_too_many_is_told_so() {
    let (_app, sidecar) = pair_with(&[("log:", "limits: { connections: 2 }\nlog:")]).await;
    let mut kept = Vec::new();
    for _ in 0..2 {
        let mut visitor = sidecar.visitor(STRANGER);
        assert_eq!(visitor.get("/", &[]).await.status(), 200);
        kept.push(visitor);
    }
    let mut one_more = Reader::new(connect(STRANGER, sidecar.address).await);
    let answer = one_more.answer().await.unwrap();
    assert_eq!((answer.status(), answer.values("retry-after")), (503, vec!["1"]));
    assert!(one_more.ends().await);
    assert_eq!(kept[0].get("/", &[]).await.status(), 200, "those inside are served on");
}
