//! `serve`, with everything that a visitor, an edge and an app can do to it.

use crate::harness::child::{Scratch, Serving};
use crate::harness::{App, INSTALL, Message, Reader, STRANGER, TRUSTED, changed, connect, fixture, nobody};
use crate::{KEY, MARK, assert_silent};
use pandium_sidecar::refusal::Code;
use std::net::SocketAddr;
use tokio::io::AsyncWriteExt;

/// What stands on every request.
const EVERYWHERE: &str = "User-Agent: kanarie-agent\r\nCookie: kanarie-cookie=kanarie-crumb\r\n\
    Authorization: Bearer kanarie-bearer\r\nX-Unrelated: kanarie-unrelated\r\nReferer: http://kanarie.test/\r\n";

/// What a visitor of the trusted peer is.
const IDENTITY: &str =
    "X-Tenant-Id: kanarie-tenant\r\nX-User-Email: kanarie-mail\r\nX-User-Groups: kanarie-a,b\r\n";

const INVALID: &str = "X-Tenant-Id: kanarie\u{202e}evil\r\n";

struct Play {
    from: &'static str,
    line: String,
    more: String,
    /// The code in the log; empty where the parser itself refuses.
    code: &'static str,
}

fn play(from: &'static str, line: &str, more: impl Into<String>, code: &'static str) -> Play {
    Play { from, line: line.to_owned(), more: more.into(), code }
}

/// Each refusal that there is, each outcome of passing through, and what is no request at all.
fn plays() -> Vec<Play> {
    let get = format!("GET {INSTALL}?kanarie=kanarie-query");
    let identity = |more: &str| format!("{IDENTITY}{more}\r\n");
    let long = format!("X-Tenant-Id: {}\r\n", "kanarie-".repeat(600));
    vec![
        play(TRUSTED, &get, IDENTITY, "minted"),
        play(TRUSTED, "GET /pandium/install/acme-crm", IDENTITY, "minted"),
        play(TRUSTED, "GET /market?kanarie=kanarie-query", IDENTITY, "minted"),
        play(TRUSTED, "GET /market/kanarie", IDENTITY, "unknown-integration"),
        play(TRUSTED, &get, identity("Host: kanarie.test"), "bad-host"),
        play(TRUSTED, "GET /kanarie/../pandium/install/gwt2hs", IDENTITY, "ambiguous-path"),
        play(TRUSTED, &get.replace("GET", "POST"), IDENTITY, "method-not-allowed"),
        play(TRUSTED, &get.replace("GET", "KANARIE"), IDENTITY, "method-not-allowed"),
        play(TRUSTED, &get, identity("Sec-Purpose: prefetch;kanarie"), "prefetch"),
        play(TRUSTED, &get, identity("Sec-Fetch-Site: kanarie-site"), "cross-site"),
        play(STRANGER, &get, IDENTITY, "untrusted-peer"),
        play(TRUSTED, &get, identity("Connection: kanarie, x-tenant-id"), "nominated-header"),
        play(TRUSTED, &get, identity("X_Tenant_Id: kanarie-alias"), "alias-header"),
        play(TRUSTED, &get, identity("X-Tenant-Id: kanarie-twice"), "duplicate-header"),
        play(TRUSTED, "GET /pandium/install/kanarie", IDENTITY, "unknown-integration"),
        play(TRUSTED, &get, INVALID, "invalid-value"),
        play(TRUSTED, &get, long, "invalid-value"),
        play(TRUSTED, &get, format!("{IDENTITY}X-Seats: kanarie-seats\r\n"), "invalid-value"),
        play(TRUSTED, &get, format!("{IDENTITY}X-Plan: kanarie-plan\r\n"), "invalid-value"),
        play(TRUSTED, &get, "X-User-Email: kanarie-mail\r\n", "signed-out"),
        play(
            TRUSTED,
            &get,
            "X-Second: kanarie-second\r\nX-User-Email: kanarie-mail\r\n",
            "incomplete-session",
        ),
        play(TRUSTED, &get, format!("{IDENTITY}X-Long: {}\r\n", "kanarie ".repeat(500)), "token-too-large"),
        play(STRANGER, "GET /kanarie/path?kanarie=query", IDENTITY, "passed"),
        play(
            TRUSTED,
            "POST /kanarie/path?kanarie=query",
            identity("Content-Length: 12\r\n\r\nkanarie-body"),
            "passed",
        ),
        play(TRUSTED, "GET /kanarie/path", identity("X_User_Email: kanarie-alias"), "alias-header"),
        play(STRANGER, "GET /kanarie/silent", IDENTITY, "upstream-timeout"),
        play(STRANGER, "GET /kanarie/nonsense", IDENTITY, "upstream-unreachable"),
        play(STRANGER, "OPTIONS *", IDENTITY, "bad-request"),
        play(STRANGER, "POST /kanarie", "Content-Length: 50\r\n\r\nkanarie-body", "request-timeout"),
        play(STRANGER, "POST /kanarie", "Transfer-Encoding: chunked\r\n\r\nkanarie", "bad-request"),
        play(STRANGER, "GET /kanarie", "kanarie no header\r\n", ""),
        play(STRANGER, "GET /kanarie", "Kanarie\x01: x\r\n", ""),
        play(STRANGER, "GET /kanarie", "User-Agent: kanarie\x1b[2J\r\n", ""),
        play(STRANGER, "GET /kanarie kanarie", "", ""),
        play(STRANGER, "kanarie", "", ""),
        play(STRANGER, "GET /kanarie", "X-Big: kanarie\r\n".repeat(150), ""),
    ]
}

