//! What the contract allows, and what is likely a slip all the same: warnings that say what to write.

use super::whole::FILE;
use crate::config::{Options, load_text, remade};

/// All that is said of a file whose secrets are these, by the name of the variable.
fn said(text: &str, secrets: &[(&str, &str)]) -> Vec<String> {
    let env =
        |name: &str| secrets.iter().find(|(known, _)| *known == name).map(|(_, secret)| (*secret).to_owned());
    let options = Options { env: &env, without_secrets: false, listen: None };
    match load_text("f", text, &options) {
        Ok(loaded) => loaded.warnings.iter().map(|warning| warning.headline("f")).collect(),
        Err(invalid) => invalid.errors().collect(),
    }
}

const KEY: &str = "0123456789abcdef0123456789canary";
const HEX: &str = "3031323334353637383961626364656630313233343536373839616263646566";

#[test]
fn a_spoiled_secret_is_warned_of_and_never_repeated() {
    for (secret, encoding, says) in [
        (format!("\"{KEY}\""), "", "warning: pandium.secret.env: the secret stands in quotes"),
        (
            format!("PANDIUM_SECRET={KEY}"),
            "",
            "warning: pandium.secret.env: the secret is a line with its name",
        ),
        (format!("{KEY}\n\n"), "", "warning: pandium.secret.env: the secret ends in line breaks"),
        (format!("{KEY} "), "", "warning: pandium.secret.env: the secret ends in a space, which counts"),
        (
            "Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LTEyMzQ=".to_owned(),
            "",
            "warning: pandium.secret.env: the secret looks like base64; if Pandium means",
        ),
        (
            format!("\"{HEX}\""),
            ", encoding: hex",
            "the secret is not hex, as `encoding` says it is: it stands in quotes",
        ),
        (KEY.to_owned(), ", encoding: hex", "the secret is not hex, as `encoding` says it is"),
    ] {
        let file = FILE.replace("{ env: KEY }", &format!("{{ env: KEY{encoding} }}"));
        let all = said(&file, &[("KEY", &secret)]);
        assert!(matches!(all.as_slice(), [one] if one.contains(says)), "{secret}: {all:#?}");
        assert!(all.iter().all(|one| !one.contains("canary") && !one.contains(HEX)), "{all:#?}");
    }
    let newline = format!("{KEY}\n");
    for (secret, encoding) in [(KEY, ""), (HEX, ""), (HEX, ", encoding: hex"), (&*newline, "")] {
        let file = FILE.replace("{ env: KEY }", &format!("{{ env: KEY{encoding} }}"));
        assert_eq!(said(&file, &[("KEY", secret)]), [""; 0], "{secret}");
    }
}

#[test]
fn the_edge_has_a_secret_of_its_own() {
    let trust = "trust: { header: { name: X-Edge, value: { env: EDGE } } }";
    let file = FILE.replace("trust: { peers: [10.0.0.1] }", trust);
    let all = said(&file, &[("KEY", KEY), ("EDGE", KEY)]);
    let says = "f:2:41: warning: trust.header.value: this is Pandium's secret";
    assert!(matches!(all.as_slice(), [one] if one.starts_with(says)), "{all:#?}");
    // It is sent as it is written, in whatever alphabet.
    for edge in [HEX, "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="] {
        assert_eq!(said(&file, &[("KEY", KEY), ("EDGE", edge)]), [""; 0]);
    }
}

#[test]
fn a_map_leads_to_accounts_that_there_are() {
    let accounts = |account: &str| {
        let place = "environment: sandbox, secret:";
        let listed = format!(
            "pandium:\n  account: {account}\n  accounts:\n    acme: {{ {place} {{ env: KEY }} }}\n    \
             globex-eu: {{ {place} {{ env: EDGE }} }}"
        );
        let one = "pandium: { account: acme, environment: sandbox, secret: { env: KEY } }";
        said(&FILE.replace(one, &listed), &[("KEY", KEY), ("EDGE", &format!("{KEY}!")), ("TO", "hooli")])
    };
    for (account, says) in [
        ("${session.account_id | map(a=acme, b=globex-eu)}", None),
        ("${session.account_id | upper}-eu", None),
        (
            "${session.account_id | map(a=acme, b=initech)}",
            Some("f:4:49: warning: pandium.account: `map` leads to `initech`"),
        ),
        ("${session.account_id | map(a=acme, b=globex-eo)}", Some("did you mean `globex-eu`?")),
        ("${session.account_id | map(b=ACME) | lower}", None),
        ("${session.account_id | map(a=globex)}-eu", None),
        ("${session.account_id | map(a=globex)}-us", Some("leads to `globex-us`")),
        (
            "${session.account_id | map(a=acme)}-${env.TO}",
            Some("leads to an account that `accounts` does not list"),
        ),
    ] {
        let mut all = accounts(account);
        all.retain(|one| !one.contains("two tenants may become one"));
        match says {
            Some(says) => {
                assert!(matches!(all.as_slice(), [one] if one.contains(says)), "{account}: {all:#?}");
                assert!(!all[0].contains("hooli"), "{all:#?}");
            }
            None => assert_eq!(all, [""; 0], "{account}"),
        }
    }
}

