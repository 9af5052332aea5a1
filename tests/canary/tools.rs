//! `check` and `mint`, errors about secrets, and what `Debug` shows.

use crate::harness::child::{Ended, Scratch, program, run};
use crate::harness::{changed, fixture};
use crate::{KEY, MARK, assert_silent};
use pandium_sidecar::evidence::Finding;
use pandium_sidecar::redact::Secret;
use pandium_sidecar::refusal::{Code, Refusal};
use pandium_sidecar::value::{Session, Value};
use std::os::unix::fs::PermissionsExt as _;

fn base() -> String {
    changed(
        &fixture("127.0.0.1:1".parse().unwrap()),
        &[(
            "{ header: X-User-Email, optional: true }",
            "{ header: X-User-Email, optional: true, sensitive: true }",
        )],
    )
}

fn tool(arguments: &[&str]) -> Ended {
    run(program(arguments).env("FIXTURE_SECRET", KEY).env("SHORT", "kanarie").env("SPACED", "kanarie-0123 "))
}

#[test]
fn a_mistake_about_the_secret_does_not_repeat_it() {
    let scratch = Scratch::new("secrets");
    let unreadable = scratch.write("unreadable", KEY);
    std::fs::set_permissions(&unreadable, std::fs::Permissions::from_mode(0o000)).unwrap();
    scratch.write("binary", b"\xff\xfekanarie\x00");
    scratch.write("huge", "kanarie".repeat(20_000));
    scratch.write("spaced", "kanarie kanarie kanarie kanarie kanarie kanarie \n");
    let line = "secret: { env: FIXTURE_SECRET }";
    let account = "account: acme\n";
    for (from, to) in [
        (line, "secret: kanarie-inline"),
        (line, "secret: \"kanarie: inline\""),
        (line, "secret: 'kanarie'"),
        (line, "secret:\n    kanarie-below"),
        (line, "secret: |\n    kanarie-block\n    kanarie-block"),
        (line, "secret: >-\n    kanarie-folded"),
        (line, "secret: [kanarie-listed]"),
        (line, "secret:\n    - kanarie-listed"),
        (line, "secret: !kanarie kanarie"),
        (line, "secret: &anchor kanarie-anchored"),
        (line, "secret: { value: kanarie-value }"),
        (line, "secret: { value: kanarie, bogus: kanarie }"),
        (line, "secret: { env: FIXTURE_SECRET, value: kanarie-value }"),
        (line, "secret:\n    value: kanarie-value"),
        (line, "secret:\n    env: FIXTURE_SECRET\n    value:\n      - kanarie-value"),
        (line, "secret:\n    env: \"kanarie no name\""),
        (line, "secret: { kanarie-key }"),
        (line, "secret: { env: kanarie-no-name! }"),
        (line, "secret: { env: FIXTURE_SECRET, encoding: hex }"),
        (line, "secret: { env: FIXTURE_SECRET, encoding: base64 }"),
        (line, "secret: { env: FIXTURE_SECRET, encoding: kanarie }"),
        (line, "secret: { env: SHORT }\n  bogus: 1"),
        (line, "secret: { env: SPACED }\n  bogus: 1"),
        (line, "secret: { file: unreadable }\n  bogus: 1"),
        (line, "secret: { file: binary, encoding: base64 }"),
        (line, "secret: { file: binary, encoding: hex }"),
        (line, "secret: { file: huge }"),
        (line, "secret: { file: spaced }\n  bogus: 1"),
        (line, "secret: ${env.FIXTURE_SECRET}"),
        (line, "secret: kanarie # and: a {comment"),
        (line, "secret: kanarie: inline"),
        (line, "secret: \"kanarie-unclosed"),
        (line, "secret: 'kanarie-unclosed"),
        (line, "secret: {kanarie-unclosed"),
        (line, "secret: kanarie\n  secret: kanarie-twice"),
        (line, "secret: %kanarie"),
        (line, "secret: `kanarie`"),
        (line, "secret: @kanarie"),
        (line, "secret: *kanarie"),
        (line, "\tsecret: kanarie"),
        (line, "Secret: kanarie-unknown-key"),
        (line, "secrets: kanarie-unknown-key"),
        (line, "secret_key: kanarie-unknown-key"),
        (line, "shared_secret: kanarie-unknown-key"),
        (line, "shared-secret: kanarie-unknown-key"),
        (account, "account: \"a b\"\n  bogus: { secret: kanarie-elsewhere }\n"),
    ] {
        let file = scratch.write("c.yaml", changed(&base(), &[(from, to)]));
        let path = file.to_str().unwrap();
        for arguments in [
            vec!["check", "--config", path],
            vec!["serve", "--config", path],
            vec!["mint", "gwt2hs", "--config", path],
        ] {
            let ended = tool(&arguments);
            assert_eq!(ended.code, Some(2), "{to}: {}", ended.all());
            assert!(ended.stderr.contains("c.yaml:"), "{to}: {}", ended.all());
            assert_silent(to, &without_words(&ended.all(), to));
        }
    }
}

