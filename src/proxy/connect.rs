//! Reaching the app, or another program that is asked.

use crate::config::model::{Endpoint, Remote};
use crate::stream::Stream;
use crate::tls::Offer;
use std::io;
use std::path::Path;
use std::time::Duration;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, timeout_at};

/// How long to leave a full queue alone.
const QUEUE_FULL: Duration = Duration::from_millis(5);

/// The way to one fixed place, whatever an address says.
pub struct Connector {
    at: Remote,
    patience: Duration,
}

impl Connector {
    /// Connects there, and gives up after so long.
    pub fn new(at: Remote, patience: Duration) -> Self {
        Self { at, patience }
    }

    /// Connects. A handshake has to end within the same time.
    pub async fn connect(&self) -> io::Result<Stream> {
        self.connect_for(Offer::Http1).await
    }

    /// The same, for what the other end chooses of these.
    pub async fn connect_for(&self, offer: Offer) -> io::Result<Stream> {
        let deadline = Instant::now() + self.patience;
        let late = |what: &'static str| move |_| io::Error::new(io::ErrorKind::TimedOut, what);
        let dialled = timeout_at(deadline, self.dial()).await;
        let stream = dialled.map_err(late("no connection in time"))??;
        let Some(tls) = &self.at.tls else { return Ok(stream) };
        let shaken = timeout_at(deadline, tls.connect(stream, offer)).await;
        let encrypted = shaken.map_err(late("no TLS handshake in time"))??;
        Ok(Stream::Tls(Box::new(encrypted)))
    }

    async fn dial(&self) -> io::Result<Stream> {
        match &self.at.endpoint {
            Endpoint::Tcp { host, port } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
            Endpoint::Unix(path) => connect_unix(path).await.map(Stream::Unix),
        }
    }
}

/// Connects to a socket file. Where too many wait there already the system says so at once, while it
/// waits for us over TCP; so we wait ourselves.
async fn connect_unix(path: &Path) -> io::Result<UnixStream> {
    loop {
        match UnixStream::connect(path).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => tokio::time::sleep(QUEUE_FULL).await,
            connected => return connected,
        }
    }
}
