//! What no head of HTTP/2 may have, though the library lets it through.

use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};

/// Whether a head is one (RFC 9113 §8.1.1). The library has seen to names and values that are none, to
/// fields that are for one connection, and to pseudo-header fields that are doubled or strange.
pub fn are_sound(headers: &HeaderMap) -> bool {
    has_one_length(headers) && !headers.values().any(is_padded) && !headers.keys().any(is_quoted)
}

/// The library takes two that are equal for one, and none at all for 0. Others need not.
fn has_one_length(headers: &HeaderMap) -> bool {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    lengths.next().is_none_or(|length| !length.is_empty()) && lengths.next().is_none()
}

/// RFC 9113 §8.2.1: no space around a value. In HTTP/1.1 it would be no part of it.
fn is_padded(value: &HeaderValue) -> bool {
    let is_space = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    is_space(value.as_bytes().first()) || is_space(value.as_bytes().last())
}

/// RFC 9110 §5.6.2: the one character that the library takes in a name, and that no name may have.
fn is_quoted(name: &HeaderName) -> bool {
    name.as_str().contains('"')
}

/// The one length that is told, which the library compares with what comes.
pub fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
