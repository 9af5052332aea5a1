//! What is found at load: each message says what to write.

use super::super::{Flaw, Tree, merge};
use super::{around, compile, written};
use crate::place::Place;
use serde_json::{Value as Json, json};

fn only(flaws: &[Flaw]) -> (String, Place, String) {
    match flaws {
        [flaw] => (flaw.path.clone(), flaw.place, flaw.message.clone()),
        _ => panic!("not one: {flaws:#?}"),
    }
}

#[test]
fn a_leaf_that_cannot_be_compiled_says_what_to_write() {
    for (leaf, says) in [
        (
            json!("${session.acount_id}"),
            "`${session.acount_id}`: session.fields has no `acount_id`; did you mean `account_id`?",
        ),
        (json!("${session.zzz}"), "`${session.zzz}`: session.fields has no `zzz`"),
        (json!("${account_id}"), "did you mean `session.account_id`?"),
        (json!("${sesion.account_id}"), "did you mean `session.account_id`?"),
        (json!("${pandium.acount}"), "did you mean `pandium.account`?"),
        (json!("${who}"), "there is no source `who`; there are session.NAME"),
        (json!("${}"), "it names no source"),
        (json!("${ | lower}"), "it names no source"),
        (
            json!("${integration.conector_name}"),
            "integration `gwt2hs` (line 40) has no `conector_name`, which the template uses in line 7; did you mean `connector_name`?",
        ),
        (json!("${session.account_id"), "it has no `}`; if ` #` follows it in the file, quote the value"),
        (json!("a ${session.account_id | lower"), "it has no `}`"),
        (json!("${session.account_id | prefix(a"), "it has no `}`"),
        (json!("${session.account_id lower}"), "`lower` stands where `|` or `}` should"),
        (json!("${session.account_id | lower upper}"), "`upper` stands where `|` or `}` should"),
        (json!("${session.account_id | }"), "the name of a filter is missing"),
        (json!("${session.account_id | uper}"), "there is no filter `uper`; did you mean `upper`?"),
        (json!("${session.account_id | xyzzy}"), "there is no filter `xyzzy`; there are: lower upper"),
        (json!("${session.account_id | lower(a)}"), "`lower` takes no arguments"),
        (json!("${session.account_id | prefix}"), "`prefix` takes 1 argument, not 0"),
        (
            json!("${session.account_id | prefix(a, b)}"),
            "`prefix` takes 1 argument, not 2; one that holds a comma stands in quotes",
        ),
        (json!("${session.account_id | replace(a)}"), "`replace` takes 2 arguments, not 1"),
        (json!("${session.account_id | replace(\"\", b)}"), "`replace` needs a text to look for"),
        (json!("${session.account_id | split('')}"), "`split` needs a separator"),
        (json!("${session.account_id | prefix('a)}"), "a quoted argument has no closing '"),
        (json!("${session.account_id | prefix(a}"), "`prefix(` has no `)`"),
        (json!("${session.account_id | prefix('a' b)}"), "after an argument of `prefix` comes `,` or `)`"),
        (json!("${session.account_id | map}"), "`map` needs pairs"),
        (json!("${session.account_id | map(else=x)}"), "`map` needs pairs"),
        (json!("${session.account_id | map(a)}"), "`map` takes pairs such as `a=x`, not `a`"),
        (json!("${session.account_id | map(a=x, a=y)}"), "`map` has `a` twice"),
        (json!("${session.installed | int}"), "`int` takes a string, and what it gets here is of type list"),
        (json!("${session.account_id | join(',')}"), "`join` takes a list"),
        (json!("${session.account_id | first}"), "`first` takes a list"),
        (json!("${session.seats | upper}"), "`upper` takes a string or a list"),
        (json!("${session.account_id | int | lower}"), "`lower` takes a string or a list"),
        (json!("${session.profile | lower}"), "of type json"),
        (json!("${session.seats | default(few)}"), "`default(few)` stands in for a value of type int"),
        (
            json!("a ${session.installed}"),
            "a value of type list cannot stand inside text; put it together with `join`",
        ),
        (json!("a ${session.profile}"), "a value of type json cannot stand inside text"),
        (json!("a ${integration.tags}"), "a value of type list cannot stand inside text"),
        (json!("${integration.key | int}"), "`integration.key` cannot be used so: not an integer"),
        (json!("${env.NOWHERE}"), "`${env.NOWHERE}`: NOWHERE is not set in the environment"),
        (json!("${env.REGION | lower}"), "takes no filters"),
        (json!("${env.}"), "it names no environment variable"),
        (json!("${env.1ST:-a}"), "it names no environment variable"),
        (json!("a\nb"), "control character"),
        (json!("a\n"), "begins with `|-`"),
        (json!(null), "write \"\" or drop the key"),
    ] {
        let (template, report) = compile(&around(&leaf));
        let (path, place, message) = only(&report.errors);
        assert!(template.is_none(), "{leaf}");
        assert!(message.contains(says), "{leaf}: {message}");
        assert_eq!((path.as_str(), place), ("x", Place::new(7, 3)), "{leaf}");
    }
}

