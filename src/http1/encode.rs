//! Messages as bytes that go out.

use super::head::Reason;
use super::spelling::{Spelling, write_usual};
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Request, Response, Version};
use std::io::Write as _;

/// Writes the head of a request, with the empty line at its end. The target is written as it stands.
pub fn write_request<B>(out: &mut Vec<u8>, request: &Request<B>) {
    let target = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
    write_request_line(out, request.method(), target.as_bytes());
    write_fields(out, request.headers(), request.extensions().get::<Spelling>());
    out.extend_from_slice(b"\r\n");
}

/// Writes the first line of a request.
pub fn write_request_line(out: &mut Vec<u8>, method: &Method, target: &[u8]) {
    out.extend_from_slice(method.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(target);
    out.extend_from_slice(b" HTTP/1.1\r\n");
}

/// Writes a field.
pub fn write_field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name);
    write_value(out, value);
}

/// Writes fields, with the names in these spellings.
pub fn write_fields(out: &mut Vec<u8>, headers: &HeaderMap, spelling: Option<&Spelling>) {
    let mut last = None;
    for (name, value) in headers {
        let nth = last.filter(|(before, _)| *before == name).map_or(0, |(_, nth)| nth + 1);
        match spelling.and_then(|spelling| spelling.of(name, nth)) {
            Some(spelled) => out.extend_from_slice(spelled),
            None => write_usual(out, name.as_str()),
        }
        last = spelling.map(|_| (name, nth));
        write_value(out, value.as_bytes());
    }
}

fn write_value(out: &mut Vec<u8>, value: &[u8]) {
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Writes the head of an answer, but for the empty line at its end.
pub fn write_response<B>(out: &mut Vec<u8>, version: Version, response: &Response<B>) {
    let status = response.status();
    out.extend_from_slice(if version == Version::HTTP_10 { b"HTTP/1.0 " } else { b"HTTP/1.1 " });
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    match response.extensions().get::<Reason>() {
        Some(Reason(reason)) => out.extend_from_slice(reason),
        None => out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes()),
    }
    out.extend_from_slice(b"\r\n");
    write_fields(out, response.headers(), response.extensions().get::<Spelling>());
}

/// Writes what stands before the bytes of a chunk; behind them stands a line's end.
pub fn write_chunk_size(out: &mut Vec<u8>, size: usize) {
    // Writing to a `Vec` cannot fail.
    let _ = write!(out, "{size:x}\r\n");
}

/// The chunk behind the last, where no trailers follow.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

#[cfg(test)]
mod tests {
    use super::{write_chunk_size, write_request, write_response};
    use crate::http1::head::{Bounds, Came, request, response};
    use bytes::BytesMut;
    use http::Version;

    const BOUNDS: Bounds = Bounds { bytes: 8192, fields: 100 };

    #[test]
    fn what_came_goes_out_as_it_was() {
        let text = "GET /a%2Fb?c=%zz HTTP/1.1\r\nHost: app.test\r\nsec-ch-ua: x\r\nX-Real-IP: \u{eb}\r\n\r\n";
        let mut buffer = BytesMut::from(text);
        let mut out = Vec::new();
        let Ok(Some(Came::Whole(came))) = request(&mut buffer, BOUNDS, |_| None::<()>) else { panic!() };
        write_request(&mut out, &came);
        assert_eq!(String::from_utf8(out).unwrap(), text);

        let text = "HTTP/1.1 299 Odd words\r\nETag: \"x\"\r\nset-cookie: a\r\nset-cookie: b\r\n";
        let mut buffer = BytesMut::from(format!("{text}\r\nrest").as_str());
        let mut out = Vec::new();
        write_response(&mut out, Version::HTTP_11, &response(&mut buffer, BOUNDS).unwrap().unwrap());
        assert_eq!((String::from_utf8(out).unwrap().as_str(), &buffer[..]), (text, &b"rest"[..]));
    }

    #[test]
    fn a_chunk_tells_its_size() {
        let mut out = Vec::new();
        write_chunk_size(&mut out, 1 << 20);
        assert_eq!(out, b"100000\r\n");
    }
}
