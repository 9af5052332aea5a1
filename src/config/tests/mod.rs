#![allow(clippy::indexing_slicing, reason = "a test may end in a panic")]

mod doubts;
mod env;
mod error;
mod file;
mod leaf;
mod reader;
mod whole;

use super::error::Problems;
use super::file::parse;
use super::source::Source;
use super::tree::{Kind, Node};

/// The headlines of all problems, without the file's name.
fn headlines(problems: Problems) -> Vec<String> {
    problems
        .into_sorted(&Source::new("", b""))
        .iter()
        .map(|problem| problem.headline("").split_off(1))
        .collect()
}

/// The tree of a file that has to be right.
fn tree(text: &str) -> Node {
    let problems = Problems::default();
    let tree = parse(&Source::new("c.yaml", text.as_bytes()), &problems);
    assert_eq!(headlines(problems), [""; 0], "{text}");
    tree.unwrap()
}

/// The value of the first key.
fn value(text: &str) -> Node {
    match tree(text).kind {
        Kind::Map(mut entries) => entries.remove(0).value,
        other => panic!("{other:?} is not a map"),
    }
}
