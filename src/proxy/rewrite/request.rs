//! What Pandium is told of a visitor's request: what a browser says for a page's sake, and no more.
//!
//! A list of what goes, and not of what stays behind: proxies in front of us tell the app who the visitor
//! is under names that only they know.

use super::address::View;
use crate::protected::{OWN, Protected, Standing};
use crate::proxy::headers::nominated;
use http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_LENGTH, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN, PRAGMA,
    RANGE, REFERER, UPGRADE_INSECURE_REQUESTS, USER_AGENT,
};

/// Those of a kind.
const KINDS: [&str; 5] = ["accept-", "access-control-request-", "content-", "if-", "sec-"];

/// Those that stand alone. Scripts send the last ones to show that it was they who asked.
const ALONE: [HeaderName; 16] = [
    ACCEPT,
    CACHE_CONTROL,
    PRAGMA,
    RANGE,
    UPGRADE_INSECURE_REQUESTS,
    USER_AGENT,
    HeaderName::from_static("dnt"),
    HeaderName::from_static("last-event-id"),
    HeaderName::from_static("prefer"),
    HeaderName::from_static("priority"),
    HeaderName::from_static("save-data"),
    HeaderName::from_static("x-csrf-token"),
    HeaderName::from_static("x-csrftoken"),
    HeaderName::from_static("x-requested-with"),
    HeaderName::from_static("x-xsrf-token"),
    HeaderName::from_static("idempotency-key"),
];

/// A visitor's header fields as those of a request to Pandium. `guards` are names that go nowhere,
/// whoever lists them.
pub fn dress_request(
    asked: &HeaderMap,
    view: &View<'_>,
    send: &[HeaderName],
    guards: &[&Protected],
    cookies: Option<HeaderValue>,
) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(asked.len());
    let for_us = nominated(asked);
    for (name, value) in asked {
        let guarded = for_us.contains(name)
            || guards.iter().any(|guard| guard.standing(name) != Standing::Free)
            || OWN.contains(name);
        // The length is the body's, and set with that.
        if !guarded && *name != CONTENT_LENGTH && (is_usual(name) || send.contains(name)) {
            headers.append(name.clone(), value.clone());
        }
    }
    let text = |name| asked.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let origin = text(&ORIGIN).and_then(|origin| HeaderValue::from_str(&view.origin(origin)).ok());
    let referer = text(&REFERER).and_then(|referer| view.referer(referer));
    let referer = referer.and_then(|referer| HeaderValue::try_from(referer).ok());
    let host = HeaderValue::from_str(view.base.authority()).ok();
    for (name, value) in [(ORIGIN, origin), (REFERER, referer), (COOKIE, cookies), (HOST, host)] {
        if let Some(value) = value {
            headers.insert(name, value);
        }
    }
    headers
}

fn is_usual(name: &HeaderName) -> bool {
    ALONE.contains(name) || KINDS.iter().any(|kind| name.as_str().starts_with(kind))
}
