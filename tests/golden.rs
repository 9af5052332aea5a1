//! Golden cases: one file each, without a socket. What the file's first part changes in the base
//! configuration, a line of dashes, the peer and the request, a line of dashes, the outcome. Where the
//! app is asked, its answer stands before the outcome, behind a line of dashes of its own.
//!
//! Run with `GOLDEN=write` to write the outcomes anew, and read the difference.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};
use pandium_sidecar::config;
use pandium_sidecar::config::model::{Delivery, From, Policy};
use pandium_sidecar::decide::{self, Ask, Head, Minting, Screened};
use pandium_sidecar::evidence::Finding;
use pandium_sidecar::refusal::Refusal;
use pandium_sidecar::session::answer::Answer;
use pandium_sidecar::session::{self, probe};
use pandium_sidecar::token::{Moment, verify};
use pandium_sidecar::trust::Peer;
use pandium_sidecar::value::Session;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

const DASHES: &str = "----\n";
const SECRET: &str = "golden-key-0123456789abcdef0123456789";
const BASE: &str = include_str!("golden/base.yaml");

struct Request {
    peer: Peer,
    method: Method,
    uri: Uri,
    version: Version,
    headers: HeaderMap,
}

/// `from ADDRESS`, the request line, header lines; `\xEB` stands for a byte, as in Rust.
fn parse(text: &str) -> Request {
    let mut lines = text.lines();
    let peer = lines.next().unwrap().strip_prefix("from ").expect("`from ADDRESS` first");
    let mut words = lines.next().unwrap().split(' ');
    let method = words.next().unwrap().parse().unwrap();
    let uri = words.next().unwrap().parse().unwrap();
    let version = if words.next() == Some("HTTP/1.0") { Version::HTTP_10 } else { Version::HTTP_11 };
    Request { peer: Peer::ip(peer.parse().unwrap()), method, uri, version, headers: headers(lines) }
}

fn headers<'t>(lines: impl Iterator<Item = &'t str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':').unwrap();
        let value = HeaderValue::from_bytes(&unescape(value.trim())).unwrap();
        headers.append(name.parse::<HeaderName>().unwrap(), value);
    }
    headers
}

/// The app's answer: `answered STATUS`, header lines, an empty line, the body.
struct Answered {
    status: u16,
    headers: HeaderMap,
    body: String,
}

fn answered(text: &str) -> Answered {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let status = lines.next().unwrap().strip_prefix("answered ").expect("`answered STATUS` first");
    Answered { status: status.parse().unwrap(), headers: headers(lines), body: body.to_owned() }
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut parts = text.split("\\x");
    bytes.extend_from_slice(parts.next().unwrap().as_bytes());
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    bytes
}

/// The base with these lines in place of those that begin with the same key at the same depth.
fn configuration(changes: &str) -> String {
    let mut text = BASE.to_owned();
    for change in changes.split_inclusive('\n').filter(|line| !line.trim().is_empty()) {
        let (from, to) = change.split_once(" => ").expect("a change is `what is there => what should be`");
        let replaced = text.replace(from, &to.trim_end().replace("\\n", "\n"));
        assert_ne!(replaced, text, "the base has no `{from}`");
        text = replaced;
    }
    text
}

fn outcome(case: &str) -> String {
    let parts: Vec<&str> = case.split(DASHES).collect();
    let (changes, request) = (parts[0], parse(parts[1]));
    let answered = (parts.len() == 4).then(|| answered(parts[2]));
    let env = |name: &str| (name == "GOLDEN_SECRET").then(|| SECRET.to_owned());
    let options = config::Options { env: &env, without_secrets: false, listen: None };
    let loaded = match config::load_text("golden.yaml", &configuration(changes), &options) {
        Ok(loaded) => loaded,
        Err(invalid) => panic!("{invalid}"),
    };
    match decide(&loaded.config.policy, &request, answered.as_ref()) {
        Ok(outcome) => outcome,
        Err(refusal) => describe(&refusal),
    }
}

