//! Acquiring a session: typed facts about the visitor, or the reason why there are none.

pub mod answer;
pub mod headers;
pub mod jwks;
pub mod jwt;
pub mod probe;

use crate::config::model::{Policy, SignedIn};
use crate::evidence::State;
use crate::fields::{self, Field, Flaw, Presence};
use crate::http1::lines::Lines;
use crate::refusal::{Code, Refusal};
use crate::value::{Session, Value, parse_bool, parse_int};
use cookie::Cookie;
use http::header::COOKIE;

/// Reads every field. Whether it is anybody's comes first: what an app says of nobody
/// need not fit the other fields. What has no value may be there all the same, and mean none.
fn read_all<'a>(
    policy: &'a Policy,
    read: impl Fn(&'a Field) -> Result<Option<Value<'a>>, Refusal>,
    is_there: impl Fn(&Field) -> bool,
) -> Result<Vec<Option<Value<'a>>>, Refusal> {
    if let Some(SignedIn { field, not }) = &policy.signed_in
        && let Some(field) = policy.fields.get(*field)
    {
        check_signed_in(field, not, read(field)?.as_ref(), is_there)?;
    }
    let mut values = Vec::with_capacity(policy.fields.len());
    for field in &policy.fields {
        values.push(read(field)?);
    }
    Ok(values)
}

/// The session of what was read: defaults filled in, and complete.
fn complete<'a>(
    policy: &'a Policy,
    mut values: Vec<Option<Value<'a>>>,
    is_there: impl Fn(&Field) -> bool,
) -> Result<Session<'a>, Refusal> {
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
    let state = without_value(is_there(field));
    Err(if any_required {
        about(field, Code::IncompleteSession, "a required field has no value, and others have one", state)
    } else {
        about(field, Code::SignedOut, "no required field has a value", state)
    })
}

/// Whoever sent a word for none did its part; where nothing came, somebody on the way did not.
fn without_value(is_there: bool) -> State {
    if is_there { State::Nothing } else { State::Absent }
}

/// Some apps have a word for nobody: an id of 0, a guest. A word counts as the field's type reads it.
fn check_signed_in(
    field: &Field,
    not: &[String],
    value: Option<&Value<'_>>,
    is_there: impl Fn(&Field) -> bool,
) -> Result<(), Refusal> {
    let any = |is: &dyn Fn(&str) -> bool| not.iter().any(|word| is(word.trim()));
    let nobody = match value {
        None => true,
        Some(Value::Text(text)) => any(&|word| word == text),
        Some(Value::Int(number)) => any(&|word| parse_int(word) == Some(*number)),
        Some(Value::Bool(value)) => any(&|word| parse_bool(word) == Some(*value)),
        Some(Value::List(items)) => items.iter().any(|item| any(&|word| word == item)),
        Some(Value::Json(serde_json::Value::String(text))) => any(&|word| word == text),
        Some(Value::Json(json)) => {
            let json = json.to_string();
            any(&|word| word == json)
        }
    };
    if nobody {
        let detail = "session.signed_in says that this is nobody";
        let state = value.map_or_else(|| without_value(is_there(field)), |value| fields::state(Some(value)));
        return Err(about(field, Code::SignedOut, detail, state));
    }
    Ok(())
}

fn about(field: &Field, code: Code, detail: &'static str, state: State) -> Refusal {
    Refusal::new(code, detail).about(field.finding(state))
}

fn flawed(field: &Field, flaw: &Flaw) -> Refusal {
    Refusal::new(Code::InvalidValue, flaw.to_string()).about(field.flawed(flaw))
}

/// The value of one cookie as a field's.
fn cookie<'h>(
    field: &Field,
    name: &str,
    headers: impl Into<Lines<'h>>,
) -> Result<Option<Value<'static>>, Refusal> {
    let found = find_cookie(name, headers.into()).map_err(|fault| fault.refusal(field))?;
    let read = found.map(|value| field.read(value.as_bytes())).transpose();
    read.map(|value| value.flatten().map(Value::into_owned)).map_err(|flaw| flawed(field, &flaw))
}

fn has_cookie<'h>(name: &str, headers: impl Into<Lines<'h>>) -> bool {
    !matches!(find_cookie(name, headers.into()), Ok(None))
}

/// Why a cookie cannot be read.
#[derive(Clone, Copy)]
enum NoCookie {
    Unreadable,
    Doubled,
}

impl NoCookie {
    fn parts(self) -> (Code, &'static str, State) {
        let unreadable = "the Cookie header is not UTF-8: nobody can say what is in it";
        match self {
            Self::Unreadable => (Code::InvalidValue, unreadable, State::Not("UTF-8")),
            Self::Doubled => (Code::DuplicateHeader, "the cookie is sent more than once", State::Doubled),
        }
    }

    fn refusal(self, field: &Field) -> Refusal {
        let (code, detail, state) = self.parts();
        about(field, code, detail, state)
    }
}

/// The raw value of one cookie. Two of a name are refused: which one counts differs from app to app.
fn find_cookie<'h>(name: &str, headers: Lines<'h>) -> Result<Option<&'h str>, NoCookie> {
    let mut found = None;
    for header in headers.all(&COOKIE) {
        let text = std::str::from_utf8(header).map_err(|_| NoCookie::Unreadable)?;
        for cookie in Cookie::split_parse(text).flatten().filter(|cookie| cookie.name() == name) {
            if found.replace(cookie.value_raw().unwrap_or_default()).is_some() {
                return Err(NoCookie::Doubled);
            }
        }
    }
    Ok(found)
}
