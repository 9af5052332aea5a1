//! `session.from` and what belongs to it: whom we ask, and what is done about nobody.

use super::jwt;
use super::leaf::{self, WrittenHeader, Wrong};
use super::model::{From, LoginPart, Probe, Remote, SignedIn, SignedOut};
use super::net::{self, BaseUrl, PlainHttp};
use super::reader::{MapReader, Reader};
use super::remote::{self, Proof};
use super::root::Surroundings;
use super::tree::{Kind, Node, Style};
use crate::fields::{Field, Source};
use crate::protected::{OWN, fold_name};
use http::uri::PathAndQuery;
use std::time::Duration;

/// The words for `session.from`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Headers,
    Probe,
    Handoff,
    Jwt,
}

const WORDS: [(&str, Word); 4] =
    [("headers", Word::Headers), ("probe", Word::Probe), ("handoff", Word::Handoff), ("jwt", Word::Jwt)];

/// `session.from`, with `session.probe` and `session.jwt`.
pub(super) fn from(map: &MapReader<'_>, around: &Surroundings<'_>) -> Option<From> {
    let word = map.required("from").and_then(|from| from.read(|node| leaf::word(node, &WORDS)));
    let (asked, token) = (map.get("probe"), map.get("jwt"));
    let word = word?;
    let stray = match (&asked, &token) {
        (Some(asked), _) if word != Word::Probe => {
            asked.error("nobody is asked with this `from`; write `from: probe`, or drop the key");
            true
        }
        (_, Some(token)) if word != Word::Jwt => {
            token.error("no token is read with this `from`; write `from: jwt`, or drop the key");
            true
        }
        _ => false,
    };
    let lacks = |message: &str| {
        let at = map.at();
        at.error_at(at.key_place(), at.path(), message);
        None
    };
    let from = match word {
        Word::Headers => Some(From::Headers),
        Word::Handoff => Some(From::Handoff),
        Word::Probe => match asked {
            Some(asked) => probe(&asked, around).map(From::Probe),
            None => lacks("`from: probe` needs `probe: { path: /who-am-i }`: whom to ask"),
        },
        Word::Jwt => match token {
            Some(token) => jwt::read(&token, around).map(From::Jwt),
            None => {
                lacks("`from: jwt` needs `jwt: { header: …, jwks: …, algorithms: … }`: what token, and whose")
            }
        },
    };
    from.filter(|_| !stray)
}

/// Only a probe's answer has a body that is read, and only a token on the request has claims.
pub(super) fn check_source(field: &Field, from: Option<&From>, reader: &Reader<'_>) {
    let Some(from) = from else { return };
    let message = match (&field.source, from) {
        (Source::Json(_), from) if !matches!(from, From::Probe(_)) => {
            "`json` reads the answer to a probe: it needs `from: probe`"
        }
        (Source::Claim(_), from) if !matches!(from, From::Jwt(_)) => {
            "`claim` reads a token on the request: it needs `from: jwt`"
        }
        (Source::Header { .. }, From::Jwt(_)) => {
            "with `from: jwt` a field is a `claim` or a `cookie`: nobody vouches for a header"
        }
        _ => return,
    };
    reader.error_at(field.place, &format!("session.fields.{}", field.name), message);
}

/// Headers that every request has a use for, or that frame it: not an identity.
const NOT_AN_IDENTITY: [&str; 18] = [
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "x-request-id",
];

/// Whether a header can carry identity. Compared as apps fold names: `User_Agent` as a field would
/// make every browser's `User-Agent` its alias.
pub(super) fn may_identify(node: &Node, header: &WrittenHeader, meant: &str) -> Result<(), Wrong> {
    let (folded, shown) = (fold_name(header.name.as_str()), leaf::shown(node));
    if NOT_AN_IDENTITY.contains(&folded.as_str()) || folded.starts_with("accept") {
        return Err(format!("{shown} has another use on every request, and cannot {meant}").into());
    }
    if OWN.iter().any(|own| *own == folded.as_str()) {
        return Err(format!("{shown} is a header of ours, and cannot {meant}").into());
    }
    Ok(())
}

/// RFC 6265 §4.1.1: a cookie's name is a token, as a header's is.
pub(super) fn cookie_name(node: &Node) -> Result<String, Wrong> {
    let name = leaf::filled(node)?;
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.bytes().all(token) {
        return Ok(name.to_owned());
    }
    Err("a cookie's name has no spaces, quotes, commas, semicolons or equals signs".into())
}

fn probe(reader: &Reader<'_>, around: &Surroundings<'_>) -> Option<Probe> {
    let map = reader.map_as("{ path: /who-am-i }")?;
    let place = asked_at(&map, around);
    let send = match map.get("send") {
        Some(send) => send.list(|node| leaf::word(node, &[("cookie", 'c'), ("authorization", 'a')])),
        None => Some(vec!['c', 'a']),
    };
    let timeout =
        map.get("timeout").map_or(Some(Duration::from_secs(2)), |it| it.read(super::basics::some_time));
    let (elsewhere, path) = place?;
    let send = send?;
    let (cookie, authorization) = (send.contains(&'c'), send.contains(&'a'));
    Some(Probe { elsewhere, path, cookie, authorization, timeout: timeout? })
}

/// Another program than the app, with the `Host` that it expects, and the path.
type Place = (Option<(Remote, String)>, String);

