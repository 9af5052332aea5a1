//! Accepting connections, and ending them in order.

use super::patience::{Arrivals, HeadTimer, Watched};
use super::reply;
use super::socket::{SocketFile, refuse_live_socket};
use crate::config::model::{Endpoint, Limits, Listen, Timeouts};
use crate::proxy::body::Body;
use crate::stream::Stream;
use crate::trust::Peer;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Semaphore, watch};

/// A bound socket.
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// A unix socket, and its file.
    Unix(UnixListener, SocketFile),
}

/// Where a listener really listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bound {
    /// With the port that the system chose, where it was asked to.
    Tcp(SocketAddr),
    /// A socket file.
    Unix(PathBuf),
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Listener {
    /// Binds. A socket file that nobody answers is replaced; a live one is an error.
    pub async fn bind(listen: &Listen) -> io::Result<Self> {
        match &listen.at {
            Endpoint::Tcp { host, port } => Ok(Self::Tcp(TcpListener::bind((host.as_str(), *port)).await?)),
            Endpoint::Unix(path) => {
                refuse_live_socket(path).await?;
                let (listener, file) = SocketFile::bind(path, listen.mode)?;
                Ok(Self::Unix(listener, file))
            }
        }
    }

    /// Where it listens.
    pub fn bound(&self) -> io::Result<Bound> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(Bound::Tcp),
            Self::Unix(_, file) => Ok(Bound::Unix(file.path.clone())),
        }
    }

    async fn accept(&self) -> io::Result<(Stream, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // A visitor's answer should not wait for more of it; that failing is no reason to refuse.
                let _ = stream.set_nodelay(true);
                Ok((Stream::Tcp(stream), Peer::ip(address.ip())))
            }
            Self::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                let uid = stream.peer_cred().map(|credentials| credentials.uid()).ok();
                Ok((Stream::Unix(stream), Peer::Unix(uid)))
            }
        }
    }
}

/// How connections are to be served.
#[derive(Clone)]
pub struct Manner {
    /// Bounds on what is read.
    pub limits: Limits,
    /// Bounds on waits.
    pub timeouts: Timeouts,
    /// One permit for each connection, over all listeners.
    pub permits: Arc<Semaphore>,
}

impl Manner {
    /// Serves within these bounds.
    pub fn new(limits: Limits, timeouts: Timeouts) -> Self {
        let permits = Arc::new(Semaphore::new(limits.connections));
        Self { limits, timeouts, permits }
    }

    fn builder(&self, arrivals: Arrivals) -> http1::Builder {
        let mut builder = http1::Builder::new();
        builder
            .timer(HeadTimer { head: self.timeouts.header, arrivals })
            .header_read_timeout(self.timeouts.idle)
            .max_headers(self.limits.headers)
            .max_buf_size(self.limits.header_bytes.max(8192))
            .preserve_header_case(true)
            .half_close(true);
        builder
    }
}

/// How long to wait when the system is short of descriptors or memory, instead of spinning.
const SHORT_OF_RESOURCES: Duration = Duration::from_millis(50);

/// Whether the next connection may well be accepted.
fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Accepts until told to stop, and then waits for what is in flight.
pub async fn serve<H, F>(listener: Listener, manner: Manner, handler: H, mut stop: watch::Receiver<bool>)
where
    H: Fn(Peer, Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send,
{
    let graceful = GracefulShutdown::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => spawn(stream, peer, &manner, handler.clone(), &graceful),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept");
                    if !is_about_one_connection(&error) {
                        tokio::time::sleep(SHORT_OF_RESOURCES).await;
                    }
                }
            },
            () = told(&mut stop) => break,
        }
    }
    drop(listener);
    graceful.shutdown().await;
}

async fn told(stop: &mut watch::Receiver<bool>) {
    // An error means that whoever could tell is gone, which is telling enough.
    drop(stop.wait_for(|stop| *stop).await);
}

fn spawn<H, F>(stream: Stream, peer: Peer, manner: &Manner, handler: H, graceful: &GracefulShutdown)
where
    H: Fn(Peer, Request<Incoming>) -> F + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send,
{
    let Ok(permit) = Arc::clone(&manner.permits).try_acquire_owned() else {
        tokio::spawn(reply::turn_away(stream));
        return;
    };
    let arrivals = Arrivals::default();
    let builder = manner.builder(arrivals.clone());
    let io = Watched::new(TokioIo::new(stream), arrivals, manner.timeouts.stall);
    let handler = Arc::new(handler);
    let service = service_fn(move |request| {
        let handler = Arc::clone(&handler);
        async move { Ok::<_, Infallible>(handler(peer, request).await) }
    });
    let connection = graceful.watch(builder.serve_connection(io, service));
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%peer, %error, "connection ended");
        }
        drop(permit);
    });
}
