//! Why a visitor got no token: a stable code, and evidence that holds no value.

use crate::evidence::{Evidence, Finding, Whose};
use std::borrow::Cow;
use std::fmt;

/// The stable codes, in the order in which the first that applies is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// No usable `Host`, two of them, or one that disagrees with the address.
    BadHost,
    /// A path that becomes ours only after decoding or normalising.
    AmbiguousPath,
    /// Not `GET`.
    MethodNotAllowed,
    /// A browser fetching ahead of its visitor.
    Prefetch,
    /// Another site asking, other than by a top-level navigation.
    CrossSite,
    /// Session headers from a peer that is not trusted.
    UntrustedPeer,
    /// A protected header named in `Connection`.
    NominatedHeader,
    /// A protected header in another spelling.
    AliasHeader,
    /// A protected header twice.
    DuplicateHeader,
    /// An override that the file does not declare.
    UnknownOverride,
    /// An integration that the file does not declare.
    UnknownIntegration,
    /// Nobody could say who the visitor is.
    SessionUnavailable,
    /// A session value that cannot be what it should.
    InvalidValue,
    /// No session at all.
    SignedOut,
    /// Part of a session.
    IncompleteSession,
    /// No signing key.
    KeyUnavailable,
    /// The delivered address would be too long.
    TokenTooLarge,
}

impl Code {
    /// All of them, in order.
    pub const ALL: [Self; 17] = [
        Self::BadHost,
        Self::AmbiguousPath,
        Self::MethodNotAllowed,
        Self::Prefetch,
        Self::CrossSite,
        Self::UntrustedPeer,
        Self::NominatedHeader,
        Self::AliasHeader,
        Self::DuplicateHeader,
        Self::UnknownOverride,
        Self::UnknownIntegration,
        Self::SessionUnavailable,
        Self::InvalidValue,
        Self::SignedOut,
        Self::IncompleteSession,
        Self::KeyUnavailable,
        Self::TokenTooLarge,
    ];

    /// The code as it is shown, logged and counted.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadHost => "bad-host",
            Self::AmbiguousPath => "ambiguous-path",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::Prefetch => "prefetch",
            Self::CrossSite => "cross-site",
            Self::UntrustedPeer => "untrusted-peer",
            Self::NominatedHeader => "nominated-header",
            Self::AliasHeader => "alias-header",
            Self::DuplicateHeader => "duplicate-header",
            Self::UnknownOverride => "unknown-override",
            Self::UnknownIntegration => "unknown-integration",
            Self::SessionUnavailable => "session-unavailable",
            Self::InvalidValue => "invalid-value",
            Self::SignedOut => "signed-out",
            Self::IncompleteSession => "incomplete-session",
            Self::KeyUnavailable => "key-unavailable",
            Self::TokenTooLarge => "token-too-large",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A decision not to mint (or not to pass a request on).
#[derive(Debug)]
pub struct Refusal {
    /// What is told to everybody.
    pub code: Code,
    /// What is told to the operator.
    pub evidence: Box<Evidence>,
}

impl Refusal {
    /// A refusal that needs one sentence of explanation.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, evidence: Box::new(Evidence { detail: detail.into(), ..Evidence::default() }) }
    }

    /// Says what it is about.
    #[must_use]
    pub fn about(mut self, finding: Finding) -> Self {
        self.evidence.finding = Some(finding);
        self
    }

    /// Says that somebody was too late.
    #[must_use]
    pub fn late(mut self, late: bool) -> Self {
        self.evidence.late = late;
        self
    }

    /// Says whose it is.
    #[must_use]
    pub fn of(mut self, whose: Whose) -> Self {
        self.evidence.whose = whose;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn the_codes_stand_in_the_order_of_precedence() {
        assert!(Code::ALL.is_sorted());
    }
}
