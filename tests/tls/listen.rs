//! `listen.tls` and `trust.client_cert` in the file: what is refused when it is loaded, and in which
//! words.

use crate::harness::certs::{Authority, expired, pem};
use crate::harness::child::{Scratch, program, run};
use crate::harness::{SECRET, changed, fixture, load};

/// A fixture that listens with this beside its address, in a directory with everything it may name.
fn listening(scratch: &Scratch, tls: &str) -> String {
    let text = fixture("127.0.0.1:1".parse().unwrap());
    let text =
        changed(&text, &[("listen: 127.0.0.1:0", &format!("listen: {{ address: \"127.0.0.1:0\"{tls} }}"))]);
    text.replace("DIR", scratch.path("").to_str().unwrap().trim_end_matches('/'))
}

fn room(name: &str) -> Scratch {
    let scratch = Scratch::new(name);
    let authority = Authority::new("ours");
    let (identity, other) = (authority.issue(&["edge.test", "10.0.0.1"]), authority.issue(&["edge.test"]));
    let old = authority.issue_with(&["edge.test"], expired);
    let headed =
        |label: &str, body: &str| format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
    scratch.write("ca.pem", authority.pem());
    scratch.write("cert.pem", identity.pem());
    scratch.write("chain.pem", format!("{}{}", identity.pem(), authority.pem()));
    scratch.write("turned.pem", format!("{}{}", authority.pem(), identity.pem()));
    scratch.write("key.pem", identity.key_pem());
    scratch.write("both.pem", format!("{}{}", identity.key_pem(), identity.pem()));
    scratch.write("other.pem", other.key_pem());
    scratch.write("two.pem", format!("{}{}", identity.key_pem(), other.key_pem()));
    scratch.write("locked.pem", headed("ENCRYPTED PRIVATE KEY", "AAAA"));
    scratch
        .write("old-locked.pem", headed("RSA PRIVATE KEY", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES\n\nAAAA"));
    scratch.write("nonsense.pem", headed("PRIVATE KEY", "AAAA"));
    scratch.write("no-cert.pem", pem("CERTIFICATE", b"nonsense"));
    scratch.write("empty.pem", "");
    scratch.write("old.pem", old.pem());
    scratch.write("old-key.pem", old.key_pem());
    scratch
}

const GOOD: &str = ", tls: { cert: DIR/cert.pem, key: DIR/key.pem, client_ca: DIR/ca.pem }";

#[test]
fn certificate_and_key_are_read_when_the_file_is_loaded() {
    let scratch = room("tls-listen");
    for (cert, key, expected) in [
        ("cert", "key", ""),
        ("chain", "key", ""),
        ("both", "both", ""),
        ("none", "key", "listen.tls.cert: cannot read this file: No such file"),
        ("cert", "none", "listen.tls.key: cannot read this file: No such file"),
        ("key", "cert", "listen.tls.cert: there is no certificate in it, but a private key"),
        ("key", "cert", "listen.tls.key: there is no private key in it, but a certificate"),
        ("empty", "key", "listen.tls.cert: there is no certificate in it: it is empty"),
        ("cert", "empty", "listen.tls.key: there is no private key in it: it is empty"),
        ("no-cert", "key", "listen.tls.cert: certificate 1 in it cannot be read"),
        ("cert", "other", "listen.tls.key: this key is not that of the certificate"),
        ("turned", "key", "listen.tls.key: this key is not that of the certificate, or of the first one"),
        ("cert", "two", "listen.tls.key: there is more than one private key in it"),
        ("cert", "locked", "listen.tls.key: the private key in it is encrypted"),
        ("cert", "old-locked", "listen.tls.key: the private key in it is encrypted"),
        ("cert", "nonsense", "listen.tls.key: the private key in it is broken"),
    ] {
        let text = listening(&scratch, &format!(", tls: {{ cert: DIR/{cert}.pem, key: DIR/{key}.pem }}"));
        let errors = load(&text).err().map(|invalid| invalid.to_string()).unwrap_or_default();
        assert_eq!(errors.is_empty(), expected.is_empty(), "{cert} {key}: {errors}");
        assert!(errors.contains(expected), "{cert} {key}: {errors}");
    }
}

#[test]
fn what_belongs_together_is_asked_for_together() {
    let scratch = room("tls-together");
    let trusted = |san: &str| ("trust: { peers: 127.0.0.2 }", format!("trust: {{ {san} }}"));
    let wide = "client_cert: { san: edge.internal }, peers: 10.0.0.0/7";
    for (tls, trust, expected) in [
        (GOOD, "client_cert: { san: edge.internal }", ""),
        (GOOD, "client_cert: { san: [edge.internal, \"spiffe://a/b\", 10.0.0.1, a@b.test] }", ""),
        (GOOD, wide, ""),
        (GOOD, "client_cert: { san: edge.internal }, peers: 0.0.0.0/0", "cover every address"),
        ("", "client_cert: { san: edge.internal }", "trust.client_cert: nobody is asked for a certificate"),
        (
            ", tls: { cert: DIR/cert.pem, key: DIR/key.pem }",
            "client_cert: { san: edge.internal }",
            "trust.client_cert: nobody is asked for a certificate",
        ),
        (GOOD, "client_cert: { san: [] }", "at least one name is wanted here"),
        (GOOD, "client_cert: {}", "`san` is required here"),
        (GOOD, "client_cert: edge.internal", "a map is wanted here"),
        (GOOD, "client_cert: { san: \"*.internal\" }", "a name is wanted here as the certificate has it"),
        (GOOD, "client_cert: { san: \"edge.internal:8443\" }", "a name of a certificate is wanted here"),
        (", tls: { cert: DIR/cert.pem }", "peers: 127.0.0.2", "`key` is required here"),
        (", tls: { key: DIR/key.pem }", "peers: 127.0.0.2", "`cert` is required here"),
        (", tls: true", "peers: 127.0.0.2", "a map is wanted here"),
        (
            ", tls: { cert: DIR/cert.pem, key: DIR/key.pem, client_ca: DIR/key.pem }",
            "client_cert: { san: a }",
            "listen.tls.client_ca: there is no certificate in it, but a private key",
        ),
        (", http2: true", "peers: 127.0.0.2", ""),
    ] {
        let (from, to) = trusted(trust);
        let text = changed(&listening(&scratch, tls), &[(from, &to)]);
        let errors = load(&text).err().map(|invalid| invalid.to_string()).unwrap_or_default();
        assert_eq!(errors.is_empty(), expected.is_empty(), "{tls} {trust}: {errors}");
        assert!(errors.contains(expected), "{tls} {trust}: {errors}");
    }
}

#[test]
fn what_is_unwise_is_a_warning() {
    let scratch = room("tls-unwise");
    let warnings = |tls: &str, changes: &[(&str, &str)]| -> Vec<String> {
        let loaded = load(&changed(&listening(&scratch, tls), changes)).unwrap_or_else(|it| panic!("{it}"));
        loaded.warnings.iter().map(|warning| warning.headline("")).collect()
    };
    let certified = ("trust: { peers: 127.0.0.2 }", "trust: { client_cert: { san: a }, peers: 127.0.0.2 }");
    assert_eq!(warnings(GOOD, &[certified]), [""; 0]);
    let unused = warnings(GOOD, &[]);
    assert!(unused.len() == 1 && unused[0].contains("believed for nothing"), "{unused:?}");
    let old = warnings(", tls: { cert: DIR/old.pem, key: DIR/old-key.pem }", &[]);
    assert!(old.len() == 1 && old[0].contains("has ended: Fri, 01 Jan 2021"), "{old:?}");
    // In a mesh every peer is 127.0.0.1, unless it shows a certificate (immunity B7).
    let open = ("127.0.0.1:0\"", "0.0.0.0:8443\"");
    let loopback = "trust: { client_cert: { san: a }, peers: 127.0.0.1 }";
    assert_eq!(warnings(GOOD, &[open, (certified.0, loopback)]), [""; 0]);
    let nobody = warnings(GOOD, &[(certified.0, "trust: { client_cert: { san: a }, peers: unix }")]);
    assert!(nobody.len() == 1 && nobody[0].contains("nobody whom this believes can come in"), "{nobody:?}");
}

#[test]
fn check_says_what_is_shown_and_whose_word_counts() {
    let scratch = room("tls-said");
    let trust = ("trust: { peers: 127.0.0.2 }", "trust: { client_cert: { san: [a.test, b.test] } }");
    let config = scratch.write("config.yaml", changed(&listening(&scratch, GOOD), &[trust]));
    let check = |arguments: &[&str]| {
        let all = [&["check", "--config", config.to_str().unwrap()], arguments].concat();
        run(program(&all).env("FIXTURE_SECRET", SECRET))
    };
    let said = check(&[]);
    assert_eq!(said.code, Some(0), "{}", said.all());
    for words in [
        "(TLS, as edge.test, 10.0.0.1 until Sun, 01 Jan 4096 00:00:00 GMT, asking for certificates of /",
        "whoever shows a certificate of a.test or b.test",
    ] {
        assert!(said.stdout.contains(words), "{words}\n{}", said.stdout);
    }
    // Without secrets the key is not so much as looked for, and neither is what lies beside it.
    for file in ["key.pem", "cert.pem", "ca.pem"] {
        std::fs::remove_file(scratch.path(file)).unwrap();
        let said = check(&["--without-secrets"]);
        assert_eq!(said.code, Some(0), "{}", said.all());
        assert!(said.stdout.contains("(TLS, as what was not read, asking"), "{}", said.stdout);
        assert_eq!(check(&[]).code, Some(2));
    }
}

#[test]
fn a_rehearsal_shows_the_certificate_that_is_wanted() {
    let scratch = room("tls-mint");
    let trust = ("trust: { peers: 127.0.0.2 }", "trust: { client_cert: { san: [a.test, b.test] } }");
    let config = scratch.write("config.yaml", changed(&listening(&scratch, GOOD), &[trust]));
    let arguments = ["mint", "gwt2hs", "--config", config.to_str().unwrap(), "-H", "X-Tenant-Id: 42"];
    let minted = run(program(&arguments).env("FIXTURE_SECRET", SECRET));
    assert_eq!(minted.code, Some(0), "{}", minted.all());
}
