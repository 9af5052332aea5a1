//! The end that is connected to: what it shows, and whose certificates it asks for.

use super::client::Authorities;
use super::pem::{self, PemFault};
use super::san::{self, San};
use super::{Encrypted, HTTP2, LibraryFault, PROVIDER, protocols};
use httpdate::fmt_http_date;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{
    ClientHello, NoServerSessionStorage, ParsedCertificate, ResolvesServerCert, WebPkiClientVerifier,
};
use rustls::sign::{CertifiedKey, SigningKey, SingleCertAndKey};
use rustls::{Error as TlsError, InconsistentKeys, ServerConfig};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use x509_cert::der::Decode as _;
use x509_cert::time::Time;

/// A server's certificate, with those that lead from it to an authority.
pub struct Chain {
    certificates: Vec<CertificateDer<'static>>,
    /// The first of them; none where only the library can read it.
    own: Option<x509_cert::Certificate>,
}

impl Chain {
    /// The certificates in a text: the server's own comes first.
    pub fn from_pem(text: &[u8]) -> Result<Self, PemFault> {
        let certificates = pem::certificates(text)?;
        for (certificate, number) in certificates.iter().zip(1..) {
            ParsedCertificate::try_from(certificate).map_err(|error| {
                let old = format!("{error:?}").contains("UnsupportedCertVersion");
                if old { PemFault::Old(number) } else { PemFault::Unreadable(number) }
            })?;
        }
        let own = certificates.first().and_then(|own| x509_cert::Certificate::from_der(own).ok());
        Ok(Self { certificates, own })
    }

    /// Why the server's own does not count at that time, where it does not.
    pub fn objection(&self, now: SystemTime) -> Option<String> {
        let (start, end) = self.period()?;
        let tell = |why: &str, date| Some(format!("the certificate {why} {}", fmt_http_date(date)));
        match () {
            () if now > end => tell("has ended:", end),
            () if now < start => tell("does not count before", start),
            () => None,
        }
    }

    fn period(&self) -> Option<(SystemTime, SystemTime)> {
        let validity = self.own.as_ref()?.tbs_certificate().validity();
        let at = |time: Time| SystemTime::UNIX_EPOCH + time.to_unix_duration();
        Some((at(validity.not_before), at(validity.not_after)))
    }
}

/// Whose it is, and for how long.
impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.own.as_ref().map(|own| san::names_of(own.tbs_certificate())).unwrap_or_default();
        let names: Vec<_> = names.iter().map(San::to_string).collect();
        let names = if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
        f.write_str(&names)?;
        self.period().map_or(Ok(()), |(_, end)| write!(f, " until {}", fmt_http_date(end)))
    }
}

/// A private key, in the library's hands.
pub struct PrivateKey(Arc<dyn SigningKey>);

impl PrivateKey {
    /// The one key in a text.
    pub fn from_pem(text: &[u8]) -> Result<Self, PemFault> {
        let key = PROVIDER.key_provider.load_private_key(pem::private_key(text)?);
        key.map(Self).map_err(|_| PemFault::UnusableKey)
    }
}

/// Why a server cannot show what it was given.
#[derive(Debug, thiserror::Error)]
pub enum ServerFault {
    /// A key and a certificate that know nothing of each other.
    #[error(
        "this key is not that of the certificate, or of the first one in its file, which has to be the server's own"
    )]
    Strangers,
    /// The library refuses.
    #[error("{0}")]
    Library(#[from] LibraryFault),
}

/// How to be connected to. What connections are under way with stays theirs: a listener takes the
/// one that is the newest for each connection.
#[derive(Clone)]
pub struct ServerTls {
    config: Arc<ServerConfig>,
    verifier: Option<Verifier>,
    shows: Arc<str>,
    asks: Option<Arc<str>>,
}

