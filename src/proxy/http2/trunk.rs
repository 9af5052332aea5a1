//! A connection that many requests share, and what drives it.

use super::depot::{Depot, Opening};
use super::{SEND_BUFFER, STREAMS, WINDOW};
use crate::proxy::alarm::Alarm;
use crate::stream::{Stream, Watch, Watched};
use bytes::Bytes;
use h2::client::{Builder, Connection, SendRequest};
use h2::{Ping, PingPong};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;
use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::sync::Notify;
use tokio::time::Instant;

/// After how long no more streams are begun on a connection: where it leads may have moved.
const OLD: Duration = Duration::from_mins(5);
/// How much of a connection is read before those whose streams it is have their turn: the library keeps
/// what it reads until they have.
const TURN: usize = 64 << 10;
/// How long a connection without streams may take to say its farewell.
const FAREWELL: Duration = Duration::from_secs(1);

/// Bounds on waits.
#[derive(Clone, Copy)]
pub struct Waits {
    /// How long a connection stays that nobody uses.
    pub keepalive: Duration,
    /// How long one that is in use may be silent before it is asked for a sign of life, and then until
    /// that has come.
    pub silence: Duration,
}

/// A connection, for whoever begins a stream on it.
pub struct Trunk {
    sender: SendRequest<Bytes>,
    load: Arc<Load>,
    since: Instant,
}

impl Trunk {
    /// Begins to speak HTTP/2 over a connection. What drives it is still to be run.
    pub async fn open(stream: Stream, head: u32, news: Arc<Notify>) -> Result<(Self, Driven), h2::Error> {
        let load = Arc::new(Load::new(news));
        let watched = Watched::new(stream, Heard(Arc::clone(&load)));
        let (sender, connection) = builder(head).handshake(watched).await?;
        let trunk = Self { sender, load: Arc::clone(&load), since: Instant::now() };
        Ok((trunk, Driven { connection, load }))
    }

    /// Whether streams may still be begun on it.
    pub fn is_good(&mut self) -> bool {
        let mut nobody = Context::from_waker(Waker::noop());
        let open = matches!(self.sender.poll_ready(&mut nobody), Poll::Ready(Ok(())));
        open && self.since.elapsed() < OLD && !self.load.pulse().given_up
    }

    /// What begins a stream, and room for it, where there is some; and whether there has been an answer.
    pub fn take(&self) -> Option<(SendRequest<Bytes>, Taken, bool)> {
        let mut pulse = self.load.pulse();
        if pulse.streams >= pulse.most {
            return None;
        }
        pulse.streams += 1;
        let taken = Taken { load: Arc::clone(&self.load), since: Instant::now() };
        Some((self.sender.clone(), taken, pulse.answered.is_some()))
    }

    /// Whether this is its load.
    pub fn bears(&self, load: &Arc<Load>) -> bool {
        Arc::ptr_eq(&self.load, load)
    }
}

fn builder(head: u32) -> Builder {
    let mut builder = Builder::new();
    builder
        .enable_push(false)
        // One may go ahead; the others wait until the other end has said how many it takes.
        .initial_max_send_streams(1)
        .initial_window_size(WINDOW)
        .initial_connection_window_size(STREAMS * WINDOW)
        .max_header_list_size(head)
        .max_concurrent_reset_streams(STREAMS as usize)
        .max_send_buffer_size(SEND_BUFFER);
    builder
}

/// What a connection bears.
pub struct Load {
    pulse: Mutex<Pulse>,
    news: Arc<Notify>,
}

struct Pulse {
    streams: usize,
    /// How many it may bear.
    most: usize,
    /// Since when it bears none.
    rested: Instant,
    /// When something came last.
    heard: Option<Instant>,
    /// How much was read in this turn.
    turn: usize,
    /// When an answer began last.
    answered: Option<Instant>,
    /// Whether nothing is expected of it any more.
    given_up: bool,
}

impl Load {
    fn new(news: Arc<Notify>) -> Self {
        let (rested, heard, answered) = (Instant::now(), None, None);
        let pulse = Pulse { streams: 0, most: 1, rested, heard, turn: 0, answered, given_up: false };
        Self { pulse: Mutex::new(pulse), news }
    }

    fn pulse(&self) -> MutexGuard<'_, Pulse> {
        self.pulse.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it bears nothing.
    pub fn is_none(&self) -> bool {
        self.pulse().streams == 0
    }
}

/// Room for a stream, as long as this is held.
pub struct Taken {
    load: Arc<Load>,
    since: Instant,
}

impl Taken {
    /// An answer begins.
    pub fn note_answer(&self) {
        self.load.pulse().answered = Some(Instant::now());
    }

    /// An answer is late. Where no other has come meanwhile either, those who come next need not wait for
    /// the same.
    pub fn note_late(&self) {
        let mut pulse = self.load.pulse();
        pulse.given_up |= pulse.answered.is_none_or(|answered| answered < self.since);
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut pulse = self.load.pulse();
        pulse.streams -= 1;
        pulse.rested = Instant::now();
        drop(pulse);
        self.load.news.notify_one();
    }
}

/// Notes when something comes, and gives no more than it should at once.
struct Heard(Arc<Load>);

