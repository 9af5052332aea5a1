//! Visitors and apps who do not take what is theirs.

use crate::harness::script::{Scripted, Sign, Step, ok, say, until};
use crate::harness::{Reader, STRANGER, Sidecar, request};
use crate::kit::{gist, playing, post};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

const MIB: usize = 1 << 20;

/// An app that answers with more than all buffers between it and the visitor hold.
async fn large(stall: &str) -> (Scripted, Sidecar) {
    playing(&format!("timeouts: {{ stall: {stall}, body: 60s, response: 60s }}"), |call| match call.path() {
        "/length" => {
            vec![
                say(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 40 * MIB)),
                say("x".repeat(40 * MIB)),
            ]
        }
        "/chunks" => vec![
            say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
            say(format!("{:x}\r\n{}\r\n", MIB, "x".repeat(MIB)).repeat(40)),
            say("0\r\n\r\n"),
        ],
        path => vec![ok(path)],
    })
    .await
}

/// A visitor with little room of its own, so that what it takes shows on the other end.
async fn narrow(to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(8 * 1024).unwrap();
    socket.connect(to).await.unwrap()
}

#[tokio::test]
async fn who_takes_nothing_is_let_go() {
    let (app, sidecar) = large("1s").await;
    for path in ["/length", "/chunks"] {
        let mut stream = narrow(sidecar.address).await;
        stream.write_all(&request("GET", path, &[])).await.unwrap();
        until("the app is asked", || app.count(path) == 1).await;
        let start = Instant::now();
        until("the app is let go", || app.open() == 0).await;
        assert!(start.elapsed() < Duration::from_secs(5), "{path}: {:?}", start.elapsed());
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok() && rest.len() < 40 * MIB, "{path}: {} bytes", rest.len());
        assert_eq!(gist(Some(&sidecar.get(STRANGER, "/next", &[]).await)), "200 /next");
    }
}

/// 20 KB a second, while the buffers of the system hold megabytes.
#[tokio::test]
async fn who_takes_little_but_steadily_is_not() {
    // A system with so little room tells of it a few times a second, and later where much else is done.
    let (_app, sidecar) = large("2s").await;
    for path in ["/length", "/chunks"] {
        let mut stream = narrow(sidecar.address).await;
        stream.write_all(&request("GET", path, &[])).await.unwrap();
        let mut taken = 0;
        let mut piece = [0; 2048];
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(6) {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let read = stream.read(&mut piece).await;
            assert!(matches!(read, Ok(1..)), "{path}: cut after {taken} bytes, {:?}", start.elapsed());
            taken += read.unwrap();
        }
        // And all of it is there.
        let mut rest = Vec::new();
        stream.read_buf(&mut rest).await.unwrap();
        let mut reader = stream;
        while taken + rest.len() < 40 * MIB {
            assert!(matches!(reader.read_buf(&mut rest).await, Ok(1..)), "{path}: cut in the end");
        }
    }
}

/// `timeouts.response` ends the wait for an app that takes nothing of an upload.
#[tokio::test]
async fn an_app_that_takes_nothing_is_late() {
    let never = Sign::default();
    let (app, sidecar) = playing("timeouts: { response: 1s, body: 60s }", move |call| match call.path() {
        "/up" => vec![Step::Await(never.clone())],
        path => vec![ok(path)],
    })
    .await;
    let stream = crate::harness::connect(STRANGER, sidecar.address).await;
    let (reading, mut writing) = stream.into_split();
    let upload = tokio::spawn(async move {
        writing.write_all(post("/up", 60 * MIB).as_bytes()).await?;
        writing.write_all(&vec![b'x'; 60 * MIB]).await
    });
    let mut reader = Reader::new(reading);
    let answer = reader.answer().await;
    assert_eq!(gist(answer.as_ref()), "504 upstream-timeout");
    // The rest is read and dropped, or the connection ends.
    let ended = tokio::time::timeout(Duration::from_secs(5), upload).await;
    drop(ended.expect("the rest is neither taken nor refused").unwrap());
    assert_eq!(app.count("/up"), 1);
    assert_eq!(gist(Some(&sidecar.get(STRANGER, "/next", &[]).await)), "200 /next");
}

/// The same where it has answered already: nobody waits for it without end.
#[tokio::test]
async fn an_app_that_has_answered_and_takes_nothing_holds_nobody() {
    let never = Sign::default();
    let more = "timeouts: { response: 1s, body: 1s, stall: 1s, idle: 60s }";
    let (_app, sidecar) = playing(more, move |_| vec![ok("early"), Step::Await(never.clone())]).await;
    let stream = crate::harness::connect(STRANGER, sidecar.address).await;
    let (reading, mut writing) = stream.into_split();
    let upload = tokio::spawn(async move {
        writing.write_all(post("/up", 60 * MIB).as_bytes()).await?;
        writing.write_all(&vec![b'x'; 60 * MIB]).await
    });
    let mut reader = Reader::new(reading);
    assert_eq!(gist(reader.answer().await.as_ref()), "200 early");
    let ended = tokio::time::timeout(Duration::from_secs(6), upload).await;
    drop(ended.expect("the rest is neither taken nor refused").unwrap());
}

/// An old client, for which the end of the connection is the end of the answer, is not shown one while
/// its upload goes on, nor held by that.
#[tokio::test]
async fn an_old_client_that_takes_nothing_is_let_go_by_a_reset_in_the_middle_of_its_upload() {
    // All of it is with us, and not all of it with the system.
    const LENGTH: usize = 34 << 10;
    let (app, sidecar) = playing("timeouts: { stall: 1s, body: 60s, response: 60s }", |_| {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        vec![say(format!("{head}{LENGTH:x}\r\n{}\r\n0\r\n\r\n", "x".repeat(LENGTH))), Step::Body]
    })
    .await;
    let mut stream = narrow(sidecar.address).await;
    let upload = post("/up", MIB).replace("HTTP/1.1", "HTTP/1.0") + "hello";
    stream.write_all(upload.as_bytes()).await.unwrap();
    until("the app is asked", || app.count("/up") == 1).await;
    until("the app is let go", || app.open() == 0).await;
    let mut taken = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut taken)).await;
    let ended = ended.expect("it is held").map_err(|error| error.kind());
    assert_eq!(ended, Err(ErrorKind::ConnectionReset), "{} bytes", taken.len());
}
