//! The connections of HTTP/2 to one place, and who waits for them.

use super::STREAMS;
use super::trunk::{Load, Taken, Trunk, Waits};
use crate::proxy::client::{Client, Way};
use crate::proxy::connect::Connector;
use crate::stream::Stream;
use crate::tls::Offer;
use bytes::Bytes;
use h2::client::SendRequest;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

/// For how long a place that wanted HTTP/1.1 is not asked again.
const REMEMBERED: Duration = Duration::from_mins(1);
/// How long a connection in use may be silent before somebody looks into it: a quarter of the time that an
/// answer may take, within these.
const SILENCE: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(15)];

/// The connections of a worker to one place.
pub struct Depot {
    connector: Connector,
    /// What the log calls it.
    name: String,
    /// Where a connection goes that is one of HTTP/1.1.
    http1: Arc<Client>,
    patience: Duration,
    waits: Waits,
    head: u32,
    state: Mutex<State>,
    news: Arc<Notify>,
}

struct State {
    trunks: Vec<Trunk>,
    /// How many are being opened.
    opening: usize,
    /// How many requests wait for one of those.
    waiting: usize,
    /// How many a connection is likely to take.
    room: usize,
    /// Until when it is known that HTTP/1.1 is wanted.
    http1: Option<Instant>,
    /// How often opening one has failed, and why it did last.
    failed: (u64, io::ErrorKind, String),
}

/// A place for one request on a connection.
pub struct Seat {
    /// What begins a stream.
    pub sender: SendRequest<Bytes>,
    /// Room for that.
    pub taken: Taken,
    /// Whether there has been an answer on the connection.
    pub proven: bool,
}

enum Look {
    Seat(Seat),
    /// HTTP/1.1 is wanted.
    Line,
    /// One more connection is needed.
    Open(Opening),
    Wait,
    Failed(io::Error),
}

impl Depot {
    /// Connections by this way, none so far. Those that turn out to be of HTTP/1.1 go to that client.
    pub fn new(way: &Way, head: usize, http1: Arc<Client>) -> Arc<Self> {
        let [least, most] = SILENCE;
        let silence = (way.response / 4).clamp(least, most);
        let failed = (0, io::ErrorKind::Other, String::new());
        Arc::new(Self {
            connector: Connector::new(way.at.clone(), way.connect),
            name: way.at.endpoint.to_string(),
            http1,
            patience: way.connect,
            waits: Waits { keepalive: way.keepalive, silence },
            head: u32::try_from(head).unwrap_or(u32::MAX),
            state: Mutex::new(State {
                trunks: Vec::new(),
                opening: 0,
                waiting: 0,
                room: STREAMS as usize,
                http1: None,
                failed,
            }),
            news: Arc::default(),
        })
    }

    /// A seat; none where HTTP/1.1 is wanted.
    pub async fn seat(self: &Arc<Self>) -> io::Result<Option<Seat>> {
        let late = |_| io::Error::new(io::ErrorKind::TimedOut, "no connection in time");
        timeout(self.patience, self.find()).await.map_err(late)?
    }

    async fn find(self: &Arc<Self>) -> io::Result<Option<Seat>> {
        let mut queued = None;
        loop {
            let mut news = pin!(self.news.notified());
            news.as_mut().enable();
            match self.look(&mut queued) {
                Look::Seat(seat) => return Ok(Some(seat)),
                Look::Line => return Ok(None),
                Look::Failed(error) => return Err(error),
                Look::Open(opening) => {
                    drop(queued);
                    return self.open(opening).await.inspect_err(|error| self.fail(error));
                }
                Look::Wait => news.await,
            }
        }
    }

    fn look(self: &Arc<Self>, queued: &mut Option<Queued>) -> Look {
        let mut state = self.state();
        if let Some(seat) = state.seat() {
            return Look::Seat(seat);
        }
        if state.http1.is_some_and(|until| Instant::now() < until) {
            return Look::Line;
        }
        let (failures, kind, why) = &state.failed;
        if state.opening == 0 && queued.as_ref().is_some_and(|queued| queued.failures != *failures) {
            return Look::Failed(io::Error::new(*kind, why.clone()));
        }
        // Whoever opens one has a seat there; is there one for all who wait, and for us?
        let seats = state.opening.saturating_mul(state.room);
        if seats < state.opening + state.waiting + usize::from(queued.is_none()) {
            state.opening += 1;
            return Look::Open(Opening(Arc::clone(self)));
        }
        if queued.is_none() {
            let failures = *failures;
            state.waiting += 1;
            *queued = Some(Queued { depot: Arc::clone(self), failures });
        }
        Look::Wait
    }

    async fn open(self: &Arc<Self>, opening: Opening) -> io::Result<Option<Seat>> {
        let stream = self.connector.connect_for(Offer::Either).await?;
        if !stream.is_http2() {
            tracing::debug!(at = self.name, protocol = "http/1.1", "connected to Pandium");
            self.http1.adopt(stream);
            self.state().http1 = Some(Instant::now() + REMEMBERED);
            return Ok(None);
        }
        tracing::debug!(at = self.name, protocol = "h2", "connected to Pandium");
        self.begin(stream, opening).await.map(Some)
    }

