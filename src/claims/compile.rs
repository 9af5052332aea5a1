//! From the written tree to a typed one; all that is the same for every request becomes JSON here.

use super::apply::Cause;
use super::expression::Expression;
use super::leaf::{Body, Leaf, Piece, text_of};
use super::parse::{Part, Raw, parts};
use super::{Flaw, KnownField, Report, Scope, Tree, Used, Written, json, rules, slip};
use crate::place::Place;
use crate::value::{Kind, Value};
use crate::variable;
use std::sync::Arc;

/// A node of the typed tree.
#[derive(Debug)]
pub(super) struct Node {
    pub path: String,
    pub place: Place,
    /// What a leaf is made of, for provenance.
    pub used: Vec<Used>,
    pub content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    /// The same for every request.
    Constant {
        kind: Kind,
        json: Vec<u8>,
    },
    /// Absent from every request.
    Nothing,
    /// Different for every request.
    Leaf(Arc<Leaf>),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
    /// Reported already.
    Broken,
}

impl Node {
    /// The node at a path of keys.
    pub(super) fn at(&self, path: &[&str]) -> Option<&Node> {
        match (path, &self.content) {
            ([], _) => Some(self),
            ([key, rest @ ..], Content::Map(entries)) => {
                entries.iter().find(|(known, _)| known == key).and_then(|(_, node)| node.at(rest))
            }
            _ => None,
        }
    }
}

/// Compiles nodes, and gathers what is wrong with them.
pub(super) struct Compiler<'c, 's> {
    pub scope: &'c Scope<'s>,
    pub report: &'c mut Report,
    /// The path of the leaf that says whose the token is.
    pub whose: &'static str,
}

impl Compiler<'_, '_> {
    pub(super) fn node(&mut self, written: &Written, path: String) -> Node {
        let place = written.place;
        let mut used = Vec::new();
        let content = match &written.tree {
            Tree::Text(text) => self.text(text, &path, place, &mut used),
            Tree::Number(text) => self.number(text, &path, place),
            Tree::Bool(b) => Content::constant(&Value::Bool(*b)),
            Tree::Null => self.error(place, &path, "null is no claim: write \"\" or drop the key"),
            Tree::Broken => Content::Broken,
            Tree::List(items) => {
                let items = items.iter().enumerate();
                Content::List(items.map(|(at, item)| self.node(item, format!("{path}[{at}]"))).collect())
            }
            Tree::Map(entries) => Content::Map(
                entries.iter().map(|(key, place, value)| self.member(&path, key, *place, value)).collect(),
            ),
        };
        Node { path, place, used, content }
    }

    fn member(&mut self, parent: &str, key: &str, place: Place, value: &Written) -> (String, Node) {
        let path = if parent.is_empty() { key.to_owned() } else { format!("{parent}.{key}") };
        if key.contains("${") {
            self.warning(place, &path, "a key is literal text: ${…} is an expression in values only");
        }
        if let Some(message) = slip::key(parent, key) {
            self.warning(place, &path, message);
        }
        (key.to_owned(), self.node(value, path))
    }

    fn number(&mut self, text: &str, path: &str, place: Place) -> Content {
        match serde_json::from_str::<serde_json::Number>(text) {
            Ok(number) => {
                let kind = if number.is_f64() { Kind::Json } else { Kind::Int };
                Content::Constant { kind, json: text.as_bytes().to_vec() }
            }
            Err(_) => self.error(place, path, format!("`{text}` is no number that JSON can hold")),
        }
    }

    fn text(&mut self, text: &str, path: &str, place: Place, used: &mut Vec<Used>) -> Content {
        if let Some(message) = slip::text(text, self.scope) {
            self.warning(place, path, message);
        }
        if let Some(message) = control(text) {
            return self.error(place, path, message);
        }
        let pieces = match self.pieces(text, place, used) {
            Ok(pieces) => pieces,
            Err(None) => return Content::Broken,
            Err(Some(message)) => return self.error(place, path, message),
        };
        if path == self.whose {
            rules::subject(self, &pieces, place);
        }
        match fold(pieces) {
            Ok(Folded::Constant(Some(value))) => match unprintable(&value) {
                Some(message) => self.error(place, path, message),
                None => Content::constant(&value),
            },
            Ok(Folded::Constant(None)) => Content::Nothing,
            Ok(Folded::Body(body)) => Content::Leaf(Arc::new(Leaf {
                path: path.to_owned(),
                place,
                body,
                subject: path == self.whose,
            })),
            Err((used, cause)) => self.error(place, path, format!("`{used}` cannot be used so: {cause}")),
        }
    }

