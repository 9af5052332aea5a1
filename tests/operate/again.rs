//! Every refusal's line has a command that plays it again, and it does: with the same code.

use crate::harness::child::{PROGRAM, Scratch, Serving};
use crate::harness::{App, INSTALL, Reader, SECRET, TRUSTED, changed, connect, fixture, request};
use std::process::Command;
use tokio::io::AsyncWriteExt;

const OWN: &str = "X-Tenant-Id: acme";
const LONG: &str = "X-Tenant-Id: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

/// The path, header lines, and the code that they meet.
type Case = (&'static str, &'static [&'static str], &'static str);

const REFUSED: &[Case] = &[
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
const WITHOUT: &[Case] = &[
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

/// Refuses somebody, and plays the line's command: with the same code, and the same state.
async fn replayed(serving: &mut Serving, id: &str, (path, lines, code): &Case) {
    let line = refused(serving, id, path, lines).await;
    assert_eq!(line["code"], *code, "{line:#}");
    let command = line["explain"].as_str().unwrap_or_else(|| panic!("no command in {line:#}"));
    for value in ["acme ", "other", "many", "nobodys", "crumb=a", "3'", "kanarie"] {
        assert!(!command.contains(value), "a value in {command}");
    }
    let said = play(command, Some(1));
    assert!(said.starts_with(&format!("{code}: ")), "{code} by {command}\n{said}");
    if command.contains("THE-VISITORS-TOKEN") && *code != "duplicate-header" {
        assert!(said.contains("stands for the token that came"), "{said}");
    }
    if let Some(state) = line["state"].as_str().filter(|state| !state.starts_with("present")) {
        assert!(said.contains(state) || state.starts_with("too long"), "{state} by {command}\n{said}");
    }
}

fn play(command: &str, status: Option<i32>) -> String {
    let played = command.replacen("pandium-sidecar", PROGRAM, 1);
    let mut shell = Command::new("bash");
    let output = shell.args(["-c", &played]).envs(ENVIRONMENT).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), status, "{command}\n{said}");
    said
}

const ENVIRONMENT: [(&str, &str); 2] =
    [("FIXTURE_SECRET", SECRET), ("OTHER", "another-key-0123456789abcdef0123456789")];

/// What changes in the fixture, and what is refused by that.
struct File {
    name: &'static str,
    changes: &'static [(&'static str, &'static str)],
    refused: &'static [Case],
}

const PROBE: (&str, &str) = ("from: headers", "from: probe\n  probe: { path: /who }");
const TENANT_IN_JSON: (&str, &str) =
    ("tenant_id: X-Tenant-Id", "tenant_id: { json: /tenant/id, max_bytes: 20 }");
const MAIL_IN_JSON: (&str, &str) =
    ("{ header: X-User-Email, optional: true }", "{ json: \"/a~1b/0\", decode: percent }");
const GROUPS_IN_JSON: (&str, &str) = ("header: X-User-Groups", "json: /groups");
const SIGNED_IN: (&str, &str) =
    ("  fields:", "  signed_in: { field: tenant_id, not: [guest, \"0\"] }\n  fields:");

const FILES: &[File] = &[
    File {
        name: "json",
        changes: &[PROBE, TENANT_IN_JSON, MAIL_IN_JSON, GROUPS_IN_JSON, SIGNED_IN],
        refused: &[
            (INSTALL, &["Cookie: say={}"], "signed-out"),
            (INSTALL, &["Cookie: say={^tenant^:{^id^:^guest^}}"], "signed-out"),
            (INSTALL, &["Cookie: say={^tenant^:{^id^:null}}"], "signed-out"),
            (INSTALL, &["Cookie: say={^tenant^:{^id^:^kanarie^}}"], "incomplete-session"),
            (INSTALL, &["Cookie: say={^tenant^:{^id^:[7]}}"], "invalid-value"),
            (INSTALL, &["Cookie: say={^tenant^:{^id^:^kanarie-of-more-than-twenty^}}"], "invalid-value"),
            (INSTALL, &["Cookie: say={^tenant^:{^id^:^ab\\u0007^}}"], "invalid-value"),
            (INSTALL, &["Cookie: say={^tenant^:{^id^:^a^}+^a/b^:[^a%zz^]}"], "invalid-value"),
            (INSTALL, &["Cookie: say={^tenant^:{^id^:^a^}+^a/b^:[^a%EB^]}"], "invalid-value"),
            (INSTALL, &["Cookie: say={^tenant^:{^id^:^a^}+^a/b^:[^a^]+^groups^:7}"], "invalid-value"),
            (INSTALL, &["Cookie: say={^tenant^:{^id^:^a^}+^a/b^:[^a^]+^groups^:[true]}"], "invalid-value"),
            (INSTALL, &["X-Tenant-Id: a", "Sec-Purpose: prefetch"], "prefetch"),
        ],
    },
    File {
        name: "handoff",
        changes: &[("from: headers", "from: handoff"), SIGNED_IN],
        refused: &[(INSTALL, &["Cookie: say=X-Tenant-Id: guest"], "signed-out")],
    },
    File {
        name: "jwt",
        changes: &[
            (
                "from: headers",
                "from: jwt\n  jwt: { header: Authorization, algorithms: HS256, secret: { env: OTHER } }",
            ),
            ("tenant_id: X-Tenant-Id", "tenant_id: { claim: /tid }"),
            ("header: X-User-Email", "claim: /mail"),
            ("header: X-User-Groups", "claim: /groups"),
        ],
        refused: &[
            (INSTALL, &[], "signed-out"),
            (INSTALL, &["Authorization: Bearer "], "signed-out"),
            (INSTALL, &["Authorization: Bearer kanarie"], "signed-out"),
            (INSTALL, &["Authorization: Bearer a.b.c", "Authorization: Bearer a.b.c"], "duplicate-header"),
        ],
    },
    File {
        name: "claims",
        changes: &[SIGNED_IN, ("  ti:\n", "  ti:\n    udn: ${session.tenant_id | slug}\n")],
        refused: &[
            (INSTALL, &["X-Tenant-Id: guest"], "signed-out"),
            (INSTALL, &["X-Tenant-Id: ???"], "invalid-value"),
        ],
    },
    File {
        name: "header",
        changes: &[
            ("trust: { peers: 127.0.0.2 }", "trust: { peers: 127.0.0.2, complete: true }"),
            (
                "log:",
                "overrides: { integration: X-Integration }\nroutes: { install: { path: /install }, marketplace: { path: /market } }\nlog:",
            ),
        ],
        refused: &[
            ("/install", &["X-Integration: -"], "unknown-override"),
            ("/install", &["X-Integration: nobodys"], "unknown-override"),
            ("/install/nobodys", &[], "unknown-integration"),
            ("/market/nobodys", &[], "unknown-integration"),
            ("/install", &["X-Integration: gwt2hs", OWN, "X-User-Email: -"], "incomplete-session"),
            (
                "/install",
                &["X-Integration: gwt2hs", "X-Tenant-Id: -", "X-User-Email: -", "X-User-Groups: -"],
                "signed-out",
            ),
        ],
    },
    File {
        name: "account",
        changes: &[
            (
                "  account: acme\n  environment: sandbox\n  secret: { env: FIXTURE_SECRET }\n",
                "  accounts:\n    acme: { environment: sandbox, secret: { env: FIXTURE_SECRET } }\n",
            ),
            ("log:", "overrides: { account: X-Account }\nlog:"),
        ],
        refused: &[
            (INSTALL, &[OWN], "unknown-override"),
            (INSTALL, &[OWN, "X-Account: -"], "unknown-override"),
            (INSTALL, &[OWN, "X-Account: nobodys"], "unknown-override"),
            (INSTALL, &["X-Account: acme"], "signed-out"),
        ],
    },
    File {
        name: "host",
        changes: &[
            ("environment: sandbox", "environment: sandbox\n  proxy: { mount: host, host: app.test }"),
            ("log:", "routes: { install: { deliver: proxy } }\nlog:"),
        ],
        refused: &[
            ("/page", &[], "signed-out"),
            ("/page", &["X-Tenant-Id: a\u{202e}"], "invalid-value"),
            ("/page", &[OWN, OWN], "duplicate-header"),
        ],
    },
];

/// The header by which the visitor has the app say a body of JSON, or a header of it.
async fn obedient() -> App {
    App::answering(|asked| {
        let cookie = asked.values("cookie").join("");
        let said = cookie.strip_prefix("say=").unwrap_or("");
        let headers = if said.starts_with('X') { format!("{said}\r\n") } else { String::new() };
        let body = if headers.is_empty() { said.replace('+', ",").replace('^', "\"") } else { String::new() };
        let length = body.len();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{headers}");
        Some(format!("{head}Content-Length: {length}\r\n\r\n{body}").into_bytes())
    })
    .await
}

#[tokio::test]
async fn whoever_says_who_a_visitor_is() {
    let app = obedient().await;
    let scratch = Scratch::new("again-from");
    for File { name, changes, refused } in FILES {
        let file = scratch.write(&format!("{name}.yaml"), changed(&fixture(app.address), changes));
        let mut serving = Serving::start(&file, &["--log-format", "json"], &ENVIRONMENT);
        for (at, case) in refused.iter().enumerate() {
            replayed(&mut serving, &format!("{name}-{at}"), case).await;
        }
    }
}

/// A line of text has it as it is typed.
#[tokio::test]
async fn a_command_is_copied_from_a_line_of_text() {
    let app = obedient().await;
    let scratch = Scratch::new("again-text");
    let text = changed(&fixture(app.address), &[PROBE, TENANT_IN_JSON, MAIL_IN_JSON, GROUPS_IN_JSON]);
    let file = scratch.write("config.yaml", text);
    let mut serving = Serving::start(&file, &["--log-format", "text"], &ENVIRONMENT);
    let mut reader = Reader::new(connect(TRUSTED, serving.address()).await);
    let bytes = request("GET", INSTALL, &["Cookie: say={^tenant^:{^id^:^kanarie-of-more-than-twenty^}}"]);
    reader.stream().write_all(&bytes).await.unwrap();
    assert_eq!(reader.answer().await.unwrap().status(), 400);
    let line = serving.line(&["invalid-value", "explain="]);
    let said = play(line.split_once("explain=").unwrap().1, Some(1));
    assert!(said.starts_with("invalid-value: "), "{said}");
}

#[tokio::test]
async fn what_one_value_alone_leads_to_has_no_command() {
    let app = App::start().await;
    let scratch = Scratch::new("again-alone");
    let sub = ("sub: ${session.tenant_id}", "sub: ${session.tenant_id | split(@) | first}");
    let file = scratch.write("config.yaml", changed(&fixture(app.address), &[sub]));
    let mut serving = Serving::start(&file, &["--log-format", "json"], &ENVIRONMENT);
    let line = refused(&mut serving, "alone", INSTALL, &["X-Tenant-Id: @"]).await;
    assert_eq!((line["code"].as_str(), line.get("explain")), (Some("invalid-value"), None));
}

#[tokio::test]
async fn each_refusal_can_be_played_again() {
    let app = App::start().await;
    let scratch = Scratch::new("again");
    let file = scratch.write("it's a file.yaml", text(&app));
    let mut serving = Serving::start(&file, &["--log-format", "json"], &[("FIXTURE_SECRET", SECRET)]);
    for (at, case) in REFUSED.iter().enumerate() {
        replayed(&mut serving, &format!("again-{at}"), case).await;
    }
    for (at, (path, lines, code)) in WITHOUT.iter().enumerate() {
        let line = refused(&mut serving, &format!("without-{at}"), path, lines).await;
        assert_eq!((line["code"].as_str(), line.get("explain")), (Some(*code), None));
    }
}
