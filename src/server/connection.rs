//! The life of one visitor's connection.
//!
//! ```text
//! parked ──first byte──▶ active ──nothing for a while──▶ parked
//!                          ├──visitor and app agree──▶ tunnel
//!                          └──last answer──▶ linger ──▶ closed
//! ```
//!
//! hyper holds some 10 KiB for a connection, whether anything happens on it or not. So a connection
//! that is at rest, be it in the middle of a head, is taken out of hyper's hands, and given to a new
//! instance with its next byte: parked it is a socket, a timer and a small task.
//!
//! What begins as HTTP/2 lives its life in `http2`.

use super::certificate::Certificate;
use super::guest::{Guest, Tongue};
use super::http2::{self, Opening};
use super::patience::{Beat, Open, Pulse, Watched};
use crate::config::Config;
use crate::config::model::{Limits, Timeouts};
use crate::proxy::arriving::Arriving;
use crate::proxy::body::{Body, BodyError};
use crate::proxy::tunnel::{Switch, carry};
use crate::stream::Stream;
use crate::trust::{Caller, Peer};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, Version};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, timeout_at};

/// How often a connection is looked at, at most.
const TICK: Duration = Duration::from_secs(1);
/// The same while all that has come is a piece of a head: who sends no more of it costs little soon.
const GLANCE: Duration = Duration::from_millis(20);
/// The most header lines that hyper takes where nobody says.
const HYPERS_HEADERS: usize = 100;
/// How long a visitor may go on sending what nobody reads any more.
const LINGER: Duration = Duration::from_secs(1);

/// Where requests come from: one for all of a connection's.
pub struct Origin {
    /// The other end of the socket.
    pub peer: Peer,
    /// Its address as `X-Forwarded-For` has it.
    pub address: Option<HeaderValue>,
    /// What it showed, if only nothing; none where nothing is encrypted.
    pub certificate: Option<Box<Certificate>>,
    /// Where the app's side goes if the connection leaves HTTP.
    pub switch: Switch,
}

impl Origin {
    /// What a connection is the origin of.
    pub fn new(peer: Peer, certificate: Option<Box<Certificate>>) -> Self {
        let address = match peer {
            Peer::Ip(ip) => HeaderValue::from_str(&ip.to_string()).ok(),
            Peer::Unix(_) => None,
        };
        Self { peer, address, certificate, switch: Switch::default() }
    }

    /// Whoever sends the requests.
    pub fn caller(&self) -> Caller<'_> {
        let names = self.certificate.as_ref().map(|certificate| certificate.names());
        Caller { peer: self.peer, names: names.unwrap_or_default() }
    }

    /// `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        if self.certificate.is_some() { "https" } else { "http" }
    }
}

/// How connections are served.
#[derive(Clone, Copy)]
pub struct Bounds {
    /// On what is read.
    pub limits: Limits,
    /// On waits.
    pub timeouts: Timeouts,
}

impl Bounds {
    /// Those of a configuration.
    pub fn of(config: &Config) -> Self {
        Self { limits: config.limits, timeouts: config.timeouts }
    }
}

/// Whether connections may go on taking requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// They may.
    Serving,
    /// Each answers what it has, and ends.
    Draining,
    /// What is left is cut off.
    Cut,
}

/// A connection between requests.
struct Parked {
    stream: Stream,
    /// What has come of the next request already.
    said: Bytes,
    /// Whether somebody has looked at that, and wants more.
    seen: bool,
    /// When it is closed if nothing comes, or not the rest of a head.
    until: Instant,
}

