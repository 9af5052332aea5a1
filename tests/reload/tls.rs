//! Certificates, keys and authorities that change: for whoever connects from then on.

use crate::harness::certs::{Authority, Identity};
use crate::harness::{
    App, INSTALL, Message, Reader, SECRET, TRUSTED, app, assert_minted, assert_refused, changed, connect,
    request,
};
use crate::kit::{Living, Volume, filed};
use rustls::pki_types::{CertificateDer, ServerName};
use std::net::SocketAddr;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const LISTEN: &str = "listen: { address: \"127.0.0.1:0\", tls: { cert: cert.pem, key: key.pem } }";

/// The fixture behind TLS, in files.
fn text(app: SocketAddr) -> String {
    changed(&filed(app), &[("listen: 127.0.0.1:0", LISTEN)])
}

fn volume(name: &str, text: &str, identity: &Identity, more: &[(&str, &str)]) -> Volume {
    let (cert, key) = (identity.pem(), identity.key_pem());
    let files = [("config.yaml", text), ("secret", SECRET), ("cert.pem", &cert), ("key.pem", &key)];
    Volume::new(name, &[&files, more].concat())
}

type Encrypted = Reader<TlsStream<TcpStream>>;

async fn enter(to: SocketAddr, connector: &TlsConnector) -> Encrypted {
    let name = ServerName::try_from("edge.test").unwrap();
    Reader::new(connector.connect(name, connect(TRUSTED, to).await).await.unwrap())
}

async fn ask(visitor: &mut Encrypted, path: &str) -> Message {
    visitor.stream().write_all(&request("GET", path, &["X-Tenant-Id: 42"])).await.unwrap();
    visitor.stream().flush().await.unwrap();
    visitor.answer().await.expect("no answer")
}

fn shown(visitor: &mut Encrypted) -> CertificateDer<'static> {
    visitor.stream().get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

/// J2, the certificate.
#[tokio::test]
async fn a_renewed_certificate_is_shown_to_who_comes_then() {
    let (authority, app) = (Authority::new("ours"), App::start().await);
    let (one, two) = (authority.issue(&["edge.test"]), authority.issue(&["edge.test"]));
    let mut volume = volume("renewed", &text(app.address), &one, &[]);
    let living = Living::start(&volume).await;
    let to = living.sidecar.address;
    let connector = authority.connector(None);
    let mut early = enter(to, &connector).await;
    assert_eq!(shown(&mut early), one.certificate);
    assert_eq!(ask(&mut early, "/").await.status(), 200);
    volume.swap(&[("cert.pem", &two.pem()), ("key.pem", &two.key_pem())]);
    living.serves(2).await;
    assert_eq!(shown(&mut enter(to, &connector).await), two.certificate);
    assert_eq!(ask(&mut early, "/").await.status(), 200, "and the other goes on");
}

/// Neither is good for anything without the other, and nobody is served without encryption.
#[tokio::test]
async fn a_certificate_without_its_key_leaves_the_old_one() {
    let (authority, app) = (Authority::new("ours"), App::start().await);
    let (one, two) = (authority.issue(&["edge.test"]), authority.issue(&["edge.test"]));
    let volume = volume("strangers", &text(app.address), &one, &[]);
    let living = Living::start(&volume).await;
    let connector = authority.connector(None);
    let wrongs: [&dyn Fn(); 3] =
        [&|| volume.rename("cert.pem", &two.pem()), &|| volume.remove("cert.pem"), &|| {
            volume.rename("cert.pem", "-----BEGIN CERTIFICATE-----\n");
        }];
    let mut told = None;
    for wrong in wrongs {
        wrong();
        told = living.stands(|standing| standing.failed.is_some() && standing.failed != told).await.failed;
        assert!(told.as_deref().unwrap().contains("listen.tls"), "{told:?}");
        let mut visitor = enter(living.sidecar.address, &connector).await;
        assert_eq!(shown(&mut visitor), one.certificate);
        assert_eq!(ask(&mut visitor, "/").await.status(), 200);
    }
    volume.rename("key.pem", &two.key_pem());
    volume.rename("cert.pem", &two.pem());
    living.serves(2).await;
    assert_eq!(shown(&mut enter(living.sidecar.address, &connector).await), two.certificate);
}

/// The app proves who it is with each connection: those that are open stay while nothing about that
/// has changed.
#[tokio::test]
async fn the_apps_authority_is_the_newest() {
    let (one, two) = (Authority::new("one"), Authority::new("two"));
    let app = App::encrypted(app::ok, one.issue(&["127.0.0.1"]).acceptor()).await;
    let upstream = format!("upstream: {{ url: \"https://{}\", ca_file: app.pem }}", app.address);
    let text = changed(&filed(app.address), &[(&format!("upstream: http://{}", app.address), &upstream)]);
    let files = [("config.yaml", text.as_str()), ("secret", SECRET), ("app.pem", &one.pem())];
    let volume = Volume::new("authority", &files);
    let living = Living::start(&volume).await;
    let mut visitor = living.sidecar.visitor(TRUSTED);
    assert_eq!(visitor.get("/", &[]).await.status(), 200);
    living.reloader.now();
    living.serves(2).await;
    assert_eq!(visitor.get("/", &[]).await.status(), 200);
    assert_eq!(app.connections(), 1, "the same authority, read again");
    volume.rename("app.pem", &two.pem());
    living.serves(3).await;
    assert_eq!(visitor.get("/", &[]).await.status(), 502, "an authority that does not vouch for it");
    volume.rename("app.pem", &format!("{}{}", two.pem(), one.pem()));
    living.serves(4).await;
    assert_eq!(visitor.get("/", &[]).await.status(), 200);
}

/// A connection outlives the authorities that let it in, and a certificate its word does not.
#[tokio::test]
async fn a_certificate_counts_by_the_newest_authorities_alone() {
    let (ours, one, two) = (Authority::new("ours"), Authority::new("one"), Authority::new("two"));
    let app = App::start().await;
    let trust = "trust: { client_cert: { san: edge.internal } }";
    let asking = ("key: key.pem", "key: key.pem, client_ca: clients.pem");
    let text = changed(&text(app.address), &[asking, ("trust: { peers: 127.0.0.2 }", trust)]);
    let volume = volume("clients", &text, &ours.issue(&["edge.test"]), &[("clients.pem", &one.pem())]);
    let living = Living::start(&volume).await;
    let to = living.sidecar.address;
    let shown = one.issue(&["edge.internal"]);
    let mut early = enter(to, &ours.connector(Some(&shown))).await;
    assert_minted(&ask(&mut early, INSTALL).await, "by the first");
    volume.rename("clients.pem", &format!("{}{}", one.pem(), two.pem()));
    living.serves(2).await;
    assert_minted(&ask(&mut early, INSTALL).await, "by the first, beside another");
    volume.rename("clients.pem", &two.pem());
    living.serves(3).await;
    for _ in 0..2 {
        assert_refused(&ask(&mut early, INSTALL).await, 403, "untrusted-peer", "the first is gone");
        // What passes goes on over the same connection, without anybody's identity.
        assert_eq!(ask(&mut early, "/").await.status(), 200);
        assert!(app.last().values("x-tenant-id").is_empty());
    }
    let shown = two.issue(&["edge.internal"]);
    let mut late = enter(to, &ours.connector(Some(&shown))).await;
    assert_minted(&ask(&mut late, INSTALL).await, "by the second");
    volume.rename("clients.pem", &format!("{}{}", one.pem(), two.pem()));
    living.serves(4).await;
    assert_minted(&ask(&mut early, INSTALL).await, "the first is back");
}