fn decide(policy: &Policy, request: &Request, answered: Option<&Answered>) -> Result<String, Refusal> {
    let head = Head {
        method: &request.method,
        target: (&request.uri).into(),
        version: request.version,
        headers: (&request.headers).into(),
        caller: request.peer.into(),
    };
    let ask = match decide::screen(policy, head)? {
        Screened::Pass(trusted) => {
            let word = if trusted.is_some() { "believed" } else { "not believed" };
            return Ok(format!("pass, {word}\n"));
        }
        Screened::Install(ask) => ask,
        Screened::Enter(entry) => {
            let session = session::headers::acquire(policy, &request.headers, entry.trusted.unwrap())?;
            let account = decide::stay(policy, entry, &session)?;
            return Ok(format!("Pandium's {} of {}\n", entry.path, account.key));
        }
    };
    if policy.from == From::Headers {
        assert!(answered.is_none(), "nobody asks the app");
        let session = session::headers::acquire(policy, &request.headers, ask.trusted.unwrap())?;
        return mint(policy, request, ask, &session);
    }
    let Answered { status, headers, body } = answered.expect("the app's answer");
    let mut answer = Answer { status: *status, headers: headers.clone(), json: None };
    match policy.from {
        From::Probe(_) => answer.json = probe::understand(*status, headers, body.as_bytes(), policy)?,
        From::Handoff if answer.hands_over(policy) => {}
        From::Handoff => return Ok("the app's own answer\n".to_owned()),
        From::Headers | From::Jwt(_) => panic!("nobody asks the app"),
    }
    let session = answer.session(policy, &request.headers)?;
    mint(policy, request, ask, &session)
}

fn mint(
    policy: &Policy,
    request: &Request,
    ask: Ask<'_, '_>,
    session: &Session<'_>,
) -> Result<String, Refusal> {
    if let Some(host) = decide::beside(policy, ask).filter(|_| ask.target.deliver == Delivery::Proxy) {
        return Ok(format!("without a token, to {host}\n"));
    }
    let jti = "00000000-0000-4000-8000-000000000001".parse().unwrap();
    let token = decide::mint(
        policy,
        Minting {
            target: ask.target,
            requested: ask.requested,
            account: decide::account(policy, ask, session)?,
            session,
            query: request.uri.query(),
            request_id: "request-1",
            moment: Moment { now: 4_000_000_005, jti },
        },
    )?;
    let secret = pandium_sidecar::redact::Secret::new(SECRET.as_bytes().to_vec());
    let claims = verify(token.expose(), &secret).unwrap();
    let address = token.expose_address().replace(token.expose(), "TOKEN");
    let by = if ask.target.deliver == Delivery::Proxy { "by proxy: " } else { "" };
    Ok(format!("{by}{address}\n{}\n", serde_json::to_string_pretty(&claims).unwrap()))
}

fn describe(refusal: &Refusal) -> String {
    let evidence = &refusal.evidence;
    let mut text = format!("{}: {}\n", refusal.code, evidence.detail);
    if let Some(Finding { field, source, state, .. }) = &evidence.finding {
        let state = state.map(|state| state.to_string());
        for (word, value) in [("field", field.as_ref()), ("source", Some(source)), ("state", state.as_ref())]
        {
            if let Some(value) = value {
                writeln!(text, "{word}: {value}").unwrap();
            }
        }
    }
    text
}

#[test]
fn golden_cases() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut cases = 0;
    let mut wrong = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "case") {
            continue;
        }
        cases += 1;
        let text = fs::read_to_string(&path).unwrap();
        let got = outcome(&text);
        let at = text.rfind(DASHES).unwrap() + DASHES.len();
        if std::env::var_os("GOLDEN").is_some_and(|word| word == "write") {
            fs::write(&path, format!("{}{got}", &text[..at])).unwrap();
        } else if text[at..] != got {
            wrong.push(format!("{}\nexpected:\n{}\ngot:\n{got}", path.display(), &text[at..]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases >= 20, "only {cases} cases were found");
}
