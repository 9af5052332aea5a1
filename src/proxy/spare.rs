//! A request once more, in case the connection that it went out on was dead already.
//!
//! Hardly one is ever needed, and each would be a second copy of every header. So its lines are kept as
//! text, in a buffer that the connection brings along, and read again by the one that is needed.

use super::body::Body;
use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, Uri};

/// The largest buffer that a connection at rest keeps.
const KEPT: usize = 4096;

/// What is needed to send a request again that has no body.
pub struct Spare {
    method: Method,
    uri: Uri,
    lines: Vec<u8>,
}

impl Spare {
    /// Keeps it, in this buffer.
    pub fn of(request: &Request<Body>, mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        for (name, value) in request.headers() {
            for part in [name.as_str().as_bytes(), b":", value.as_bytes(), b"\n"] {
                buffer.extend_from_slice(part);
            }
        }
        Self { method: request.method().clone(), uri: request.uri().clone(), lines: buffer }
    }

    /// The request. How its names were spelled is not kept.
    pub fn into_request(self) -> Request<Body> {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.headers_mut() = read(&self.lines);
        request
    }

    /// The buffer, for the next.
    pub fn into_buffer(mut self) -> Vec<u8> {
        self.lines.clear();
        self.lines.shrink_to(KEPT);
        self.lines
    }
}

/// No name has a colon in it, and no value a line's end.
fn read(lines: &[u8]) -> HeaderMap {
    let line = |line: &[u8]| {
        let colon = line.iter().position(|&byte| byte == b':')?;
        let (name, value) = line.split_at_checked(colon)?;
        let value = HeaderValue::from_bytes(value.get(1..)?).ok()?;
        Some((HeaderName::from_bytes(name).ok()?, value))
    };
    let mut headers = HeaderMap::new();
    for (name, value) in lines.split(|&byte| byte == b'\n').filter_map(line) {
        headers.append(name, value);
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::{KEPT, Spare};
    use crate::proxy::body::Body;
    use http::{HeaderName, HeaderValue, Request};

    #[test]
    fn the_same_request_comes_out() {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = http::Method::OPTIONS;
        *request.uri_mut() = "/a%2Fb?c=%zz".parse().unwrap();
        for (name, value) in [
            ("host", b"app.test:80".as_slice()),
            ("cookie", b"a=1; b=2"),
            ("cookie", b"c=3"),
            ("x-empty", b""),
            ("x-latin1", b"Zo\xEB: M\xFCller"),
            ("x-tab", b"a\tb"),
        ] {
            let name: HeaderName = name.parse().unwrap();
            request.headers_mut().append(name, HeaderValue::from_bytes(value).unwrap());
        }
        let again = Spare::of(&request, b"what was there before".to_vec()).into_request();
        assert_eq!((again.method(), again.uri()), (request.method(), request.uri()));
        assert_eq!(again.headers(), request.headers());
    }

    #[test]
    fn a_large_head_leaves_a_small_buffer() {
        let mut request = Request::new(Body::empty());
        let large = HeaderValue::from_bytes(&[b'x'; 4 * KEPT]).unwrap();
        request.headers_mut().insert("x-large", large);
        let buffer = Spare::of(&request, Vec::new()).into_buffer();
        assert!(buffer.is_empty() && buffer.capacity() <= KEPT);
    }
}