/// What of an error names a thing that is no secret: a word for `encoding`, a tag.
fn without_words(text: &str, written: &str) -> String {
    let no_secret = written.contains("encoding: kanarie") || written.contains("!kanarie");
    if no_secret { text.replace(MARK, "") } else { text.to_owned() }
}

#[test]
fn check_tells_of_a_key_without_showing_it() {
    let scratch = Scratch::new("check");
    let file = scratch.write("c.yaml", base());
    let path = file.to_str().unwrap();
    for more in [&[][..], &["--strict"], &["--without-secrets"], &["--edge", "nginx"]] {
        let ended = tool(&[&["check", "--config", path][..], more].concat());
        assert_silent("check", &ended.all());
        assert_eq!(ended.code, Some(0), "{}", ended.all());
    }
    let summary = tool(&["check", "--config", path]).stdout;
    assert!(summary.contains("40 bytes") && summary.contains("fingerprint"), "{summary}");
}

#[test]
fn no_refused_rehearsal_repeats_a_value() {
    let scratch = Scratch::new("mint");
    let file = scratch.write("c.yaml", base());
    let path = file.to_str().unwrap();
    let tenant = "X-Tenant-Id: kanarie-tenant";
    let long = format!("X-Tenant-Id: {}", "kanarie".repeat(1000));
    for (headers, code) in [
        (vec!["X-User-Email: kanarie"], "signed-out"),
        (vec![tenant, tenant], "duplicate-header"),
        (vec![tenant, "X_Tenant_Id: kanarie"], "alias-header"),
        (vec![tenant, "Connection: kanarie, X-Tenant-Id"], "nominated-header"),
        (vec!["X-Tenant-Id: kanarie\u{202e}"], "invalid-value"),
        (vec![&long], "invalid-value"),
        (vec![tenant, "Sec-Fetch-Site: kanarie"], "cross-site"),
        (vec![tenant, "Host: kanarie"], "bad-host"),
        (vec!["kanarie without a colon"], ""),
        (vec!["kanarie name: x"], ""),
        (vec!["X-Tenant-Id: kanarie\u{1}"], ""),
    ] {
        for format in ["url", "token", "claims", "explain"] {
            let mut arguments = vec!["mint", "gwt2hs", "--config", path, "--format", format];
            arguments.extend(headers.iter().flat_map(|header| ["-H", header]));
            let ended = tool(&arguments);
            assert_eq!(
                ended.code,
                Some(if code.is_empty() { 64 } else { 1 }),
                "{headers:?}: {}",
                ended.all()
            );
            assert!(ended.stderr.contains(code), "{headers:?}: {}", ended.all());
            assert_silent(&format!("{headers:?} as {format}"), &ended.all());
        }
    }
    let ended = tool(&[
        "mint",
        "gwt2hs",
        "--config",
        path,
        "-H",
        "X-Tenant-Id: a",
        "-H",
        "X-User-Email: kanarie",
        "--format",
        "explain",
    ]);
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    assert!(ended.stdout.contains("sensitive"), "{}", ended.stdout);
    assert_silent("a sensitive field", &ended.all());
}

#[test]
fn debug_shows_forms_and_not_values() {
    let text = || Value::Text(MARK.into());
    let list = Value::List(vec![MARK.into(), "b".into()]);
    let json = Value::Json(serde_json::json!({ MARK: MARK }));
    let shown = format!(
        "{:?} {:#?} {:?} {list:?} {json:?} {:?} {:?}",
        Secret::new(KEY.into()),
        Secret::new(KEY.into()),
        text(),
        Session::new(vec![Some(text()), None]),
        Refusal::new(Code::SignedOut, "no required field has a value")
            .about(Finding::of("header x-tenant-id")),
    );
    assert_silent("Debug", &shown);
    assert!(shown.contains("[secret]") && shown.contains("string, 7 bytes"), "{shown}");
    assert!(shown.contains("list, 2 items") && shown.contains("header x-tenant-id"), "{shown}");
}
