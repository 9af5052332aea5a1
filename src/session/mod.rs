//! Acquiring a session: typed facts about the visitor, or the reason why there are none.

pub mod answer;
pub mod headers;
pub mod probe;

use crate::config::model::{Policy, SignedIn};
use crate::fields::{Field, Flaw, Presence};
use crate::refusal::{Code, Refusal};
use crate::value::{Session, Value};
use cookie::Cookie;
use http::header::{COOKIE, HeaderMap};

/// The session of what was read: somebody's, defaults filled in, and complete.
fn complete<'a>(policy: &'a Policy, mut values: Vec<Option<Value<'a>>>) -> Result<Session<'a>, Refusal> {
    if let Some(signed_in) = &policy.signed_in {
        check_signed_in(policy, signed_in, &values)?;
    }
    let mut missing = None;
    let mut any_required = false;
    for (field, value) in policy.fields.iter().zip(&mut values) {
        match (&field.presence, &value) {
            (Presence::Required, None) => missing = missing.or(Some(field)),
            (Presence::Required, Some(_)) => any_required = true,
            (Presence::Default(default), None) => *value = Some(default.clone()),
            _ => {}
        }
    }
    let Some(field) = missing else { return Ok(Session::new(values)) };
    Err(if any_required {
        about(field, Code::IncompleteSession, "a required field is absent, others are there")
    } else {
        about(field, Code::SignedOut, "no required field is there")
    })
}

/// Some apps have a word for nobody: an id of 0, a guest.
fn check_signed_in(
    policy: &Policy,
    signed_in: &SignedIn,
    values: &[Option<Value<'_>>],
) -> Result<(), Refusal> {
    let Some(field) = policy.fields.get(signed_in.field) else { return Ok(()) };
    let nobody = match values.get(signed_in.field).and_then(Option::as_ref) {
        None => true,
        Some(Value::Text(text)) => signed_in.not.iter().any(|not| not == text),
        Some(Value::Int(number)) => signed_in.not.contains(&number.to_string()),
        Some(Value::Bool(value)) => signed_in.not.contains(&value.to_string()),
        Some(Value::Json(serde_json::Value::String(text))) => signed_in.not.contains(text),
        Some(Value::Json(json)) => signed_in.not.contains(&json.to_string()),
        Some(Value::List(_)) => false,
    };
    if nobody {
        Err(about(field, Code::SignedOut, "session.signed_in says that this is nobody"))
    } else {
        Ok(())
    }
}

fn about(field: &Field, code: Code, detail: &'static str) -> Refusal {
    Refusal::new(code, detail).about(&field.name, field.source.to_string(), field.place)
}

fn flawed(field: &Field, flaw: &Flaw) -> Refusal {
    Refusal::new(Code::InvalidValue, flaw.to_string()).about(
        &field.name,
        field.source.to_string(),
        field.place,
    )
}

/// The value of one cookie. Two of a name are refused: which one counts differs from app to app.
fn cookie(field: &Field, name: &str, headers: &HeaderMap) -> Result<Option<Value<'static>>, Refusal> {
    let mut found = None;
    for header in headers.get_all(COOKIE) {
        let unreadable = |_| {
            about(field, Code::InvalidValue, "the Cookie header is not UTF-8: nobody can say what is in it")
        };
        let text = std::str::from_utf8(header.as_bytes()).map_err(unreadable)?;
        for cookie in Cookie::split_parse(text).flatten().filter(|cookie| cookie.name() == name) {
            let value = cookie.value_raw().unwrap_or_default();
            if found.replace(value).is_some() {
                return Err(about(field, Code::DuplicateHeader, "the cookie is sent more than once"));
            }
        }
    }
    let read = found.map(|value| field.read(value.as_bytes())).transpose();
    read.map(|value| value.flatten().map(Value::into_owned)).map_err(|flaw| flawed(field, &flaw))
}
