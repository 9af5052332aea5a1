//! Reaching the app, or another program that is asked.

use crate::config::model::{Endpoint, Remote};
use crate::stream::Stream;
use std::io;
use std::time::Duration;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, timeout_at};

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
        let deadline = Instant::now() + self.patience;
        let late = |what: &'static str| move |_| io::Error::new(io::ErrorKind::TimedOut, what);
        let dialled = timeout_at(deadline, self.dial()).await;
        let stream = dialled.map_err(late("no connection in time"))??;
        let Some(tls) = &self.at.tls else { return Ok(stream) };
        let shaken = timeout_at(deadline, tls.connect(stream)).await;
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
            Endpoint::Unix(path) => UnixStream::connect(path).await.map(Stream::Unix),
        }
    }
}
