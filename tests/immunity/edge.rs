//! An edge that forgets a header, and a secret between the edge and us (oauth2-proxy #388, #1388).

use crate::harness::way::{Way, each_way};
use crate::harness::{
    App, INSTALL, SECRET, STRANGER, TRUSTED, assert_minted, assert_refused, changed, fixture, request,
};

each_way! {
    each_forgotten_header_is_refused_by_name,
    the_secret_reaches_the_app_by_no_way,
    the_secret_and_the_peer_must_both_hold,
    trust_may_rest_on_the_secret_alone,
}

const PEERS: &str = "trust: { peers: 127.0.0.2 }";
const SHOWN: &str = "peers: 127.0.0.2, header: { name: X-Edge, value: { env: FIXTURE_SECRET } }";

/// The names of the fields' headers, each with a value.
const EVERY: [&str; 3] = ["X-Tenant-Id: acme", "X-User-Email: a@b.example", "X-User-Groups: -"];

async fn each_forgotten_header_is_refused_by_name(way: Way) {
    let (_app, sidecar) = way.pair_with(&[(PEERS, "trust: { peers: 127.0.0.2, complete: true }")]).await;
    assert_minted(&sidecar.install(TRUSTED, &EVERY).await, "all of them");
    for (forgotten, name) in EVERY.into_iter().enumerate() {
        let mut lines = EVERY.to_vec();
        lines.remove(forgotten);
        let answer = sidecar.install(TRUSTED, &lines).await;
        assert_refused(&answer, 403, "incomplete-session", name);
    }
    assert_refused(&sidecar.install(TRUSTED, &[]).await, 403, "incomplete-session", "none");
    assert_refused(&sidecar.install(STRANGER, &EVERY).await, 403, "untrusted-peer", "a stranger");
    // What is not ours is the app's, whatever is there.
    assert_eq!(sidecar.get(TRUSTED, "/page", &[]).await.status(), 200);
}

async fn the_secret_reaches_the_app_by_no_way(way: Way) {
    let (app, sidecar) = way.pair_with(&[(PEERS, &format!("trust: {{ {SHOWN} }}"))]).await;
    let secret = format!("X-Edge: {SECRET}");
    let shown = [secret.as_str(), "X-Tenant-Id: acme"];
    assert_minted(&sidecar.install(TRUSTED, &shown).await, "shown");
    assert_eq!(sidecar.get(TRUSTED, "/page", &shown).await.status(), 200);
    let seen = app.last();
    assert!(seen.values("x-edge").is_empty(), "{}", seen.head);
    assert_eq!(seen.values("x-tenant-id"), ["acme"], "the others of a friend go on");
    for spelling in ["X-Edge", "X_Edge", "x.edge", "X-EDGE"] {
        for from in [TRUSTED, STRANGER] {
            let line = format!("{spelling}: guess");
            assert_eq!(sidecar.get(from, "/page", &[&line, "X-Tenant-Id: acme"]).await.status(), 200);
            let seen = app.last();
            assert!(!seen.text().contains("guess"), "{spelling}");
            assert!(seen.values("x-tenant-id").is_empty(), "whoever does not show it is a stranger");
        }
    }
    let body = format!(
        "POST /page HTTP/1.1\r\nHost: app.test\r\n{secret}\r\nTrailer: X-Edge\r\nTransfer-Encoding: chunked\r\n\r\n\
         1\r\na\r\n0\r\n{secret}\r\n\r\n"
    );
    assert_eq!(sidecar.send(TRUSTED, body).await.status(), 200);
    assert!(!app.last().text().contains(SECRET));
}

async fn the_secret_and_the_peer_must_both_hold(way: Way) {
    let (_app, sidecar) = way.pair_with(&[(PEERS, &format!("trust: {{ {SHOWN} }}"))]).await;
    let (secret, tenant) = (format!("X-Edge: {SECRET}"), "X-Tenant-Id: acme");
    let (short, longer) = (&secret[..secret.len() - 1], format!("{secret}a"));
    for line in ["X-Edge: ", "X-Edge: wrong", short, &longer, "X_Edge: wrong", "X-Other: a"] {
        let answer = sidecar.install(TRUSTED, &[line, tenant]).await;
        assert_refused(&answer, 403, "untrusted-peer", line);
    }
    assert_refused(&sidecar.install(STRANGER, &[&secret, tenant]).await, 403, "untrusted-peer", "stranger");
    for (more, code) in [
        (secret.as_str(), "duplicate-header"),
        ("X-Edge: wrong", "duplicate-header"),
        ("X_Edge: wrong", "alias-header"),
        // The library ends the request before anybody reads it.
        ("Connection: x-edge", if way.is_http2() { "" } else { "nominated-header" }),
    ] {
        for path in [INSTALL, "/page"] {
            let answer = sidecar.send(TRUSTED, request("GET", path, &[&secret, more, tenant])).await;
            assert_refused(&answer, 400, code, &format!("{path} {code}"));
        }
    }
}

async fn trust_may_rest_on_the_secret_alone(way: Way) {
    let app = App::start().await;
    let alone = "trust: { header: { name: X-Edge, value: { env: FIXTURE_SECRET } } }";
    let sidecar = way.start(&changed(&fixture(app.address), &[(PEERS, alone)])).await;
    let secret = format!("X-Edge: {SECRET}");
    assert_minted(&sidecar.install(STRANGER, &[&secret, "X-Tenant-Id: acme"]).await, "shown");
    let answer = sidecar.install(TRUSTED, &["X-Tenant-Id: acme"]).await;
    assert_refused(&answer, 403, "untrusted-peer", "not shown");
}
