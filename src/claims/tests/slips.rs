//! What is allowed, and likely not what was meant.

use super::{around, compile};
use serde_json::{Value as Json, json};

/// All that is said of a claim `x` that is this.
fn warnings(x: &Json) -> Vec<String> {
    compile(&around(x))
        .1
        .warnings
        .into_iter()
        .map(|flaw| format!("{}: {}", flaw.path, flaw.message))
        .collect()
}

#[test]
fn text_that_was_meant_for_an_expression_says_what_to_write() {
    for (text, says) in [
        (
            "$session.account_id",
            "`session.account_id` is literal text here; an expression is written ${session.account_id}",
        ),
        ("n-$session.account_id-x", "written ${session.account_id}"),
        (
            "$(session.account_id)",
            "$(…) is literal text here; an expression is written ${session.account_id}",
        ),
        ("$(hostname)", "$(…) is literal text here; an expression is written ${…}"),
        ("{session.account_id}", "written ${session.account_id}"),
        ("$ { session.account_id }", "written ${session.account_id}"),
        ("#{session.account_id}", "#{…} is literal text"),
        ("%{session.account_id}", "%{…} is literal text"),
        ("%session.account_id%", "written ${session.account_id}"),
        (
            "{{ session.account_id }}",
            "{{…}} is literal text here; an expression is written ${session.account_id}",
        ),
        ("[[account_id]]", "[[…]] is literal text"),
        (
            "<%= session.account_id %>",
            "<%…%> is literal text here; an expression is written ${session.account_id}",
        ),
        ("<%= org %>", "written ${…}"),
        ("session.account_id", "written ${session.account_id}"),
        (" session.acount_id", "written ${session.acount_id}"),
        ("session.account_id | upper", "written ${session.account_id}"),
        ("integration.key", "written ${integration.key}"),
        ("pandium.account", "written ${pandium.account}"),
        ("request.id", "written ${request.id}"),
        ("env.REGION", "written ${env.REGION}"),
        ("$env.REGION", "written ${env.REGION}"),
        ("$ORG_ID", "`$ORG_ID` is literal text here; an expression is written ${session.…}"),
        ("${session.account_id} $session.user_name", "written ${session.user_name}"),
        ("“${session.account_id}”", "the quotes around it become a part of the claim"),
        ("„${session.account_id}“", "the quotes around it"),
        ("‘${session.account_id}’", "the quotes around it"),
        ("\"${session.account_id}\"", "the quotes around it"),
        ("'n-${session.account_id}'", "the quotes around it"),
    ] {
        let all = warnings(&json!(text));
        assert!(matches!(all.as_slice(), [one] if one.contains(says)), "{text}: {all:#?}");
    }
}

#[test]
fn text_that_is_meant_as_it_stands_is_left_alone() {
    for text in [
        "Acme",
        "$5 a seat",
        "“Acme”",
        "\"Acme\"",
        "this session.",
        "our session.account_id",
        "the integration.",
        "info@session.example",
        "integration.example",
        "session.example.com",
        "Acme (session.account)",
        "$${session.account_id}",
        "${session.account_id} says “hello”",
        "“hello” says ${session.account_id}",
        "https://acme.example/?a={b}&c=#d",
    ] {
        assert_eq!(warnings(&json!(text)), [""; 0], "{text}");
    }
}

#[test]
fn a_key_near_a_documented_one_is_doubted() {
    let names = json!({ "connector_name": "c", "integration_name": "i" });
    let with = |at: &str, key: &str| {
        let mut claims = around(&json!("x"));
        claims["ti"]["xti"] = names.clone();
        claims.pointer_mut(at).unwrap()[key] = json!("a");
        compile(&claims).1.warnings.into_iter().map(|flaw| (flaw.path, flaw.message)).collect::<Vec<_>>()
    };
    for (at, key, path, says) in [
        ("/ti", "und", "ti.und", "Pandium documents no `und` here; did you mean `udn`?"),
        ("/ti", "ume", "ti.ume", "did you mean `uem`?"),
        ("/ti", "Aid", "ti.Aid", "did you mean `aid`?"),
        ("/ti/xti", "connecter_name", "ti.xti.connecter_name", "did you mean `connector_name`?"),
        ("/ti/xti", "integrationName", "ti.xti.integrationName", "did you mean `integration_name`?"),
        ("/ti/xti", "hidden_integration", "ti.xti.hidden_integration", "did you mean `hidden_integrations`?"),
        ("", "udn", "udn", "Pandium reads `ti.udn`, and not this: write `udn` under `ti`"),
        ("", "xti", "xti", "write `xti` under `ti`"),
        ("/ti", "connector_name", "ti.connector_name", "write `connector_name` under `ti.xti`"),
        ("/ti/xti", "uem", "ti.xti.uem", "write `uem` under `ti`"),
    ] {
        let all = with(at, key);
        assert!(matches!(all.as_slice(), [(p, m)] if p == path && m.contains(says)), "{at} {key}: {all:#?}");
    }
    for (at, key) in [
        ("/ti", "plan"),
        ("/ti", "aid"),
        ("/ti", "uid"),
        ("/ti", "acn"),
        ("/ti/xti", "plan"),
        ("/ti/xti", "user_tier"),
        ("", "role"),
        ("", "token"),
        ("", "user_tier"),
    ] {
        assert_eq!(with(at, key), [], "{at} {key}");
    }
}

#[test]
fn pandiums_install_page_is_told_names_that_are_some() {
    for (name, says) in [
        (json!(""), "needs `ti.xti.connector_name`, and this is empty"),
        (
            json!("${integration.empty}"),
            "the connector_name of integration `gwt2hs` (line 40) that Pandium knows",
        ),
    ] {
        let mut claims = around(&json!("x"));
        claims["ti"]["xti"]["connector_name"] = name.clone();
        let warnings = compile(&claims).1.warnings;
        assert!(matches!(warnings.as_slice(), [one] if one.message.contains(says)), "{name}: {warnings:#?}");
    }
}

#[test]
fn whoever_is_nobody_in_sub_is_told_an_expression() {
    let mut claims = around(&json!("x"));
    claims["sub"] = json!("$session.account_id");
    let report = compile(&claims).1;
    let error = report.errors.first().map(|flaw| flaw.message.as_str()).unwrap_or_default();
    assert!(error.ends_with("such as ${session.account_id}"), "{error}");
    assert!(report.warnings.iter().any(|flaw| flaw.message.contains("written ${session.account_id}")));
}
