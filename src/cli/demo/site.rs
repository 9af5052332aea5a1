//! Where everything is, as a browser sees it.

use super::Error;
use crate::tls::{Chain, PrivateKey, ServerTls};
use std::net::SocketAddr;
use std::path::PathBuf;

/// What the person at the terminal chose.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Where the demo is opened.
    pub listen: SocketAddr,
    /// Under which name, where not by its address.
    pub name: Option<String>,
    /// A PEM file with a certificate and its key, where all of it is served over TLS.
    pub tls: Option<PathBuf>,
}

impl Setup {
    /// How to be connected to over TLS.
    pub fn tls(&self) -> Result<Option<ServerTls>, Error> {
        let Some(path) = &self.tls else { return Ok(None) };
        let failed = |why: String| Error::Tls(path.clone(), why);
        let text = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
        let chain = Chain::from_pem(&text).map_err(|fault| failed(fault.to_string()))?;
        let key = PrivateKey::from_pem(&text).map_err(|fault| failed(fault.to_string()))?;
        ServerTls::new(chain, key, None, false).map(Some).map_err(|fault| failed(fault.to_string()))
    }

    /// The origins of a demo whose parts listen there.
    pub fn site(&self, front: SocketAddr, pandium: SocketAddr, partner: SocketAddr) -> Site {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let app = match &self.name {
            Some(name) => format!("{scheme}://{name}:{}", front.port()),
            None => format!("{scheme}://{front}"),
        };
        Site {
            scheme,
            app,
            pandium: format!("{scheme}://{pandium}"),
            partner: format!("{scheme}://{partner}"),
        }
    }
}

/// The origins.
#[derive(Clone, Debug)]
pub struct Site {
    /// `http`, or `https`.
    pub scheme: &'static str,
    /// The app, as its visitors know it.
    pub app: String,
    /// Pandium.
    pub pandium: String,
    /// The other side of an integration.
    pub partner: String,
}
