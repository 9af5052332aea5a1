//! Bodies that pass through: streamed, re-framed, and with a bound on every wait.

use super::alarm::{Patience, Stalled};
use super::arriving::{Arriving, Broken};
use super::conceal::Scan;
use super::headers::strip_trailers;
use super::inbound::Inbound;
use crate::protected::Protected;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::Full;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// A body on its way.
pub enum Body {
    /// Made here, at once.
    Full(Full<Bytes>),
    /// The visitor's, to the app.
    Upload(Upload),
    /// The app's, to the visitor.
    Answer(Answer),
}

/// Why a body ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// Nothing came for too long.
    #[error(transparent)]
    Stalled(#[from] Stalled),
    /// Its sender broke off, or framed it wrongly.
    #[error("broken off: {0}")]
    Broken(#[source] Broken),
}

/// How a request's body is getting on; shared between the body and whoever waits for the answer.
#[derive(Clone)]
pub struct Activity(Arc<Mutex<Progress>>);

#[derive(Clone, Copy)]
struct Progress {
    last: Instant,
    /// The visitor owes the next piece.
    waiting: bool,
}

impl Activity {
    /// Counts from now.
    pub fn start() -> Self {
        Self(Arc::new(Mutex::new(Progress { last: Instant::now(), waiting: false })))
    }

    /// Since when the app alone has kept us waiting. While the visitor does, that is only now: their
    /// own patience ends that wait.
    pub fn since(&self) -> Instant {
        let progress = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if progress.waiting { Instant::now() } else { progress.last }
    }

    fn note(&self, waiting: bool) {
        let mut progress = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *progress = Progress { last: Instant::now(), waiting };
    }
}

/// A visitor's body. Its trailers are dropped: they could carry an identity that no rule has looked
/// at.
pub struct Upload {
    inner: Arriving,
    patience: Patience,
    activity: Activity,
}

/// The body of an app's answer.
pub struct Answer {
    inner: Inbound,
    patience: Patience,
    trailers: Trailers,
    /// Looks for what the visitor must not see.
    scan: Option<Box<Scan>>,
}

/// What becomes of an answer's trailer fields (RFC 9110 §6.5.1).
pub enum Trailers {
    /// The visitor takes none.
    Drop,
    /// Those pass that none of these protect.
    Strip([Arc<Protected>; 2]),
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

    /// A visitor's body, with a bound on the wait between two pieces, and telling of each that passes.
    pub fn upload(inner: Arriving, wait: Duration, activity: Activity) -> Self {
        Self::Upload(Upload { inner, patience: Patience::new(wait), activity })
    }

    /// An app's body, with a bound on the wait between two pieces.
    pub fn answer(inner: Inbound, wait: Duration, trailers: Trailers) -> Self {
        Self::Answer(Answer { inner, patience: Patience::new(wait), trailers, scan: None })
    }

    /// The same without what is looked for in it, and without trailers.
    pub fn concealing(inner: Inbound, wait: Duration, scan: Scan) -> Self {
        let (patience, scan) = (Patience::new(wait), Some(Box::new(scan)));
        Self::Answer(Answer { inner, patience, trailers: Trailers::Drop, scan })
    }
}

type Polled = Poll<Option<Result<Frame<Bytes>, BodyError>>>;

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        match self.get_mut() {
            Self::Full(full) => Pin::new(full).poll_frame(cx).map_err(|never| match never {}),
            Self::Upload(upload) => upload.poll(cx),
            Self::Answer(answer) => answer.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(full) => full.is_end_stream(),
            Self::Upload(upload) => upload.inner.is_end_stream(),
            Self::Answer(answer) => answer.inner.is_end_stream() && answer.held() == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(full) => full.size_hint(),
            Self::Upload(upload) => upload.inner.size_hint(),
            Self::Answer(answer) => answer.size_hint(),
        }
    }
}

impl Upload {
    fn poll(&mut self, cx: &mut Context<'_>) -> Polled {
        loop {
            let polled = Pin::new(&mut self.inner).poll_frame(cx);
            self.activity.note(polled.is_pending());
            let Poll::Ready(frame) = polled else {
                return self.patience.lose(cx).map(|stalled| Some(Err(stalled.into())));
            };
            self.patience.restore();
            match frame.transpose().map_err(BodyError::Broken)? {
                Some(trailers) if trailers.is_trailers() => {}
                other => return Poll::Ready(other.map(Ok)),
            }
        }
    }
}

impl Answer {
    fn poll(&mut self, cx: &mut Context<'_>) -> Polled {
        loop {
            let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) else {
                return self.patience.lose(cx).map(|stalled| Some(Err(stalled.into())));
            };
            self.patience.restore();
            let Some(frame) = frame.transpose().map_err(BodyError::Broken)? else {
                let rest = self.scan.as_mut().map(|scan| scan.finish()).filter(|rest| !rest.is_empty());
                return Poll::Ready(rest.map(|rest| Ok(Frame::data(rest))));
            };
            let Some(frame) = self.conceal(frame) else { continue };
            if let Some(frame) = self.trailers.sift(frame) {
                return Poll::Ready(Some(Ok(frame)));
            }
        }
    }
}

impl Answer {
    /// What the scan lets through of a piece; it may want to see more first.
    fn conceal(&mut self, frame: Frame<Bytes>) -> Option<Frame<Bytes>> {
        let Some(scan) = &mut self.scan else { return Some(frame) };
        match frame.into_data() {
            Ok(data) => Some(scan.push(&data)).filter(|data| !data.is_empty()).map(Frame::data),
            Err(trailers) => Some(trailers),
        }
    }

    fn held(&self) -> usize {
        self.scan.as_ref().map_or(0, |scan| scan.held())
    }

    fn size_hint(&self) -> SizeHint {
        let (hint, held) = (self.inner.size_hint(), self.held() as u64);
        match hint.exact() {
            Some(exact) => SizeHint::with_exact(exact + held),
            None => hint,
        }
    }
}

impl Trailers {
    fn sift(&self, frame: Frame<Bytes>) -> Option<Frame<Bytes>> {
        match (frame.into_trailers(), self) {
            (Err(data), _) => Some(data),
            (Ok(_), Self::Drop) => None,
            (Ok(mut trailers), Self::Strip(protected)) => {
                strip_trailers(&mut trailers, protected);
                Some(Frame::trailers(trailers))
            }
        }
    }
}
