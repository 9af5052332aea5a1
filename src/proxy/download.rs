//! The body of an app's answer, and the connection that it comes by.

use super::line::Line;
use super::pool::Pool;
use bytes::Bytes;
use http::Response;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// An answer's body. Its connection goes back to the pool when it has ended, and is closed when it
/// is dropped before.
pub struct Download {
    incoming: Incoming,
    line: Option<Line>,
    home: Arc<Pool>,
}

impl Download {
    /// The answer that came by this connection.
    pub fn of(answer: Response<Incoming>, line: Line, home: &Arc<Pool>) -> Response<Self> {
        let (parts, incoming) = answer.into_parts();
        let mut body = Self { incoming, line: Some(line), home: Arc::clone(home) };
        // Nobody asks a body that is empty from the start for its end. After 101 there is no body,
        // and no HTTP any more.
        if body.incoming.is_end_stream() && parts.status.as_u16() != 101 {
            body.give_back();
        }
        Response::from_parts(parts, body)
    }

    /// The answer that comes by a connection which somebody else drives.
    pub fn early(answer: Response<Incoming>, home: &Arc<Pool>) -> Response<Self> {
        answer.map(|incoming| Self { incoming, line: None, home: Arc::clone(home) })
    }

    /// The connection, where it has not gone back.
    pub fn into_line(self) -> Option<Line> {
        self.line
    }

    fn give_back(&mut self) {
        if let Some(line) = self.line.take() {
            self.home.give_back(line);
        }
    }
}

impl HttpBody for Download {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        // Asked first, the body says that it wants more; then the connection reads it.
        let mut polled = Pin::new(&mut self.incoming).poll_frame(cx);
        if polled.is_pending()
            && let Some(line) = &mut self.line
        {
            line.drive(cx);
            polled = Pin::new(&mut self.incoming).poll_frame(cx);
        }
        match &polled {
            Poll::Ready(Some(Err(_))) => self.line = None,
            Poll::Ready(None) => self.give_back(),
            // hyper does not ask for the end of a body whose length was told.
            Poll::Ready(Some(Ok(_))) if self.incoming.is_end_stream() => self.give_back(),
            _ => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
