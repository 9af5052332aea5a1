//! The command that plays a refusal again, with something of the same kind in place of each value.
//!
//! It is made of the file's own words alone, and of the states of what came: never of anything that a
//! visitor sent. What `mint` cannot be told, such as another method, or the status of the app's answer,
//! has no command.

mod sample;

use self::sample::{Body, quoted};
use super::service::Visit;
use crate::config::Config;
use crate::config::model::{Carrier, From, Integration, Policy, SignedIn, Target};
use crate::decide::Ask;
use crate::evidence::{Finding, State, Whose};
use crate::fields::{self, Field, Presence, Source};
use crate::refusal::{Code, Refusal};
use crate::route::{Asked, Door, Route};
use crate::session::jwt::STAND_IN;
use crate::session::probe::PROBE;
use crate::slug::Slug;
use http::header::{COOKIE, HeaderMap, HeaderName};
use std::borrow::Cow;
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
    let policy = &config.policy;
    let route = policy.routes.get(visit.stamp.route?)?;
    let path = visit.parts.uri.path();
    let name = name(policy, route, path, ask.map(|ask| ask.target));
    if !can_be_played(policy, refusal, route, name == SOME_NAME || ask.is_some()) {
        return None;
    }
    let found = refusal.evidence.finding.as_ref();
    let wanted = wanted(policy, route, name, refusal);
    let mut command = Words::new("pandium-sidecar mint");
    command.word(&wanted);
    command.word("--config").word(&config.file).word("--format").word("explain");
    // Where `mint` is given a name, it sets this header itself.
    if wanted.starts_with('/') && route.door != Door::Marketplace && !route.pattern.is_named() {
        let own = policy.overrides.integration.as_ref();
        match found.and_then(|found| found.state).filter(|_| is_unsaid(policy, found)) {
            None => command.named(own, name),
            Some(State::Nothing) => command.named(own, "-"),
            Some(_) => {}
        }
    }
    let headers = &visit.parts.headers;
    account(&mut command, policy, ask, headers, found);
    browser(&mut command, refusal.code, headers);
    let told = Told { code: refusal.code, found, headers, policy };
    if let From::Jwt(jwt) = &policy.from {
        told.token(&mut command, &jwt.carrier);
    }
    policy.fields.iter().for_each(|field| told.field(&mut command, field));
    told.breach(&mut command);
    told.body(&mut command);
    Some(command.0)
}

/// Whether `mint` comes to the same end: it plays a trusted peer's GET to a plain path of ours, and asks
/// nobody. Of Pandium's pages it plays the session. `unlisted`: the file does not list the integration.
fn can_be_played(policy: &Policy, refusal: &Refusal, route: &Route, unlisted: bool) -> bool {
    let found = refusal.evidence.finding.as_ref();
    match refusal.code {
        Code::BadHost
        | Code::AmbiguousPath
        | Code::MethodNotAllowed
        | Code::UntrustedPeer
        | Code::SessionUnavailable
        | Code::KeyUnavailable
        | Code::TokenTooLarge => false,
        Code::InvalidValue => refusal.evidence.whose != Whose::Value,
        Code::UnknownIntegration => unlisted && route.door != Door::Pandium,
        // With these, `mint` takes headers for the app's.
        Code::NominatedHeader | Code::AliasHeader => !matches!(policy.from, From::Probe(_) | From::Handoff),
        Code::CrossSite => route.door != Door::Pandium,
        _ => refusal.evidence.whose != Whose::Browser && found.is_none_or(|found| found.source != PROBE),
    }
}

