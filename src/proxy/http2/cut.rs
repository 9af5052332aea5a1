//! Why a stream broke off.

use h2::Reason;
use std::io;

/// Why a stream broke off, in our own words: what the other end says of it may have anything in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cut {
    /// By the other end, this stream alone.
    #[error("the other end broke the stream off: {0:?}")]
    Reset(Reason),
    /// By the other end, with the connection: it has not looked at this stream, and will not.
    #[error("the other end left, and did not look at the request: {0:?}")]
    Left(Reason),
    /// By us, because the other end breaks the rules.
    #[error("the other end breaks the rules of HTTP/2: {0:?}")]
    Rules(Reason),
    /// The connection below broke.
    #[error("the connection broke: {0}")]
    Lost(io::ErrorKind),
    /// It was used in a way that it cannot be.
    #[error("the stream cannot be used")]
    Unusable,
}

impl From<h2::Error> for Cut {
    fn from(error: h2::Error) -> Self {
        match (error.reason(), error.get_io()) {
            (Some(reason), _) if error.is_remote() && error.is_go_away() => Self::Left(reason),
            (Some(reason), _) if error.is_remote() => Self::Reset(reason),
            (Some(reason), _) => Self::Rules(reason),
            (None, Some(error)) => Self::Lost(error.kind()),
            (None, None) => Self::Unusable,
        }
    }
}

impl Cut {
    /// Whether nobody can have acted on the request (RFC 9113 §8.7). Of those that were open when the
    /// other end left, the library says so only of the ones that it named.
    pub fn is_unprocessed(self) -> bool {
        matches!(self, Self::Left(_) | Self::Reset(Reason::REFUSED_STREAM)) || self.wants_http1()
    }

    /// Whether the other end wants the request in HTTP/1.1 (RFC 9113 §7).
    pub fn wants_http1(self) -> bool {
        matches!(self, Self::Left(Reason::HTTP_1_1_REQUIRED) | Self::Reset(Reason::HTTP_1_1_REQUIRED))
    }
}
