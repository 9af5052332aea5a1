//! The life of a visitor's connection that speaks HTTP/2.
//!
//! ```text
//! preface ──▶ streams, each a task of its own ──▶ nothing for a while ──▶ GOAWAY ──▶ closed
//! ```
//!
//! The library keeps the frames; everything that waits is ours. Where HTTP/1.1 has one wait at a time
//! on a connection, here each stream has its own: `exchange` watches over those. `clock` watches over
//! what they share: a connection where no stream is open, and a head that does not come to its end.
//! `wire` sees the bytes, and ends a connection whose peer takes none.
//!
//! A request becomes one of HTTP/1.1 in `request`, before anybody else looks at it.

mod clock;
mod exchange;
mod request;
mod wire;

use super::connection::{Bounds, Origin, Phase, ends};
use super::handler::Handler;
use crate::config::model::Limits;
use crate::stream::{Stream, Watched};
use bytes::{BufMut, Bytes, BytesMut};
use clock::{Clock, Live};
use exchange::Exchange;
use h2::Reason;
use h2::server::{Builder, Connection};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::timeout;
use wire::Wire;

/// What a client begins with (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How many requests may be open on a connection at once: what RFC 9113 §6.5.2 recommends at least.
const STREAMS: u32 = 100;
/// How much of a request's body may come before the app has taken it.
const STREAM_WINDOW: u32 = 64 << 10;
/// The same of all bodies on a connection: a few that the app does not take leave room for others.
const CONNECTION_WINDOW: u32 = 1 << 20;
/// How much of an answer the library may hold.
const SEND_BUFFER: usize = 32 << 10;
/// How many streams a peer may take back before they are begun, and how many it may break, before it
/// is told to leave.
const BROKEN_STREAMS: usize = 50;

/// How a connection begins.
pub enum Opening {
    /// With the preface.
    Http2(Bytes),
    /// With something else, which is HTTP/1.1 or nothing.
    Http1(Bytes),
}

/// Reads as far as it takes to know, and no further.
pub async fn opening(stream: &mut Stream) -> io::Result<Opening> {
    let mut said = BytesMut::new();
    while PREFACE.starts_with(&said) {
        if said.len() == PREFACE.len() {
            return Ok(Opening::Http2(said.freeze()));
        }
        let missing = PREFACE.len() - said.len();
        if stream.read_buf(&mut (&mut said).limit(missing)).await? == 0 {
            break;
        }
    }
    Ok(Opening::Http1(said.freeze()))
}

/// What a connection over the limit is told: SETTINGS, and GOAWAY before the first stream, so that
/// all of it may be tried elsewhere.
const TURNED_AWAY: &[u8] = b"\0\0\0\x04\0\0\0\0\0\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// Answers a connection over the limit, and ends it.
pub async fn turn_away(stream: &mut Stream) -> io::Result<()> {
    stream.write_all(TURNED_AWAY).await?;
    stream.shutdown().await
}

/// Serves a connection until it ends. What was `said` is the preface, or nothing yet.
pub async fn serve<H>(
    stream: Stream,
    said: Bytes,
    origin: Arc<Origin>,
    bounds: Bounds,
    handler: H,
    mut phase: watch::Receiver<Phase>,
) where
    H: Handler,
{
    let live = Live::start();
    let wire = Wire::new(said, bounds.timeouts.stall);
    let clock = Clock::new(Arc::clone(&live), wire.unfinished(), bounds.timeouts);
    let wire = Watched::new(stream, wire);
    let shaken = tokio::select! {
        shaken = timeout(bounds.timeouts.header, builder(bounds.limits).handshake(wire)) => shaken,
        () = ends(&mut phase) => return,
    };
    let Ok(Ok(connection)) = shaken else {
        return tracing::debug!(peer = %origin.peer, "no HTTP/2 preface");
    };
    let exchange = Exchange { live, origin: Arc::clone(&origin), bounds, handler };
    let mut served = Served { connection, clock, exchange, stage: Stage::Open };
    let mut ending = pin!(ends(&mut phase));
    let over = poll_fn(|cx| {
        if served.stage == Stage::Open && ending.as_mut().poll(cx).is_ready() {
            served.go_on();
        }
        served.poll(cx)
    });
    if let Err(why) = over.await {
        tracing::debug!(peer = %origin.peer, why, "connection ended");
    }
}

fn builder(limits: Limits) -> Builder {
    let mut builder = Builder::new();
    builder
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(STREAMS)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buffer_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(BROKEN_STREAMS)
        .max_local_error_reset_streams(Some(BROKEN_STREAMS))
        .max_concurrent_reset_streams(BROKEN_STREAMS);
    builder
}

/// How far a connection is from its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Streams come.
    Open,
    /// The peer knows that no more will be taken; those that are on their way still are.
    Leaving,
    /// It was told again, with an end to that.
    Left,
}

/// A connection in the library's hands.
struct Served<H> {
    connection: Connection<Watched<Wire>, Bytes>,
    clock: Clock,
    exchange: Exchange<H>,
    stage: Stage,
}

impl<H> Served<H>
where
    H: Handler,
{
    /// Runs it until it ends, or why it was cut off.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        loop {
            while let Poll::Ready(accepted) = self.connection.poll_accept(cx) {
                match accepted {
                    Some(Ok((request, respond))) => {
                        tokio::spawn(self.exchange.clone().run(request, respond, self.clock.open()));
                    }
                    Some(Err(_)) => return Poll::Ready(Err("frames that cannot be taken")),
                    None => return Poll::Ready(Ok(())),
                }
            }
            if self.clock.is_tired() && self.stage != Stage::Left {
                self.leave(Reason::ENHANCE_YOUR_CALM);
                continue;
            }
            match self.clock.poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(clock::Over::Late) => return Poll::Ready(Err("a head took too long")),
                Poll::Ready(clock::Over::Rest) if self.stage == Stage::Left => return Poll::Ready(Ok(())),
                Poll::Ready(clock::Over::Rest) => self.go_on(),
            }
        }
    }

    /// One stage nearer to the end.
    fn go_on(&mut self) {
        match self.stage {
            Stage::Open => {
                self.stage = Stage::Leaving;
                self.connection.graceful_shutdown();
                self.clock.hurry();
            }
            Stage::Leaving | Stage::Left => self.leave(Reason::NO_ERROR),
        }
    }

    fn leave(&mut self, reason: Reason) {
        self.stage = Stage::Left;
        self.connection.abrupt_shutdown(reason);
        self.clock.hurry();
    }
}
