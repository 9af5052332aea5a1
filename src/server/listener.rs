//! Binding, and accepting connections.

use super::connection::{self, Bounds, Origin, Phase};
use super::reply;
use super::socket::{SocketFile, refuse_live_socket};
use crate::config::model::{Endpoint, Limits, Listen, Timeouts};
use crate::proxy::body::Body;
use crate::stream::Stream;
use crate::trust::Peer;
use http::{Request, Response};
use hyper::body::Incoming;
use socket2::SockRef;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Semaphore, mpsc, watch};

/// A bound socket, that workers can share.
pub enum Listener {
    /// TCP.
    Tcp(std::net::TcpListener),
    /// A unix socket, and its file.
    Unix(StdUnixListener, SocketFile),
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
            Endpoint::Tcp { host, port } => {
                TcpListener::bind((host.as_str(), *port)).await?.into_std().map(Self::Tcp)
            }
            Endpoint::Unix(path) => {
                refuse_live_socket(path).await?;
                let (listener, file) = SocketFile::bind(path, listen.mode)?;
                Ok(Self::Unix(listener.into_std()?, file))
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

    /// The same socket once more, for another runtime. One socket for all, rather than one each with
    /// `SO_REUSEPORT`: then no second instance can share the port unseen, and whoever is idle accepts.
    pub fn share(&self) -> io::Result<Shared> {
        match self {
            Self::Tcp(listener) => listener.try_clone().map(Shared::Tcp),
            Self::Unix(listener, _) => listener.try_clone().map(Shared::Unix),
        }
    }
}

/// A worker's own handle of a bound socket.
pub enum Shared {
    /// TCP.
    Tcp(std::net::TcpListener),
    /// A unix socket.
    Unix(StdUnixListener),
}

enum Acceptor {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Acceptor {
    fn new(shared: Shared) -> io::Result<Self> {
        match shared {
            Shared::Tcp(listener) => TcpListener::from_std(listener).map(Self::Tcp),
            Shared::Unix(listener) => UnixListener::from_std(listener).map(Self::Unix),
        }
    }

    async fn accept(&self) -> io::Result<(Stream, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // A visitor's answer should not wait for more of it, and a slow reader's progress
                // should show before most of the queue is empty. Failing is no reason to refuse.
                let _ = stream.set_nodelay(true);
                let _ = SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT);
                Ok((Stream::Tcp(stream), Peer::ip(address.ip())))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                let uid = stream.peer_cred().map(|credentials| credentials.uid()).ok();
                Ok((Stream::Unix(stream), Peer::Unix(uid)))
            }
        }
    }
}

/// How many bytes may wait in the kernel to be sent before it says that more can be written.
const UNSENT: u32 = 128 << 10;

/// How connections are to be served.
#[derive(Clone)]
pub struct Manner {
    /// For each of them.
    pub bounds: Bounds,
    /// One permit for each connection, over all listeners and workers.
    pub permits: Arc<Semaphore>,
}

impl Manner {
    /// Serves within these bounds.
    pub fn new(limits: Limits, timeouts: Timeouts) -> Self {
        let permits = Arc::new(Semaphore::new(limits.connections));
        Self { bounds: Bounds { limits, timeouts }, permits }
    }
}

/// How long to wait when the system is short of descriptors or memory, instead of spinning.
const SHORT_OF_RESOURCES: Duration = Duration::from_millis(50);

/// Whether the next connection may well be accepted.
fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Accepts until the phase says to stop. Each connection holds `open` as long as it lives.
pub async fn accept<H, F>(
    shared: Shared,
    manner: Manner,
    handler: H,
    mut phase: watch::Receiver<Phase>,
    open: mpsc::Sender<Infallible>,
) where
    H: Fn(Arc<Origin>, Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let acceptor = match Acceptor::new(shared) {
        Ok(acceptor) => acceptor,
        Err(error) => return tracing::error!(%error, "cannot listen"),
    };
    let mut short = false;
    loop {
        let accepted = tokio::select! {
            accepted = acceptor.accept() => accepted,
            _ = phase.wait_for(|phase| *phase != Phase::Serving) => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                short = false;
                spawn(stream, peer, &manner, handler.clone(), phase.clone(), open.clone());
            }
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                // Once for each time that this begins: it would fill the log otherwise.
                if !std::mem::replace(&mut short, true) {
                    tracing::warn!(%error, "cannot accept");
                }
                tokio::time::sleep(SHORT_OF_RESOURCES).await;
            }
        }
    }
}

fn spawn<H, F>(
    stream: Stream,
    peer: Peer,
    manner: &Manner,
    handler: H,
    phase: watch::Receiver<Phase>,
    open: mpsc::Sender<Infallible>,
) where
    H: Fn(Arc<Origin>, Request<Incoming>) -> F + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let Ok(permit) = Arc::clone(&manner.permits).try_acquire_owned() else {
        tokio::spawn(reply::turn_away(stream));
        return;
    };
    let bounds = manner.bounds;
    tokio::spawn(async move {
        connection::serve(stream, peer, bounds, handler, phase).await;
        drop((permit, open));
    });
}
