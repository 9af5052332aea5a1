//! Cookies of three kinds in one browser: the app's, Pandium's, and the one that ties these to a visitor.
//!
//! Pandium's `session` is kept by the browser as `pandium-sidecar.1f3a9c02.session`. The first part
//! keeps it from the app, and the app's from Pandium. The second says at which minting it came to be:
//! with the next one, those of before are Pandium's no more, whoever was there then, and wherever below
//! our paths they lie. Before the value stands a tag that fits this visitor, this minting, this name and
//! this value, so that none can be planted or moved. The tie itself, `pandium-sidecar`, has the minting's
//! own number, the integration whose template says who the visitor is, and a tag over both.

use super::address::View;
use crate::token::bond::Bond;
use cookie::time::Duration;
use cookie::{Cookie, SameSite};
use http::HeaderValue;
use http::header::{COOKIE, HeaderMap};
use std::collections::BTreeSet;

/// What the names of all of ours begin with, and the name of the tie.
const OURS: &str = "pandium-sidecar";
/// Names that mean something to browsers (RFC 6265bis §4.1.3).
const HOST_ONLY: &str = "__Host-";
const SECURE_ONLY: &str = "__Secure-";
/// How much of a minting's number stands in names.
const GENERATION: usize = 8;
/// The most lines by which cookies are expired in one answer.
const MOST_EXPIRED: usize = 64;
/// The most paths at which they are looked for, and the longest that a browser heeds (RFC 6265bis §5.6).
const MOST_PATHS: usize = 32;
const LONGEST_PATH: usize = 1024;
/// The most ties that are read: each costs two HMACs, and a browser has one or two.
const MOST_TIES: usize = 8;

/// The cookies of a request that are no business of the app's.
#[derive(Default)]
pub struct Jar {
    ties: Vec<Tie>,
    kept: Vec<Kept>,
}

/// What a tie says.
struct Tie {
    number: String,
    integration: String,
    tag: String,
}

/// One of Pandium's, as the browser has it.
struct Kept {
    name: String,
    value: String,
}

/// A cookie of ours that does not fit this visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mismatch(pub &'static str);

/// A minting, as far as its visitor's browser is concerned.
pub struct Seal {
    bond: Bond,
    number: String,
    integration: String,
}

/// How our own lines have to be written.
#[derive(Clone, Copy)]
pub struct Manner {
    /// Over TLS, as the visitor sees it.
    pub secure: bool,
    /// Within another site's page.
    pub framed_elsewhere: bool,
}

impl Jar {
    /// Takes what is ours out of a request's cookies. The app's stay as they are, byte for byte where
    /// there is none of ours.
    pub fn take(headers: &mut HeaderMap) -> Self {
        let mut jar = Self::default();
        let ours =
            |value: &HeaderValue| value.as_bytes().windows(OURS.len()).any(|part| part == OURS.as_bytes());
        if !headers.get_all(COOKIE).iter().any(ours) {
            return jar;
        }
        let lines: Vec<HeaderValue> = headers.get_all(COOKIE).iter().cloned().collect();
        headers.remove(COOKIE);
        for line in lines {
            let of_app: Vec<&[u8]> = line
                .as_bytes()
                .split(|&byte| byte == b';')
                .map(<[u8]>::trim_ascii)
                .filter(|pair| !pair.is_empty() && !jar.take_in(pair))
                .collect();
            if let (false, Ok(line)) = (of_app.is_empty(), HeaderValue::from_bytes(&of_app.join(&b"; "[..])))
            {
                headers.append(COOKIE, line);
            }
        }
        jar
    }

    /// Whether this is one of ours; what of it can be read is kept.
    fn take_in(&mut self, pair: &[u8]) -> bool {
        let name_end = pair.iter().position(|&byte| byte == b'=').unwrap_or(pair.len());
        let (name, value) = pair.split_at(name_end);
        let Some(rest) = ours(name.trim_ascii()) else { return false };
        let text = |bytes: &[u8]| std::str::from_utf8(bytes.trim_ascii()).ok().map(str::to_owned);
        let value = text(value.strip_prefix(b"=").unwrap_or_default());
        let (Some(name), Some(value)) = (text(name), value) else { return true };
        if rest.is_empty() {
            self.ties.extend(Tie::parse(&value).filter(|_| self.ties.len() < MOST_TIES));
        } else {
            self.kept.push(Kept { name, value });
        }
        true
    }

    /// The integrations that ties in it speak of, each once; an empty name is the marketplace's.
    pub fn integrations(&self) -> impl Iterator<Item = &str> {
        let names: BTreeSet<&str> = self.ties.iter().map(|tie| tie.integration.as_str()).collect();
        names.into_iter()
    }

