//! What lies between us and the network where a connection is encrypted: bytes that were written are
//! not all sent, and bytes that were not written may be.

use crate::harness::certs::Authority;
use crate::harness::message::PATIENCE;
use bytes::Bytes;
use http::{Method, Request};
use pandium_sidecar::http1::framing::Length;
use pandium_sidecar::proxy::body::Body;
use pandium_sidecar::proxy::line::Line;
use pandium_sidecar::proxy::visitor::Visitor;
use pandium_sidecar::stream::Stream;
use rustls::pki_types::ServerName;
use std::future::poll_fn;
use std::io::ErrorKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsStream;

/// Two ends that have shaken hands: the server's, and the client's.
async fn shaken(server: Stream, client: Stream) -> (TlsStream<Stream>, TlsStream<Stream>) {
    let authority = Authority::new("engine");
    let (acceptor, connector) = (authority.issue(&["app.test"]).acceptor(), authority.connector(None));
    let name = ServerName::try_from("app.test").unwrap();
    let (server, client) = tokio::join!(acceptor.accept(server), connector.connect(name, client));
    let (mut server, mut client) = (server.unwrap(), client.unwrap());
    // With it come the tickets that the server sends first.
    server.write_all(b"!").await.unwrap();
    assert_eq!(client.read_u8().await.unwrap(), b'!');
    (server.into(), client.into())
}

async fn over_tcp() -> (TlsStream<Stream>, TlsStream<Stream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    shaken(Stream::Tcp(server), Stream::Tcp(client)).await
}

/// What asks for a body goes to the network as soon as that takes it, with nothing to push it.
#[tokio::test]
async fn who_waits_to_be_asked_is_asked_where_the_network_was_full() {
    let (server, client) = UnixStream::pair().unwrap();
    let (server, mut client) = shaken(Stream::Unix(server), Stream::Unix(client)).await;
    let Stream::Unix(socket) = server.get_ref().0 else { panic!("another stream") };
    let mut filled = 0;
    socket.writable().await.unwrap();
    while let Ok(written) = socket.try_write(&[0; 4096]) {
        filled += written;
    }
    let visitor = Visitor::new(Stream::Tls(Box::new(server)), Bytes::new());
    visitor.look().begin(Length::Exactly(5), true);
    let reader = visitor.clone();
    let body = tokio::spawn(async move { poll_fn(|cx| reader.look().poll_piece(cx)).await });
    tokio::task::yield_now().await;
    assert!(!body.is_finished());
    client.get_mut().0.read_exact(&mut vec![0; filled]).await.unwrap();
    let mut asked = [0; 25];
    timeout(PATIENCE, client.read_exact(&mut asked)).await.expect("nobody is asked").unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    client.write_all(b"hello").await.unwrap();
    client.flush().await.unwrap();
    let piece = body.await.unwrap().unwrap().unwrap();
    assert_eq!(piece.into_data().unwrap(), "hello");
}

/// An end that is none in order is a reset also where TLS has a word for one.
#[tokio::test]
async fn what_ends_abruptly_is_reset() {
    for (abrupt, told) in [(true, ErrorKind::ConnectionReset), (false, ErrorKind::UnexpectedEof)] {
        let (server, mut client) = over_tcp().await;
        let server = Stream::Tls(Box::new(server));
        server.set_abrupt(true);
        server.set_abrupt(abrupt);
        drop(server);
        assert_eq!(client.read_u8().await.unwrap_err().kind(), told, "abrupt: {abrupt}");
    }
}

/// A write of much goes in several parts: where a later one fails, the app may have the ones before.
#[tokio::test]
async fn what_failed_in_the_middle_does_not_go_again() {
    let (app, own) = over_tcp().await;
    // The first part is taken by the system all the same, and answered by a reset.
    drop(app);
    let mut line = Line::open(Stream::Tls(Box::new(own)));
    let mut request = Request::new(Body::empty());
    *request.method_mut() = Method::POST;
    for _ in 0..90 {
        request.headers_mut().append("x-long", "x".repeat(1024).parse().unwrap());
    }
    line.begin(request);
    let fault = poll_fn(|cx| line.poll_head(cx)).await.unwrap_err();
    assert!(!line.may_go_again(&fault, false) && line.may_go_again(&fault, true), "{fault:?}");
}
