//! Bodies, in both directions and both framings.

use crate::harness::{App, Reader, STRANGER, Sidecar, connect, fixture, pair};
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

const FIVE_MIB: usize = 5 << 20;

/// Bytes in which a lost or doubled piece would show.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|n| u8::try_from(n * 31 / 7 % 251).unwrap()).collect()
}

fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for piece in body.chunks(size) {
        out.extend_from_slice(format!("{:x};ext=1\r\n", piece.len()).as_bytes());
        out.extend_from_slice(piece);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\n\r\n");
    out
}

#[tokio::test]
async fn a_visitors_body_arrives_whole() {
    let (app, sidecar) = pair().await;
    for length in [0, 1, 65_536, FIVE_MIB] {
        let body = pattern(length);
        let head = format!("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
        let answer = sidecar.send(STRANGER, [head.as_bytes(), &body].concat()).await;
        assert_eq!(answer.status(), 200);
        assert!(app.last().body == body, "{length} bytes by length");
        assert_eq!(app.last().values("content-length"), [length.to_string()]);
        let head = "PUT /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let answer = sidecar.send(STRANGER, [head.as_bytes(), &chunked(&body, 8191)].concat()).await;
        assert_eq!(answer.status(), 200);
        assert!(app.last().body == body, "{length} bytes in chunks");
        assert!(app.last().values("content-length").is_empty());
    }
}

fn large(chunks: bool) -> Vec<u8> {
    let body = pattern(FIVE_MIB);
    let (framing, body) = if chunks {
        ("Transfer-Encoding: chunked".to_owned(), chunked(&body, 10_007))
    } else {
        (format!("Content-Length: {FIVE_MIB}"), body)
    };
    [format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n").as_bytes(), &body].concat()
}

#[tokio::test]
async fn the_apps_body_arrives_whole() {
    let app = App::answering(|seen| Some(large(seen.first_line().contains("chunked")))).await;
    let sidecar = Sidecar::start(&fixture(app.address)).await;
    for path in ["/length", "/chunked"] {
        let answer = sidecar.get(STRANGER, path, &[]).await;
        assert_eq!((answer.status(), answer.whole), (200, true), "{path}");
        assert!(answer.body == pattern(FIVE_MIB), "{path}");
        let by_length = answer.values("content-length") == [FIVE_MIB.to_string()];
        assert_eq!(by_length, path == "/length", "{}", answer.head);
    }
}

/// An app whose answers a test plays by hand.
async fn by_hand() -> (TcpListener, Sidecar) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let sidecar = Sidecar::start(&fixture(listener.local_addr().unwrap())).await;
    (listener, sidecar)
}

async fn accept(listener: &TcpListener) -> Reader<TcpStream> {
    Reader::new(listener.accept().await.unwrap().0)
}

#[tokio::test]
async fn each_piece_passes_before_the_next_is_there() {
    let (listener, sidecar) = by_hand().await;
    let mut visitor = Reader::new(connect(STRANGER, sidecar.address).await);
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc";
    visitor.stream().write_all(head).await.unwrap();
    let mut app = accept(&listener).await;
    app.head().await.unwrap();
    let mut body = Vec::new();
    assert!(app.exactly(3, &mut body).await);
    visitor.stream().write_all(b"def").await.unwrap();
    assert!(app.exactly(3, &mut body).await);
    assert_eq!(body, b"abcdef");
    app.stream().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nuvw").await.unwrap();
    visitor.head().await.unwrap();
    let mut body = Vec::new();
    assert!(visitor.exactly(3, &mut body).await);
    app.stream().write_all(b"xyz").await.unwrap();
    assert!(visitor.exactly(3, &mut body).await);
    assert_eq!(body, b"uvwxyz");
}

#[tokio::test]
async fn an_answer_that_breaks_off_does_not_look_whole() {
    let (listener, sidecar) = by_hand().await;
    for head in ["Content-Length: 10\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"] {
        let mut visitor = Reader::new(connect(STRANGER, sidecar.address).await);
        visitor.stream().write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let mut app = accept(&listener).await;
        app.head().await.unwrap();
        app.stream().write_all(format!("HTTP/1.1 200 OK\r\n{head}").as_bytes()).await.unwrap();
        drop(app);
        // The connection may break before even the head was written.
        let answer = visitor.answer().await;
        assert!(answer.is_none_or(|answer| !answer.whole), "{head}");
    }
}

#[tokio::test]
async fn an_answer_that_ends_with_its_connection_arrives() {
    let (listener, sidecar) = by_hand().await;
    let mut visitor = Reader::new(connect(STRANGER, sidecar.address).await);
    visitor.stream().write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut app = accept(&listener).await;
    app.head().await.unwrap();
    app.stream().write_all(b"HTTP/1.0 200 OK\r\n\r\nto the end").await.unwrap();
    drop(app);
    let answer = visitor.answer().await.unwrap();
    assert_eq!((answer.text(), answer.whole), ("to the end".to_owned(), true));
}

#[tokio::test]
async fn who_asks_before_sending_is_told_to_go_on() {
    let (listener, sidecar) = by_hand().await;
    let mut visitor = Reader::new(connect(STRANGER, sidecar.address).await);
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    visitor.stream().write_all(head).await.unwrap();
    let mut app = accept(&listener).await;
    let told = visitor.head().await.unwrap();
    assert!(told.starts_with("HTTP/1.1 100"), "{told}");
    visitor.stream().write_all(b"abc").await.unwrap();
    let seen = app.request().await.unwrap();
    assert_eq!(seen.body, b"abc");
    assert!(seen.values("expect").is_empty(), "{}", seen.head);
    app.stream().write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    assert_eq!(visitor.answer().await.unwrap().status(), 201);
}

#[tokio::test]
async fn an_answer_without_a_body_has_none() {
    let app = App::answering(|seen| {
        let head = match seen.first_line() {
            line if line.starts_with("HEAD") => "200 OK\r\nContent-Length: 12345",
            line if line.contains("/204") => "204 No Content",
            _ => "304 Not Modified\r\nETag: \"x\"",
        };
        Some(format!("HTTP/1.1 {head}\r\nX-App: here\r\n\r\n").into_bytes())
    })
    .await;
    let sidecar = Sidecar::start(&fixture(app.address)).await;
    let mut visitor = sidecar.visitor(STRANGER);
    for (request, status) in [("HEAD /", 200), ("GET /204", 204), ("GET /304", 304), ("HEAD /", 200)] {
        let answer = visitor.send(format!("{request} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        assert_eq!((answer.status(), answer.values("x-app")), (status, vec!["here"]), "{request}");
        // A body would be read as the next answer on this connection.
        assert!(answer.body.is_empty() && answer.values("transfer-encoding").is_empty(), "{}", answer.head);
        if request.starts_with("HEAD") {
            assert_eq!(answer.values("content-length"), ["12345"]);
        }
        assert!(visitor.is_connected(), "{request}");
    }
}

#[tokio::test]
async fn an_upload_goes_on_while_nobody_reads_the_answer_yet() {
    let (listener, sidecar) = by_hand().await;
    let read = Arc::new(Notify::new());
    let told = Arc::clone(&read);
    let mut stream = connect(STRANGER, sidecar.address).await;
    let upload = tokio::spawn(async move {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {FIVE_MIB}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&pattern(FIVE_MIB)).await.unwrap();
        told.notified().await;
        Reader::new(stream).answer().await.unwrap()
    });
    let mut app = accept(&listener).await;
    assert!(app.request().await.unwrap().body == pattern(FIVE_MIB));
    // The visitor reads from now on: an answer of this size need not fit into the kernel's buffers.
    read.notify_one();
    app.stream().write_all(&large(false)).await.unwrap();
    assert!(upload.await.unwrap().body == pattern(FIVE_MIB));
}
