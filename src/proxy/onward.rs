//! A visitor's request on its way to the app: which of its header fields go on, and what we say of it.
//!
//! A stranger's word about who a visitor is does not go on, and neither does its word about the request;
//! of that we tell the app what we see ourselves. A trusted peer's is kept, or gone on with. Fields that
//! were taken over and lines as they stand are asked in the same way, so there is one rule for both.

use super::headers::{has_seldom, is_intricate, is_seldom, remove_of_request};
use crate::http1::encode::{write_field, write_request_line};
use crate::http1::head::Glance;
use crate::http1::lines::{Lines, mark};
use crate::http1::spelling::Spelling;
use crate::protected::{
    DESCRIPTION, Protected, Standing, TRACEPARENT, TRACESTATE, X_FORWARDED_FOR, X_FORWARDED_HOST,
    X_FORWARDED_PORT, X_FORWARDED_PROTO, X_REQUEST_ID, strip_where,
};
use crate::telemetry::Mark;
use crate::trust::TrustedPeer;
use http::header::{CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, TE, USER_AGENT};
use http::request::Parts;
use http::{Method, Version};
use std::sync::LazyLock;

/// In every spelling: apps that fold header names would read a stranger's `X_Forwarded_For` beside the one
/// that we set.
static DESCRIBING: LazyLock<Protected> = LazyLock::new(|| Protected::of_each(DESCRIPTION));

/// A field that we set: by what it is found, and how it is written.
struct Label {
    name: HeaderName,
    spelled: &'static str,
}

static FOR: Label = Label { name: X_FORWARDED_FOR, spelled: "X-Forwarded-For" };
static PROTO: Label = Label { name: X_FORWARDED_PROTO, spelled: "X-Forwarded-Proto" };
static ASKED: Label = Label { name: X_FORWARDED_HOST, spelled: "X-Forwarded-Host" };
static PORT: Label = Label { name: X_FORWARDED_PORT, spelled: "X-Forwarded-Port" };
static ID: Label = Label { name: X_REQUEST_ID, spelled: "X-Request-Id" };
static TRACE: Label = Label { name: TRACEPARENT, spelled: "Traceparent" };

/// What we see of a request that the app cannot see.
pub struct Seen<'a> {
    /// The other end of the socket as `X-Forwarded-For` has it, where that has an address.
    pub address: Option<&'a HeaderValue>,
    /// Whether its word about the request counts.
    pub trusted: Option<TrustedPeer>,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// What the request is called, and its trace.
    pub mark: &'a Mark,
    /// The headers that carry identity, and those that are for us alone.
    pub protected: &'a Protected,
}

impl Seen<'_> {
    /// Whether a field goes on to the app: not where only somebody trusted may say it, not what was said to
    /// us alone, and not what we say in its place.
    fn keeps(&self, mark: u8, name: &[u8]) -> bool {
        let keeps = match (DESCRIBING.standing_of(mark, name), self.trusted) {
            (Standing::Free, None) => self.protected.standing_of(mark, name) == Standing::Free,
            (Standing::Free, Some(_)) => true,
            (Standing::Protected(own), Some(_)) => !self.replaces(own),
            (Standing::Protected(_), None) | (Standing::Alias(_), _) => false,
        };
        keeps && !self.protected.withholds(name)
    }

    fn keeps_name(&self, name: &HeaderName) -> bool {
        let name = name.as_str().as_bytes();
        self.keeps(mark(name), name)
    }

    /// Whether this of a description is no longer true, once it has passed through here. What belongs to a
    /// trace that is not told, or not understood, goes with it.
    fn replaces(&self, name: &HeaderName) -> bool {
        let traced = || [TRACEPARENT, TRACESTATE].contains(name);
        [X_FORWARDED_FOR, X_REQUEST_ID].contains(name) || self.mark.trace.is_made() && traced()
    }

    /// `X-Forwarded-*`, the request's id and its trace, but for what is kept of them.
    fn describe(&self, lines: Lines<'_>, mut say: impl FnMut(&Label, &[u8])) {
        let is_kept = |label: &Label| lines.has(&label.name) && self.keeps_name(&label.name);
        match (self.before(lines), self.address) {
            (None, None) => {}
            (None, Some(address)) => say(&FOR, address.as_bytes()),
            (Some(list), None) => say(&FOR, &list),
            (Some(list), Some(address)) => say(&FOR, &[&list, &b", "[..], address.as_bytes()].concat()),
        }
        if !is_kept(&PROTO) {
            say(&PROTO, self.scheme.as_bytes());
        }
        if let Some(host) = lines.get(&HOST).filter(|host| !host.is_empty()) {
            if !is_kept(&ASKED) {
                say(&ASKED, host);
            }
            if self.trusted.is_none() {
                say(&PORT, port(host, self.scheme));
            }
        }
        say(&ID, self.mark.id.as_str().as_bytes());
        if let Some(trace) = self.mark.trace.made() {
            say(&TRACE, &trace);
        }
    }

    /// For whom a trusted peer says that it asks.
    fn before(&self, lines: Lines<'_>) -> Option<Vec<u8>> {
        let name = &X_FORWARDED_FOR;
        self.trusted.filter(|_| !self.protected.withholds(name.as_str().as_bytes()))?;
        let mut values = lines.all(name);
        let mut joined = values.next()?.to_vec();
        for value in values {
            joined.extend_from_slice(b", ");
            joined.extend_from_slice(value);
        }
        Some(joined)
    }
}

