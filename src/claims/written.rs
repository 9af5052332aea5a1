//! The template as it was written: a tree with places, before it is compiled.

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
