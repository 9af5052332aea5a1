//! What is to change in a document, told without a word about its text; and what comes of it.

use crate::config::tree::{Kind, Node};
use serde_json::{Map, Number, Value};

/// One step into a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// To the value of a key.
    Key(String),
    /// To an item.
    Item(usize),
}

/// The way to a value.
pub(super) type Path = Vec<Step>;

/// The path that goes on with these keys.
pub(super) fn join(path: &[Step], keys: &[&str]) -> Path {
    path.iter().cloned().chain(keys.iter().map(|&key| Step::Key(key.to_owned()))).collect()
}

/// The path that goes on with an item.
pub(super) fn item(path: &[Step], index: usize) -> Path {
    path.iter().cloned().chain([Step::Item(index)]).collect()
}

/// Where among the entries of a map a new one goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Where {
    Before(&'static str),
    After(&'static str),
    Last,
}

/// One change.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Change {
    /// A new entry of the map at the path.
    Entry { map: Path, key: &'static str, value: Value, place: Where },
    /// New items at the head of the list at the path.
    Items { list: Path, items: Vec<Value> },
    /// Another scalar at the path.
    Set { at: Path, value: Value },
    /// What is at the path goes.
    Remove { at: Path },
}

/// The value at a path.
pub(super) fn find<'n>(root: &'n Node, path: &[Step]) -> Option<&'n Node> {
    path.iter().try_fold(root, |node, step| match step {
        Step::Key(key) => node.entry(key).map(|entry| &entry.value),
        Step::Item(index) => node.items().get(*index),
    })
}

/// A document as a value, in which what holds nothing is nothing, however that is written. A number
/// that JSON would tell otherwise stays as it is written.
pub(super) fn value_of(node: &Node) -> Value {
    match &node.kind {
        Kind::Null => Value::Null,
        Kind::Bool(value) => Value::Bool(*value),
        Kind::Int(raw) => raw
            .parse::<i64>()
            .ok()
            .filter(|number| number.to_string() == *raw)
            .map_or_else(|| Value::String(format!("\0{raw}")), |number| Value::Number(Number::from(number))),
        Kind::Float(raw) => Value::String(format!("\0{raw}")),
        Kind::Text { text, .. } => Value::String(text.clone()),
        Kind::List(items) if items.is_empty() => Value::Null,
        Kind::Map(entries) if entries.is_empty() => Value::Null,
        Kind::List(items) => Value::Array(items.iter().map(value_of).collect()),
        Kind::Broken => Value::String("\0".to_owned()),
        Kind::Map(entries) => entries
            .iter()
            .map(|entry| (entry.key.clone(), value_of(&entry.value)))
            .collect::<Map<_, _>>()
            .into(),
    }
}

/// What the changes make of a document. Removals come last to first, so that positions hold.
pub(super) fn apply(root: &mut Value, changes: &[Change]) -> Option<()> {
    for change in changes {
        match change {
            Change::Entry { map, key, value, .. } => {
                let map = reach(root, map)?;
                if map.is_null() {
                    *map = Value::Object(Map::new());
                }
                map.as_object_mut()?.insert((*key).to_owned(), value.clone());
            }
            Change::Items { list, items } => {
                let target = reach(root, list)?;
                if target.is_null() {
                    *target = Value::Array(Vec::new());
                }
                target.as_array_mut()?.splice(..0, items.iter().cloned());
            }
            Change::Set { at, value } => *reach(root, at)? = value.clone(),
            Change::Remove { at } => {
                let (last, parent) = at.split_last()?;
                let parent = reach(root, parent)?;
                match (last, &mut *parent) {
                    (Step::Key(key), Value::Object(map)) => drop(map.remove(key)?),
                    (Step::Item(index), Value::Array(items)) if *index < items.len() => {
                        drop(items.remove(*index));
                    }
                    _ => return None,
                }
                if parent.as_object().is_some_and(Map::is_empty)
                    || parent.as_array().is_some_and(Vec::is_empty)
                {
                    *parent = Value::Null;
                }
            }
        }
    }
    Some(())
}

fn reach<'v>(root: &'v mut Value, path: &[Step]) -> Option<&'v mut Value> {
    path.iter().try_fold(root, |value, step| match step {
        Step::Key(key) => value.as_object_mut()?.get_mut(key),
        Step::Item(index) => value.as_array_mut()?.get_mut(*index),
    })
}
