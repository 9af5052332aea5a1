//! Where the body of a message ends (RFC 9112 §6.3).

use super::lines::Lines;
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderValue, TRANSFER_ENCODING};
use http::{Method, Request, Response, Version};

/// What tells where a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// After so many bytes.
    Exactly(u64),
    /// Its last chunk.
    Chunked,
    /// The end of the connection.
    UntilEnd,
}

/// It cannot be told, or in more ways than one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a body whose length cannot be told")]
pub struct BadFraming;

/// Of a request's body. A length that is told twice alike is told once from now on (RFC 9110 §8.6).
pub fn of_request<B>(request: &mut Request<B>) -> Result<Length, BadFraming> {
    let old = request.version() == Version::HTTP_10;
    let headers = request.headers_mut();
    let length = length(headers)?;
    match last_coding(headers) {
        None => Ok(Length::Exactly(length.unwrap_or(0))),
        // RFC 9112 §6.1: a client of HTTP/1.0 knows of no codings, and who sends both may want to be
        // understood in two ways.
        Some(coding) if !old && length.is_none() && is_chunked(coding) => Ok(Length::Chunked),
        Some(_) => Err(BadFraming),
    }
}

/// Of the body of an answer to such a request.
pub fn of_response<B>(method: &Method, response: &mut Response<B>) -> Result<Length, BadFraming> {
    let (status, old) = (response.status().as_u16(), response.version() == Version::HTTP_10);
    if matches!(status, 100..=199 | 204) {
        return Ok(Length::Exactly(0));
    }
    let headers = response.headers_mut();
    let length = length(headers)?;
    // Their length is that of a body which is not sent; others read it all the same.
    if *method == Method::HEAD || status == 304 {
        return Ok(Length::Exactly(0));
    }
    match (last_coding(headers), length) {
        (None, None) => Ok(Length::UntilEnd),
        (None, Some(length)) => Ok(Length::Exactly(length)),
        (Some(coding), None) if !old && is_chunked(coding) => Ok(Length::Chunked),
        (Some(_), None) if !old => Ok(Length::UntilEnd),
        (Some(_), _) => Err(BadFraming),
    }
}

/// Whether another message may follow on the connection, as far as the sender of this one cares (RFC 9112
/// §9.3).
pub fn keeps_alive<'h>(version: Version, lines: impl Into<Lines<'h>>) -> bool {
    let headers = lines.into();
    // `close` counts, whatever else is said.
    !says(headers, b"close") && (version != Version::HTTP_10 || says(headers, b"keep-alive"))
}

/// Whether `Connection` says this.
pub fn says<'h>(lines: impl Into<Lines<'h>>, what: &[u8]) -> bool {
    let lines = lines.into().all(&CONNECTION);
    let mut options = lines.flat_map(|line| line.split(|&byte| byte == b','));
    options.any(|option| option.trim_ascii().eq_ignore_ascii_case(what))
}

fn length(headers: &mut HeaderMap) -> Result<Option<u64>, BadFraming> {
    let mut values = headers.get_all(CONTENT_LENGTH).iter();
    let Some(first) = values.next() else { return Ok(None) };
    let (length, mut repeated) = (number(first)?, false);
    for value in values {
        repeated = true;
        if number(value)? != length {
            return Err(BadFraming);
        }
    }
    if repeated {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Ok(Some(length))
}

/// Digits, and nothing else; a sign would be read by some and not by others.
pub fn number(value: &HeaderValue) -> Result<u64, BadFraming> {
    let digits = value.as_bytes();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(BadFraming);
    }
    value.to_str().ok().and_then(|digits| digits.parse().ok()).ok_or(BadFraming)
}

/// That which was applied last, and tells the end.
fn last_coding(headers: &HeaderMap) -> Option<&[u8]> {
    let line = headers.get_all(TRANSFER_ENCODING).iter().next_back()?;
    line.as_bytes().rsplit(|&byte| byte == b',').next()
}

fn is_chunked(coding: &[u8]) -> bool {
    coding.trim_ascii().eq_ignore_ascii_case(b"chunked")
}

#[cfg(test)]
mod tests {
    use super::{BadFraming, Length, keeps_alive, of_request, of_response};
    use http::{HeaderMap, HeaderName, Method, Request, Response, Version};

