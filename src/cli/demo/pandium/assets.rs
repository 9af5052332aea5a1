//! The page's files, each at an address of its own.

use super::{Trouble, lost};
use crate::cli::demo::pages::{Answer, STYLE};
use bytes::Bytes;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};

/// The script that tells the page around a frame how high it is.
pub const HEIGHT: &str = include_str!("height.js");

/// The lines of a page's head that ask for them: all but one relative to where the page is.
pub const LINKS: &str = include_str!("links.html");

/// Their names, types and contents.
const FILES: [(&str, &str, &str); 5] = [
    ("page.css", "text/css; charset=utf-8", STYLE),
    ("height.js", "text/javascript; charset=utf-8", HEIGHT),
    ("install.js", "text/javascript; charset=utf-8", include_str!("install.js")),
    ("rooted.js", "text/javascript; charset=utf-8", include_str!("rooted.js")),
    ("mark.svg", "image/svg+xml", include_str!("mark.svg")),
];

/// The file of that name.
pub fn answer(name: &str) -> Result<Answer, Trouble> {
    let found = FILES.iter().find(|(known, ..)| *known == name);
    let (_, kind, content) = found.ok_or_else(|| lost("There is no such file.".to_owned()))?;
    let mut answer = Answer::new(Bytes::from_static(content.as_bytes()).into());
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=60"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(answer)
}