    /// Parses, looks up, and replaces the environment's variables by their text. An error without
    /// words was reported where the session's field is declared.
    fn pieces(&self, text: &str, place: Place, used: &mut Vec<Used>) -> Result<Vec<Piece>, Option<String>> {
        let parts = parts(text).map_err(|flaw| format!("`{}`: {}", flaw.written, flaw.message))?;
        let alone = parts.len() == 1;
        let piece = |part: &Part<'_>| match part {
            Part::Literal(text) => Ok(Piece::literal(text)),
            Part::Env { written, name, fallback } => {
                used.push(Used::Env((*name).into()));
                let value = self.env(written, name, *fallback)?;
                match control(&value) {
                    Some(flaw) => Err(Some(format!("`{written}`: {flaw}"))),
                    None => Ok(Piece::literal(&value)),
                }
            }
            Part::Expression(raw) => {
                if self.is_broken(raw.source) {
                    return Err(None);
                }
                let expression = self.expression(raw, place.line, alone)?;
                used.push(expression.used.clone());
                Ok(Piece::Expression(expression))
            }
        };
        parts.iter().map(piece).collect()
    }

    fn is_broken(&self, source: &str) -> bool {
        let name = source.strip_prefix("session.");
        // Whoever is told to write `_` in a field's name may have done so here already.
        let plain = |name: &str| name.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        let is = |field: &KnownField<'_>, name: &str| field.broken && plain(field.name) == plain(name);
        name.is_some_and(|name| self.scope.fields.iter().any(|field| is(field, name)))
    }

    fn env(&self, written: &str, name: &str, fallback: Option<&str>) -> Result<String, String> {
        variable::value(name, fallback, self.scope.env).ok_or_else(|| {
            format!(
                "`{written}`: {name} is not set in the environment; `${{env.{name}:-…}}` gives a fallback"
            )
        })
    }

    fn expression(&self, raw: &Raw<'_>, line: u32, alone: bool) -> Result<Expression, String> {
        let about = |message| format!("`{}`: {message}", raw.written);
        let expression = Expression::compile(raw, line, self.scope).map_err(about)?;
        let advice = match expression.kind {
            Kind::List => "put it together with `join`, or take `first`",
            Kind::Json => "let it stand alone",
            _ => return Ok(expression),
        };
        let word = expression.kind.word();
        if alone {
            Ok(expression)
        } else {
            Err(about(format!("a value of type {word} cannot stand inside text; {advice}")))
        }
    }

    pub(super) fn error(&mut self, place: Place, path: &str, message: impl Into<String>) -> Content {
        self.report.errors.push(Flaw { place, path: path.to_owned(), message: message.into() });
        Content::Broken
    }

    pub(super) fn warning(&mut self, place: Place, path: &str, message: impl Into<String>) {
        self.report.warnings.push(Flaw { place, path: path.to_owned(), message: message.into() });
    }
}

impl Content {
    fn constant(value: &Value<'_>) -> Self {
        let mut out = Vec::new();
        json::value(value, &mut out);
        Self::Constant { kind: value.kind(), json: out }
    }
}

/// A claim in the file holds no control character any more than one from a visitor.
fn control(text: &str) -> Option<&'static str> {
    if text.ends_with('\n') {
        return Some("the text ends in a line break; a block scalar that drops it begins with `|-` or `>-`");
    }
    text.contains(char::is_control).then_some("the text holds a control character")
}

fn unprintable(value: &Value<'_>) -> Option<&'static str> {
    match value {
        Value::Text(text) => control(text),
        Value::List(items) => items.iter().find_map(|item| control(item)),
        _ => None,
    }
}

enum Folded {
    Constant(Option<Value<'static>>),
    Body(Body),
}

/// Works out what is the same for every request.
fn fold(pieces: Vec<Piece>) -> Result<Folded, (Used, Cause)> {
    let alone = pieces.len() == 1;
    let mut kept: Vec<Piece> = Vec::new();
    let mut text = String::new();
    for piece in pieces {
        let expression = match piece {
            Piece::Literal { text: more, .. } => {
                text.push_str(&more);
                continue;
            }
            Piece::Expression(expression) => expression,
        };
        match expression.constant().transpose().map_err(|cause| (expression.used.clone(), cause))? {
            Some(value) if alone => return Ok(Folded::Constant(value)),
            Some(Some(value)) => text.push_str(&text_of(value)),
            // One absent part drops the whole leaf.
            Some(None) => return Ok(Folded::Constant(None)),
            None if alone => return Ok(Folded::Body(Body::One(expression))),
            None => {
                kept.extend((!text.is_empty()).then(|| Piece::literal(&text)));
                text.clear();
                kept.push(Piece::Expression(expression));
            }
        }
    }
    if kept.is_empty() {
        return Ok(Folded::Constant(Some(Value::Text(text.into()))));
    }
    kept.extend((!text.is_empty()).then(|| Piece::literal(&text)));
    Ok(Folded::Body(Body::Text(kept.into())))
}