#[test]
fn all_errors_come_at_once() {
    let (_, report) = compile(&around(&json!(["${a", { "b": null }, "${session.x}"])));
    let paths: Vec<&str> = report.errors.iter().map(|flaw| flaw.path.as_str()).collect();
    assert_eq!(paths, ["x[0]", "x[1].b", "x[2]"]);
}

#[test]
fn pandium_reads_text() {
    for (pointer, value, says) in [
        ("aid", json!(42), "write \"42\""),
        ("aid", json!(true), "write \"true\""),
        ("aid", json!(1.5), "write \"1.5\""),
        ("udn", json!(["a"]), "not a list"),
        ("ufn", json!({}), "not a map"),
        ("uem", json!("${session.seats}"), "of type int: declare the field with `type: string`"),
        ("adn", json!("${session.installed}"), "not a list: take `first`"),
        ("adn", json!("${session.profile}"), "not JSON"),
        ("aid", json!("${integration.id}"), "write \"1121\""),
        ("ili", json!(["a", 42]), "write \"42\""),
        ("ili", json!(["${session.installed}"]), "write `ili: ${…}`"),
        ("ili", json!(42), "a list of text here: write [\"42\"]"),
        ("ili", json!("a,b"), "a list of text here: write [\"a,b\"]"),
        ("ili", json!({ "a": "b" }), "a list of text here, not a map"),
        ("ili", json!("${session.user_name}"), "of type string: declare the field with `type: list`"),
        ("ili", json!("n-${session.seats}"), "of type string: declare the field with `type: list`"),
        ("ili", json!("${session.seats}"), "of type int: declare the field with `type: list`"),
    ] {
        let mut claims = around(&json!("x"));
        claims["ti"][pointer] = value.clone();
        let (path, _, message) = only(&compile(&claims).1.errors);
        assert!(message.contains(says), "{pointer}: {value}: {message}");
        assert!(path.starts_with(&format!("ti.{pointer}")), "{path}");
    }
    for (pointer, value) in [
        ("/ti", json!(7)),
        ("/ti", json!("a")),
        ("/ti", json!(["a"])),
        ("/ti", json!("${session.installed}")),
        ("/ti/xti", json!(true)),
        ("/ti/xti", json!("${session.user_name}")),
    ] {
        let mut claims = around(&json!("x"));
        *claims.pointer_mut(pointer).unwrap() = value.clone();
        let (path, _, message) = only(&compile(&claims).1.errors);
        assert_eq!(path, pointer[1..].replace('/', "."), "{value}");
        assert_eq!(message, "Pandium reads a map here", "{value}");
    }
    let mut claims = around(&json!("x"));
    claims["ti"]["xti"] = json!("${session.profile}");
    assert_eq!(compile(&claims).1.errors, []);
    let mut claims = around(&json!("x"));
    claims["ti"]["aid"] = json!("n-${session.seats}-${session.admin}");
    claims["ti"]["ili"] = json!("${session.installed}");
    assert_eq!(compile(&claims).1.errors, []);
}

#[test]
fn sub_keeps_tenants_apart() {
    for (sub, says) in [
        (json!(""), "all tenants would share"),
        (json!("acme"), "all tenants would share"),
        (json!("${integration.key}-${env.REGION}"), "all tenants would share"),
        (json!("${session.user_name}"), "uses `session.user_name`, which is not required"),
        (json!("${session.account_id}-${session.user_name}"), "which is not required"),
        (json!("${session.account_id}-${request.id}"), "every request would be a new tenant"),
        (json!("${session.account_id | default(guest)}"), "`default` in `sub`"),
        (json!("${session.account_id | map(a=b, else=c)}"), "`map` with `else` in `sub`"),
        (json!("${session.account_id}-${integration.key | default(a)}"), "`default` in `sub`"),
        (json!(42), "write \"42\""),
        (json!("${session.account_id | split(',')}"), "reads text"),
        (json!({ "a": "b" }), "not a map"),
    ] {
        let mut claims = around(&json!("x"));
        claims["sub"] = sub.clone();
        let (template, report) = compile(&claims);
        let (path, place, message) = only(&report.errors);
        assert!(template.is_none());
        assert_eq!((path.as_str(), place), ("sub", Place::new(2, 3)), "{sub}");
        assert!(message.contains(says), "{sub}: {message}");
    }
    let mut claims = around(&json!("x"));
    claims.as_object_mut().unwrap().remove("sub");
    let (path, _, message) = only(&compile(&claims).1.errors);
    assert!(path == "sub" && message.contains("has no `sub`"), "{message}");
}

