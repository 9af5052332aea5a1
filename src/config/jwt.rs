//! `session.jwt`: a token that somebody else signed, and what it has to be.

use super::acquire;
use super::beside;
use super::leaf::{self, Wrong};
use super::model::{Carrier, JwksUrl, Jwt};
use super::net::{self, PlainHttp};
use super::reader::{MapReader, Reader};
use super::remote::{self, Proof};
use super::root::Surroundings;
use super::secret::{self, Lack};
use super::tree::Node;
use crate::protected::Protected;
use crate::token::jwks::KeySet;
use crate::token::verify::{ALGORITHMS, Algorithm, Keys, Verifier, is_symmetric};
use std::sync::Arc;

/// The largest set of keys.
pub const JWKS_BYTES: usize = 256 << 10;

/// `jwt`
pub(super) fn read(reader: &Reader<'_>, around: &Surroundings<'_>) -> Option<Jwt> {
    let map = reader.map()?;
    let carrier = carrier(&map);
    let algorithms = map.required("algorithms").and_then(|it| algorithms(&it));
    let issuers = texts(map.get("issuer"));
    let audience = map.get("audience");
    let audiences = texts(audience.clone());
    let keys = match (map.get("jwks"), map.get("secret")) {
        (Some(jwks), None) => {
            if audience.is_none() {
                reader.warn_at(
                    reader.key_place(),
                    reader.path(),
                    "without `audience` every token that the issuer signs counts, whichever app it is for",
                );
            }
            algorithms.as_deref().and_then(|algorithms| self::jwks(&jwks, algorithms, around))
        }
        (None, Some(secret)) => algorithms.as_deref().and_then(|it| self::secret(&secret, it, around)),
        (Some(_), Some(secret)) => {
            secret.error("a token is checked with one thing: `jwks` or `secret`");
            None
        }
        (None, None) => {
            map.missing(
                &["jwks", "secret"],
                "`jwks` or `secret` is required here: what the token is checked with",
            );
            None
        }
    };
    let (keys, url) = keys?;
    let verifier = Verifier { keys, algorithms: algorithms?, issuers: issuers?, audiences: audiences? };
    Some(Jwt { carrier: carrier?, verifier: Arc::new(verifier), url })
}

/// Where the token stands.
fn carrier(map: &MapReader<'_>) -> Option<Carrier> {
    match (map.get("header"), map.get("cookie")) {
        (Some(header), None) => header.read(own_header),
        (None, Some(cookie)) => cookie.read(|node| acquire::cookie_name(node).map(Carrier::Cookie)),
        (Some(_), Some(cookie)) => {
            cookie.error("the token stands in one place: `header` or `cookie`");
            None
        }
        (None, None) => {
            map.missing(
                &["header", "cookie"],
                "`header` or `cookie` is required here: where the token stands",
            );
            None
        }
    }
}

fn own_header(node: &Node) -> Result<Carrier, Wrong> {
    let header = leaf::header(node)?;
    if header.name != http::header::AUTHORIZATION {
        acquire::may_identify(node, &header, "carry the token")?;
    }
    // One name folds like no other.
    let protected = Protected::new(vec![header.name.clone()]).unwrap_or_default();
    Ok(Carrier::Header { name: header.name, protected })
}

fn algorithms(reader: &Reader<'_>) -> Option<Vec<Algorithm>> {
    let algorithms = reader.list(algorithm)?;
    if algorithms.is_empty() {
        reader.error(
            "at least one algorithm is wanted here, such as RS256: the one that the issuer signs with",
        );
        return None;
    }
    Some(algorithms)
}

/// What is another algorithm was not meant for the one that is spelled nearly so.
fn algorithm(node: &Node) -> Result<Algorithm, Wrong> {
    let other = node.text().is_some_and(|text| ["ES512", "ES256K"].contains(&text));
    leaf::word(node, &ALGORITHMS)
        .map_err(|wrong| if other { Wrong { suggestion: None, ..wrong } } else { wrong })
}

fn texts(reader: Option<Reader<'_>>) -> Option<Vec<String>> {
    let Some(reader) = reader else { return Some(Vec::new()) };
    let texts = reader.list(|node| leaf::filled(node).map(str::to_owned))?;
    if texts.is_empty() {
        reader.error("at least one text is wanted here");
        return None;
    }
    Some(texts)
}

/// Algorithms and keys have to be of one kind: a public key that can be taken for a secret is a
/// secret that everybody knows.
fn fit(reader: &Reader<'_>, algorithms: &[Algorithm], symmetric: bool) -> Option<()> {
    let other = algorithms.iter().find(|algorithm| is_symmetric(**algorithm) != symmetric);
    let Some(other) = other else { return Some(()) };
    reader.error(if symmetric {
        format!("{other:?} is checked with a public key: give `jwks` instead, or other `algorithms`")
    } else {
        format!("{other:?} is checked with a shared secret: give `secret` instead, or other `algorithms`")
    });
    None
}

type Found = (Keys, Option<JwksUrl>);

fn secret(reader: &Reader<'_>, algorithms: &[Algorithm], around: &Surroundings<'_>) -> Option<Found> {
    let fetched = secret::read(reader, around, Lack::Error);
    fit(reader, algorithms, true)?;
    Some((fetched?.bytes.map_or(Keys::LeftAlone, Keys::Secret), None))
}

/// `jwks`: `{file: path}` or `{url: https://…, ca_file}`.
fn jwks(reader: &Reader<'_>, algorithms: &[Algorithm], around: &Surroundings<'_>) -> Option<Found> {
    let map = reader.map()?;
    let (sources, ca_file) = ((map.get("file"), map.get("url")), map.get("ca_file"));
    fit(reader, algorithms, false)?;
    match sources {
        (Some(file), None) => {
            if let Some(ca_file) = ca_file {
                ca_file.error("nobody is asked for a file: `ca_file` belongs to `url`");
                return None;
            }
            jwks_file(&file, algorithms, around).map(|keys| (keys, None))
        }
        (None, Some(url)) => jwks_url(&url, ca_file, around).map(|url| (Keys::public(None), Some(url))),
        (Some(_), Some(url)) => {
            url.error("the keys have one source: `file` or `url`");
            None
        }
        (None, None) => {
            map.missing(&["file", "url"], "`file` or `url` is required here: where the issuer's keys are");
            None
        }
    }
}

fn jwks_file(reader: &Reader<'_>, algorithms: &[Algorithm], around: &Surroundings<'_>) -> Option<Keys> {
    let json = match beside::read(reader, around, JWKS_BYTES)? {
        beside::Found::Bytes(json) => json,
        beside::Found::LeftAlone => return Some(Keys::LeftAlone),
    };
    match KeySet::parse(&json, algorithms) {
        Ok(set) => Some(Keys::public(Some(set))),
        Err(fault) => {
            reader.error(fault.to_string());
            None
        }
    }
}

/// `url`, and the `ca_file` beside it.
fn jwks_url(reader: &Reader<'_>, ca_file: Option<Reader<'_>>, around: &Surroundings<'_>) -> Option<JwksUrl> {
    let (url, host, path) = reader.read(|node| {
        let split = acquire::split_url(node, PlainHttp::Anywhere)?;
        if split.0.tls || net::is_loopback(&split.0.host) {
            return Ok(split);
        }
        Err("whoever stands between could put keys of their own in place: write https:// (http:// is for loopback hosts)".into())
    })?;
    Some(JwksUrl { at: remote::web(&url, reader, Proof { ca_file, server_name: None }, around)?, host, path })
}
