//! The body of an answer, by whichever HTTP it comes.

use super::arriving::Broken;
use super::download::Download;
use super::http2::Flow;
use super::line::Line;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};

/// An answer's body.
pub enum Inbound {
    /// Over a connection of its own.
    Line(Download),
    /// As a stream of HTTP/2.
    Stream(Flow),
}

impl Inbound {
    /// The connection, where it has one of its own.
    pub fn into_line(self) -> Option<Box<Line>> {
        match self {
            Self::Line(download) => download.into_line(),
            Self::Stream(_) => None,
        }
    }
}

impl HttpBody for Inbound {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self.get_mut() {
            Self::Line(download) => {
                Pin::new(download).poll_frame(cx).map_err(|fault| Broken::App(Box::new(fault)))
            }
            Self::Stream(flow) => flow.poll(cx).map_err(Broken::Stream),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Line(download) => download.is_end_stream(),
            Self::Stream(flow) => flow.is_over(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Line(download) => download.size_hint(),
            Self::Stream(flow) => flow.size_hint(),
        }
    }
}
