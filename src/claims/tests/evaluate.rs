//! What comes out at request time.

use super::super::{Cause, Outcome, Used};
use super::{around, compile, inputs, members, session};
use crate::place::Place;
use crate::value::{Session, Value};
use serde_json::{Value as Json, json};

fn text(text: &str) -> Value<'_> {
    Value::Text(text.into())
}

fn visitor<'a>(account: &'a str, user: Option<&'a str>) -> Session<'a> {
    let mut values = vec![
        ("account_id", text(account)),
        ("installed", Value::List(vec!["b".into(), " A ".into()])),
        ("seats", Value::Int(-7)),
        ("admin", Value::Bool(true)),
        ("profile", Value::Json(json!({ "z": [1, null], "a": "\u{2028}" }))),
        ("user_email", text("zoe@acme.example")),
    ];
    values.extend(user.map(|user| ("user_name", text(user))));
    session(&values)
}

/// What the claim `x` becomes: None where it is left out.
fn claim(template: &Json, session: &Session<'_>) -> Result<Option<Json>, Cause> {
    let (compiled, report) = compile(&around(template));
    let compiled = compiled.unwrap_or_else(|| panic!("{template}: {:?}", report.errors));
    let members = members(&compiled, session).map_err(|fault| fault.cause)?;
    let json: Json = serde_json::from_str(&members).unwrap_or_else(|e| panic!("{members}: {e}"));
    Ok(json.get("x").cloned())
}

#[test]
fn each_filter_does_what_it_says() {
    for (filters, from, to) in [
        ("lower", "Zoë ÄB", json!("zoë äb")),
        ("upper", "Zoë", json!("ZOË")),
        ("trim", " a b ", json!("a b")),
        ("slug", "  Acme GmbH & Co. ", json!("acme-gmbh-co")),
        ("slug", "ÄÖa.B--c", json!("a-b-c")),
        ("prefix(id=)", "7", json!("id=7")),
        ("suffix(\", }\")", "7", json!("7, }")),
        ("replace(a, 'b c')", "banana", json!("bb cnb cnb c")),
        ("replace(-,)", "a-b-c", json!("abc")),
        ("split(;)", " a;;b ; c", json!(["a", "b", "c"])),
        ("split(|) | join(', ')", "a|b", json!("a, b")),
        ("split(',')|first", "a,b", json!("a")),
        ("split(',') | last", "a,b", json!("b")),
        ("split(',') | upper | prefix(x)", "a,b", json!(["xA", "xB"])),
        ("split(',') | default(z)", ",", json!([])),
        ("split(',') | first | default(z)", ",", json!("z")),
        ("int", "-0042", json!(-42)),
        ("int", "9007199254740991", json!(9_007_199_254_740_991_i64)),
        ("bool", "Yes", json!(true)),
        ("bool", "off", json!(false)),
        ("json", "{\"b\":[1],\"a\":null}", json!({ "b": [1], "a": null })),
        ("default(z)", "y", json!("y")),
        ("map(a=x, 'b, c'=\"y=1\", else=z)", "a", json!("x")),
        ("map(a=x, 'b, c'=\"y=1\", else=z)", "b, c", json!("y=1")),
        ("map(a=x, b=y, else=z)", "c", json!("z")),
        ("map('else'=x)", "else", json!("x")),
        ("urlencode", "a b/ü~-._+", json!("a%20b%2F%C3%BC~-._%2B")),
        ("urldecode", "a%20b%2F%C3%BC+", json!("a b/ü+")),
        ("base64", "ab", json!("YWI=")),
        ("base64", "ü>?", json!("w7w+Pw==")),
        ("sha256", "abc", json!("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")),
    ] {
        let template = json!(format!("${{session.account_id | {filters}}}"));
        assert_eq!(claim(&template, &visitor(from, None)), Ok(Some(to)), "{filters} of {from}");
    }
}

#[test]
fn a_value_that_a_filter_cannot_take_is_refused() {
    let deep = format!("{}{}", "[".repeat(17), "]".repeat(17));
    let long = "a,".repeat(101);
    for (filters, from, cause) in [
        ("slug", "…", Cause::Slug),
        ("map(a=x)", "b", Cause::Map),
        ("int", "9007199254740992", Cause::Int),
        ("int", "1.0", Cause::Int),
        ("bool", "maybe", Cause::Bool),
        ("json", "{", Cause::Json),
        ("json", &deep, Cause::Json),
        ("urldecode", "%zz", Cause::Percent),
        ("urldecode", "100%", Cause::Percent),
        ("urldecode", "%FF", Cause::Percent),
        ("urldecode", "a%00", Cause::Character),
        ("urldecode", "%E2%80%AE", Cause::Character),
        ("split(',')", &long, Cause::Items),
    ] {
        let template = json!(format!("${{session.account_id | {filters}}}"));
        assert_eq!(claim(&template, &visitor(from, None)), Err(cause), "{filters} of {from}");
    }
}

