//! The command that plays a refusal again, with something of the same kind in place of each value.
//!
//! It is made of the file's names alone, and of the states of what came: never of anything that a
//! visitor sent. What `mint` cannot be told, such as another method, has no command.

use super::service::Visit;
use crate::config::Config;
use crate::config::model::{Carrier, From, Integration, Policy, Target};
use crate::decide::Ask;
use crate::evidence::{Finding, State};
use crate::fields::{self, Decode, Field, Presence, Source};
use crate::refusal::{Code, Refusal};
use crate::route::{Asked, Door, Route};
use crate::value::Kind;
use http::header::{COOKIE, HeaderMap, HeaderName};
use std::fmt::Write as _;

/// What stands for a name that only the visitor knows.
const SOME_NAME: &str = "SOME-NAME";

/// The command, where there is one.
pub(super) fn command(
    config: &Config,
    visit: &Visit<'_>,
    ask: Option<Ask<'_, '_>>,
    refusal: &Refusal,
) -> Option<String> {
    if matches!(
        refusal.code,
        // A rehearsal is of a trusted peer's GET to a plain path, and asks nobody.
        Code::BadHost
            | Code::AmbiguousPath
            | Code::MethodNotAllowed
            | Code::UntrustedPeer
            | Code::SessionUnavailable
            | Code::KeyUnavailable
            | Code::TokenTooLarge
    ) {
        return None;
    }
    let policy = &config.policy;
    let route = policy.routes.get(visit.stamp.route?)?;
    let name = name(policy, route, visit.parts.uri.path(), ask.map(|ask| ask.target));
    let mut command = Words::new("pandium-sidecar mint");
    command.word(&wanted(route, name));
    command.word("--config").word(&config.file).word("--format").word("explain");
    if route.door != Door::Marketplace && !route.pattern.is_named() {
        command.named(policy.overrides.integration.as_ref(), name);
    }
    let found = refusal.evidence.finding.as_ref();
    let headers = &visit.parts.headers;
    account(&mut command, policy, headers, found);
    browser(&mut command, refusal.code, headers);
    let told = Told { code: refusal.code, found, headers, from: &policy.from };
    if let From::Jwt(jwt) = &policy.from {
        told.token(&mut command, &jwt.carrier);
    }
    policy.fields.iter().for_each(|field| told.field(&mut command, field));
    told.breach(&mut command);
    if policy.fields.iter().any(|field| matches!(field.source, Source::Json(_))) {
        command.word("--body").word("ANSWER.json");
    }
    Some(command.0)
}

/// The integration, by a name of the file's.
fn name<'p>(policy: &'p Policy, route: &Route, path: &str, target: Option<&Target>) -> &'p str {
    let integrations = &policy.integrations;
    if let Some(target) = target {
        let own = integrations.named.iter().find(|(_, own)| own.target.index == target.index);
        return own.map_or(SOME_NAME, |(name, _)| name.as_str());
    }
    listed(policy, route, path).map_or(SOME_NAME, |integration| &integration.name)
}

/// The integration that a path names, where the file lists it.
fn listed<'p>(policy: &'p Policy, route: &Route, path: &str) -> Option<&'p Integration> {
    let Asked::Named(name) = route.asked(path) else { return None };
    policy.integrations.named.get(name)
}

/// The integration that a visitor asked for by its own name, whatever came of it.
pub(super) fn asked<'p>(policy: &'p Policy, visit: &Visit<'_>) -> Option<&'p Integration> {
    listed(policy, policy.routes.get(visit.stamp.route?)?, visit.parts.uri.path())
}

/// What `mint` is asked for.
fn wanted(route: &Route, name: &str) -> String {
    if route.door == Door::Install { name.to_owned() } else { route.pattern.path(name) }
}

/// The words of a command, quoted for a shell.
struct Words(String);

impl Words {
    fn new(program: &str) -> Self {
        Self(program.to_owned())
    }

    fn word(&mut self, word: &str) -> &mut Self {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./=:,@%+".contains(&byte);
        if !word.is_empty() && word.bytes().all(plain) {
            return self.raw(word);
        }
        self.raw(&quoted(word))
    }

    fn raw(&mut self, word: &str) -> &mut Self {
        // Writing to a `String` cannot fail.
        let _ = write!(self.0, " {word}");
        self
    }

    fn header(&mut self, name: &str, value: &str) {
        self.word("-H").word(&format!("{name}: {value}"));
    }