impl Watch for Heard {
    fn poll_read(
        &mut self,
        stream: Pin<&mut Stream>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.0.pulse().turn >= TURN {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let filled = buf.filled().len();
        let read = stream.poll_read(cx, buf);
        let come = buf.filled().len() - filled;
        if come > 0 {
            let mut pulse = self.0.pulse();
            pulse.heard = Some(Instant::now());
            pulse.turn += come;
        }
        read
    }
}

/// A connection in the library's hands.
pub struct Driven {
    connection: Connection<Watched<Heard>, Bytes>,
    load: Arc<Load>,
}

impl Driven {
    /// Drives it until it ends: by the other end, or when nobody needs it any more.
    pub async fn run(self, waits: Waits, depot: Weak<Depot>, opening: Opening) {
        let Self { mut connection, load } = self;
        let pings = connection.ping_pong();
        let mut driver = Driver {
            connection,
            load: Arc::clone(&load),
            waits,
            pings,
            asked: None,
            leaving: None,
            next: None,
            alarm: Alarm::default(),
            depot,
            opening: Some(opening),
        };
        poll_fn(|cx| driver.poll(cx)).await;
        if let Some(depot) = driver.depot.upgrade() {
            depot.forget(&load);
            if driver.opening.is_some() {
                depot.fail_unspoken();
            }
        }
        // The streams learn of it with the connection, and whoever waits for a seat with the opening.
        drop(driver);
    }
}

struct Driver {
    connection: Connection<Watched<Heard>, Bytes>,
    load: Arc<Load>,
    waits: Waits,
    pings: Option<PingPong>,
    /// Since when a sign of life is awaited.
    asked: Option<Instant>,
    /// Since when it is at its end.
    leaving: Option<Instant>,
    /// When the alarm rings.
    next: Option<Instant>,
    alarm: Alarm,
    depot: Weak<Depot>,
    /// Held until the other end has said how much it takes.
    opening: Option<Opening>,
}

impl Driver {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.load.pulse().turn = 0;
        loop {
            if Pin::new(&mut self.connection).poll(cx).is_ready() {
                return Poll::Ready(());
            }
            self.note_room();
            if let Some(pings) = &mut self.pings {
                let _ = pings.poll_pong(cx);
            }
            let Some(next) = self.look(Instant::now()) else { return Poll::Ready(()) };
            // A later time is found out when the alarm rings.
            if self.next.is_none_or(|set| next < set) {
                self.alarm.set(next);
                self.next = Some(next);
            }
            ready!(self.alarm.poll(cx));
            self.next = None;
        }
    }

    /// Notes how many streams the other end takes now.
    fn note_room(&mut self) {
        let room = self.connection.max_concurrent_send_streams().min(STREAMS as usize);
        let mut pulse = self.load.pulse();
        pulse.most = room;
        let settled = pulse.heard.is_some();
        drop(pulse);
        if let Some(opening) = self.opening.take_if(|_| settled) {
            opening.turns_out(room);
        }
    }

    /// When to look again; none where it is over.
    fn look(&mut self, now: Instant) -> Option<Instant> {
        let pulse = self.load.pulse();
        let (streams, rested, given_up) = (pulse.streams, pulse.rested, pulse.given_up);
        // Its use begins with its rest's end: nobody is silent before that.
        let heard = pulse.heard.unwrap_or(rested);
        drop(pulse);
        let keepalive = if given_up { Duration::ZERO } else { self.waits.keepalive };
        let next = match streams {
            0 => self.look_at_rest(now, rested + keepalive),
            _ => self.look_in_use(now, heard),
        };
        Some(next).filter(|&next| next > now)
    }

    fn look_at_rest(&mut self, now: Instant, end: Instant) -> Instant {
        self.asked = None;
        if self.leaving.is_none() && now >= end {
            if self.depot.upgrade().is_some_and(|depot| !depot.retire(&self.load)) {
                return now + self.waits.keepalive;
            }
            self.leaving = Some(now);
        }
        self.leaving.map_or(end, |since| since + FAREWELL)
    }

    /// A connection that is silent may be dead, and all who use it would wait for nothing.
    fn look_in_use(&mut self, now: Instant, heard: Instant) -> Instant {
        self.asked = self.asked.filter(|&asked| heard <= asked);
        if self.asked.is_none() && now >= heard + self.waits.silence {
            // An error means that it is asked already.
            let _ = self.pings.as_mut().map(|pings| pings.send_ping(Ping::opaque()));
            self.asked = Some(now);
        }
        self.asked.unwrap_or(heard) + self.waits.silence
    }
}

#[cfg(test)]
mod tests {
    use super::{Heard, Load, TURN};
    use crate::stream::{Stream, Watch as _};
    use std::pin::Pin;
    use std::sync::Arc;
    use std::task::{Context, Poll, Waker};
    use tokio::io::{AsyncWriteExt as _, ReadBuf};
    use tokio::net::UnixStream;

    #[tokio::test]
    async fn those_whose_streams_it_is_have_their_turn() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let load = Arc::new(Load::new(Arc::default()));
        let (mut stream, mut heard) = (Stream::Unix(ours), Heard(Arc::clone(&load)));
        tokio::spawn(async move { while theirs.write_all(&[0; 4096]).await.is_ok() {} });
        let mut room = [0; 8192];
        for _ in 0..2 {
            load.pulse().turn = 0;
            let mut read = 0;
            loop {
                std::future::poll_fn(|cx| stream.poll_readable(cx)).await.unwrap();
                let mut buf = ReadBuf::new(&mut room);
                let mut nobody = Context::from_waker(Waker::noop());
                let polled = heard.poll_read(Pin::new(&mut stream), &mut nobody, &mut buf);
                read += buf.filled().len();
                if polled.is_pending() && read >= TURN {
                    break;
                }
                assert!(read < 2 * TURN, "it never stops");
                assert!(matches!(polled, Poll::Ready(Ok(())) | Poll::Pending));
            }
        }
    }
}
