//! What a request has come to, in one word for the log and the metrics.

use super::reply::Failure;
use crate::refusal::Code;

/// What a request has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A token was minted, and handed over.
    Minted,
    /// The visitor was sent to where there will be one.
    Elsewhere,
    /// The answer is the app's, or Pandium's.
    Passed,
    /// Nobody gets a token for it.
    Refused(Code),
    /// There is no answer of the app's or Pandium's to it, or it is none.
    Failed(Failure),
    /// The visitor had gone before there was one.
    Unanswered,
}

impl Verdict {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Minted => "minted",
            Self::Elsewhere => "elsewhere",
            Self::Passed => "passed",
            Self::Refused(code) => code.as_str(),
            Self::Failed(failure) => failure.as_str(),
            Self::Unanswered => "unanswered",
        }
    }
}
