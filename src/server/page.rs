//! The page that a refused visitor sees. It may show in an iframe, and it tells nothing but a code.

use crate::telemetry::RequestId;
use http::StatusCode;
use std::time::SystemTime;

/// Whose fault it is that there is no page, where that is worth telling.
#[derive(Clone, Copy)]
pub enum Who {
    /// Nobody's in particular.
    Nobody,
    /// Pandium's.
    Pandium,
    /// The browser's, which has the page of another visit.
    Browser,
    /// That of whoever is in front of us.
    Edge,
}

/// Nothing but its own style.
pub const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;color:#1f2933;background:#fff;margin:0;\
    display:grid;place-items:center;min-height:100vh}main{max-width:32rem;padding:2rem}\
    h1{font-size:1.375rem;margin:0 0 .5rem}p{margin:.5rem 0}small{color:#616e7c}\
    code{background:#f0f2f5;border-radius:4px;padding:.1em .35em;overflow-wrap:anywhere}";

/// The page that leads out of a frame to the login. The address is the file's, and what of the
/// visitor's is in it is percent-encoded; `&` and quotes are escaped all the same.
pub fn login(address: &str, id: &RequestId) -> String {
    let address = address.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    let advice = format!(
        "You are signed out. <a href=\"{address}\" target=\"_top\">Sign in</a>, then open this page again."
    );
    page("Please sign in", &advice, "signed-out", id)
}

/// The page for a code. All that stands in it is ours or plain by its type: nothing needs escaping.
pub fn refusal(status: StatusCode, code: &str, who: Who, id: &RequestId) -> String {
    let (title, advice) = match who {
        Who::Nobody => words(status, code),
        Who::Browser => ("This page is from another visit", "Open it again from within the application."),
        Who::Edge => (
            "This page is not available",
            "Something between you and the application is not set up as it should be; it is nothing about your \
             account, and trying again will not help. Please tell support.",
        ),
        Who::Pandium => ("Pandium is not available just now", "Please try again in a moment."),
    };
    page(title, advice, code, id)
}

fn page(title: &str, advice: &str, code: &str, id: &RequestId) -> String {
    let time = httpdate::fmt_http_date(SystemTime::now());
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style>\
         <main><h1>{title}</h1><p>{advice}</p>\
         <p><small>If this goes on, please give support this code: <code>{code}</code> · \
         <code>{id}</code> · {time}</small></p></main></html>\n"
    )
}

fn words(status: StatusCode, code: &str) -> (&'static str, &'static str) {
    match code {
        "signed-out" => ("Please sign in", "You are signed out. Sign in, then open this page again."),
        "incomplete-session" => (
            "Your account is not ready for this",
            "Something that this page needs is missing from your account.",
        ),
        "unknown-integration" | "not-found" => ("Not found", "There is nothing at this address."),
        "cross-site" | "prefetch" => (
            "This page cannot be opened from here",
            "Open it from within the application, or in a tab of its own.",
        ),
        "key-unavailable"
        | "session-unavailable"
        | "overloaded"
        | "upstream-unreachable"
        | "upstream-timeout" => ("Not available just now", "Please try again in a moment."),
        _ if status.is_server_error() => ("Something went wrong", "Please try again in a moment."),
        _ => ("This request was refused", "Open the page again from within the application."),
    }
}
