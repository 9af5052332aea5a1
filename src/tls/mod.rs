//! TLS, and the only room of the library for it.
//!
//! Certificates and keys come in as PEM text, and everything about them that can be wrong is found
//! when they do. What goes out are encrypted connections.

mod client;
mod pem;
mod san;
mod server;

pub use client::{Authorities, ClientTls, Name, NoName, Offer};
pub use pem::PemFault;
pub use san::{NoSan, San};
pub use server::{Chain, PrivateKey, ServerFault, ServerTls, Shaken, Shown};

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use std::sync::{Arc, LazyLock};

/// A connection that is encrypted, over another.
pub type Encrypted<S> = tokio_rustls::TlsStream<S>;

/// Why there can be no TLS at all.
#[derive(Debug, thiserror::Error)]
#[error("the TLS library refuses: {0}")]
pub struct LibraryFault(#[from] rustls::Error);

/// The cryptography of every connection; nothing in the process is chosen by default.
static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(aws_lc_rs::default_provider()));

/// The names of HTTP/2 and HTTP/1.1 where a protocol is agreed on (RFC 9113 §3.2, RFC 7301 §6).
const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// What is offered where a protocol is agreed on, the dearest first.
fn protocols(http2: bool) -> Vec<Vec<u8>> {
    let all = [(http2, HTTP2), (true, HTTP1)];
    all.iter().filter(|(on, _)| *on).map(|(_, protocol)| protocol.to_vec()).collect()
}

/// Whether HTTP/2 was agreed on.
pub fn is_http2<S>(connection: &Encrypted<S>) -> bool {
    connection.get_ref().1.alpn_protocol() == Some(HTTP2)
}

/// Whether something was decrypted that nobody has read: then the socket below has no news of it.
pub fn has_more<S>(connection: &Encrypted<S>) -> bool {
    !connection.get_ref().1.wants_read()
}
