//! The template as it was written: a tree with places, before it is compiled.

use super::parse::is_of_integration;
use crate::place::Place;

/// A node of the template, where it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// Where it stands in the file.
    pub place: Place,
    /// What it is.
    pub tree: Tree,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    /// Text, which may hold `${…}`.
    Text(String),
    /// A literal number, as it is written in JSON.
    Number(String),
    /// A literal truth value.
    Bool(bool),
    /// `null`: an error in a template, "delete this key" in an override.
    Null,
    /// Reported already.
    Broken,
    /// A list.
    List(Vec<Written>),
    /// A map: key, the key's place, value, in the order of the file.
    Map(Vec<(String, Place, Written)>),
}

/// Something wrong (or unwise) in a template, with its place and the path of the claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Where in the file.
    pub place: Place,
    /// The claim, such as `ti.xti.connector_name`.
    pub path: String,
    /// What is wrong and what to write.
    pub message: String,
}

/// An integration's claims over those of the file: the same key in place, new keys behind, `null`
/// deletes, maps merge all the way down.
#[must_use]
pub fn merge(base: &Written, over: &Written) -> Written {
    let Tree::Map(changes) = &over.tree else { return over.clone() };
    let mut entries = match &base.tree {
        Tree::Map(entries) => entries.clone(),
        _ => Vec::new(),
    };
    for (key, place, value) in changes {
        let nothing = Written { place: *place, tree: Tree::Null };
        let at = entries.iter().position(|(known, ..)| known == key);
        match at {
            Some(at) if value.tree == Tree::Null => drop(entries.remove(at)),
            Some(at) => entries.iter_mut().skip(at).take(1).for_each(|entry| {
                *entry = (key.clone(), *place, merge(&entry.2, value));
            }),
            None if value.tree == Tree::Null => {}
            // Merged with nothing: a new map may hold a `null` too.
            None => entries.push((key.clone(), *place, merge(&nothing, value))),
        }
    }
    Written { place: over.place, tree: Tree::Map(entries) }
}

/// The claims of a token that is for no integration, and which leaves were dropped on the way: the
/// path of each, and its place.
#[must_use]
pub fn without_integration(written: &Written) -> (Written, Vec<(String, Place)>) {
    let mut dropped = Vec::new();
    let left = prune(written, "", &mut dropped);
    (left.unwrap_or(Written { place: written.place, tree: Tree::Broken }), dropped)
}

fn prune(written: &Written, path: &str, dropped: &mut Vec<(String, Place)>) -> Option<Written> {
    let tree = match &written.tree {
        Tree::Text(text) if is_of_integration(text) => {
            dropped.push((path.to_owned(), written.place));
            return None;
        }
        Tree::List(items) => {
            let items = items.iter().enumerate();
            Tree::List(
                items.filter_map(|(at, item)| prune(item, &format!("{path}[{at}]"), dropped)).collect(),
            )
        }
        Tree::Map(entries) => {
            let mut left = Vec::with_capacity(entries.len());
            for (key, place, value) in entries {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                left.extend(prune(value, &path, dropped).map(|value| (key.clone(), *place, value)));
            }
            Tree::Map(left)
        }
        other => other.clone(),
    };
    Some(Written { place: written.place, tree })
}

impl Written {
    /// Whether anything is said below it: a leaf, whatever it is.
    #[must_use]
    pub fn says_something(&self) -> bool {
        match &self.tree {
            Tree::List(items) => items.iter().any(Self::says_something),
            Tree::Map(entries) => entries.iter().any(|(_, _, value)| value.says_something()),
            _ => true,
        }
    }
}
