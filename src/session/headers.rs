//! `session.from: headers`: the session stands on the request, put there by a trusted peer.

use super::{complete, cookie, flawed};
use crate::config::model::Policy;
use crate::fields::{Field, Source};
use crate::refusal::Refusal;
use crate::trust::TrustedPeer;
use crate::value::{Session, Value};
use http::header::HeaderMap;

/// Reads the session. Without a trusted peer there is none to read.
pub fn acquire<'a>(
    policy: &'a Policy,
    headers: &'a HeaderMap,
    _trusted: TrustedPeer,
) -> Result<Session<'a>, Refusal> {
    let values = policy.fields.iter().map(|field| read(field, headers)).collect::<Result<_, _>>()?;
    complete(policy, values)
}

fn read<'a>(field: &'a Field, headers: &'a HeaderMap) -> Result<Option<Value<'a>>, Refusal> {
    match &field.source {
        Source::Header { name, .. } => {
            let read = headers.get(name).map(|value| field.read(value.as_bytes())).transpose();
            read.map(Option::flatten).map_err(|flaw| flawed(field, &flaw))
        }
        Source::Cookie(name) => cookie(field, name, headers),
        // The file cannot ask for it: a request has no JSON that anybody vouches for.
        Source::Json(_) => Ok(None),
    }
}
