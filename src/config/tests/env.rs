use super::{headlines, tree};
use crate::config::env::resolve;
use crate::config::error::Problems;
use crate::config::leaf::{boolean, integer, size, text};
use crate::config::reader::Reader;
use crate::config::tree::{Kind, Node};

fn environment(name: &str) -> Option<String> {
    let value = match name {
        "A" => "acme",
        "N" => "4096",
        "YES" => "true",
        "EMPTY" => "",
        "TEMPLATE" => "${session.x}",
        "CANARY" => "hunter2",
        _ => return None,
    };
    Some(value.to_owned())
}

/// The tree of `written` after resolving, and what was wrong.
fn resolved(written: &str) -> (Node, Vec<String>) {
    let (mut root, problems) = (tree(written), Problems::default());
    resolve(&mut root, &environment, &problems);
    (root, headlines(problems))
}

/// The text at the end of the first keys.
fn first_text(node: &Node) -> &str {
    match &node.kind {
        Kind::Map(entries) => first_text(&entries[0].value),
        Kind::List(items) => first_text(&items[0]),
        Kind::Text { text, .. } => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn references_are_resolved_once() {
    for (written, expected) in [
        ("a: ${env.A}", "acme"),
        ("a: ['x-${env.A}-${env.N}']", "x-acme-4096"),
        ("a: \"${ env.A }\"", "acme"),
        ("a: ${env.NONE:-fall: back}", "fall: back"),
        ("a: ${env.NONE:-}", ""),
        ("a: ${env.A:-other}", "acme"),
        ("a: ${env.EMPTY:-other}", "other"),
        ("a: ${env.EMPTY}", ""),
        ("a: $${env.A} $5", "${env.A} $5"),
        ("a: ${env.TEMPLATE}", "${session.x}"),
        ("claims: {a: \"${env.A}\"}", "${env.A}"),
        ("integrations: {x: {claims: {a: \"${env.NONE}\"}}}", "${env.NONE}"),
        ("integrations: {x: {vars: {a: \"${env.A}\"}}}", "acme"),
        ("pandium: {account: \"${env.A}-${session.x}\"}", "acme-${session.x}"),
        ("pandium: {account: \"${env.TEMPLATE}$${x}\"}", "$${session.x}$${x}"),
        ("pandium: {secret: \"${env.NONE}\"}", "${env.NONE}"),
        ("pandium: {secret: {file: \"/run/${env.A}\"}}", "/run/acme"),
        ("session: {signed_out: {redirect: \"/l?n=${request.path}\"}}", "/l?n=${request.path}"),
    ] {
        let written = if written.contains("fall: back") { "a: '${env.NONE:-fall: back}'" } else { written };
        let (root, problems) = resolved(written);
        assert_eq!((first_text(&root), problems.as_slice()), (expected, &[][..]), "{written}");
    }
}

#[test]
fn what_cannot_be_resolved_is_said() {
    const NAME: &str = "after `env.` a variable's name is wanted, and nothing but `:-fallback` behind it";
    for (written, expected) in [
        ("a: {b: [x, '${env.NONE}']}", "1:12: a.b[1]: the environment has no NONE; set it, or write ${env.NONE:-fallback}".to_owned()),
        ("a: ${session.x}", "1:4: a: expressions belong in claims; here only ${env.NAME} is read, and a literal `${` is written `$${`".to_owned()),
        ("a: 'x ${env.A'", "1:4: a: `${` without `}`; a literal `${` is written `$${`".to_owned()),
        ("a: ${env.A | lower}", format!("1:4: a: {NAME}")),
        ("a: ${env.}", format!("1:4: a: {NAME}")),
        ("a: ${env.1A}", format!("1:4: a: {NAME}")),
        ("x: {claims: {a: \"${session.x}\"}}", "1:17: x.claims.a: expressions belong in claims; here only ${env.NAME} is read, and a literal `${` is written `$${`".to_owned()),
    ] {
        assert_eq!(resolved(written).1, [expected], "{written}");
    }
}

#[test]
fn a_resolved_value_may_be_a_number_and_is_never_shown() {
    let (root, _) = resolved("n: ${env.N}\nyes: ${env.YES}\nc: ${env.CANARY}\n");
    let problems = Problems::default();
    let map = Reader::root(&root, &problems).map().unwrap();
    let get = |key| map.get(key).unwrap();
    assert_eq!(get("n").read(|node| integer(node, 0..=9999)), Some(4096));
    assert_eq!(get("n").read(size), Some(4096));
    assert_eq!(get("n").read(|node| text(node).map(str::to_owned)).as_deref(), Some("4096"));
    assert_eq!(get("yes").read(boolean), Some(true));
    assert!(get("c").read(boolean).is_none());
    assert!(get("c").read(size).is_none());
    assert!(get("c").read(|node| integer(node, 0..=1)).is_none());
    assert!(get("c").read(crate::config::net::address).is_none());
    drop(map);
    let lines = headlines(problems);
    assert_eq!(lines.len(), 4);
    assert!(
        lines.iter().all(|line| !line.contains("hunter2") && line.contains("the value from the environment"))
    );
}
