//! Connections to the app.

use super::body::{Activity, Body};
use crate::config::model::{Endpoint, Timeouts, Upstream};
use crate::stream::Stream;
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client as Pool, Error as PoolError};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::Instant;
use tower_service::Service;

/// How long an idle connection is used again, where the file does not say: old servers close theirs
/// after two seconds.
const KEEPALIVE: Duration = Duration::from_millis(1500);

/// A pool of connections to the app.
pub struct Client {
    pool: Pool<Connector, Body>,
    base: String,
    response: Duration,
}

/// Why the app gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// It could not be reached, or broke off.
    #[error("{}", chain(.0))]
    Unreachable(#[source] PoolError),
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
    /// A client for this app.
    pub fn new(upstream: &Upstream, timeouts: &Timeouts) -> Self {
        Self::pooled(upstream.at.clone(), upstream.keepalive, timeouts.response, timeouts.connect)
    }

    /// A client for a program that is asked short questions.
    pub fn to(at: Endpoint, patience: Duration, timeouts: &Timeouts) -> Self {
        Self::pooled(at, KEEPALIVE, patience, timeouts.connect)
    }

    fn pooled(at: Endpoint, keepalive: Duration, response: Duration, connect: Duration) -> Self {
        let base = format!("http://{}", authority(&at));
        let connector = Connector { at: Arc::new(at), patience: connect };
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_idle_timeout(keepalive)
            .http1_preserve_header_case(true)
            .http1_max_headers(256)
            .build(connector);
        Self { pool, base, response }
    }

    /// The address of a path, as the pool wants it; the request line has the path alone.
    pub fn address(&self, path_and_query: &str) -> Result<Uri, http::Error> {
        Ok(format!("{}{path_and_query}", self.base).parse::<Uri>()?)
    }

    /// Sends a request, and waits for the head of its answer. The wait begins anew with every piece
    /// of the request's body, and not before the visitor has sent it: a long upload is no late answer.
    pub async fn send(
        &self,
        request: Request<Body>,
        activity: &Activity,
    ) -> Result<Response<Incoming>, NoAnswer> {
        let mut answer = std::pin::pin!(self.pool.request(request));
        loop {
            let deadline = activity.since() + self.response;
            match tokio::time::timeout_at(deadline, &mut answer).await {
                Ok(answer) => return answer.map_err(NoAnswer::Unreachable),
                Err(_) if activity.since() + self.response <= Instant::now() => {
                    return Err(NoAnswer::Late(self.response));
                }
                Err(_) => {}
            }
        }
    }
}

/// What the pool tells connections apart by; the app sees the visitor's own `Host`.
fn authority(at: &Endpoint) -> String {
    match at {
        Endpoint::Tcp { .. } => at.to_string(),
        Endpoint::Unix(_) => "localhost".to_owned(),
    }
}

/// Connects to one fixed place, whatever the address says.
#[derive(Clone)]
struct Connector {
    at: Arc<Endpoint>,
    patience: Duration,
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<Stream>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let Self { at, patience } = self.clone();
        Box::pin(async move {
            let late = |_| io::Error::new(io::ErrorKind::TimedOut, "no connection in time");
            tokio::time::timeout(patience, connect(&at)).await.map_err(late)?.map(TokioIo::new)
        })
    }
}

async fn connect(at: &Endpoint) -> io::Result<Stream> {
    match at {
        Endpoint::Tcp { host, port } => {
            let stream = TcpStream::connect((host.as_str(), *port)).await?;
            stream.set_nodelay(true)?;
            Ok(Stream::Tcp(stream))
        }
        Endpoint::Unix(path) => UnixStream::connect(path).await.map(Stream::Unix),
    }
}

/// Whether the app could not be connected to in time, or only answered late.
pub fn is_timeout(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source())
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::TimedOut)
}