fn asked_at(map: &MapReader<'_>, around: &Surroundings<'_>) -> Option<Place> {
    let ca_file = map.get("ca_file");
    match (map.get("path"), map.get("url")) {
        (Some(path), None) => {
            if let Some(ca_file) = &ca_file {
                ca_file.error("`ca_file` belongs to `url`; the app's is `upstream.ca_file`");
            }
            path.read(target).filter(|_| ca_file.is_none()).map(|path| (None, path))
        }
        (None, Some(url)) => {
            let (base, host, path) = url.read(|node| split_url(node, PlainHttp::Anywhere))?;
            let at = remote::web(&base, &url, Proof { ca_file, server_name: None }, around)?;
            Some((Some((at, host)), path))
        }
        (Some(_), Some(url)) => {
            url.error("a probe has one place: `path` on the app, or `url`");
            None
        }
        (None, None) => {
            let (at, message) = (map.at(), "`path` (on the app) or `url` is required here");
            at.error_at(at.key_place(), at.path(), message);
            None
        }
    }
}

/// A path, and a query where there is one, as they stand in a request line.
fn target(node: &Node) -> Result<String, Wrong> {
    let text = leaf::filled(node)?;
    if !text.starts_with('/') || text.starts_with("//") {
        return Err("a path is wanted here that begins with one `/`".into());
    }
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'#' | b'"' | b'<' | b'>' | b'\\');
    if !text.bytes().all(plain) || text.parse::<PathAndQuery>().is_err() {
        return Err("a path is made of plain characters; percent-encode the others".into());
    }
    Ok(text.to_owned())
}

/// An address as its base, the `Host` that it expects, and its path.
pub(super) fn split_url(node: &Node, plain: PlainHttp) -> Result<(BaseUrl, String, String), Wrong> {
    let text = leaf::filled(node)?;
    let behind = text.find("://").map_or(text.len(), |at| at + 3);
    let slash = text.get(behind..).and_then(|rest| rest.find('/')).map_or(text.len(), |at| behind + at);
    let (base, path) = text.split_at_checked(slash).unwrap_or((text, ""));
    // What came from the environment is shown in no message, nor is a part of it.
    let style = match &node.kind {
        Kind::Text { style, .. } => *style,
        _ => Style::Quoted,
    };
    let part = |text: &str| Node { place: node.place, kind: Kind::Text { text: text.to_owned(), style } };
    let url = net::base_url(&part(base), plain)?;
    let path = if path.is_empty() { "/".to_owned() } else { target(&part(path))? };
    let host = base.split_once("://").map_or(base, |(_, host)| host).to_owned();
    Ok((url, host, path))
}

/// `session.signed_in`: `{field: NAME, not: [values]}`.
pub(super) fn signed_in(reader: Option<Reader<'_>>, fields: &[&str]) -> Option<Option<SignedIn>> {
    let Some(reader) = reader else { return Some(None) };
    let map = reader.map_as("{ field: user_id, not: [\"0\"] }")?;
    let field = map.required("field").and_then(|field| {
        let words: Vec<(&str, usize)> = fields.iter().copied().zip(0..).collect();
        field.read(|node| leaf::word(node, &words))
    });
    let not = map.required("not").and_then(|not| not.list(|node| leaf::text(node).map(str::to_owned)));
    Some(Some(SignedIn { field: field?, not: not? }))
}

/// `session.signed_out`: `401`, or `{redirect: "/login?next=${request.path}"}`.
pub(super) fn signed_out(map: &MapReader<'_>) -> Option<SignedOut> {
    let Some(reader) = map.get("signed_out") else { return Some(SignedOut::Refused) };
    if reader.is_map() {
        let map = reader.map()?;
        return map.required("redirect")?.read(login).map(SignedOut::Redirect);
    }
    match &reader.node().kind {
        Kind::Int(digits) if digits == "401" => Some(SignedOut::Refused),
        _ => {
            reader.error("401 is wanted here, or `{ redirect: \"/login?next=${request.path}\" }`");
            None
        }
    }
}

fn login(node: &Node) -> Result<Vec<LoginPart>, Wrong> {
    let text = leaf::filled(node)?;
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, behind) = after.split_once('}').ok_or("`${` without `}`")?;
        if !before.is_empty() {
            parts.push(LoginPart::Literal(before.to_owned()));
        }
        parts.push(match name.trim() {
            "request.path" => LoginPart::Path,
            "request.path_and_query" => LoginPart::PathAndQuery,
            _ => return Err("here only ${request.path} and ${request.path_and_query} are read".into()),
        });
        rest = behind;
    }
    if !rest.is_empty() {
        parts.push(LoginPart::Literal(rest.to_owned()));
    }
    check_login(&parts)?;
    Ok(parts)
}

/// A path on the same host, or an address whose host the file itself fixes: what a visitor sends is
/// never more than a part of the path or the query.
fn check_login(parts: &[LoginPart]) -> Result<(), Wrong> {
    let Some(LoginPart::Literal(start)) = parts.first() else {
        return Err("the address begins with a path of the file's, such as /login".into());
    };
    let graphic = |part: &LoginPart| match part {
        LoginPart::Literal(text) => text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\'),
        LoginPart::Path | LoginPart::PathAndQuery => true,
    };
    if !parts.iter().all(graphic) {
        return Err("an address is made of plain characters; percent-encode the others".into());
    }
    let host = start.strip_prefix("https://").or_else(|| start.strip_prefix("http://"));
    match host {
        Some(host) if host.find('/').is_some_and(|at| at > 0) && !host.contains('@') => Ok(()),
        None if start.starts_with('/') && !start.starts_with("//") => Ok(()),
        _ => {
            Err("a path on the same host is wanted here, or an address with its host and a `/` behind it"
                .into())
        }
    }
}
