//! What `deploy/` ships: each of our own files there holds, wherever it stands, and an edge's file says
//! what `check --edge` prints for the sidecar's file beside it. The edges run in `tests/real`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use serde_yaml::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Folder, edge, the edge's file, and the sidecar's.
const EDGES: &[(&str, &str, &str, &str)] = &[
    ("nginx", "nginx", "topology-a.conf", "topology-a.yaml"),
    ("nginx", "nginx", "topology-b.conf", "topology-b.yaml"),
    ("caddy", "caddy", "Caddyfile", "pandium.yaml"),
    ("haproxy", "haproxy", "haproxy.cfg", "pandium.yaml"),
    ("envoy", "envoy", "envoy.yaml", "pandium.yaml"),
];

/// Where `check --edge` has no lines: folder, the edge's file, the sidecar's, and the line that takes a
/// header off.
const BY_HAND: &[(&str, &str, &str, &str)] = &[
    ("apache", "probe.conf", "probe.yaml", "requestheader unset @ early"),
    ("apache", "remote-user.conf", "remote-user.yaml", "requestheader unset @ early"),
    ("traefik", "dynamic.yaml", "pandium.yaml", "@: \"\""),
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
    let by_hand = BY_HAND.iter().map(|(folder, _, file, _)| (folder, file));
    for (folder, file) in EDGES.iter().map(|(folder, _, _, file)| (folder, file)).chain(by_hand) {
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

#[test]
fn other_edges_take_every_protected_header_off() {
    for (folder, shipped, file, line) in BY_HAND {
        let folder = deploy().join(folder);
        let text = fs::read_to_string(folder.join(shipped)).unwrap().to_lowercase();
        let said: BTreeSet<_> = text.lines().map(str::trim).collect();
        let printed = String::from_utf8(check(&folder.join(file), &[]).stdout).unwrap();
        let protected = printed.lines().find_map(|line| line.strip_prefix("protects")).unwrap().trim();
        let mut names = protected.split(", ").map(|name| line.replace('@', name));
        let missing: Vec<_> = names.by_ref().filter(|line| !said.contains(line.as_str())).collect();
        assert!(protected.contains("x-edge-secret"), "{printed}");
        assert!(missing.is_empty(), "{}: {missing:#?}", folder.join(shipped).display());
    }
}

/// What deploy/README.md says of it; whether Compose takes it, `.ci/run` asks a reader of its schema.
#[test]
fn compose_has_one_door_and_no_secret_in_sight() {
    let text = fs::read_to_string(deploy().join("compose.yaml")).unwrap();
    let file: Value = serde_yaml::from_str(&text).unwrap();
    let services = file["services"].as_mapping().unwrap();
    for (name, service) in services {
        let name = name.as_str().unwrap();
        let list = |key: &str| service[key].as_sequence().cloned().unwrap_or_default();
        assert_eq!(list("ports").len(), usize::from(name == "sidecar"), "{name}");
        assert_eq!(service["read_only"], Value::Bool(true), "{name}");
        assert_eq!(list("cap_drop"), ["ALL"], "{name}");
        assert_eq!(list("security_opt"), ["no-new-privileges:true"], "{name}");
        assert_eq!(service["user"], "65532:65532", "{name}");
        assert!(service.get("environment").is_none() && service.get("privileged").is_none(), "{name}");
    }
    let networks = |name: &str| services[name]["networks"].as_sequence().unwrap().clone();
    assert_eq!(
        (networks("app"), networks("sidecar")),
        (vec!["back".into()], vec!["front".into(), "back".into()])
    );
    assert_eq!(file["networks"]["back"]["internal"], Value::Bool(true));
    let image = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Dockerfile")).unwrap();
    let at = services["sidecar"]["configs"][0]["target"].as_str().unwrap();
    for line in [
        "USER 65532:65532".to_owned(),
        format!("ENV PANDIUM_SIDECAR_CONFIG={at}"),
        format!("ENTRYPOINT [{:?}]", services["sidecar"]["healthcheck"]["test"][1].as_str().unwrap()),
    ] {
        assert!(image.lines().any(|said| said == line), "the Dockerfile does not say {line}");
    }
    let mounted = file["configs"]["sidecar"]["file"].as_str().unwrap();
    assert!(deploy().join(mounted).is_file(), "{mounted}");
    // Compose would fill in what it takes for its own variables.
    let said = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    assert_eq!(said.filter(|line| line.contains('$')).count(), 0);
}

/// The pages of the project lead to files that are there.
#[test]
fn links_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages: Vec<_> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    files(&deploy(), &mut pages);
    pages.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    let mut wrong = Vec::new();
    for page in &pages {
        let text = fs::read_to_string(page).unwrap();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let local = links.filter(|link| !link.contains("://") && !link.starts_with("mailto:"));
        for link in local.filter_map(|link| link.split('#').next()).filter(|link| !link.is_empty()) {
            if !page.parent().unwrap().join(link).exists() {
                wrong.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(pages.len() > 10 && wrong.is_empty(), "{wrong:#?}");
}
