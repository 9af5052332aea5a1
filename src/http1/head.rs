//! The head of a message: its first line, its fields, and where it ends.

use super::spelling::Spelling;
use bytes::{Buf as _, Bytes, BytesMut};
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri, Version};
use httparse::{Header, ParserConfig, Status};
use std::mem::MaybeUninit;

/// The most header fields for which there is room without asking for it.
const USUAL: usize = 100;
/// The longest target of a request, in bytes: what a `Uri` can hold.
const LONGEST_TARGET: usize = 65_534;

/// What a head may come to.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes, the empty line at its end among them.
    pub bytes: usize,
    /// Fields.
    pub fields: usize,
}

/// Why there is no head in what came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadHead {
    /// It cannot be read, or in more ways than one, or is none of HTTP/1.1 or 1.0.
    #[error("a head that cannot be read")]
    Malformed,
    /// Too many bytes or fields.
    #[error("a head that is too large")]
    TooLarge,
    /// The target has too many bytes.
    #[error("a target that is too long")]
    TooLong,
}

impl From<httparse::Error> for BadHead {
    fn from(error: httparse::Error) -> Self {
        if error == httparse::Error::TooManyHeaders { Self::TooLarge } else { Self::Malformed }
    }
}

/// The words behind an answer's status, where they are not the usual ones. An extension of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(pub Bytes);

/// Takes the head of a request from the front of what came; none where its end has not come.
pub fn request(buffer: &mut BytesMut, bounds: Bounds) -> Result<Option<Request<()>>, BadHead> {
    skip_empty_lines(buffer);
    if buffer.is_empty() {
        return Ok(None);
    }
    let Some(head) = split(buffer, bounds)? else {
        // What can become no head is not waited for.
        with_room(bounds.fields, |room| {
            httparse::Request::new(&mut []).parse_with_uninit_headers(buffer, room).map(drop)
        })?;
        return Ok(None);
    };
    with_room(bounds.fields, |room| {
        let mut read = httparse::Request::new(&mut []);
        if read.parse_with_uninit_headers(&head, room)? != Status::Complete(head.len()) {
            return Err(BadHead::Malformed);
        }
        let target = read.path.unwrap_or_default();
        if target.len() > LONGEST_TARGET {
            return Err(BadHead::TooLong);
        }
        // No target has a fragment (RFC 9112 §3.2): `Uri` would cut it off, and others read it.
        if memchr::memchr(b'#', target.as_bytes()).is_some() {
            return Err(BadHead::Malformed);
        }
        let mut request = Request::new(());
        *request.method_mut() = method(read.method.unwrap_or_default())?;
        *request.uri_mut() =
            Uri::from_maybe_shared(head.slice_ref(target.as_bytes())).map_err(|_| BadHead::Malformed)?;
        *request.version_mut() = version(read.version);
        let spelling = fields(&head, read.headers, request.headers_mut())?;
        keep(spelling, request.extensions_mut());
        Ok(Some(request))
    })
}

/// Takes the head of an answer from the front of what came; none where its end has not come.
pub fn response(buffer: &mut BytesMut, bounds: Bounds) -> Result<Option<Response<()>>, BadHead> {
    skip_empty_lines(buffer);
    let config = ParserConfig::default();
    let Some(head) = split(buffer, bounds)? else {
        with_room(bounds.fields, |room| {
            let mut read = httparse::Response::new(&mut []);
            config.parse_response_with_uninit_headers(&mut read, buffer, room).map(drop)
        })?;
        return Ok(None);
    };
    with_room(bounds.fields, |room| {
        let mut read = httparse::Response::new(&mut []);
        if config.parse_response_with_uninit_headers(&mut read, &head, room)? != Status::Complete(head.len())
        {
            return Err(BadHead::Malformed);
        }
        let response =
            Response::builder().status(read.code.unwrap_or_default()).version(version(read.version));
        let mut response = response.body(()).map_err(|_| BadHead::Malformed)?;
        let spelling = fields(&head, read.headers, response.headers_mut())?;
        keep(spelling, response.extensions_mut());
        let reason = read.reason.unwrap_or_default();
        if Some(reason) != response.status().canonical_reason() {
            response.extensions_mut().insert(Reason(head.slice_ref(reason.as_bytes())));
        }
        Ok(Some(response))
    })
}

/// RFC 9112 §2.2: some clients send one behind the body of a request.
fn skip_empty_lines(buffer: &mut BytesMut) {
    loop {
        let skipped = match (buffer.first(), buffer.get(1)) {
            (Some(b'\n'), _) => 1,
            (Some(b'\r'), Some(b'\n')) => 2,
            _ => return,
        };
        buffer.advance(skipped);
    }
}

/// Splits off what goes up to the first empty line, if that has come.
fn split(buffer: &mut BytesMut, bounds: Bounds) -> Result<Option<Bytes>, BadHead> {
    let end = end(buffer);
    if end.unwrap_or(buffer.len().saturating_add(1)) > bounds.bytes {
        return Err(BadHead::TooLarge);
    }
    Ok(end.map(|end| buffer.split_to(end).freeze()))
}

/// Where the first empty line ends.
pub(super) fn end(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        from += memchr::memchr(b'\n', bytes.get(from..)?)? + 1;
        match (bytes.get(from), bytes.get(from + 1)) {
            (Some(b'\n'), _) => return Some(from + 1),
            (Some(b'\r'), Some(b'\n')) => return Some(from + 2),
            _ => {}
        }
    }
}

