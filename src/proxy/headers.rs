//! What a proxy does to header fields on either way (RFC 9110 §7.6.1): those that are for one connection,
//! and those that frame a message.

use crate::http1::framing::number;
use crate::http1::lines::Lines;
use crate::protected::{OWN, Protected, Standing, strip_where};
use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{Method, Request, Version};
use http_body::Body as HttpBody;
use std::sync::{Arc, LazyLock};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");

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

pub(super) fn has_seldom(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| SELDOM.standing(name) != Standing::Free)
}

/// What frames a body.
static FRAMING: LazyLock<Protected> =
    LazyLock::new(|| Protected::of_each([CONTENT_LENGTH, TRANSFER_ENCODING]));

/// What is thought about before a request goes on.
static INTRICATE: LazyLock<Protected> = LazyLock::new(|| {
    Protected::of_each([&*SELDOM, &*FRAMING].into_iter().flat_map(Protected::names).cloned())
});

/// Whether a field has to be thought about: it says something of a body, or something that is for one
/// connection, but how long that lasts.
pub(super) fn is_intricate(mark: u8, name: &[u8], value: &[u8]) -> bool {
    match INTRICATE.standing_of(mark, name) {
        Standing::Free => false,
        Standing::Protected(own) => *own != CONNECTION || !names_none(value),
        Standing::Alias(_) => true,
    }
}

/// Whether a name is for one connection, or ours.
pub(super) fn is_seldom(mark: u8, name: &[u8]) -> bool {
    SELDOM.standing_of(mark, name) != Standing::Free
}

/// Removes what is for one connection, and what we set on some requests: nobody else sets that on any.
/// Returns whether the visitor takes trailers.
pub(super) fn remove_of_request(headers: &mut HeaderMap) -> bool {
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

/// Whether a request says anything of a body, or something that an app could take for that.
pub fn tells_of_body(lines: Lines<'_>) -> bool {
    lines.find(|mark, name, _| (FRAMING.standing_of(mark, name) != Standing::Free).then_some(())).is_some()
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
    match lengths.next() {
        None => is_framed_plainly(headers),
        Some(length) => {
            number(length).is_ok() && lengths.next().is_none() && !headers.contains_key(TRANSFER_ENCODING)
        }
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

/// Sets it, and where there is nothing to set makes sure that nobody else has.
fn set(headers: &mut HeaderMap, name: HeaderName, value: Option<HeaderValue>) {
    match value {
        Some(value) => drop(headers.insert(name, value)),
        None => drop(headers.remove(name)),
    }
}
