//! Bodies that pass through: streamed, re-framed by hyper, and with a bound on every wait.

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// A body on its way.
pub enum Body {
    /// Made here, at once.
    Full(Full<Bytes>),
    /// Streamed from the other side.
    Passing(Passing),
}

/// Why a body ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// Nothing came for too long.
    #[error("nothing came for {0:?}")]
    Stalled(Duration),
    /// Its sender broke off, or framed it wrongly.
    #[error("broken off: {0}")]
    Broken(#[source] hyper::Error),
}

/// How a request's body is getting on; shared between the body and whoever waits for the answer.
#[derive(Clone)]
pub struct Activity(Arc<Mutex<Upload>>);

#[derive(Clone, Copy)]
struct Upload {
    last: Instant,
    /// The visitor owes the next piece.
    waiting: bool,
}

impl Activity {
    /// Counts from now.
    pub fn start() -> Self {
        Self(Arc::new(Mutex::new(Upload { last: Instant::now(), waiting: false })))
    }

    /// Since when the app alone has kept us waiting. While the visitor does, that is only now: their
    /// own patience ends that wait.
    pub fn since(&self) -> Instant {
        let upload = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if upload.waiting { Instant::now() } else { upload.last }
    }

    fn note(&self, waiting: bool) {
        let mut upload = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *upload = Upload { last: Instant::now(), waiting };
    }
}

/// A body that streams through.
pub struct Passing {
    inner: Incoming,
    patience: Duration,
    /// Made at the first wait: most bodies never wait.
    alarm: Option<Pin<Box<Sleep>>>,
    trailers: Trailers,
    activity: Option<Activity>,
}

/// Which trailer fields may pass.
pub enum Trailers {
    /// None: a request's trailers could carry an identity that no rule has looked at.
    Drop,
    /// Those that these rules leave.
    Strip(Arc<dyn Fn(&mut HeaderMap) + Send + Sync>),
}

impl Body {
    /// A body that is all here.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self::Full(Full::new(bytes.into()))
    }

    /// No body.
    pub fn empty() -> Self {
        Self::Full(Full::default())
    }

    /// A body that streams through, with a bound on the wait between two pieces.
    pub fn passing(inner: Incoming, patience: Duration, trailers: Trailers) -> Self {
        Self::Passing(Passing { inner, patience, alarm: None, trailers, activity: None })
    }

    /// A visitor's body: without trailers, and telling of each piece that passes.
    pub fn upload(inner: Incoming, patience: Duration, activity: Activity) -> Self {
        let trailers = Trailers::Drop;
        Self::Passing(Passing { inner, patience, alarm: None, trailers, activity: Some(activity) })
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Full(full) => Pin::new(full).poll_frame(cx).map_err(|never| match never {}),
            Self::Passing(passing) => passing.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(full) => full.is_end_stream(),
            Self::Passing(passing) => passing.inner.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(full) => full.size_hint(),
            Self::Passing(passing) => passing.inner.size_hint(),
        }
    }
}

impl Passing {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            let polled = Pin::new(&mut self.inner).poll_frame(cx);
            if let Some(activity) = &self.activity {
                activity.note(polled.is_pending());
            }
            let Poll::Ready(frame) = polled else {
                ready!(self.poll_alarm(cx));
                return Poll::Ready(Some(Err(BodyError::Stalled(self.patience))));
            };
            self.alarm = None;
            let Some(frame) = frame else { return Poll::Ready(None) };
            let frame = frame.map_err(BodyError::Broken)?;
            if let Some(frame) = self.without_trailers(frame) {
                return Poll::Ready(Some(Ok(frame)));
            }
        }
    }

    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = Instant::now() + self.patience;
        self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline))).as_mut().poll(cx)
    }

    fn without_trailers(&self, frame: Frame<Bytes>) -> Option<Frame<Bytes>> {
        match (frame.into_trailers(), &self.trailers) {
            (Err(data), _) => Some(data),
            (Ok(_), Trailers::Drop) => None,
            (Ok(mut trailers), Trailers::Strip(strip)) => {
                strip(&mut trailers);
                Some(Frame::trailers(trailers))
            }
        }
    }
}
