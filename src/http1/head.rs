//! The head of a message: its first line, its fields, and where it ends.

use super::lines::{Lines, STEP};
use super::spelling::Spelling;
use bytes::{Buf as _, Bytes, BytesMut};
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri, Version};
use httparse::{Header, ParserConfig, Status};
use std::mem::MaybeUninit;
use std::ops::{ControlFlow, Range};

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

/// The head of a request as it stands.
#[derive(Clone, Copy)]
pub struct Glance<'h> {
    /// `GET` and so on.
    pub method: &'h Method,
    /// The request's target.
    pub target: &'h str,
    /// Of HTTP/1.1 or 1.0.
    pub version: Version,
    /// The fields.
    pub lines: Lines<'h>,
}

/// What the head of a request has come to.
#[allow(clippy::large_enum_variant, reason = "it is taken apart at once")]
pub enum Came<T> {
    /// A request.
    Whole(Request<()>),
    /// What somebody made of it as it stood.
    AtOnce(T),
}

/// How much of a head had come when it was last looked at, and found to be no whole one.
///
/// A head is read anew with every look. Whoever sends one in small pieces would have it read once for each.
#[derive(Clone, Copy, Debug, Default)]
pub struct Looked(usize);

impl Looked {
    /// At so much.
    pub fn at(came: &[u8]) -> Self {
        Self(came.len())
    }

    /// Whether it is worth another look. A head ends with a line; for what can become none twice as much
    /// is soon enough, or whoever waits for heads gives up.
    pub fn is_worth_another(self, came: &[u8], bounds: Bounds) -> bool {
        let (new, much) = (came.get(self.0..).unwrap_or(came), self.0.saturating_mul(2).min(bounds.bytes));
        came.len() >= much || memchr::memchr(b'\n', new).is_some()
    }
}