/// The port that a visitor's `Host` names, or that which is meant where it names none.
fn port<'h>(host: &'h [u8], scheme: &str) -> &'h [u8] {
    let colon = memchr::memrchr(b':', host).and_then(|colon| host.get(colon + 1..));
    match colon {
        Some(port) if !port.ends_with(b"]") => port,
        _ if scheme == "https" => b"443",
        _ => b"80",
    }
}

/// Makes a visitor's request, whose fields were taken over, one to the app. Returns whether the visitor
/// takes trailers.
pub fn prepare_request(parts: &mut Parts, seen: &Seen<'_>) -> bool {
    let headers = &mut parts.headers;
    let takes_trailers = has_seldom(headers) && remove_of_request(headers);
    if takes_trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
        // RFC 9110 §10.1.4: whoever sends TE has to nominate it.
        headers.insert(CONNECTION, HeaderValue::from_static("TE"));
    }
    let mut said = Vec::with_capacity(DESCRIPTION.len());
    seen.describe((&*headers).into(), |label, value| said.extend(field(label, value)));
    strip_where(headers, |name| !seen.keeps_name(name));
    if let Some(spelling) = parts.extensions.get_mut::<Spelling>() {
        for (name, _) in &said {
            spelling.forget(name);
        }
    }
    headers.extend(said);
    takes_trailers
}

fn field(label: &Label, value: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    // There is nothing in it that no header may hold.
    Some((label.name.clone(), HeaderValue::from_bytes(value).ok()?))
}

/// What a request of ours to the app says of the visitor's, as passing that through would.
pub fn describe_probe(headers: &mut HeaderMap, visitor: &HeaderMap, seen: &Seen<'_>) {
    let kept = DESCRIBING.names().iter().filter(|name| seen.keeps_name(name));
    for name in [&HOST, &USER_AGENT].into_iter().chain(kept) {
        for value in visitor.get_all(name) {
            headers.append(name.clone(), value.clone());
        }
    }
    seen.describe(visitor.into(), |label, value| headers.extend(field(label, value)));
    // A visitor of HTTP/1.0 need not name one.
    headers.entry(HOST).or_insert(HeaderValue::from_static(""));
}

/// The head of a request that can go on as it stands: it says nothing of a body, and nothing that is for
/// one connection, but how long that lasts.
#[derive(Clone, Copy)]
pub struct Plain<'h>(Glance<'h>);

impl<'h> Plain<'h> {
    /// The same, if it is one that may go on twice: over a connection that was used before, it may have to.
    pub fn of(head: Glance<'h>) -> Option<Self> {
        let find = |mark, name: &_, value: &_| is_intricate(mark, name, value).then_some(());
        let may_be = head.version == Version::HTTP_11 && head.target.starts_with('/');
        let is_plain = may_be && head.method.is_idempotent() && head.lines.find(find).is_none();
        is_plain.then_some(Self(head))
    }

