//! Connections to the app that are used again, and apps that end them at any moment.

use crate::harness::script::{Call, Scripted, Step, ok, say, until};
use crate::harness::{Message, STRANGER, Sidecar, request};
use crate::kit::{Wrong, ask, gist, playing, post};
use std::time::Duration;

/// Every kind of request, and whether it may be sent again once a byte of it has been sent.
fn kinds() -> Vec<(&'static str, Vec<u8>, bool)> {
    let with_body = |method: &str| (post("/x", 3).replace("POST", method) + "abc").into_bytes();
    let chunked = "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    vec![
        ("GET", request("GET", "/x", &[]), true),
        ("HEAD", request("HEAD", "/x", &[]), true),
        ("OPTIONS", request("OPTIONS", "/x", &[]), true),
        ("PUT without a body", request("PUT", "/x", &["Content-Length: 0"]), true),
        ("DELETE", request("DELETE", "/x", &[]), true),
        ("POST", with_body("POST"), false),
        ("POST in chunks", chunked.into(), false),
        ("POST without a body", request("POST", "/x", &["Content-Length: 0"]), false),
        ("PATCH", with_body("PATCH"), false),
        ("a method of one's own", request("PURGE", "/x", &[]), false),
    ]
}

fn status(answer: Option<&Message>) -> u16 {
    answer.map_or(0, Message::status)
}

/// An app whose connections end in this way behind the answer to `/warm`.
async fn ending(how: Step) -> (Scripted, Sidecar) {
    playing("", move |call| match call.path() {
        "/warm" => vec![ok("warm"), how.clone()],
        path => vec![Step::Body, ok(path)],
    })
    .await
}

#[tokio::test]
async fn a_connection_that_ended_while_idle_costs_nobody_anything() {
    let mut wrong = Wrong::default();
    for how in [Step::Close, Step::Reset] {
        let (app, sidecar) = ending(how).await;
        let mut visitor = sidecar.visitor(STRANGER);
        for (round, (case, bytes, _)) in kinds().into_iter().enumerate() {
            assert_eq!(visitor.get("/warm", &[]).await.status(), 200);
            until("the app has hung up", || app.open() == 0).await;
            let answer = ask(&mut visitor, bytes).await;
            wrong.expect(status(answer.as_ref()) == 200, case, gist(answer.as_ref()));
            wrong.expect(app.count("/x") == round + 1, case, format!("{} in all", app.count("/x")));
            // The connection that answered is closed in its turn.
            assert_eq!(visitor.get("/warm", &[]).await.status(), 200);
            until("the app has hung up", || app.open() == 0).await;
        }
    }
}

/// The end and the next request cross each other: what can be sent again is, the rest never is.
#[tokio::test]
async fn a_connection_that_ends_just_now_sends_nothing_twice() {
    let mut wrong = Wrong::default();
    for how in [Step::Close, Step::Reset] {
        for (case, bytes, again) in kinds() {
            let (app, sidecar) = ending(how.clone()).await;
            let mut visitor = sidecar.visitor(STRANGER);
            for round in 0..20 {
                let before = app.count("/x");
                assert_eq!(visitor.get("/warm", &[]).await.status(), 200);
                let answer = ask(&mut visitor, &bytes).await;
                let (status, sent) = (status(answer.as_ref()), app.count("/x") - before);
                let fits = match status {
                    200 => sent == 1,
                    502 => !again && sent == 0,
                    _ => false,
                };
                let got = gist(answer.as_ref());
                wrong.expect(fits, case, format!("sent {sent} times, {got} in round {round}"));
            }
        }
    }
}

/// An app that drops a connection when a second request comes over it.
fn once_only(then: Step) -> impl Fn(&Call) -> Vec<Step> {
    move |call| match (call.nth, call.path()) {
        (0, path) => vec![Step::Body, ok(path)],
        (_, "/x") => vec![then.clone()],
        (_, path) => vec![Step::Body, ok(path)],
    }
}

#[tokio::test]
async fn what_an_app_drops_unanswered_is_sent_again_only_where_that_is_harmless() {
    let mut wrong = Wrong::default();
    for how in [Step::Close, Step::Reset] {
        for (case, bytes, again) in kinds() {
            let (app, sidecar) = playing("", once_only(how.clone())).await;
            let mut visitor = sidecar.visitor(STRANGER);
            assert_eq!(visitor.get("/warm", &[]).await.status(), 200);
            let answer = ask(&mut visitor, &bytes).await;
            let (expected, times) = if again { (200, 2) } else { (502, 1) };
            wrong.expect(status(answer.as_ref()) == expected, case, gist(answer.as_ref()));
            wrong.expect(app.count("/x") == times, case, format!("sent {} times", app.count("/x")));
            let next = ask(&mut visitor, request("GET", "/next", &[])).await;
            wrong.expect(gist(next.as_ref()) == "200 /next", case, gist(next.as_ref()));
        }
    }
}

