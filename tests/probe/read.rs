//! What is read from an answer to a probe.

use crate::harness::way::{Way, over_each_transport};
use crate::harness::{STRANGER, Sidecar, assert_minted, assert_refused, changed, claims};
use crate::{answer, app, install, json, known, probing, probing_json, say};
use serde_json::{Value, json as value};

over_each_transport! {
    headers_are_read_and_the_cookies_passed_on,
    the_requests_own_headers_are_not_read,
    nobody_by_another_name_is_nobody,
    the_files_own_words_for_none,
    some_required_fields_and_others_not,
}

async fn headers_are_read_and_the_cookies_passed_on(way: Way) {
    let app = app().await;
    let sidecar = way.start(&probing(&app)).await;
    let said = known(&[
        "x-tenant-ID: acme",
        "X-User-Email: zoe@acme.example",
        "X-User-Groups: a,, b",
        "Set-Cookie: sid=rotated; HttpOnly",
        "Set-Cookie: second=2",
        "X-Other: 1",
        "X_Tenant_Id: evil",
    ]);
    let minted = install(&sidecar, said).await;
    assert_minted(&minted, "headers");
    let claims = claims(&minted);
    assert_eq!(claims["sub"], "acme");
    assert_eq!(
        (&claims["ti"]["uem"], &claims["ti"]["ili"]),
        (&value!("zoe@acme.example"), &value!(["a", "b"]))
    );
    assert_eq!(minted.values("set-cookie"), ["sid=rotated; HttpOnly", "second=2"]);
    for name in ["x-tenant-id", "x-user-email", "x-user-groups", "x-other", "x_tenant_id"] {
        assert!(minted.values(name).is_empty(), "{name}");
    }
}

/// What a visitor says of himself counts for nothing, whoever the peer is.
async fn the_requests_own_headers_are_not_read(way: Way) {
    let app = app().await;
    let sidecar = way.start(&probing(&app)).await;
    let nobody = say(known(&[]));
    let refused = sidecar.install(STRANGER, &[&nobody, "X-Tenant-Id: evil"]).await;
    assert_refused(&refused, 401, "signed-out", "forged");
    let acme = say(known(&["X-Tenant-Id: acme"]));
    let minted = sidecar.install(STRANGER, &[&acme, "X-Tenant-Id: evil", "X-User-Email: evil"]).await;
    assert_eq!(claims(&minted)["sub"], "acme");
    assert_eq!(claims(&minted)["ti"].get("uem"), None);
}

/// The app's other answers never show a visitor what it says of him to us.
#[tokio::test]
async fn the_fields_headers_stay_with_us_on_every_route() {
    let app = app().await;
    let sidecar = Sidecar::start(&probing(&app)).await;
    let said = say(known(&["X-Tenant-Id: acme", "x-user-email: a@b", "X-Other: 1", "X-User-Groups: a"]));
    let passed = sidecar.get(STRANGER, "/page", &[&said]).await;
    assert_eq!((passed.status(), passed.text().as_str()), (200, "ok"));
    let mut named: Vec<_> = passed.names().iter().map(|name| name.to_lowercase()).collect();
    named.retain(|name| name.starts_with("x-"));
    named.sort();
    assert_eq!(named, ["x-other", "x-request-id"]);
    assert_eq!(passed.values("x-other"), ["1"]);
}

#[tokio::test]
async fn json_is_read_by_pointer() {
    let app = app().await;
    let sidecar = Sidecar::start(&probing_json(&app)).await;
    let hundred = vec!["a"; 100];
    let cases: [(Value, Value, Value); 10] = [
        (value!("acme"), value!(null), value!([])),
        (value!(" acme "), value!(["a", " b ", "", 7, -3]), value!(["a", "b", "7", "-3"])),
        (value!("acme"), value!("a, b"), value!(["a", "b"])),
        (value!("acme"), value!("-"), value!([])),
        (value!("acme"), value!([" - "]), value!([])),
        (value!("acme"), value!(["-", "a"]), value!(["-", "a"])),
        (value!("a\"b\\${session.x}"), value!([]), value!([])),
        (value!(42), value!(hundred), value!(hundred)),
        (value!(-7), value!([9_007_199_254_740_993_i64]), value!(["9007199254740993"])),
        (value!("Zoë 🦊"), value!(["é"]), value!(["é"])),
    ];
    for (id, groups, list) in cases {
        let body = value!({"tenant": {"id": id, "name": "x"}, "user": {"groups": groups, "mail": null}});
        let minted = install(&sidecar, json(&body.to_string())).await;
        assert_minted(&minted, &body.to_string());
        let claims = claims(&minted);
        let sub = id.as_str().map_or_else(|| id.to_string(), |id| id.trim().to_owned());
        assert_eq!((&claims["sub"], &claims["ti"]["ili"]), (&value!(sub), &list), "{body}");
        assert_eq!(claims["ti"].get("uem"), None, "{body}");
    }
}