    type Lines = &'static [(&'static str, &'static str)];

    type Told = Result<Length, BadFraming>;

    /// Lines, and what they tell of a request and of an answer.
    const CASES: &[(Lines, Told, Told)] = &[
        (&[], Ok(Length::Exactly(0)), Ok(Length::UntilEnd)),
        (&[("content-length", "7")], Ok(Length::Exactly(7)), Ok(Length::Exactly(7))),
        (
            &[("content-length", "7"), ("content-length", "07")],
            Ok(Length::Exactly(7)),
            Ok(Length::Exactly(7)),
        ),
        (&[("content-length", "7"), ("content-length", "8")], Err(BadFraming), Err(BadFraming)),
        (&[("content-length", "7, 7")], Err(BadFraming), Err(BadFraming)),
        (&[("content-length", "+7")], Err(BadFraming), Err(BadFraming)),
        (&[("content-length", "")], Err(BadFraming), Err(BadFraming)),
        (&[("content-length", "18446744073709551616")], Err(BadFraming), Err(BadFraming)),
        (&[("transfer-encoding", "Chunked")], Ok(Length::Chunked), Ok(Length::Chunked)),
        (&[("transfer-encoding", "gzip , chunked")], Ok(Length::Chunked), Ok(Length::Chunked)),
        (&[("transfer-encoding", "chunked, gzip")], Err(BadFraming), Ok(Length::UntilEnd)),
        (&[("transfer-encoding", "chunked"), ("content-length", "7")], Err(BadFraming), Err(BadFraming)),
    ];

    #[test]
    fn the_end_of_a_body_is_told_in_one_way() {
        for (lines, of_requests, of_answers) in CASES {
            let (mut request, mut response) = (Request::new(()), Response::new(()));
            for (name, value) in *lines {
                request.headers_mut().append(HeaderName::from_static(name), value.parse().unwrap());
                response.headers_mut().append(HeaderName::from_static(name), value.parse().unwrap());
            }
            assert_eq!(of_request(&mut request), *of_requests, "{lines:?}");
            assert_eq!(of_response(&Method::GET, &mut response), *of_answers, "{lines:?}");
            assert!(request.headers().get_all("content-length").iter().count() <= 1 || of_requests.is_err());
            // Without a body, too, whoever hears of a length has to be able to read it.
            let coded = lines.iter().any(|(name, _)| *name == "transfer-encoding");
            let bare = if coded || of_answers.is_ok() { Ok(Length::Exactly(0)) } else { Err(BadFraming) };
            assert_eq!(of_response(&Method::HEAD, &mut response), bare, "{lines:?}");
            *response.status_mut() = 304.try_into().unwrap();
            assert_eq!(of_response(&Method::GET, &mut response), bare, "{lines:?}");
            *response.status_mut() = 204.try_into().unwrap();
            assert_eq!(of_response(&Method::GET, &mut response), Ok(Length::Exactly(0)), "{lines:?}");
        }
    }

    #[test]
    fn http_1_0_knows_no_codings() {
        let (mut request, mut response) = (Request::new(()), Response::new(()));
        *request.version_mut() = Version::HTTP_10;
        *response.version_mut() = Version::HTTP_10;
        request.headers_mut().insert("transfer-encoding", "chunked".parse().unwrap());
        response.headers_mut().insert("transfer-encoding", "chunked".parse().unwrap());
        assert_eq!(of_request(&mut request), Err(BadFraming));
        assert_eq!(of_response(&Method::GET, &mut response), Err(BadFraming));
    }

    #[test]
    fn the_end_of_a_connection_is_told_in_any_spelling() {
        for (lines, old, new) in [
            (&[][..], false, true),
            (&["close"][..], false, false),
            (&["x, Close"], false, false),
            (&["x", "CLOSE"], false, false),
            (&["keep-alive"], true, true),
            (&["x,Keep-Alive ,y"], true, true),
            (&["keep-alive, close"], false, false),
            (&["closed"], false, true),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("connection", line.parse().unwrap());
            }
            assert_eq!(keeps_alive(Version::HTTP_10, &headers), old, "{lines:?}");
            assert_eq!(keeps_alive(Version::HTTP_11, &headers), new, "{lines:?}");
        }
    }
}
