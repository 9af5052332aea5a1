//! The end that connects: it learns whom it speaks with, or it does not speak.

use super::pem::{self, PemFault};
use super::{Encrypted, LibraryFault, PROVIDER, protocols};
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig, Error as TlsError, RootCertStore};
use std::io;
use std::sync::Arc;
use std::{error, fmt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

/// Whose signature under a certificate counts.
#[derive(Clone)]
pub struct Authorities {
    roots: RootCertStore,
    shown: String,
}

impl Authorities {
    /// Those that browsers go by, as Mozilla lists them: a part of the program, so that the same ones
    /// count on every machine.
    pub fn of_the_web() -> Self {
        let roots = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
        Self { roots, shown: "the web's authorities".to_owned() }
    }

    /// These, and no others.
    pub fn from_pem(text: &[u8], shown: impl Into<String>) -> Result<Self, PemFault> {
        let mut roots = RootCertStore::empty();
        for (index, certificate) in pem::certificates(text)?.into_iter().enumerate() {
            roots.add(certificate).map_err(|_| PemFault::Unreadable(index + 1))?;
        }
        Ok(Self { roots, shown: shown.into() })
    }

    /// Who they are.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    pub(super) fn into_roots(self) -> RootCertStore {
        self.roots
    }

    /// Nobody at all: what stands in for a file that was left alone. Every handshake fails.
    pub fn nobody(shown: impl Into<String>) -> Self {
        Self { roots: RootCertStore::empty(), shown: shown.into() }
    }
}

/// What a server's certificate has to have among its names.
pub struct Name(ServerName<'static>);

/// A name that no certificate can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no certificate can have this name: a host's name or an address is wanted here")]
pub struct NoName;

impl Name {
    /// The name of a host, or an address.
    pub fn parse(text: &str) -> Result<Self, NoName> {
        ServerName::try_from(text.to_owned()).map(Self).map_err(|_| NoName)
    }
}

/// What is offered to speak over a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// HTTP/1.1 alone.
    Http1,
    /// HTTP/2, and HTTP/1.1 where that is not wanted.
    Either,
}

/// How to connect to one server.
#[derive(Clone)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    roots: Arc<RootCertStore>,
    authorities: Arc<str>,
}

impl ClientTls {
    /// Connects to the server of this name, if one of these says that it is.
    pub fn new(Name(name): Name, authorities: Authorities) -> Result<Self, LibraryFault> {
        let roots = Arc::new(authorities.roots);
        let config = ClientConfig::builder_with_provider(Arc::clone(&PROVIDER))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(Arc::clone(&roots))
            .with_no_client_auth();
        Ok(Self { config: Arc::new(config), name, roots, authorities: authorities.shown.into() })
    }

    /// Shakes hands over a connection, for HTTP/1.1, or for whichever of these the server wants.
    pub async fn connect<S>(&self, stream: S, offer: Offer) -> io::Result<Encrypted<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let connector = connector.with_alpn(protocols(offer == Offer::Either));
        let connected = connector.connect(self.name.clone(), stream).await;
        connected.map(Encrypted::Client).map_err(explained)
    }
}

/// As `check` shows it.
impl fmt::Display for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TLS, as {}, certified by {}", self.name.to_str(), self.authorities)
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientTls({self})")
    }
}

/// Two that connect to the same server on the same authorities' word are one: it does not matter whose
/// tickets are taken up again.
impl PartialEq for ClientTls {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.roots.roots == other.roots.roots
    }
}

impl Eq for ClientTls {}

/// Why hands were not shaken, in the words of whoever can mend it.
#[derive(Debug)]
struct Unshaken(String);

impl fmt::Display for Unshaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TLS: {}", self.0)
    }
}

impl error::Error for Unshaken {}

fn explained(error: io::Error) -> io::Error {
    let told = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()).map(words);
    match told {
        Some(words) => io::Error::new(io::ErrorKind::InvalidData, Unshaken(words)),
        None if error.kind() == io::ErrorKind::UnexpectedEof => io::Error::new(
            error.kind(),
            Unshaken("the other end hung up in the middle of the handshake".into()),
        ),
        None => error,
    }
}

fn words(error: &TlsError) -> String {
    let hint = match error {
        TlsError::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "; where its authority is a private one, name that as `ca_file`"
        }
        TlsError::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "; what name is expected says `server_name`, or the address",
        // webpki keeps the reason to itself but for its name.
        TlsError::InvalidCertificate(CertificateError::Other(other))
            if format!("{other:?}").contains("CaUsedAsEndEntity") =>
        {
            "; a certificate of an authority (CA:TRUE) is no server's: have it sign one"
        }
        TlsError::InvalidMessage(_) => "; does the other end speak TLS here at all?",
        _ => "",
    };
    format!("{error}{hint}")
}
