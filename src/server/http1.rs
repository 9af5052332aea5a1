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
mod sending;

pub use parked::Parked;

use super::connection::{Bounds, Origin, Phase, ends};
use super::handler::{AtOnce, Handler};
use crate::http1::framing::{self, Length};
use crate::http1::head::{self, BadHead, Came, Glance, Looked};
use crate::http1::outgoing::{Outgoing, WrongLength};
use crate::proxy::alarm::Patience;
use crate::proxy::arriving::Arriving;
use crate::proxy::body::{Body, BodyError};
use crate::proxy::visitor::Visitor;
use answer::Asked;
use clock::{Clock, Pause};
use http::header::EXPECT;
use http::{Request, Response};
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
    looked: Looked,
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

fn is_ending(phase: &watch::Receiver<Phase>) -> bool {
    *phase.borrow() != Phase::Serving
}

/// What comes next on a connection.
#[allow(clippy::large_enum_variant, reason = "each is taken apart at once")]
enum Next<P> {
    Request(Request<()>),
    /// One that was answered as it stood: the answer is written, and more may follow if it says so.
    Answered(Asked, bool),
    /// One that was begun with as it stood.
    Passing(Asked, P),
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
            looked: Looked::default(),
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
                Next::Answered(asked, keeps) => (asked, self.send_written(keeps).await),
                Next::Passing(asked, passing) => (asked, self.pass(asked, passing).await),
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
        // All of the answer before is gone.
        let (out, phase) = (&mut self.out, &self.phase);
        let mut at_once = |head: Glance<'_>| {
            let made = self.handler.at_once(self.origin, head)?;
            let asked = Asked::of(head.version, head.method, head.lines);
            Some(match made {
                AtOnce::Redirect(redirect) => Next::Answered(
                    asked,
                    answer::write_redirect(out, asked.closing(is_ending(phase)), &redirect),
                ),
                AtOnce::Passing(passing) => Next::Passing(asked, passing),
            })
        };
        loop {
            if self.looked.is_worth_another(side.read(), bounds) {
                match head::request(side.read(), bounds, &mut at_once) {
                    Ok(Some(came)) => {
                        self.looked = Looked::default();
                        self.clock.begin();
                        return Poll::Ready(match came {
                            Came::Whole(request) => Next::Request(request),
                            Came::AtOnce(next) => next,
                        });
                    }
                    Ok(None) => self.looked = Looked::at(side.read()),
                    Err(bad) => return Poll::Ready(Next::Bad(bad)),
                }
            }
            match side.poll_read(cx) {
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(_) => return Poll::Ready(Next::Over),
                Poll::Pending => break,
            }
        }
        // Most who wait here have done so before, and what would end that has not happened since.
        let came = side.read().len();
        if self.clock.is_waiting(came) && !self.phase.has_changed().unwrap_or(true) {
            return Poll::Pending;
        }
        if ending.poll(cx).is_ready() {
            return Poll::Ready(Next::Over);
        }
        Poll::Ready(match ready!(self.clock.poll(cx, came)) {
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
            Err(_) => {
                self.visitor.look().abandon();
                Arriving::unknown()
            }
        };
        let answer = self.handler.answer(Arc::clone(self.origin), request.map(|()| body));
        let answer = self.wait(asked, answer).await?;
        self.send(asked, answer).await
    }

    /// Has a request answered that was begun with.
    async fn pass(&mut self, asked: Asked, passing: H::Passing) -> Result<Then, Broken> {
        let answer = self.wait(asked, self.handler.pass(passing)).await?;
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

    /// Answers what is no request. Whatever follows is none either, and nobody wants it.
    async fn refuse(&mut self, bad: BadHead) -> Result<Then, Broken> {
        self.visitor.look().abandon();
        self.send(Asked::nothing(), self.handler.refuse(bad)).await
    }

    /// Gives up what an idle connection does not need.
    fn park(self) -> Parked {
        let Self { visitor, clock, until, bounds, .. } = self;
        visitor.look().shrink();
        let (head, until) = clock.rest(until, bounds.timeouts);
        Parked { visitor, seen: true, head, until }
    }
}
