//! Acquiring a session: typed facts about the visitor, or the reason why there are none.

pub mod headers;

use crate::fields::{Field, Presence};
use crate::refusal::{Code, Refusal};
use crate::value::{Session, Value};

/// The session of what was read: defaults filled in, and complete.
fn complete<'a>(fields: &'a [Field], mut values: Vec<Option<Value<'a>>>) -> Result<Session<'a>, Refusal> {
    let mut missing = None;
    let mut any_required = false;
    for (field, value) in fields.iter().zip(&mut values) {
        match (&field.presence, &value) {
            (Presence::Required, None) => missing = missing.or(Some(field)),
            (Presence::Required, Some(_)) => any_required = true,
            (Presence::Default(default), None) => *value = Some(default.clone()),
            _ => {}
        }
    }
    let Some(field) = missing else { return Ok(Session::new(values)) };
    let (code, detail) = if any_required {
        (Code::IncompleteSession, "a required field is absent, others are there")
    } else {
        (Code::SignedOut, "no required field is there")
    };
    Err(Refusal::new(code, detail).about(&field.name, field.source.to_string(), field.place))
}
