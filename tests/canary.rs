//! Canaries: marked keys, values, cookies and paths go through everything that can happen, at the
//! finest log level, and none may sing in what the program prints or shows.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod harness;

#[path = "canary/serving.rs"]
mod serving;
#[path = "canary/tools.rs"]
mod tools;

/// In every canary, and in nothing else.
const MARK: &str = "kanarie";

/// The key, of which nothing but a fingerprint is shown.
const KEY: &str = "kanarie-key-0123456789abcdef0123456789ab";

#[track_caller]
fn assert_silent(what: &str, text: &str) {
    let lower = text.to_ascii_lowercase();
    for mark in [MARK, "6b616e61726965", "a2FuYXJpZ", "thbmFyaW", "rYW5hcml"] {
        let found = lower.find(&mark.to_ascii_lowercase());
        assert!(found.is_none(), "{what}: a canary sings in {}", around(text, found));
    }
    assert!(!text.contains("eyJ"), "{what}: a token in {}", around(text, text.find("eyJ")));
}

fn around(text: &str, at: Option<usize>) -> String {
    let at = at.unwrap_or_default();
    text.chars().skip(at.saturating_sub(200)).take(400).collect()
}