/// Serves a connection until it ends.
pub async fn serve<H, F>(guest: Guest, bounds: Bounds, handler: H, mut phase: watch::Receiver<Phase>)
where
    H: Fn(Arc<Origin>, Request<Arriving>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let Guest { stream, origin, tongue } = guest;
    let origin = Arc::new(origin);
    let until = Instant::now() + bounds.timeouts.header;
    let mut parked = Parked { stream, said: Bytes::new(), seen: true, until };
    // In boxes, as neither is a part of most connections.
    let http2 = match tongue {
        Tongue::Http1 => false,
        Tongue::Http2 => true,
        Tongue::Either => match Box::pin(parked.listen(&mut phase)).await {
            Some(http2) => http2,
            None => return,
        },
    };
    if http2 {
        return Box::pin(http2::serve(parked.stream, parked.said, origin, bounds, handler, phase)).await;
    }
    loop {
        if parked.seen {
            tokio::select! {
                readable = parked.stream.readable() => if readable.is_err() { return },
                () = tokio::time::sleep_until(parked.until) => return,
                () = ends(&mut phase) => return,
            }
        }
        let active = Active { parked, origin: Arc::clone(&origin), bounds, handler: &handler };
        match Box::pin(active.run(&mut phase)).await {
            Some(rested) => parked = rested,
            None => return,
        }
    }
}

impl Parked {
    /// Whether it begins as HTTP/2; nothing where it does not begin.
    async fn listen(&mut self, phase: &mut watch::Receiver<Phase>) -> Option<bool> {
        let opening = tokio::select! {
            opening = http2::opening(&mut self.stream) => opening.ok()?,
            () = tokio::time::sleep_until(self.until) => return None,
            () = ends(phase) => return None,
        };
        let (said, http2) = match opening {
            Opening::Http1(said) => (said, false),
            Opening::Http2(said) => (said, true),
        };
        // Nothing may have come because nothing will, which hyper finds out.
        (self.said, self.seen) = (said, false);
        Some(http2)
    }
}

/// Returns when no more requests are to be taken.
pub(super) async fn ends(phase: &mut watch::Receiver<Phase>) {
    // An error means that whoever could tell is gone, which is telling enough.
    drop(phase.wait_for(|phase| *phase != Phase::Serving).await);
}

/// A connection in hyper's hands.
struct Active<'h, H> {
    parked: Parked,
    origin: Arc<Origin>,
    bounds: Bounds,
    handler: &'h H,
}

/// Why a connection is taken out of hyper's hands.
enum Pause {
    /// Nothing happens.
    Rest,
    /// A head is taking too long.
    Late,
}

/// How it comes out of them.
enum Out {
    Ended(hyper::Result<()>),
    Paused(Pause),
}

impl<H, F> Active<'_, H>
where
    H: Fn(Arc<Origin>, Request<Arriving>) -> F,
    F: Future<Output = Response<Body>>,
{
    /// Runs it until it ends, or is at rest.
    async fn run(self, phase: &mut watch::Receiver<Phase>) -> Option<Parked> {
        let Self { parked, origin, bounds, handler } = self;
        let (pulse, until) = (Arc::<Pulse>::default(), parked.until);
        let begun = (!parked.said.is_empty()).then(|| until - bounds.timeouts.header);
        let mut clock = Clock::new(&pulse, bounds.timeouts, begun);
        let io = TokioIo::new(parked.stream);
        let io = Watched::new(io, parked.said, Arc::clone(&pulse), bounds.timeouts.stall);
        let service = service_fn(|request: Request<Incoming>| {
            let open = pulse.open(request.version() == Version::HTTP_10);
            let request = request.map(|body| Arriving::new(body, || pulse.open_body()));
            let origin = Arc::clone(&origin);
            // Called in here, as it would be there twice, before and while it is awaited.
            async move {
                let answer = handler(origin, request).await;
                Ok::<_, Infallible>(answer.map(|body| Served { body, _open: open }))
            }
        });
        let mut connection = builder(bounds.limits).serve_connection(io, service);
        let mut ending = pin!(ends(phase));
        let mut told = false;
        let out = poll_fn(|cx| {
            if let Poll::Ready(ended) = Pin::new(&mut connection).poll(cx) {
                return Poll::Ready(Out::Ended(ended));
            }
            if !told && ending.as_mut().poll(cx).is_ready() {
                told = true;
                Pin::new(&mut connection).graceful_shutdown();
                return Pin::new(&mut connection).poll(cx).map(Out::Ended);
            }
            clock.poll(cx).map(Out::Paused)
        })
        .await;
        let parts = connection.into_parts();
        let stream = parts.io.into_inner().into_inner();
        match out {
            Out::Paused(Pause::Late) => tracing::debug!(peer = %origin.peer, "a head took too long"),
            Out::Paused(Pause::Rest) => {
                // Bytes that made no request win no time: a piece of a TLS record is none of HTTP's.
                let again = Instant::now() + bounds.timeouts.idle.saturating_sub(clock.tick);
                // A copy, as hyper's own holds all the room that more could have come to.
                let said = Bytes::copy_from_slice(&parts.read_buf);
                let until = match clock.head {
                    Some(since) => since + bounds.timeouts.header,
                    // It came with the request before.
                    None if !said.is_empty() => {
                        Instant::now() + bounds.timeouts.header.saturating_sub(clock.tick)
                    }
                    None if pulse.beat().begun > 0 => again,
                    None => until,
                };
                return Some(Parked { stream, said, seen: true, until });
            }
            Out::Ended(Err(error)) => {
                tracing::debug!(peer = %origin.peer, %error, "connection ended");
                match error.is_user() && pulse.is_old() {
                    // Nothing else tells this visitor that the answer is not whole.
                    true => stream.reset(),
                    false if error.is_parse() => linger(stream).await,
                    false => {}
                }
            }
            Out::Ended(Ok(())) => {
                if let Some(app) = origin.switch.take() {
                    drop(carry(stream, parts.read_buf, app, bounds.timeouts.tunnel).await);
                } else if pulse.has_left() {
                    linger(stream).await;
                }
            }
        }
        None
    }
}

