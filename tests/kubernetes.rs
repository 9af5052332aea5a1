//! What `deploy/kubernetes` and the `Dockerfile` say twice, they say alike.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::fs;

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap()
}

/// The example's file stands in three places, for kustomize does not read outside of a folder.
#[test]
fn the_examples_have_one_file() {
    let file = read("deploy/kubernetes/example/config.yaml");
    let settings = file.trim_start_matches(|c| c != '\n').trim_start();
    let settings = &settings[settings.find("version: 1").unwrap()..];
    let classic = read("deploy/kubernetes/example/classic/config.yaml");
    let (same, ending) = classic.split_once("shutdown:\n").unwrap();
    assert_eq!(&same[same.find("version: 1").unwrap()..], settings);
    assert!(ending.contains("delay: 5s"));
    let map = read("deploy/kubernetes/example/live-reload/config.yaml");
    let (_, inside) = map.split_once("config.yaml: |\n").unwrap();
    let inside: Vec<_> = inside.lines().map(|line| line.strip_prefix("    ").unwrap_or(line)).collect();
    // The first line is for an editor, which looks into no ConfigMap.
    assert!(file.starts_with("# yaml-language-server: "));
    assert_eq!(inside, file.lines().skip(1).collect::<Vec<_>>());
}

/// The version that people copy is the one that this is.
#[test]
fn images_and_labels_have_the_programs_version() {
    let own = env!("CARGO_PKG_VERSION");
    let named = [
        ("Dockerfile", format!("org.opencontainers.image.version=\"{own}\"")),
        ("deploy/kubernetes/component/sidecar.yaml", format!("image: pandium-sidecar:{own}\n")),
        ("deploy/kubernetes/component-classic/sidecar.yaml", format!("image: pandium-sidecar:{own}\n")),
    ];
    for (path, wanted) in named {
        assert!(read(path).contains(&wanted), "{path} lacks {wanted}");
    }
    let oldest = format!("ARG RUST_VERSION={}\n", env!("CARGO_PKG_RUST_VERSION"));
    assert!(read("Dockerfile").contains(&oldest), "Dockerfile lacks {oldest}");
}