fn answer(seen: &Message) -> Option<Vec<u8>> {
    match seen.first_line() {
        line if line.contains("silent") => None,
        line if line.contains("nonsense") => Some(b"kanarie-nonsense\r\n\r\n".to_vec()),
        _ => Some(
            b"HTTP/1.1 200 OK\r\nSet-Cookie: kanarie=x\r\nContent-Length: 11\r\n\r\nkanarie-app".to_vec(),
        ),
    }
}

fn config(app: SocketAddr) -> String {
    let more = "    second: X-Second\n    long: { header: X-Long, optional: true }\n    \
        seats: { header: X-Seats, type: int, optional: true, sensitive: true }\n    \
        plan: { header: X-Plan, optional: true, sensitive: true }\n    \
        crumb: { cookie: kanarie-cookie, optional: true }\n";
    let claims = "    xti:\n      seats: ${session.seats}\n      long: ${session.long}\n      crumb: ${session.crumb}\n      \
        plan: ${session.plan | map(gold=1)}\n";
    let text = changed(
        &fixture(app),
        &[
            ("claims:\n", &format!("{more}claims:\n")),
            ("    xti:\n", claims),
            ("admin: off", "admin: 127.0.0.1:0"),
            ("log:", "timeouts: { response: 1s, body: 100ms }\nlimits: { url_bytes: 4000 }\nlog:"),
            ("log:", "routes: { marketplace: { path: /market } }\nlog:"),
        ],
    );
    // What the app names its cookie is in the file, and may be shown.
    text.replace("cookie: kanarie-cookie", "cookie: session")
}

async fn perform(address: SocketAddr, play: &Play, id: &str) -> Option<Message> {
    let mut reader = Reader::new(connect(play.from, address).await);
    let second = if play.more.contains("X-Second") || play.code == "signed-out" {
        ""
    } else {
        "X-Second: kanarie-2\r\n"
    };
    let end = if play.more.contains("\r\n\r\n") { "" } else { "\r\n" };
    let head = format!(
        "{} HTTP/1.1\r\nHost: app.test\r\nX-Request-Id: {id}\r\nAccept: {}\r\n{EVERYWHERE}{second}{}{end}",
        play.line,
        if id.ends_with("page") { "text/html" } else { "*/*" },
        play.more,
    );
    // The parser refuses some before all is sent.
    let _ = reader.stream().write_all(head.as_bytes()).await;
    reader.answer().await
}

/// All that the operator can ask for, in each form; silent.
async fn told_to_the_operator(at: SocketAddr) -> String {
    let mut all = String::new();
    for (path, accept) in [
        ("/metrics", "*/*"),
        ("/metrics", "application/openmetrics-text"),
        ("/-/decisions", "*/*"),
        ("/-/decisions", "text/html"),
        ("/-/ready", "*/*"),
        ("/-/live", "*/*"),
        ("/kanarie?kanarie=kanarie", "text/html"),
    ] {
        let mut reader = Reader::new(connect("127.0.0.1", at).await);
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n{EVERYWHERE}\r\n");
        reader.stream().write_all(head.as_bytes()).await.unwrap();
        let answer = reader.answer().await.unwrap();
        let whole = format!("{}{}", answer.head, answer.text());
        assert_silent(&format!("{path} as {accept}"), &whole);
        all.push_str(&whole);
    }
    all
}

