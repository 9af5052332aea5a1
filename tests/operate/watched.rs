//! `deploy/monitoring` speaks of metrics, labels and codes that there are, and of all of them.

use crate::ask::{ADMIN, get};
use crate::harness::pair_with;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// What Prometheus adds, and what its own functions are about.
const SCRAPED: [&str; 3] = ["job", "instance", "le"];

const OURS: &str = "pandium_sidecar_";

fn file(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/monitoring").join(name)).unwrap()
}

/// Each metric that the program tells, with its labels and their values.
async fn told() -> BTreeMap<String, BTreeMap<String, BTreeSet<String>>> {
    let (_app, sidecar) = pair_with(&[ADMIN]).await;
    let text = get(sidecar.admin(), "/metrics", &[]).await.text();
    let mut told: BTreeMap<_, BTreeMap<_, BTreeSet<_>>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let sample = line.rsplit_once(' ').unwrap().0;
        let (name, labels) = sample.split_once('{').unwrap_or((sample, ""));
        let known = told.entry(name.to_owned()).or_default();
        for label in
            labels.trim_end_matches('}').split_terminator("\",").map(|label| label.trim_end_matches('"'))
        {
            if let Some((label, value)) = label.split_once("=\"") {
                known.entry(label.to_owned()).or_default().insert(value.to_owned());
            }
        }
    }
    told
}

/// The expressions of both files.
fn expressions() -> Vec<String> {
    let rules: serde_yaml::Value = serde_yaml::from_str(&file("alerts.yaml")).unwrap();
    let rules = rules["groups"][0]["rules"].as_sequence().unwrap();
    let of_rules = rules.iter().map(|rule| rule["expr"].as_str().unwrap().to_owned());
    let board: serde_json::Value = serde_json::from_str(&file("dashboard.json")).unwrap();
    let panels = board["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let of_board = targets.map(|target| target["expr"].as_str().unwrap().to_owned());
    of_rules.chain(of_board).collect()
}

/// The metrics of an expression, each with what stands in its braces.
fn selectors(expression: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(at) = rest.find(OURS) {
        let tail = &rest[at..];
        let end = tail.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(tail.len());
        let (name, behind) = tail.split_at(end);
        let braces = behind.strip_prefix('{').map(|braces| braces.split_once('}').unwrap().0);
        found.push((name.to_owned(), braces.unwrap_or_default().to_owned()));
        rest = behind;
    }
    found
}

/// The matchers in braces: a label, and its values apart.
fn matchers(braces: &str) -> Vec<(String, Vec<String>)> {
    let parts = braces.split("\",").filter(|part| !part.is_empty());
    let matcher = |part: &str| {
        let (label, value) = part.split_once(['=', '!']).unwrap();
        let value = value.trim_start_matches(['=', '~']).trim_matches('"');
        (label.trim().to_owned(), value.split('|').map(str::to_owned).collect())
    };
    parts.map(matcher).collect()
}

/// The labels that an expression groups by.
fn grouped(expression: &str) -> Vec<String> {
    let lists = expression.split("by (").skip(1).map(|list| list.split_once(')').unwrap().0);
    lists.flat_map(|list| list.split(',').map(|label| label.trim().to_owned())).collect()
}

#[tokio::test]
async fn what_is_watched_is_what_is_told() {
    let told = told().await;
    let mut watched = BTreeSet::new();
    for expression in expressions() {
        let mut labels: BTreeSet<String> = SCRAPED.map(str::to_owned).into();
        for (name, braces) in selectors(&expression) {
            let known = told.get(&name).unwrap_or_else(|| panic!("there is no {name}: {expression}"));
            labels.extend(known.keys().cloned());
            for (label, values) in
                matchers(&braces).iter().filter(|(label, _)| !SCRAPED.contains(&label.as_str()))
            {
                let known = known.get(label).unwrap_or_else(|| panic!("{name} has no {label}: {expression}"));
                // An integration is the file's, a key may be missing, and `5..` stands for many.
                let free = |value: &String| value.starts_with('$') || value.is_empty() || value == "5..";
                for value in values.iter().filter(|value| !free(value)) {
                    assert!(known.contains(value), "{name} has no {label} {value}: {expression}");
                }
            }
            watched.insert(name);
        }
        for label in grouped(&expression) {
            assert!(labels.contains(&label), "nothing in {expression} has the label {label}");
        }
    }
    let unwatched: Vec<_> = told.keys().filter(|name| !watched.contains(*name)).collect();
    assert!(unwatched.is_empty(), "nobody watches {unwatched:?}");
}

#[tokio::test]
async fn all_that_is_told_is_explained() {
    let text = file("README.md");
    for (name, labels) in told().await {
        let base =
            ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
        let short = base.strip_prefix(OURS).unwrap();
        let row = text.lines().find(|line| line.contains(&format!("`{short}`")));
        let row = row.unwrap_or_else(|| panic!("README.md does not explain {short}"));
        for label in labels.keys().filter(|label| *label != "le") {
            assert!(row.contains(&format!("`{label}`")), "README.md does not name {label} of {short}");
        }
    }
}
