//! The body of an app's answer, and the connection that it comes by.

use super::line::{Fault, Line};
use super::overtaken::Overtaken;
use super::pool::Pool;
use bytes::Bytes;
use http::Response;
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// An answer's body. Its connection goes back to the pool when it has ended, and is closed when it
/// is dropped before.
pub struct Download {
    source: Source,
    home: Arc<Pool>,
}

enum Source {
    /// A connection that nobody else needs.
    Line(Box<Line>),
    /// One that the rest of the request goes by.
    Overtaken(Arc<Overtaken>),
    /// All has come.
    Over,
    /// It broke off.
    Broken,
}

impl Download {
    /// The answer that came by this connection.
    pub fn of(answer: Response<()>, line: Box<Line>, home: &Arc<Pool>) -> Response<Self> {
        let (parts, ()) = answer.into_parts();
        let mut body = Self { source: Source::Line(line), home: Arc::clone(home) };
        // Nobody asks a body that is empty from the start for its end. After 101 there is no body,
        // and no HTTP any more.
        if parts.status.as_u16() != 101 {
            body.settle();
        }
        Response::from_parts(parts, body)
    }

    /// The answer that came before the request had ended.
    pub fn early(answer: Response<()>, line: Arc<Overtaken>, home: &Arc<Pool>) -> Response<Self> {
        let mut body = Self { source: Source::Overtaken(line), home: Arc::clone(home) };
        body.settle();
        answer.map(|()| body)
    }

    /// The connection, where it has not gone back.
    pub fn into_line(mut self) -> Option<Box<Line>> {
        match std::mem::replace(&mut self.source, Source::Over) {
            Source::Line(line) => Some(line),
            _ => None,
        }
    }

    /// Gives the connection back, if all has come.
    fn settle(&mut self) {
        if !self.is_end_stream() {
            return;
        }
        match std::mem::replace(&mut self.source, Source::Over) {
            Source::Line(line) => self.home.give_back(line),
            Source::Overtaken(line) => Overtaken::leave(line, &self.home),
            Source::Over | Source::Broken => {}
        }
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        // Whoever goes on with the request is not to do so for nobody.
        if let Source::Overtaken(line) = &self.source {
            line.give_up();
        }
    }
}

impl HttpBody for Download {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let polled = match &mut self.source {
            Source::Line(line) => line.poll_piece(cx),
            Source::Overtaken(line) => line.poll_piece(cx),
            Source::Over => return Poll::Ready(None),
            Source::Broken => return Poll::Ready(Some(Err(Fault::Closed))),
        };
        match &polled {
            Poll::Ready(Some(Err(_))) => self.source = Source::Broken,
            Poll::Ready(_) => self.settle(),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Line(line) => line.is_over(),
            Source::Overtaken(line) => line.is_over(),
            Source::Over => true,
            Source::Broken => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        let left = match &self.source {
            Source::Line(line) => line.left(),
            Source::Overtaken(line) => line.left(),
            Source::Over => Some(0),
            Source::Broken => None,
        };
        left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
