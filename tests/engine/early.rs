//! Answers that come before the request is over, and bytes that come after the answer is.

use crate::harness::script::{Sign, Step, ok, say, until};
use crate::harness::{Message, Reader, STRANGER, connect, request};
use crate::kit::{Wrong, ask, gist, playing, post};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

const MIB: usize = 1 << 20;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const TOO_LARGE: &str = "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 5\r\n\r\nlarge";

/// The visitor stops sending when it has the answer, as browsers do.
#[tokio::test]
async fn a_refused_upload_is_told_before_it_is_over() {
    for (steps, strict) in [
        (vec![say(TOO_LARGE), Step::Hang], true),
        (vec![say(TOO_LARGE.replace("Connection: close\r\n", "")), Step::Hang], true),
        // What is closed over unread bytes is reset, and the answer may be lost with it.
        (vec![say(TOO_LARGE), Step::Close], false),
    ] {
        let (app, sidecar) = playing("", move |_| steps.clone()).await;
        let mut visitor = Reader::new(connect(STRANGER, sidecar.address).await);
        visitor.stream().write_all(post("/up", 10 * MIB).as_bytes()).await.unwrap();
        visitor.stream().write_all(&[b'x'; 1000]).await.unwrap();
        let answer = visitor.answer().await;
        let got = gist(answer.as_ref());
        assert!(got == "413 large" || (!strict && got == "502 upstream-unreachable"), "{got}");
        assert_eq!(app.count("/up"), 1, "an upload is never sent twice");
    }
}

/// The visitor sends all of it first, as simple clients do: the answer is not lost to a reset.
#[tokio::test]
async fn a_refused_upload_is_told_to_who_sends_on() {
    for chunked in [false, true] {
        let (app, sidecar) = playing("", |_| vec![say(TOO_LARGE), Step::Hang]).await;
        let (mut reading, mut writing) = connect(STRANGER, sidecar.address).await.into_split();
        let writes = tokio::spawn(async move {
            let head = post("/up", 5 * MIB);
            if chunked {
                let head =
                    head.replace(&format!("Content-Length: {}", 5 * MIB), "Transfer-Encoding: chunked");
                writing.write_all(head.as_bytes()).await?;
                for _ in 0..80 {
                    writing.write_all(format!("10000\r\n{}\r\n", "x".repeat(65_536)).as_bytes()).await?;
                }
                return writing.write_all(b"0\r\n\r\n").await;
            }
            writing.write_all(head.as_bytes()).await?;
            writing.write_all(&vec![b'x'; 5 * MIB]).await
        });
        let answer = Reader::new(&mut reading).answer().await;
        assert_eq!(gist(answer.as_ref()), "413 large", "chunked: {chunked}");
        // It may have been stopped, and is not waited for without end.
        drop(writes.await.unwrap());
        assert_eq!(app.count("/up"), 1);
    }
}