/// Whether a header that names the integration is what is missing, or says nothing.
fn is_unsaid(policy: &Policy, found: Option<&Finding>) -> bool {
    let own = policy.overrides.integration.as_ref().map(|header| format!("header {header}"));
    let says_nothing = |state| matches!(state, Some(State::Absent | State::Nothing));
    found.is_some_and(|found| says_nothing(found.state) && own.as_ref() == Some(&found.source))
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

/// What `mint` is asked for: an integration, or the path of one of our routes.
fn wanted(policy: &Policy, route: &Route, name: &str, refusal: &Refusal) -> String {
    match route.door {
        // Whatever the page, the session is the same; and any integration will do for that.
        Door::Pandium => {
            let names = policy.integrations.named.keys().map(Slug::as_str);
            names.min().unwrap_or(SOME_NAME).to_owned()
        }
        _ if refusal.code == Code::UnknownIntegration && !route.pattern.is_named() => {
            format!("{}/{SOME_NAME}", route.pattern)
        }
        Door::Install if !is_unsaid(policy, refusal.evidence.finding.as_ref()) => name.to_owned(),
        _ => route.pattern.path(name),
    }
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

/// The header that names the account, where there was one.
fn account(
    command: &mut Words,
    policy: &Policy,
    ask: Option<Ask<'_, '_>>,
    headers: &HeaderMap,
    found: Option<&Finding>,
) {
    let Some(header) = &policy.overrides.account else { return };
    let listed = ask.and_then(|ask| ask.account).or(policy.pandium.accounts.first());
    let listed = listed.map(|account| account.key.as_str()).unwrap_or_default();
    let own = found.filter(|found| found.source == format!("header {header}")).and_then(|found| found.state);
    let value = match own {
        Some(State::Undeclared) => SOME_NAME,
        Some(State::Nothing) => "-",
        _ => listed,
    };
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
    policy: &'t Policy,
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
        let token = if own == Some(State::Nothing) { "" } else { STAND_IN };
        for _ in 0..times {
            match carrier {
                Carrier::Header { name, .. } => command.header(name.as_str(), token),
                Carrier::Cookie(name) => drop(command.word("--cookie").word(&format!("{name}={token}"))),
            }
        }
    }

    /// Whatever a field is read from.
    fn field(&self, command: &mut Words, field: &Field) {
        match &field.source {
            Source::Header { name, written } => {
                for state in self.states(field, name) {
                    command.word("-H").raw(&sample::header(field, written, state, &self.value(field, state)));
                }
            }
            Source::Cookie(name) => {
                for state in self.presumed(field).into_iter().filter(|_| self.has_cookie(field, name)) {
                    command.word("--cookie").word(&format!("{name}={}", self.value(field, state)));
                }
            }
            // A body, or a token, is given as a whole.
            Source::Json(_) | Source::Claim(_) => {}
        }
    }

    /// The app's answer, where fields are read from its JSON.
    fn body(&self, command: &mut Words) {
        let mut body = None;
        for field in &self.policy.fields {
            let Source::Json(pointer) = &field.source else { continue };
            let body = body.get_or_insert_with(Body::new);
            for state in self.presumed(field) {
                body.put(field, pointer, state, &self.value(field, state));
            }
        }
        if let Some(body) = body {
            command.word("--body").raw(&body.file());
        }
    }

    /// What stands for a field's value in this state.
    fn value(&self, field: &Field, state: State) -> Cow<'static, str> {
        let is_found = self.found.is_some_and(|found| found.field.as_ref() == Some(&field.name));
        match (self.code, state) {
            (Code::SignedOut, State::Text(_) | State::List(_) | State::Present) if is_found => {
                self.nobody().map_or_else(|| sample::value(field, state), |word| sample::encoded(field, word))
            }
            (Code::InvalidValue, _)
                if is_found && self.found.is_some_and(|found| found.state == Some(State::Present)) =>
            {
                sample::unfit(field)
            }
            _ => sample::value(field, state),
        }
    }

    /// The file's word for nobody.
    fn nobody(&self) -> Option<&str> {
        let SignedIn { not, .. } = self.policy.signed_in.as_ref()?;
        not.first().map(String::as_str)
    }

    /// How each line of a field's header was found.
    fn states(&self, field: &Field, name: &HeaderName) -> Vec<State> {
        if self.policy.from != From::Headers {
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
