//! A request on its way, which may have to go once more.

use super::KEPT;
use crate::proxy::body::{Body, BodyError};
use crate::proxy::headers::remove_hop_by_hop;
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, HOST, HeaderValue};
use http::request::Parts;
use http::uri::{Authority, Scheme};
use http::{Method, Request, Uri, Version, uri};
use http_body::Body as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// A request, in the words of HTTP/1.1.
pub struct Outgoing {
    parts: Parts,
    /// The length of its body, where that is known.
    length: Option<u64>,
    /// Its body.
    pub source: Source,
}

impl Outgoing {
    /// Nothing of it has gone.
    pub fn new(request: Request<Body>) -> Self {
        let (parts, body) = request.into_parts();
        let length = body.size_hint().exact();
        Self { parts, length, source: Source { body, kept: BytesMut::new(), gone: 0, whole: true } }
    }

    /// Whether it may be sent twice, whatever became of it the first time (RFC 9110 §9.2.2).
    pub fn is_repeatable(&self) -> bool {
        self.parts.method.is_idempotent() && self.length == Some(0)
    }

    /// The request from its beginning, where it can be had again: nothing was taken of its body, or all
    /// of it, and kept.
    pub fn into_request(self) -> Option<Request<Body>> {
        let Source { body, kept, whole, .. } = self.source;
        let body = match kept.is_empty() {
            true => body,
            false if body.is_end_stream() => Body::full(kept),
            false => return None,
        };
        whole.then(|| Request::from_parts(self.parts, body))
    }

    /// Its head as HTTP/2 has it; none where the address cannot be written.
    pub fn head(&self) -> Option<Request<()>> {
        let mut request = Request::new(());
        *request.version_mut() = Version::HTTP_2;
        *request.method_mut() = self.parts.method.clone();
        *request.uri_mut() = self.target()?;
        let headers = request.headers_mut();
        headers.clone_from(&self.parts.headers);
        headers.remove(HOST);
        remove_hop_by_hop(headers);
        let may_have_body = [Method::POST, Method::PUT, Method::PATCH].contains(&self.parts.method);
        if let Some(length) = self.length.filter(|&length| length > 0 || may_have_body) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        Some(request)
    }

    fn target(&self) -> Option<Uri> {
        let mut target = uri::Parts::default();
        target.scheme = Some(Scheme::HTTPS);
        target.authority = Some(Authority::try_from(self.parts.headers.get(HOST)?.as_bytes()).ok()?);
        target.path_and_query = self.parts.uri.path_and_query().cloned();
        Uri::from_parts(target).ok()
    }
}

/// A body whose beginning is kept for as long as it may have to be sent again.
pub struct Source {
    body: Body,
    kept: BytesMut,
    /// How much of what is kept has gone this time.
    gone: usize,
    /// Whether all that has gone is kept.
    whole: bool,
}

impl Source {
    /// The next piece.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        if let Some(again) = self.kept.get(self.gone..).filter(|again| !again.is_empty()) {
            let again = Bytes::copy_from_slice(again);
            self.gone = self.kept.len();
            return Poll::Ready(Some(Ok(again)));
        }
        loop {
            let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(cx)).transpose()? else {
                return Poll::Ready(None);
            };
            if let Ok(piece) = frame.into_data() {
                self.keep(&piece);
                return Poll::Ready(Some(Ok(piece)));
            }
        }
    }

    fn keep(&mut self, piece: &[u8]) {
        self.whole = self.whole && self.kept.len() + piece.len() <= KEPT;
        if self.whole {
            self.kept.extend_from_slice(piece);
            self.gone = self.kept.len();
        } else {
            self.forget();
        }
    }

    /// It need not go again.
    pub fn forget(&mut self) {
        (self.kept, self.gone, self.whole) = (BytesMut::new(), 0, false);
    }

    /// Whether there is no next piece.
    pub fn is_over(&self) -> bool {
        self.body.is_end_stream() && self.gone == self.kept.len()
    }

    /// Goes back to its beginning, where that is kept.
    pub fn rewind(&mut self) -> bool {
        self.gone = 0;
        self.whole
    }
}

#[cfg(test)]
mod tests {
    use super::{KEPT, Outgoing};
    use crate::proxy::body::Body;
    use http::{HeaderMap, Request};
    use http_body::Body as _;
    use std::task::{Context, Poll, Waker};

    fn outgoing(method: &str, lines: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Outgoing {
        let mut builder = Request::builder().method(method).uri("/a%2Fb?c=%zz");
        for (name, value) in lines {
            builder = builder.header(*name, *value);
        }
        Outgoing::new(builder.body(Body::full(body.into())).unwrap())
    }

    fn drain(outgoing: &mut Outgoing) -> Vec<u8> {
        let mut all = Vec::new();
        while let Poll::Ready(Some(piece)) = outgoing.source.poll(&mut Context::from_waker(Waker::noop())) {
            all.extend_from_slice(&piece.unwrap());
        }
        assert!(outgoing.source.is_over());
        all
    }

    #[test]
    fn what_http2_has_is_made_of_what_http1_has() {
        let lines = [
            ("host", "imp.test:8443"),
            ("connection", "keep-alive, x-own"),
            ("x-own", "1"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("keep-alive", "1"),
            ("proxy-connection", "close"),
            ("cookie", "a=1; b=2"),
        ];
        let head = outgoing("GET", &lines, "").head().unwrap();
        assert_eq!(head.uri(), "https://imp.test:8443/a%2Fb?c=%zz");
        let mut left = HeaderMap::new();
        left.insert("cookie", "a=1; b=2".parse().unwrap());
        assert_eq!(head.headers(), &left);
        for (method, body, length) in [("POST", "", "0"), ("PUT", "abc", "3"), ("DELETE", "abc", "3")] {
            let head = outgoing(method, &lines[..1], body).head().unwrap();
            assert_eq!(head.headers()["content-length"], length, "{method}");
        }
        for host in [&[][..], &[("host", "a b")], &[("host", "")]] {
            assert!(outgoing("GET", host, "").head().is_none(), "{host:?}");
        }
    }

    #[test]
    fn a_small_body_goes_again_and_a_large_one_does_not() {
        for (size, again) in [(0, true), (5, true), (KEPT, true), (KEPT + 1, false)] {
            let body = vec![b'x'; size];
            let mut outgoing = outgoing("POST", &[], body.clone());
            assert_eq!(drain(&mut outgoing), body);
            assert_eq!(outgoing.source.rewind(), again, "{size}");
            if again {
                assert_eq!(outgoing.source.is_over(), size == 0);
                assert_eq!(drain(&mut outgoing), body, "{size}");
            }
            let length = outgoing.into_request().map(|request| request.body().size_hint().exact());
            assert_eq!(length, again.then_some(Some(size as u64)));
        }
    }
}