    /// The minting that this browser was last told of, if it was for this visitor.
    pub fn seal(&self, bond: Bond, integration: &str) -> Option<Seal> {
        let fits = |tie: &&Tie| {
            tie.integration == integration
                && bond.fits(&tie.tag, &[tie.number.as_bytes(), integration.as_bytes()])
        };
        let number = self.ties.iter().find(fits).map(|tie| tie.number.clone())?;
        Some(Seal { bond, number, integration: integration.to_owned() })
    }

    /// What Pandium gets: its own cookies, of this minting, untouched since.
    pub fn opened(&self, seal: &Seal) -> Result<Option<HeaderValue>, Mismatch> {
        let mut pairs = Vec::new();
        for kept in &self.kept {
            let Some(name) = seal.own_name(&kept.name) else { continue };
            let forged = Mismatch("a cookie of Pandium's has another visitor's tag, or was changed");
            let (tag, value) = kept.value.split_once('.').ok_or(forged)?;
            if !seal.bond.fits(tag, &seal.texts(name, value)) {
                return Err(forged);
            }
            pairs.push(format!("{name}={value}"));
        }
        let line = HeaderValue::try_from(pairs.join("; ")).ok();
        Ok(line.filter(|_| !pairs.is_empty()))
    }

    /// The lines that rid the browser of those that are not of this minting, or of all. A browser does
    /// not say where its cookies lie; these paths are all that they can lie at. The tie goes first, and
    /// all of them where most lie, at the root: however many there are, nobody is shown anything without.
    pub fn expired(
        &self,
        but: Option<&Seal>,
        asked: &str,
        view: &View<'_>,
        manner: Manner,
    ) -> Vec<HeaderValue> {
        let stale = |kept: &&Kept| but.is_none_or(|seal| seal.own_name(&kept.name).is_none());
        let names: BTreeSet<&str> = self.kept.iter().filter(stale).map(|kept| kept.name.as_str()).collect();
        let tie = (but.is_none() && !self.ties.is_empty()).then_some(OURS);
        let names: Vec<&str> = tie.into_iter().chain(names).collect();
        if names.is_empty() {
            return Vec::new();
        }
        let root = view.cookie_path(Some("/"));
        let lines = paths(&root, asked)
            .flat_map(|path| names.iter().flat_map(move |name| expiry(name, path, manner)));
        lines.take(MOST_EXPIRED).collect()
    }
}

/// Whether this line sets a cookie for a domain that has this host in it, and not for one host alone.
pub fn is_shared_with(line: &HeaderValue, host: &str) -> bool {
    let cookie = line.to_str().ok().and_then(|line| Cookie::parse(line).ok());
    let domain = cookie.as_ref().and_then(|cookie| cookie.domain()).unwrap_or_default();
    !domain.is_empty() && covers(domain, host)
}

/// What follows in a name behind the part that makes it ours.
fn ours(name: &[u8]) -> Option<&[u8]> {
    let bare = [HOST_ONLY, SECURE_ONLY].iter().find_map(|guard| name.strip_prefix(guard.as_bytes()));
    let rest = bare.unwrap_or(name).strip_prefix(OURS.as_bytes())?;
    (rest.is_empty() || rest.starts_with(b".")).then_some(rest)
}

/// Every path at which a cookie can lie that comes with a request for this one (RFC 6265 §5.1.4), from
/// the root on, as far as an answer has room. One with a semicolon would be an attribute more.
fn paths<'p>(root: &'p str, asked: &'p str) -> impl Iterator<Item = &'p str> {
    let ends = asked.match_indices('/').flat_map(|(at, _)| [asked.get(..at), asked.get(..=at)]).flatten();
    let below = ends.chain(Some(asked).filter(|asked| !asked.ends_with('/')));
    let below = below.filter(move |path| !["", "/", root].contains(path));
    let all = [root].into_iter().chain(Some("/").filter(|slash| *slash != root)).chain(below);
    all.filter(|path| path.len() <= LONGEST_PATH && !path.contains(';')).take(MOST_PATHS)
}

/// Partitioned cookies lie apart from those that are not.
fn expiry(name: &str, path: &str, manner: Manner) -> Vec<HeaderValue> {
    let guarded = name.starts_with("__");
    let secure = if guarded || manner.secure { "; Secure" } else { "" };
    let plain = format!("{name}=; Path={path}; Max-Age=0{secure}");
    let apart = manner.secure.then(|| format!("{plain}; SameSite=None; Partitioned"));
    [Some(plain), apart].into_iter().flatten().filter_map(|line| HeaderValue::try_from(line).ok()).collect()
}