/// Two framings of an answer that takes three seconds, and its text is the word.
fn slow_answers() -> [Vec<Step>; 2] {
    ["Content-Length: 6", "Transfer-Encoding: chunked"].map(|framing| {
        let chunked = framing.ends_with("chunked");
        let letter = |c| if chunked { format!("1\r\n{c}\r\n") } else { String::from(c) };
        let mut steps = vec![say(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n"))];
        steps.extend("answer".chars().flat_map(|c| [Step::Pause(ms(500)), say(letter(c))]));
        steps.extend([say(if chunked { "0\r\n\r\n" } else { "" }), Step::Hang]);
        steps
    })
}

/// Where the upload ends in time that the app never takes, or the visitor never sends, the answer may take
/// its time: whoever has been answered need not send the rest (RFC 9112 §9.5).
#[tokio::test]
async fn an_answer_to_an_upload_that_does_not_move_may_be_long() {
    let each = |steps: Vec<Step>| [20 * MIB, 9].map(|sent| tokio::spawn(has_it_all(steps.clone(), sent)));
    for case in slow_answers().map(each).into_iter().flatten() {
        case.await.unwrap();
    }
}

async fn has_it_all(steps: Vec<Step>, sent: usize) {
    let (app, sidecar) = playing("timeouts: { response: 1s, body: 1s }", move |call| match call.path() {
        "/up" => steps.clone(),
        _ => vec![ok("fine")],
    })
    .await;
    let (reading, mut writing) = connect(STRANGER, sidecar.address).await.into_split();
    let writes = tokio::spawn(async move {
        writing.write_all(post("/up", 20 * MIB).as_bytes()).await?;
        writing.write_all(&vec![b'x'; sent]).await?;
        // It stays to listen.
        std::io::Result::Ok(writing)
    });
    let mut visitor = Reader::new(reading);
    assert_eq!(gist(visitor.answer().await.as_ref()), "200 answer", "of {sent}");
    assert!(visitor.ends().await, "what is left of the body is no next request");
    drop(writes.await.unwrap());
    // At once: what was held back waits in the middle of a body, and is nobody's to go on with.
    assert_eq!(gist(Some(&sidecar.get(STRANGER, "/next", &[]).await)), "200 fine");
    assert_eq!((app.count("/up"), app.connections()), (1, 2));
    until("the app is left", || app.open() <= 1).await;
}

/// The next request on the connection is what comes behind the whole body, and no byte of it, however
/// long the body takes.
#[tokio::test]
async fn what_is_left_of_a_body_is_no_next_request() {
    let (app, sidecar) = playing("timeouts: { idle: 60s, body: 60s }", |call| match call.path() {
        "/up" => vec![ok("early"), Step::Body],
        _ => vec![ok("fine")],
    })
    .await;
    let rest = "GET /smuggled HTTP/1.1\r\nHost: app.test\r\n\r\n".repeat(100);
    let mut wrong = Wrong::default();
    for (times, pause) in [(1, 0), (100, 0), (1, 1300), (100, 1300), (1, 2600)] {
        let case = format!("{times} pieces after {pause} ms");
        let mut visitor = Reader::new(connect(STRANGER, sidecar.address).await);
        visitor.stream().write_all(post("/up", 3 + rest.len() * times).as_bytes()).await.unwrap();
        visitor.stream().write_all(b"abc").await.unwrap();
        let answer = visitor.answer().await.unwrap();
        assert_eq!(gist(Some(&answer)), "200 early");
        tokio::time::sleep(Duration::from_millis(pause)).await;
        for _ in 0..times {
            drop(visitor.stream().write_all(rest.as_bytes()).await);
        }
        drop(visitor.stream().write_all(&request("GET", "/next", &[])).await);
        let next = tokio::time::timeout(Duration::from_secs(8), visitor.answer()).await;
        let got = gist(next.ok().flatten().as_ref());
        wrong.expect(got == "200 fine", &case, got);
        wrong.expect(app.count("/smuggled") == 0, &case, format!("{} smuggled", app.count("/smuggled")));
    }
}

/// The same where we answer, without a look at the body: its bytes are nobody's, now and later.
#[tokio::test]
async fn what_is_left_of_a_refused_body_is_no_next_request() {
    let (app, sidecar) = playing("timeouts: { idle: 60s, body: 60s }", |_| vec![ok("fine")]).await;
    let rest = "GET /smuggled HTTP/1.1\r\nHost: app.test\r\n\r\n";
    for pause in [0, 1300, 2600] {
        for (path, status) in [("/pandium/install/gwt2hs", 405), ("/x/../pandium/install/gwt2hs", 400)] {
            let mut visitor = Reader::new(connect(STRANGER, sidecar.address).await);
            visitor.stream().write_all(post(path, 3 + rest.len()).as_bytes()).await.unwrap();
            visitor.stream().write_all(b"abc").await.unwrap();
            assert_eq!(visitor.answer().await.unwrap().status(), status, "{path}");
            tokio::time::sleep(Duration::from_millis(pause)).await;
            drop(visitor.stream().write_all(rest.as_bytes()).await);
            drop(visitor.stream().shutdown().await);
            while visitor.more().await {}
            assert_eq!(app.calls().len(), 0, "{path} after {pause} ms");
        }
    }
}

/// An answer may begin before the request ends, and go on with it.
#[tokio::test]
async fn both_directions_flow_at_once() {
    let (app, sidecar) = playing("", |_| {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n";
        vec![say(head), Step::Body, say("6\r\nsecond\r\n0\r\n\r\n")]
    })
    .await;
    let mut visitor = Reader::new(connect(STRANGER, sidecar.address).await);
    visitor.stream().write_all(post("/both", 6).as_bytes()).await.unwrap();
    visitor.stream().write_all(b"abc").await.unwrap();
    let head = visitor.head().await.unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let mut came = Vec::new();
    assert!(visitor.exactly("5\r\nfirst\r\n".len(), &mut came).await);
    visitor.stream().write_all(b"def").await.unwrap();
    let mut came = Vec::new();
    let rest = "6\r\nsecond\r\n0\r\n\r\n";
    assert!(visitor.exactly(rest.len(), &mut came).await, "{}", String::from_utf8_lossy(&came));
    assert_eq!(app.last().body, b"abcdef");
}

/// What breaks behind an early answer is no end, whatever follows it: the next request is none.
#[tokio::test]
async fn a_body_that_breaks_behind_its_answer_is_not_followed() {
    for bad in ["zz\r\n", "5\n", "5 5\r\n", "5;\x01\r\n", "0\r\nA: b\n", "0\r\nA: b\n\r\n"] {
        let (app, sidecar) = playing("", |call| match call.path() {
            "/early" => vec![say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly"), Step::Body],
            path => vec![ok(path)],
        })
        .await;
        let mut visitor = Reader::new(connect(STRANGER, sidecar.address).await);
        let head =
            "POST /early HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
        visitor.stream().write_all(head.as_bytes()).await.unwrap();
        assert_eq!(gist(visitor.answer().await.as_ref()), "200 early");
        let rest = format!("{bad}0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: app.test\r\n\r\n");
        drop(visitor.stream().write_all(rest.as_bytes()).await);
        let next = visitor.answer().await.filter(|answer| answer.status() == 200);
        assert!(next.is_none() && app.count("/smuggled") == 0, "{bad:?}");
    }
}

const EVIL: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";

/// Each answer has more bytes behind it than it may have, in the same breath.
#[tokio::test]
async fn bytes_behind_an_answer_are_nobodys() {
    let bodies = ["hello", EVIL, "\r\n\r\n", "0\r\n\r\n", "x"];
    let heads = [
        ("GET", "204 No Content\r\n\r\n", ""),
        ("GET", "204 No Content\r\nContent-Length: 5\r\n\r\n", ""),
        ("GET", "204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", ""),
        ("GET", "304 Not Modified\r\n\r\n", ""),
        ("GET", "304 Not Modified\r\nContent-Length: 5\r\n\r\n", ""),
        ("HEAD", "200 OK\r\nContent-Length: 5\r\n\r\n", ""),
        ("HEAD", "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", ""),
        ("HEAD", "200 OK\r\n\r\n", ""),
        ("HEAD", "404 Not Found\r\nContent-Length: 5\r\n\r\n", ""),
        ("GET", "200 OK\r\nContent-Length: 0\r\n\r\n", ""),
        ("GET", "200 OK\r\nContent-Length: 2\r\n\r\nok", "ok"),
        ("GET", "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "ok"),
    ];
    let mut wrong = Wrong::default();
    for (method, head, body) in heads {
        for extra in bodies {
            let said = format!("HTTP/1.1 {head}{extra}");
            let (_app, sidecar) = playing("timeouts: { response: 2s }", move |call| match call.path() {
                "/row" => vec![say(&said)],
                path => vec![ok(path)],
            })
            .await;
            let case = format!("{method} {head}{extra}");
            let mut visitor = sidecar.visitor(STRANGER);
            let answer = ask(&mut visitor, request(method, "/row", &[])).await;
            let status = answer.as_ref().map_or(0, Message::status);
            // What is badly framed may as well be refused.
            let fits = head.starts_with(&status.to_string()) || status == 502;
            wrong.expect(fits && passed(answer.as_ref(), body), &case, gist(answer.as_ref()));
            for path in ["/a", "/b", "/c"] {
                let next = ask(&mut visitor, request("GET", path, &[])).await;
                let expected = format!("200 {path}");
                wrong.expect(gist(next.as_ref()) == expected, &case, gist(next.as_ref()));
                let other = ask(&mut sidecar.visitor(STRANGER), request("GET", path, &[])).await;
                wrong.expect(gist(other.as_ref()) == expected, &case, gist(other.as_ref()));
            }
        }
    }
}

fn passed(answer: Option<&Message>, body: &str) -> bool {
    answer.is_some_and(|answer| answer.status() == 502 || answer.text() == body)
}

/// An answer that nobody asked for, on a connection that is idle, is not the next visitor's.
#[tokio::test]
async fn an_answer_to_nobody_reaches_nobody() {
    for (text, pause) in [(EVIL, false), (EVIL, true), ("\r\n\r\n", false), ("x", true), ("HTTP/1.1 ", false)]
    {
        let (go, done) = (Sign::default(), Sign::default());
        let (wait, tell) = (go.clone(), done.clone());
        let (app, sidecar) = playing("timeouts: { response: 2s }", move |call| match call.path() {
            "/first" => vec![ok("/first"), Step::Await(wait.clone()), say(text), Step::Tell(tell.clone())],
            path => vec![Step::Body, ok(path)],
        })
        .await;
        for round in 0..20 {
            let mut visitor = sidecar.visitor(STRANGER);
            assert_eq!(gist(Some(&visitor.get("/first", &[]).await)), "200 /first");
            go.give();
            done.wait().await;
            if pause {
                // Long enough for whoever watches an idle connection to have seen it.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            let next = if round % 2 == 0 {
                ask(&mut visitor, request("GET", "/second", &[])).await
            } else {
                ask(&mut visitor, post("/second", 3) + "abc").await
            };
            assert_eq!(gist(next.as_ref()), "200 /second", "{text:?} in round {round}");
            let other = sidecar.get(STRANGER, "/third", &[]).await;
            assert_eq!(gist(Some(&other)), "200 /third", "{text:?} in round {round}");
        }
        assert_eq!(app.count("/second"), 20, "{text:?}");
    }
}