    /// `GET` and so on.
    pub fn method(&self) -> &'h Method {
        self.0.method
    }

    /// Writes it as the head of a request to the app, as [`prepare_request`] would make it.
    pub fn write(self, out: &mut Vec<u8>, seen: &Seen<'_>) {
        let Self(Glance { method, target, lines, .. }) = self;
        write_request_line(out, method, target.as_bytes());
        lines.each(|mark, name, value| {
            if !is_seldom(mark, name) && seen.keeps(mark, name) {
                write_field(out, name, value);
            }
        });
        seen.describe(lines, |label, value| write_field(out, label.spelled.as_bytes(), value));
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::{ASKED, FOR, ID, Label, PORT, PROTO, Plain, Seen, TRACE, describe_probe, prepare_request};
    use crate::http1::encode::write_fields;
    use crate::http1::head::{Bounds, Came, request};
    use crate::protected::{DESCRIPTION, Protected};
    use crate::telemetry::Mark;
    use crate::trust::{Peer, PeerRule, Trust};
    use bytes::BytesMut;
    use http::{HeaderMap, HeaderValue};

    #[test]
    fn what_we_say_is_spelled_as_is_usual() {
        for Label { name, spelled } in [&FOR, &PROTO, &ASKED, &PORT, &ID, &TRACE] {
            let (mut out, mut headers) = (Vec::new(), HeaderMap::new());
            headers.insert(name, HeaderValue::from_static("v"));
            write_fields(&mut out, &headers, None);
            assert_eq!(String::from_utf8(out).unwrap(), format!("{spelled}: v\r\n"));
        }
    }

    #[test]
    fn a_plain_request_is_one_line_by_line() {
        let is_plain = |head: &str| {
            let (mut plain, bounds) = (false, Bounds { bytes: 1000, fields: 9 });
            let came = request(&mut BytesMut::from(head), bounds, |head| {
                plain = Plain::of(head).is_some();
                None::<()>
            });
            assert!(matches!(came, Ok(Some(_))), "{head:?}");
            plain
        };
        for line in ["GET / HTTP/1.1", "PUT /x HTTP/1.1", "TRACE /x?y HTTP/1.1"] {
            assert!(is_plain(&format!("{line}\r\nHost: a\r\nConnection: Close\r\n\r\n")), "{line}");
        }
        for line in ["GET / HTTP/1.0", "GET http://a/ HTTP/1.1", "OPTIONS * HTTP/1.1", "POST / HTTP/1.1"] {
            assert!(!is_plain(&format!("{line}\r\nHost: a\r\n\r\n")), "{line}");
        }
        for line in ["Content-Length: 0", "content.length: 1", "TE: x", "Connection: x", "X-Pandium-Url: x"] {
            assert!(!is_plain(&format!("GET / HTTP/1.1\r\nHost: a\r\n{line}\r\n\r\n")), "{line}");
        }
    }

    /// No file can say so, as it would be of no use; but if one could, the secret would still be ours.
    #[test]
    fn what_is_for_us_alone_goes_nowhere_whatever_it_is_called() {
        let mark = Mark::of(None, Some(b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
        let peer = Peer::ip("127.0.0.2".parse().unwrap());
        let trust = Trust::new(vec![PeerRule::Net("127.0.0.2/32".parse().unwrap())], None, vec![]).unwrap();
        for name in DESCRIPTION {
            let protected = Protected::of_each([name.clone()]).withholding(name.clone());
            let trusted = trust.admit(peer, &HeaderMap::new());
            assert!(trusted.is_some());
            let seen = Seen { address: None, trusted, scheme: "http", mark: &mark, protected: &protected };
            let head = format!("GET / HTTP/1.1\r\nHost: app.test\r\n{name}: canary\r\n\r\n");
            let bounds = Bounds { bytes: 1000, fields: 9 };
            let mut written = Vec::new();
            let came = request(&mut BytesMut::from(&*head), bounds, |head| {
                Plain::of(head)?.write(&mut written, &seen);
                None::<()>
            });
            let Ok(Some(Came::Whole(taken))) = came else { panic!("it was not taken over") };
            let (mut asked, mut passed) = (HeaderMap::new(), taken.into_parts().0);
            describe_probe(&mut asked, &passed.headers, &seen);
            assert!(!prepare_request(&mut passed, &seen));
            for headers in [&asked, &passed.headers] {
                let mut out = Vec::new();
                write_fields(&mut out, headers, None);
                assert_told(&String::from_utf8(out).unwrap(), name.as_str());
            }
            assert_told(&String::from_utf8(written).unwrap(), name.as_str());
        }
    }

    fn assert_told(head: &str, name: &str) {
        assert!(!head.contains("canary"), "{name}: {head}");
        for line in ["X-Forwarded-Proto: http\r\n", "X-Forwarded-Host: app.test\r\n", "X-Request-Id: "] {
            assert_eq!(head.matches(line).count(), 1, "{name}: {line} in {head}");
        }
    }
}
