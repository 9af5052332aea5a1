//! What `deploy/` ships: each of our own files there holds, wherever it stands, and an edge's file says
//! what `check --edge` prints for the sidecar's file beside it. The edges run in `tests/real`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Folder, edge, the edge's file, and the sidecar's.
const EDGES: &[(&str, &str, &str, &str)] = &[
    ("nginx", "nginx", "topology-a.conf", "topology-a.yaml"),
    ("nginx", "nginx", "topology-b.conf", "topology-b.yaml"),
];

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// The configurations in a file: the whole of it, or what stands in it as a block of text (of a cluster, the
/// values of a chart) or as an example (a page).
fn configurations(text: &str) -> Vec<String> {
    let first = |text: &str| text.lines().any(|line| line.trim_end() == "version: 1");
    if first(text) && !text.contains("```") {
        return vec![text.to_owned()];
    }
    blocks(text).into_iter().filter(|block| first(block)).collect()
}

/// Every run of lines behind a `KEY: |` that are indented more than it, and every fenced example.
fn blocks(text: &str) -> Vec<String> {
    let lines: Vec<_> = text.lines().collect();
    let depth = |line: &str| line.len() - line.trim_start().len();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let rest = &lines[at + 1..];
        if line.trim_end().ends_with(": |") {
            let inside = rest.iter().take_while(|next| next.trim().is_empty() || depth(next) > depth(line));
            let inside: Vec<_> = inside.collect();
            let margin = inside.iter().find(|next| !next.trim().is_empty()).map_or(0, |next| depth(next));
            found.push(joined(inside.iter().map(|next| next.get(margin..).unwrap_or(""))));
        } else if line.trim() == "```yaml" {
            let inside = rest.iter().take_while(|next| next.trim() != "```");
            found.push(joined(inside.copied()));
        }
    }
    found
}

fn joined<'t>(lines: impl Iterator<Item = &'t str>) -> String {
    lines.flat_map(|line| [line, "\n"]).collect()
}

fn check(file: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pandium-sidecar"));
    command.args(["check", "--strict", "--without-secrets", "--config"]).arg(file).args(more);
    command.env_clear().output().unwrap()
}

#[test]
fn every_configuration_holds() {
    let (mut all, mut found) = (Vec::new(), BTreeSet::new());
    files(&deploy(), &mut all);
    let scratch = std::env::temp_dir().join(format!("ps-deploy-{}.yaml", std::process::id()));
    for path in all {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for configuration in configurations(&text) {
            fs::write(&scratch, configuration).unwrap();
            let output = check(&scratch, &[]);
            assert!(
                output.status.success(),
                "{}: {}",
                path.display(),
                String::from_utf8_lossy(&output.stderr)
            );
            found.insert(path.strip_prefix(deploy()).unwrap().to_str().unwrap().to_owned());
        }
    }
    let _ = fs::remove_file(&scratch);
    for (folder, _, _, file) in EDGES {
        assert!(found.contains(&format!("{folder}/{file}")), "{folder}/{file} is not found");
    }
}

#[test]
fn blocks_are_found_wherever_they_stand() {
    let map = "data:\n  config.yaml: |\n    # Ours.\n    version: 1\n\n    listen: a\n  other: |\n    b\n";
    assert_eq!(configurations(map), ["# Ours.\nversion: 1\n\nlisten: a\n"]);
    assert_eq!(configurations("version: 1\nlisten: a\n"), ["version: 1\nlisten: a\n"]);
    assert_eq!(
        configurations("Text.\n\n```yaml\nversion: 1\n```\n\n```sh\nversion: 1\n```\n"),
        ["version: 1\n"]
    );
    assert!(configurations("apiVersion: v1\n").is_empty());
}

/// What is shipped says at least what is printed, comments apart. Where, `tests/real` finds out.
#[test]
fn edges_say_what_is_printed_for_them() {
    for (folder, edge, shipped, file) in EDGES {
        let folder = deploy().join(folder);
        let text = fs::read_to_string(folder.join(shipped)).unwrap();
        let said: BTreeSet<_> = text.lines().map(str::trim).collect();
        let output = check(&folder.join(file), &["--edge", edge]);
        let printed = String::from_utf8(output.stdout).unwrap();
        let lines = printed.lines().map(str::trim).filter(|line| !line.starts_with('#'));
        let missing: Vec<_> = lines.clone().filter(|line| !said.contains(line)).collect();
        assert!(lines.count() > 5 && missing.is_empty(), "{}: {missing:#?}", folder.join(shipped).display());
    }
}