/// Whatever the program prints while all of this happens.
async fn printed(format: &str) -> (String, Vec<(String, &'static str)>) {
    let scratch = Scratch::new(format);
    let app = App::answering(answer).await;
    let file = scratch.write("c.yaml", config(app.address));
    let arguments = ["--log", "trace", "--log-format", format];
    let mut serving = Serving::start(&file, &arguments, &[("FIXTURE_SECRET", KEY)]);
    let address = serving.address();
    let mut expected = Vec::new();
    for kind in ["page", "problem"] {
        for (n, play) in plays().iter().enumerate() {
            let id = format!("id-{n}-{kind}");
            let answer = perform(address, play, &id).await;
            let own = !matches!(play.code, "passed" | "minted");
            if let Some(answer) = answer.filter(|_| own) {
                let whole = format!("{}{}", answer.head, answer.text());
                assert_silent(&format!("the answer to {}", play.line), &whole);
                assert!(play.code.is_empty() || whole.contains(play.code), "{} got {whole}", play.line);
            }
            // Nobody but a trusted peer names a request, and nobody one that is no request.
            if !play.code.is_empty() {
                expected.push((if play.from == TRUSTED { id } else { String::new() }, play.code));
            }
        }
    }
    let told = told_to_the_operator(serving.admin()).await;
    for code in Code::ALL.map(Code::as_str).iter().filter(|code| expected.iter().any(|(_, own)| own == *code))
    {
        assert!(told.contains(&format!("\"code\": \"{code}\"")), "the operator is not told of {code}");
    }
    // An app that is gone, a visitor who is gone, and an end in the middle of a body.
    let gone = format!("POST /kanarie HTTP/1.1\r\nHost: a\r\n{EVERYWHERE}Content-Length: 9\r\n\r\nkanarie");
    let mut visitor = connect(STRANGER, address).await;
    visitor.write_all(gone.as_bytes()).await.unwrap();
    drop(visitor);
    let mut visitor = connect(STRANGER, address).await;
    visitor.write_all(gone.as_bytes()).await.unwrap();
    serving.terminate();
    let ended = serving.end();
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    (ended.all(), expected)
}

#[track_caller]
fn assert_told(log: &str, expected: &[(String, &'static str)]) {
    for (id, code) in expected {
        let told = log.lines().any(|line| line.contains(id.as_str()) && line.contains(code));
        assert!(told, "no line with {id} and {code} in\n{log}");
    }
    for word in ["serving", "minted", "refused", "not passed", "connection ended", "stopping", "stopped"] {
        assert!(log.contains(word), "no {word} in\n{log}");
    }
}

#[tokio::test]
async fn no_canary_sings_in_json() {
    let (log, expected) = printed("json").await;
    assert_told(&log, &expected);
    for line in log.lines() {
        let read: Result<serde_json::Value, _> = serde_json::from_str(line);
        assert!(read.is_ok(), "no JSON: {line}");
    }
    assert_silent("the log", &log);
}

#[tokio::test]
async fn no_canary_sings_in_text() {
    let (log, expected) = printed("text").await;
    assert_told(&log, &expected);
    assert!(!log.contains('\x1b'), "an escape sequence reached the log");
    assert_silent("the log", &log);
}

/// Without an app to be found, without a key, and with nothing to listen at.
#[tokio::test]
async fn no_canary_sings_where_something_is_missing() {
    let (_held, app) = nobody();
    let scratch = Scratch::new("missing");
    let text = changed(&config(app), &[("{ env: FIXTURE_SECRET }", "{ env: NOT_THERE, required: false }")]);
    let file = scratch.write("c.yaml", text);
    let mut serving =
        Serving::start(&file, &["--log", "trace", "--log-format", "json"], &[("FIXTURE_SECRET", KEY)]);
    let address = serving.address();
    let get = format!("GET {INSTALL}");
    for (line, code) in [("GET /kanarie", "upstream-unreachable"), (get.as_str(), "key-unavailable")] {
        let answer = perform(address, &play(TRUSTED, line, IDENTITY, code), "id-1").await.unwrap();
        assert_eq!(answer.code(), code);
        assert_silent(code, &format!("{}{}", answer.head, answer.text()));
        serving.line(&["id-1", code]);
    }
    serving.terminate();
    let log = serving.end().all();
    assert!(log.contains("NOT_THERE"));
    assert_silent("the log", &log);
}

#[test]
fn a_canary_would_be_heard() {
    for text in [format!("x {MARK} y"), "KANARIE".to_owned(), "x eyJhbGci".to_owned()] {
        assert!(std::panic::catch_unwind(|| assert_silent("this", &text)).is_err(), "{text}");
    }
}
