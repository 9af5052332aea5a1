//! Unix sockets, the operator's listener, and the end.

use crate::harness::child::{Scratch, Serving, program, run};
use crate::harness::{App, Reader, SECRET, STRANGER, Sidecar, changed, connect, fixture, pair_with, request};
use std::os::unix::fs::PermissionsExt as _;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

#[tokio::test]
async fn the_operator_learns_that_it_lives_and_is_ready() {
    let (app, sidecar) = pair_with(&[("admin: off", "admin: 127.0.0.1:0")]).await;
    for (method, path, status, text) in [
        ("GET", "/-/live", 200, "live\n"),
        ("GET", "/-/ready", 200, "ready\n"),
        ("GET", "/-/ready?x", 200, "ready\n"),
        ("POST", "/-/live", 405, "GET or HEAD\n"),
        ("GET", "/", 404, "/-/live, /-/ready, /-/decisions and /metrics are here\n"),
        ("GET", "/pandium/install/gwt2hs", 404, "/-/live, /-/ready, /-/decisions and /metrics are here\n"),
    ] {
        let mut operator = Reader::new(TcpStream::connect(sidecar.admin()).await.unwrap());
        operator.stream().write_all(&request(method, path, &[])).await.unwrap();
        let answer = operator.answer().await.unwrap();
        assert_eq!((answer.status(), answer.text().as_str()), (status, text), "{method} {path}");
    }
    // For visitors these are the app's addresses.
    sidecar.get(STRANGER, "/-/ready", &[]).await;
    assert_eq!(app.last().first_line(), "GET /-/ready HTTP/1.1");
}

#[tokio::test]
async fn both_ends_can_be_unix_sockets() {
    let scratch = Scratch::new("unix");
    let (ours, theirs) = (scratch.path("in.sock"), scratch.path("app.sock"));
    let app = App::on_unix(&theirs);
    // A socket file that nobody answers is left from a crash.
    drop(UnixListener::bind(&ours).unwrap());
    let text = changed(
        &fixture(app.address),
        &[
            (
                "listen: 127.0.0.1:0",
                &format!("listen: {{ address: \"unix:{}\", mode: \"0660\" }}", ours.display()),
            ),
            ("upstream: http://0.0.0.0:0", &format!("upstream: \"unix:{}\"", theirs.display())),
            ("peers: 127.0.0.2", "peers: unix"),
        ],
    );
    let sidecar = Sidecar::start_anywhere(&text).await;
    assert_eq!(std::fs::metadata(&ours).unwrap().permissions().mode() & 0o7777, 0o660);
    let mut visitor = Reader::new(UnixStream::connect(&ours).await.unwrap());
    let lines = ["X-Tenant-Id: acme", "X-Forwarded-For: 1.2.3.4"];
    for (path, status) in [("/a%2Fb?c", 200), ("/pandium/install/gwt2hs", 302)] {
        visitor.stream().write_all(&request("GET", path, &lines)).await.unwrap();
        assert_eq!(visitor.answer().await.unwrap().status(), status);
    }
    assert_eq!(app.last().first_line(), "GET /a%2Fb?c HTTP/1.1");
    assert_eq!(app.last().values("host"), ["app.test"]);
    assert_eq!(app.last().values("x-forwarded-for"), ["1.2.3.4"]);
    drop(visitor);
    sidecar.end().await;
    assert!(!ours.exists(), "the socket file is gone with its listener");
}

#[test]
fn a_socket_that_somebody_answers_is_left_to_them() {
    let scratch = Scratch::new("taken");
    let socket = scratch.path("in.sock");
    let _theirs = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let config = scratch.write("c.yaml", fixture("127.0.0.1:1".parse().unwrap()));
    let listen = format!("unix:{}", socket.display());
    let mut command = program(&["serve", "--config", config.to_str().unwrap(), "--listen", &listen]);
    let ended = run(command.env("FIXTURE_SECRET", SECRET));
    assert_eq!(ended.code, Some(1), "{}", ended.all());
    assert!(ended.all().contains("another program answers"), "{}", ended.all());
    assert!(socket.exists());
}

/// Two of us never share a port in silence.
#[tokio::test]
async fn a_port_that_is_taken_is_an_error() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let scratch = Scratch::new("port");
    let config = scratch.write("c.yaml", fixture("127.0.0.1:1".parse().unwrap()));
    let listen = taken.local_addr().unwrap().to_string();
    let mut command = program(&["serve", "--config", config.to_str().unwrap(), "--listen", &listen]);
    let ended = run(command.env("FIXTURE_SECRET", SECRET));
    assert_eq!(ended.code, Some(1), "{}", ended.all());
    assert!(ended.all().contains(&listen), "{}", ended.all());
}

#[tokio::test]
async fn the_end_waits_for_what_is_in_flight() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let scratch = Scratch::new("drain");
    let text = changed(&fixture(listener.local_addr().unwrap()), &[("admin: off", "admin: 127.0.0.1:0")]);
    let config = scratch.write("c.yaml", text);
    let mut serving = Serving::start(&config, &["--log-format", "json"], &[("FIXTURE_SECRET", SECRET)]);
    let (address, admin) = (serving.address(), serving.admin());
    let mut idle = Reader::new(connect(STRANGER, address).await);
    let mut visitor = Reader::new(connect(STRANGER, address).await);
    visitor.stream().write_all(&request("GET", "/slow", &[])).await.unwrap();
    let mut app = Reader::new(listener.accept().await.unwrap().0);
    app.head().await.unwrap();
    app.stream().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello").await.unwrap();
    visitor.head().await.unwrap();
    let mut body = Vec::new();
    assert!(visitor.exactly(5, &mut body).await);

    serving.terminate();
    serving.line(&["stopping"]);
    // Nobody new comes in, and those who wait for nothing are let go.
    assert!(idle.ends().await);
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let mut operator = Reader::new(TcpStream::connect(admin).await.unwrap());
    operator.stream().write_all(&request("GET", "/-/ready", &[])).await.unwrap();
    assert_eq!(operator.answer().await.unwrap().status(), 503);
    operator.stream().write_all(&request("GET", "/-/live", &[])).await.unwrap();
    assert_eq!(operator.answer().await.unwrap().status(), 200);

    app.stream().write_all(b"world").await.unwrap();
    assert!(visitor.exactly(5, &mut body).await);
    assert_eq!(body, b"helloworld");
    let ended = serving.end();
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    assert!(ended.stdout.contains("stopped"), "{}", ended.all());
}
