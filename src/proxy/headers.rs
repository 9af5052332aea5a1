//! What a proxy does to header fields (RFC 9110 §7.6.1), and what it tells the app of the visitor.

use crate::http1::encode::write_line;
use crate::http1::lines::{Lines, mark};
use crate::protected::{OWN, Protected, Standing, strip_where};
use crate::telemetry::Mark;
use crate::trust::TrustedPeer;
use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue,
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

/// The same, to look at each name once.
static HOPS: LazyLock<Protected> = LazyLock::new(|| Protected::of_each(HOP_BY_HOP));

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

/// What a request does not have that goes on as it stands.
static INTRICATE: LazyLock<Protected> = LazyLock::new(|| {
    Protected::of_each([&*SELDOM, &*FRAMING].into_iter().flat_map(Protected::names).cloned())
});

/// A field of ours: by what it is found, and how it is written.
struct Label {
    name: HeaderName,
    spelled: &'static str,
}

static FOR: Label = Label { name: X_FORWARDED_FOR, spelled: "X-Forwarded-For" };
static PROTO: Label = Label { name: X_FORWARDED_PROTO, spelled: "X-Forwarded-Proto" };
static NAME: Label = Label { name: X_FORWARDED_HOST, spelled: "X-Forwarded-Host" };
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
    let mut said = Vec::with_capacity(DESCRIPTION.names().len());
    describe((&*headers).into(), seen, |label, value| said.extend(field(label, value)));
    strip_where(headers, |name| {
        let name = name.as_str().as_bytes();
        !goes_on(mark(name), name, protected, seen)
    });
    headers.extend(said);
    takes_trailers
}

fn field(label: &Label, value: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    // There is nothing in it that no header may hold.
    Some((label.name.clone(), HeaderValue::from_bytes(value).ok()?))
}

/// Whether a request can go on as it stands: it says nothing of a body, and nothing that is for one
/// connection, but how long that lasts.
pub fn is_plain(lines: Lines<'_>) -> bool {
    let is_intricate = |mark, name: &_, value: &[u8]| match INTRICATE.standing_of(mark, name) {
        Standing::Free => false,
        Standing::Protected(own) => *own != CONNECTION || !names_none(value),
        Standing::Alias(_) => true,
    };
    lines.find(|mark, name, value| is_intricate(mark, name, value).then_some(())).is_none()
}

/// Writes the fields of such a request as those of one to the app, as [`prepare_request`] would make
/// them.
pub fn write_plain(out: &mut Vec<u8>, lines: Lines<'_>, protected: &Protected, seen: &Seen<'_>) {
    let _: Option<()> = lines.find(|mark, name, value| {
        if SELDOM.standing_of(mark, name) == Standing::Free && goes_on(mark, name, protected, seen) {
            write_line(out, name, value);
        }
        None
    });
    describe(lines, seen, |label, value| write_line(out, label.spelled.as_bytes(), value));
}

/// Whether a visitor's field goes on to the app: not where only somebody trusted may say it, and not
/// where we say it anew.
fn goes_on(mark: u8, name: &[u8], protected: &Protected, seen: &Seen<'_>) -> bool {
    let goes = match (DESCRIPTION.standing_of(mark, name), seen.trusted) {
        (Standing::Free, None) => protected.standing_of(mark, name) == Standing::Free,
        (Standing::Free, Some(_)) => true,
        (Standing::Protected(own), Some(_)) => !is_said_anew(own, seen),
        (Standing::Protected(_), None) | (Standing::Alias(_), _) => false,
    };
    // What was said to us is not passed on.
    goes && !protected.withholds(name)
}

/// Whether we say this of each request. What belongs to a trace that is not told, or not understood,
/// goes with it.
fn is_said_anew(name: &HeaderName, seen: &Seen<'_>) -> bool {
    let traced = [TRACEPARENT, TRACESTATE].contains(name) && seen.mark.trace.made().is_some();
    traced || [X_FORWARDED_FOR, X_REQUEST_ID].contains(name)
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
        DESCRIPTION.names().iter().filter(|name| !is_said_anew(name, seen)).for_each(carry);
    }
    describe(visitor.into(), seen, |label, value| headers.extend(field(label, value)));
    // A visitor of HTTP/1.0 need not name one.
    headers.entry(HOST).or_insert(HeaderValue::from_static(""));
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
    let is_alias = |mark, name: &_| matches!(FRAMING.standing_of(mark, name), Standing::Alias(_));
    lines.find(|mark, name, _| is_alias(mark, name).then_some(())).is_some()
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
    if !headers.get_all(CONNECTION).iter().all(|said| names_none(said.as_bytes())) {
        for name in nominated(headers) {
            if name != HOST && name != CONTENT_LENGTH {
                headers.remove(name);
            }
        }
    }
    strip_where(headers, |name| matches!(HOPS.standing(name), Standing::Protected(_)));
}

/// Whether `Connection` says what most say there, which is no name of a field.
fn names_none(said: &[u8]) -> bool {
    said.eq_ignore_ascii_case(b"keep-alive") || said.eq_ignore_ascii_case(b"close")
}

/// The names in `Connection`: what is for the next one alone.
pub fn nominated(headers: &HeaderMap) -> Vec<HeaderName> {
    options(headers, &CONNECTION).filter_map(|option| HeaderName::from_bytes(option).ok()).collect()
}

/// `X-Forwarded-*`, the request's id and its trace. What a trusted peer has said already is not said
/// again.
fn describe(lines: Lines<'_>, seen: &Seen<'_>, mut say: impl FnMut(&Label, &[u8])) {
    let trusted = seen.trusted.is_some();
    let is_said = |label: &Label| trusted && lines.has(&label.name);
    let before = seen.trusted.and_then(|_| joined(lines, &X_FORWARDED_FOR));
    match (before, seen.address) {
        (None, None) => {}
        (None, Some(address)) => say(&FOR, address.as_bytes()),
        (Some(list), None) => say(&FOR, &list),
        (Some(list), Some(address)) => say(&FOR, &[&list, &b", "[..], address.as_bytes()].concat()),
    }
    if !is_said(&PROTO) {
        say(&PROTO, seen.scheme.as_bytes());
    }
    if let Some(host) = lines.get(&HOST).filter(|host| !host.is_empty()) {
        if !is_said(&NAME) {
            say(&NAME, host);
        }
        if !trusted {
            say(&PORT, port(host, seen.scheme));
        }
    }
    say(&ID, seen.mark.id.as_str().as_bytes());
    if let Some(trace) = seen.mark.trace.made() {
        say(&TRACE, &trace);
    }
}

fn joined(lines: Lines<'_>, name: &HeaderName) -> Option<Vec<u8>> {
    let mut values = lines.all(name);
    let mut joined = values.next()?.to_vec();
    for value in values {
        joined.extend_from_slice(b", ");
        joined.extend_from_slice(value);
    }
    Some(joined)
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

/// Sets it, and where there is nothing to set makes sure that nobody else has.
fn set(headers: &mut HeaderMap, name: HeaderName, value: Option<HeaderValue>) {
    match value {
        Some(value) => drop(headers.insert(name, value)),
        None => drop(headers.remove(name)),
    }
}