#[tokio::test]
async fn nothing_is_sent_a_third_time() {
    let (app, sidecar) = playing("", |call| match call.path() {
        "/x" => vec![Step::Close],
        path => vec![ok(path)],
    })
    .await;
    let mut visitor = sidecar.visitor(STRANGER);
    assert_eq!(visitor.get("/warm", &[]).await.status(), 200);
    assert_eq!(gist(Some(&visitor.get("/x", &[]).await)), "502 upstream-unreachable");
    assert_eq!(app.count("/x"), 2, "once over the used connection, once over a fresh one");
    // And where the first was fresh, not even a second time.
    assert_eq!(gist(Some(&visitor.get("/x", &[]).await)), "502 upstream-unreachable");
    assert_eq!(app.count("/x"), 3);
}

/// What has been answered in part has been heard: nothing that must not be is sent again.
#[tokio::test]
async fn half_an_answer_is_an_answer() {
    for half in ["H", "HTTP/1.1 200 OK\r\nX-A", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"] {
        for (case, bytes, again) in kinds() {
            let (app, sidecar) = playing("", move |call| match call.path() {
                "/x" => vec![Step::Body, say(half), Step::Close],
                path => vec![ok(path)],
            })
            .await;
            let mut visitor = sidecar.visitor(STRANGER);
            assert_eq!(visitor.get("/warm", &[]).await.status(), 200);
            let answer = ask(&mut visitor, bytes).await;
            let head = case == "HEAD";
            let broken = answer.as_ref().is_none_or(|answer| answer.status() == 502 || !answer.whole || head);
            assert!(broken, "{case} {half}: {}", gist(answer.as_ref()));
            let sent = app.count("/x");
            assert!(sent == 1 || (again && sent == 2), "{case} {half}: sent {sent} times");
        }
    }
}

/// `upstream.keepalive`: old app servers close theirs, and a request might cross that.
#[tokio::test]
async fn a_connection_that_was_idle_for_long_is_not_used_again() {
    let app = Scripted::start(|call| vec![Step::Body, ok(call.path())]).await;
    let text = crate::harness::fixture(app.address);
    let upstream = format!("upstream: {{ url: \"http://{}\", keepalive: 200ms }}", app.address);
    let text = text.replace(&format!("upstream: http://{}", app.address), &upstream);
    let sidecar = Sidecar::start(&text).await;
    let mut visitor = sidecar.visitor(STRANGER);
    for _ in 0..3 {
        assert_eq!(visitor.get("/a", &[]).await.status(), 200);
    }
    assert_eq!(app.connections(), 1);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(visitor.send(post("/b", 3) + "abc").await.status(), 200);
    assert_eq!(app.connections(), 2);
    until("the old connection is let go", || app.open() <= 1).await;
}

/// An answer that says so, and one of an old app, end their connection.
#[tokio::test]
async fn a_connection_that_the_app_is_to_close_is_not_used_again() {
    for head in
        ["HTTP/1.1 200 OK\r\nConnection: close", "HTTP/1.0 200 OK", "HTTP/1.1 200 OK\r\nConnection: CLOSE"]
    {
        let (app, sidecar) = playing("", move |_| {
            // It does not close: whoever sends more over it waits for ever.
            vec![say(format!("{head}\r\nContent-Length: 2\r\n\r\nok")), Step::Hang]
        })
        .await;
        let mut visitor = sidecar.visitor(STRANGER);
        for nth in 1..=5 {
            assert_eq!(gist(Some(&visitor.get("/a", &[]).await)), "200 ok", "{head}");
            assert_eq!(app.connections(), nth, "{head}");
        }
        until("each is closed", || app.open() == 0).await;
    }
}

/// Many at once each have their own, and few are left when they are gone.
#[tokio::test]
async fn answers_are_not_mixed() {
    let (app, sidecar) = playing("", |call| {
        let path = call.path().to_owned();
        vec![Step::Body, Step::Pause(Duration::from_millis(1)), ok(&path)]
    })
    .await;
    let ask = async |visitor: usize| {
        let mut kept = sidecar.visitor(STRANGER);
        for round in 0..20 {
            let path = format!("/{visitor}/{round}");
            assert_eq!(gist(Some(&kept.get(&path, &[]).await)), format!("200 {path}"));
        }
    };
    let all = std::array::from_fn::<_, 4, _>(|some| async move {
        for visitor in 0..10 {
            ask(some * 10 + visitor).await;
        }
    });
    let [a, b, c, d] = all;
    tokio::join!(a, b, c, d);
    assert!(app.connections() <= 8, "{} connections for four visitors at a time", app.connections());
}