#[tokio::test]
async fn every_form_of_a_json_type_is_one() {
    let app = app().await;
    let sidecar = Sidecar::start(&probing_json(&app)).await;
    let body = r#"{"tenant":{"id":"acme"}}"#;
    for kind in [
        "application/json",
        "Application/JSON;charset=UTF-8",
        "application/hal+json",
        "application/problem+json ; a=b",
    ] {
        let said = answer("200 OK", &[&format!("Content-Type: {kind}")], body);
        assert_minted(&install(&sidecar, said).await, kind);
    }
}

/// Escapes, positions in lists, and types other than text.
#[tokio::test]
async fn pointers_and_types() {
    let app = app().await;
    let file = changed(
        &probing_json(&app),
        &[
            (
                "json: /tenant/id }",
                "json: \"/a~1b/m~0n/1\" }\n    seats: { json: /n, type: int, optional: true }\n    admin: { json: /b, type: bool, optional: true }\n    plan: { json: /plan, type: json, optional: true }",
            ),
            (
                "    xti:\n",
                "    seats: ${session.seats}\n    admin: ${session.admin}\n    plan: ${session.plan}\n    xti:\n",
            ),
        ],
    );
    let sidecar = Sidecar::start(&file).await;
    let body = |rest: &str| format!(r#"{{"a/b":{{"m~n":["x","acme"]}}{rest}}}"#);
    let minted = install(&sidecar, json(&body(r#","n":7,"b":true,"plan":{"a":[1.5,null]}"#))).await;
    let ti = &claims(&minted)["ti"];
    assert_eq!(
        (&ti["seats"], &ti["admin"], &ti["plan"]),
        (&value!(7), &value!(true), &value!({"a": [1.5, null]}))
    );
    let minted = install(&sidecar, json(&body(r#","n":"7","b":"no","plan":null"#))).await;
    let ti = &claims(&minted)["ti"];
    assert_eq!((&ti["seats"], &ti["admin"], ti.get("plan")), (&value!(7), &value!(false), None));
    for wrong in [
        r#","n":1.0"#,
        r#","n":true"#,
        r#","n":9007199254740992"#,
        r#","b":1"#,
        r#","b":"maybe""#,
        r#","plan":"a\u0000""#,
    ] {
        assert_refused(&install(&sidecar, json(&body(wrong))).await, 400, "invalid-value", wrong);
    }
}

/// `MediaWiki`'s anonymous visitor has the id 0, and a name.
async fn nobody_by_another_name_is_nobody(way: Way) {
    let app = app().await;
    for kind in ["", ", type: int", ", type: json"] {
        let tenant = format!("tenant_id: {{ json: /tenant/id{kind} }}");
        let file = changed(
            &probing_json(&app),
            &[
                ("tenant_id: { json: /tenant/id }", &tenant),
                ("  fields:", "  signed_in: { field: tenant_id, not: [0, anonymous] }\n  fields:"),
            ],
        );
        // `sub` is text.
        let file = match kind {
            "" => file,
            _ => changed(
                &file,
                &[
                    ("  fields:", "  fields:\n    login: { json: /tenant/id }"),
                    ("sub: ${session.tenant_id}", "sub: ${session.login}"),
                ],
            ),
        };
        let sidecar = way.start(&file).await;
        let of = |id: &str| json(&format!(r#"{{"tenant":{{"id":{id}}},"user":{{"mail":"a@b"}}}}"#));
        for id in ["0", "\"0\"", "null", "\"anonymous\""] {
            if kind == ", type: int" && id == "\"anonymous\"" {
                continue;
            }
            assert_refused(&install(&sidecar, of(id)).await, 401, "signed-out", &format!("{id}{kind}"));
        }
        assert_refused(&install(&sidecar, json("{}")).await, 401, "signed-out", kind);
        assert_eq!(claims(&install(&sidecar, of("10")).await)["sub"], "10", "{kind}");
    }
}

async fn the_files_own_words_for_none(way: Way) {
    let app = app().await;
    let tenant = "tenant_id: { json: /tenant/id, absent: [guest, \"0\"] }";
    let sidecar =
        way.start(&changed(&probing_json(&app), &[("tenant_id: { json: /tenant/id }", tenant)])).await;
    for id in ["\"guest\"", "\" guest \"", "0", "\"0\"", "\"\""] {
        let said = json(&format!(r#"{{"tenant":{{"id":{id}}}}}"#));
        assert_refused(&install(&sidecar, said).await, 401, "signed-out", id);
    }
    let minted = install(&sidecar, json(r#"{"tenant":{"id":"-"}}"#)).await;
    assert_eq!(claims(&minted)["sub"], "-");
}

async fn some_required_fields_and_others_not(way: Way) {
    let app = app().await;
    let file = changed(
        &probing(&app),
        &[("user_email: { header: X-User-Email, optional: true }", "user_email: X-User-Email")],
    );
    let sidecar = way.start(&file).await;
    for (lines, status, code) in [
        (vec!["X-Tenant-Id: acme"], 403, "incomplete-session"),
        (vec!["X-User-Email: a@b", "X-Tenant-Id: -"], 403, "incomplete-session"),
        (vec!["X-User-Groups: a"], 401, "signed-out"),
    ] {
        let lines = [lines, vec!["Set-Cookie: a=b"]].concat();
        let refused = install(&sidecar, known(&lines)).await;
        assert_refused(&refused, status, code, code);
        assert_eq!(refused.values("set-cookie"), ["a=b"]);
    }
}

/// Any JSON and lists have a length and words for none, as text has.
#[tokio::test]
async fn the_same_rules_for_every_type_of_json() {
    let app = app().await;
    let plan = "    plan: { json: /plan, type: json, optional: true, max_bytes: 12, absent: [none, \"0\", \"{}\"] }\n    \
        admin: { json: /admin, type: bool, optional: true, absent: [\"false\"] }\nclaims:\n";
    let file = changed(
        &probing_json(&app),
        &[
            ("claims:\n", plan),
            ("json: /user/groups, type: list", "json: /user/groups, type: list, max_bytes: 6"),
            ("    xti:\n", "    plan: ${session.plan}\n    admin: ${session.admin}\n    xti:\n"),
        ],
    );
    let sidecar = Sidecar::start(&file).await;
    let of = |member: &str| json(&format!(r#"{{"tenant":{{"id":"acme"}},{member}}}"#));
    for none in [r#""none""#, r#"" none ""#, r#""""#, "0", "{}", r#""0""#, "null"] {
        let minted = install(&sidecar, of(&format!(r#""plan":{none}"#))).await;
        assert_eq!(claims(&minted)["ti"].get("plan"), None, "{none}");
    }
    for some in [r#""-""#, "1", "false", "[]", r#"{"a":"b"}"#, r#""1234567890""#] {
        let minted = install(&sidecar, of(&format!(r#""plan": {some} "#))).await;
        assert_eq!(claims(&minted)["ti"]["plan"], serde_json::from_str::<Value>(some).unwrap(), "{some}");
    }
    for long in [r#"{"a":"bcdefg"}"#, "[1,2,3,4,5,6]", r#""12345678901""#, "1234567890123"] {
        let refused = install(&sidecar, of(&format!(r#""plan":{long}"#))).await;
        assert_refused(&refused, 400, "invalid-value", long);
    }
    for (said, read) in [("true", Some(value!(true))), ("false", None), ("\"no\"", Some(value!(false)))] {
        let minted = install(&sidecar, of(&format!(r#""admin":{said}"#))).await;
        assert_eq!(claims(&minted)["ti"].get("admin").cloned(), read, "{said}");
    }
    for (groups, fits) in [
        (r#"["abc","", " def "]"#, true),
        (r#"["abc","defg"]"#, false),
        ("[123,456]", true),
        ("[123,4567]", false),
        (r#"["a","b","c","d","e","f","g"]"#, false),
    ] {
        let answer = install(&sidecar, of(&format!(r#""user":{{"groups":{groups}}}"#))).await;
        if fits {
            assert_minted(&answer, groups);
        } else {
            assert_refused(&answer, 400, "invalid-value", groups);
        }
    }
}
