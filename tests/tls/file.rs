//! Certificates in the file: what is refused when it is loaded, and in which words.

use crate::harness::certs::{Authority, pem};
use crate::harness::child::{Scratch, program, run};
use crate::harness::{SECRET, load};
use crate::upstream::behind_tls;

fn app() -> std::net::SocketAddr {
    "127.0.0.1:1".parse().unwrap()
}

/// The errors of a file, or none.
fn errors(text: &str) -> String {
    load(text).err().map(|invalid| invalid.to_string()).unwrap_or_default()
}

#[test]
fn a_file_of_authorities_is_read_when_it_is_loaded() {
    let authority = Authority::new("ours");
    let identity = authority.issue(&["localhost"]);
    let scratch = Scratch::new("tls-ca");
    let base64 = identity.pem().replace('M', "!");
    for (file, bytes, expected) in [
        ("good.pem", authority.pem().into_bytes(), ""),
        ("two.pem", format!("two of them\n\n{}\n{}", authority.pem(), identity.pem()).into_bytes(), ""),
        ("windows.pem", authority.pem().replace('\n', "\r\n").into_bytes(), ""),
        ("empty.pem", vec![], "there is no certificate in it: it is empty"),
        ("text.pem", b"certificate\n".to_vec(), "there is no certificate in it; one begins with"),
        ("key.pem", identity.key_pem().into_bytes(), "no certificate in it, but a private key"),
        ("der.pem", identity.certificate.to_vec(), "no certificate in it: it is DER, and PEM is wanted"),
        ("broken.pem", base64.into_bytes(), "the PEM in it is broken"),
        ("cut.pem", identity.pem()[..200].to_owned().into_bytes(), "the PEM in it is broken"),
        ("nonsense.pem", pem("CERTIFICATE", b"nonsense").into_bytes(), "certificate 1 in it cannot be read"),
        (
            "second.pem",
            format!("{}{}", authority.pem(), pem("CERTIFICATE", &authority.issue(&[]).certificate[..100]))
                .into_bytes(),
            "certificate 2 in it cannot be read",
        ),
        ("large.pem", vec![b' '; 2 << 20], "it is larger than 1024KiB"),
    ] {
        let path = scratch.write(file, bytes);
        let errors = errors(&behind_tls(app(), "localhost", &format!(", ca_file: {}", path.display())));
        assert_eq!(errors.is_empty(), expected.is_empty(), "{file}: {errors}");
        assert!(errors.contains(expected), "{file}: {errors}");
        assert!(errors.is_empty() || errors.contains("upstream.ca_file: "), "{file}: {errors}");
    }
    let missing = errors(&behind_tls(app(), "localhost", ", ca_file: nowhere.pem"));
    assert!(missing.contains("cannot read this file: No such file"), "{missing}");
}

#[test]
fn check_says_who_vouches_for_the_app() {
    let scratch = Scratch::new("tls-check");
    scratch.write("ca.pem", Authority::new("ours").pem());
    let check = |beside: &str, arguments: &[&str]| {
        let config = scratch.write("config.yaml", behind_tls(app(), "localhost", beside));
        let all = [&["check", "--config", config.to_str().unwrap()], arguments].concat();
        let ended = run(program(&all).env("FIXTURE_SECRET", SECRET));
        assert_eq!(ended.code, Some(0), "{}", ended.all());
        ended.stdout
    };
    for (beside, arguments, expected) in [
        ("", &[][..], "localhost:1 (TLS, as localhost, certified by the web's authorities)"),
        (", ca_file: ca.pem, server_name: 10.0.0.1", &[], "(TLS, as 10.0.0.1, certified by ca.pem)"),
        (", ca_file: no.pem", &["--without-secrets"], "certified by no.pem, which was not read)"),
    ] {
        let said = check(beside, arguments);
        assert!(said.contains(expected), "{said}");
    }
}
