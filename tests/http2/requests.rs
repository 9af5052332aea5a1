//! What the app sees of a request that came by HTTP/2.

use crate::harness::http2::{DATA, END_STREAM, Outcome, frame, get};
use crate::harness::script::{Step, ok, until};
use crate::harness::{App, STRANGER, Sidecar, TRUSTED, request};
use crate::kit::{client, file, gist, playing};

fn post<'f>(path: &'f str, more: &[(&'f str, &'f str)]) -> Vec<(&'f str, &'f str)> {
    let mut fields = get(path, more);
    fields[0].1 = "POST";
    fields
}

#[tokio::test]
async fn the_app_sees_a_request_of_http1() {
    let app = App::start().await;
    let sidecar = Sidecar::start(&file(app.address, "")).await;
    let mut visitor = client(STRANGER, sidecar.address).await;
    let fields = get(
        "/a%2Fb/%7e?x=%zz&y",
        &[
            ("cookie", "a=1"),
            ("x-kept", "yes"),
            ("cookie", "b=2; c=3"),
            ("cookie", "d=4"),
            ("te", "trailers"),
        ],
    );
    assert_eq!(gist(&visitor.ask(&fields).await), "200 ok");
    let seen = app.last();
    assert_eq!(seen.first_line(), "GET /a%2Fb/%7e?x=%zz&y HTTP/1.1");
    for (name, value) in [
        ("host", "app.test"),
        ("cookie", "a=1; b=2; c=3; d=4"),
        ("x-kept", "yes"),
        ("te", "trailers"),
        ("connection", "TE"),
        ("x-forwarded-for", STRANGER),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "app.test"),
    ] {
        assert_eq!(seen.values(name), [value], "{}", seen.head);
    }
    assert!(seen.values("content-length").is_empty() && seen.values("transfer-encoding").is_empty());
    assert!(!seen.head.contains("\r\n:"), "{}", seen.head);
}

#[tokio::test]
async fn host_alone_will_do_and_both_have_to_agree() {
    let app = App::start().await;
    let sidecar = Sidecar::start(&file(app.address, "")).await;
    let mut visitor = client(STRANGER, sidecar.address).await;
    let mut alone = get("/", &[("host", "alone.test:8080")]);
    alone.remove(2);
    assert_eq!(gist(&visitor.ask(&alone).await), "200 ok");
    assert_eq!(app.last().values("host"), ["alone.test:8080"]);
    assert_eq!(gist(&visitor.ask(&get("/", &[("host", "App.Test")])).await), "200 ok");
    assert_eq!(app.last().values("host"), ["App.Test"]);
    for hosts in [&[("host", "evil.test")][..], &[("host", "app.test"), ("host", "app.test")]] {
        assert_eq!(gist(&visitor.ask(&get("/", hosts)).await), "400 bad-host", "{hosts:?}");
    }
    assert_eq!(app.count(), 2);
}

#[tokio::test]
async fn bodies_pass_whole_with_a_length_or_without() {
    let app = App::start().await;
    let sidecar = Sidecar::start(&file(app.address, "")).await;
    let mut visitor = client(STRANGER, sidecar.address).await;
    let body: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect();
    let length = body.len().to_string();
    for (more, framing) in [
        (&[("content-length", length.as_str())][..], ("content-length", length.as_str())),
        (&[], ("transfer-encoding", "chunked")),
    ] {
        let stream = visitor.begin(&post("/up", more), false).await;
        visitor.body(stream, &body, &[]).await;
        assert_eq!(gist(&visitor.outcome(stream).await), "200 ok", "{framing:?}");
        let seen = app.last();
        assert!(seen.body == body && seen.whole, "{framing:?}");
        assert_eq!(seen.values(framing.0), [framing.1]);
    }
    // A GET may have one as well.
    let stream = visitor.begin(&get("/up", &[]), false).await;
    visitor.send(&frame(DATA, END_STREAM, stream, b"body")).await;
    assert_eq!(gist(&visitor.outcome(stream).await), "200 ok");
    assert_eq!(app.last().body, b"body");
}