/// Bounds on heads are hyper's; waiting for them is not.
fn builder(limits: Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    // Told a number, hyper makes a list of that length anew for every head, and for its own number not.
    if limits.headers != HYPERS_HEADERS {
        builder.max_headers(limits.headers);
    }
    builder
        .header_read_timeout(None)
        .max_buf_size(limits.header_bytes.max(8192))
        .preserve_header_case(true)
        .half_close(true);
    builder
}

/// Reads what still comes, for a moment: a socket closed over unread bytes is reset, and the answer
/// that is on its way is lost with it.
async fn linger(mut stream: Stream) {
    let deadline = Instant::now() + LINGER;
    let mut nobody = [0; 1024];
    while let Ok(Ok(1..)) = timeout_at(deadline, stream.read(&mut nobody)).await {}
}

/// Tells when a connection is at rest, and when a head is late.
struct Clock<'p> {
    pulse: &'p Pulse,
    header: Duration,
    tick: Duration,
    alarm: Pin<Box<Sleep>>,
    mark: Beat,
    /// When it was last looked at.
    looked: Instant,
    /// Since when a head has been coming.
    head: Option<Instant>,
}

impl<'p> Clock<'p> {
    fn new(pulse: &'p Pulse, timeouts: Timeouts, head: Option<Instant>) -> Self {
        let tick = TICK.min(timeouts.idle / 4).min(timeouts.header / 4);
        let looked = Instant::now();
        let alarm = Box::pin(tokio::time::sleep_until(looked + tick.min(GLANCE)));
        Self { pulse, header: timeouts.header, tick, alarm, mark: Beat::default(), looked, head }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Pause> {
        while self.alarm.as_mut().poll(cx).is_ready() {
            match self.look(Instant::now()) {
                Ok(next) => self.alarm.as_mut().reset(next),
                Err(pause) => return Poll::Ready(pause),
            }
        }
        Poll::Pending
    }

    /// When to look again, while it goes on.
    fn look(&mut self, now: Instant) -> Result<Instant, Pause> {
        let beat = self.pulse.beat();
        let before = std::mem::replace(&mut self.mark, beat);
        let looked = std::mem::replace(&mut self.looked, now);
        if !self.pulse.is_at_rest() || beat.begun != before.begun {
            self.head = None;
            return Ok(now + self.tick);
        }
        // All that comes while no request is open is the head of the next.
        let more = beat.reads != before.reads;
        if more {
            self.head.get_or_insert(looked);
        }
        match self.head {
            Some(since) if now >= since + self.header => Err(Pause::Late),
            Some(since) if more => Ok((now + self.tick.min(GLANCE)).min(since + self.header)),
            _ => Err(Pause::Rest),
        }
    }
}

/// An answer's body, and the request that is open until it ends.
struct Served {
    body: Body,
    _open: Open,
}

impl HttpBody for Served {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