/// A client's certificate, with those between it and its authority; none where it showed none.
pub struct Shown(Vec<CertificateDer<'static>>);

/// What comes out of a handshake.
pub struct Shaken<S> {
    /// The connection.
    pub stream: Encrypted<S>,
    /// The names in the certificate that was shown.
    pub names: Vec<San>,
    /// That certificate, with those that came with it.
    pub shown: Shown,
    /// Whether HTTP/2 was agreed on.
    pub http2: bool,
}

impl ServerTls {
    /// Shows this certificate. With `clients`, a certificate is asked for; nobody needs one, but one
    /// that is shown has to be good.
    pub fn new(
        chain: Chain,
        key: PrivateKey,
        clients: Option<Authorities>,
        http2: bool,
    ) -> Result<Self, ServerFault> {
        let shows = chain.to_string();
        let certified = CertifiedKey::new(chain.certificates, key.0);
        match certified.keys_match() {
            Ok(()) | Err(TlsError::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(_) => return Err(ServerFault::Strangers),
        }
        let asks = clients.as_ref().map(|authorities| authorities.shown().into());
        let verifier = clients.map(verifier).transpose()?;
        let resolver = Arc::new(SingleCertAndKey::from(certified));
        let config = config(resolver, verifier.clone(), http2)?;
        Ok(Self { config, verifier, shows: shows.into(), asks })
    }

    /// What stands in for files that were left alone. Every handshake fails.
    pub fn nobody(clients: Option<Authorities>) -> Result<Self, LibraryFault> {
        let asks = clients.map(|authorities| authorities.shown().into());
        let config = config(Arc::new(Nothing), None, false)?;
        Ok(Self { config, verifier: None, shows: "what was not read".into(), asks })
    }

    /// Whether certificates are asked for.
    pub fn asks(&self) -> bool {
        self.asks.is_some()
    }

    /// Shakes hands over a connection.
    pub async fn accept<S>(&self, stream: S) -> io::Result<Shaken<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.config));
        let stream = acceptor.accept(stream).await?;
        let session = stream.get_ref().1;
        let shown = session.peer_certificates().unwrap_or_default();
        let names = shown.first().map(san::names).unwrap_or_default();
        let shown = Shown(shown.iter().map(|certificate| certificate.clone().into_owned()).collect());
        let http2 = session.alpn_protocol() == Some(HTTP2);
        Ok(Shaken { stream: Encrypted::Server(stream), names, shown, http2 })
    }

    /// Whether a certificate that was shown earlier would do in a handshake now.
    pub fn vouches_for(&self, Shown(shown): &Shown) -> bool {
        let (Some(verifier), Some((own, others))) = (&self.verifier, shown.split_first()) else {
            return false;
        };
        verifier.verify_client_cert(own, others, UnixTime::now()).is_ok()
    }
}

type Verifier = Arc<dyn ClientCertVerifier>;

fn config(
    resolver: Arc<dyn ResolvesServerCert>,
    verifier: Option<Verifier>,
    http2: bool,
) -> Result<Arc<ServerConfig>, LibraryFault> {
    let asks = verifier.is_some();
    let builder = ServerConfig::builder_with_provider(Arc::clone(&PROVIDER));
    let builder = builder.with_safe_default_protocol_versions()?;
    let builder = match verifier {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(resolver);
    config.alpn_protocols = protocols(http2);
    if asks {
        // A session that is taken up again would carry a client's certificate past its end.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    } else {
        config.ticketer = Ticketer::new()?;
    }
    Ok(Arc::new(config))
}

/// Nobody has to show a certificate; one that is shown has to be good.
fn verifier(clients: Authorities) -> Result<Verifier, LibraryFault> {
    WebPkiClientVerifier::builder_with_provider(Arc::new(clients.into_roots()), Arc::clone(&PROVIDER))
        .allow_unauthenticated()
        .build()
        .map_err(|error| LibraryFault::from(TlsError::General(error.to_string())))
}

/// No certificate for anybody.
#[derive(Debug)]
struct Nothing;

impl ResolvesServerCert for Nothing {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        None
    }
}

/// As `check` shows it.
impl fmt::Display for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TLS, as {}", self.shows)?;
        self.asks.as_ref().map_or(Ok(()), |of| write!(f, ", asking for certificates of {of}"))
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerTls({self})")
    }
}

/// Two that were made alike are two all the same: each has a key of its own in hand.
impl PartialEq for ServerTls {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.config, &other.config)
    }
}

impl Eq for ServerTls {}
