//! The head of an answer: what it says of the body, and of the connection.

use crate::config::model::Limits;
use crate::http1::encode::write_response;
use crate::http1::framing::{keeps_alive, says};
use crate::http1::head::Bounds;
use crate::http1::lines::Lines;
use crate::http1::outgoing::{Framing, Outgoing};
use crate::proxy::body::Body;
use crate::server::reply::Redirect;
use http::header::{CONTENT_LENGTH, DATE, TRAILER};
use http::{Method, Response, Version};
use http_body::Body as _;
use httpdate::HttpDate;
use std::cell::RefCell;
use std::io::Write as _;
use std::time::{Duration, SystemTime};

/// What a head may come to.
pub fn head_bounds(limits: Limits) -> Bounds {
    Bounds { bytes: limits.header_bytes, fields: limits.headers }
}

/// What of a request matters to the form of its answer.
#[derive(Clone, Copy)]
pub struct Asked {
    /// Of HTTP/1.0, where the end of a connection may end an answer.
    pub old: bool,
    /// No body is wanted.
    bare: bool,
    /// More requests may follow.
    keeps: bool,
}

impl Asked {
    /// What a request with this head asks for.
    pub fn of<'h>(version: Version, method: &Method, lines: impl Into<Lines<'h>>) -> Self {
        Self {
            old: version == Version::HTTP_10,
            bare: *method == Method::HEAD,
            keeps: keeps_alive(version, lines),
        }
    }

    /// Where there is no request that could be read.
    pub fn nothing() -> Self {
        Self { old: false, bare: false, keeps: false }
    }

    /// The same, and the answer is the last one if so.
    pub fn closing(self, closes: bool) -> Self {
        Self { keeps: self.keeps && !closes, ..self }
    }
}

/// Writes the head of an answer; whether another request may follow it.
pub fn write_head(out: &mut Outgoing, unsaid: &[u8], asked: Asked, answer: &mut Response<Body>) -> bool {
    let (framing, length) = frame(asked, answer);
    let says_close = says(answer.headers(), b"close");
    let keeps = asked.keeps && !says_close && framing != Framing::UntilEnd;
    if framing != Framing::Chunked {
        // There is no place for any.
        answer.headers_mut().remove(TRAILER);
    }
    let text = out.begin(framing);
    text.extend_from_slice(unsaid);
    let version = if asked.old { Version::HTTP_10 } else { Version::HTTP_11 };
    write_response(text, version, answer);
    if let Some(length) = length {
        // Writing to a `Vec` cannot fail.
        let _ = write!(text, "Content-Length: {length}\r\n");
    }
    if framing == Framing::Chunked {
        text.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    }
    if !answer.headers().contains_key(DATE) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        write_date(text, now.unwrap_or_default().as_secs());
    }
    if answer.status().as_u16() != 101 && !says_close {
        write_connection(text, asked.old, keeps);
    }
    text.extend_from_slice(b"\r\n");
    keeps
}

/// Writes the whole of an answer that has no body; whether another request may follow it.
pub fn write_redirect(out: &mut Outgoing, asked: Asked, redirect: &Redirect) -> bool {
    let text = out.begin(Framing::Length(0));
    redirect.write(text);
    text.extend_from_slice(b"Content-Length: 0\r\n");
    write_date(text, redirect.second());
    write_connection(text, asked.old, asked.keeps);
    text.extend_from_slice(b"\r\n");
    asked.keeps
}

fn write_connection(text: &mut Vec<u8>, old: bool, keeps: bool) {
    match keeps {
        false => text.extend_from_slice(b"Connection: close\r\n"),
        true if old => text.extend_from_slice(b"Connection: keep-alive\r\n"),
        true => {}
    }
}

/// How the body goes out, and a length that has to be told of it (RFC 9110 §8.6, RFC 9112 §6).
fn frame(asked: Asked, answer: &mut Response<Body>) -> (Framing, Option<u64>) {
    let status = answer.status().as_u16();
    let exact = answer.body().size_hint().exact();
    let headers = answer.headers_mut();
    if matches!(status, 100..=199 | 204) {
        headers.remove(CONTENT_LENGTH);
        return (Framing::Nothing, None);
    }
    let told = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if asked.bare || status == 304 {
        // Of the body that there would be, and an app that does not tell need not.
        return (Framing::Nothing, exact.filter(|length| told.is_none() && *length > 0));
    }
    match (told, exact) {
        (Some(told), _) => (Framing::Length(told), None),
        (None, Some(exact)) => (Framing::Length(exact), Some(exact)),
        (None, None) if asked.old => (Framing::UntilEnd, None),
        (None, None) => (Framing::Chunked, None),
    }
}

thread_local! {
    /// The second that was written last, and how.
    static DATE_WRITTEN: RefCell<(u64, String)> = RefCell::default();
}

fn write_date(text: &mut Vec<u8>, second: u64) {
    DATE_WRITTEN.with_borrow_mut(|(written, line)| {
        if *written != second || line.is_empty() {
            (*written, *line) = (
                second,
                format!("Date: {}\r\n", HttpDate::from(SystemTime::UNIX_EPOCH + Duration::from_secs(second))),
            );
        }
        text.extend_from_slice(line.as_bytes());
    });
}