impl Tie {
    fn parse(value: &str) -> Option<Self> {
        let mut parts = value.split('.');
        let mut next = || parts.next().map(str::to_owned);
        let (number, integration, tag) = (next()?, next()?, next()?);
        let hexadecimal = number.len() > GENERATION && number.bytes().all(|byte| byte.is_ascii_hexdigit());
        (hexadecimal && parts.next().is_none()).then_some(Self { number, integration, tag })
    }
}

impl Seal {
    /// That of a new minting.
    pub fn new(bond: Bond, number: String, integration: &str) -> Self {
        Self { bond, number, integration: integration.to_owned() }
    }

    fn generation(&self) -> &str {
        self.number.get(..GENERATION).unwrap_or_default()
    }

    fn texts<'t>(&'t self, name: &'t str, value: &'t str) -> [&'t [u8]; 3] {
        [self.number.as_bytes(), name.as_bytes(), value.as_bytes()]
    }

    /// Pandium's own name of a cookie, where it is of this minting.
    fn own_name<'n>(&self, name: &'n str) -> Option<&'n str> {
        let bare = [HOST_ONLY, SECURE_ONLY].iter().find_map(|guard| name.strip_prefix(guard)).unwrap_or(name);
        let rest = bare.strip_prefix(OURS)?.strip_prefix('.')?;
        rest.strip_prefix(self.generation())?.strip_prefix('.').filter(|own| !own.is_empty())
    }

    /// The name of one of Pandium's in the browser. A prefix with a meaning goes before ours, where the
    /// cookie can keep what it promises.
    fn kept_name(&self, name: &str, path: &str) -> String {
        let guard = match name {
            name if name.starts_with(HOST_ONLY) && path == "/" => HOST_ONLY,
            name if name.starts_with(HOST_ONLY) || name.starts_with(SECURE_ONLY) => SECURE_ONLY,
            _ => "",
        };
        format!("{guard}{OURS}.{}.{name}", self.generation())
    }

    /// `Set-Cookie` of Pandium's as the visitor gets it; none where it is not Pandium's to set.
    pub fn set_cookie(&self, line: &HeaderValue, view: &View<'_>) -> Option<HeaderValue> {
        let mut cookie = Cookie::parse(line.to_str().ok()?).ok()?;
        if cookie.domain().is_some_and(|domain| !covers(domain, view.base.host())) {
            return None;
        }
        cookie.unset_domain();
        let path = view.cookie_path(cookie.path());
        let (name, value) = (cookie.name().to_owned(), cookie.value().to_owned());
        let tag = self.bond.tag(&self.texts(&name, &value));
        cookie.set_name(self.kept_name(&name, &path));
        cookie.set_value(format!("{tag}.{value}"));
        cookie.set_path(path);
        HeaderValue::try_from(cookie.to_string()).ok()
    }

    /// The name and value that Pandium itself would get back of one that it sets; no value of one that
    /// it takes back.
    pub fn own_pair(line: &HeaderValue) -> Option<(String, Option<String>)> {
        let cookie = Cookie::parse(line.to_str().ok()?).ok()?;
        let lives = cookie.max_age().is_none_or(Duration::is_positive);
        Some((cookie.name().to_owned(), lives.then(|| cookie.value().to_owned())))
    }

    /// The line that ties the browser to this minting.
    pub fn tie(&self, view: &View<'_>, manner: Manner) -> Option<HeaderValue> {
        let tag = self.bond.tag(&[self.number.as_bytes(), self.integration.as_bytes()]);
        let mut cookie = Cookie::new(OURS, format!("{}.{}.{tag}", self.number, self.integration));
        cookie.set_path(view.cookie_path(Some("/")));
        cookie.set_http_only(true);
        cookie.set_secure(manner.secure);
        if manner.secure && manner.framed_elsewhere {
            cookie.set_same_site(SameSite::None);
            cookie.set_partitioned(true);
        } else {
            cookie.set_same_site(SameSite::Lax);
        }
        HeaderValue::try_from(cookie.to_string()).ok()
    }
}

/// Whether a cookie of this domain is this host's to set (RFC 6265 §5.1.3).
fn covers(domain: &str, host: &str) -> bool {
    let below =
        || host.len().checked_sub(domain.len() + 1).is_some_and(|dot| host.get(dot..=dot) == Some("."));
    let tail = host.len().checked_sub(domain.len()).and_then(|start| host.get(start..));
    domain.is_empty()
        || tail.is_some_and(|tail| tail.eq_ignore_ascii_case(domain))
            && (host.len() == domain.len() || below())
}

#[cfg(test)]
mod tests;
