//! What the browser says of a request (Fetch Metadata; `Sec-Purpose` of the Fetch standard).

use crate::http1::lines::Lines;
use crate::refusal::{Code, Refusal};
use crate::route::Door;
use http::HeaderName;

const SEC_PURPOSE: HeaderName = HeaderName::from_static("sec-purpose");
const PURPOSE: HeaderName = HeaderName::from_static("purpose");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// What a request is made for: a page, a frame, a script.
pub const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// The names of all that it says.
pub const BROWSERS: [HeaderName; 4] = [SEC_PURPOSE, PURPOSE, SEC_FETCH_SITE, SEC_FETCH_DEST];

/// Whether the browser says that the visitor is here, and on a page that may ask.
pub(super) fn check(headers: Lines<'_>, door: Door, cross_site_iframe: bool) -> Result<(), Refusal> {
    if [SEC_PURPOSE, PURPOSE].iter().any(|name| any_value(headers, name, is_ahead_of_visitor)) {
        return Err(Refusal::new(Code::Prefetch, "the browser is fetching ahead of its visitor"));
    }
    // What a script may read is for the app's own pages, and no page itself.
    let is_page = |value: &[u8]| matches!(value, b"document" | b"iframe" | b"frame" | b"embed" | b"object");
    if door == Door::Link && any_value(headers, &SEC_FETCH_DEST, is_page) {
        return Err(Refusal::new(Code::CrossSite, "a link is for a script of the app's own pages"));
    }
    let from_elsewhere = |value: &[u8]| match value {
        b"same-origin" | b"none" => false,
        b"same-site" => door == Door::Link,
        _ => true,
    };
    if !any_value(headers, &SEC_FETCH_SITE, from_elsewhere) {
        return Ok(());
    }
    let name = SEC_FETCH_DEST;
    let mut destinations = headers.all(&name);
    match (destinations.next(), destinations.next()) {
        (Some(b"document"), None) if door != Door::Link => Ok(()),
        (Some(b"iframe"), None) if cross_site_iframe && door != Door::Link => Ok(()),
        (Some(b"iframe"), None) => Err(Refusal::new(
            Code::CrossSite,
            "an iframe on another site; where the app itself is embedded, or logs in elsewhere inside the frame, \
             set routes.install.cross_site_iframe: true",
        )),
        _ => Err(Refusal::new(Code::CrossSite, "another site asks, and not by a top-level navigation")),
    }
}

fn any_value(headers: Lines<'_>, name: &HeaderName, is: impl Fn(&[u8]) -> bool) -> bool {
    headers.all(name).any(is)
}

fn is_ahead_of_visitor(value: &[u8]) -> bool {
    value.to_ascii_lowercase().windows(b"prefetch".len()).any(|part| part == b"prefetch")
}
