//! The JSON Schema and the readers of the configuration, key by key and word by word.
//!
//! `tests/schema/validate.py` asks both about the same files, with somebody else's validator.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use pandium_sidecar::config::error::Problems;
use pandium_sidecar::config::source::Source;
use pandium_sidecar::config::tree::{Kind, Node};
use pandium_sidecar::config::{self, Options, file};
use pandium_sidecar::token::verify::ALGORITHMS;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const SCHEMA: &str = include_str!("../src/cli/schema.json");
const MANUAL: &str = include_str!("../config.yaml");

/// A key that nobody knows.
const STRANGER: &str = "qqqqqqqq: 1";
/// A word that nobody knows.
const NONSENSE: &str = "qqqqqqqq";

/// The least there is, and a place for more.
const LEAST: &str = "version: 1
trust: { peers: 127.0.0.2 }
pandium: { account: acme, environment: sandbox, secret: { env: SECRET } }
session:
  from: headers
  fields: { id: { header: X-Id } }
claims: { sub: \"${session.id}\" }
integrations: { a: { id: 1 } }
";

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

/// What a node stands for: itself, or what it refers to.
fn resolved<'s>(root: &'s Value, node: &'s Value) -> &'s Value {
    match node.get("$ref").and_then(Value::as_str) {
        Some(reference) => resolved(root, root.pointer(reference.strip_prefix('#').unwrap()).unwrap()),
        None => node,
    }
}

/// A node and all that may stand in its place.
fn alternatives<'s>(root: &'s Value, node: &'s Value) -> Vec<&'s Value> {
    let node = resolved(root, node);
    let others = node.get("anyOf").and_then(Value::as_array).into_iter().flatten();
    std::iter::once(node).chain(others.flat_map(|other| alternatives(root, other))).collect()
}

/// The node at a path of keys; `*` is any key, `#` an item.
fn at<'s>(root: &'s Value, path: &str) -> &'s Value {
    path.split('.').filter(|key| !key.is_empty()).fold(root, |node, key| {
        let all = alternatives(root, node);
        let below = |node: &&'s Value| match key {
            "*" => node.get("additionalProperties"),
            "#" => node.get("items"),
            key => node.pointer(&format!("/properties/{key}")),
        };
        all.iter().find_map(below).unwrap_or_else(|| panic!("the schema has no {path}"))
    })
}

fn words_of(root: &Value, path: &str) -> BTreeSet<String> {
    let all = alternatives(root, at(root, path));
    let listed = all.iter().filter_map(|node| node.get("enum")).flat_map(|words| words.as_array().unwrap());
    listed.map(|word| word.as_str().unwrap().to_owned()).collect()
}

fn keys_of(root: &Value, path: &str) -> BTreeSet<String> {
    let all = alternatives(root, at(root, path));
    let maps: Vec<_> =
        all.iter().filter_map(|node| Some((node, node.get("properties")?.as_object()?))).collect();
    let [(node, properties)] = maps.as_slice() else { panic!("{path} is a map in one way: {maps:?}") };
    assert_eq!(node["additionalProperties"], false, "{path} takes keys that nobody knows");
    properties.keys().cloned().collect()
}

/// The least with one thing in place of another.
fn with(from: &str, to: &str) -> String {
    let text = LEAST.replacen(from, to, 1);
    assert_ne!(text, LEAST, "{from}");
    text
}

fn more(text: &str) -> String {
    format!("{LEAST}{text}\n")
}

