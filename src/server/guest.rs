//! Somebody who was let in, and what they speak.

use super::connection::Origin;
use super::http2::{self, Opening};
use super::reply;
use crate::stream::Stream;
use std::io;

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tongue {
    /// HTTP/1.1, or 1.0.
    Http1,
    /// HTTP/2, as was agreed on.
    Http2,
    /// What its first bytes say.
    Either,
}

/// A connection that was let in.
pub struct Guest {
    /// Its bytes.
    pub stream: Stream,
    /// Where its requests come from.
    pub origin: Origin,
    /// What it speaks.
    pub tongue: Tongue,
}

impl Guest {
    /// Says that there is no room, in words that are understood.
    pub async fn turn_away(self) -> io::Result<()> {
        let Self { mut stream, tongue, .. } = self;
        let http2 = match tongue {
            Tongue::Http1 => false,
            Tongue::Http2 => true,
            Tongue::Either => matches!(http2::opening(&mut stream).await?, Opening::Http2(_)),
        };
        if http2 { http2::turn_away(&mut stream).await } else { reply::turn_away(&mut stream).await }
    }
}
