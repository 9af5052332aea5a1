//! `schema`: what an editor needs to underline a mistake in the configuration while it is written.
//!
//! The readers of `config/` are written by hand, and so is the schema; tests hold them together: key
//! by key and word by word, and by asking both about the same broken files.

use super::out::say;

/// JSON Schema, draft 2020-12.
const SCHEMA: &str = include_str!("schema.json");

pub(super) fn run() {
    say(SCHEMA);
}
