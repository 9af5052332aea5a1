//! The life of a visitor's connection that speaks HTTP/1.1.
//!
//! ```text
//! parked ──first byte──▶ active ──nothing for a while──▶ parked
//!                          ├──visitor and app agree──▶ tunnel
//!                          └──last answer──▶ linger ──▶ closed
//! ```
//!
//! Active it takes one request after the other: reads its head, has it answered, and writes the answer,
//! while whoever answers reads the request's body. What that takes is given up when nothing comes for a
//! while, be it in the middle of a head: parked a connection is a socket, a timer and a small task.
//!
//! There is one wait at a time, and each has its end: for a head, for a body (with whoever reads it),
//! for an answer (with whoever asks the app), and for the visitor to take that. An answer is waited for
//! as long as the visitor is there (`presence`).

mod answer;
mod clock;
mod ending;
mod parked;
mod presence;

pub use parked::Parked;

use super::connection::{Bounds, Origin, Phase, ends};
use super::handler::{AtOnce, Handler};
use super::reply::{self, Redirect};
use crate::http1::framing::{self, Length};
use crate::http1::head::{self, BadHead, Came, Glance};
use crate::http1::outgoing::{Outgoing, WrongLength};
use crate::proxy::alarm::Patience;
use crate::proxy::arriving::Arriving;
use crate::proxy::body::{Body, BodyError};
use crate::proxy::visitor::Visitor;
use answer::Asked;
use clock::{Clock, Pause};
use http::header::EXPECT;
use http::{Request, Response};
use http_body::Body as _;
use presence::Presence;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::sync::watch;
use tokio::time::Instant;

/// Serves a connection until it ends.
pub async fn serve<H>(
    mut parked: Parked,
    origin: Arc<Origin>,
    bounds: Bounds,
    handler: H,
    mut phase: watch::Receiver<Phase>,
) where
    H: Handler,
{
    loop {
        if parked.seen {
            tokio::select! {
                readable = poll_fn(|cx| parked.visitor.look().stream().poll_readable(cx)) => {
                    if readable.is_err() { return }
                }
                () = tokio::time::sleep_until(parked.until) => return,
                () = ends(&mut phase) => return,
            }
        }
        let active = Active::new(parked, &origin, bounds, &handler, phase.clone());
        match Box::pin(active.run(&mut phase)).await {
            Some(rested) => parked = rested,
            None => return,
        }
    }
}

/// A connection on which something happens.
struct Active<'h, H> {
    visitor: Visitor,
    out: Outgoing,
    /// Whether all others who are ready have had their turn before the answer that is about to go.
    yielded: bool,
    clock: Clock,
    stall: Patience,
    presence: Presence,
    until: Instant,
    origin: &'h Arc<Origin>,
    bounds: Bounds,
    handler: &'h H,
    phase: watch::Receiver<Phase>,
}

/// Whether the visitor waits to be asked for the body (RFC 9110 §10.1.1).
fn awaits_word(request: &Request<()>) -> bool {
    let expects = request.headers().get(EXPECT).map(|expects| expects.as_bytes().trim_ascii());
    expects.is_some_and(|expects| expects.eq_ignore_ascii_case(b"100-continue"))
}

/// What comes next on a connection.
#[allow(clippy::large_enum_variant, reason = "each is taken apart at once, and nearly all are the large one")]
enum Next<P> {
    Request(Request<()>),
    /// One that was looked at as it stood.
    AtOnce(Asked, AtOnce<P>),
    Bad(BadHead),
    Rest,
    Over,
}

/// What becomes of a connection after an answer.
enum Then {
    Again,
    Close,
    Switch,
}

