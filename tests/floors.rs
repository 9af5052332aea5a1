//! The house has floors, and a module uses only what stands on floors below its own (ARCHITECTURE.md).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Each module's floor. Halves tell 1a from 1b.
const FLOORS: &[(&str, f32)] = &[
    ("evidence", 0.0),
    ("http1", 0.0),
    ("place", 0.0),
    ("redact", 0.0),
    ("slug", 0.0),
    ("refusal", 0.0),
    ("stream", 0.0),
    ("strict", 0.0),
    ("suggest", 0.0),
    ("telemetry", 0.0),
    ("tls", 0.0),
    ("value", 0.0),
    ("variable", 0.0),
    ("claims", 1.0),
    ("fields", 1.0),
    ("protected", 1.0),
    ("query", 1.0),
    ("route", 1.0),
    ("token", 1.0),
    ("trust", 1.0),
    ("config", 1.5),
    ("decide", 2.0),
    ("proxy", 3.0),
    ("session", 3.0),
    ("server", 4.0),
    ("app", 5.0),
    ("reload", 5.0),
    ("cli", 6.0),
    ("main", 7.0),
];

/// What stands beside another and may be used by it all the same, with the reason.
const ALLOWED: &[(&str, &str)] = &[
    // What was found says where the file speaks of it, and a refusal what was found: words of one
    // vocabulary.
    ("evidence", "place"),
    ("refusal", "evidence"),
    // A connection may be an encrypted one.
    ("stream", "tls"),
    // A session that the app is asked for is asked for over the app's own connections.
    ("session", "proxy"),
];

/// What only one module knows.
const KNOWN_TO_ONE: &[(&str, &str)] = &[
    ("serde_yaml", "src/config/file.rs"),
    ("httparse", "src/http1/"),
    ("jsonwebtoken", "src/token/"),
    ("rustls", "src/tls/"),
    ("x509_cert", "src/tls/"),
    ("StatusCode", "src/server/"),
    ("println!", "src/cli/"),
    ("eprintln!", "src/cli/"),
    ("process::exit", "src/main.rs"),
];

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every source file, relative to the package, with its text.
fn files() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    sources(&root.join("src"), &mut found);
    found
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            let text = fs::read_to_string(path).unwrap();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            (name, code.collect::<Vec<_>>().join("\n"))
        })
        .collect()
}

fn floor(module: &str) -> f32 {
    let found = FLOORS.iter().find(|(name, _)| *name == module);
    found.unwrap_or_else(|| panic!("`{module}` has no floor: give it one in tests/floors.rs")).1
}

fn module(file: &str) -> &str {
    let inside = file.strip_prefix("src/").unwrap();
    inside.split(['/', '.']).next().unwrap()
}

/// The modules of this crate that a text names.
fn used(text: &str) -> Vec<&str> {
    let names = text.split("crate::").skip(1).chain(text.split("pandium_sidecar::").skip(1));
    let first_word =
        |rest: &'_ str| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().map(str::len);
    names.filter_map(|rest| rest.get(..first_word(rest)?)).filter(|name| !name.is_empty()).collect()
}

#[test]
fn modules_use_only_floors_below_their_own() {
    let mut wrong = Vec::new();
    for (file, text) in files().iter().filter(|(file, _)| *file != "src/lib.rs") {
        let own = module(file);
        for other in used(text).into_iter().filter(|other| *other != own) {
            if floor(other) >= floor(own) && !ALLOWED.contains(&(own, other)) {
                wrong.push(format!("{file} uses {other}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_one_module_knows_no_other_does() {
    let mut wrong = Vec::new();
    for (file, text) in files() {
        for (word, home) in KNOWN_TO_ONE {
            // The demo plays an app and a Pandium, which answer as they like.
            let demo = *word == "StatusCode" && file.starts_with("src/cli/demo/");
            if text.contains(word) && !file.starts_with(home) && !demo {
                wrong.push(format!("{file} knows {word}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn files_stay_short() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let long: Vec<_> = files()
        .into_keys()
        .map(|file| (fs::read_to_string(root.join(&file)).unwrap().lines().count(), file))
        .filter(|(lines, _)| *lines > 400)
        .collect();
    assert!(long.is_empty(), "{long:?}");
}