#[test]
fn a_leaf_keeps_its_type_and_text_is_text() {
    let zoe = visitor("acme-42", Some("Zoë"));
    for (template, value) in [
        (json!("${session.installed}"), json!(["b", " A "])),
        (json!("${session.installed | trim | lower | join(-)}"), json!("b-a")),
        (json!("${session.seats}"), json!(-7)),
        (json!("${session.admin}"), json!(true)),
        (json!("${session.admin | map(true=yes, false=no)}"), json!("yes")),
        (json!("${session.profile}"), json!({ "z": [1, null], "a": "\u{2028}" })),
        (json!(" ${session.seats}/${session.admin}/${session.user_name}"), json!(" -7/true/Zoë")),
        (json!("${integration.id}"), json!(1121)),
        (json!("n${integration.id}"), json!("n1121")),
        (json!("${integration.tags}"), json!(["a", "b"])),
        (json!("${integration.connector_name | upper}"), json!("G\"WT")),
        (json!("${integration.integration_name}"), json!("asked-for")),
        (json!("${integration.raw}"), json!("${session.account_id}")),
        (json!("${pandium.account}.${request.id}"), json!("acme.req-1")),
        (json!("${env.REGION}"), json!("${session.user_name} \"eu\"")),
        (json!("<${env.NOWHERE:-a | b}>"), json!("<a | b>")),
        (json!("<${env.EMPTY:-a}>"), json!("<a>")),
        (json!("<${env.EMPTY}>"), json!("<>")),
        (json!("$${session.account_id} $$${x} $5 $"), json!("${session.account_id} $${x} $5 $")),
        (json!("{{x}}"), json!("{{x}}")),
        (json!([1.50, true, "a", [], {}]), json!([1.50, true, "a", [], {}])),
        (json!("${  session.user_name|upper  }"), json!("ZOË")),
    ] {
        assert_eq!(claim(&template, &zoe), Ok(Some(value)), "{template}");
    }
}

#[test]
fn what_is_absent_is_left_out() {
    let nobody = visitor("acme-42", None);
    for (template, value) in [
        (json!("${session.user_name}"), None),
        (json!("${session.user_name | upper | prefix(a)}"), None),
        (json!("Dear ${session.user_name}!"), None),
        (json!("${integration.none | first}"), None),
        (json!("a ${integration.none | first}"), None),
        (json!("${session.user_name | default(\"\")}"), Some(json!(""))),
        (json!("${session.user_name | upper | default(you) | prefix(a)}"), Some(json!("ayou"))),
        (json!({ "a": "${session.user_name}" }), Some(json!({}))),
        (json!({ "a": "${session.user_name}", "b": 1 }), Some(json!({ "b": 1 }))),
        (
            json!({ "a": "${session.user_name}", "b": "${session.user_name}", "c": {} }),
            Some(json!({ "c": {} })),
        ),
        (
            json!({ "b": 1, "a": "${session.user_name}", "c": "${session.account_id}" }),
            Some(json!({ "b": 1, "c": "acme-42" })),
        ),
        (
            json!({ "a": "${session.user_name}", "c": "${session.account_id}", "d": 1 }),
            Some(json!({ "c": "acme-42", "d": 1 })),
        ),
        (json!(["${session.user_name}", "b", "${session.user_name}"]), Some(json!(["b"]))),
        (
            json!(["${session.user_name}", ["${session.user_name}"], "${session.seats}"]),
            Some(json!([[], -7])),
        ),
    ] {
        assert_eq!(claim(&template, &nobody), Ok(value), "{template}");
    }
}

