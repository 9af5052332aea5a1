// An index that is not there fails the test, as it should.
#![allow(clippy::indexing_slicing)]

use super::{HEADER, Look, deviations};
use serde_json::{Value, json};

const NOW: i64 = 1_700_000_005;

/// As the demo's Pandium looks at a token.
const ARRIVAL: Look = Look { on_arrival: true, for_install: true, now: NOW };

/// As somebody does who has found one.
const LATER: Look = Look { on_arrival: false, ..ARRIVAL };

fn good() -> Value {
    json!({
        "iat": 1_700_000_000, "jti": "00000000-0000-4000-8000-000000000001", "sub": "acme-42",
        "ti": {
            "udn": "Acme GmbH", "ufn": "Zoë Müller", "uem": "zoe@acme.example", "ili": [],
            "aid": "42", "adn": "Acme GmbH",
            "xti": { "connector_name": "acme", "integration_name": "acme2crm" },
        },
    })
}

/// The good payload with the value at `pointer` replaced, added, or (for `None`) taken out.
fn with(pointer: &str, value: Option<Value>) -> Value {
    let mut claims = good();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = claims.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => parent.insert(name.to_owned(), value),
        None => parent.remove(name),
    };
    claims
}

#[test]
fn the_documented_form_has_no_deviation() {
    let fine = [
        good(),
        with("/iat", Some(json!(NOW))),
        with("/iat", Some(json!(NOW - 300))),
        with("/ti/ufn", None),
        with("/ti/ili", None),
        with("/ti/ili", Some(json!(["a", "b"]))),
        with("/ti/aid", Some(json!(""))),
        with("/ti/adn", None),
        with("/ti/xti/hidden_integrations", Some(json!(["a"]))),
        with("/ti/xti/token", Some(json!("opaque"))),
    ];
    for claims in fine {
        assert_eq!(deviations(HEADER, &claims, ARRIVAL), Vec::<String>::new(), "{claims}");
    }
}

#[test]
fn every_deviation_of_the_payload_is_named() {
    let cases = [
        ("/iat", None, "iat is missing"),
        ("/iat", Some(json!("1700000000")), "iat is text, not a whole number of seconds"),
        ("/iat", Some(json!(1_700_000_000.5)), "iat is a number, not a whole number of seconds"),
        ("/iat", Some(json!(1_700_000_000_000_i64)), "iat is in milliseconds; seconds are expected"),
        ("/iat", Some(json!(NOW + 3)), "iat is 3 s in the future"),
        ("/iat", Some(json!(NOW - 301)), "iat is 301 s ago; a token is made for one request"),
        ("/iat", Some(json!(i64::MIN)), "iat is 9223372036854775807 s ago; a token is made for one request"),
        ("/jti", None, "jti is missing"),
        ("/jti", Some(json!(7)), "jti is a number, not text"),
        ("/jti", Some(json!("")), "jti is empty"),
        ("/jti", Some(json!("00000000000040008000000000000001")), "jti is not a UUID"),
        ("/jti", Some(json!("00000000-0000-4000-8000-00000000000g")), "jti is not a UUID"),
        ("/sub", None, "sub is missing"),
        ("/sub", Some(json!(42)), "sub is a number, not text"),
        ("/sub", Some(json!("")), "sub is empty"),
        ("/exp", Some(json!(NOW + 60)), "exp is there; the documented payload has none"),
        ("/nbf", Some(json!(NOW)), "nbf is there; the documented payload has none"),
        ("/iss", Some(json!("us")), "iss is there; the documented payload has none"),
        ("/aud", Some(json!("them")), "aud is there; the documented payload has none"),
        ("/ti", None, "ti is missing"),
        ("/ti", Some(json!("text")), "ti is text, not an object"),
        ("/ti/udn", Some(json!(42)), "ti.udn is a number, not text"),
        ("/ti/ufn", Some(json!("")), "ti.ufn is empty"),
        ("/ti/uem", Some(json!(null)), "ti.uem is null, not text"),
        ("/ti/aid", Some(json!(42)), "ti.aid is a number, not text"),
        ("/ti/adn", Some(json!(true)), "ti.adn is a truth value, not text"),
        ("/ti/ili", Some(json!("a,b")), "ti.ili is text, not a list of text"),
        ("/ti/ili", Some(json!(["a", 2])), "ti.ili holds a number at position 1; its items are text"),
        ("/ti/email", Some(json!("a@b")), "ti.email is there; the documented payload has none"),
        ("/ti/xti", None, "ti.xti is missing: its connector_name and integration_name are required"),
        ("/ti/xti", Some(json!([])), "ti.xti is a list, not an object"),
        ("/ti/xti/connector_name", None, "ti.xti.connector_name is missing"),
        ("/ti/xti/connector_name", Some(json!({})), "ti.xti.connector_name is an object, not text"),
        ("/ti/xti/integration_name", Some(json!("")), "ti.xti.integration_name is empty"),
        ("/ti/xti/token", Some(json!(1)), "ti.xti.token is a number, not text"),
    ];
    for (pointer, value, expected) in cases {
        assert_eq!(deviations(HEADER, &with(pointer, value), ARRIVAL), [expected], "{pointer}");
    }
    assert_eq!(deviations(HEADER, &json!([]), ARRIVAL), ["the payload is not a JSON object"]);
}

