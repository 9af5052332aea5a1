//! The app behind TLS.

use crate::harness::app::ok;
use crate::harness::certs::Authority;
use crate::harness::child::Scratch;
use crate::harness::{App, Message, STRANGER, Sidecar, changed, fixture};
use std::net::SocketAddr;

/// The fixture with the app behind `https://`, and what stands beside its address.
pub fn behind_tls(app: SocketAddr, host: &str, beside: &str) -> String {
    let url = format!("upstream: {{ url: \"https://{host}:{}\"{beside} }}", app.port());
    changed(&fixture(app), &[(&format!("upstream: http://{app}"), &url)])
}

#[tokio::test]
async fn an_app_is_reached_by_the_name_or_the_address_of_its_certificate() {
    let authority = Authority::new("ours");
    let scratch = Scratch::new("tls-upstream");
    let ca = scratch.write("ca.pem", authority.pem());
    for (names, host, server_name) in [
        (&["localhost"][..], "localhost", ""),
        (&["127.0.0.1"], "127.0.0.1", ""),
        (&["other.test", "app.internal"], "127.0.0.1", ", server_name: app.internal"),
        (&["*.app.internal"], "127.0.0.1", ", server_name: Web.App.Internal"),
        (&["10.1.2.3"], "127.0.0.1", ", server_name: 10.1.2.3"),
    ] {
        let app = App::encrypted(ok, authority.issue(names).acceptor()).await;
        let beside = format!(", ca_file: {}{server_name}", ca.display());
        let sidecar = Sidecar::start(&behind_tls(app.address, host, &beside)).await;
        let answer = sidecar.get(STRANGER, "/any?a=b", &[]).await;
        assert_eq!((answer.status(), answer.text().as_str()), (200, "ok"), "{host}{server_name}");
        let seen = app.last();
        assert_eq!(seen.first_line(), "GET /any?a=b HTTP/1.1");
        // What the certificate is asked for is no matter of the visitor's.
        assert_eq!(seen.values("host"), ["app.test"]);
        assert_eq!(seen.values("x-forwarded-proto"), ["http"]);
    }
}

#[tokio::test]
async fn its_connections_are_used_again() {
    let authority = Authority::new("ours");
    let scratch = Scratch::new("tls-again");
    let ca = scratch.write("ca.pem", authority.pem());
    let app = App::encrypted(ok, authority.issue(&["localhost"]).acceptor()).await;
    let beside = format!(", keepalive: 1h, ca_file: {}", ca.display());
    let sidecar = Sidecar::start(&behind_tls(app.address, "localhost", &beside)).await;
    let mut visitor = sidecar.visitor(STRANGER);
    for _ in 0..5 {
        assert_eq!(visitor.get("/", &[]).await.status(), 200);
    }
    let post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    assert_eq!(visitor.send(post).await.status(), 200);
    assert_eq!((app.count(), app.connections()), (6, 1));
    assert_eq!(app.last().body, b"abc");
}

/// Many records each way.
#[tokio::test]
async fn large_bodies_come_through_whole() {
    #[allow(clippy::unnecessary_wraps, reason = "it is one `Answer` of many")]
    fn echo(asked: &Message) -> Option<Vec<u8>> {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", asked.body.len());
        Some([head.as_bytes(), &asked.body].concat())
    }
    let authority = Authority::new("ours");
    let scratch = Scratch::new("tls-large");
    let ca = scratch.write("ca.pem", authority.pem());
    let app = App::encrypted(echo, authority.issue(&["localhost"]).acceptor()).await;
    let beside = format!(", ca_file: {}", ca.display());
    let sidecar = Sidecar::start(&behind_tls(app.address, "localhost", &beside)).await;
    let body: Vec<u8> = (0..3_000_000_u32).map(|n| u8::try_from(n * 31 % 251).unwrap()).collect();
    let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
    let answer = sidecar.send(STRANGER, [head.as_bytes(), &body].concat()).await;
    assert_eq!(answer.status(), 200);
    assert!(answer.whole && answer.body == body);
}
