//! `Expect: 100-continue`: who asks before sending is told to send where the body is wanted, and only
//! there.

use crate::harness::script::{Step, ok, say};
use crate::harness::{Message, Reader, STRANGER, Sidecar, TRUSTED, connect, fixture, nobody};
use crate::kit::{gist, playing, post};
use crate::raw::{SMUGGLED, app_and_sidecar};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

fn asking(path: &str, length: usize) -> String {
    post(path, length).replace("Content-Length", "Expect: 100-continue\r\nContent-Length")
}

async fn sent(from: &str, sidecar: &Sidecar, bytes: &str) -> Reader<TcpStream> {
    let mut reader = Reader::new(connect(from, sidecar.address).await);
    reader.stream().write_all(bytes.as_bytes()).await.unwrap();
    reader
}

/// The next answer that is one: not 100.
async fn final_answer(reader: &mut Reader<TcpStream>) -> Option<Message> {
    loop {
        let answer = reader.answer().await?;
        if answer.status() != 100 {
            return Some(answer);
        }
    }
}

/// A body that nobody wants is not asked for, and whatever comes then is no next request.
#[tokio::test]
async fn who_is_refused_is_not_told_to_send() {
    let (app, sidecar) = app_and_sidecar().await;
    for rest in [String::new(), "hello".to_owned(), format!("hello{SMUGGLED}"), SMUGGLED.to_owned()] {
        let mut reader = sent(TRUSTED, &sidecar, &asking("/pandium/install/gwt2hs", 5)).await;
        let answer = reader.answer().await.unwrap();
        assert_eq!(answer.status(), 405, "{}", answer.head);
        if !rest.is_empty() {
            drop(reader.stream().write_all(rest.as_bytes()).await);
        }
        drop(reader.stream().shutdown().await);
        // What is made of the rest is an error, or nothing; the connection ends.
        while reader.answer().await.is_some_and(|answer| !answer.values("x-request-id").is_empty()) {}
        assert!(app.calls().is_empty(), "{rest}: {:?}", app.calls());
    }
}

#[tokio::test]
async fn nobody_is_told_to_send_to_an_app_that_is_down() {
    let (_held, address) = nobody();
    let sidecar = Sidecar::start(&fixture(address)).await;
    let mut reader = sent(STRANGER, &sidecar, &asking("/up", 5)).await;
    let answer = reader.answer().await;
    assert_eq!(gist(answer.as_ref()), "502 upstream-unreachable");
}

/// The app has its say before the body: it is told of no expectation, as we keep it.
#[tokio::test]
async fn an_app_may_refuse_a_body_that_is_awaited() {
    let (app, sidecar) = playing("", |call| match call.path() {
        "/up" => vec![say("HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nlarge"), Step::Body],
        path => vec![Step::Body, ok(path)],
    })
    .await;
    for sends in [true, false] {
        let mut reader = sent(STRANGER, &sidecar, &asking("/up", SMUGGLED.len())).await;
        let answer = final_answer(&mut reader).await;
        assert_eq!(gist(answer.as_ref()), "413 large");
        if sends {
            drop(reader.stream().write_all(SMUGGLED.as_bytes()).await);
        }
        drop(reader.stream().shutdown().await);
        while reader.more().await {}
    }
    assert_eq!((app.count("/up"), app.count("/smuggled")), (2, 0));
    assert!(app.calls().iter().all(|call| call.message.values("expect").is_empty()));
}

#[tokio::test]
async fn who_sends_at_once_is_answered_once() {
    let (app, sidecar) = app_and_sidecar().await;
    let request = asking("/up", 5) + "hello";
    let mut reader = sent(STRANGER, &sidecar, &request).await;
    for _ in 0..3 {
        let answer = final_answer(&mut reader).await;
        assert_eq!(gist(answer.as_ref()), "200 /up");
        assert_eq!(app.last().body, b"hello");
        reader.stream().write_all(request.as_bytes()).await.unwrap();
    }
}

#[tokio::test]
async fn only_a_body_is_asked_for() {
    let (_app, sidecar) = app_and_sidecar().await;
    let old = (asking("/up", 5) + "hello").replace("HTTP/1.1", "HTTP/1.0");
    for bytes in [
        "GET /up HTTP/1.1\r\nHost: app.test\r\nExpect: 100-continue\r\n\r\n".to_owned(),
        asking("/up", 0),
        // An old client does not know what 100 means.
        old,
    ] {
        let mut reader = sent(STRANGER, &sidecar, &bytes).await;
        let answer = reader.answer().await;
        assert_eq!(gist(answer.as_ref()), "200 /up", "{bytes}");
    }
}

/// In any case, and by chunks too.
#[tokio::test]
async fn the_expectation_is_known_in_any_spelling() {
    let (app, sidecar) = app_and_sidecar().await;
    for line in ["Expect: 100-Continue", "expect:100-continue", "EXPECT: \t100-CONTINUE "] {
        let head =
            format!("POST /up HTTP/1.1\r\nHost: app.test\r\n{line}\r\nTransfer-Encoding: chunked\r\n\r\n");
        let mut reader = sent(STRANGER, &sidecar, &head).await;
        let told = reader.head().await.unwrap();
        assert!(told.starts_with("HTTP/1.1 100"), "{line}: {told}");
        reader.stream().write_all(b"5\r\nhello\r\n0\r\n\r\n").await.unwrap();
        let answer = reader.answer().await;
        assert_eq!(gist(answer.as_ref()), "200 /up", "{line}");
        assert_eq!(app.last().body, b"hello", "{line}");
        assert!(app.last().values("expect").is_empty(), "{line}");
    }
}

/// RFC 9110 §10.1.1: 417 may be the answer, or it is not heard.
#[tokio::test]
async fn another_expectation_harms_nobody() {
    let (app, sidecar) = app_and_sidecar().await;
    for line in ["Expect: other", "Expect: 100-continue, other", "Expect:", "Expect: 200-ok"] {
        let bytes = post("/up", 5).replace("Content-Length", &format!("{line}\r\nContent-Length")) + "hello";
        let mut reader = sent(STRANGER, &sidecar, &bytes).await;
        let before = app.calls().len();
        let answer = final_answer(&mut reader).await;
        let got = gist(answer.as_ref());
        let refused = got.starts_with("417") || got.starts_with("400");
        assert!(refused || got == "200 /up", "{line}: {got}");
        if !refused {
            assert_eq!(app.calls().len(), before + 1, "{line}");
            assert_eq!(app.last().body, b"hello", "{line}");
            assert!(app.last().values("expect").is_empty(), "{line}");
        }
    }
}

/// Who has begun to send is not told to: the word would come into the midst of what is sent.
#[tokio::test]
async fn who_sends_already_is_not_told_to() {
    let (app, sidecar) = playing("", |call| vec![Step::Body, ok(call.path())]).await;
    for first in ["h", "hel"] {
        let mut reader = sent(STRANGER, &sidecar, &(asking("/up", 5) + first)).await;
        // The app has it when the rest comes, so that the sidecar waits for more in between.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        reader.stream().write_all(&b"hello"[first.len()..]).await.unwrap();
        assert_eq!(gist(reader.answer().await.as_ref()), "200 /up", "after {first}");
        assert_eq!(app.last().body, b"hello");
    }
}
