//! The body of an answer that comes as a stream.

use super::cut::Cut;
use super::fields;
use super::trunk::Taken;
use bytes::Bytes;
use h2::RecvStream;
use http::Response;
use http_body::{Frame, SizeHint};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// An answer's body. Its seat is free when it has ended; dropped before, it takes the stream back.
pub struct Flow {
    stream: RecvStream,
    /// How much is still to come, where that was told.
    left: Option<u64>,
    taken: Option<Arc<Taken>>,
}

impl Flow {
    /// The body of this answer, on this seat.
    pub fn of(answer: Response<RecvStream>, taken: Arc<Taken>) -> Response<Self> {
        let length = fields::length(answer.headers());
        answer.map(|stream| {
            let over = stream.is_end_stream();
            // An answer to HEAD tells a length, and has none.
            let left = if over { Some(0) } else { length };
            Self { stream, left, taken: (!over).then_some(taken) }
        })
    }

    /// The next piece.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let polled = poll_piece(&mut self.stream, cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let (Some(data), Some(left)) = (frame.data_ref(), &mut self.left)
        {
            *left = left.saturating_sub(data.len() as u64);
        }
        if self.is_over() || matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.taken = None;
        }
        polled
    }

    /// Whether all of it has come.
    pub fn is_over(&self) -> bool {
        self.stream.is_end_stream()
    }

    /// How much is to come.
    pub fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// The next piece of what comes by a stream.
pub fn poll_piece(stream: &mut RecvStream, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
    match ready!(stream.poll_data(cx)) {
        Some(Ok(bytes)) => {
            // Whoever asks for the next piece is rid of this one: then there is room for more.
            drop(stream.flow_control().release_capacity(bytes.len()));
            Poll::Ready(Some(Ok(Frame::data(bytes))))
        }
        // Any reset is an error here, for whatever reason: what came is not the whole. Of one behind the end,
        // which only says that the rest of the request is not wanted (RFC 9113 §8.1), the library tells nothing.
        Some(Err(error)) => Poll::Ready(Some(Err(error.into()))),
        None => {
            stream.poll_trailers(cx).map(|end| Some(end.transpose()?.map(Frame::trailers).map_err(Cut::from)))
        }
    }
}
