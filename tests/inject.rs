//! `inject`: twice is once, back is where it was, and what it puts in is what the Component puts in.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use pandium_sidecar::config::error::Problems;
use pandium_sidecar::config::file;
use pandium_sidecar::config::source::Source;
use pandium_sidecar::config::tree::{Kind, Node};
use serde_json::{Value, json};
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

const MANIFESTS: [&str; 6] = [
    "tests/inject/five.yaml",
    "tests/inject/list.json",
    "tests/inject/stateful.yaml",
    "tests/inject/jobs.yaml",
    "tests/cli/files/inject/small.yaml",
    "deploy/kubernetes/example/app/deployment.yaml",
];

/// What comes out where this goes in.
fn inject(text: &str, flags: &[&str]) -> String {
    let mut child = Command::new(env!("CARGO_BIN_EXE_pandium-sidecar"))
        .args(["inject", "-f", "-"])
        .args(flags)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}\n{text}");
    String::from_utf8(output.stdout).unwrap()
}

/// Every manifest in every dress: as it is, without the last line's end, with the ends of lines of
/// another system, and with its mark.
fn dressed() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for name in MANIFESTS {
        let text = fs::read_to_string(name).unwrap();
        all.push((format!("{name}, without an end"), text.trim_end().to_owned()));
        all.push((format!("{name}, CRLF"), text.replace('\n', "\r\n")));
        all.push((format!("{name}, marked"), format!("\u{FEFF}{text}")));
        all.push((name.to_owned(), text));
    }
    all
}

#[test]
fn twice_is_once() {
    for (name, text) in dressed() {
        let once = inject(&text, &[]);
        assert!(once.len() > text.len(), "{name}");
        assert_eq!(inject(&once, &[]), once, "{name}");
    }
}

#[test]
fn what_is_taken_out_again_leaves_no_trace() {
    for (name, text) in dressed() {
        assert_eq!(inject(&inject(&text, &[]), &["--uninject"]), text, "{name}");
        assert_eq!(inject(&text, &["--uninject"]), text, "{name}");
    }
}

#[test]
fn every_line_that_was_there_is_there_still() {
    for name in MANIFESTS.into_iter().filter(|name| *name != "tests/inject/list.json") {
        let text = fs::read_to_string(name).unwrap();
        let injected = inject(&text, &[]);
        let mut lines = injected.lines();
        // But where a Service leads, and what brackets hold, which others compare.
        for line in text.lines().filter(|line| !line.contains(['{', '[']) && !line.contains("targetPort")) {
            assert!(lines.any(|other| other == line), "{name} lost, or moved: {line}");
        }
    }
}

#[test]
fn what_the_annotations_say_today_counts() {
    let text = fs::read_to_string("tests/cli/files/inject/small.yaml").unwrap();
    let changed = |text: &str| {
        text.replace("\"3000\"", "\"4000\"").replace("containerPort: 3000", "containerPort: 4000")
    };
    assert_eq!(inject(&changed(&inject(&text, &[])), &[]), inject(&changed(&text), &[]));
    let disabled = inject(&text, &[]).replace("inject: enabled", "inject: disabled");
    assert_eq!(inject(&disabled, &[]), text.replace("inject: enabled", "inject: disabled"));
}

/// A cluster sorts keys, drops comments and quotes, and adds what it likes.
#[test]
fn it_goes_out_of_what_a_cluster_gives_back_too() {
    let manifest = &documents(&inject(&fs::read_to_string("tests/inject/stateful.yaml").unwrap(), &[]))[0];
    let mut expected = documents(&fs::read_to_string("tests/inject/stateful.yaml").unwrap())[0].clone();
    let sorted = |value: &Value| {
        let mut value = value.clone();
        value.sort_all_objects();
        serde_json::to_string_pretty(&value).unwrap()
    };
    let mut back: Value = serde_json::from_str(&inject(&sorted(manifest), &["--uninject"])).unwrap();
    back.sort_all_objects();
    expected.sort_all_objects();
    assert_eq!(back, expected);
}

#[test]
fn the_component_and_inject_put_in_the_same() {
    let [component, classic] = ["component", "component-classic"]
        .map(|name| fs::read_to_string(format!("deploy/kubernetes/{name}/sidecar.yaml")).unwrap())
        .map(|text| documents(&text)[0].clone());
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": "a", "annotations": { "pandium-sidecar.io/inject": "enabled" } },
        "spec": { "containers": [{ "name": "a", "image": "b" }] },
    });
    let injected = &documents(&inject(&pod.to_string(), &[]))[0];
    let spec = |value: &'_ Value| value["spec"]["template"]["spec"].clone();
    assert_eq!(spec(&component)["initContainers"], injected["spec"]["initContainers"]);
    assert_eq!(spec(&component)["volumes"], injected["spec"]["volumes"]);
    let labels = &component["spec"]["template"]["metadata"]["labels"];
    assert_eq!(*labels, injected["metadata"]["labels"]);

    let mut native = spec(&component);
    let mut containers = native.as_object_mut().unwrap().remove("initContainers").unwrap();
    containers[0].as_object_mut().unwrap().remove("restartPolicy").unwrap();
    native["containers"] = containers;
    assert_eq!(spec(&classic), native);
    assert_eq!(classic["spec"]["template"]["metadata"], component["spec"]["template"]["metadata"]);
}

#[test]
fn a_list_changes_only_where_it_has_to() {
    let list = &documents(&inject(&fs::read_to_string("tests/inject/list.json").unwrap(), &[]))[0];
    let target = |index: usize| &list["items"][index]["spec"]["ports"][0]["targetPort"];
    assert_eq!((target(1), target(2)), (&json!("pandium"), &json!(3000)));
    let volumes = list["items"][0]["spec"]["template"]["spec"]["volumes"].as_array().unwrap();
    assert_eq!(volumes.len(), 2);
}

/// The documents of a text, as values.
fn documents(text: &str) -> Vec<Value> {
    let pieces = text.split("\n---\n");
    pieces
        .map(|piece| {
            let (source, problems) = (Source::new("", piece.as_bytes()), Problems::default());
            value(&file::parse(&source, &problems).unwrap())
        })
        .collect()
}

fn value(node: &Node) -> Value {
    match &node.kind {
        Kind::Null | Kind::Broken => Value::Null,
        Kind::Bool(value) => json!(value),
        Kind::Int(raw) | Kind::Float(raw) => serde_json::from_str(raw).unwrap(),
        Kind::Text { text, .. } => json!(text),
        Kind::List(items) => items.iter().map(value).collect(),
        Kind::Map(entries) => entries.iter().map(|entry| (entry.key.clone(), value(&entry.value))).collect(),
    }
}
