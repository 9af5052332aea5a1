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
    /// The field that is read from it, where one is.
    field: Option<&'c str>,
    /// As the file spells it.
    spelling: String,
}

fn headers(config: &Config) -> Vec<Header<'_>> {
    let header = |name| {
        let field = config.policy.fields.iter().find_map(|field| match &field.source {
            Source::Header { name: own, written } if own == name => {
                Some((field.name.as_str(), written.clone()))
            }
            _ => None,
        });
        let (field, spelling) = field.unzip();
        Header { name, field, spelling: spelling.unwrap_or_else(|| title(name)) }
    };
    config.policy.protected.names().iter().map(header).collect()
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