#[test]
fn the_members_come_in_the_order_of_the_template_byte_for_byte() {
    let claims = json!({
        "sub": "acme-${session.account_id}",
        "ti": {
            "udn": "Acme GmbH", "ufn": "${session.user_name}", "uem": "${session.user_email}", "ili": [],
            "aid": "${session.account_id}", "adn": "",
            "xti": { "connector_name": "${integration.connector_name}", "integration_name": "${integration.key}" },
        },
        "z": "${session.user_name}",
    });
    let template = compile(&claims).0.unwrap();
    let behind = r#""uem":"zoe@acme.example","ili":[],"aid":"42","adn":"","xti":{"connector_name":"g\"wt","integration_name":"gwt2hs"}}"#;
    let before = r#"{"iat":1,"sub":"acme-42","ti":{"udn":"Acme GmbH","#;
    let evil = "a@b\",\"role\":\"admin ${session.x} {{x}} \u{2028}";
    let escaped = "a@b\\\",\\\"role\\\":\\\"admin ${session.x} {{x}} \u{2028}";
    for (user, expected) in [
        (None, format!("{before}{behind}}}")),
        (Some("Zoë"), format!("{before}\"ufn\":\"Zoë\",{behind},\"z\":\"Zoë\"}}")),
        (Some(evil), format!("{before}\"ufn\":\"{escaped}\",{behind},\"z\":\"{escaped}\"}}")),
    ] {
        let session = visitor("42", user);
        assert_eq!(members(&template, &session), Ok(expected));
        assert_eq!(template.subject(&inputs(&session)).as_deref(), Ok("acme-42"));
    }
    assert!((100..1000).contains(&template.size_hint()));
}

#[test]
fn sub_is_never_empty_and_a_required_value_never_missing() {
    let mut claims = around(&json!("x"));
    claims["sub"] = json!("${session.account_id | replace(-, '')}");
    let template = compile(&claims).0.unwrap();
    let account = Used::Field { index: 0, name: "account_id".into() };
    for (session, cause) in [
        (visitor("--", None), Cause::Empty),
        (session(&[]), Cause::Missing),
        (session(&[("account_id", Value::Int(1))]), Cause::Type),
    ] {
        let fault = members(&template, &session).unwrap_err();
        assert_eq!((fault.claim.as_str(), fault.place, fault.cause), ("sub", Place::new(2, 3), cause));
        assert_eq!(fault.used.as_ref(), Some(&account));
        assert_eq!(template.subject(&inputs(&session)), Err(fault));
    }
}

#[test]
fn a_value_of_another_type_than_its_field_declares_is_refused() {
    let session = session(&[("account_id", text("42")), ("seats", text("7")), ("installed", Value::Int(1))]);
    for template in ["${session.seats}", "a ${session.seats}", "${session.installed}"] {
        assert_eq!(claim(&json!(template), &session), Err(Cause::Type), "{template}");
    }
}

#[test]
fn a_fault_shows_no_value() {
    let template = compile(&around(&json!("${session.user_name | int}"))).0.unwrap();
    let fault = members(&template, &visitor("42", Some("canary"))).unwrap_err();
    assert_eq!(fault.to_string(), "x: not an integer within ±(2^53-1)");
    assert!(!format!("{fault:?}").contains("canary"));
}

#[test]
fn every_leaf_is_explained() {
    let claims = json!({
        "sub": "${session.account_id}",
        "ti": {
            "ufn": "${session.user_name}", "ili": ["${session.seats | map(1=a)}", "b"], "adn": "${env.REGION}",
            "xti": { "connector_name": "${integration.key}-${pandium.account}-${request.id}", "l": [] },
        },
    });
    let template = compile(&claims).0.unwrap();
    let session = visitor("42", None);
    let explained = template.explain(&inputs(&session));
    let lines: Vec<String> = explained
        .iter()
        .map(|leaf| {
            let used: Vec<String> = leaf.used.iter().map(ToString::to_string).collect();
            let outcome = match &leaf.outcome {
                Outcome::Json(json) => json.clone(),
                Outcome::Absent => "absent".to_owned(),
                Outcome::Fault(fault) => fault.to_string(),
            };
            format!("{} {} [{}] {outcome}", leaf.path, leaf.place.line, used.join(" "))
        })
        .collect();
    assert_eq!(
        lines,
        [
            "sub 2 [session.account_id] \"42\"",
            "ti.ufn 4 [session.user_name] absent",
            "ti.ili[0] 6 [session.seats] ti.ili[0]: not among the keys of `map`, which has no `else`",
            "ti.ili[1] 7 [] \"b\"",
            "ti.adn 8 [env.REGION] \"${session.user_name} \\\"eu\\\"\"",
            "ti.xti.connector_name 10 [integration.key pandium.account request.id] \"gwt2hs-acme-req-1\"",
            "ti.xti.l 11 [] []",
        ]
    );
}
