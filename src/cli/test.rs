//! `test`: cases against the configuration, without a key, a clock or a socket.

mod compare;

use super::hidden::Hidden;
use super::load::{Wanted, load};
use super::out::{complain, say};
use super::rehearsal::{Stopped, Visit, told};
use super::{ConfigArg, FAILED, INVALID};
use crate::config::model::{Carrier, From, Jwt, Policy};
use crate::config::{self, Case, Expect, Given};
use crate::decide::{self, Minting};
use crate::refusal::{Code, Refusal};
use crate::session::probe;
use crate::token::rehearsal::{Issuer, fresh_secret};
use crate::token::{Moment, Signer};
use clap::Args;
use http::header::{CONTENT_TYPE, COOKIE, HeaderMap, HeaderValue};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;
use uuid::Uuid;

/// What the clock shows, and the id that every token has: those of the known answer.
const MOMENT: Moment =
    Moment { now: 1_700_000_005, jti: Uuid::from_u128(0x0000_0000_0000_4000_8000_0000_0000_0001) };

/// Stands in place of the token in an address.
const TOKEN: &str = "TOKEN";

/// What stands behind the options of `--help`.
const HELP: &str = concat!(
    "The clock stands at 1700000005, every token's id is 00000000-0000-4000-8000-000000000001,\n",
    "and no secret is read. A file of cases:\n\n",
    include_str!("test/example.yaml"),
);

/// Its help is not wrapped: clap would break the example's lines, and YAML with them.
#[derive(Args)]
#[command(after_help = HELP, term_width = 0)]
pub(super) struct TestArgs {
    /// A file of cases
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    config: ConfigArg,
}

pub(super) fn run(args: &TestArgs) -> Result<(), u8> {
    let mut loaded = load(&args.config.config, Wanted::WithoutSecrets, None)?;
    let policy = &mut loaded.config.policy;
    let read: Vec<_> = args.files.iter().map(|file| (file, config::cases(file, policy))).collect();
    let mut cases = Vec::new();
    let mut broken = false;
    for (file, read) in read {
        match read {
            Ok(read) => cases.extend(read.into_iter().map(|case| (file, case))),
            Err(invalid) => {
                complain(&invalid.to_string());
                broken = true;
            }
        }
    }
    if broken {
        return Err(INVALID);
    }
    let issuer = stand_in(policy);
    let total = cases.len();
    let mut failed = 0;
    for (file, case) in cases {
        let (name, place) = (case.name.clone(), case.place);
        let differences = differences(case, policy, issuer.as_ref(), loaded.source.name());
        if differences.is_empty() {
            say(&format!("ok      {name}\n"));
            continue;
        }
        failed += 1;
        say(&format!("FAILED  {name} ({}:{})\n", file.display(), place.line));
        for line in differences.iter().flat_map(|difference| difference.lines()) {
            say(&format!("        {line}\n"));
        }
    }
    say(&format!("{} passed, {failed} failed\n", total - failed));
    if failed == 0 { Ok(()) } else { Err(FAILED) }
}

/// Puts keys that nobody has where the secrets were left alone: what is made with them is shown to
/// nobody, and goes through all that a real token goes through.
fn stand_in(policy: &mut Policy) -> Option<Issuer> {
    for account in &mut policy.pandium.accounts {
        account.secret.signer = Some(Signer::new(&fresh_secret()));
    }
    let From::Jwt(Jwt { verifier, .. }) = &mut policy.from else { return None };
    let (rehearsed, issuer) = verifier.rehearsal();
    *verifier = Arc::new(rehearsed);
    Some(issuer)
}

/// What a visitor got.
struct Minted {
    claims: Value,
    hidden: Hidden,
    url: String,
}

/// Where what came is not what was expected, in words.
fn differences(case: Case, policy: &Policy, issuer: Option<&Issuer>, file: &str) -> Vec<String> {
    let Case { wanted, given, expect, .. } = case;
    match (play(&wanted, given, policy, issuer), expect) {
        (Ok(minted), Expect::Token { claims, exact, url }) => {
            let mut found = compare::claims(&claims, &minted.claims, exact, &minted.hidden);
            let other = url.filter(|url| *url != minted.url);
            found.extend(other.map(|url| format!("url: expected {url}\n     got      {}", minted.url)));
            found
        }
        (Ok(_), Expect::Refusal(code)) => vec![format!("expected the refusal {code}, got a token")],
        (Err(refusal), Expect::Refusal(code)) if refusal.code == code => Vec::new(),
        (Err(refusal), expect) => {
            let expected = match expect {
                Expect::Refusal(code) => format!("the refusal {code}"),
                Expect::Token { .. } => "a token".to_owned(),
            };
            vec![format!("expected {expected}, got the refusal {}", told(&refusal, file))]
        }
    }
}

fn play(wanted: &str, given: Given, policy: &Policy, issuer: Option<&Issuer>) -> Result<Minted, Refusal> {
    let Given { mut headers, query, trusted, status, body, jwt } = given;
    if let (Some(issuer), Some(Value::Object(claims)), From::Jwt(Jwt { carrier, .. })) =
        (issuer, jwt, &policy.from)
    {
        carry(carrier, &issuer.sign(&claims), &mut headers);
    }
    let mut visit = Visit::new(policy, wanted, headers);
    visit.query = query.as_deref();
    visit.stranger = !trusted;
    visit.unanswered = understand(&mut visit, status, body, policy).err();
    let minted = visit.play(policy, MOMENT, |minting| mint(policy, minting));
    minted.map_err(|Stopped { refusal, .. }| refusal)
}

/// Puts the token where the file says that it stands.
fn carry(carrier: &Carrier, token: &str, headers: &mut HeaderMap) {
    let (name, value) = match carrier {
        Carrier::Header { name, .. } => (name.clone(), token.to_owned()),
        Carrier::Cookie(name) => (COOKIE, format!("{name}={token}")),
    };
    // A token is made of digits, letters and dots.
    headers.extend(HeaderValue::from_str(&value).ok().map(|value| (name, value)));
}

/// What the app's answer says, where it is asked.
fn understand(
    visit: &mut Visit<'_>,
    status: u16,
    body: Option<Value>,
    policy: &Policy,
) -> Result<(), Refusal> {
    visit.answer.status = status;
    match &policy.from {
        From::Probe(_) => {
            let headers = &mut visit.answer.headers;
            let text = body.map(|body| body.to_string());
            if text.is_some() {
                headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
            }
            let text = text.unwrap_or_default();
            visit.answer.json = probe::understand(status, headers, text.as_bytes(), policy)?;
        }
        From::Handoff if !visit.answer.hands_over(policy) => {
            let detail = format!("the app's own answer, a {status}, goes to the visitor");
            return Err(Refusal::new(Code::SignedOut, detail));
        }
        From::Handoff | From::Headers | From::Jwt(_) => {}
    }
    Ok(())
}

fn mint(policy: &Policy, minting: Minting<'_>) -> Result<Minted, Refusal> {
    let token = decide::mint(policy, minting)?;
    let payload = decide::payload(policy, minting)?;
    let claims = serde_json::from_str(payload.expose()).unwrap_or_default();
    let hidden = Hidden::of_template(policy, &minting.target.template);
    Ok(Minted { claims, hidden, url: token.expose_address().replace(token.expose(), TOKEN) })
}