#[tokio::test]
async fn more_header_lines_or_longer_ones_than_allowed_are_431() {
    let app = App::start().await;
    let sidecar = Sidecar::start(&file(app.address, "limits: { headers: 20, header_bytes: 16KiB }")).await;
    let mut visitor = client(STRANGER, sidecar.address).await;
    let many = |count: usize| [get("/", &[]), vec![("x-any", "a"); count]].concat();
    assert_eq!(gist(&visitor.ask(&many(20)).await), "200 ok");
    assert_eq!(gist(&visitor.ask(&many(21)).await), "431 ");
    // Crumbs are one line to the app.
    assert_eq!(gist(&visitor.ask(&[get("/", &[]), vec![("cookie", "a=1"); 50]].concat()).await), "200 ok");
    let long = |length: usize| "a".repeat(length);
    assert_eq!(gist(&visitor.ask(&get("/", &[("x-any", &long(15_000))])).await), "200 ok");
    assert_eq!(gist(&visitor.ask(&get("/", &[("x-any", &long(16_400))])).await), "431 ");
    assert_eq!(gist(&visitor.ask(&get("/next", &[])).await), "200 ok");
    assert_eq!(app.count(), 4);
    let way_too_long = visitor.ask(&get("/", &[("x-any", &long(200_000))])).await;
    assert!(matches!(way_too_long, Outcome::Left(Some(11))), "{}", gist(&way_too_long));
}

/// `POST` and `PATCH` begin as the preface does, and a preface may come byte by byte.
#[tokio::test]
async fn one_listener_speaks_both() {
    let app = App::start().await;
    let sidecar = Sidecar::start(&file(app.address, "")).await;
    for method in ["GET", "POST", "PUT", "PATCH", "PROPFIND", "PRI", "P", "PR"] {
        let mut visitor = sidecar.visitor(STRANGER);
        for _ in 0..2 {
            assert_eq!(visitor.send(request(method, "/", &[])).await.status(), 200, "{method}");
        }
        assert_eq!(app.last().first_line(), format!("{method} / HTTP/1.1"));
    }
    let mut slow =
        crate::harness::http2::Client::silent(crate::harness::connect(STRANGER, sidecar.address).await);
    let greeting = [crate::harness::http2::PREFACE, &frame(4, 0, 0, &[])].concat();
    assert!(crate::harness::script::drip(&mut slow.stream, &greeting).await);
    assert_eq!(gist(&slow.ask(&get("/", &[])).await), "200 ok");
    // A preface that goes wrong is no HTTP at all.
    for wrong in ["PRI * HTTP/2.0\r\n\r\nSM\r\n\rX", "PRI * HTTP/2.0\r\n\r\nGET / HTTP/1.1\r\n\r\n"] {
        let answer = sidecar.visitor(STRANGER).try_send(wrong).await;
        assert!(answer.is_none_or(|answer| (400..600).contains(&answer.status())), "{wrong}");
    }
}

#[tokio::test]
async fn a_listener_that_was_not_asked_to_speaks_no_http2() {
    let (_app, sidecar) = crate::harness::pair().await;
    let mut visitor = client(STRANGER, sidecar.address).await;
    // What comes is HTTP/1.1's 400, which no frame is made of.
    assert!(visitor.frame().await.is_none());
}

/// A visitor who leaves takes the request along.
#[tokio::test]
async fn a_request_that_is_taken_back_leaves_the_app() {
    let (app, sidecar) = playing("", |call| match call.path() {
        "/wait" => vec![Step::Hang],
        path => vec![ok(path)],
    })
    .await;
    let mut visitor = client(TRUSTED, sidecar.address).await;
    let stream = visitor.begin(&get("/wait", &[]), true).await;
    until("the app is asked", || app.count("/wait") == 1).await;
    visitor.send(&frame(3, 0, stream, &8_u32.to_be_bytes())).await;
    until("the app is let go", || app.open() == 0).await;
    assert_eq!(gist(&visitor.ask(&get("/next", &[])).await), "200 /next");
}

/// What was begun and taken back is no whole request, whatever the reason was said to be.
#[tokio::test]
async fn a_body_that_is_taken_back_is_never_whole() {
    for code in [0_u32, 8] {
        let (app, sidecar) = playing("", |call| vec![Step::Body, ok(call.path())]).await;
        let mut visitor = client(TRUSTED, sidecar.address).await;
        let stream = visitor.begin(&post("/up", &[]), false).await;
        visitor.send(&frame(DATA, 0, stream, b"half")).await;
        until("the app is asked", || app.count("/up") == 1).await;
        visitor.send(&frame(3, 0, stream, &code.to_be_bytes())).await;
        until("the app is let go", || app.open() == 0).await;
        let seen = app.last();
        assert!(
            !seen.whole && !seen.head.contains("content-length"),
            "{code}: {} {:?}",
            seen.head,
            seen.body
        );
        assert_eq!(gist(&visitor.ask(&get("/next", &[])).await), "200 /next");
    }
}
