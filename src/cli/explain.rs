//! What was made of a session, claim by claim, and what was missing.

use super::hidden::{Hidden, is_sensitive};
use crate::claims::{Explained, Outcome, Used};
use crate::config::model::Policy;
use crate::decide::{self, Minting};
use crate::fields::{self, Field, Source};
use crate::place::Place;
use crate::session::answer::Answer;
use serde_json::Value;
use std::fmt::Write as _;

/// Each claim: its value, the field, the header and the line of the file that it came from.
pub(super) fn claims(policy: &Policy, minting: Minting<'_>, file: &str) -> String {
    let inputs = decide::inputs(minting);
    let explained = minting.target.template.explain(&inputs);
    let rows: Vec<_> = explained.iter().map(|claim| row(policy, claim, file)).collect();
    table(&rows)
}

fn row(policy: &Policy, claim: &Explained<'_>, file: &str) -> [String; 3] {
    let value = match &claim.outcome {
        Outcome::Json(_) if is_sensitive(policy, claim.used) => HIDDEN.to_owned(),
        Outcome::Json(json) => json.clone(),
        Outcome::Absent => "(left out)".to_owned(),
        Outcome::Fault(fault) => format!("(refused: {})", fault.cause),
    };
    let mut from: Vec<String> = claim.used.iter().map(|used| origin(policy, used, file)).collect();
    if from.is_empty() {
        from.push("as written".to_owned());
    }
    [claim.path.to_owned(), value, format!("{file}:{}: {}", claim.place.line, from.join("; "))]
}

/// The claims as they will be signed, but for those that are made of a sensitive field.
pub(super) fn payload(policy: &Policy, minting: Minting<'_>, json: &str) -> String {
    let hidden = Hidden::of_template(policy, &minting.target.template);
    if hidden.is_empty() {
        return json.to_owned();
    }
    let mut claims: Value = serde_json::from_str(json).unwrap_or_default();
    hidden.mask("", &mut claims, &|_| HIDDEN.to_owned());
    claims.to_string()
}

/// What is shown in place of a sensitive value.
const HIDDEN: &str = "(sensitive: not shown)";

fn field<'p>(policy: &'p Policy, used: &Used) -> Option<&'p Field> {
    match used {
        Used::Field { index, .. } => policy.fields.get(*index),
        _ => None,
    }
}

fn origin(policy: &Policy, used: &Used, file: &str) -> String {
    match field(policy, used) {
        Some(field) => format!("{used} ← {} ({})", field.source, at(file, field.place)),
        None => used.to_string(),
    }
}

fn at(file: &str, place: Place) -> String {
    format!("{file}:{}", place.line)
}

/// Each field: whether it is there. What a refused session is made of.
pub(super) fn fields(policy: &Policy, answer: &Answer) -> String {
    let rows: Vec<_> = policy.fields.iter().map(|field| field_row(field, answer)).collect();
    table(&rows)
}

fn field_row(field: &Field, answer: &Answer) -> [String; 3] {
    let state = match &field.source {
        Source::Header { name, .. } => {
            let found = answer.headers.get(name).map(|value| field.read(value.as_bytes()));
            Some(fields::found(found.as_ref()))
        }
        Source::Json(pointer) => {
            let found = answer.json.as_ref().and_then(|json| json.pointer(pointer));
            Some(fields::found(found.map(|json| field.read_json(json)).as_ref()))
        }
        // They are not the answer's.
        Source::Cookie(_) | Source::Claim(_) => None,
    };
    let state = state.map_or("not looked at".to_owned(), |state| state.to_string());
    [format!("session.{}", field.name), state, field.source.to_string()]
}

fn table(rows: &[[String; 3]]) -> String {
    let width = |column: usize, most: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
            .min(most)
    };
    let (first, second) = (width(0, 40), width(1, 60));
    let mut text = String::new();
    for [name, value, from] in rows {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "{name:<first$}  {value:<second$}  {from}");
    }
    text
}
