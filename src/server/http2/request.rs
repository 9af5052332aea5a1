//! A request of HTTP/2 as one of HTTP/1.1, which is what the app and every rule of ours understand.

use crate::proxy::http2::fields::are_sound;
use http::header::{COOKIE, Entry, HOST, HeaderMap, HeaderValue};
use http::{Method, Request};

/// Why a request cannot be one of HTTP/1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It is none of HTTP/2 either (RFC 9113 §8.1.1), though the library lets it through.
    Malformed,
    /// It has more header lines than are allowed.
    TooManyHeaders,
}

/// Makes it one.
pub fn translate<B>(request: &mut Request<B>, most_headers: usize) -> Result<(), Unfit> {
    if request.uri().path().is_empty() && request.method() != Method::CONNECT {
        return Err(Unfit::Malformed);
    }
    let authority = request.uri().authority().map(|authority| HeaderValue::from_str(authority.as_str()));
    let headers = request.headers_mut();
    if !are_sound(headers) {
        return Err(Unfit::Malformed);
    }
    join_cookies(headers);
    if headers.len() > most_headers {
        return Err(Unfit::TooManyHeaders);
    }
    // Where both are there, they have to agree, which is not looked at here.
    if let (Entry::Vacant(host), Some(authority)) = (headers.entry(HOST), authority) {
        host.insert(authority.map_err(|_| Unfit::Malformed)?);
    }
    Ok(())
}

/// RFC 9113 §8.2.3: HTTP/2 sends cookies in crumbs.
fn join_cookies(headers: &mut HeaderMap) {
    let crumbs: Vec<_> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if crumbs.len() > 1
        && let Ok(whole) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..]))
    {
        headers.insert(COOKIE, whole);
    }
}

#[cfg(test)]
mod tests {
    use super::{Unfit, translate};
    use http::{HeaderName, Request};

    fn translated(lines: &[(&str, &str)], most: usize) -> Result<Vec<String>, Unfit> {
        let mut builder = Request::get("https://app.test/a?b");
        for (name, value) in lines {
            // As the library reads names.
            builder = builder.header(HeaderName::from_lowercase(name.as_bytes()).unwrap(), *value);
        }
        let mut request = builder.body(()).unwrap();
        translate(&mut request, most)?;
        let line =
            |(name, value): (&HeaderName, &http::HeaderValue)| format!("{name}: {}", value.to_str().unwrap());
        Ok(request.headers().iter().map(line).collect())
    }

    #[test]
    fn what_http1_has_is_made_of_what_http2_has() {
        let crumbs = [("cookie", "a=1"), ("x-a", "b"), ("cookie", "b=2; c=3"), ("cookie", "d=4")];
        assert_eq!(
            translated(&crumbs, 3).unwrap(),
            ["cookie: a=1; b=2; c=3; d=4", "x-a: b", "host: app.test"]
        );
        assert_eq!(translated(&[("host", "b.test")], 1).unwrap(), ["host: b.test"]);
    }

    #[test]
    fn what_cannot_be_said_in_http1_is_refused() {
        let doubled = [("content-length", "5"), ("content-length", "5")];
        assert_eq!(translated(&doubled, 9), Err(Unfit::Malformed));
        assert_eq!(translated(&[("content-length", "")], 9), Err(Unfit::Malformed));
        for padded in [" a", "a ", "\ta", "a\t", " "] {
            assert_eq!(translated(&[("x-a", padded)], 9), Err(Unfit::Malformed), "{padded:?}");
        }
        assert_eq!(translated(&[("x\"a", "a")], 9), Err(Unfit::Malformed));
        assert_eq!(translated(&[("x-a", "a"), ("x-a", "b")], 1), Err(Unfit::TooManyHeaders));
        let mut nowhere = Request::new(());
        *nowhere.uri_mut() = http::Uri::from_parts(http::uri::Parts::default()).unwrap();
        assert_eq!(translate(&mut nowhere, 9), Err(Unfit::Malformed));
    }
}
