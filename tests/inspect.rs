//! `inspect`: whose a token is, and what it says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod harness;

use harness::child::{Ended, Scratch, program, run};
use harness::{changed, fixture};
use pandium_sidecar::redact::Secret;
use pandium_sidecar::token::{Around, Life, Moment, Payload, Signer};
use std::convert::Infallible;
use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

/// Base64 and base64url of the same bytes differ in it, and it is no hexadecimal.
const SECRET: &str = "c2VjcmV0+/AAc2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0";
const MEMBERS: &str = r#","sub":"kanarie","ti":{"udn":"Acme","ili":["kanarie"],"xti":{"connector_name":"c","integration_name":"i","token":"kanarie"}}"#;

/// A token of a moment ago.
fn token(key: &[u8], members: &str, ttl: Option<u64>) -> String {
    let life = Life { ttl: ttl.map(Duration::from_secs), backdate: Duration::from_secs(5) };
    let payload = Payload::write::<Infallible>(life, Moment::fresh(), 0, |out| {
        out.extend_from_slice(members.as_bytes());
        Ok(())
    });
    let payload = payload.unwrap_or_else(|never| match never {});
    Signer::new(&Secret::new(key.to_vec()))
        .sign(&payload, Around { before: "", after: "" })
        .expose()
        .to_owned()
}

fn inspect(token: &str, config: Option<&str>) -> Ended {
    let mut command = program(&["inspect", token]);
    command.args(config.iter().flat_map(|config| ["--config", config]));
    run(command.env("FIXTURE_SECRET", SECRET))
}

/// The fixture with its secret read so.
fn encoded(encoding: &str) -> String {
    changed(
        &fixture("127.0.0.1:1".parse().unwrap()),
        &[("{ env: FIXTURE_SECRET }", &format!("{{ env: FIXTURE_SECRET, encoding: {encoding} }}"))],
    )
}

#[test]
fn a_secret_is_tried_as_every_encoding_reads_it() {
    let scratch = Scratch::new("encodings");
    let file = scratch.write("c.yaml", encoded("utf8"));
    let hex = "6b616e617269656b616e61726965";
    let standard = base64_simd::STANDARD_NO_PAD;
    for (secret, key, expected) in [
        (SECRET, SECRET.as_bytes().to_vec(), "read as utf8 (from environment variable FIXTURE_SECRET)"),
        (SECRET, standard.decode_to_vec(SECRET).unwrap(), "but read as base64 (from"),
        (hex, base64_simd::URL_SAFE_NO_PAD.decode_to_vec(hex).unwrap(), "but read as base64 or base64url"),
        (hex, b"kanariekanarie".to_vec(), "but read as hex (from"),
    ] {
        let token = token(&key, MEMBERS, None);
        let arguments = ["inspect", &token, "--config", file.to_str().unwrap()];
        let ended = run(program(&arguments).env("FIXTURE_SECRET", secret));
        assert_eq!(ended.code, Some(0), "{expected}: {}", ended.all());
        let signed = format!("signed    with the secret of account acme, {expected}");
        assert!(ended.stdout.contains(&signed), "{signed}\n{}", ended.stdout);
        assert!(!ended.all().contains(secret), "{}", ended.all());
    }
    let file = scratch.write("c.yaml", encoded("base64"));
    let token = token(&standard.decode_to_vec(SECRET).unwrap(), MEMBERS, None);
    let ended = inspect(&token, file.to_str());
    assert!(ended.stdout.contains("account acme, read as base64 (from"), "{}", ended.stdout);
}

