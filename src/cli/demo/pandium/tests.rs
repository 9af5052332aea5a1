// An index that is not there fails the test, as it should.
#![allow(clippy::indexing_slicing)]

use super::{Pandium, disagreements, now};
use crate::cli::demo::catalog;
use crate::redact::Secret;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::sync::Arc;

const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

fn claims() -> Value {
    json!({
        "iat": now() - 5, "jti": "00000000-0000-4000-8000-000000000001", "sub": "42",
        "ti": {
            "udn": "Acme <GmbH>", "ufn": "Zoë Müller", "uem": "zoe@acme.example", "ili": ["a", "b"],
            "xti": { "connector_name": "gwt", "integration_name": "gwt2hs" },
        },
    })
}

/// The answer of a Pandium that takes a token for good when its signature is `good`.
async fn ask(method: Method, address: &str, claims: Value) -> (StatusCode, String) {
    let verify = move |_: &Secret, token: &str| {
        let good = token.split('.').next_back() == Some("good");
        if good { Ok(claims.clone()) } else { Err("the signature does not fit".to_owned()) }
    };
    let pandium = Pandium::new(Secret::new(b"key".to_vec()), Arc::new(verify));
    let request = Request::builder().method(method).uri(address).body(()).unwrap();
    let answer = pandium.answer(&request);
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn page(claims: Value) -> String {
    let address = format!("/acme/tenants/create/1121?tenant={HEADER}.x.good");
    let (status, page) = ask(Method::GET, &address, claims).await;
    assert_eq!(status, StatusCode::OK);
    assert!(!page.contains("{{"), "{page}");
    page
}

#[tokio::test]
async fn the_page_shows_what_it_understood() {
    let page = page(claims()).await;
    let shown = ["Connect HubSpot", "Acme &lt;GmbH&gt;", "Zoë Müller", "zoe@acme.example", "known as 42"];
    for text in shown.into_iter().chain(["gwt2hs", "a, b", "Pandium understood this", "made 5 s ago"]) {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("class=\"bad\"") && !page.contains("<GmbH>") && !page.contains(HEADER));
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
        ("/".to_owned(), 404, "Install pages are at"),
    ];
    for (address, status, text) in cases {
        let (got, page) = ask(Method::GET, &address, claims()).await;
        assert_eq!(got, status, "{address}");
        assert!(page.contains(text) && !page.contains("{{"), "{address}: {page}");
    }
    let address = format!("/acme/tenants/create/1121?tenant={good}");
    assert_eq!(ask(Method::POST, &address, claims()).await.0, StatusCode::METHOD_NOT_ALLOWED);
}

#[test]
fn a_token_for_another_integration_is_noticed() {
    let slack = catalog::chosen(Some("gwt2slack"));
    let expected = ["ti.xti.integration_name is not gwt2slack, as this address has it"];
    assert_eq!(disagreements(slack, &claims()), expected);
    assert!(disagreements(catalog::chosen(None), &claims()).is_empty());
}
