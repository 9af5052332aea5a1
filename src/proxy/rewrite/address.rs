//! Addresses: Pandium's as they are under ours, and ours as they are at Pandium.

use crate::config::model::Mount;
use std::borrow::Cow;

/// Scheme, host and port.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'o> {
    /// `https://imp.pandium.com`
    text: &'o str,
}

/// How one of Pandium's pages is seen from here.
#[derive(Clone, Copy)]
pub struct View<'v> {
    /// Where Pandium is.
    pub base: Origin<'v>,
    /// Where its pages are shown.
    pub mount: &'v Mount,
    /// The path and query that Pandium is asked for.
    pub at: &'v str,
    /// The host and port by which the visitor came.
    pub own: &'v str,
}

impl<'o> Origin<'o> {
    /// That of an address which the file has without a path.
    pub fn new(text: &'o str) -> Self {
        Self { text }
    }

    /// The whole.
    pub fn as_str(self) -> &'o str {
        self.text
    }

    /// Host and port.
    pub fn authority(self) -> &'o str {
        self.text.split_once("://").map_or("", |(_, authority)| authority)
    }

    /// The host alone.
    pub fn host(self) -> &'o str {
        split_port(self.authority()).0
    }

    /// Whether this authority is the same place. Pandium may write `http:` where it is behind a proxy
    /// that takes TLS off.
    fn is_at(self, scheme: Option<&str>, authority: &str) -> bool {
        let port = |scheme: &str, port: Option<&str>| match port.filter(|port| !port.is_empty()) {
            Some("443") if scheme.eq_ignore_ascii_case("https") => None,
            Some("80") if scheme.eq_ignore_ascii_case("http") => None,
            port => port.map(str::to_owned),
        };
        let own_scheme = self.text.split_once("://").map_or("", |(scheme, _)| scheme);
        let ((own, own_port), (host, other_port)) = (split_port(self.authority()), split_port(authority));
        own.eq_ignore_ascii_case(host)
            && port(own_scheme, own_port) == port(scheme.unwrap_or(own_scheme), other_port)
    }
}

fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

/// A reference (RFC 3986 §4.1), as far as it matters here.
enum Reference<'r> {
    /// With a host.
    Absolute { scheme: Option<&'r str>, authority: &'r str, rest: &'r str },
    /// At the same host.
    Local(&'r str),
    /// Something that is no web address, or none that all read alike.
    Other,
}

fn parse(text: &str) -> Reference<'_> {
    if text.contains(|c: char| c.is_control()) {
        return Reference::Other;
    }
    if let Some(rest) = text.strip_prefix("//") {
        return with_host(None, rest);
    }
    match text.split_once(':') {
        Some((scheme, rest)) if is_scheme(scheme) => match rest.strip_prefix("//") {
            Some(rest) if is_web(scheme) => with_host(Some(scheme), rest),
            _ => Reference::Other,
        },
        _ => Reference::Local(text),
    }
}

