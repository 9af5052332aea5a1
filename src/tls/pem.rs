//! PEM text (RFC 7468): what is in it, and what is not.
//!
//! A fault never repeats what was read: it might be a key.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{PemObject, SectionKind};

/// Why a text has not what it should have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PemFault {
    /// No certificate at all.
    #[error("there is no certificate in it{0}; one begins with -----BEGIN CERTIFICATE-----")]
    NoCertificate(&'static str),
    /// Something that only looks like PEM.
    #[error("the PEM in it is broken: a block has no end, or something else than base64 inside")]
    Broken,
    /// A certificate, by its frame alone.
    #[error("certificate {0} in it cannot be read as one")]
    Unreadable(usize),
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
        Some((SectionKind::Csr, _)) => ", but a request for one",
        // DER: a SEQUENCE with a length of two bytes.
        None if text.starts_with(&[0x30, 0x82]) => ": it is DER, and PEM is wanted",
        _ => "",
    }
}
