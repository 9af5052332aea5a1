//! What a visitor gets of an answer of Pandium's.

use super::address::View;
use super::cookies::Seal;
use super::policy::set_ancestors;
use crate::protected::{OWN, strip_where};
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ALT_SVC, CACHE_CONTROL, CONTENT_LOCATION, HeaderMap, HeaderName,
    HeaderValue, LINK, LOCATION, ORIGIN, REFRESH, SET_COOKIE, STRICT_TRANSPORT_SECURITY, WWW_AUTHENTICATE,
};

/// What Pandium may say of its own host, and not of ours: where else it is, what to keep of it and what to
/// forget, whom to tell of errors, and to whom to show a password.
const DROPPED: [HeaderName; 16] = [
    ALT_SVC,
    STRICT_TRANSPORT_SECURITY,
    WWW_AUTHENTICATE,
    HeaderName::from_static("authentication-info"),
    HeaderName::from_static("cdn-cache-control"),
    HeaderName::from_static("clear-site-data"),
    HeaderName::from_static("expect-ct"),
    HeaderName::from_static("nel"),
    HeaderName::from_static("origin-agent-cluster"),
    HeaderName::from_static("public-key-pins"),
    HeaderName::from_static("report-to"),
    HeaderName::from_static("reporting-endpoints"),
    HeaderName::from_static("service-worker-allowed"),
    HeaderName::from_static("set-cookie2"),
    HeaderName::from_static("surrogate-control"),
    HeaderName::from_static("x-sendfile"),
];

/// What an nginx in front of us would do as it is told: keep an answer, or show a file of its own.
const TO_NGINX: &str = "x-accel-";

/// What an answer is dressed with.
pub struct Dressed<'d> {
    /// How the page is seen.
    pub view: &'d View<'d>,
    /// The visitor's minting.
    pub seal: &'d Seal,
    /// What the visitor asked with.
    pub asked: &'d HeaderMap,
    /// `frame_ancestors`
    pub frame_ancestors: Option<&'d HeaderValue>,
}

/// Makes Pandium's header fields those of an answer of ours.
pub fn dress_answer(headers: &mut HeaderMap, dressed: &Dressed<'_>) {
    let Dressed { view, seal, asked, frame_ancestors } = dressed;
    for name in DROPPED.iter().chain(&OWN) {
        headers.remove(name);
    }
    strip_where(headers, |name| name.as_str().starts_with(TO_NGINX));
    each(headers, &SET_COOKIE, |line| seal.set_cookie(line, view));
    each_text(headers, &LOCATION, |address| view.shown(address).into_owned());
    each_text(headers, &CONTENT_LOCATION, |address| view.shown(address).into_owned());
    each_text(headers, &REFRESH, |value| view.refresh(value));
    each_text(headers, &LINK, |value| view.link(value));
    let origin = asked.get(ORIGIN).and_then(|origin| origin.to_str().ok());
    each_text(headers, &ACCESS_CONTROL_ALLOW_ORIGIN, |value| view.allowed_origin(value, origin).to_owned());
    keep_private(headers);
    if let Some(directive) = frame_ancestors {
        set_ancestors(headers, directive);
    }
}

/// Every page is asked for with a session and a tie, so no cache before us may answer for us. The
/// visitor's own may keep what Pandium lets it.
fn keep_private(headers: &mut HeaderMap) {
    let lines: Vec<String> = headers
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(|directive| directive.trim().to_ascii_lowercase())
        .filter(|directive| !SHARED.contains(&directive.split('=').next().unwrap_or_default()))
        .filter(|directive| !directive.is_empty() && directive != "private")
        .chain(["private".to_owned()])
        .collect();
    if let Ok(line) = HeaderValue::try_from(lines.join(", ")) {
        headers.insert(CACHE_CONTROL, line);
    }
}

/// What is said to caches that are not the visitor's own (RFC 9111 §5.2.2).
const SHARED: [&str; 3] = ["public", "s-maxage", "proxy-revalidate"];

/// Rewrites each line of a name; those that the rule has no answer to are dropped.
fn each(headers: &mut HeaderMap, name: &HeaderName, rule: impl Fn(&HeaderValue) -> Option<HeaderValue>) {
    if !headers.contains_key(name) {
        return;
    }
    let lines: Vec<HeaderValue> = headers.get_all(name).iter().filter_map(rule).collect();
    headers.remove(name);
    for line in lines {
        headers.append(name, line);
    }
}

fn each_text(headers: &mut HeaderMap, name: &HeaderName, rule: impl Fn(&str) -> String) {
    each(headers, name, |value| HeaderValue::try_from(rule(value.to_str().ok()?)).ok());
}

#[cfg(test)]
mod tests {
    use super::keep_private;
    use http::header::{CACHE_CONTROL, HeaderMap, HeaderValue};

    #[test]
    fn no_cache_but_the_visitors_own_keeps_a_page() {
        for (said, told) in [
            (&[][..], "private"),
            (&["public, max-age=60, s-maxage=600, immutable"], "max-age=60, immutable, private"),
            (&["Public", "Max-Age=5"], "max-age=5, private"),
            (&["no-store"], "no-store, private"),
            (&["private=\"x\", private, proxy-revalidate"], "private=\"x\", private"),
        ] {
            let mut headers = HeaderMap::new();
            for line in said {
                headers.append(CACHE_CONTROL, HeaderValue::from_static(line));
            }
            keep_private(&mut headers);
            let lines: Vec<_> = headers.get_all(CACHE_CONTROL).iter().collect();
            assert_eq!(lines, [told], "{said:?}");
        }
    }
}
