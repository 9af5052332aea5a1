//! `session.from: headers`: the session stands on the request, put there by a trusted peer.

use super::complete;
use crate::fields::{Field, Source};
use crate::refusal::{Code, Refusal};
use crate::trust::TrustedPeer;
use crate::value::{Session, Value};
use cookie::Cookie;
use http::header::{COOKIE, HeaderMap};
use std::borrow::Cow;

/// Reads the session. Without a trusted peer there is none to read.
pub fn acquire<'a>(
    fields: &'a [Field],
    headers: &'a HeaderMap,
    _trusted: TrustedPeer,
) -> Result<Session<'a>, Refusal> {
    let values = fields.iter().map(|field| read(field, headers)).collect::<Result<_, _>>()?;
    complete(fields, values)
}

fn read<'a>(field: &'a Field, headers: &'a HeaderMap) -> Result<Option<Value<'a>>, Refusal> {
    let value = match &field.source {
        Source::Header { name, .. } => headers.get(name).map(|value| field.read(value.as_bytes())),
        Source::Cookie(name) => cookie(field, name, headers)?
            .map(|value| field.read(value.as_bytes()).map(|read| read.map(Value::into_owned))),
    };
    value.transpose().map(Option::flatten).map_err(|flaw| {
        Refusal::new(Code::InvalidValue, flaw.to_string()).about(
            &field.name,
            field.source.to_string(),
            field.place,
        )
    })
}

/// The value of one cookie. Two of a name are refused: which one counts differs from app to app.
fn cookie<'a>(field: &Field, name: &str, headers: &'a HeaderMap) -> Result<Option<Cow<'a, str>>, Refusal> {
    let mut found = None;
    for header in headers.get_all(COOKIE) {
        let Ok(text) = std::str::from_utf8(header.as_bytes()) else {
            let detail = "the Cookie header is not UTF-8, so nobody can say which cookies are in it";
            return Err(Refusal::new(Code::InvalidValue, detail).about(
                &field.name,
                field.source.to_string(),
                field.place,
            ));
        };
        for cookie in Cookie::split_parse(text).flatten().filter(|cookie| cookie.name() == name) {
            let value = cookie.value_raw().unwrap_or_default();
            if found.replace(Cow::Borrowed(value)).is_some() {
                return Err(Refusal::new(Code::DuplicateHeader, "the cookie is sent more than once").about(
                    &field.name,
                    field.source.to_string(),
                    field.place,
                ));
            }
        }
    }
    Ok(found)
}
