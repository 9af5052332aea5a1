//! Binding, and accepting connections.

use super::certificate::Certificate;
use super::connection::{self, Bounds, Origin, Phase};
use super::guest::{Guest, Tongue};
use super::handler::Handler;
use super::room::{Admission, Room};
use super::socket::{SocketFile, refuse_live_socket};
use crate::config::model::{Endpoint, Listen};
use crate::stream::Stream;
use crate::tls::{ServerTls, Shaken, Shown};
use crate::trust::Peer;
use socket2::SockRef;
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

/// A bound socket, that workers can share.
pub struct Listener {
    /// Where it listens.
    pub bound: Bound,
    socket: Socket,
    /// Of a unix socket; it goes with this.
    _file: Option<SocketFile>,
    manner: watch::Sender<Manner>,
}

enum Socket {
    Tcp(std::net::TcpListener),
    Unix(StdUnixListener),
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
    pub async fn bind(listen: &Listen, bounds: Bounds) -> io::Result<Self> {
        let (socket, bound, file) = match &listen.at {
            Endpoint::Tcp { host, port } => {
                let listener = TcpListener::bind((host.as_str(), *port)).await?;
                let bound = Bound::Tcp(listener.local_addr()?);
                (Socket::Tcp(listener.into_std()?), bound, None)
            }
            Endpoint::Unix(path) => {
                refuse_live_socket(path).await?;
                let (listener, file) = SocketFile::bind(path, listen.mode)?;
                (Socket::Unix(listener.into_std()?), Bound::Unix(path.clone()), Some(file))
            }
        };
        let manner = watch::Sender::new(Manner::new(listen, bounds));
        let listener = Self { bound, socket, _file: file, manner };
        listener.lengthen_queue()?;
        Ok(listener)
    }

    /// Lets more wait to be accepted than the 128 that a library asks for: whoever comes when the queue
    /// is full is not told, and tries again after a second.
    fn lengthen_queue(&self) -> io::Result<()> {
        match &self.socket {
            Socket::Tcp(listener) => SockRef::from(listener).listen(QUEUE),
            Socket::Unix(listener) => SockRef::from(listener).listen(QUEUE),
        }
    }

    /// Serves in this manner whoever comes from now on.
    pub fn mend(&self, manner: Manner) {
        self.manner.send_replace(manner);
    }

    /// The same socket once more, for another runtime. One socket for all, rather than one each with
    /// `SO_REUSEPORT`: then no second instance can share the port unseen, and whoever is idle accepts.
    pub fn share(&self) -> io::Result<Shared> {
        let socket = match &self.socket {
            Socket::Tcp(listener) => listener.try_clone().map(Socket::Tcp),
            Socket::Unix(listener) => listener.try_clone().map(Socket::Unix),
        };
        Ok(Shared { socket: socket?, manner: self.manner.subscribe() })
    }
}

/// A worker's own handle of a bound socket.
pub struct Shared {
    socket: Socket,
    manner: watch::Receiver<Manner>,
}

