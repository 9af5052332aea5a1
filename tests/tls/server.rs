//! The server's end of a handshake, over a pipe: what is agreed on, and what is learnt of a client.

use crate::harness::certs::{Authority, Identity, expired, not_yet};
use pandium_sidecar::tls::{Authorities, Chain, PrivateKey, San, ServerTls, Shaken};
use rcgen::{ExtendedKeyUsagePurpose, SanType};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, HandshakeKind, ProtocolVersion, RootCertStore, SupportedProtocolVersion};
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

fn server(identity: &Identity, clients: Option<&Authority>, http2: bool) -> ServerTls {
    let chain = Chain::from_pem(identity.pem().as_bytes()).unwrap();
    let key = PrivateKey::from_pem(identity.key_pem().as_bytes()).unwrap();
    let clients = clients.map(|ca| Authorities::from_pem(ca.pem().as_bytes(), "ca.pem").unwrap());
    ServerTls::new(chain, key, clients, http2).unwrap()
}

/// A client that believes this authority, and shows this, where it is asked.
pub fn client(
    authority: &Authority,
    shown: Option<&Identity>,
    versions: &[&'static SupportedProtocolVersion],
    protocols: &[&str],
) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match shown {
        Some(it) => builder.with_client_auth_cert(vec![it.certificate.clone()], it.key_der()).unwrap(),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    TlsConnector::from(Arc::new(config))
}

/// Both ends of a handshake; a byte goes each way behind it, as TLS 1.3 tells a client of its
/// refusal only then.
async fn shake(
    server: &ServerTls,
    client: &TlsConnector,
) -> (io::Result<Vec<San>>, io::Result<TlsStream<DuplexStream>>) {
    let (near, far) = duplex(1 << 16);
    let serve = async {
        let Shaken { mut stream, names, .. } = server.accept(near).await?;
        let byte = stream.read_u8().await?;
        stream.write_u8(byte).await?;
        stream.flush().await?;
        Ok(names)
    };
    let ask = async {
        let name = ServerName::try_from("edge.test").unwrap();
        let mut stream = client.connect(name, far).await?;
        stream.write_u8(7).await?;
        stream.flush().await?;
        assert_eq!(stream.read_u8().await?, 7);
        Ok(stream)
    };
    tokio::join!(serve, ask)
}

const BOTH: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

#[tokio::test]
async fn both_versions_are_spoken_and_http_is_agreed_on() {
    let authority = Authority::new("ours");
    let identity = authority.issue(&["edge.test"]);
    for (version, spoken) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        for (http2, offered, agreed) in [
            (false, &["h2", "http/1.1"][..], Some("http/1.1")),
            (true, &["http/1.1", "h2"], Some("h2")),
            (true, &["http/1.1"], Some("http/1.1")),
            (true, &[], None),
        ] {
            let (_, asked) =
                shake(&server(&identity, None, http2), &client(&authority, None, &[version], offered)).await;
            let asked = asked.unwrap();
            let session = asked.get_ref().1;
            assert_eq!(session.protocol_version(), Some(spoken));
            assert_eq!(session.alpn_protocol(), agreed.map(str::as_bytes), "{http2} {offered:?}");
        }
        let alone = client(&authority, None, &[version], &["h2"]);
        assert!(shake(&server(&identity, None, false), &alone).await.1.is_err(), "HTTP/2 was not asked for");
    }
}

#[tokio::test]
async fn a_good_certificate_has_names_and_none_has_none() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let identity = ours.issue(&["edge.test"]);
    let certified =
        theirs.issue_with(&["Nginx.Internal", "*.wild.internal", "10.1.2.3", "fd00::1"], |params| {
            params.subject_alt_names.extend([
                SanType::URI("spiffe://cluster.local/ns/edge/sa/nginx".try_into().unwrap()),
                SanType::Rfc822Name("Ops@Example.com".try_into().unwrap()),
            ]);
        });
    let expected = ["nginx.internal", "10.1.2.3", "fd00::1", "spiffe://cluster.local/ns/edge/sa/nginx"];
    let mut expected: Vec<_> = expected.iter().map(|text| San::parse(text).unwrap()).collect();
    expected.insert(1, San::Dns("*.wild.internal".to_owned()));
    expected.push(San::parse("Ops@example.com").unwrap());
    for version in BOTH {
        let asking = server(&identity, Some(&theirs), false);
        let (names, _) = shake(&asking, &client(&ours, Some(&certified), &[version], &[])).await;
        assert_eq!(names.unwrap(), expected);
        let nameless = theirs.issue(&[]);
        for shown in [None, Some(&nameless)] {
            let (names, _) = shake(&asking, &client(&ours, shown, &[version], &[])).await;
            assert_eq!(names.unwrap(), []);
        }
        // Nobody is asked, and what nobody has looked at has no names.
        let (names, _) =
            shake(&server(&identity, None, false), &client(&ours, Some(&certified), &[version], &[])).await;
        assert_eq!(names.unwrap(), []);
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_good_ends_the_handshake() {
    let (ours, theirs, strangers) =
        (Authority::new("ours"), Authority::new("theirs"), Authority::new("theirs"));
    let identity = ours.issue(&["edge.test"]);
    let of_a_server = |params: &mut rcgen::CertificateParams| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    };
    for version in BOTH {
        for shown in [
            strangers.issue(&["nginx.internal"]),
            ours.issue(&["nginx.internal"]),
            theirs.issue_with(&["nginx.internal"], expired),
            theirs.issue_with(&["nginx.internal"], not_yet),
            theirs.issue_with(&["nginx.internal"], of_a_server),
        ] {
            let asking = server(&identity, Some(&theirs), false);
            let (names, asked) = shake(&asking, &client(&ours, Some(&shown), &[version], &[])).await;
            assert!(names.is_err() && asked.is_err());
        }
    }
}

/// A ticket would carry a client's certificate past its end.
#[tokio::test]
async fn a_session_is_taken_up_again_only_where_nobody_shows_a_certificate() {
    let authority = Authority::new("ours");
    let (identity, shown) = (authority.issue(&["edge.test"]), authority.issue(&["nginx.internal"]));
    for version in BOTH {
        for (clients, again) in [(None, HandshakeKind::Resumed), (Some(&authority), HandshakeKind::Full)] {
            let (server, client) =
                (server(&identity, clients, false), client(&authority, Some(&shown), &[version], &[]));
            shake(&server, &client).await.1.unwrap();
            let (names, asked) = shake(&server, &client).await;
            assert_eq!(asked.unwrap().get_ref().1.handshake_kind(), Some(again));
            assert_eq!(names.unwrap().len(), clients.iter().count());
        }
    }
}

#[tokio::test]
async fn what_was_not_read_is_shown_to_nobody() {
    let authority = Authority::new("ours");
    let nobody = ServerTls::nobody(None).unwrap();
    assert!(shake(&nobody, &client(&authority, None, &BOTH, &[])).await.1.is_err());
}