/// What the readers list behind these words of an error.
fn listed(text: &str, behind: &str) -> BTreeSet<String> {
    let options = Options { env: &|_| None, without_secrets: true, listen: None };
    let invalid = config::load_text("c", text, &options).map(|_| ()).expect_err(text).to_string();
    let words = invalid.split_once(behind).unwrap_or_else(|| panic!("{text}{invalid}")).1;
    let line = words.lines().next().unwrap().split(" is wanted").next().unwrap();
    line.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_map_has_the_keys_that_its_reader_knows() {
    let root = schema();
    let key = STRANGER;
    let account =
        "pandium: { account: a, accounts: { a: { environment: demo, secret: { env: S }, qqqqqqqq: 1 } } }";
    let pandium = "pandium: { account: acme, environment: sandbox, secret: { env: SECRET } }";
    let session = |from: &str| with("  from: headers", from);
    for (path, text) in [
        ("", more(key)),
        ("listen", more(&format!("listen: {{ address: \"127.0.0.1:1\", {key} }}"))),
        ("listen.tls", more(&format!("listen: {{ address: \"127.0.0.1:1\", tls: {{ {key} }} }}"))),
        ("upstream", more(&format!("upstream: {{ url: \"http://127.0.0.1:1\", {key} }}"))),
        ("trust", with("peers: 127.0.0.2", &format!("peers: 127.0.0.2, {key}"))),
        ("trust.header", with("peers: 127.0.0.2", &format!("header: {{ {key} }}"))),
        (
            "trust.header.value",
            with("peers: 127.0.0.2", &format!("header: {{ name: X-A, value: {{ {key} }} }}")),
        ),
        ("trust.client_cert", with("peers: 127.0.0.2", &format!("client_cert: {{ {key} }}"))),
        ("pandium", with("{ account: acme", &format!("{{ {key}, account: acme"))),
        ("pandium.proxy", with("{ account: acme", &format!("{{ proxy: {{ {key} }}, account: acme"))),
        ("pandium.secret", with("{ env: SECRET }", &format!("{{ {key} }}"))),
        ("pandium.accounts.*", with(pandium, account)),
        ("overrides", more(&format!("overrides: {{ {key} }}"))),
        ("token", more(&format!("token: {{ {key} }}"))),
        ("session", session(&format!("  {key}\n  from: headers"))),
        ("session.probe", session(&format!("  from: probe\n  probe: {{ {key} }}"))),
        ("session.jwt", session(&format!("  from: jwt\n  jwt: {{ {key} }}"))),
        (
            "session.jwt.jwks",
            session(&format!("  from: jwt\n  jwt: {{ algorithms: RS256, jwks: {{ {key} }} }}")),
        ),
        ("session.signed_in", session(&format!("  from: headers\n  signed_in: {{ {key} }}"))),
        ("session.signed_out", session(&format!("  from: headers\n  signed_out: {{ {key} }}"))),
        ("session.fields.*", with("{ header: X-Id }", &format!("{{ {key} }}"))),
        ("integrations.*", with("{ id: 1 }", &format!("{{ id: 1, {key} }}"))),
        ("routes", more(&format!("routes: {{ {key} }}"))),
        ("routes.install", more(&format!("routes: {{ install: {{ {key} }} }}"))),
        ("routes.marketplace", more(&format!("routes: {{ marketplace: {{ {key} }} }}"))),
        ("routes.link", more(&format!("routes: {{ link: {{ {key} }} }}"))),
        ("routes.decision", more(&format!("routes: {{ decision: {{ {key} }} }}"))),
        ("limits", more(&format!("limits: {{ {key} }}"))),
        ("timeouts", more(&format!("timeouts: {{ {key} }}"))),
        ("shutdown", more(&format!("shutdown: {{ {key} }}"))),
        ("log", more(&format!("log: {{ {key} }}"))),
    ] {
        assert_eq!(keys_of(&root, path), listed(&text, "known are "), "{path}");
    }
}

#[test]
fn every_word_is_one_that_its_reader_knows() {
    let root = schema();
    let word = NONSENSE;
    let wrong = |text: &str| text.replace("{}", word);
    for (path, text) in [
        ("pandium.environment", with("environment: sandbox", &wrong("environment: {}"))),
        ("pandium.proxy.mount", with("{ account: acme", &wrong("{ proxy: { mount: {} }, account: acme"))),
        (
            "pandium.proxy.same_origin",
            with("{ account: acme", &wrong("{ proxy: { mount: path, same_origin: {} }, account: acme")),
        ),
        ("pandium.secret.encoding", with("env: SECRET", &wrong("env: SECRET, encoding: {}"))),
        ("session.from", with("from: headers", &wrong("from: {}"))),
        (
            "session.probe.send.#",
            with("from: headers", &wrong("from: probe\n  probe: { path: /a, send: {} }")),
        ),
        ("session.fields.*.type", with("header: X-Id", &wrong("header: X-Id, type: {}"))),
        ("session.fields.*.decode", with("header: X-Id", &wrong("header: X-Id, decode: {}"))),
        ("integrations.*.deliver", with("id: 1", &wrong("id: 1, deliver: {}"))),
        ("routes.install.deliver", more(&wrong("routes: { install: { deliver: {} } }"))),
        ("routes.marketplace.deliver", more(&wrong("routes: { marketplace: { path: /m, deliver: {} } }"))),
        ("log.format", more(&wrong("log: { format: {} }"))),
        ("log.level", more(&wrong("log: { level: {} }"))),
    ] {
        assert_eq!(words_of(&root, path), listed(&text, "one of "), "{path}");
    }
    let algorithms = ALGORITHMS.map(|(word, _)| word.to_owned());
    assert_eq!(words_of(&root, "session.jwt.algorithms.#"), algorithms.into());
}

/// A value of the manual, as the schema would write it.
fn json(node: &Node) -> Value {
    match &node.kind {
        Kind::Bool(value) => (*value).into(),
        Kind::Int(digits) => digits.parse::<u64>().unwrap().into(),
        Kind::Text { text, .. } => text.as_str().into(),
        Kind::List(items) => items.iter().map(json).collect(),
        Kind::Map(entries) => entries.iter().map(|entry| (entry.key.clone(), json(&entry.value))).collect(),
        Kind::Null | Kind::Float(_) | Kind::Broken => panic!("{}", node.shape()),
    }
}

/// Counts the defaults that the manual has, too, each of which has to be the same.
fn compare_defaults(root: &Value, path: &str, node: &Node) -> usize {
    let Kind::Map(entries) = &node.kind else { return 0 };
    let mut compared = 0;
    for entry in entries {
        let key = match path {
            "session.fields" | "integrations" => "*",
            _ => entry.key.as_str(),
        };
        let below = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        if below == "claims" || below.ends_with(".claims") {
            continue;
        }
        let own = at(root, &below);
        let mut all = std::iter::once(own).chain(alternatives(root, own));
        if let Some(default) = all.find_map(|node| node.get("default")) {
            // A field of type list with a default of its own, and the like, are the manual's own examples.
            if entry.key != "type" && entry.key != "optional" {
                assert_eq!(json(&entry.value), *default, "{below}");
                compared += 1;
            }
        }
        compared += compare_defaults(root, &below, &entry.value);
    }
    compared
}

#[test]
fn the_defaults_are_the_manuals() {
    let problems = Problems::default();
    let manual = file::parse(&Source::new("config.yaml", MANUAL.as_bytes()), &problems).unwrap();
    let compared = compare_defaults(&schema(), "", &manual);
    assert!(compared >= 30, "only {compared} defaults were compared");
}

/// Every property, below every node, wherever it stands.
fn properties<'s>(node: &'s Value, path: &str, found: &mut Vec<(String, &'s Value)>) {
    match node {
        Value::Object(members) => {
            for (name, member) in members {
                let below = format!("{path}/{name}");
                // In a condition a property is looked at, and not declared.
                if let ("properties", Value::Object(all), false) =
                    (name.as_str(), member, path.contains("/if") || path.contains("/then"))
                {
                    found.extend(all.iter().map(|(key, value)| (format!("{below}/{key}"), value)));
                }
                properties(member, &below, found);
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| properties(item, &format!("{path}/{at}"), found));
        }
        _ => {}
    }
}

#[test]
fn every_key_is_described() {
    let root = schema();
    let mut found = Vec::new();
    properties(&root, "", &mut found);
    assert!(found.len() > 120, "only {} keys", found.len());
    for (path, property) in found {
        let description = property.get("description").and_then(Value::as_str).unwrap_or_default();
        assert!(description.ends_with('.'), "{path}: {description:?}");
    }
}

/// The manual and the schema name all that the operator can ask.
#[test]
fn admin_is_described_with_all_that_it_answers() {
    let root = schema();
    let described = at(&root, "admin")["description"].as_str().unwrap();
    let (_, manual) = MANUAL.split_once("# Where health is answered").unwrap();
    let manual = manual.split("\nadmin: ").next().unwrap();
    for path in ["/-/live", "/-/ready", "/metrics", "/-/decisions"] {
        assert!(described.contains(path) && manual.contains(path), "{path}: {described}");
    }
}

fn yaml_files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            yaml_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
}

/// The first line of a configuration tells an editor where the schema is.
#[test]
fn examples_name_the_schema() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![root.join("config.yaml")];
    yaml_files(&root.join("deploy"), &mut files);
    let mut named = 0;
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        if !text.lines().any(|line| line.starts_with("version: 1")) {
            continue;
        }
        let schema =
            text.strip_prefix("# yaml-language-server: $schema=").and_then(|text| text.lines().next());
        let schema = schema.unwrap_or_else(|| panic!("{} names no schema in its first line", path.display()));
        let found = path.parent().unwrap().join(schema).canonicalize();
        assert_eq!(
            found.ok(),
            Some(root.join("src/cli/schema.json").canonicalize().unwrap()),
            "{}",
            path.display()
        );
        named += 1;
    }
    assert!(named >= 5, "only {named} examples");
}
