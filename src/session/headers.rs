//! `session.from: headers`: the session stands on the request, put there by a trusted peer.

use super::{about, complete, cookie, flawed, read_all};
use crate::config::model::Policy;
use crate::evidence::{Finding, State};
use crate::fields::{Field, Source};
use crate::refusal::{Code, Refusal};
use crate::trust::TrustedPeer;
use crate::value::{Session, Value};
use http::header::{HeaderMap, HeaderName};

/// Reads the session. Without a trusted peer there is none to read.
pub fn acquire<'a>(
    policy: &'a Policy,
    headers: &'a HeaderMap,
    _trusted: TrustedPeer,
) -> Result<Session<'a>, Refusal> {
    let values = read_all(policy, |field| read(field, headers))?;
    if policy.trust.is_complete() {
        check_complete(policy, headers)?;
    }
    complete(policy, values)
}

/// `trust.complete`: the edge sets every header, if only to `-`. What is not there it has forgotten,
/// and a visitor's own would have come through.
fn check_complete(policy: &Policy, headers: &HeaderMap) -> Result<(), Refusal> {
    let detail =
        "trust.complete: the proxy in front did not set this header; one without a value is sent as `-`";
    let forgotten = |name: &HeaderName| !headers.contains_key(name);
    let field = policy
        .fields
        .iter()
        .find(|field| matches!(&field.source, Source::Header { name, .. } if forgotten(name)));
    if let Some(field) = field {
        return Err(about(field, Code::IncompleteSession, detail, State::Absent));
    }
    let overrides = [&policy.overrides.account, &policy.overrides.integration];
    match overrides.into_iter().flatten().find(|name| forgotten(name)) {
        Some(name) => {
            let finding = Finding::of(format!("header {name}")).state(State::Absent);
            Err(Refusal::new(Code::IncompleteSession, detail).about(finding))
        }
        None => Ok(()),
    }
}

fn read<'a>(field: &'a Field, headers: &'a HeaderMap) -> Result<Option<Value<'a>>, Refusal> {
    match &field.source {
        Source::Header { name, .. } => {
            let read = headers.get(name).map(|value| field.read(value.as_bytes())).transpose();
            read.map(Option::flatten).map_err(|flaw| flawed(field, &flaw))
        }
        Source::Cookie(name) => cookie(field, name, headers),
        // The file cannot ask for them: a request has no JSON that anybody vouches for.
        Source::Json(_) | Source::Claim(_) => Ok(None),
    }
}
