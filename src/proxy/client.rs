//! Asking the app, or another program.

use super::alarm::Alarm;
use super::body::{Activity, Body};
use super::connect::Connector;
use super::download::Download;
use super::http2::Fault;
use super::line::{Asked, Line};
use super::pool::Pool;
use super::spare::Spare;
use crate::config::model::{Remote, Timeouts, Upstream};
use crate::stream::Stream;
use http::{Request, Response};
use http_body::Body as _;
use hyper::body::Incoming;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Instant;

/// How long an idle connection is used again, where the file does not say: old servers close theirs
/// after two seconds.
const KEEPALIVE: Duration = Duration::from_millis(1500);

/// The same for Pandium: a service of the web is no old server, and shaking hands with it takes long.
const LONGER: Duration = Duration::from_secs(15);

/// Connections to one place, and how long to wait there.
pub struct Client {
    way: Way,
    connector: Connector,
    pool: Arc<Pool>,
}

/// All that makes a client: two of one way are as good as one.
#[derive(Clone, PartialEq, Eq)]
pub struct Way {
    pub(super) at: Remote,
    pub(super) keepalive: Duration,
    pub(super) response: Duration,
    pub(super) connect: Duration,
}

impl Way {
    /// The way to the app.
    pub fn new(upstream: &Upstream, timeouts: &Timeouts) -> Self {
        let Timeouts { response, connect, .. } = *timeouts;
        Self { at: upstream.at.clone(), keepalive: upstream.keepalive, response, connect }
    }

    /// The way to a program that is asked short questions.
    pub fn to(at: Remote, patience: Duration, timeouts: &Timeouts) -> Self {
        Self { at, keepalive: KEEPALIVE, response: patience, connect: timeouts.connect }
    }

    /// The way to Pandium.
    pub fn to_pandium(at: Remote, timeouts: &Timeouts) -> Self {
        Self { at, keepalive: LONGER, response: timeouts.response, connect: timeouts.connect }
    }

    /// A client for it: the previous one with its open connections, if that went the same way.
    pub fn client(self, previous: Option<&Arc<Client>>) -> Arc<Client> {
        match previous.filter(|previous| previous.way == self) {
            Some(previous) => Arc::clone(previous),
            None => Arc::new(Client::new(self)),
        }
    }
}

