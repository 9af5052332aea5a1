//! The cookies that came with a request.

use cookie::Cookie;
use http::HeaderMap;
use http::header::COOKIE;

/// Name and value of each, in their order.
pub fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(Cookie::split_parse).filter_map(|cookie| {
        let cookie = cookie.ok()?;
        Some((cookie.name_raw()?, cookie.value_raw()?))
    })
}

/// The first value of that name.
pub fn value<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    pairs(headers).find_map(|(key, value)| (key == name).then_some(value))
}
