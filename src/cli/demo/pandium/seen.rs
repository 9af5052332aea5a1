//! What reached this server of each request, for whoever wants to know what a delivery gives away.

use crate::cli::demo::cookies;
use crate::cli::demo::pages::{self, Answer};
use http::header::{ORIGIN, REFERER};
use http::request::Parts;
use http::{HeaderMap, HeaderName};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// More than this, and the first is forgotten.
const MAX: usize = 200;

/// The last requests: names, places, and no values that anybody should not see.
#[derive(Default)]
pub struct Seen(Mutex<VecDeque<Value>>);

impl Seen {
    /// Notes one.
    pub fn note(&self, head: &Parts) {
        let cookies: Vec<_> = cookies::pairs(&head.headers).map(|(name, _)| name).collect();
        let headers: Vec<_> = head.headers.keys().map(HeaderName::as_str).collect();
        let line = json!({
            "method": head.method.as_str(),
            "path": head.uri.path(),
            "origin": text(&head.headers, ORIGIN),
            "referer": text(&head.headers, REFERER).map(without_token),
            "cookies": cookies,
            "headers": headers,
        });
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MAX {
            seen.pop_front();
        }
        seen.push_back(line);
    }

    /// All of them, as JSON.
    pub fn answer(&self) -> Answer {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pages::json(&seen.iter().cloned().collect())
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// The address, saying of a token that there was one.
fn without_token(address: String) -> String {
    match address.split_once("tenant=") {
        Some((before, _)) => format!("{before}tenant=(a token)"),
        None => address,
    }
}