/// Why the app gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// It could not be reached.
    #[error("no connection: {0}")]
    Unreachable(#[source] io::Error),
    /// It broke off, or spoke no HTTP.
    #[error("{}", chain(.0))]
    Broken(#[source] hyper::Error),
    /// The same over HTTP/2.
    #[error("{0}")]
    Fault(#[source] Fault),
    /// It was reached, and did not answer in time.
    #[error("no answer within {0:?}")]
    Late(Duration),
}

/// The error and its causes in one line: hyper's own text is only the outermost.
fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

impl Client {
    fn new(way: Way) -> Self {
        let (connector, pool) = (Connector::new(way.at.clone(), way.connect), Pool::new(way.keepalive));
        Self { way, connector, pool }
    }

    /// The way that it goes.
    pub fn way(&self) -> &Way {
        &self.way
    }

    /// Takes a connection that somebody else has made, for the next request.
    pub async fn adopt(&self, stream: Stream) -> Result<(), hyper::Error> {
        self.pool.keep(Line::open(stream).await?);
        Ok(())
    }

    /// Sends a request, and waits for the head of its answer. The wait begins anew with every piece
    /// of the request's body, and not before the visitor has sent it: a long upload is no late answer.
    ///
    /// A connection that was used before may have died unseen. Then the request goes once more, over
    /// a new one, if nothing of it was sent, or if it is one that may be repeated (RFC 9112 §9.3.1).
    #[allow(clippy::manual_async_fn, reason = "an `async fn` keeps what it is given twice over")]
    pub fn send<'s>(
        &'s self,
        request: Request<Body>,
        activity: Option<&'s Activity>,
    ) -> impl Future<Output = Result<Response<Download>, NoAnswer>> + use<'s> {
        async move {
            let repeatable = request.method().is_idempotent() && request.body().is_end_stream();
            if !repeatable {
                self.pool.settle().await;
            }
            let Some(mut line) = self.pool.take() else {
                return Box::pin(self.send_anew(request, activity)).await;
            };
            let spare = repeatable.then(|| Spare::of(&request, std::mem::take(&mut line.buffer)));
            let asked = {
                let answer = pin!(line.begin(request));
                self.within(activity, &mut line, answer).await?
            };
            let mut failed = match asked {
                Ok(answer) => {
                    if let Some(spare) = spare {
                        line.buffer = spare.into_buffer();
                    }
                    return Ok(self.receive(answer, line, activity));
                }
                Err(failed) => failed,
            };
            let unsent = failed.take_message();
            let again = || spare.filter(|_| is_end(failed.error())).map(Spare::into_request);
            match unsent.or_else(again) {
                Some(request) => Box::pin(self.send_anew(request, activity)).await,
                None => Err(NoAnswer::Broken(failed.into_error())),
            }
        }
    }

    async fn send_anew(
        &self,
        request: Request<Body>,
        activity: Option<&Activity>,
    ) -> Result<Response<Download>, NoAnswer> {
        let stream = self.connector.connect().await.map_err(NoAnswer::Unreachable)?;
        let mut line = Line::open(stream).await.map_err(NoAnswer::Broken)?;
        let asked = {
            let answer = pin!(line.begin(request));
            self.within(activity, &mut line, answer).await?
        };
        match asked {
            Ok(answer) => Ok(self.receive(answer, line, activity)),
            Err(failed) => Err(NoAnswer::Broken(failed.into_error())),
        }
    }

    fn receive(
        &self,
        answer: Response<Incoming>,
        line: Line,
        activity: Option<&Activity>,
    ) -> Response<Download> {
        match activity.filter(|activity| !activity.has_ended()) {
            None => Download::of(answer, line, &self.pool),
            Some(activity) => {
                tokio::spawn(go_on(line, activity.clone(), self.way.response, Arc::clone(&self.pool)));
                Download::early(answer, &self.pool)
            }
        }
    }

    /// Drives the connection until the answer's head is there, or late.
    async fn within<F>(
        &self,
        activity: Option<&Activity>,
        line: &mut Line,
        mut answer: Pin<&mut F>,
    ) -> Result<Asked, NoAnswer>
    where
        F: Future<Output = Asked>,
    {
        let mut alarm = std::mem::take(&mut line.alarm);
        let asked = in_time(&mut alarm, activity, self.way.response, |cx| {
            line.drive(cx);
            answer.as_mut().poll(cx)
        });
        let asked = asked.await.ok_or(NoAnswer::Late(self.way.response));
        line.alarm = alarm;
        asked
    }
}

/// Waits for so long after the app was last kept waiting; none where that was too long.
pub(super) async fn in_time<T>(
    alarm: &mut Alarm,
    activity: Option<&Activity>,
    patience: Duration,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Option<T> {
    let began = Instant::now();
    let end = || activity.map_or(began, Activity::since) + patience;
    alarm.set(end());
    poll_fn(|cx| {
        if let Poll::Ready(output) = poll(cx) {
            return Poll::Ready(Some(output));
        }
        loop {
            ready!(alarm.poll(cx));
            let end = end();
            if end <= Instant::now() {
                return Poll::Ready(None);
            }
            alarm.set(end);
        }
    })
    .await
}

/// Carries on with a request whose answer has begun before its end, in a task of its own: whoever
/// takes no more of the answer may first want to be rid of the request. The app has to take that in
/// time, and the connection goes back to the pool after both.
async fn go_on(mut line: Line, activity: Activity, patience: Duration, home: Arc<Pool>) {
    let mut alarm = std::mem::take(&mut line.alarm);
    let rested = match in_time(&mut alarm, Some(&activity), patience, |cx| line.poll_rest(cx)).await {
        Some(rested) => rested,
        // Only the answer is left, and whoever reads that watches over it.
        None if activity.has_ended() => poll_fn(|cx| line.poll_rest(cx)).await,
        None => false,
    };
    line.alarm = alarm;
    if rested {
        home.keep(line);
    }
}

/// Whether the connection ended, rather than said something that cannot be read.
fn is_end(error: &hyper::Error) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
    error.is_canceled() || error.is_closed() || error.is_incomplete_message() || source.is_some()
}

/// Whether the app could not be connected to in time, or only answered late.
pub fn is_timeout(error: &NoAnswer) -> bool {
    match error {
        NoAnswer::Late(_) => true,
        NoAnswer::Unreachable(error) => error.kind() == io::ErrorKind::TimedOut,
        NoAnswer::Broken(_) | NoAnswer::Fault(_) => false,
    }
}
