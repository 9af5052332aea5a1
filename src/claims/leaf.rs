//! A leaf that is different for every request: one expression, or text around some.

use super::apply::Cause;
use super::expression::Expression;
use super::{Fault, Inputs, Used, json};
use crate::place::Place;
use crate::value::{Kind, Value};
use std::borrow::Cow;

/// A leaf with its name and place.
#[derive(Debug)]
pub(super) struct Leaf {
    pub path: String,
    pub place: Place,
    pub body: Body,
    /// Whether it is `sub`, which is never empty.
    pub subject: bool,
}

/// What a leaf is made of.
#[derive(Debug)]
pub(super) enum Body {
    /// One expression: it keeps its type.
    One(Expression),
    /// Text.
    Text(Box<[Piece]>),
}

/// A piece of text.
#[derive(Debug)]
pub(super) enum Piece {
    /// The same for every request, and its JSON.
    Literal { text: Box<str>, json: Box<[u8]> },
    /// What differs.
    Expression(Expression),
}

impl Piece {
    pub(super) fn literal(text: &str) -> Self {
        let mut out = Vec::new();
        json::escaped(text, &mut out);
        Self::Literal { text: text.into(), json: out.into() }
    }

    fn literal_or<'p>(&'p self, text: &'p str) -> &'p str {
        if let Self::Literal { text, .. } = self { text } else { text }
    }
}

type Failure<'l> = (Cause, Option<&'l Used>);

impl Body {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::One(expression) => expression.kind,
            Self::Text(_) => Kind::Text,
        }
    }

    pub(super) fn expressions(&self) -> impl Iterator<Item = &Expression> {
        let (one, pieces) = match self {
            Self::One(expression) => (Some(expression), [].as_slice()),
            Self::Text(pieces) => (None, &**pieces),
        };
        one.into_iter().chain(pieces.iter().filter_map(|piece| match piece {
            Piece::Expression(expression) => Some(expression),
            Piece::Literal { .. } => None,
        }))
    }

    /// What it is made of, in text that is for comparing alone.
    pub(super) fn recipe(&self, field: &dyn Fn(usize) -> String) -> String {
        let of = |expression: &Expression| match &expression.used {
            Used::Field { index, .. } => format!("${{{} {:?}}}", field(*index), expression.filters()),
            used => format!("${{{used} {:?}}}", expression.filters()),
        };
        match self {
            Self::One(expression) => of(expression),
            Self::Text(pieces) => pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Literal { text, .. } => text.to_string(),
                    Piece::Expression(expression) => of(expression),
                })
                .collect(),
        }
    }

    /// The texts that it can have, where the only expression in it lists its own.
    pub(super) fn outcomes(&self) -> Option<Vec<String>> {
        let mut expressions = self.expressions();
        let (only, None) = (expressions.next()?, expressions.next()) else { return None };
        let whole = |text: &str| match self {
            Self::One(_) => text.to_owned(),
            Self::Text(pieces) => pieces.iter().map(|piece| piece.literal_or(text)).collect(),
        };
        Some(only.outcomes()?.iter().map(|text| whole(text)).collect())
    }
}

impl Leaf {
    /// Appends its JSON; false where it is absent, with `out` in any state behind its old end.
    pub(super) fn write(&self, inputs: &Inputs<'_>, out: &mut Vec<u8>) -> Result<bool, Fault> {
        let start = out.len();
        let there = match &self.body {
            Body::One(expression) => write_one(expression, inputs, out),
            Body::Text(pieces) => write_text(pieces, inputs, out),
        };
        let there = there.map_err(|failure| self.fault(failure))?;
        // There is no token without a subject, whatever its filters leave of it.
        match out.get(start..) {
            _ if self.subject && !there => Err(self.missing()),
            Some(b"\"\"") if self.subject => Err(self.fault((Cause::Empty, self.used()))),
            _ => Ok(there),
        }
    }

    /// Its text, not empty: for a leaf that is text.
    pub(super) fn text<'v>(&'v self, inputs: &Inputs<'v>) -> Result<Cow<'v, str>, Fault> {
        let text = match &self.body {
            Body::One(expression) => evaluate(expression, inputs).map(|value| value.map(text_of)),
            Body::Text(pieces) => joined(pieces, inputs),
        };
        let text = text.map_err(|failure| self.fault(failure))?.ok_or_else(|| self.missing())?;
        if text.is_empty() { Err(self.fault((Cause::Empty, self.used()))) } else { Ok(text) }
    }

    /// It is not there, and it should be.
    pub(super) fn missing(&self) -> Fault {
        self.fault((Cause::Missing, self.used()))
    }

    pub(super) fn optional(&self) -> bool {
        self.body.expressions().any(|expression| expression.optional)
    }

    fn used(&self) -> Option<&Used> {
        self.body.expressions().next().map(|expression| &expression.used)
    }

    fn fault(&self, (cause, used): Failure<'_>) -> Fault {
        Fault { claim: self.path.clone(), place: self.place, used: used.cloned(), cause }
    }
}

fn evaluate<'v>(expression: &'v Expression, inputs: &Inputs<'v>) -> Result<Option<Value<'v>>, Failure<'v>> {
    expression.evaluate(inputs).map_err(|cause| (cause, Some(&expression.used)))
}

fn write_one<'v>(
    expression: &'v Expression,
    inputs: &Inputs<'v>,
    out: &mut Vec<u8>,
) -> Result<bool, Failure<'v>> {
    if let Some(value) = expression.plain(inputs) {
        json::value(value, out);
        return Ok(true);
    }
    let value = evaluate(expression, inputs)?;
    let Some(value) = value else { return Ok(false) };
    json::value(&value, out);
    Ok(true)
}

fn write_text<'v>(pieces: &'v [Piece], inputs: &Inputs<'v>, out: &mut Vec<u8>) -> Result<bool, Failure<'v>> {
    out.push(b'"');
    for piece in pieces {
        match piece {
            Piece::Literal { json, .. } => out.extend_from_slice(json),
            Piece::Expression(expression) => match expression.plain(inputs) {
                Some(value) => json::inside(value, out),
                None => match evaluate(expression, inputs)? {
                    Some(value) => json::inside(&value, out),
                    None => return Ok(false),
                },
            },
        }
    }
    out.push(b'"');
    Ok(true)
}

fn joined<'v>(pieces: &'v [Piece], inputs: &Inputs<'v>) -> Result<Option<Cow<'v, str>>, Failure<'v>> {
    let mut whole = String::new();
    for piece in pieces {
        match piece {
            Piece::Literal { text, .. } => whole.push_str(text),
            Piece::Expression(expression) => match evaluate(expression, inputs)? {
                Some(value) => whole.push_str(&text_of(value)),
                None => return Ok(None),
            },
        }
    }
    Ok(Some(whole.into()))
}

/// A value inside text. Lists and JSON cannot stand there: refused at load.
pub(super) fn text_of(value: Value<'_>) -> Cow<'_, str> {
    match value {
        Value::Text(text) => text,
        Value::Int(n) => n.to_string().into(),
        Value::Bool(b) => b.to_string().into(),
        Value::List(_) | Value::Json(_) => Cow::Borrowed(""),
    }
}
