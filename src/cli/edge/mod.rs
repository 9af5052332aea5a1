//! `check --edge`: what the proxy in front has to say for this very file.

mod caddy;
mod envoy;
mod haproxy;
mod nginx;

use crate::config::Config;
use crate::fields::Source;
use clap::ValueEnum;
use http::HeaderName;

/// A proxy that there are lines for.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Edge {
    /// nginx, with `auth_request`
    Nginx,
    /// Caddy, with `forward_auth`
    Caddy,
    /// `HAProxy`
    Haproxy,
    /// Envoy, with `ext_authz`
    Envoy,
}

/// The lines to paste.
pub(super) fn lines(edge: Edge, config: &Config) -> String {
    match edge {
        Edge::Nginx => nginx::lines(config),
        Edge::Caddy => caddy::lines(config),
        Edge::Haproxy => haproxy::lines(config),
        Edge::Envoy => envoy::lines(config),
    }
}

/// A header that no visitor may set.
struct Header<'c> {
    name: &'c HeaderName,
    /// As the file spells it.
    spelling: String,
    part: Part<'c>,
}

/// What a header is for.
enum Part<'c> {
    /// The secret between the proxy and us, from there.
    Secret(&'c str),
    /// What a location is for, and a value that it may have.
    Override(&'static str, &'c str),
    /// This field is read from it.
    Field(&'c str),
    /// Our own: nobody sends it to us.
    Ours,
}

impl Header<'_> {
    fn field(&self) -> Option<&str> {
        match self.part {
            Part::Field(field) => Some(field),
            Part::Secret(_) | Part::Override(..) | Part::Ours => None,
        }
    }
}

fn headers(config: &Config) -> Vec<Header<'_>> {
    let header = |name| {
        let (spelling, part) = part(name, config);
        Header { name, spelling: spelling.map_or_else(|| title(name), str::to_owned), part }
    };
    config.policy.protected.names().iter().map(header).collect()
}

fn part<'c>(name: &HeaderName, config: &'c Config) -> (Option<&'c str>, Part<'c>) {
    let policy = &config.policy;
    if let Some(shared) = policy.trust.header().filter(|shared| shared.name == *name) {
        return (None, Part::Secret(&shared.source));
    }
    if policy.overrides.integration.as_ref() == Some(name) {
        let mut names = policy.integrations.all().into_iter().map(|integration| &*integration.name);
        let example = names.find(|name| *name != "*").unwrap_or("NAME");
        return (None, Part::Override("integration", example));
    }
    if policy.overrides.account.as_ref() == Some(name) {
        let example = policy.pandium.accounts.first().map_or("", |account| account.key.as_str());
        return (None, Part::Override("account", example));
    }
    let field = policy.fields.iter().find_map(|field| match &field.source {
        Source::Header { name: own, written } if own == name => Some((written.as_str(), field.name.as_str())),
        _ => None,
    });
    field.map_or((None, Part::Ours), |(written, field)| (Some(written), Part::Field(field)))
}

/// Whether every program takes this name as it is, without quotes.
fn is_plain(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// The name as a regular expression for it and for every other spelling of it.
fn every_spelling(name: &HeaderName) -> String {
    let fold = |c: char| if c.is_ascii_alphanumeric() { c.to_string() } else { "[^a-z0-9]".to_owned() };
    name.as_str().chars().map(fold).collect()
}

/// The usual spelling of a name of ours.
fn title(name: &HeaderName) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    };
    name.as_str().split('-').map(word).collect::<Vec<_>>().join("-")
}
