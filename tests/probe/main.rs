//! The app says who the visitor is: asked by us (`probe`), or by its answer to the visitor's own
//! request (`handoff`). Over real sockets, and with every answer that an app can give.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

#[path = "../harness/mod.rs"]
mod harness;

mod broken;
mod carried;
mod handoff;
mod login;
mod mixed;
mod read;
mod silent;
mod told;

use harness::{App, Message, STRANGER, Sidecar, changed, fixture};
use std::fmt::Write as _;

/// An app that answers what the visitor's cookie `say` tells it to, and as many spaces as `pad` does;
/// silent without one.
async fn app() -> App {
    App::answering(told).await
}

fn told(asked: &Message) -> Option<Vec<u8>> {
    let cookie = asked.values("cookie").join("; ");
    let said = cookie.split("say=").nth(1)?.split(';').next()?;
    let digits: Vec<char> = said.chars().collect();
    let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap();
    let more = cookie.split("pad=").nth(1).map_or(0, |more| more.parse().unwrap());
    Some(digits.chunks(2).map(byte).chain(std::iter::repeat_n(b' ', more)).collect())
}

/// The cookie for this answer.
fn say(answer: impl AsRef<[u8]>) -> String {
    let mut line = "Cookie: say=".to_owned();
    for byte in answer.as_ref() {
        write!(line, "{byte:02x}").unwrap();
    }
    line
}

/// An answer with these header lines and this body.
fn answer(status: &str, lines: &[&str], body: &str) -> String {
    let lines = harness::joined(lines);
    format!("HTTP/1.1 {status}\r\n{lines}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// 200, with these header lines.
fn known(lines: &[&str]) -> String {
    answer("200 OK", lines, "ok")
}

/// 200, with this JSON.
fn json(body: &str) -> String {
    answer("200 OK", &["Content-Type: application/json; charset=utf-8"], body)
}

/// The fixture with a probe; nobody is trusted.
fn probing(app: &App) -> String {
    changed(
        &fixture(app.address),
        &[
            ("trust: { peers: 127.0.0.2 }\n", ""),
            ("from: headers", "from: probe\n  probe: { path: \"/who-am-i?for=pandium\", timeout: 15s }"),
        ],
    )
}

/// The same with the fields read from the answer's JSON.
fn probing_json(app: &App) -> String {
    changed(
        &probing(app),
        &[
            ("tenant_id: X-Tenant-Id", "tenant_id: { json: /tenant/id }"),
            ("header: X-User-Email", "json: /user/mail"),
            ("header: X-User-Groups", "json: /user/groups"),
        ],
    )
}

/// The fixture with a handoff.
fn handing_off(app: &App) -> String {
    changed(
        &fixture(app.address),
        &[("trust: { peers: 127.0.0.2 }\n", ""), ("from: headers", "from: handoff")],
    )
}

/// What a visitor gets whom the app answers so.
async fn install(sidecar: &Sidecar, answer: impl AsRef<[u8]>) -> Message {
    sidecar.install(STRANGER, &[&say(answer)]).await
}
