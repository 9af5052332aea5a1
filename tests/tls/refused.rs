//! Servers that are not the one that is meant, or no servers at all: the log says why, the visitor
//! that the app is not there.

use crate::harness::app::ok;
use crate::harness::certs::{Authority, Identity, expired, not_yet};
use crate::harness::child::{Scratch, Serving};
use crate::harness::{App, Reader, SECRET, STRANGER, Sidecar, assert_refused, changed, connect, request};
use crate::upstream::behind_tls;
use rcgen::{BasicConstraints, ExtendedKeyUsagePurpose, IsCa};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

/// What the log says of an app with this certificate, and what a visitor is told.
async fn refused(scratch: &Scratch, identity: &Identity, beside: &str) -> String {
    let app = App::encrypted(ok, identity.acceptor()).await;
    let config = scratch.write("config.yaml", behind_tls(app.address, "127.0.0.1", beside));
    let mut serving = Serving::start(&config, &[], &[("FIXTURE_SECRET", SECRET)]);
    let mut visitor = Reader::new(connect(STRANGER, serving.address()).await);
    visitor.stream().write_all(&request("GET", "/kanarie", &[])).await.unwrap();
    assert_refused(&visitor.answer().await.unwrap(), 502, "upstream-unreachable", beside);
    assert_eq!(app.count(), 0, "nothing is said to a stranger");
    serving.line(&["not passed"])
}

#[tokio::test]
async fn a_certificate_that_is_not_good_is_named_in_the_log() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let scratch = Scratch::new("tls-refused");
    let ca = scratch.write("ca.pem", ours.pem());
    let beside = format!(", ca_file: {}", ca.display());
    let of_an_authority = |params: &mut rcgen::CertificateParams| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    };
    let of_a_client = |params: &mut rcgen::CertificateParams| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    };
    for (identity, beside, words) in [
        (theirs.issue(&["127.0.0.1"]), beside.as_str(), &["UnknownIssuer", "name that as `ca_file`"][..]),
        (ours.issue(&["127.0.0.1"]), "", &["UnknownIssuer", "name that as `ca_file`"]),
        (ours.issue(&["app.internal"]), &beside, &["127.0.0.1", "app.internal", "`server_name`"]),
        (ours.issue_with(&["127.0.0.1"], expired), &beside, &["expired"]),
        (ours.issue_with(&["127.0.0.1"], not_yet), &beside, &["not valid yet"]),
        (ours.issue_with(&["127.0.0.1"], of_an_authority), &beside, &["CA:TRUE"]),
        (ours.issue_with(&["127.0.0.1"], of_a_client), &beside, &["server"]),
    ] {
        let line = refused(&scratch, &identity, beside).await;
        for word in words {
            assert!(line.contains(word), "no `{word}` in {line}");
        }
        assert!(!line.contains("kanarie"), "{line}");
    }
}

/// An app on TCP that does this with each connection, and what a visitor gets.
async fn with_app<F>(
    beside: &str,
    play: impl Fn(tokio::net::TcpStream) -> F + Send + 'static,
) -> (u16, String)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(play(stream));
        }
    });
    let text = behind_tls(address, "127.0.0.1", "");
    let sidecar = Sidecar::start(&changed(&text, &[("log:", beside)])).await;
    let answer = sidecar.get(STRANGER, "/", &[]).await;
    (answer.status(), answer.code())
}

#[tokio::test]
async fn one_that_speaks_no_tls_is_not_there_and_a_silent_one_is_late() {
    let plain = async |stream| {
        let mut stream = stream;
        let _ = AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    };
    let (status, code) = with_app("log:", plain).await;
    assert_eq!((status, code.as_str()), (502, "upstream-unreachable"));
    let (status, code) = with_app("log:", |stream| async move { drop(stream) }).await;
    assert_eq!((status, code.as_str()), (502, "upstream-unreachable"));
    let silent = |stream| async move {
        let _ = tokio::io::copy(&mut { stream }, &mut tokio::io::sink()).await;
    };
    let start = Instant::now();
    let (status, code) = with_app("timeouts: { connect: 100ms }\nlog:", silent).await;
    assert_eq!((status, code.as_str()), (504, "upstream-timeout"));
    assert!(start.elapsed() < Duration::from_secs(10), "timeouts.connect bounds the handshake, too");
}
