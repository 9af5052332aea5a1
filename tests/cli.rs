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

/// A configuration in a folder that is nobody else's.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let folder = env::temp_dir().join(format!("pandium-sidecar-cli-{}-{name}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn write(&self, name: &str, text: &[u8]) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// README's examples in a language.
fn readme(language: &str) -> Vec<String> {
    let text = fs::read_to_string("README.md").unwrap();
    let opening = format!("```{language}\n");
    text.split(&opening).skip(1).map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

/// The smallest useful file of README, and each that `init` prints for the headers of an app.
fn files_for_headers() -> Vec<(String, Vec<u8>)> {
    let printed = |from: &str| (format!("init-{from}"), run(&["init", "--from", from]).stdout);
    let [smallest] = readme("yaml").try_into().unwrap();
    let mut files = vec![("README".to_owned(), smallest.into_bytes())];
    files.extend(["headers", "probe", "handoff"].map(printed));
    files
}

fn rehearse(config: &str, id: &str) -> Output {
    let id = format!("X-Account-Id: {id}");
    let name = "X-Account-Name: Caf%C3%A9%20Zo%C3%AB";
    let args = ["mint", "gwt2hs", "--format", "claims", "--config", config, "-H", &id, "-H", name];
    run(&[&args[..], &["-H", "X-User-Email: zoe@acme.example"]].concat())
}

/// README's views send names so.
#[test]
fn names_come_percent_encoded_in_every_file_to_start_from() {
    let scratch = Scratch::new("percent");
    for (name, text) in files_for_headers() {
        let printed = rehearse(&scratch.write(&name, &text), "42");
        let claims = String::from_utf8(printed.stdout).unwrap();
        assert!(claims.contains(r#""sub":"42","ti":{"udn":"Café Zoë""#), "{name}: {claims}");
    }
}

/// What a language writes for nothing is no tenant, in the files that a person starts from.
#[test]
fn what_languages_write_for_nothing_is_nobody_to_what_init_prints() {
    let scratch = Scratch::new("nothing");
    for (name, text) in files_for_headers().into_iter().filter(|(name, _)| name != "README") {
        let file = scratch.write(&name, &text);
        for nothing in ["None", "nil", "<nil>", "null", "undefined", ""] {
            let printed = rehearse(&file, nothing);
            assert_eq!(printed.status.code(), Some(1), "{name}: {nothing}");
            assert!(printed.stderr.starts_with(b"incomplete-session: "), "{name}: {nothing}");
        }
    }
}

/// However wide the terminal is, the example is one that can be copied and played.
#[test]
fn the_example_of_the_help_can_be_played_at_every_width() {
    let scratch = Scratch::new("example");
    let [smallest] = readme("yaml").try_into().unwrap();
    let config = scratch.write("config.yaml", smallest.as_bytes());
    for width in ["40", "60", "80", "100"] {
        let help = Command::new(BIN).args(["test", "--help"]).env_clear().env("COLUMNS", width).output();
        let help = String::from_utf8(help.unwrap().stdout).unwrap();
        let (_, cases) = help.split_once("\ncases:\n").unwrap();
        let file = scratch.write("cases.yaml", format!("cases:\n{cases}").as_bytes());
        let played = run(&["test", "--config", &config, &file]);
        let said = String::from_utf8(played.stderr).unwrap();
        assert_eq!((played.status.code(), said.as_str()), (Some(0), ""), "{width} columns\n{help}");
        assert!(played.stdout.ends_with(b"2 passed, 0 failed\n"), "{width} columns");
    }
}

/// clap names the flag, given or not.
#[test]
fn a_wrong_value_is_blamed_on_the_variable_it_is_from() {
    let said = |args: &[&str], variable: &str| {
        let ended = Command::new(BIN).args(args).env_clear().env(variable, "nonsense").output().unwrap();
        assert_eq!(ended.status.code(), Some(64), "{variable}");
        String::from_utf8(ended.stderr).unwrap()
    };
    for variable in ["LISTEN", "LOG", "LOG_FORMAT", "WORKERS"] {
        let variable = format!("PANDIUM_SIDECAR_{variable}");
        let wrong = format!("error: invalid value 'nonsense' for '{variable} (in the environment)'");
        for args in [&["serve"][..], &[]] {
            let said = said(args, &variable);
            assert!(said.starts_with(&wrong), "{said}");
        }
    }
    let both = said(&["serve", "--workers=zero", "--log", "info"], "PANDIUM_SIDECAR_WORKERS");
    assert!(both.starts_with("error: invalid value 'zero' for '--workers <N>'"), "{both}");
}

#[test]
fn a_first_run_is_told_how_to_go_on() {
    let scratch = Scratch::new("first");
    let check = |file: &str| String::from_utf8(run(&["check", "--config", file]).stderr).unwrap();
    let none = check(scratch.0.join("none.yaml").to_str().unwrap());
    assert!(none.contains("`pandium-sidecar init` prints one to start from"), "{none}");

    let text = String::from_utf8(run(&["init"]).stdout).unwrap();
    let text = text.replace("/run/secrets/", scratch.0.to_str().unwrap());
    let lacking = check(&scratch.write("lacking.yaml", text.as_bytes()));
    assert!(lacking.ends_with("but the secrets. Where they are not at hand: check --without-secrets\n"));
    let broken = check(&scratch.write("broken.yaml", format!("{text}nonsense: 1\n").as_bytes()));
    assert!(broken.contains("nonsense") && !broken.contains("--without-secrets"), "{broken}");
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
