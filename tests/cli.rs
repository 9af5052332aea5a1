//! Transcripts of the commands: what a person types, and all that the program answers.
//!
//! Run with `TRYCMD=overwrite` to write the answers anew, and read the difference.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::path::PathBuf;
use std::process::{Command, Output};
use std::{env, fs, process};

const BIN: &str = env!("CARGO_BIN_EXE_pandium-sidecar");

fn run(args: &[&str]) -> Output {
    Command::new(BIN).args(args).env_clear().output().unwrap()
}

#[test]
fn transcripts() {
    let cases = trycmd::TestCases::new();
    cases.env("PANDIUM_TEST_KEY", "0123456789abcdef0123456789abcdef").env("COLUMNS", "100");
    cases.env("PANDIUM_TEST_OTHER_KEY", "fedcba9876543210fedcba9876543210");
    cases.env("PANDIUM_TEST_EDGE", "an-edge-0123456789abcdef0123456789");
    cases.case("tests/cli/*.trycmd");
}

/// What a command prints as a configuration holds, with nothing to warn of.
#[test]
fn printed_configurations_pass_check() {
    let printers: [&[&str]; 9] = [
        &["init"],
        &["init", "--from", "headers"],
        &["init", "--from", "probe", "--integration", "c=333"],
        &["init", "--from", "handoff", "--integration", "d=4444"],
        &["init", "--from", "jwt", "--integration", "e=55555"],
        &["init", "--account", "beta-corp", "--integration", "a=1", "--integration", "b_2=22"],
        &["demo", "--print-config"],
        &["demo", "--print-config", "--deliver", "proxy"],
        &["demo", "--print-config", "--deliver", "proxy", "--mount", "host"],
    ];
    for (index, args) in printers.iter().enumerate() {
        let printed = run(args);
        assert!(printed.status.success(), "{args:?}");
        let file: PathBuf =
            env::temp_dir().join(format!("pandium-sidecar-printed-{}-{index}.yaml", process::id()));
        fs::write(&file, &printed.stdout).unwrap();
        let checked = run(&["check", "--strict", "--without-secrets", "--config", file.to_str().unwrap()]);
        fs::remove_file(&file).unwrap();
        let said = String::from_utf8(checked.stderr).unwrap();
        assert_eq!((checked.status.code(), said.as_str()), (Some(0), ""), "{args:?}");
        let summary = String::from_utf8(checked.stdout).unwrap();
        for integration in args.iter().filter_map(|arg| arg.split_once('=')).map(|(_, id)| id) {
            assert!(summary.contains(&format!("/tenants/create/{integration}?tenant=")), "{summary}");
        }
    }
}

/// The known answer, without a transcript's elisions: nothing but the token and a line's end.
#[test]
fn the_known_answer_comes_out_byte_for_byte() {
    let printed = Command::new(BIN)
        .args(["mint", "acme2crm", "--config", "tests/cli/files/acme.yaml", "--format", "token"])
        .args(["--now", "1700000005", "--jti", "00000000-0000-4000-8000-000000000001"])
        .args(["-H", "X-Account-Id: 42", "-H", "X-Account-Name: Acme GmbH"])
        .args(["-H", "X-User-Name: Zoë Müller", "-H", "X-User-Email: zoe@acme.example"])
        .env("PANDIUM_TEST_KEY", "0123456789abcdef0123456789abcdef")
        .output()
        .unwrap();
    let token = String::from_utf8(printed.stdout).unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(parts[0], "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9");
    let payload = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(parts[1]).unwrap();
    assert_eq!(
        String::from_utf8(payload).unwrap(),
        r#"{"iat":1700000000,"jti":"00000000-0000-4000-8000-000000000001","sub":"acme-42","ti":{"udn":"Acme GmbH","ufn":"Zoë Müller","uem":"zoe@acme.example","ili":[],"aid":"42","adn":"Acme GmbH","xti":{"connector_name":"acme","integration_name":"acme2crm"}}}"#
    );
    assert_eq!(parts[2], "bpiIjtzD3tm15Ztyv_3pGO0xNK6s01ZrNzMTiAssXlA\n");
    assert!(printed.stderr.is_empty());
}