fn with_host<'r>(scheme: Option<&'r str>, text: &'r str) -> Reference<'r> {
    let end = text.find(['/', '?', '#', '\\']).unwrap_or(text.len());
    let (authority, rest) = text.split_at(end);
    Reference::Absolute { scheme, authority, rest }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

fn is_web(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http")
}

impl View<'_> {
    /// The path and query at Pandium of an address in one of its answers; none where it leads elsewhere.
    pub fn at_pandium(&self, address: &str) -> Option<String> {
        match parse(address.trim()) {
            Reference::Absolute { scheme, authority, rest } if self.base.is_at(scheme, authority) => {
                let slash = if rest.starts_with(['/', '\\']) { "" } else { "/" };
                Some(without_dots(&format!("{slash}{rest}")))
            }
            Reference::Local(local) => Some(without_dots(&resolve(self.at, local))),
            Reference::Absolute { .. } | Reference::Other => None,
        }
    }

    /// An address in an answer of Pandium's as the visitor reaches it. One that leads elsewhere stays.
    pub fn shown<'a>(&self, address: &'a str) -> Cow<'a, str> {
        match self.at_pandium(address) {
            Some(at) => Cow::Owned(self.mounted(&at)),
            None => Cow::Borrowed(address),
        }
    }

    /// A path at Pandium, with what follows it, as it is here.
    pub fn mounted(&self, at: &str) -> String {
        match self.mount {
            Mount::Path(prefix) => format!("{prefix}{at}"),
            // Two slashes would begin another host.
            Mount::Host(_) if at.starts_with("//") || at.starts_with("/\\") => format!("/.{at}"),
            Mount::Host(_) => at.to_owned(),
        }
    }

    /// Whether an address names the host that the visitor came by, and what follows.
    fn own_rest<'a>(&self, address: &'a str) -> Option<&'a str> {
        match parse(address) {
            Reference::Absolute { scheme: Some(_), authority, rest } => {
                authority.eq_ignore_ascii_case(self.own).then_some(rest)
            }
            _ => None,
        }
    }

    /// `Origin` as Pandium gets it: its own for ours. Others are told as they are: they may have no part
    /// in this.
    pub fn origin<'a>(&self, origin: &'a str) -> Cow<'a, str>
    where
        Self: 'a,
    {
        match self.own_rest(origin) {
            Some("") => Cow::Owned(self.base.as_str().to_owned()),
            _ => Cow::Borrowed(origin),
        }
    }

    /// `Referer` as Pandium gets it: where on its own pages the visitor was. Of the app's pages, and of
    /// anybody else's, it learns nothing; nor of a token, whoever wrote one into an address.
    pub fn referer(&self, referer: &str) -> Option<String> {
        let rest = self.own_rest(referer)?;
        let at = match self.mount {
            Mount::Host(_) => Some(rest),
            Mount::Path(prefix) => rest
                .strip_prefix(prefix.as_str())
                .filter(|below| below.is_empty() || below.starts_with(['/', '?'])),
        };
        let path = at.unwrap_or_default().split(['?', '#']).next().unwrap_or_default();
        let slash = if path.starts_with('/') { "" } else { "/" };
        Some(format!("{}{slash}{path}", self.base.as_str()))
    }

    /// `Access-Control-Allow-Origin` as the visitor gets it: ours for Pandium's.
    pub fn allowed_origin<'a>(&self, allowed: &'a str, asked: Option<&'a str>) -> &'a str {
        let ours = asked.filter(|asked| self.own_rest(asked) == Some(""));
        match ours {
            Some(ours) if allowed.eq_ignore_ascii_case(self.base.as_str()) => ours,
            _ => allowed,
        }
    }

    /// `Refresh`: seconds, and an address behind `url=`.
    pub fn refresh(&self, value: &str) -> String {
        let Some((wait, rest)) = value.split_once([';', ',']) else { return value.to_owned() };
        let rest = rest.trim();
        let address = match rest.get(..3) {
            Some(url) if url.eq_ignore_ascii_case("url") => {
                rest.get(3..).unwrap_or_default().trim_start().strip_prefix('=').map_or(rest, str::trim)
            }
            _ => rest,
        };
        let bare = address.trim_matches(['"', '\'']);
        format!("{}; url={}", wait.trim(), self.shown(bare))
    }

    /// `Link`: each address in `<…>` (RFC 8288).
    pub fn link(&self, value: &str) -> String {
        let mut out = String::with_capacity(value.len());
        let mut rest = value;
        while let Some((before, tail)) = rest.split_once('<') {
            let Some((address, tail)) = tail.split_once('>') else { break };
            out.push_str(before);
            out.push('<');
            out.push_str(&self.shown(address));
            out.push('>');
            rest = tail;
        }
        out.push_str(rest);
        out
    }

    /// The path of a cookie (RFC 6265 §5.1.4), as it is here.
    pub fn cookie_path(&self, path: Option<&str>) -> String {
        let own = path.filter(|path| path.starts_with('/'));
        let path = own.unwrap_or_else(|| default_path(self.at));
        match self.mount {
            Mount::Path(prefix) if path == "/" => prefix.clone(),
            Mount::Path(prefix) => format!("{prefix}{path}"),
            Mount::Host(_) => path.to_owned(),
        }
    }
}

/// Where the path of an address ends.
fn path_of(address: &str) -> &str {
    address.split(['?', '#']).next().unwrap_or_default()
}

fn default_path(at: &str) -> &str {
    match path_of(at).rfind('/') {
        Some(0) | None => "/",
        Some(last) => at.get(..last).unwrap_or("/"),
    }
}

/// RFC 3986 §5.2.2, for a reference without a host.
fn resolve(at: &str, reference: &str) -> String {
    let path = path_of(at);
    match reference.chars().next() {
        Some('/' | '\\') => reference.to_owned(),
        Some('?') => format!("{path}{reference}"),
        Some('#') | None => format!("{at}{reference}"),
        Some(_) => {
            let end = path.rfind('/').map_or(0, |last| last + 1);
            format!("{}{reference}", path.get(..end).unwrap_or("/"))
        }
    }
}

/// RFC 3986 §5.2.4, and as browsers do it: an encoded dot is one too.
fn without_dots(address: &str) -> String {
    let path = path_of(address);
    let rest = address.get(path.len()..).unwrap_or_default();
    let mut kept: Vec<&str> = Vec::new();
    let mut ends_open = false;
    for segment in path.split('/').skip(1) {
        let plain = segment.replace("%2e", ".").replace("%2E", ".");
        ends_open = matches!(plain.as_str(), "." | "..");
        match plain.as_str() {
            "." => {}
            ".." => drop(kept.pop()),
            _ => kept.push(segment),
        }
    }
    let slash = if ends_open && !kept.is_empty() { "/" } else { "" };
    format!("/{}{slash}{rest}", kept.join("/"))
}

#[cfg(test)]
mod tests;
