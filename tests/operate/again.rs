//! Every refusal's line has a command that plays it again, and it does: with the same code.

use crate::harness::child::{PROGRAM, Scratch, Serving};
use crate::harness::{App, INSTALL, Reader, SECRET, TRUSTED, changed, connect, fixture, request};
use std::process::Command;
use tokio::io::AsyncWriteExt;

const OWN: &str = "X-Tenant-Id: acme";
const LONG: &str = "X-Tenant-Id: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

/// Header lines, the path, and the code that they meet.
const REFUSED: &[(&str, &[&str], &str)] = &[
    (INSTALL, &[], "signed-out"),
    (INSTALL, &["X-Tenant-Id: -"], "signed-out"),
    (INSTALL, &["X-Seats: 3"], "incomplete-session"),
    (INSTALL, &[OWN, "X-Seats: 3", "X-Seats: 3"], "duplicate-header"),
    (INSTALL, &[OWN, "X_Tenant_Id: other"], "alias-header"),
    (INSTALL, &[OWN, "Connection: close, x-tenant-id"], "nominated-header"),
    (INSTALL, &[OWN, "X-Seats: many"], "invalid-value"),
    (INSTALL, &["X-Tenant-Id: ab\u{202e}c", "X-Seats: 3"], "invalid-value"),
    (INSTALL, &[LONG, "X-Seats: 3"], "invalid-value"),
    (INSTALL, &[OWN, "X-Seats: 3", "X-User-Email: %zz"], "invalid-value"),
    (INSTALL, &[OWN, "X-Seats: 3", "Cookie: crumb=a; crumb=b"], "duplicate-header"),
    (INSTALL, &[OWN, "Sec-Purpose: prefetch"], "prefetch"),
    (INSTALL, &[OWN, "Sec-Fetch-Site: cross-site", "Sec-Fetch-Dest: iframe"], "cross-site"),
    (INSTALL, &[OWN, "Sec-Fetch-Site: cross-site", "Sec-Fetch-Dest: script"], "cross-site"),
    (INSTALL, &[OWN, "X-Account: nobodys"], "unknown-override"),
    ("/pandium/install/nobodys", &[OWN], "unknown-integration"),
    ("/market", &["X-Seats: 3"], "incomplete-session"),
    ("/decide/acme-crm", &[], "signed-out"),
];

/// Refusals that `mint` cannot play.
const WITHOUT: &[(&str, &[&str], &str)] = &[
    ("/x/../pandium/install/gwt2hs", &[OWN], "ambiguous-path"),
    (INSTALL, &[OWN, "Host: second.test"], "bad-host"),
];

fn text(app: &App) -> String {
    let fields =
        "    seats: { header: X-Seats, type: int }\n    crumb: { cookie: crumb, optional: true }\nclaims:\n";
    let account = "pandium:\n  account: acme\n  accounts:\n    acme: { environment: sandbox, secret: { env: FIXTURE_SECRET } }\n";
    changed(
        &fixture(app.address),
        &[
            ("claims:\n", fields),
            ("tenant_id: X-Tenant-Id", "tenant_id: { header: X-Tenant-Id, max_bytes: 20 }"),
            ("header: X-User-Email, ", "header: X-User-Email, decode: percent, "),
            (
                "pandium:\n  account: acme\n  environment: sandbox\n  secret: { env: FIXTURE_SECRET }\n",
                account,
            ),
            ("log:", "overrides: { account: X-Account }\nlog:"),
            (
                "log:",
                "routes: { marketplace: { path: /market }, decision: { path: /decide/:integration } }\nlog:",
            ),
        ],
    )
}

async fn refused(serving: &mut Serving, id: &str, path: &str, lines: &[&str]) -> serde_json::Value {
    let named = format!("X-Request-Id: {id}");
    let mut reader = Reader::new(connect(TRUSTED, serving.address()).await);
    let bytes = request("GET", path, &[&[named.as_str()], lines].concat());
    reader.stream().write_all(&bytes).await.unwrap();
    assert!(reader.answer().await.is_some());
    serde_json::from_str(&serving.line(&[&format!("\"{id}\""), "\"refused\""])).unwrap()
}

#[tokio::test]
async fn each_refusal_can_be_played_again() {
    let app = App::start().await;
    let scratch = Scratch::new("again");
    let file = scratch.write("it's a file.yaml", text(&app));
    let mut serving = Serving::start(&file, &["--log-format", "json"], &[("FIXTURE_SECRET", SECRET)]);
    for (at, (path, lines, code)) in REFUSED.iter().enumerate() {
        let line = refused(&mut serving, &format!("again-{at}"), path, lines).await;
        assert_eq!(line["code"], *code, "{line:#}");
        let command = line["explain"].as_str().unwrap_or_else(|| panic!("no command in {line:#}"));
        for value in ["acme ", "other", "many", "nobodys", "crumb=a", "3'"] {
            assert!(!command.contains(value), "a value in {command}");
        }
        let played = command.replacen("pandium-sidecar", PROGRAM, 1);
        let output = Command::new("bash").args(["-c", &played]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{command}\n{said}");
        assert!(said.starts_with(&format!("{code}: ")), "{code} by {command}\n{said}");
        if let Some(state) = line["state"].as_str() {
            assert!(said.contains(state) || state.starts_with("too long"), "{state} by {command}\n{said}");
        }
    }
    for (at, (path, lines, code)) in WITHOUT.iter().enumerate() {
        let line = refused(&mut serving, &format!("without-{at}"), path, lines).await;
        assert_eq!((line["code"].as_str(), line.get("explain")), (Some(*code), None));
    }
}
