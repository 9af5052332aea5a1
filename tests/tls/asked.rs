//! Whom a probe asks, behind TLS.

use crate::harness::certs::Authority;
use crate::harness::child::Scratch;
use crate::harness::{
    App, Message, STRANGER, Sidecar, assert_minted, assert_refused, changed, claims, fixture,
};

#[allow(clippy::unnecessary_wraps, reason = "it is one `Answer` of many")]
fn known(_: &Message) -> Option<Vec<u8>> {
    Some(b"HTTP/1.1 200 OK\r\nX-Tenant-Id: acme-7\r\nContent-Length: 0\r\n\r\n".to_vec())
}

#[tokio::test]
async fn a_probe_believes_the_one_that_its_file_speaks_of() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let scratch = Scratch::new("tls-probe");
    let ca = scratch.write("ca.pem", ours.pem());
    for (authority, names, good) in
        [(&ours, "127.0.0.1", true), (&ours, "127.0.0.2", false), (&theirs, "127.0.0.1", false)]
    {
        let app = App::encrypted(known, authority.issue(&[names]).acceptor()).await;
        let probe = format!(
            "from: probe\n  probe: {{ url: \"https://{}/me\", ca_file: {}, timeout: 15s }}",
            app.address,
            ca.display(),
        );
        let text = changed(
            &fixture("127.0.0.1:1".parse().unwrap()),
            &[("trust: { peers: 127.0.0.2 }\n", ""), ("from: headers", &probe)],
        );
        let sidecar = Sidecar::start(&text).await;
        let answer = sidecar.install(STRANGER, &["Cookie: sid=kanarie"]).await;
        if good {
            assert_minted(&answer, names);
            assert_eq!(claims(&answer)["sub"], "acme-7");
            assert_eq!(app.last().values("host"), [app.address.to_string()]);
        } else {
            assert_refused(&answer, 502, "session-unavailable", names);
            assert_eq!(app.count(), 0, "no cookie goes to a stranger");
        }
    }
}
