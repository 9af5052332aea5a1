// An index that is not there fails the test, as it should.
#![allow(clippy::indexing_slicing)]

use super::page::now;
use super::token::disagreements;
use super::{Pandium, Place};
use crate::cli::demo::catalog;
use crate::redact::Secret;
use bytes::Bytes;
use http::header::{HeaderName, LOCATION, SET_COOKIE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::sync::Arc;

const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";
const OWN: &str = "https://imp.test";
const APP: &str = "https://app.test";

fn claims() -> Value {
    json!({
        "iat": now() - 5, "jti": "00000000-0000-4000-8000-000000000001", "sub": "42",
        "ti": {
            "udn": "Acme <GmbH>", "ufn": "Zoë Müller", "uem": "zoe@acme.example", "ili": ["a", "b"],
            "xti": { "connector_name": "gwt", "integration_name": "gwt2hs" },
        },
    })
}

/// A Pandium that takes a token for good when its signature is `good`.
fn pandium(claims: Value) -> Pandium {
    let verify = move |_: &Secret, token: &str| {
        let good = token.split('.').next_back() == Some("good");
        if good { Ok(claims.clone()) } else { Err("the signature does not fit".to_owned()) }
    };
    let place =
        Place { own: OWN.into(), partner: "https://partner.test".into(), registered: vec![APP.into()] };
    Pandium::new(Secret::new(b"key".to_vec()), Arc::new(verify), place)
}

struct Got {
    head: Response<()>,
    body: String,
}

impl Got {
    fn header(&self, name: HeaderName) -> &str {
        self.head.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// `METHOD address`, some header lines, and a form.
async fn ask(pandium: &Pandium, line: &str, headers: &[(&str, &str)], form: &'static str) -> Got {
    let (method, address) = line.split_once(' ').unwrap();
    let mut request = Request::builder().method(Method::try_from(method).unwrap()).uri(address);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (head, ()) = request.body(()).unwrap().into_parts();
    let (head, body) = pandium.reply(&head, &Bytes::from(form)).into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Got { head: Response::from_parts(head, ()), body: String::from_utf8(body.to_vec()).unwrap() }
}

/// Comes with a token: the `Cookie` line of the session.
async fn arrive(pandium: &Pandium) -> String {
    let line = format!("GET /acme/tenants/create/1121?tenant={HEADER}.x.good");
    let answer = ask(pandium, &line, &[], "").await;
    assert_eq!(
        (answer.head.status(), answer.header(LOCATION)),
        (StatusCode::SEE_OTHER, "/acme/settings/1121")
    );
    let session = answer.header(SET_COOKIE).split(';').next().unwrap().to_owned();
    assert!(session.starts_with("pandium_session="), "{session}");
    session
}

async fn page(claims: Value) -> String {
    let pandium = pandium(claims);
    let cookie = arrive(&pandium).await;
    let answer = ask(&pandium, "GET /acme/settings/1121", &[("cookie", &cookie)], "").await;
    assert_eq!(answer.head.status(), StatusCode::OK);
    assert!(!answer.body.contains("{{"), "{}", answer.body);
    answer.body
}

#[tokio::test]
async fn the_page_shows_what_it_understood() {
    let page = page(claims()).await;
    let shown = ["Connect HubSpot", "Acme &lt;GmbH&gt;", "Zoë Müller", "zoe@acme.example", "known as 42"];
    for text in shown.into_iter().chain(["gwt2hs", "a, b", "Pandium understood this", "made 5 s before"]) {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("class=\"bad\">") && !page.contains("<GmbH>") && !page.contains(HEADER));
}

#[tokio::test]
async fn deviations_are_shown() {
    let mut claims = claims();
    claims["exp"] = json!(1);
    claims["ti"]["xti"]["integration_name"] = json!("gwt2slack");
    let page = page(claims).await;
    assert!(page.contains("Pandium might not understand this"));
    assert!(page.contains("exp is there; the documented payload has none"));
    assert!(page.contains("ti.xti.integration_name is not gwt2hs, as this address has it"));
}

#[tokio::test]
async fn the_visitors_credential_is_never_shown() {
    let mut claims = claims();
    claims["ti"]["xti"]["token"] = json!("canary");
    let page = page(claims).await;
    assert!(page.contains("(present, 6 bytes, not shown)") && !page.contains("canary"));
}

#[tokio::test]
async fn what_is_not_right_gets_a_clear_page() {
    let good = format!("{HEADER}.x.good");
    let cases = [
        (format!("/acme/tenants/create/1121?tenant={HEADER}.x.bad"), 401, "the signature does not fit"),
        ("/acme/tenants/create/1121".to_owned(), 400, "no parameter named tenant"),
        ("/acme/tenants/create/1121?tenant=".to_owned(), 400, "or an empty one"),
        (format!("/acme/tenants/create/1121?tenant={good}&tenant={good}"), 400, "more than one"),
        ("/acme/tenants/create/1121?tenant=a.b".to_owned(), 400, "not three segments"),
        ("/acme/tenants/create/1121?tenant=a..b".to_owned(), 400, "not three segments"),
        ("/acme/tenants/create/1121?tenant=a.b%3Cb%3E.c".to_owned(), 400, "not three segments"),
        (format!("/acme/tenants/create/9999?tenant={good}"), 404, "no integration with this id"),
        (format!("/other/tenants/create/1121?tenant={good}"), 404, "The account of this demo is acme"),
        (
            format!("/acme/tenants/create/1121/?tenant={good}"),
            404,
            "/&lt;account&gt;/tenants/create/&lt;id&gt;",
        ),
        ("/acme/settings/1121".to_owned(), 401, "No cookie came back"),
        ("/oauth/callback?state=guess&code=1".to_owned(), 400, "did not begin here"),
        ("/live/1121".to_owned(), 426, "WebSocket"),
        ("/assets/other.js".to_owned(), 404, "no such file"),
        ("/".to_owned(), 404, "Install pages are at"),
    ];
    let pandium = pandium(claims());
    for (address, status, text) in cases {
        let got = ask(&pandium, &format!("GET {address}"), &[], "").await;
        assert_eq!(got.head.status(), status, "{address}");
        assert!(got.body.contains(text) && !got.body.contains("{{"), "{address}: {}", got.body);
    }
    let line = format!("POST /acme/tenants/create/1121?tenant={good}");
    assert_eq!(ask(&pandium, &line, &[], "").await.head.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn each_kind_of_cookie_is_set_as_the_origin_allows() {
    let answer = |own: &str| {
        let mut pandium = pandium(claims());
        own.clone_into(&mut pandium.place.own);
        async move {
            let line = format!("GET /acme/tenants/create/1121?tenant={HEADER}.x.good");
            let answer = ask(&pandium, &line, &[], "").await;
            let lines = answer.head.headers().get_all(SET_COOKIE).iter();
            lines
                .map(|line| line.to_str().unwrap().split_once("; ").unwrap().1.to_owned())
                .collect::<Vec<_>>()
        }
    };
    let partitioned = "Path=/; HttpOnly; Secure; SameSite=None; Partitioned";
    let encrypted = ["Path=/; HttpOnly; Secure; SameSite=None", "Path=/; SameSite=Lax; Secure", partitioned];
    assert_eq!(answer(OWN).await, encrypted);
    let plain = ["Path=/; HttpOnly; SameSite=Lax", "Path=/; SameSite=Lax", partitioned];
    assert_eq!(answer("http://127.0.0.1:1").await, plain);
}

#[tokio::test]
async fn a_form_counts_from_our_own_page_alone() {
    let pandium = pandium(claims());
    let cookie = arrive(&pandium).await;
    let form = "schedule=weekly&archived=yes";
    for origin in [&[][..], &[("origin", APP)], &[("origin", "null")]] {
        let headers = [&[("cookie", cookie.as_str())], origin].concat();
        let answer = ask(&pandium, "POST /acme/settings/1121", &headers, form).await;
        assert_eq!(answer.head.status(), StatusCode::FORBIDDEN, "{origin:?}");
    }
    let headers = [("cookie", cookie.as_str()), ("origin", OWN)];
    let answer = ask(&pandium, "POST /acme/settings/1121", &headers, form).await;
    assert_eq!(answer.header(LOCATION), "https://imp.test/acme/settings/1121?saved");
    let answer = ask(&pandium, "GET /acme/settings/1121?saved", &headers, "").await;
    for text in ["data-saved=\"yes\"", "<option selected>weekly", "value=\"yes\" checked"] {
        assert!(answer.body.contains(text), "{text}: {}", answer.body);
    }
}

#[tokio::test]
async fn scripts_of_registered_origins_may_read_the_api() {
    let pandium = pandium(claims());
    let cookie = arrive(&pandium).await;
    let allowed = HeaderName::from_static("access-control-allow-origin");
    for (origin, expected) in [(OWN, OWN), (APP, APP), ("https://app.test.evil.example", ""), ("null", "")] {
        for method in ["OPTIONS", "GET", "DELETE"] {
            let headers = [("cookie", cookie.as_str()), ("origin", origin)];
            let answer = ask(&pandium, &format!("{method} /api/installs/1121"), &headers, "").await;
            assert_eq!(answer.header(allowed.clone()), expected, "{method} for {origin}");
        }
    }
    let answer = ask(&pandium, "GET /api/installs/1121", &[("origin", APP)], "").await;
    assert_eq!((answer.head.status().as_u16(), answer.header(allowed)), (401, APP));
}

#[tokio::test]
async fn a_websocket_is_for_a_page_of_the_visitor() {
    let pandium = pandium(claims());
    let cookie = arrive(&pandium).await;
    let wish = [("upgrade", "websocket"), ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")];
    let own = [("cookie", cookie.as_str()), ("origin", OWN)];
    let foreign = [("cookie", cookie.as_str()), ("origin", "https://evil.example")];
    let nobody = [("origin", OWN)];
    for (headers, status) in [(&own[..], 101), (&foreign, 403), (&nobody, 401)] {
        let answer = ask(&pandium, "GET /live/1121", &[&wish, headers].concat(), "").await;
        assert_eq!(answer.head.status(), status, "{headers:?}");
    }
}

#[tokio::test]
async fn a_sign_in_comes_back_once_and_connects_the_whole_tenant() {
    let pandium = pandium(claims());
    let cookie = arrive(&pandium).await;
    let answer = ask(&pandium, "GET /oauth/start/1121", &[("cookie", &cookie)], "").await;
    let (address, state) = answer.header(LOCATION).split_once("&state=").unwrap();
    let expected = "https://partner.test/authorize?redirect_uri=https%3A%2F%2Fimp%2Etest%2Foauth%2Fcallback";
    assert_eq!(address, expected);
    let line = format!("GET /oauth/callback?code=granted&state={state}");
    assert!(ask(&pandium, &line, &[], "").await.body.contains("<h1>Connected</h1>"));
    assert_eq!(ask(&pandium, &line, &[], "").await.head.status(), StatusCode::BAD_REQUEST);

    let colleague = arrive(&pandium).await;
    for (id, connected) in [("1121", "\"connected\":true"), ("1122", "\"connected\":false")] {
        let line = format!("GET /api/installs/{id}");
        let answer = ask(&pandium, &line, &[("cookie", &colleague)], "").await;
        assert!(answer.body.contains(connected), "{id}: {}", answer.body);
    }
}

#[tokio::test]
async fn what_was_seen_has_names_and_no_values() {
    let pandium = pandium(claims());
    let referer = "https://imp.test/acme/tenants/create/1121?tenant=eyJ.canary.x";
    let headers = [("cookie", "a=canary; b=canary"), ("x-account-id", "canary"), ("referer", referer)];
    ask(&pandium, "GET /acme/settings/1121?canary", &headers, "").await;
    let seen = ask(&pandium, "GET /seen", &[], "").await.body;
    let seen: Value = serde_json::from_str(&seen).unwrap();
    let expected = json!({
        "method": "GET", "path": "/acme/settings/1121", "origin": null,
        "referer": "https://imp.test/acme/tenants/create/1121?tenant=(a token)",
        "cookies": ["a", "b"], "headers": ["cookie", "x-account-id", "referer"],
    });
    assert_eq!(seen[0], expected);
}

#[test]
fn a_token_for_another_integration_is_noticed() {
    let slack = catalog::chosen(Some("gwt2slack"));
    let expected = ["ti.xti.integration_name is not gwt2slack, as this address has it"];
    assert_eq!(disagreements(slack, &claims()), expected);
    assert!(disagreements(catalog::chosen(None), &claims()).is_empty());
}
