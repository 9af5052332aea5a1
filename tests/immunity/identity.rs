//! Identity that somebody else wrote, twice, or behind the body (Django CVE-2015-0219, CVE-2026-63439;
//! Caddy CVE-2026-30851; APISIX CVE-2026-31908, CVE-2026-44087; `KrakenD` #309).

use crate::harness::way::{Way, each_way};
use crate::harness::{STRANGER, TRUSTED, assert_minted, assert_refused, claims};
use crate::spelling::PROTECTED;

each_way! {
    nobody_but_the_trusted_peer_says_who_the_visitor_is,
    each_protected_header_alone_is_removed,
    a_trusted_peers_headers_do_reach_the_app,
    two_lines_of_one_header_are_refused_whatever_they_say,
    no_trailer_becomes_identity,
}

const STRANGERS: [&str; 5] = ["127.0.0.1", STRANGER, "127.0.0.20", "127.0.2.2", "127.2.0.0"];

async fn nobody_but_the_trusted_peer_says_who_the_visitor_is(way: Way) {
    let (app, sidecar) = way.pair().await;
    for from in STRANGERS {
        let answer = sidecar.install(from, &["X-Tenant-Id: acme"]).await;
        assert_refused(&answer, 403, "untrusted-peer", from);
        sidecar.get(from, "/", &["X-Tenant-Id: acme", "X-Kept: yes"]).await;
        assert!(app.last().values("x-tenant-id").is_empty(), "{from}");
        assert_eq!(app.last().values("x-kept"), ["yes"]);
    }
    let answer = sidecar.install(TRUSTED, &["X-Tenant-Id: acme"]).await;
    assert_minted(&answer, TRUSTED);
    assert_eq!(claims(&answer)["sub"], "acme");
}

/// Each alone, as a rule that needs a complete session would let an optional one through.
async fn each_protected_header_alone_is_removed(way: Way) {
    let (app, sidecar) = way.pair().await;
    for name in PROTECTED {
        for spelled in [name.to_owned(), name.to_ascii_lowercase(), name.to_ascii_uppercase()] {
            for method in ["GET", "POST", "DELETE"] {
                let line = format!("{spelled}: admin@x");
                let request = format!("{method} /x HTTP/1.1\r\nHost: a\r\n{line}\r\n{line}\r\n\r\n");
                assert_eq!(sidecar.send(STRANGER, request).await.status(), 200);
                assert!(app.last().values(name).is_empty(), "{line}");
                assert!(!app.last().head.contains("admin@x"), "{line}");
            }
        }
    }
}

async fn a_trusted_peers_headers_do_reach_the_app(way: Way) {
    let (app, sidecar) = way.pair().await;
    sidecar.get(TRUSTED, "/", &["X-Tenant-Id: acme", "X-User-Email: a@b"]).await;
    assert_eq!(app.last().values("x-tenant-id"), ["acme"]);
    assert_eq!(app.last().values("x-user-email"), ["a@b"]);
}

async fn two_lines_of_one_header_are_refused_whatever_they_say(way: Way) {
    let (app, sidecar) = way.pair().await;
    for name in PROTECTED {
        for (one, other) in [("a", "b"), ("a", "a"), ("", "a"), ("a", ""), ("-", "a")] {
            let (first, second) =
                (format!("{name}: {one}"), format!("{}: {other}", name.to_ascii_lowercase()));
            for lines in [
                vec![first.as_str(), &second],
                vec![&first, "X-Between: x", &second],
                vec![&first, &second, &second],
            ] {
                let case = format!("{lines:?}");
                let refused = sidecar.install(TRUSTED, &lines).await;
                assert_refused(&refused, 400, "duplicate-header", &case);
                let passed = sidecar.get(TRUSTED, "/", &lines).await;
                assert_refused(&passed, 400, "duplicate-header", &case);
            }
        }
    }
    assert_eq!(app.count(), 0);
}

async fn no_trailer_becomes_identity(way: Way) {
    let (app, sidecar) = way.pair().await;
    for from in [TRUSTED, STRANGER] {
        for trailer in ["X-Tenant-Id", "x_tenant_id", "X-User-Email", "X-Pandium-Token", "X-Anything"] {
            let post = format!(
                "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\n\
                 Trailer: {trailer}\r\n\r\n3\r\nabc\r\n0\r\n{trailer}: evil\r\n\r\n"
            );
            assert_eq!(sidecar.send(from, &post).await.status(), 200, "{trailer}");
            let seen = app.last();
            assert_eq!(seen.body, b"abc");
            assert_eq!(seen.trailers, "", "{trailer}");
            assert!(seen.values("trailer").is_empty() && !seen.head.contains("evil"), "{trailer}");
            let get = post.replace("POST /x", "GET /pandium/install/gwt2hs");
            let answer = sidecar.send(from, get).await;
            let (status, code) = if from == TRUSTED { (401, "signed-out") } else { (403, "untrusted-peer") };
            assert_refused(&answer, status, code, trailer);
        }
    }
}
