//! The demo's pages: templates beside this file, filled with escaped text alone.

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde_json::Value;
use std::borrow::Cow;
use uuid::Uuid;

/// An answer with a body that is all there.
pub type Answer = Response<Full<Bytes>>;

/// Text that may stand in a page as it is. There are two ways to one: escaping and filling.
#[derive(Clone, Debug, Default)]
pub struct Html(String);

impl Html {
    /// The text, escaped.
    pub fn text(text: &str) -> Self {
        Self(escape(text).into_owned())
    }

    /// All of them, one after the other.
    pub fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        Self(parts.into_iter().map(|part| part.0).collect())
    }
}

/// The text, with what means something in HTML, or in an attribute of it, escaped.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

/// The template, with each `{{name}}` replaced once: what is filled in is not read again.
///
/// A name that is not given stays as it is, for a test to find.
pub fn fill(template: &'static str, values: &[(&str, Html)]) -> Html {
    let mut page = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some((before, (name, after))) =
        rest.split_once("{{").and_then(|(before, tail)| Some((before, tail.split_once("}}")?)))
    {
        page.push_str(before);
        match values.iter().find(|(key, _)| *key == name) {
            Some((_, Html(value))) => page.push_str(value),
            None => page.extend(["{{", name, "}}"]),
        }
        rest = after;
    }
    page.push_str(rest);
    Html(page)
}

/// What a page may do beyond showing itself.
#[derive(Clone, Copy, Debug)]
pub struct Policy<'a> {
    /// The source of its one script.
    pub script: &'static str,
    /// Further directives of its `Content-Security-Policy`.
    pub directives: &'a str,
}

/// A page as an answer, with all that it needs in it. Its address goes nowhere.
pub fn answer(status: StatusCode, title: &str, body: Html, policy: Policy) -> Answer {
    let nonce = Uuid::new_v4().simple().to_string();
    let script = match policy.script {
        "" => Html::default(),
        source => Html(format!("<script nonce=\"{nonce}\">{source}</script>")),
    };
    let csp = format!(
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'nonce-{nonce}'; base-uri 'none'; {}",
        policy.directives
    );
    let style = Html(format!("<style>\n{STYLE}</style>\n"));
    let mut answer = document(title, style, Html::all([body, script]), &csp);
    *answer.status_mut() = status;
    answer.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    answer
}

/// A page whose style and scripts are files of their own, which the browser asks for as it likes.
pub fn linked(title: &str, links: &'static str, body: Html, policy: &str) -> Answer {
    document(title, Html(links.to_owned()), body, policy)
}

/// What every page has. It is never stored.
fn document(title: &str, head: Html, body: Html, policy: &str) -> Answer {
    let values = [("title", Html::text(title)), ("head", head), ("body", body)];
    let Html(page) = fill(include_str!("page.html"), &values);
    let mut answer = Response::new(Full::from(page));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // What cannot be in a header would be a page without a policy: then nothing is allowed.
    let policy = HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("sandbox"));
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    answer
}

/// JSON as an answer.
pub fn json(value: &Value) -> Answer {
    let mut answer = Response::new(Full::from(value.to_string()));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// The style of all pages.
pub const STYLE: &str = include_str!("style.css");

/// A page that says one thing.
pub fn notice(status: StatusCode, title: &str, text: &str, policy: Policy) -> Answer {
    let values =
        [("status", Html::text(status.as_str())), ("title", Html::text(title)), ("text", Html::text(text))];
    answer(status, title, fill(include_str!("notice.html"), &values), policy)
}

/// Sends the browser to another page.
pub fn see_other(address: &str) -> Answer {
    let mut answer = Answer::default();
    *answer.status_mut() = StatusCode::SEE_OTHER;
    let address = HeaderValue::try_from(address).unwrap_or(HeaderValue::from_static("/"));
    answer.headers_mut().insert(LOCATION, address);
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

#[cfg(test)]
mod tests {
    use super::{Html, escape, fill};

    #[test]
    fn what_means_something_in_html_is_escaped() {
        let cases = [
            ("", ""),
            ("Zoë Müller", "Zoë Müller"),
            ("a & b", "a &amp; b"),
            ("&amp;", "&amp;amp;"),
            ("<script>alert('1')</script>", "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;"),
            (r#"" onload="x"#, "&quot; onload=&quot;x"),
        ];
        for (text, expected) in cases {
            assert_eq!(escape(text), expected);
        }
    }

    #[test]
    fn a_template_is_filled_once() {
        let values = [("a", Html::text("{{b}}")), ("b", Html::text("<"))];
        let cases =
            [("", ""), ("{{b}}-{{b}}", "&lt;-&lt;"), ("{{a}}{{b}}", "{{b}}&lt;"), ("{{c}} {{a", "{{c}} {{a")];
        for (template, expected) in cases {
            assert_eq!(fill(template, &values).0, expected);
        }
    }
}