#[test]
fn every_deviation_of_the_header_is_named() {
    let cases: [(&[u8], &str); 7] = [
        (br#"{"typ":"JWT","alg":"HS256"}"#, "the order, the spaces or the typ differ"),
        (br#"{"alg": "HS256","typ":"JWT"}"#, "the order, the spaces or the typ differ"),
        (br#"{"alg":"HS256"}"#, "the order, the spaces or the typ differ"),
        (br#"{"alg":"HS256","typ":"JWT","kid":"1"}"#, "it has kid"),
        (br#"{"alg":"none","typ":"JWT"}"#, "its alg is not HS256"),
        (b"[]", "it is not a JSON object"),
        (b"\xff", "it is not a JSON object"),
    ];
    for (header, expected) in cases {
        let found = deviations(header, &good(), ARRIVAL);
        let start = r#"the header is not exactly {"alg":"HS256","typ":"JWT"}: "#;
        assert_eq!(found, [format!("{start}{expected}")]);
    }
}

#[test]
fn several_deviations_are_all_named_and_no_value_is_repeated() {
    let mut claims = with("/sub", Some(json!(["canary"])));
    claims["ti"]["ili"] = json!("canary");
    claims["exp"] = json!("canary");
    let found = deviations(br#"{"alg":"canary"}"#, &claims, ARRIVAL);
    assert_eq!(found.len(), 4);
    assert!(!found.concat().contains("canary"));
}

#[test]
fn a_token_that_was_found_may_be_old_and_may_have_an_end() {
    for (pointer, value, expected) in [
        ("/iat", Some(json!(NOW - 400_000_000)), None),
        ("/exp", Some(json!(NOW + 60)), None),
        ("/iat", Some(json!(NOW + 3)), Some("iat is 3 s in the future")),
        ("/exp", Some(json!(NOW)), Some("exp was 0 s ago: it has expired")),
        ("/exp", Some(json!(NOW - 7)), Some("exp was 7 s ago: it has expired")),
        ("/exp", Some(json!("1")), Some("exp is text, not a whole number of seconds")),
        ("/exp", Some(json!(1_700_000_000_000_i64)), Some("exp is in milliseconds; seconds are expected")),
        ("/nbf", Some(json!(NOW)), Some("nbf is there; the documented payload has none")),
    ] {
        let found = deviations(HEADER, &with(pointer, value), LATER);
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{pointer}");
    }
}

#[test]
fn the_marketplace_is_for_no_integration() {
    let market = Look { for_install: false, ..LATER };
    for (pointer, value, expected) in [
        ("/ti/xti", None, None),
        ("/ti/xti", Some(json!({})), None),
        ("/ti/xti/connector_name", None, None),
        ("/ti/xti/connector_name", Some(json!(1)), Some("ti.xti.connector_name is a number, not text")),
        ("/ti/xti", Some(json!(1)), Some("ti.xti is a number, not an object")),
    ] {
        let found = deviations(HEADER, &with(pointer, value), market);
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{pointer}");
    }
}