#[test]
fn what_is_advised_is_not_refused_again() {
    let token = "from: jwt\n  jwt: { header: X-Token, algorithms: ES512, jwks: { file: x }, audience: a }";
    for (from, to, says, never) in [
        ("from: headers", token, "session.jwt.algorithms: one of", "did you mean"),
        ("account_id: X-Account-Id", "account-id: X-Account-Id", "did you mean `account_id`?", "claims.sub"),
        (
            "trust:",
            "upstream: ${env.APP}\ntrust:",
            "not the value from the environment, which stands in quotes",
            "app.test",
        ),
        ("trust:", "admin: \"no\"\ntrust:", "f:2:8: admin: to turn it off, write off", "\"no\""),
    ] {
        assert!(FILE.contains(from), "{from}");
        let all = said(&FILE.replacen(from, to, 1), &[("KEY", KEY), ("APP", "\"http://app.test:3000\"")]);
        assert!(all.iter().any(|one| one.contains(says)), "{to}: {all:#?}");
        assert!(all.iter().all(|one| !one.contains(never)), "{to}: {all:#?}");
    }
}

#[test]
fn a_sub_that_is_made_otherwise_is_noticed() {
    let policy = |text: &str| {
        let options = Options { env: &|_| Some(KEY.to_owned()), without_secrets: false, listen: None };
        load_text("f", text, &options).unwrap().config.policy
    };
    let text = FILE.replace("{ account_id: X-Account-Id }", "{ account_id: X-Account-Id, org: X-Org }");
    let old = policy(&text);
    let sub = "sub: ${session.account_id}";
    for (from, to, noticed) in [
        (sub, "sub: ${session.org}", true),
        (sub, "sub: n-${session.account_id}", true),
        (sub, "sub: ${session.account_id | map(a=b)}", true),
        ("account_id: X-Account-Id", "account_id: X-User-Id", true),
        ("account_id: X-Account-Id", "account_id: { header: X-Account-Id, decode: percent }", true),
        ("  gwt2hs: { id: 1121 }", "  gwt2hs: { id: 1121, claims: { sub: \"${session.org}\" } }", true),
        ("{ account_id: X-Account-Id, org: X-Org }", "{ org: X-Org, account_id: X-Account-Id }", false),
        ("account_id", "tenant", false),
        ("gwt2hs", "other", false),
        ("id: 1121", "id: 1122", false),
    ] {
        assert!(text.contains(from), "{from}");
        let found = remade(&old, &policy(&text.replace(from, to)));
        assert_eq!(found.len(), usize::from(noticed), "{to}: {found:?}");
        for one in found {
            assert_eq!((one.was.line, one.integrations), (8, vec!["gwt2hs".to_owned()]), "{to}");
        }
    }
}

#[test]
fn what_is_read_otherwise_than_it_looks_is_warned_of() {
    let out = |redirect: &str| format!("from: headers\n  signed_out: {{ redirect: \"{redirect}\" }}");
    let from = "from: headers";
    let (id, fields) = ("id: 1121", "{ account_id: X-Account-Id }");
    let listed = |default: &str| {
        format!("{{ account_id: X-Account-Id, a: {{ header: A, type: list, default: {default} }} }}")
    };
    for (from, to, says) in [
        (
            from,
            out("/pandium/install/gwt2hs"),
            Some(
                "f:6:27: warning: session.signed_out.redirect: this is our own route /pandium/install/:integration",
            ),
        ),
        (from, out("/pandium/install/x?next=${request.path}"), Some("this is our own route")),
        (from, out("/pandium/install/${request.path}"), Some("this is our own route")),
        (from, out("/login?next=/pandium/install/gwt2hs"), None),
        (from, out("/pandium/login"), None),
        (from, out("https://acme.example/pandium/install/x"), None),
        (
            id,
            "id: { sandbox: 1, produciton: 2 }".to_owned(),
            Some(
                "f:11:31: warning: integrations.gwt2hs.id.produciton: this is neither an environment nor an account of this file; did you mean `production`?",
            ),
        ),
        (id, "id: { acme: 1, Sandbox: 2 }".to_owned(), Some("did you mean `sandbox`?")),
        (id, "id: { acme: 1, globex: 2, production: 3 }".to_owned(), None),
        (id, "id: 1, query: [a, \"*\"]".to_owned(), Some("gwt2hs.query[1]: `*` is a parameter of that name")),
        (id, "id: 1, query: [a, \"a*\"]".to_owned(), None),
        (
            fields,
            listed("\"\""),
            Some(
                "f:6:76: warning: session.fields.a.default: this is a list of one empty text; an empty list is written []",
            ),
        ),
        (fields, listed("[]"), None),
        (fields, listed("[\"\"]"), None),
        (fields, listed("a"), None),
    ] {
        assert!(FILE.contains(from), "{from}");
        let all = said(&FILE.replacen(from, &to, 1), &[("KEY", KEY)]);
        match says {
            Some(says) => assert!(matches!(all.as_slice(), [one] if one.contains(says)), "{to}: {all:#?}"),
            None => assert_eq!(all, [""; 0], "{to}"),
        }
    }
}

#[test]
fn what_a_variable_holds_is_no_advice() {
    let file = FILE.replace("account: acme", "account: \"${env.ACCOUNT}\"");
    let all = said(&file, &[("KEY", KEY), ("ACCOUNT", "${CANARY}")]);
    assert!(all.iter().any(|one| one.contains("an expression chooses among")), "{all:#?}");
    assert!(all.iter().all(|one| !one.contains("CANARY")), "{all:#?}");
}