#[test]
fn what_is_unwise_is_a_warning() {
    let with = |key: &str, value: Json| {
        let mut claims = around(&json!("x"));
        claims[key] = value;
        claims
    };
    let names = json!({ "connector_name": "c", "integration_name": "i" });
    for (claims, path, says) in [
        (
            with("sub", json!("${session.account_id | slug}")),
            "sub",
            "`slug` in `sub`: two tenants may become one",
        ),
        (with("sub", json!("${session.account_id | lower}")), "sub", "`lower`"),
        (with("sub", json!("${session.account_id | replace(a,b)}")), "sub", "`replace`"),
        (with("sub", json!("${session.account_id | split('@') | first}")), "sub", "`first`"),
        (with("sub", json!("${session.account_id | split('@') | last}")), "sub", "`last`"),
        (with("sub", json!("${session.account_id}${session.account_id}")), "sub", "without text between"),
        (
            with("sub", json!("${session.account_id}${env.EMPTY}${session.account_id}")),
            "sub",
            "without text between",
        ),
        (
            with("sub", json!("${session.account_id}${integration.empty}${session.account_id}")),
            "sub",
            "without text between",
        ),
        (with("sub", json!("x-${session.account_id | int}")), "sub", "`int` in `sub`"),
        (with("sub", json!("x-${session.account_id | bool}")), "sub", "`bool` in `sub`"),
        (
            with("sub", json!("x-${session.number}")),
            "sub",
            "`session.number` is of type int: two tenants may become one",
        ),
        (with("sub", json!("${session.account_id | urldecode}")), "sub", "`urldecode` in `sub`"),
        (with("sub", json!("${session.account_id | split(',') | join('')}")), "sub", "`join` in `sub`"),
        (with("sub", json!("${session.account_id | map(a=x, b=y, c=x)}")), "sub", "`map` in `sub`"),
        (with("sub", json!("${session.owner}")), "sub", "`session.owner` looks like an e-mail address"),
        (with("sub", json!("${session.user_email}")), "sub", "looks like an e-mail address"),
        (with("x", json!("{{account_id}}")), "x", "literal text here; an expression is written ${…}"),
        (with("x", json!({ "${session.account_id}": 1 })), "x.${session.account_id}", "a key is literal"),
        (
            with("ti", json!({ "xti": { "connector_name": "c" } })),
            "ti.xti.integration_name",
            "install page needs",
        ),
        (
            with("ti", json!({ "xti": { "integration_name": "c" } })),
            "ti.xti.connector_name",
            "install page needs",
        ),
        // Which may be one.
        (
            with("ti", json!({ "xti": names, "ili": "${session.profile}" })),
            "ti.ili",
            "a list of text here: declare the field with `type: list`",
        ),
    ] {
        let (template, report) = compile(&claims);
        let (at, _, message) = only(&report.warnings);
        assert!(template.is_some(), "{claims}: {:?}", report.errors);
        assert!(message.contains(says) && at == path, "{at}: {message}");
    }
    for sub in [
        "${session.account_id}-${session.account_id}",
        "${session.account_id}${integration.key}",
        "${session.account_id | map(a=x, b=y)}",
    ] {
        assert_eq!(compile(&with("sub", json!(sub))).1.warnings, [], "{sub}");
    }
}

#[test]
fn what_belongs_to_the_program_is_not_set() {
    for key in ["iat", "exp", "nbf", "jti"] {
        let mut claims = around(&json!({ "iat": 1 }));
        claims[key] = json!(1);
        let (path, _, message) = only(&compile(&claims).1.errors);
        assert!(path == key && message.contains("drop the key"), "{message}");
    }
    assert!(only(&compile(&json!("x")).1.errors).2.contains("are a map"));
}

#[test]
fn an_integrations_claims_change_those_of_the_file() {
    for (base, over, merged) in [
        (json!({ "a": 1, "b": 2 }), json!({ "a": 3 }), json!({ "a": 3, "b": 2 })),
        (json!({ "a": 1, "b": 2 }), json!({ "c": 3, "b": 4 }), json!({ "a": 1, "b": 4, "c": 3 })),
        (json!({ "a": 1, "b": 2, "c": 3 }), json!({ "a": null, "z": null }), json!({ "b": 2, "c": 3 })),
        (
            json!({ "a": { "b": 1, "c": 2 } }),
            json!({ "a": { "b": null, "d": 3 } }),
            json!({ "a": { "c": 2, "d": 3 } }),
        ),
        (json!({ "a": 1 }), json!({ "a": { "b": 1, "c": null } }), json!({ "a": { "b": 1 } })),
        (json!({}), json!({ "a": { "b": 1, "c": null } }), json!({ "a": { "b": 1 } })),
        (json!({ "a": [1, 2] }), json!({ "a": [3] }), json!({ "a": [3] })),
    ] {
        let got = merge(&written(&base), &written(&over)).tree;
        assert_eq!(plain(&got).to_string(), merged.to_string(), "{base} {over}");
    }
}

/// With its order and without its places.
fn plain(tree: &Tree) -> Json {
    match tree {
        Tree::Text(text) => json!(text),
        Tree::Number(text) => serde_json::from_str(text).unwrap(),
        Tree::Bool(b) => json!(b),
        Tree::Null | Tree::Broken => Json::Null,
        Tree::List(items) => items.iter().map(|item| plain(&item.tree)).collect(),
        Tree::Map(entries) => {
            Json::Object(entries.iter().map(|(key, _, value)| (key.clone(), plain(&value.tree))).collect())
        }
    }
}
