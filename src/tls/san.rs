//! The names in a certificate (RFC 5280 §4.2.1.6).
//!
//! A name has a kind, and names of two kinds are never one: an authority that lets its clients choose
//! a host's name does not thereby let them choose a URI.

use rustls::pki_types::{CertificateDer, DnsName};
use std::fmt;
use std::net::IpAddr;
use x509_cert::TbsCertificate;
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// One name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum San {
    /// Of a host, in lower case.
    Dns(String),
    /// An address.
    Ip(IpAddr),
    /// A URI, such as a SPIFFE id.
    Uri(String),
    /// A mailbox, its host in lower case.
    Email(String),
}

/// Why a text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSan {
    /// A pattern.
    #[error(
        "a name is wanted here as the certificate has it; a pattern would believe whoever gets one like it"
    )]
    Pattern,
    /// Anything else.
    #[error("a name of a certificate is wanted here: a host, an address, a URI or a mailbox")]
    Shape,
}

impl San {
    /// A name as people write it: what it is tells by its look.
    pub fn parse(text: &str) -> Result<Self, NoSan> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Ip(address.to_canonical()));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(NoSan::Shape);
        }
        if let Some((scheme, rest)) = text.split_once(':') {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
            let named = scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.bytes().all(plain);
            // What would be a host with a port has no certificate of its own.
            let port = !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
            return if named && !rest.is_empty() && !port {
                Ok(Self::Uri(text.to_owned()))
            } else {
                Err(NoSan::Shape)
            };
        }
        if text.contains('*') {
            return Err(NoSan::Pattern);
        }
        match text.rsplit_once('@') {
            Some((local, host)) if !local.is_empty() && is_host(host) => Ok(Self::mailbox(local, host)),
            None if is_host(text) => Ok(Self::Dns(text.to_ascii_lowercase())),
            _ => Err(NoSan::Shape),
        }
    }

    fn mailbox(local: &str, host: &str) -> Self {
        Self::Email(format!("{local}@{}", host.to_ascii_lowercase()))
    }

    fn of_general(name: &GeneralName) -> Option<Self> {
        match name {
            GeneralName::DnsName(name) => Some(Self::Dns(name.as_str().to_ascii_lowercase())),
            GeneralName::UniformResourceIdentifier(uri) => Some(Self::Uri(uri.to_string())),
            GeneralName::Rfc822Name(mailbox) => {
                let (local, host) = mailbox.as_str().rsplit_once('@')?;
                Some(Self::mailbox(local, host))
            }
            GeneralName::IpAddress(octets) => {
                let octets = octets.as_bytes();
                let v4 = || <[u8; 4]>::try_from(octets).map(IpAddr::from);
                let v6 = || <[u8; 16]>::try_from(octets).map(IpAddr::from);
                v4().or_else(|_| v6()).ok().map(|address| Self::Ip(address.to_canonical()))
            }
            _ => None,
        }
    }
}

fn is_host(text: &str) -> bool {
    DnsName::try_from(text).is_ok()
}

impl fmt::Display for San {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) | Self::Uri(name) | Self::Email(name) => f.write_str(name),
            Self::Ip(address) => write!(f, "{address}"),
        }
    }
}

/// All names in a certificate; none where any of them cannot be read.
pub(super) fn names(certificate: &CertificateDer<'_>) -> Vec<San> {
    let parsed = x509_cert::Certificate::from_der(certificate);
    parsed.map(|parsed| names_of(parsed.tbs_certificate())).unwrap_or_default()
}

pub(super) fn names_of(certificate: &TbsCertificate) -> Vec<San> {
    let found = certificate.get_extension::<SubjectAltName>();
    let Ok(Some((_, SubjectAltName(names)))) = found else { return Vec::new() };
    names.iter().filter_map(San::of_general).collect()
}

#[cfg(test)]
mod tests {
    use super::{NoSan, San};

    #[test]
    fn a_name_is_of_the_kind_that_it_looks_like() {
        let uri = |text: &str| Ok(San::Uri(text.to_owned()));
        for (text, parsed) in [
            ("edge.internal", Ok(San::Dns("edge.internal".to_owned()))),
            ("Edge.Internal", Ok(San::Dns("edge.internal".to_owned()))),
            ("edge_1", Ok(San::Dns("edge_1".to_owned()))),
            ("10.0.0.1", Ok(San::Ip("10.0.0.1".parse().unwrap()))),
            ("::ffff:10.0.0.1", Ok(San::Ip("10.0.0.1".parse().unwrap()))),
            ("fd00::1", Ok(San::Ip("fd00::1".parse().unwrap()))),
            ("spiffe://cluster.local/ns/edge/sa/nginx", uri("spiffe://cluster.local/ns/edge/sa/nginx")),
            ("urn:edge:1", uri("urn:edge:1")),
            ("Ops@Example.COM", Ok(San::Email("Ops@example.com".to_owned()))),
            ("*.internal", Err(NoSan::Pattern)),
            ("*", Err(NoSan::Pattern)),
            ("", Err(NoSan::Shape)),
            ("a b", Err(NoSan::Shape)),
            ("zoë.internal", Err(NoSan::Shape)),
            ("edge.internal:8443", Err(NoSan::Shape)),
            ("[fd00::1]", Err(NoSan::Shape)),
            ("10.0.0.0/8", Err(NoSan::Shape)),
            ("://a", Err(NoSan::Shape)),
            ("spiffe:", Err(NoSan::Shape)),
            ("@example.com", Err(NoSan::Shape)),
            ("ops@", Err(NoSan::Shape)),
            ("-a", Err(NoSan::Shape)),
        ] {
            assert_eq!(San::parse(text), parsed, "{text}");
        }
    }
}
