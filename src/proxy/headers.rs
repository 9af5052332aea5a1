//! What a proxy does to header fields (RFC 9110 §7.6.1), and what it tells the app of the visitor.

use crate::http1::lines::Lines;
use crate::protected::{OWN, Protected, Standing};
use crate::telemetry::Mark;
use crate::trust::TrustedPeer;
use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, Entry, FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue,
    PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, USER_AGENT,
};
use http::{Method, Request, Version};
use http_body::Body as HttpBody;
use std::sync::{Arc, LazyLock};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The request's id, on requests to the app and on answers of our own.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Whom a proxy asks for.
pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The trace that a request belongs to.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Meant for one connection, whether `Connection` names them or not. `Trailer` is looked after where
/// trailers are.
const HOP_BY_HOP: [HeaderName; 10] = [
    CONNECTION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
    HTTP2_SETTINGS,
    EXPECT,
];

/// Those, `Trailer`, and our own. Nearly no name of a usual message is one of them, and to look at a
/// dozen names costs less than to look a dozen up.
static SELDOM: LazyLock<Protected> =
    LazyLock::new(|| Protected::of_each(HOP_BY_HOP.into_iter().chain([TRAILER]).chain(OWN)));

/// What no trailer may say of a message, besides those (RFC 9110 §6.5.1).
static FRAME: LazyLock<Protected> = LazyLock::new(|| Protected::of_each([CONTENT_LENGTH, HOST]));

fn has_seldom(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| SELDOM.standing(name) != Standing::Free)
}

/// What only a trusted peer may say of a request. In every spelling: apps that fold header names
/// would read a stranger's `X_Forwarded_For` beside the one that we set.
static DESCRIPTION: LazyLock<Protected> = LazyLock::new(|| {
    let names = [
        FORWARDED,
        X_FORWARDED_FOR,
        X_FORWARDED_PROTO,
        X_FORWARDED_HOST,
        X_FORWARDED_PORT,
        X_REQUEST_ID,
        TRACEPARENT,
        TRACESTATE,
    ];
    // No two of these fold alike; if ever they did, none would be believed from anybody.
    Protected::new(names.to_vec()).unwrap_or_default()
});

/// What frames a body.
static FRAMING: LazyLock<Protected> =
    LazyLock::new(|| Protected::of_each([CONTENT_LENGTH, TRANSFER_ENCODING]));

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
}

/// Makes a visitor's header fields those of a request to the app. Returns whether the visitor takes
/// trailers.
pub fn prepare_request(headers: &mut HeaderMap, protected: &Protected, seen: &Seen<'_>) -> bool {
    let takes_trailers = has_seldom(headers) && remove_of_request(headers);
    if takes_trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
        // RFC 9110 §10.1.4: whoever sends TE has to nominate it.
        headers.insert(CONNECTION, HeaderValue::from_static("TE"));
    }
    if seen.trusted.is_none() {
        protected.strip(headers);
        DESCRIPTION.strip(headers);
    } else {
        DESCRIPTION.strip_aliases(headers);
    }
    // What was said to us is not passed on.
    for name in protected.withheld() {
        headers.remove(name);
    }
    describe(headers, seen);
    takes_trailers
}

/// Removes what is for one connection, and what we set on some requests: nobody else sets that on any.
/// Returns whether the visitor takes trailers.
fn remove_of_request(headers: &mut HeaderMap) -> bool {
    let takes_trailers = options(headers, &TE).any(|option| option.eq_ignore_ascii_case(b"trailers"));
    remove_hop_by_hop(headers);
    headers.remove(TRAILER);
    for name in &OWN {
        headers.remove(name);
    }
    takes_trailers
}