/// Why an answer did not go out whole.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("the answer broke off: {0}")]
    Body(#[from] BodyError),
    #[error("the visitor has gone")]
    Gone,
    #[error(transparent)]
    Length(#[from] WrongLength),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl<'h, H> Active<'h, H>
where
    H: Handler,
{
    fn new(
        parked: Parked,
        origin: &'h Arc<Origin>,
        bounds: Bounds,
        handler: &'h H,
        phase: watch::Receiver<Phase>,
    ) -> Self {
        let Parked { visitor, head, until, .. } = parked;
        let (clock, stall) = (Clock::new(bounds.timeouts, head), Patience::new(bounds.timeouts.stall));
        Self {
            visitor,
            out: Outgoing::default(),
            yielded: false,
            clock,
            stall,
            presence: Presence::default(),
            until,
            origin,
            bounds,
            handler,
            phase,
        }
    }

    /// Runs it until it ends, or is at rest.
    async fn run(mut self, phase: &mut watch::Receiver<Phase>) -> Option<Parked> {
        let mut ending = pin!(ends(phase));
        loop {
            let (asked, then) = match poll_fn(|cx| self.poll_next(cx, ending.as_mut())).await {
                Next::Request(request) => {
                    let asked = Asked::of(request.version(), request.method(), request.headers());
                    (asked, self.exchange(asked, request).await)
                }
                Next::AtOnce(asked, AtOnce::Redirect(redirect)) => {
                    (asked, self.send_on(asked, &redirect).await)
                }
                Next::AtOnce(asked, AtOnce::Passing(passing)) => (asked, self.finish(asked, passing).await),
                Next::Bad(bad) => {
                    tracing::debug!(peer = %self.origin.peer, %bad, "connection ended");
                    // Whoever takes no answer gets none.
                    drop(self.refuse(bad).await);
                    self.close().await;
                    return None;
                }
                Next::Rest => return Some(self.park()),
                Next::Over => return None,
            };
            match then {
                Ok(Then::Again) => {}
                Ok(Then::Close) => {
                    self.close().await;
                    return None;
                }
                Ok(Then::Switch) => {
                    self.switch().await;
                    return None;
                }
                Err(broken) => {
                    tracing::debug!(peer = %self.origin.peer, %broken, "connection ended");
                    self.break_off(asked);
                    return None;
                }
            }
        }
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        ending: Pin<&mut impl Future<Output = ()>>,
    ) -> Poll<Next<H::Passing>> {
        let bounds = answer::head_bounds(self.bounds.limits);
        let mut side = self.visitor.look();
        let at_once = |head: Glance<'_>| {
            let made = self.handler.at_once(self.origin, head)?;
            Some((Asked::of(head.version, head.method, head.lines), made))
        };
        loop {
            match head::request(side.read(), bounds, at_once) {
                Ok(Some(came)) => {
                    self.clock.begin();
                    return Poll::Ready(match came {
                        Came::Whole(request) => Next::Request(request),
                        Came::AtOnce((asked, made)) => Next::AtOnce(asked, made),
                    });
                }
                Ok(None) => {}
                Err(bad) => return Poll::Ready(Next::Bad(bad)),
            }
            match side.poll_read(cx) {
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(_) => return Poll::Ready(Next::Over),
                Poll::Pending => break,
            }
        }
        if ending.poll(cx).is_ready() {
            return Poll::Ready(Next::Over);
        }
        Poll::Ready(match ready!(self.clock.poll(cx, side.read().len())) {
            Pause::Rest => Next::Rest,
            Pause::Late => {
                tracing::debug!(peer = %self.origin.peer, "a head took too long");
                Next::Over
            }
        })
    }

    /// Has a request answered.
    async fn exchange(&mut self, asked: Asked, mut request: Request<()>) -> Result<Then, Broken> {
        let body = match framing::of_request(&mut request) {
            Ok(Length::Exactly(0)) => Arriving::nothing(),
            Ok(length) => {
                self.visitor.look().begin(length, !asked.old && awaits_word(&request));
                Arriving::on(self.visitor.clone())
            }
            Err(_) => return self.refuse(BadHead::Malformed).await,
        };
        let answer = self.handler.answer(Arc::clone(self.origin), request.map(|()| body));
        let answer = self.wait(asked, answer).await?;
        self.send(asked, answer).await
    }

    /// Has a request answered that was begun with.
    async fn finish(&mut self, asked: Asked, passing: H::Passing) -> Result<Then, Broken> {
        let answer = self.wait(asked, self.handler.finish(passing)).await?;
        self.send(asked, answer).await
    }

    /// Waits for an answer, as long as there is somebody to take it.
    async fn wait(
        &mut self,
        asked: Asked,
        answer: impl Future<Output = Response<Body>>,
    ) -> Result<Response<Body>, Broken> {
        self.presence.begin();
        let mut answer = pin!(answer);
        let gone = |()| Err(Broken::Gone);
        poll_fn(|cx| match answer.as_mut().poll(cx) {
            Poll::Ready(answer) => Poll::Ready(Ok(answer)),
            Poll::Pending => self.presence.poll(cx, &mut self.visitor.look(), !asked.old).map(gone),
        })
        .await
    }

    /// Sends a visitor on who can be sent at once.
    async fn send_on(&mut self, asked: Asked, redirect: &Redirect) -> Result<Then, Broken> {
        let asked = asked.closing(self.is_ending());
        let keeps = answer::write_redirect(&mut self.out, asked, redirect);
        self.yielded = false;
        let (mut body, mut ended) = (Body::empty(), true);
        poll_fn(|cx| self.poll_send(cx, &mut body, &mut ended)).await?;
        Ok(if keeps { Then::Again } else { Then::Close })
    }

    fn is_ending(&self) -> bool {
        *self.phase.borrow() != Phase::Serving
    }

    /// Answers what is no request. Whatever follows is none either, and nobody wants it.
    async fn refuse(&mut self, bad: BadHead) -> Result<Then, Broken> {
        {
            let mut side = self.visitor.look();
            side.begin(Length::UntilEnd, false);
            side.leave();
        }
        self.send(Asked::nothing(), reply::bad_head(bad)).await
    }

    /// Sends an answer, and says how it goes on.
    async fn send(&mut self, asked: Asked, mut answer: Response<Body>) -> Result<Then, Broken> {
        let ends = self.is_ending();
        let (unsaid, left) = {
            let mut side = self.visitor.look();
            if side.is_left() {
                side.skip();
            }
            (side.hush(), side.is_left())
        };
        let keeps = answer::write_head(&mut self.out, unsaid, asked.closing(ends || left), &mut answer);
        let switches = answer.status().as_u16() == 101;
        let mut body = answer.into_body();
        self.yielded = false;
        let mut ended = !self.out.takes_body() && self.out.finish(None).is_ok();
        // For whom the end of the connection is that of the answer, a reset alone tells of another one,
        // whoever makes it: it may be the end of the program.
        let fragile = self.out.ends_with_connection();
        if fragile {
            self.visitor.look().stream().set_abrupt(true);
        }
        poll_fn(|cx| self.poll_send(cx, &mut body, &mut ended)).await?;
        if fragile {
            self.visitor.look().stream().set_abrupt(false);
        }
        drop(body);
        if switches {
            return Ok(Then::Switch);
        }
        poll_fn(|cx| self.visitor.look().poll_settled(cx)).await;
        let mut side = self.visitor.look();
        side.skip();
        Ok(if keeps && !side.is_left() { Then::Again } else { Then::Close })
    }

    /// Moves pieces of the body to the visitor, until all are gone.
    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        body: &mut Body,
        ended: &mut bool,
    ) -> Poll<Result<(), Broken>> {
        loop {
            while !*ended && self.out.has_room() {
                let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(cx) else { break };
                // Whoever hears nothing may ask again, and the app would have it twice.
                if matches!(frame, Some(Err(_))) && self.out.is_untouched() {
                    drop(self.out.poll_write(cx, self.visitor.look().stream()));
                }
                let (data, trailers) = match frame.transpose()?.map(http_body::Frame::into_data) {
                    Some(Ok(data)) => (Some(data), None),
                    Some(Err(frame)) => (None, frame.into_trailers().ok()),
                    None => (None, None),
                };
                *ended = data.is_none() || body.is_end_stream();
                self.out.push(data.unwrap_or_default())?;
                if *ended {
                    self.out.finish(trailers.as_ref())?;
                }
            }
            if self.out.is_empty() {
                if *ended {
                    return Poll::Ready(Ok(()));
                }
                return self.presence.poll(cx, &mut self.visitor.look(), false).map(|()| Err(Broken::Gone));
            }
            ready!(self.after_others(cx));
            let written = self.out.poll_write(cx, self.visitor.look().stream());
            if self.out.has_moved() {
                self.stall.restore();
            }
            match written {
                Poll::Ready(written) => written?,
                Poll::Pending => return self.stall.lose(cx).map(|stalled| Err(Broken::Io(stalled.into()))),
            }
        }
    }

    /// Lets all others who are ready take their turn before an answer is begun. So the answers of a busy
    /// worker go out one behind the other, and whoever reads them is woken once for many: on a machine of
    /// virtual cores a wake-up costs as much as the rest of a small answer.
    fn after_others(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Gives up what an idle connection does not need.
    fn park(self) -> Parked {
        let Self { visitor, clock, until, bounds, .. } = self;
        visitor.look().shrink();
        let (head, until) = clock.rest(until, bounds.timeouts);
        Parked { visitor, seen: true, head, until }
    }
}
