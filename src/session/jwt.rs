//! `session.from: jwt`: whoever signed the token on the request says who the visitor is.
//!
//! Nobody needs to be trusted for it: a token that holds is worth as much from a stranger, and a
//! header that does not hold one is worth nothing from anybody.

use super::{NoCookie, about, complete, cookie, find_cookie, flawed, has_cookie, read_all};
use crate::config::model::{Carrier, Jwt, Policy};
use crate::evidence::{Finding, State};
use crate::fields::{Field, Source};
use crate::refusal::{Code, Refusal};
use crate::token::verify::JwtFault;
use crate::value::{Session, Value};
use http::header::HeaderMap;

/// The claims of a token that holds.
pub struct Claims(serde_json::Value);

/// Why there are none.
#[derive(Debug)]
pub enum NoClaims {
    /// What the visitor sent, or did not send, settles it.
    Refused(Refusal),
    /// The issuer may have keys by now that we have not: asking for them is worth a try.
    Unknown(Refusal),
}

impl NoClaims {
    /// The refusal, where no try is left.
    pub fn refusal(self) -> Refusal {
        match self {
            Self::Refused(refusal) | Self::Unknown(refusal) => refusal,
        }
    }
}

/// Finds the token on a request, and checks it. `now` in seconds since 1970.
pub fn acquire(jwt: &Jwt, headers: &HeaderMap, now: u64) -> Result<Claims, NoClaims> {
    let refuse = |code, detail: String, state| {
        Refusal::new(code, detail).about(Finding::of(jwt.carrier.to_string()).state(state))
    };
    let token = match &jwt.carrier {
        Carrier::Header { name, .. } => headers.get(name).map(|value| value.to_str().unwrap_or(UNREADABLE)),
        Carrier::Cookie(name) => {
            let flaw = |fault: NoCookie| {
                let (code, detail, state) = fault.parts();
                NoClaims::Refused(refuse(code, detail.to_owned(), state))
            };
            find_cookie(name, headers.into()).map_err(flaw)?
        }
    };
    let state = if token.is_some() { State::Nothing } else { State::Absent };
    let token = token.map(bare).filter(|token| !token.is_empty());
    let Some(token) = token else {
        return Err(NoClaims::Refused(refuse(Code::SignedOut, "there is no token".to_owned(), state)));
    };
    let found = State::Text(token.len());
    jwt.verifier.verify(token, now).map(Claims).map_err(|fault| match fault {
        JwtFault::NoKeys => NoClaims::Unknown(refuse(Code::SessionUnavailable, fault.to_string(), found)),
        JwtFault::UnknownKey => NoClaims::Unknown(refuse(Code::SignedOut, fault.to_string(), found)),
        _ => NoClaims::Refused(refuse(Code::SignedOut, fault.to_string(), found)),
    })
}

/// What stands for the visitor's token in a command: no log has that.
pub const STAND_IN: &str = "THE-VISITORS-TOKEN";

/// What no token can be, in place of bytes that are no text.
const UNREADABLE: &str = "?";

/// RFC 6750 §2.1, RFC 9110 §11.1: the scheme in any case, and one space or more.
fn bare(value: &str) -> &str {
    let value = value.trim();
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim_start(),
        _ if value.eq_ignore_ascii_case("bearer") => "",
        _ => value,
    }
}

impl Claims {
    /// Reads the session. Cookies are the visitor's own.
    pub fn session<'a>(&'a self, policy: &'a Policy, headers: &HeaderMap) -> Result<Session<'a>, Refusal> {
        let is_there = |field: &Field| self.is_there(field, headers);
        complete(policy, read_all(policy, |field| self.read(field, headers), is_there)?, is_there)
    }

    fn is_there(&self, field: &Field, headers: &HeaderMap) -> bool {
        match &field.source {
            Source::Claim(pointer) => self.0.pointer(pointer).is_some(),
            Source::Cookie(name) => has_cookie(name, headers),
            Source::Header { .. } | Source::Json(_) => false,
        }
    }

    fn read<'a>(&'a self, field: &'a Field, headers: &HeaderMap) -> Result<Option<Value<'a>>, Refusal> {
        match &field.source {
            Source::Claim(pointer) => {
                let read = self.0.pointer(pointer).map(|claim| field.read_json(claim)).transpose();
                read.map(Option::flatten).map_err(|flaw| flawed(field, &flaw))
            }
            Source::Cookie(name) => cookie(field, name, headers),
            // The file cannot ask for them: nobody vouches for a header, and there is no answer.
            Source::Header { .. } | Source::Json(_) => {
                Err(about(field, Code::InvalidValue, "a token has claims alone", State::Absent))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::bare;

    #[test]
    fn the_scheme_is_taken_off_in_any_case() {
        for value in ["Bearer a.b.c", "bearer a.b.c", "BEARER   a.b.c", "a.b.c", " a.b.c "] {
            assert_eq!(bare(value), "a.b.c", "{value}");
        }
        for none in ["", " ", "Bearer", "bearer ", "BEARER   "] {
            assert_eq!(bare(none), "", "{none}");
        }
        for other in ["Basic a.b.c", "Bearera.b.c", "Bearer\ta.b.c"] {
            assert_eq!(bare(other), other);
        }
    }
}