/// Whether this asks for a WebSocket (RFC 6455 §4.1): the one upgrade that passes.
pub fn asks_for_websocket<B: HttpBody>(request: &Request<B>) -> bool {
    let upgrade = |option: &[u8]| option.eq_ignore_ascii_case(b"upgrade");
    request.version() == Version::HTTP_11
        && request.method() == Method::GET
        && request.body().is_end_stream()
        && is_websocket(request.headers())
        && options(request.headers(), &CONNECTION).any(upgrade)
}

/// Whether this speaks of a WebSocket, and of nothing else besides.
pub fn is_websocket(headers: &HeaderMap) -> bool {
    let mut protocols = options(headers, &UPGRADE);
    let one = protocols.next().is_some_and(|protocol| protocol.eq_ignore_ascii_case(b"websocket"));
    one && protocols.next().is_none()
}

/// Asks for a WebSocket, or agrees to one.
pub fn ask_for_websocket(headers: &mut HeaderMap) {
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
}

/// What a request of ours to the app says of the visitor's, as passing that through would.
pub fn describe_probe(headers: &mut HeaderMap, visitor: &HeaderMap, seen: &Seen<'_>) {
    let mut carry = |name: &HeaderName| {
        for value in visitor.get_all(name) {
            headers.append(name.clone(), value.clone());
        }
    };
    carry(&HOST);
    carry(&USER_AGENT);
    if seen.trusted.is_some() {
        DESCRIPTION.names().iter().for_each(carry);
    }
    describe(headers, seen);
    // A visitor of HTTP/1.0 need not name one.
    keep_or_set(headers, HOST, Some(HeaderValue::from_static("")));
}

/// Makes the app's header fields those of an answer to the visitor, `hidden` ones left out.
pub fn prepare_response(headers: &mut HeaderMap, hidden: &Protected) {
    hidden.strip(headers);
    if has_seldom(headers) {
        remove_hop_by_hop(headers);
    }
}

/// Leaves of an answer's trailers what may be told there.
pub fn strip_trailers(trailers: &mut HeaderMap, protected: &[Arc<Protected>; 2]) {
    for unwanted in untold(protected) {
        unwanted.strip(trailers);
    }
}

/// Leaves of `Trailer` the names of those.
pub fn strip_announcement(headers: &mut HeaderMap, protected: &[Arc<Protected>; 2]) {
    let may_follow = |name: &HeaderName| untold(protected).all(|set| set.standing(name) == Standing::Free);
    let names = options(headers, &TRAILER).filter_map(|name| HeaderName::from_bytes(name).ok());
    let told: Vec<_> = names.filter(may_follow).map(|name| name.as_str().to_owned()).collect();
    let announcement = HeaderValue::try_from(told.join(", ")).ok().filter(|_| !told.is_empty());
    set(headers, TRAILER, announcement);
}

fn untold(protected: &[Arc<Protected>; 2]) -> impl Iterator<Item = &Protected> {
    [&*SELDOM, &*FRAME].into_iter().chain(protected.iter().map(AsRef::as_ref))
}

/// Whether the body is framed in a way that we can pass on: by a length, or by `chunked` alone. Any
/// other coding would have to be taken off, and is not (RFC 9112 §6.1).
pub fn is_framed_plainly(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(coding), None) => coding.as_bytes().eq_ignore_ascii_case(b"chunked"),
        _ => false,
    }
}

/// Whether a header is there that an app which folds names would take for the length of the body, or
/// its coding: `Transfer_Encoding`, say. To us it is none.
pub fn resembles_framing(lines: Lines<'_>) -> bool {
    let is_alias = |mark, name| matches!(FRAMING.standing_of(mark, name), Standing::Alias(_)).then_some(());
    lines.find_name(is_alias).is_some()
}

/// Whether an answer's body is framed in one way alone. A length beside a transfer coding means
/// nothing to us and something to others (RFC 9112 §6.3), and so may one that is told twice.
pub fn is_framed_once(headers: &HeaderMap) -> bool {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let plain = |length: &HeaderValue| length.as_bytes().iter().all(u8::is_ascii_digit);
    match lengths.next() {
        None => is_framed_plainly(headers),
        Some(length) => plain(length) && lengths.next().is_none() && !headers.contains_key(TRANSFER_ENCODING),
    }
}

