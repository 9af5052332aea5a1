//! The compiled template: bytes, with gaps that a request fills.

use super::compile::{Compiler, Content, Node};
use super::leaf::Leaf;
use super::{Fault, Inputs, Report, Scope, Tree, Used, Written, json, rules};
use crate::place::Place;
use std::borrow::Cow;
use std::sync::Arc;

/// What a value is likely to take.
const LEAF_BYTES: usize = 48;

/// A template without an error in it.
#[derive(Debug)]
pub struct Template {
    steps: Box<[Step]>,
    entries: Box<[Entry]>,
    subject: Arc<Leaf>,
    size: usize,
}

#[derive(Debug)]
enum Step {
    /// The same for every request.
    Bytes(Box<[u8]>),
    /// A comma, if anything stands before it on its level.
    Separator,
    /// What is always there.
    Value(Arc<Leaf>),
    /// What may be absent, with its key; a comma before it as above.
    Optional { key: Box<[u8]>, leaf: Arc<Leaf> },
}

/// A leaf, as it is explained.
#[derive(Debug)]
struct Entry {
    path: String,
    place: Place,
    used: Vec<Used>,
    value: EntryValue,
}

#[derive(Debug)]
enum EntryValue {
    Constant(String),
    Nothing,
    Leaf(Arc<Leaf>),
}

/// Where a claim came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained<'t> {
    /// The claim, such as `ti.uem`.
    pub path: &'t str,
    /// Where the template speaks of it.
    pub place: Place,
    /// What it was made of; nothing, for a literal.
    pub used: &'t [Used],
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a claim.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// This JSON. It may hold what a visitor sent: only for those who may see it.
    Json(String),
    /// It was left out.
    Absent,
    /// It cannot be.
    Fault(Fault),
}

impl Template {
    /// Compiles what was written; whatever is wrong or unwise goes to the report.
    pub fn compile(written: &Written, scope: &Scope<'_>, report: &mut Report) -> Option<Self> {
        let before = report.errors.len();
        let mut compiler = Compiler { scope, report, whose: "sub" };
        if !matches!(written.tree, Tree::Map(_)) {
            compiler.error(written.place, "", "the claims are a map: `sub: …`, `ti: …`");
            return None;
        }
        let root = compiler.node(written, String::new());
        rules::tree(&mut compiler, &root);
        let subject = match root.at(&["sub"]).map(|node| &node.content) {
            Some(Content::Leaf(leaf)) => Arc::clone(leaf),
            _ => return None,
        };
        (report.errors.len() == before).then(|| Self::lay_out(&root, subject))
    }

    fn lay_out(root: &Node, subject: Arc<Leaf>) -> Self {
        let mut layout = Layout::default();
        if let Content::Map(entries) = &root.content {
            // `iat` and `jti` stand before: here every member has a comma.
            layout.members(entries, Before::Something);
        }
        layout.flush();
        let size = layout.steps.iter().map(Step::size).sum();
        Self { steps: layout.steps.into(), entries: layout.entries.into(), subject, size }
    }

    /// Appends the claims, a comma before each: `,"sub":…,"ti":{…}`. After a fault, `out` is spoilt.
    pub fn write_members(&self, inputs: &Inputs<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
        for step in &self.steps {
            match step {
                Step::Bytes(bytes) => out.extend_from_slice(bytes),
                Step::Separator => separate(out),
                Step::Value(leaf) => {
                    if !leaf.write(inputs, out)? {
                        return Err(leaf.missing());
                    }
                }
                Step::Optional { key, leaf } => {
                    let start = out.len();
                    separate(out);
                    out.extend_from_slice(key);
                    if !leaf.write(inputs, out)? {
                        out.truncate(start);
                    }
                }
            }
        }
        Ok(())
    }

    /// The text of `sub`.
    pub fn subject<'v>(&'v self, inputs: &Inputs<'v>) -> Result<Cow<'v, str>, Fault> {
        self.subject.text(inputs)
    }

    /// What `sub` is made of, and where the template says so: the same text for the same recipe, with
    /// `field` to tell what each of the session's fields is read from.
    pub fn recipe(&self, field: impl Fn(usize) -> String) -> (String, Place) {
        (self.subject.body.recipe(&field), self.subject.place)
    }

    /// About how many bytes `write_members` appends.
    pub fn size_hint(&self) -> usize {
        self.size
    }

    /// Each leaf, such as `ti.uem`, and what it is made of.
    pub fn made_of(&self) -> impl Iterator<Item = (&str, &[Used])> {
        self.entries.iter().map(|entry| (entry.path.as_str(), entry.used.as_slice()))
    }