/// Takes the head of a request from the front of what came; none where its end has not come. It is taken
/// over only where nobody can do without, as it stands.
pub fn request<T>(
    buffer: &mut BytesMut,
    bounds: Bounds,
    at_once: impl FnOnce(Glance<'_>) -> Option<T>,
) -> Result<Option<Came<T>>, BadHead> {
    skip_empty_lines(buffer);
    if buffer.is_empty() {
        return Ok(None);
    }
    let taken = with_room(bounds.fields, |room| {
        let mut read = httparse::Request::new(&mut []);
        let status = read.parse_with_uninit_headers(buffer, room)?;
        let Some(length) = bounds.length(status, buffer)? else { return Ok(None) };
        let (method, version) = (method(read.method.unwrap_or_default())?, version(read.version));
        let target = read.path.unwrap_or_default();
        if target.len() > LONGEST_TARGET {
            return Err(BadHead::TooLong);
        }
        // No target has a fragment (RFC 9112 §3.2): `Uri` would cut it off, and others read it.
        if memchr::memchr(b'#', target.as_bytes()).is_some() {
            return Err(BadHead::Malformed);
        }
        let mut marks = [0; USUAL.next_multiple_of(STEP)];
        // Longer names than that are none.
        let lines = Lines::here(read.headers, &mut marks).filter(|_| length < LONGEST_TARGET);
        let glance = lines.map(|lines| Glance { method: &method, target, version, lines });
        if let Some(answered) = glance.and_then(at_once) {
            return Ok(Some((length, ControlFlow::Break(answered))));
        }
        let (target, fields) = (place(buffer, target.as_bytes()), places(buffer, read.headers));
        Ok(Some((length, ControlFlow::Continue((method, target, version, fields)))))
    })?;
    let Some((length, taken)) = taken else { return Ok(None) };
    let (method, target, version, places) = match taken {
        ControlFlow::Continue(taken) => taken,
        ControlFlow::Break(answered) => {
            buffer.advance(length);
            return Ok(Some(Came::AtOnce(answered)));
        }
    };
    let head = buffer.split_to(length).freeze();
    let mut request = Request::new(());
    *request.uri_mut() = Uri::from_maybe_shared(head.slice(target)).map_err(|_| BadHead::Malformed)?;
    (*request.method_mut(), *request.version_mut()) = (method, version);
    let spelling = fields(&head, &places, request.headers_mut())?;
    keep(spelling, request.extensions_mut());
    Ok(Some(Came::Whole(request)))
}

/// Takes the head of an answer from the front of what came; none where its end has not come.
pub fn response(buffer: &mut BytesMut, bounds: Bounds) -> Result<Option<Response<()>>, BadHead> {
    skip_empty_lines(buffer);
    let config = ParserConfig::default();
    let taken = with_room(bounds.fields, |room| {
        let mut read = httparse::Response::new(&mut []);
        let status = config.parse_response_with_uninit_headers(&mut read, buffer, room)?;
        let Some(length) = bounds.length(status, buffer)? else { return Ok(None) };
        let response =
            Response::builder().status(read.code.unwrap_or_default()).version(version(read.version));
        let response = response.body(()).map_err(|_| BadHead::Malformed)?;
        let reason = read.reason.filter(|reason| Some(*reason) != response.status().canonical_reason());
        let reason = reason.map(|reason| place(buffer, reason.as_bytes()));
        Ok(Some((length, response, reason, places(buffer, read.headers))))
    })?;
    let Some((length, mut response, reason, places)) = taken else { return Ok(None) };
    let head = buffer.split_to(length).freeze();
    let spelling = fields(&head, &places, response.headers_mut())?;
    keep(spelling, response.extensions_mut());
    if let Some(reason) = reason {
        response.extensions_mut().insert(Reason(head.slice(reason)));
    }
    Ok(Some(response))
}

impl Bounds {
    /// How long a head is, if it is all there; what can become none within the bounds is not waited for.
    fn length(self, status: Status<usize>, came: &[u8]) -> Result<Option<usize>, BadHead> {
        let length = if let Status::Complete(length) = status { Some(length) } else { None };
        let least = length.unwrap_or(came.len().saturating_add(1));
        if least > self.bytes { Err(BadHead::TooLarge) } else { Ok(length) }
    }
}

/// Where the name and the value of a field stand.
type Place = (Range<usize>, Range<usize>);

fn places(whole: &[u8], read: &[Header<'_>]) -> Vec<Place> {
    read.iter().map(|field| (place(whole, field.name.as_bytes()), place(whole, field.value))).collect()
}

/// Where a part stands, which outlives the whole's being borrowed. Nothing stands nowhere.
fn place(whole: &[u8], part: &[u8]) -> Range<usize> {
    if part.is_empty() {
        return 0..0;
    }
    let from = part.as_ptr().addr().saturating_sub(whole.as_ptr().addr());
    from..from + part.len()
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
fn with_room<'b, T>(
    fields: usize,
    read: impl FnOnce(&mut [MaybeUninit<Header<'b>>]) -> Result<T, BadHead>,
) -> Result<T, BadHead> {
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
            fields(block, &places(block, read), &mut headers)?;
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
fn fields(head: &Bytes, places: &[Place], headers: &mut HeaderMap) -> Result<Spelling, BadHead> {
    let mut spelling = Spelling::default();
    headers.reserve(places.len() + OWN_FIELDS);
    for (name, value) in places {
        let spelled = head.get(name.clone()).unwrap_or_default();
        let name = HeaderName::from_bytes(spelled).map_err(|_| BadHead::Malformed)?;
        let value = HeaderValue::from_maybe_shared(head.slice(value.clone()));
        spelling.note(headers, &name, head, spelled);
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
    use super::{BadHead, Bounds, Came, Glance, Looked, request, response};
    use bytes::BytesMut;
    use http::HeaderName;

    const BOUNDS: Bounds = Bounds { bytes: 200, fields: 3 };

    fn asked(bytes: &str) -> Result<Option<String>, BadHead> {
        let mut buffer = BytesMut::from(bytes);
        let read = request(&mut buffer, BOUNDS, |_| None::<()>)?;
        Ok(read.map(|came| match came {
            Came::Whole(read) => {
                format!("{} {} {:?} {}", read.method(), read.uri(), read.version(), buffer.len())
            }
            Came::AtOnce(()) => "answered".to_owned(),
        }))
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
    fn a_head_in_pieces_is_looked_at_no_more_often_than_it_can_have_changed() {
        let head = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(5000));
        let bounds = Bounds { bytes: 6000, fields: 3 };
        let (mut looked, mut looks) = (Looked::default(), Vec::new());
        for came in (1..=head.len()).map(|end| &head.as_bytes()[..end]) {
            if looked.is_worth_another(came, bounds) {
                looks.push(came.len());
                looked = Looked::at(came);
            }
        }
        let lines = head.match_indices('\n').map(|(at, _)| at + 1);
        let mut expected: Vec<_> = (0..13).map(|power| 1 << power).chain(lines).collect();
        expected.sort_unstable();
        assert_eq!(looks, expected);
        // What is too large is told at once, and what has been taken away begins anew.
        assert!(Looked(5999).is_worth_another(&[b'x'; 6000], bounds));
        assert!(Looked(5999).is_worth_another(b"GET / HTTP/1.1\r\n\r\n", bounds));
    }

    #[test]
    fn a_head_can_be_answered_as_it_stands() {
        let mut buffer = BytesMut::from("GET /x HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nx-a: 2\r\n\r\nGET /y");
        let seen = |head: Glance<'_>| {
            let lines = head.lines.all(&HeaderName::from_static("x-a")).collect::<Vec<_>>().concat();
            Some(format!("{} {} {:?} {}", head.method, head.target, head.version, lines.escape_ascii()))
        };
        let came = request(&mut buffer, BOUNDS, seen).unwrap();
        let Some(Came::AtOnce(answered)) = came else { panic!("it was taken over") };
        assert_eq!((answered.as_str(), &buffer[..]), ("GET /x HTTP/1.1 12", &b"GET /y"[..]));
        // Of half a head, and of one that cannot be read, nobody is asked.
        for bytes in ["GET /x HTTP/1.1\r\nHost: a\r\n", "GET /x HTTP/1.1\r\nA : b\r\n\r\n"] {
            let asked = request(&mut BytesMut::from(bytes), BOUNDS, |_| -> Option<()> { panic!("asked") });
            assert!(!matches!(asked, Ok(Some(_))), "{bytes:?}");
        }
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