/// Room for as many fields: on the stack where they are not many.
fn with_room<'b, T, E>(
    fields: usize,
    read: impl FnOnce(&mut [MaybeUninit<Header<'b>>]) -> Result<T, E>,
) -> Result<T, E> {
    if fields <= USUAL {
        let mut room = [const { MaybeUninit::uninit() }; USUAL];
        return read(room.get_mut(..fields).unwrap_or_default());
    }
    read(&mut vec![MaybeUninit::uninit(); fields])
}

/// Reads fields that stand alone.
pub(super) fn read_fields(block: &Bytes) -> Result<HeaderMap, BadHead> {
    let mut room = [httparse::EMPTY_HEADER; USUAL];
    match httparse::parse_headers(block, &mut room)? {
        Status::Complete((end, read)) if end == block.len() => {
            let mut headers = HeaderMap::new();
            fields(block, read, &mut headers)?;
            Ok(headers)
        }
        _ => Err(BadHead::Malformed),
    }
}

fn method(name: &str) -> Result<Method, BadHead> {
    Method::from_bytes(name.as_bytes()).map_err(|_| BadHead::Malformed)
}

fn version(minor: Option<u8>) -> Version {
    if minor == Some(1) { Version::HTTP_11 } else { Version::HTTP_10 }
}

/// Takes over the fields, without a copy, and returns how they were spelled.
fn fields(head: &Bytes, read: &[Header<'_>], headers: &mut HeaderMap) -> Result<Spelling, BadHead> {
    let mut spelling = Spelling::default();
    headers.reserve(read.len() + OWN_FIELDS);
    for field in read {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| BadHead::Malformed)?;
        let value = HeaderValue::from_maybe_shared(head.slice_ref(field.value));
        spelling.note(headers, &name, head, field.name.as_bytes());
        headers.try_append(name, value.map_err(|_| BadHead::Malformed)?).map_err(|_| BadHead::TooLarge)?;
    }
    Ok(spelling)
}

/// Room for those that we add to a message.
const OWN_FIELDS: usize = 6;

fn keep(spelling: Spelling, extensions: &mut Extensions) {
    if !spelling.is_empty() {
        extensions.insert(spelling);
    }
}

#[cfg(test)]
mod tests {
    use super::{BadHead, Bounds, request, response};
    use bytes::BytesMut;

    const BOUNDS: Bounds = Bounds { bytes: 200, fields: 3 };

    fn asked(bytes: &str) -> Result<Option<String>, BadHead> {
        let mut buffer = BytesMut::from(bytes);
        let read = request(&mut buffer, BOUNDS)?;
        Ok(read.map(|read| format!("{} {} {:?} {}", read.method(), read.uri(), read.version(), buffer.len())))
    }

    #[test]
    fn a_head_ends_with_an_empty_line() {
        let whole = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
        for end in 0..whole.len() {
            assert_eq!(asked(&whole[..end]), Ok(None), "{end}");
        }
        let read = |rest: usize| Ok(Some(format!("GET /x HTTP/1.1 {rest}")));
        assert_eq!(asked(whole), read(0));
        assert_eq!(asked(&format!("\r\n\n{whole}rest")), read(4));
        assert_eq!(asked("GET /x HTTP/1.0\n\n"), Ok(Some("GET /x HTTP/1.0 0".to_owned())));
    }

    #[test]
    fn what_can_become_no_head_is_not_waited_for() {
        for (bytes, error) in [
            ("\x16\x03\x01", BadHead::Malformed),
            ("GET  ", BadHead::Malformed),
            ("GET /x HTTP/2.0\r", BadHead::Malformed),
            ("GET /x HTTP/1.1\r\nno colon\r\n", BadHead::Malformed),
            ("GET /x HTTP/1.1\r\nA: b\r\n folded\r\n", BadHead::Malformed),
            ("GET /x HTTP/1.1\r\nA : b\r\n\r\n", BadHead::Malformed),
            ("GET /x HTTP/1.1\r\na: 1\r\nb: 2\r\nc: 3\r\nd: 4\r\n\r\n", BadHead::TooLarge),
        ] {
            assert_eq!(asked(bytes), Err(error), "{bytes:?}");
        }
        let long = format!("GET /{} HTTP/1.1\r\n", "x".repeat(200));
        assert_eq!(asked(&long), Err(BadHead::TooLarge));
        assert_eq!(asked(&format!("{long}\r\n")), Err(BadHead::TooLarge));
    }

    #[test]
    fn an_answer_has_its_own_words() {
        let mut buffer = BytesMut::from("HTTP/1.0 299\r\n\r\nbody");
        let read = response(&mut buffer, BOUNDS).unwrap().unwrap();
        assert_eq!(
            (read.status().as_u16(), read.version(), &buffer[..]),
            (299, http::Version::HTTP_10, &b"body"[..])
        );
        assert_eq!(response(&mut BytesMut::from("HTTP/1.1 20"), BOUNDS).unwrap().map(drop), None);
        for bytes in [
            "HTTP/2 200\r\n\r\n",
            "SSH-2.0-x\r\n",
            "HTTP/1.1 099 x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA B: c\r\n\r\n",
        ] {
            assert!(response(&mut BytesMut::from(bytes), BOUNDS).is_err(), "{bytes:?}");
        }
    }
}
