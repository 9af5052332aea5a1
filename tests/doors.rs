//! The routes besides the install route, over real sockets: marketplace, link and decision.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod harness;

use harness::way::{Way, over_each_transport};
use harness::{App, STRANGER, Sidecar, TRUSTED, assert_refused, changed, claims, fixture, request};

over_each_transport! {
    a_decision_is_200_with_a_token_for_any_method,
    whatever_is_wrong_with_a_decision_is_401_or_403,
    a_link_is_for_the_apps_own_pages,
    a_link_without_a_ttl_does_not_expire,
    the_marketplace_is_for_no_integration,
    the_marketplace_has_the_guards_of_an_install,
    the_marketplace_asks_the_app_as_an_install_does,
}

const DECISION: &str = "/pandium/decision/gwt2hs";
const LINK: &str = "/pandium/link/gwt2hs";

async fn sidecar(way: Way, app: &App, more: &str) -> Sidecar {
    let routes = "routes:\n  decision: { path: /pandium/decision/:integration }\n  \
        link: { path: /pandium/link/:integration }\n";
    way.start(&format!("{}{routes}{more}", fixture(app.address))).await
}

async fn a_decision_is_200_with_a_token_for_any_method(way: Way) {
    let app = App::start().await;
    let sidecar = sidecar(way, &app, "").await;
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

async fn whatever_is_wrong_with_a_decision_is_401_or_403(way: Way) {
    let app = App::start().await;
    let sidecar = sidecar(way, &app, "").await;
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
        (TRUSTED, "/pandium/decision", &[own], 403, "unknown-integration"),
        (TRUSTED, "/pandium/decision?gwt2hs", &[own], 403, "unknown-integration"),
        (STRANGER, "/pandium/decision", &[own], 403, "untrusted-peer"),
        (TRUSTED, "/pandium/decision;x", &[own], 403, "ambiguous-path"),
        (TRUSTED, "/pandium/decision/gwt2hs%2fx", &[own], 403, "ambiguous-path"),
        (TRUSTED, "//pandium/decision/gwt2hs", &[own], 403, "ambiguous-path"),
        (TRUSTED, "/pandium%2fdecision/gwt2hs", &[own], 403, "ambiguous-path"),
        (TRUSTED, DECISION, &[own, "Transfer-Encoding: gzip, chunked"], 403, "bad-request"),
        (TRUSTED, DECISION, &[own, "Transfer-Encoding: gzip"], 403, "bad-request"),
        (TRUSTED, DECISION, &[own, "Transfer-Encoding: chunked", "Content-Length: 5"], 403, "bad-request"),
        (TRUSTED, DECISION, &[own, "Content-Length: x"], 403, "bad-request"),
        (TRUSTED, DECISION, &[own, "Content-Length: 5, 5"], 403, "bad-request"),
        (TRUSTED, DECISION, &[own, "Content-Length: 5", "Content-Length: 6"], 403, "bad-request"),
        (
            STRANGER,
            DECISION,
            &["X-Forwarded-Uri: /", "X-Original-URL: /", "X-Forwarded-For: 127.0.0.2", own],
            403,
            "untrusted-peer",
        ),
    ];
    for (from, path, lines, status, code) in cases {
        let bytes = request("GET", path, lines);
        // There it ends the stream (RFC 9113 §8.1.1).
        let ends = way.is_http2() && lines.iter().any(|line| line.starts_with("Content-Length"));
        if ends || !way.can_say(&bytes) {
            continue;
        }
        let answer = sidecar.send(from, bytes).await;
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

async fn a_link_is_for_the_apps_own_pages(way: Way) {
    let app = App::start().await;
    let sidecar = sidecar(way, &app, "token: { ttl: 5m }\n").await;
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

async fn a_link_without_a_ttl_does_not_expire(way: Way) {
    let app = App::start().await;
    let sidecar = sidecar(way, &app, "").await;
    let answer = sidecar.get(TRUSTED, LINK, &["X-Tenant-Id: acme"]).await;
    let link: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert!(link["expires_at"].is_null());
}

const MARKETPLACE: &str = "/pandium/marketplace";

/// The fixture with the marketplace, and with this in place of who says who a visitor is.
fn shown(app: &App, from: &str) -> String {
    let routes = "routes:\n  marketplace: { path: /pandium/marketplace, params: { display: list } }\n";
    changed(&fixture(app.address), &[("from: headers", from)]) + routes
}

async fn the_marketplace_is_for_no_integration(way: Way) {
    let app = App::start().await;
    let sidecar = way.start(&shown(&app, "from: headers")).await;
    let lines = ["X-Tenant-Id: acme", "X-User-Groups: a,b", "Sec-Fetch-Site: same-origin"];
    let path = format!("{MARKETPLACE}?tenant=x&display=evil&host=evil.test");
    let answer = sidecar.get(TRUSTED, &path, &lines).await;
    let claims = claims(&answer);
    assert_eq!((&claims["sub"], &claims["ti"]["ili"][1]), (&"acme".into(), &"b".into()));
    assert_eq!(claims["ti"]["xti"], serde_json::json!({}));
    let location = answer.values("location")[0];
    assert!(location.starts_with("https://imp.sandbox.pandium.com/acme?tenant=eyJ"), "{location}");
    assert!(location.ends_with("&display=list") && !location.contains("evil"), "{location}");
    assert_eq!(answer.values("cache-control"), ["no-store"]);
    assert_eq!(answer.values("referrer-policy"), ["no-referrer"]);
    assert!(app.seen().is_empty());
}

async fn the_marketplace_has_the_guards_of_an_install(way: Way) {
    let app = App::start().await;
    let sidecar = way.start(&shown(&app, "from: headers")).await;
    let own = "X-Tenant-Id: acme";
    let get = |path: &str, lines: &[&str]| request("GET", path, lines);
    let cases = [
        (TRUSTED, get(MARKETPLACE, &[own, "Host: b"]), 400, "bad-host"),
        (TRUSTED, get("/pandium//marketplace", &[own]), 400, "ambiguous-path"),
        (TRUSTED, get("/pandium/marketplace;x", &[own]), 400, "ambiguous-path"),
        (TRUSTED, get("/pandium/%6darketplace", &[own]), 400, "ambiguous-path"),
        (TRUSTED, request("POST", MARKETPLACE, &[own]), 405, "method-not-allowed"),
        (TRUSTED, get(MARKETPLACE, &[own, "Purpose: prefetch"]), 403, "prefetch"),
        (
            TRUSTED,
            get(MARKETPLACE, &[own, "Sec-Fetch-Site: cross-site", "Sec-Fetch-Dest: image"]),
            403,
            "cross-site",
        ),
        (STRANGER, get(MARKETPLACE, &[own]), 403, "untrusted-peer"),
        (TRUSTED, get(MARKETPLACE, &[own, "Connection: x-tenant-id"]), 400, "nominated-header"),
        (TRUSTED, get(MARKETPLACE, &[own, "X.Tenant.Id: evil"]), 400, "alias-header"),
        (TRUSTED, get(MARKETPLACE, &[own, own]), 400, "duplicate-header"),
        (TRUSTED, get("/pandium/marketplace/", &[own]), 404, "unknown-integration"),
        (TRUSTED, get("/pandium/marketplace/gwt2hs", &[own]), 404, "unknown-integration"),
        (TRUSTED, get(MARKETPLACE, &["X-Tenant-Id: a\u{202e}b"]), 400, "invalid-value"),
        (TRUSTED, get(MARKETPLACE, &[]), 401, "signed-out"),
    ];
    for (from, bytes, status, code) in cases {
        if !way.can_say(&bytes) {
            continue;
        }
        let case = String::from_utf8_lossy(&bytes).into_owned();
        assert_refused(&sidecar.send(from, bytes).await, status, code, &case);
    }
    assert!(app.seen().is_empty());
    assert_eq!(sidecar.get(TRUSTED, "/pandium/marketplaces", &[own]).await.status(), 200);
}

fn known(asked: &harness::Message) -> Vec<u8> {
    let named = asked.values("cookie") == ["sid=zoe"];
    let lines = if named { "X-Tenant-Id: acme\r\nSet-Cookie: sid=new\r\n" } else { "" };
    format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: 2\r\n\r\nok").into_bytes()
}

async fn the_marketplace_asks_the_app_as_an_install_does(way: Way) {
    let app = App::answering(|asked| Some(known(asked))).await;
    let login = "\n  signed_out: { redirect: \"/login?next=${request.path_and_query}\" }";
    for from in ["from: probe\n  probe: { path: /who }", "from: handoff"] {
        let sidecar = way.start(&shown(&app, &format!("{from}{login}"))).await;
        let answer = sidecar.get(STRANGER, MARKETPLACE, &["Cookie: sid=zoe"]).await;
        assert_eq!(claims(&answer)["sub"], "acme", "{from}");
        assert_eq!(answer.values("set-cookie"), ["sid=new"], "{from}");
        let nobody = sidecar.get(STRANGER, &format!("{MARKETPLACE}?display=x"), &[]).await;
        if from == "from: handoff" {
            assert_eq!(app.last().first_line(), "GET /pandium/marketplace?display=x HTTP/1.1");
            assert_eq!((nobody.status(), nobody.text().as_str()), (200, "ok"));
        } else {
            assert_eq!(nobody.values("location"), ["/login?next=%2Fpandium%2Fmarketplace"]);
        }
    }
}
