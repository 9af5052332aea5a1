//! Visitors who stop sending, and upgrades that nobody gets.

use crate::harness::script::{Sign, Step, ok, say, until};
use crate::harness::{Reader, STRANGER, connect, request};
use crate::kit::{Wrong, ask, gist, playing, post};
use crate::raw::app_and_sidecar;
use tokio::io::AsyncWriteExt;

/// RFC 9112 §9.6: who has sent its last request may close its half, and still gets the answers.
#[tokio::test]
async fn who_has_said_all_is_still_answered() {
    let go = Sign::default();
    let wait = go.clone();
    let (app, sidecar) = playing("", move |call| match call.path() {
        "/slow" => vec![Step::Body, Step::Await(wait.clone()), ok("slow")],
        path => vec![Step::Body, ok(path)],
    })
    .await;
    let pipelined = [request("GET", "/a", &[]), request("GET", "/slow", &[])].concat();
    for (case, bytes, before) in [
        ("GET", request("GET", "/slow", &[]), 0),
        ("POST", (post("/slow", 5) + "hello").into_bytes(), 0),
        ("two at once", pipelined, 1),
    ] {
        let seen = app.count("/slow");
        let mut reader = Reader::new(connect(STRANGER, sidecar.address).await);
        reader.stream().write_all(&bytes).await.unwrap();
        reader.stream().shutdown().await.unwrap();
        for _ in 0..before {
            assert_eq!(gist(reader.answer().await.as_ref()), "200 /a", "{case}");
        }
        until("the app is asked", || app.count("/slow") > seen).await;
        go.give();
        assert_eq!(gist(reader.answer().await.as_ref()), "200 slow", "{case}");
        assert!(reader.ends().await, "{case}");
    }
}

#[tokio::test]
async fn a_request_that_breaks_off_is_no_request() {
    let (app, sidecar) = app_and_sidecar().await;
    let mut wrong = Wrong::default();
    for bytes in [
        "GET /row",
        "GET /row HTTP/1.1\r\nHost: app.te",
        "GET /row HTTP/1.1\r\nHost: app.test\r\n",
        "GET /row HTTP/1.1\r\nHost: app.test\r\n\r",
        "POST /row HTTP/1.1\r\nHost: app.test\r\nContent-Length: 10\r\n\r\nhello",
        "POST /row HTTP/1.1\r\nHost: app.test\r\nContent-Length: 10\r\n\r\n",
        "POST /row HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "POST /row HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        "POST /row HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
    ] {
        let mut reader = Reader::new(connect(STRANGER, sidecar.address).await);
        reader.stream().write_all(bytes.as_bytes()).await.unwrap();
        reader.stream().shutdown().await.unwrap();
        let answer = reader.answer().await;
        let fits = answer.as_ref().is_none_or(|answer| (400..500).contains(&answer.status()));
        wrong.expect(fits, bytes, gist(answer.as_ref()));
        wrong.expect(reader.ends().await, bytes, "the connection goes on");
    }
    until("the app is let go", || app.open() == 0).await;
    let whole = app.calls().iter().filter(|call| call.message.whole).count();
    wrong.expect(whole == 0, "all rows", format!("the app took {whole} for whole"));
}

/// An upload that its visitor breaks off ends for the app as well, at once.
#[tokio::test]
async fn an_upload_that_is_broken_off_is_broken_off_for_the_app() {
    let (app, sidecar) = app_and_sidecar().await;
    for reset in [false, true] {
        let mut stream = connect(STRANGER, sidecar.address).await;
        stream.write_all((post("/up", 10) + "hello").as_bytes()).await.unwrap();
        until("the app is asked", || app.open() == 1).await;
        if reset {
            stream.set_zero_linger().unwrap();
        }
        drop(stream);
        until("the app is let go", || app.open() == 0).await;
    }
    assert!(app.calls().iter().all(|call| !call.message.whole));
}

/// I3: HTTP/2 is not begun behind our back, and no other protocol but WebSocket is.
#[tokio::test]
async fn no_other_upgrade_goes_on() {
    let (app, sidecar) = playing("timeouts: { response: 2s }", |call| match call.path() {
        "/eager" => {
            vec![say("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")]
        }
        path => vec![Step::Body, ok(path)],
    })
    .await;
    for upgrade in ["h2c", "H2C", "h2", "TLS/1.0", "HTTP/2.0", "foo", "foo/1, h2c", "", "websocketx"] {
        let lines = [
            "Connection: Upgrade, HTTP2-Settings",
            &format!("Upgrade: {upgrade}"),
            "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
        ];
        let mut visitor = sidecar.visitor(STRANGER);
        let answer = ask(&mut visitor, request("GET", "/a", &lines)).await;
        assert_eq!(gist(answer.as_ref()), "200 /a", "{upgrade}");
        let seen = app.last();
        for name in ["upgrade", "http2-settings", "connection"] {
            assert!(seen.values(name).is_empty(), "{upgrade}: {}", seen.head);
        }
        let eager = ask(&mut visitor, request("GET", "/eager", &lines)).await;
        assert_eq!(gist(eager.as_ref()), "502 upstream-unreachable", "{upgrade}");
        let next = ask(&mut visitor, request("GET", "/next", &[])).await;
        assert_eq!(gist(next.as_ref()), "200 /next", "{upgrade}");
    }
}