    /// HTTP/1.1 is wanted after all: no stream is begun any more, for a while.
    pub fn turn_to_http1(&self) {
        let mut state = self.state();
        state.http1 = Some(Instant::now() + REMEMBERED);
        state.trunks.clear();
    }

    async fn begin(self: &Arc<Self>, stream: Stream, opening: Opening) -> io::Result<Seat> {
        let opened = Trunk::open(stream, self.head, Arc::clone(&self.news)).await;
        let (trunk, driven) = opened.map_err(|error| error.into_io().unwrap_or_else(no_http2))?;
        let seat = Seat::on(&trunk).ok_or_else(no_http2)?;
        let mut state = self.state();
        state.http1 = None;
        state.trunks.push(trunk);
        drop(state);
        tokio::spawn(driven.run(self.waits, Arc::downgrade(self), opening));
        Ok(seat)
    }

    /// No stream is begun on this connection any more.
    pub fn forget(&self, load: &Arc<Load>) {
        self.state().trunks.retain(|trunk| !trunk.bears(load));
    }

    /// The same, if nobody uses it.
    pub fn retire(&self, load: &Arc<Load>) -> bool {
        let mut state = self.state();
        let rests = load.is_none();
        state.trunks.retain(|trunk| !rests || !trunk.bears(load));
        rests
    }

    /// A connection has ended before it was one.
    pub fn fail_unspoken(&self) {
        self.fail(&no_http2());
    }

    /// A connection could not be opened. Where no other is on its way, all who waited for it need not try it
    /// one by one.
    fn fail(&self, error: &io::Error) {
        let mut state = self.state();
        state.failed = (state.failed.0 + 1, error.kind(), error.to_string());
        drop(state);
        self.news.notify_waiters();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn no_http2() -> io::Error {
    io::Error::other("HTTP/2 was agreed on, and is not spoken")
}

impl State {
    /// A seat on the oldest connection that has one, so that the others come to rest.
    fn seat(&mut self) -> Option<Seat> {
        self.trunks.retain_mut(Trunk::is_good);
        self.trunks.iter().find_map(Seat::on)
    }
}

impl Seat {
    fn on(trunk: &Trunk) -> Option<Self> {
        trunk.take().map(|(sender, taken, proven)| Self { sender, taken, proven })
    }
}

/// A connection that is being opened.
pub struct Opening(Arc<Depot>);

impl Opening {
    /// It takes so many.
    pub fn turns_out(self, room: usize) {
        self.0.state().room = room.max(1);
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        self.0.state().opening -= 1;
        self.0.news.notify_waiters();
    }
}

/// A request that waits.
struct Queued {
    depot: Arc<Depot>,
    /// How often opening one had failed before.
    failures: u64,
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.depot.state().waiting -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::{Depot, Opening, Seat};
    use crate::config::model::{Endpoint, Remote};
    use crate::proxy::client::Way;
    use crate::stream::Stream;
    use bytes::Bytes;
    use h2::server::Connection;
    use std::future::poll_fn;
    use std::sync::Arc;
    use std::task::Poll;
    use std::time::Duration;
    use tokio::net::UnixStream;
    use tokio::time::timeout;

    const KEEPALIVE: Duration = Duration::from_millis(50);

    async fn begun() -> (Arc<Depot>, Seat, Connection<UnixStream, Bytes>) {
        let wait = Duration::from_secs(5);
        let at = Remote { endpoint: Endpoint::Unix("/nowhere".into()), tls: None };
        let way = Way { at, keepalive: KEEPALIVE, response: wait, connect: wait };
        let depot = Depot::new(&way, 65_536, way.clone().client(None));
        let (ours, theirs) = UnixStream::pair().unwrap();
        depot.state().opening += 1;
        let (seat, server) = tokio::join!(
            depot.begin(Stream::Unix(ours), Opening(Arc::clone(&depot))),
            h2::server::handshake(theirs)
        );
        (depot, seat.unwrap(), server.unwrap())
    }

    /// Whether the other end says farewell within some time.
    async fn ends(server: &mut Connection<UnixStream, Bytes>, within: Duration) -> bool {
        timeout(within, server.accept()).await.is_ok_and(|accepted| accepted.is_none())
    }

    #[tokio::test]
    async fn a_connection_stays_as_long_as_it_is_used_and_a_while_longer() {
        let (depot, seat, mut server) = begun().await;
        assert!(!ends(&mut server, 8 * KEEPALIVE).await, "while a seat is taken");
        drop(seat);
        assert!(ends(&mut server, 100 * KEEPALIVE).await, "when none is");
        assert!(depot.state().trunks.is_empty());
    }

    #[tokio::test]
    async fn one_that_nobody_can_reach_any_more_ends_at_once() {
        let (depot, seat, mut server) = begun().await;
        // The other end has said how much it takes: until then it is being opened.
        poll_fn(|cx| {
            let _ = server.poll_accept(cx);
            let opening = depot.state().opening;
            cx.waker().wake_by_ref();
            if opening == 0 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        drop(depot);
        assert!(!ends(&mut server, 8 * KEEPALIVE).await, "while a seat is taken");
        drop(seat);
        assert!(ends(&mut server, 100 * KEEPALIVE).await, "when none is");
    }
}
