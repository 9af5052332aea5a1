//! A session from an answer of the app's, which no visitor can forge.

use super::{about, complete, cookie, flawed, has_cookie, read_all};
use crate::config::model::Policy;
use crate::evidence::State;
use crate::fields::{Field, Source};
use crate::refusal::{Code, Refusal};
use crate::value::{Session, Value};
use http::header::{HeaderMap, HeaderValue, SET_COOKIE};

/// What the app said of a visitor.
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// The header lines of its answer.
    pub headers: HeaderMap,
    /// The JSON of its body, where that was asked for.
    pub json: Option<serde_json::Value>,
}

impl Answer {
    /// The cookies that it gives the visitor: apps change the ids of their sessions.
    pub fn cookies(&self) -> Vec<HeaderValue> {
        self.headers.get_all(SET_COOKIE).iter().cloned().collect()
    }

    /// Whether, as the answer to a visitor's own request, it hands the visitor over to us.
    pub fn hands_over(&self, policy: &Policy) -> bool {
        self.status == 200 && self.speaks(policy)
    }

    /// Whether it says anything of a visitor at all.
    fn speaks(&self, policy: &Policy) -> bool {
        policy.fields.iter().any(|field| match &field.source {
            Source::Header { name, .. } => {
                let says = |value: &HeaderValue| !matches!(field.read(value.as_bytes()), Ok(None));
                self.headers.get_all(name).iter().any(says)
            }
            Source::Json(pointer) => self.json.as_ref().and_then(|json| json.pointer(pointer)).is_some(),
            Source::Cookie(_) | Source::Claim(_) => false,
        })
    }

    /// Reads the session. Cookies are the visitor's: those of the request.
    pub fn session<'a>(&'a self, policy: &'a Policy, asked: &HeaderMap) -> Result<Session<'a>, Refusal> {
        let is_there = |field: &Field| self.is_there(field, asked);
        complete(policy, read_all(policy, |field| self.read(field, asked), is_there)?, is_there)
    }

    fn is_there(&self, field: &Field, asked: &HeaderMap) -> bool {
        match &field.source {
            Source::Header { name, .. } => self.headers.contains_key(name),
            Source::Cookie(name) => has_cookie(name, asked),
            Source::Json(pointer) => self.json.as_ref().and_then(|json| json.pointer(pointer)).is_some(),
            Source::Claim(_) => false,
        }
    }

    fn read<'a>(&'a self, field: &'a Field, asked: &HeaderMap) -> Result<Option<Value<'a>>, Refusal> {
        let read = match &field.source {
            Source::Cookie(name) => return cookie(field, name, asked),
            Source::Header { name, .. } => {
                let mut values = self.headers.get_all(name).iter();
                let first = values.next();
                if values.next().is_some() {
                    let detail = "the app sent it more than once";
                    return Err(about(field, Code::DuplicateHeader, detail, State::Doubled));
                }
                first.map(|value| field.read(value.as_bytes()))
            }
            // The file cannot ask for it: an answer is no token.
            Source::Claim(_) => None,
            Source::Json(pointer) => {
                self.json.as_ref().and_then(|json| json.pointer(pointer)).map(|json| field.read_json(json))
            }
        };
        read.transpose().map(Option::flatten).map_err(|flaw| flawed(field, &flaw))
    }
}
