//! The decision route and the link route, over real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod harness;

use harness::{App, STRANGER, Sidecar, TRUSTED, fixture, request};

const DECISION: &str = "/pandium/decision/gwt2hs";
const LINK: &str = "/pandium/link/gwt2hs";

async fn sidecar(app: &App, more: &str) -> Sidecar {
    let routes = "routes:\n  decision: { path: /pandium/decision/:integration }\n  \
        link: { path: /pandium/link/:integration }\n";
    Sidecar::start(&format!("{}{routes}{more}", fixture(app.address))).await
}

#[tokio::test]
async fn a_decision_is_200_with_a_token_for_any_method() {
    let app = App::start().await;
    let sidecar = sidecar(&app, "").await;
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PURGE"] {
        for path in [DECISION.to_owned(), format!("{DECISION}/the/visit%C3%B6rs;own/../?path=1")] {
            let answer = sidecar.send(TRUSTED, request(method, &path, &["X-Tenant-Id: acme"])).await;
            assert_eq!(answer.status(), 200, "{method} {path}");
            let (url, token) = (answer.values("x-pandium-url"), answer.values("x-pandium-token"));
            assert_eq!((url.len(), token.len()), (1, 1), "{method} {path}");
            assert!(url[0].ends_with(&format!("/acme/tenants/create/1121?tenant={}", token[0])), "{method}");
            assert_eq!(answer.values("cache-control"), ["no-store"], "{method}");
        }
    }
    assert!(app.seen().is_empty());
}

#[tokio::test]
async fn whatever_is_wrong_with_a_decision_is_401_or_403() {
    let app = App::start().await;
    let sidecar = sidecar(&app, "").await;
    let own = "X-Tenant-Id: acme";
    let cases: &[(&str, &str, &[&str], u16, &str)] = &[
        (TRUSTED, DECISION, &[], 401, "signed-out"),
        (STRANGER, DECISION, &[own], 403, "untrusted-peer"),
        (TRUSTED, DECISION, &[own, own], 403, "duplicate-header"),
        (TRUSTED, DECISION, &[own, "X_Tenant_Id: evil"], 403, "alias-header"),
        (TRUSTED, DECISION, &[own, "Connection: close, x-tenant-id"], 403, "nominated-header"),
        (TRUSTED, DECISION, &["X-Tenant-Id: a\u{202e}b"], 403, "invalid-value"),
        (TRUSTED, DECISION, &[own, "Host: b"], 403, "bad-host"),
        (TRUSTED, DECISION, &[own, "Sec-Purpose: prefetch"], 403, "prefetch"),
        (TRUSTED, DECISION, &[own, "Sec-Fetch-Site: cross-site"], 403, "cross-site"),
        (TRUSTED, "/pandium/decision/nobody", &[own], 403, "unknown-integration"),
        (TRUSTED, "/pandium/decision/", &[own], 403, "unknown-integration"),
        (TRUSTED, "/pandium/decision/gwt2hs%2fx", &[own], 403, "ambiguous-path"),
        (TRUSTED, "//pandium/decision/gwt2hs", &[own], 403, "ambiguous-path"),
        (TRUSTED, "/pandium%2fdecision/gwt2hs", &[own], 403, "ambiguous-path"),
        (TRUSTED, DECISION, &[own, "Transfer-Encoding: gzip, chunked"], 403, "bad-request"),
        (
            STRANGER,
            DECISION,
            &["X-Forwarded-Uri: /", "X-Original-URL: /", "X-Forwarded-For: 127.0.0.2", own],
            403,
            "untrusted-peer",
        ),
    ];
    for (from, path, lines, status, code) in cases {
        let answer = sidecar.send(from, request("GET", path, lines)).await;
        assert_eq!(
            (answer.status(), answer.values("x-pandium-refusal")),
            (*status, vec![*code]),
            "{path} {lines:?}"
        );
        assert!(!answer.resembles_token(), "{path} {lines:?}");
        assert!(answer.values("x-pandium-url").is_empty() && answer.values("allow").is_empty());
    }
    assert!(app.seen().is_empty());
}

#[tokio::test]
async fn a_link_is_for_the_apps_own_pages() {
    let app = App::start().await;
    let sidecar = sidecar(&app, "token: { ttl: 5m }\n").await;
    for site in [&["Sec-Fetch-Site: same-origin"][..], &["Sec-Fetch-Site: none"], &[]] {
        let lines = [&["X-Tenant-Id: acme", "Origin: http://app.test"], site].concat();
        let answer = sidecar.get(TRUSTED, LINK, &lines).await;
        assert_eq!(answer.status(), 200, "{site:?}");
        let link: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert!(link["url"].as_str().unwrap().contains("/acme/tenants/create/1121?tenant=eyJ"), "{site:?}");
        assert_eq!(link["integration"], "gwt2hs");
        assert!(link["expires_at"].as_u64().unwrap() > 1_700_000_000);
        assert_eq!(answer.values("x-content-type-options"), ["nosniff"]);
        assert_eq!(answer.values("cache-control"), ["no-store"]);
        assert!(!answer.head.to_ascii_lowercase().contains("access-control"), "{site:?}");
    }
    for lines in [
        &["Sec-Fetch-Site: same-site"][..],
        &["Sec-Fetch-Site: cross-site"],
        &["Sec-Fetch-Site: cross-site", "Sec-Fetch-Dest: document"],
    ] {
        let answer = sidecar.get(TRUSTED, LINK, &[&["X-Tenant-Id: acme"], lines].concat()).await;
        assert_eq!((answer.status(), answer.code()), (403, "cross-site".to_owned()), "{lines:?}");
    }
    let answer = sidecar.send(TRUSTED, request("POST", LINK, &["X-Tenant-Id: acme"])).await;
    assert_eq!((answer.status(), answer.values("allow")), (405, vec!["GET"]));
}

#[tokio::test]
async fn a_link_without_a_ttl_does_not_expire() {
    let app = App::start().await;
    let sidecar = sidecar(&app, "").await;
    let answer = sidecar.get(TRUSTED, LINK, &["X-Tenant-Id: acme"]).await;
    let link: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert!(link["expires_at"].is_null());
}