enum Acceptor {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Acceptor {
    fn new(socket: Socket) -> io::Result<Self> {
        match socket {
            Socket::Tcp(listener) => TcpListener::from_std(listener).map(Self::Tcp),
            Socket::Unix(listener) => UnixListener::from_std(listener).map(Self::Unix),
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

/// How many may wait to be accepted; the kernel has its own bound, `net.core.somaxconn`.
const QUEUE: i32 = 4096;
/// How many bytes may wait in the kernel to be sent before it says that more can be written.
const UNSENT: u32 = 16 << 10;

/// How the connections of a listener are to be served.
#[derive(Clone)]
pub struct Manner {
    bounds: Bounds,
    tls: Option<ServerTls>,
    http2: bool,
}

impl Manner {
    /// As this listener's are, within these bounds.
    pub fn new(listen: &Listen, bounds: Bounds) -> Self {
        Self { bounds, tls: listen.tls.clone(), http2: listen.http2 }
    }

    /// Whether a certificate that was shown earlier would do now.
    pub fn vouches_for(&self, shown: &Shown) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.vouches_for(shown))
    }
}

/// How long somebody may take to shake hands, and then to hear it, who is turned away.
const TURNING_AWAY: Duration = Duration::from_secs(1);
/// How long to wait when the system is short of descriptors or memory, instead of spinning.
const SHORT_OF_RESOURCES: Duration = Duration::from_millis(50);

/// Whether the next connection may well be accepted.
fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Accepts until the phase says to stop. Each connection holds `open` as long as it lives.
pub async fn accept<H>(
    Shared { socket, mut manner }: Shared,
    room: Room,
    handler: H,
    mut phase: watch::Receiver<Phase>,
    open: mpsc::Sender<Infallible>,
) where
    H: Handler,
{
    let acceptor = match Acceptor::new(socket) {
        Ok(acceptor) => acceptor,
        Err(error) => return tracing::error!(%error, "cannot listen"),
    };
    let mut newest = manner.borrow_and_update().clone();
    let mut short = false;
    loop {
        let accepted = tokio::select! {
            accepted = acceptor.accept() => accepted,
            () = connection::ends(&mut phase) => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                short = false;
                if manner.has_changed().unwrap_or_default() {
                    newest = manner.borrow_and_update().clone();
                }
                let knock = Knock { stream, peer, manner: newest.clone(), later: manner.clone() };
                spawn(knock, &room, handler.clone(), phase.clone(), open.clone());
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

/// Somebody at the door.
struct Knock {
    stream: Stream,
    peer: Peer,
    /// The newest, when they came.
    manner: Manner,
    /// And what becomes of it.
    later: watch::Receiver<Manner>,
}

impl Knock {
    /// Lets them in: after the handshake where there is one.
    async fn enter(self, patience: Duration) -> Option<Guest> {
        let Self { stream, peer, manner, later } = self;
        if let Some(tls) = manner.tls {
            // In a box, as what a handshake needs would be a part of every connection's task.
            return Box::pin(shake(stream, peer, tls, later, patience)).await;
        }
        let tongue = if manner.http2 { Tongue::Either } else { Tongue::Http1 };
        Some(Guest { stream, origin: Origin::new(peer, None), tongue })
    }
}

/// A handshake, which has to end in time.
async fn shake(
    stream: Stream,
    peer: Peer,
    tls: ServerTls,
    later: watch::Receiver<Manner>,
    patience: Duration,
) -> Option<Guest> {
    match timeout(patience, tls.accept(stream)).await {
        Ok(Ok(Shaken { stream, names, shown, http2 })) => {
            let tongue = if http2 { Tongue::Http2 } else { Tongue::Http1 };
            let origin = Origin::new(peer, Some(Box::new(Certificate::new(names, shown, later))));
            return Some(Guest { stream: Stream::Tls(Box::new(stream)), origin, tongue });
        }
        Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS handshake"),
        Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
    }
    None
}

fn spawn<H>(
    knock: Knock,
    room: &Room,
    handler: H,
    mut phase: watch::Receiver<Phase>,
    open: mpsc::Sender<Infallible>,
) where
    H: Handler,
{
    let permit = match room.admit() {
        Admission::Served(permit) => permit,
        Admission::Told(permit) => {
            tokio::spawn(async move {
                if let Some(guest) = knock.enter(TURNING_AWAY).await {
                    // Whoever does not take the answer in time gets none.
                    drop(timeout(TURNING_AWAY, guest.turn_away()).await);
                }
                drop(permit);
            });
            return;
        }
        Admission::Dropped => return,
    };
    let bounds = knock.manner.bounds;
    tokio::spawn(async move {
        let entered = tokio::select! {
            biased;
            entered = knock.enter(bounds.timeouts.tls) => entered,
            () = connection::ends(&mut phase) => None,
        };
        if let Some(guest) = entered {
            connection::serve(guest, bounds, handler, phase).await;
        }
        drop((permit, open));
    });
}
