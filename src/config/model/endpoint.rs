//! Places: where we listen, and where others do.

use crate::tls::{ClientTls, ServerTls};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// One of `listen`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Where.
    pub at: Endpoint,
    /// `mode` of a unix socket.
    pub mode: Option<u32>,
    /// Whether HTTP/2 is spoken.
    pub http2: bool,
    /// What is shown to whoever connects, where that is encrypted.
    pub tls: Option<ServerTls>,
}

/// A place to listen at, or to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A host (name or address) and a port.
    Tcp {
        /// The host; IPv6 addresses without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// A unix socket.
    Unix(PathBuf),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A program that we connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Where it listens.
    pub endpoint: Endpoint,
    /// How it proves that it is the one, where it has to.
    pub tls: Option<ClientTls>,
}

impl Remote {
    /// `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }
}

/// `upstream`: the app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Where it listens.
    pub at: Remote,
    /// How long an idle connection to it is reused.
    pub keepalive: Duration,
}
