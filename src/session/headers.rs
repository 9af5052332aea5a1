//! `session.from: headers`: the session stands on the request, put there by a trusted peer.

use super::{about, complete, cookie, flawed, has_cookie, read_all};
use crate::config::model::Policy;
use crate::evidence::{Finding, State, Whose};
use crate::fields::{Field, Source};
use crate::http1::lines::Lines;
use crate::refusal::{Code, Refusal};
use crate::trust::TrustedPeer;
use crate::value::{Session, Value};
use http::HeaderName;

/// Reads the session. Without a trusted peer there is none to read.
pub fn acquire<'a>(
    policy: &'a Policy,
    headers: impl Into<Lines<'a>>,
    _trusted: TrustedPeer,
) -> Result<Session<'a>, Refusal> {
    let headers = headers.into();
    let is_there = |field: &Field| is_there(field, headers);
    let values = read_all(policy, |field| read(field, headers), is_there)?;
    if policy.trust.is_complete() {
        check_complete(policy, headers)?;
    }
    complete(policy, values, is_there)
}

/// `trust.complete`: the edge sets every header, if only to `-`. What is not there it has forgotten,
/// and a visitor's own would have come through.
fn check_complete(policy: &Policy, headers: Lines<'_>) -> Result<(), Refusal> {
    let detail =
        "trust.complete: the proxy in front did not set this header; one without a value is sent as `-`";
    let forgotten = |name: &HeaderName| !headers.has(name);
    let field = policy
        .fields
        .iter()
        .find(|field| matches!(&field.source, Source::Header { name, .. } if forgotten(name)));
    if let Some(field) = field {
        return Err(about(field, Code::IncompleteSession, detail, State::Absent).of(Whose::Edge));
    }
    let overrides = [&policy.overrides.account, &policy.overrides.integration];
    match overrides.into_iter().flatten().find(|name| forgotten(name)) {
        Some(name) => {
            let finding = Finding::of(format!("header {name}")).state(State::Absent);
            Err(Refusal::new(Code::IncompleteSession, detail).about(finding).of(Whose::Edge))
        }
        None => Ok(()),
    }
}

fn is_there(field: &Field, headers: Lines<'_>) -> bool {
    match &field.source {
        Source::Header { name, .. } => headers.has(name),
        Source::Cookie(name) => has_cookie(name, headers),
        Source::Json(_) | Source::Claim(_) => false,
    }
}

fn read<'a>(field: &'a Field, headers: Lines<'a>) -> Result<Option<Value<'a>>, Refusal> {
    match &field.source {
        Source::Header { name, .. } => {
            let read = headers.get(name).map(|value| field.read(value)).transpose();
            read.map(Option::flatten).map_err(|flaw| flawed(field, &flaw))
        }
        Source::Cookie(name) => cookie(field, name, headers),
        // The file cannot ask for them: a request has no JSON that anybody vouches for.
        Source::Json(_) | Source::Claim(_) => Ok(None),
    }
}