/// The items of a header that is a list (RFC 9110 §5.6.1).
fn options<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h [u8]> {
    let items =
        headers.get_all(name).into_iter().flat_map(|value| value.as_bytes().split(|&byte| byte == b','));
    items.map(<[u8]>::trim_ascii).filter(|item| !item.is_empty())
}

/// `Connection` names what else goes. `Host` and the length stay: they belong to the message.
pub(super) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    // What most say there is no name of a field.
    let is_usual = |value: &HeaderValue| {
        let said = value.as_bytes();
        said.eq_ignore_ascii_case(b"keep-alive") || said.eq_ignore_ascii_case(b"close")
    };
    if !headers.get_all(CONNECTION).iter().all(is_usual) {
        for name in nominated(headers) {
            if name != HOST && name != CONTENT_LENGTH {
                headers.remove(name);
            }
        }
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

/// The names in `Connection`: what is for the next one alone.
pub fn nominated(headers: &HeaderMap) -> Vec<HeaderName> {
    options(headers, &CONNECTION).filter_map(|option| HeaderName::from_bytes(option).ok()).collect()
}

/// `X-Forwarded-*`, the request's id and its trace: a trusted peer's are kept, anybody else's replaced.
fn describe(headers: &mut HeaderMap, seen: &Seen<'_>) {
    let before = seen.trusted.and_then(|_| joined(headers, &X_FORWARDED_FOR));
    set(headers, X_FORWARDED_FOR, forwarded_for(before.as_deref(), seen.address));
    keep_or_set(headers, X_FORWARDED_PROTO, Some(HeaderValue::from_static(seen.scheme)));
    let host = headers.get(HOST).filter(|host| !host.is_empty()).cloned();
    if seen.trusted.is_none() {
        set(headers, X_FORWARDED_PORT, host.as_ref().and_then(|host| port(host, seen.scheme)));
    }
    keep_or_set(headers, X_FORWARDED_HOST, host);
    headers.insert(X_REQUEST_ID, seen.mark.id.to_value());
    if let Some(trace) = seen.mark.trace.made() {
        headers.insert(TRACEPARENT, trace);
        // It belongs to a trace that is not told, or not understood.
        headers.remove(TRACESTATE);
    }
}

fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<Vec<u8>> {
    let mut values = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let mut joined = values.next()?.to_vec();
    for value in values {
        joined.extend_from_slice(b", ");
        joined.extend_from_slice(value);
    }
    Some(joined)
}

fn forwarded_for(before: Option<&[u8]>, address: Option<&HeaderValue>) -> Option<HeaderValue> {
    match (before, address) {
        (None, address) => address.cloned(),
        (Some(list), None) => HeaderValue::from_bytes(list).ok(),
        (Some(list), Some(address)) => {
            HeaderValue::from_bytes(&[list, b", ", address.as_bytes()].concat()).ok()
        }
    }
}

fn port(host: &HeaderValue, scheme: &str) -> Option<HeaderValue> {
    let host = host.to_str().ok()?;
    match host.rsplit_once(':') {
        Some((_, port)) if !port.ends_with(']') => HeaderValue::from_str(port).ok(),
        _ => Some(HeaderValue::from_static(if scheme == "https" { "443" } else { "80" })),
    }
}

/// Sets it, and where there is nothing to set makes sure that nobody else has.
fn set(headers: &mut HeaderMap, name: HeaderName, value: Option<HeaderValue>) {
    match value {
        Some(value) => drop(headers.insert(name, value)),
        None => drop(headers.remove(name)),
    }
}

fn keep_or_set(headers: &mut HeaderMap, name: HeaderName, value: Option<HeaderValue>) {
    if let (Entry::Vacant(entry), Some(value)) = (headers.entry(name), value) {
        entry.insert(value);
    }
}
