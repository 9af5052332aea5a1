//! The tree of a YAML file, with the place of everything in it.

use crate::place::Place;

/// A value and where it stands. What an alias repeats stands where it was first written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Where it begins.
    pub place: Place,
    /// What it is.
    pub kind: Kind,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`, `~`, or nothing at all.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer, as it is written (`42`, `0x1F`).
    Int(String),
    /// Any other number, as it is written (`1.10`, `1e3`).
    Float(String),
    /// Text.
    Text {
        /// The text that was meant.
        text: String,
        /// How it is written.
        style: Style,
    },
    /// A list.
    List(Vec<Node>),
    /// Something that was reported already: nothing more is said about it.
    Broken,
    /// A map, in the order of the file. Where a key is doubled, all of its entries are here.
    Map(Vec<Entry>),
}

/// How text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// As it is.
    Plain,
    /// In single or double quotes.
    Quoted,
    /// Behind `|` or `>`.
    Block,
    /// With something from the environment in it: it may stand for a number, and is not shown.
    Resolved,
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub place: Place,
    /// What it holds.
    pub value: Node,
}

impl Node {
    /// The entry of a key, where this is a map that has it.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        let Kind::Map(entries) = &self.kind else { return None };
        entries.iter().find(|entry| entry.key == key)
    }

    /// What stands below these keys, one in the other.
    pub fn below(&self, keys: &[&str]) -> Option<&Self> {
        keys.iter().try_fold(self, |node, key| node.entry(key).map(|entry| &entry.value))
    }

    /// The text that this is.
    pub fn text(&self) -> Option<&str> {
        if let Kind::Text { text, .. } = &self.kind { Some(text) } else { None }
    }

    /// The items that this has, where it is a list.
    pub fn items(&self) -> &[Self] {
        if let Kind::List(items) = &self.kind { items } else { &[] }
    }

    /// Whether something of it comes from the environment: then no message repeats it.
    pub fn is_resolved(&self) -> bool {
        matches!(self.kind, Kind::Text { style: Style::Resolved, .. })
    }

    /// What this is, in words.
    pub fn shape(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "nothing",
            Kind::Bool(_) => "a boolean",
            Kind::Int(_) | Kind::Float(_) => "a number",
            Kind::Text { .. } => "text",
            Kind::Broken => "something broken",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }
}