    /// What becomes of each leaf, in the order of the template.
    pub fn explain(&self, inputs: &Inputs<'_>) -> Vec<Explained<'_>> {
        self.entries.iter().map(|entry| entry.explain(inputs)).collect()
    }
}

fn separate(out: &mut Vec<u8>) {
    if !matches!(out.last(), Some(b'{' | b'[')) {
        out.push(b',');
    }
}

impl Step {
    fn size(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Separator => 1,
            Self::Value(_) => LEAF_BYTES,
            Self::Optional { key, .. } => key.len() + LEAF_BYTES,
        }
    }
}

impl Entry {
    fn explain(&self, inputs: &Inputs<'_>) -> Explained<'_> {
        let outcome = match &self.value {
            EntryValue::Constant(json) => Outcome::Json(json.clone()),
            EntryValue::Nothing => Outcome::Absent,
            EntryValue::Leaf(leaf) => outcome(leaf, inputs),
        };
        Explained { path: &self.path, place: self.place, used: &self.used, outcome }
    }
}

fn outcome(leaf: &Leaf, inputs: &Inputs<'_>) -> Outcome {
    let mut out = Vec::new();
    match leaf.write(inputs, &mut out) {
        Ok(true) => Outcome::Json(String::from_utf8_lossy(&out).into_owned()),
        Ok(false) if leaf.optional() => Outcome::Absent,
        Ok(false) => Outcome::Fault(leaf.missing()),
        Err(fault) => Outcome::Fault(fault),
    }
}

/// What stands before an element on its own level.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    Nothing,
    Something,
    /// Only the request can tell.
    Perhaps,
}

/// Lays a tree out as steps; neighbouring constants become one.
#[derive(Default)]
struct Layout {
    steps: Vec<Step>,
    pending: Vec<u8>,
    entries: Vec<Entry>,
}

impl Layout {
    fn members(&mut self, entries: &[(String, Node)], mut before: Before) {
        for (key, node) in entries {
            let mut name = Vec::new();
            json::string(key, &mut name);
            name.push(b':');
            before = self.element(&name, node, before);
        }
    }

    /// One member or item; says what stands before the next.
    fn element(&mut self, key: &[u8], node: &Node, before: Before) -> Before {
        match &node.content {
            Content::Leaf(leaf) if leaf.optional() => {
                self.flush();
                self.explain(node, EntryValue::Leaf(Arc::clone(leaf)));
                self.optional(key, leaf, before)
            }
            Content::Nothing | Content::Broken => {
                self.explain(node, EntryValue::Nothing);
                before
            }
            content => {
                self.separate(before);
                self.pending.extend_from_slice(key);
                self.value(node, content);
                Before::Something
            }
        }
    }

    fn optional(&mut self, key: &[u8], leaf: &Arc<Leaf>, before: Before) -> Before {
        self.steps.push(Step::Optional { key: key.into(), leaf: Arc::clone(leaf) });
        if before == Before::Something { before } else { Before::Perhaps }
    }

    fn value(&mut self, node: &Node, content: &Content) {
        match content {
            Content::Constant { json, .. } => self.constant(node, json),
            Content::Leaf(leaf) => {
                self.flush();
                self.steps.push(Step::Value(Arc::clone(leaf)));
                self.explain(node, EntryValue::Leaf(Arc::clone(leaf)));
            }
            Content::List(items) if items.is_empty() => self.constant(node, b"[]"),
            Content::Map(entries) if entries.is_empty() => self.constant(node, b"{}"),
            Content::List(items) => {
                self.pending.push(b'[');
                items.iter().fold(Before::Nothing, |before, item| self.element(b"", item, before));
                self.pending.push(b']');
            }
            Content::Map(entries) => {
                self.pending.push(b'{');
                self.members(entries, Before::Nothing);
                self.pending.push(b'}');
            }
            // Never laid out: `element` has dealt with both.
            Content::Nothing | Content::Broken => {}
        }
    }

    fn constant(&mut self, node: &Node, json: &[u8]) {
        self.pending.extend_from_slice(json);
        self.explain(node, EntryValue::Constant(String::from_utf8_lossy(json).into_owned()));
    }

    fn separate(&mut self, before: Before) {
        match before {
            Before::Nothing => {}
            Before::Something => self.pending.push(b','),
            Before::Perhaps => {
                self.flush();
                self.steps.push(Step::Separator);
            }
        }
    }

    fn explain(&mut self, node: &Node, value: EntryValue) {
        let (path, used) = (node.path.clone(), node.used.clone());
        self.entries.push(Entry { path, place: node.place, used, value });
    }

    fn flush(&mut self) {
        if !self.pending.is_empty() {
            self.steps.push(Step::Bytes(std::mem::take(&mut self.pending).into()));
        }
    }
}