#[test]
fn only_what_verifies_and_fits_ends_in_0() {
    let scratch = Scratch::new("fits");
    let file = scratch.write("c.yaml", encoded("utf8"));
    let ours = |members: &str| token(SECRET.as_bytes(), members, None);
    let good = ours(MEMBERS);
    let market = MEMBERS.replace(r#""connector_name":"c","integration_name":"i","#, "");
    for (given, code, expected) in [
        (good.clone(), 0, "form      as Pandium documents it"),
        (format!("https://p.test/acme/tenants/create/1?tenant={good}&display=list"), 0, "with the secret of"),
        (token(SECRET.as_bytes(), MEMBERS, Some(60)), 0, "ends "),
        (token(SECRET.as_bytes(), MEMBERS, Some(0)), 1, "exp was"),
        (token(b"another secret", MEMBERS, None), 1, "with no secret of this file, however it is encoded"),
        (good.replace(".eyJ", ".eyK"), 1, "this is no token: its payload is not JSON"),
        (
            ours(r#","sub":42,"ti":{"xti":{"connector_name":"c","integration_name":"i"}}"#),
            1,
            "sub is a number",
        ),
        (ours(&MEMBERS.replace("sub", "iat")), 1, "a name stands twice in the payload"),
        (ours(&market), 1, "ti.xti.connector_name is missing"),
        (
            format!("https://p.test/acme/tenants/create/1?tenant={}", ours(&market)),
            1,
            "connector_name is missing",
        ),
        (format!("https://p.test/acme?tenant={}", ours(&market)), 0, "form      as Pandium documents it"),
        ("nonsense".to_owned(), 1, "this is no token: it has 1 segments, and not three"),
    ] {
        let ended = inspect(&given, file.to_str());
        assert_eq!(ended.code, Some(code), "{expected}: {}", ended.all());
        assert!(ended.all().contains(expected), "{expected}: {}", ended.all());
    }
}

#[test]
fn what_is_sensitive_is_there_by_its_length_alone() {
    let scratch = Scratch::new("sensitive");
    let sensitive = [
        ("tenant_id: X-Tenant-Id", "tenant_id: { header: X-Tenant-Id, sensitive: true }"),
        ("type: list, default: []", "type: list, default: [], sensitive: true"),
    ];
    let file = scratch.write("c.yaml", changed(&encoded("utf8"), &sensitive));
    let ended = inspect(&token(SECRET.as_bytes(), MEMBERS, None), file.to_str());
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    assert!(!ended.all().contains("kanarie"), "{}", ended.all());
    for shown in [r#""sub": "(present, 7 bytes)""#, r#""ili": "(present, 11 bytes)""#, r#""udn": "Acme""#] {
        assert!(ended.stdout.contains(shown), "{shown}: {}", ended.stdout);
    }
    // Without a file nothing is known but the credential.
    let ended = run(program(&["inspect", &token(b"k", MEMBERS, None)]).current_dir(scratch.path("")));
    assert!(ended.stdout.contains(r#""token": "(present, 7 bytes)""#), "{}", ended.stdout);
    assert!(ended.stdout.contains(r#""sub": "kanarie""#), "{}", ended.stdout);
}

#[test]
fn without_a_configuration_it_is_decoded_and_not_verified() {
    let scratch = Scratch::new("unverified");
    let good = token(SECRET.as_bytes(), MEMBERS, None);
    let here = |arguments: &[&str]| run(program(arguments).current_dir(scratch.path("")));
    let ended = here(&["inspect", &good]);
    assert_eq!(ended.code, Some(1), "{}", ended.all());
    let expected = "signed    not verified: there is no config.yaml here, and no --config FILE was given";
    assert!(ended.stdout.contains(expected), "{}", ended.stdout);
    assert!(ended.stdout.contains("form      as Pandium documents it"), "{}", ended.stdout);

    let ended = here(&["inspect", &good, "--config", "missing.yaml"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
    assert!(ended.stderr.contains("missing.yaml: the configuration cannot be read"), "{}", ended.stderr);

    scratch.write("config.yaml", "version: 2\n");
    let ended = here(&["inspect", &good]);
    assert_eq!(ended.code, Some(1), "{}", ended.all());
    assert!(
        ended.stdout.contains("not verified: config.yaml does not hold; `check` says why"),
        "{}",
        ended.stdout
    );

    scratch.write("config.yaml", encoded("utf8"));
    let ended = here(&["inspect", &good]);
    assert_eq!(ended.code, Some(1), "{}", ended.all());
    let expected = "that of account acme is not at hand: environment variable FIXTURE_SECRET is not set";
    assert!(ended.stdout.contains(expected), "{}", ended.stdout);
}

#[test]
fn a_token_need_not_stand_on_the_command_line() {
    let scratch = Scratch::new("stdin");
    let file = scratch.write("c.yaml", encoded("utf8"));
    let mut command = program(&["inspect", "-", "--config", file.to_str().unwrap()]);
    command.env("FIXTURE_SECRET", SECRET).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let good = token(SECRET.as_bytes(), MEMBERS, None);
    let head =
        format!("HTTP/1.1 302 Found\r\nlocation: https://p.test/a/tenants/create/1?tenant={good}\r\n\r\n");
    child.stdin.take().unwrap().write_all(head.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
}
