//! Reaching the app, or another program that is asked.

use crate::config::model::Endpoint;
use crate::stream::Stream;
use std::io;
use std::time::Duration;
use tokio::net::{TcpStream, UnixStream};

/// The way to one fixed place, whatever an address says.
pub struct Connector {
    at: Endpoint,
    patience: Duration,
}

impl Connector {
    /// Connects there, and gives up after so long.
    pub fn new(at: Endpoint, patience: Duration) -> Self {
        Self { at, patience }
    }

    /// Connects.
    pub async fn connect(&self) -> io::Result<Stream> {
        let late = |_| io::Error::new(io::ErrorKind::TimedOut, "no connection in time");
        tokio::time::timeout(self.patience, self.dial()).await.map_err(late)?
    }

    async fn dial(&self) -> io::Result<Stream> {
        match &self.at {
            Endpoint::Tcp { host, port } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
            Endpoint::Unix(path) => UnixStream::connect(path).await.map(Stream::Unix),
        }
    }
}