    fn named(&mut self, header: Option<&HeaderName>, value: &str) {
        if let Some(header) = header {
            self.header(header.as_str(), value);
        }
    }
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The header that names the account, where there was one.
fn account(command: &mut Words, policy: &Policy, headers: &HeaderMap, found: Option<&Finding>) {
    let Some(header) = &policy.overrides.account else { return };
    let listed = policy.pandium.accounts.first().map(|account| account.key.as_str()).unwrap_or_default();
    let own = found.filter(|found| found.source == format!("header {header}")).and_then(|found| found.state);
    let value = if own == Some(State::Undeclared) { SOME_NAME } else { listed };
    for _ in headers.get_all(header) {
        command.header(header.as_str(), value);
    }
}

/// What the browser said of itself.
fn browser(command: &mut Words, code: Code, headers: &HeaderMap) {
    match code {
        Code::Prefetch => command.header("Sec-Purpose", "prefetch"),
        Code::CrossSite => {
            let framed = headers.get("sec-fetch-dest").is_some_and(|value| value == "iframe");
            command.header("Sec-Fetch-Site", "cross-site");
            command.header("Sec-Fetch-Dest", if framed { "iframe" } else { "image" });
        }
        _ => {}
    }
}

/// What is known of the session that was refused.
struct Told<'t> {
    code: Code,
    found: Option<&'t Finding>,
    headers: &'t HeaderMap,
    from: &'t From,
}

impl Told<'_> {
    /// The token of the request.
    fn token(&self, command: &mut Words, carrier: &Carrier) {
        let own =
            self.found.filter(|found| found.source == carrier.to_string()).and_then(|found| found.state);
        let times = match own {
            Some(State::Absent) => 0,
            Some(State::Doubled) => 2,
            _ => 1,
        };
        for _ in 0..times {
            match carrier {
                Carrier::Header { name, .. } => command.header(name.as_str(), "TOKEN"),
                Carrier::Cookie(name) => drop(command.word("--cookie").word(&format!("{name}=TOKEN"))),
            }
        }
    }

    /// Whatever a field is read from.
    fn field(&self, command: &mut Words, field: &Field) {
        match &field.source {
            Source::Header { name, written } => {
                for state in self.states(field, name) {
                    command.word("-H").raw(&header(field, written, state));
                }
            }
            Source::Cookie(name) => {
                for state in self.presumed(field).into_iter().filter(|_| self.has_cookie(field, name)) {
                    command.word("--cookie").word(&format!("{name}={}", sample(field, state)));
                }
            }
            // A body, or a token, is given as a whole.
            Source::Json(_) | Source::Claim(_) => {}
        }
    }

    /// How each line of a field's header was found.
    fn states(&self, field: &Field, name: &HeaderName) -> Vec<State> {
        if *self.from != From::Headers {
            return self.presumed(field);
        }
        let read = |value: &http::HeaderValue| fields::found(Some(&field.read(value.as_bytes())));
        self.headers.get_all(name).iter().map(read).collect()
    }

    /// What the app said is known of one field alone.
    fn presumed(&self, field: &Field) -> Vec<State> {
        let own = self.found.filter(|found| found.field.as_ref() == Some(&field.name));
        match own.and_then(|found| found.state) {
            Some(State::Absent) => Vec::new(),
            Some(State::Doubled) => vec![State::Present; 2],
            Some(state) => vec![state],
            None if self.code == Code::SignedOut || field.presence != Presence::Required => Vec::new(),
            None => vec![State::Present],
        }
    }

    fn has_cookie(&self, field: &Field, name: &str) -> bool {
        let is_found = self.found.is_some_and(|found| found.field.as_ref() == Some(&field.name));
        let begins = format!("{name}=");
        let lines = self.headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        is_found || lines.flat_map(|line| line.split(';')).any(|cookie| cookie.trim().starts_with(&begins))
    }

    /// What is wrong with a header as a whole.
    fn breach(&self, command: &mut Words) {
        let Some(Finding { source, state, .. }) = self.found else { return };
        let Some(name) = source.strip_prefix("header ") else { return };
        match state {
            Some(State::Aliased) => command.header(&another_spelling(name), "VALUE"),
            Some(State::Nominated) => command.header("Connection", name),
            _ => {}
        }
    }
}

/// A spelling that folds to the same name.
fn another_spelling(name: &str) -> String {
    let folded = name.replace('-', "_");
    if folded == name { name.replace('_', "-") } else { folded }
}

/// A header line with a value in this state, as one word for a shell.
fn header(field: &Field, name: &str, state: State) -> String {
    let named = quoted(&format!("{name}: "));
    let before = |at: usize| "x".repeat(at.min(field.max_bytes));
    match state {
        State::Byte { byte, at } => format!("{named}$'{}\\x{byte:02X}'", before(at)),
        State::Character { code, at } => format!("{named}$'{}\\U{code:08X}'", before(at)),
        State::TooLong(_) => format!("{named}\"$(printf %{}s x | tr ' ' x)\"", field.max_bytes + 1),
        State::TooMany => format!("{named}\"$(seq -s {} 101)\"", quoted(&field.separator)),
        _ => quoted(&format!("{name}: {}", sample(field, state))),
    }
}

/// A value of the field's type, or of none.
fn sample(field: &Field, state: State) -> &'static str {
    match (state, field.kind) {
        (State::Nothing, _) => "-",
        (State::Not(_), _) => "?",
        (_, Kind::Int) => "1",
        (_, Kind::Bool) => "true",
        (_, Kind::Json) => "{}",
        (_, Kind::Text | Kind::List) => match field.decode {
            Decode::Base64 | Decode::Base64Url => "VkFMVUU",
            Decode::Utf8 | Decode::Latin1 | Decode::Percent => "VALUE",
        },
    }
}
