//! PEM text (RFC 7468): what is in it, and what is not.
//!
//! A fault never repeats what was read: it might be a key.

use rustls::pki_types::pem::{PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Why a text has not what it should have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PemFault {
    /// No certificate at all.
    #[error("there is no certificate in it{0}; one begins with -----BEGIN CERTIFICATE-----")]
    NoCertificate(&'static str),
    /// No key at all.
    #[error("there is no private key in it{0}; one begins with -----BEGIN PRIVATE KEY-----")]
    NoKey(&'static str),
    /// A key that wants a passphrase.
    #[error("the private key in it is encrypted, and nobody is there to type its passphrase: decrypt it")]
    Encrypted,
    /// More than one key.
    #[error("there is more than one private key in it")]
    SeveralKeys,
    /// A key of a kind that nobody uses for TLS.
    #[error(
        "the private key in it is broken, or of a kind that is of no use here: RSA of 2048 bits or more, ECDSA and Ed25519 are"
    )]
    UnusableKey,
    /// Something that only looks like PEM.
    #[error("the PEM in it is broken: a block has no end, or something else than base64 inside")]
    Broken,
    /// A certificate, by its frame alone.
    #[error("certificate {0} in it cannot be read as one")]
    Unreadable(usize),
    /// A certificate without any names in it that count today.
    #[error(
        "certificate {0} in it is of the old version 1, which nobody takes: sign it anew, with a subjectAltName"
    )]
    Old(usize),
}

/// All certificates, in their order; there is at least one.
pub(super) fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemFault> {
    let blocks = blocks(text)?;
    let found: Vec<_> = blocks
        .iter()
        .filter(|(kind, _)| *kind == SectionKind::Certificate)
        .map(|(_, der)| CertificateDer::from(der.clone()))
        .collect();
    if found.is_empty() { Err(PemFault::NoCertificate(instead(&blocks, text))) } else { Ok(found) }
}

/// The private key; certificates may stand beside it.
pub(super) fn private_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, PemFault> {
    let has = |words: &[u8]| text.windows(words.len()).any(|part| part == words);
    if has(b"-----BEGIN ENCRYPTED PRIVATE KEY-----") || has(b"Proc-Type: 4,ENCRYPTED") {
        return Err(PemFault::Encrypted);
    }
    let blocks = blocks(text)?;
    let mut keys = blocks.iter().filter_map(|(kind, der)| PrivateKeyDer::from_pem(*kind, der.clone()));
    match (keys.next(), keys.next()) {
        (Some(key), None) => Ok(key),
        (Some(_), Some(_)) => Err(PemFault::SeveralKeys),
        (None, _) => Err(PemFault::NoKey(instead(&blocks, text))),
    }
}

type Block = (SectionKind, Vec<u8>);

fn blocks(text: &[u8]) -> Result<Vec<Block>, PemFault> {
    Block::pem_slice_iter(text).collect::<Result<_, _>>().map_err(|_| PemFault::Broken)
}

/// What is there in place of what was looked for.
fn instead(blocks: &[Block], text: &[u8]) -> &'static str {
    match blocks.first() {
        _ if text.trim_ascii().is_empty() => ": it is empty",
        Some((SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey, _)) => {
            ", but a private key"
        }
        Some((SectionKind::Certificate, _)) => ", but a certificate",
        Some((SectionKind::PublicKey, _)) => ", but a public key",
        Some((SectionKind::Csr, _)) => ", but a request for a certificate",
        // DER: a SEQUENCE with a length of two bytes.
        None if text.starts_with(&[0x30, 0x82]) || text.starts_with(&[0x30, 0x81]) => {
            ": it is DER, and PEM is wanted"
        }
        _ => "",
    }
}
