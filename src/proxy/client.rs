//! Asking the app, or another program.

use super::alarm::Alarm;
use super::body::{Activity, Body};
use super::connect::Connector;
use super::download::Download;
use super::http2;
use super::line::{Fault, Line};
use super::onward::{Plain, Seen};
use super::overtaken::Overtaken;
use super::pool::Pool;
use crate::config::model::{Endpoint, Remote, Timeouts, Upstream};
use crate::stream::Stream;
use http::{Request, Response};
use http_body::Body as _;
use std::future::{Future, poll_fn};
use std::io;
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
    #[error("{0}")]
    Broken(#[source] Fault),
    /// The same over HTTP/2.
    #[error("{0}")]
    Fault(#[source] http2::Fault),
    /// It was reached, and did not answer in time.
    #[error("no answer within {0:?}")]
    Late(Duration),
}

/// A request that was begun over a connection that was used before, and of which nothing is sent.
pub struct Begun(Box<Line>);

impl Client {
    fn new(way: Way) -> Self {
        let (connector, pool) = (Connector::new(way.at.clone(), way.connect), Pool::new(way.keepalive));
        Self { way, connector, pool }
    }

    /// The way that it goes.
    pub fn way(&self) -> &Way {
        &self.way
    }

    /// Where it leads, as the file has it.
    pub fn place(&self) -> &Endpoint {
        &self.way.at.endpoint
    }

    /// Takes a connection that somebody else has made, for the next request.
    pub fn adopt(&self, stream: Stream) {
        self.pool.keep(Line::open(stream));
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
                return Box::pin(self.send_anew(|line| line.begin(request), activity)).await;
            };
            line.begin(request);
            self.hear_over(line, repeatable, activity).await
        }
    }

    /// Whether there may be a connection that was used before.
    pub fn is_warm(&self) -> bool {
        !self.pool.is_empty()
    }

    /// Begins with a plain request, which may be repeated; if there is a connection that was used before.
    pub fn begin(&self, plain: Plain<'_>, seen: &Seen<'_>) -> Option<Begun> {
        let mut line = self.pool.take()?;
        line.begin_plain(plain, seen);
        Some(Begun(line))
    }

    /// Sends it, and waits for the head of its answer.
    pub fn hear(
        &self,
        Begun(line): Begun,
    ) -> impl Future<Output = Result<Response<Download>, NoAnswer>> + use<'_> {
        self.hear_over(line, true, None)
    }

    /// Waits for the answer to what was begun over a connection that was used before.
    #[allow(clippy::manual_async_fn, reason = "an `async fn` keeps what it is given twice over")]
    fn hear_over<'s>(
        &'s self,
        mut line: Box<Line>,
        repeatable: bool,
        activity: Option<&'s Activity>,
    ) -> impl Future<Output = Result<Response<Download>, NoAnswer>> + use<'s> {
        async move {
            match self.within(activity, &mut line).await? {
                Ok(answer) => Ok(self.receive(answer, line, activity)),
                Err(fault) if line.may_go_again(&fault, repeatable) => {
                    Box::pin(self.send_anew(|fresh| fresh.begin_again(*line), activity)).await
                }
                Err(fault) => Err(NoAnswer::Broken(fault)),
            }
        }
    }

    async fn send_anew(
        &self,
        begin: impl FnOnce(&mut Line),
        activity: Option<&Activity>,
    ) -> Result<Response<Download>, NoAnswer> {
        let stream = self.connector.connect().await.map_err(NoAnswer::Unreachable)?;
        let mut line = Line::open(stream);
        begin(&mut line);
        let answer = self.within(activity, &mut line).await?.map_err(NoAnswer::Broken)?;
        Ok(self.receive(answer, line, activity))
    }

    fn receive(
        &self,
        answer: Response<()>,
        mut line: Box<Line>,
        activity: Option<&Activity>,
    ) -> Response<Download> {
        if !line.is_uploading() {
            return Download::of(answer, line, &self.pool);
        }
        let alarm = std::mem::take(&mut line.alarm);
        let line = Overtaken::new(line);
        let (rest, home) = (Arc::clone(&line), Arc::clone(&self.pool));
        tokio::spawn(go_on(rest, alarm, activity.cloned(), self.way.response, home));
        Download::early(answer, line, &self.pool)
    }

    /// Moves what moves until the answer's head is there, or late.
    async fn within(
        &self,
        activity: Option<&Activity>,
        line: &mut Line,
    ) -> Result<Result<Response<()>, Fault>, NoAnswer> {
        let mut alarm = std::mem::take(&mut line.alarm);
        let answer = in_time(&mut alarm, activity, self.way.response, |cx| line.poll_head(cx)).await;
        line.alarm = alarm;
        answer.ok_or(NoAnswer::Late(self.way.response))
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

/// Carries on with a request whose answer has begun before its end. The app has to take it in time; if it
/// does not, the answer may go on, and is the last on its connection.
async fn go_on(
    line: Arc<Overtaken>,
    mut alarm: Alarm,
    activity: Option<Activity>,
    patience: Duration,
    home: Arc<Pool>,
) {
    let sent = in_time(&mut alarm, activity.as_ref(), patience, |cx| line.poll_upload(cx)).await;
    if sent.is_none() {
        line.hold_back();
    }
    Overtaken::leave(line, &home);
}

/// Whether the app could not be connected to in time, or only answered late.
pub fn is_timeout(error: &NoAnswer) -> bool {
    match error {
        NoAnswer::Late(_) => true,
        NoAnswer::Unreachable(error) => error.kind() == io::ErrorKind::TimedOut,
        NoAnswer::Broken(_) | NoAnswer::Fault(_) => false,
    }
}
