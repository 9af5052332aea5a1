//! Answers of our own. The only place where a refusal or an error becomes a status.

use super::page;
use crate::decide::SEC_FETCH_DEST;
use crate::evidence::Whose;
use crate::http1::head::BadHead;
use crate::http1::lines::Lines;
use crate::protected::{OWN, X_REQUEST_ID};
use crate::proxy::body::Body;
use crate::proxy::forward::ForwardError;
use crate::refusal::{Code, Refusal};
use crate::stream::Stream;
use crate::telemetry::RequestId;
use crate::token::TenantToken;
use http::header::{
    ACCEPT, AGE, ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, EXPIRES,
    HeaderMap, HeaderName, HeaderValue, LAST_MODIFIED, LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{Response, StatusCode};
use std::io;
use tokio::io::AsyncWriteExt;

const X_PANDIUM_REFUSAL: HeaderName = HeaderName::from_static("x-pandium-refusal");
/// Whose pages may load this.
pub const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const X_ROBOTS_TAG: HeaderName = HeaderName::from_static("x-robots-tag");

/// Why there is no answer of the app's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The file names no app.
    NoApp,
    /// The app cannot be reached, or speaks no HTTP.
    Unreachable,
    /// The app is late.
    Late,
    /// Pandium cannot be reached, or answers in a way that cannot be shown.
    PandiumAway,
    /// Pandium is late.
    PandiumLate,
    /// The visitor's body is late.
    VisitorLate,
    /// The visitor's body is malformed.
    VisitorBroken,
}

impl Failure {
    fn of(error: &ForwardError) -> Self {
        match error {
            ForwardError::VisitorLate => Self::VisitorLate,
            ForwardError::VisitorBroken | ForwardError::Target => Self::VisitorBroken,
            ForwardError::Unreachable(_)
            | ForwardError::Unasked
            | ForwardError::Framing
            | ForwardError::Astray
            | ForwardError::Circles
            | ForwardError::Coded => Self::Unreachable,
            ForwardError::Late(_) => Self::Late,
        }
    }

    /// The same of Pandium, where it was that which was asked.
    pub fn of_pandium(error: &ForwardError) -> Self {
        match Self::of(error) {
            Self::Unreachable => Self::PandiumAway,
            Self::Late => Self::PandiumLate,
            other => other,
        }
    }

    /// The code as it is shown and logged.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoApp => "not-found",
            Self::Unreachable | Self::PandiumAway => "upstream-unreachable",
            Self::Late | Self::PandiumLate => "upstream-timeout",
            Self::VisitorLate => "request-timeout",
            Self::VisitorBroken => "bad-request",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::NoApp => StatusCode::NOT_FOUND,
            Self::Unreachable | Self::PandiumAway => StatusCode::BAD_GATEWAY,
            Self::Late | Self::PandiumLate => StatusCode::GATEWAY_TIMEOUT,
            Self::VisitorLate => StatusCode::REQUEST_TIMEOUT,
            Self::VisitorBroken => StatusCode::BAD_REQUEST,
        }
    }
}

impl From<&ForwardError> for Failure {
    fn from(error: &ForwardError) -> Self {
        Self::of(error)
    }
}

fn status(refusal: &Refusal) -> StatusCode {
    match refusal.code {
        Code::BadHost
        | Code::AmbiguousPath
        | Code::NominatedHeader
        | Code::AliasHeader
        | Code::DuplicateHeader
        | Code::UnknownOverride
        | Code::InvalidValue => StatusCode::BAD_REQUEST,
        Code::SignedOut => StatusCode::UNAUTHORIZED,
        Code::Prefetch | Code::CrossSite | Code::UntrustedPeer | Code::IncompleteSession => {
            StatusCode::FORBIDDEN
        }
        Code::UnknownIntegration => StatusCode::NOT_FOUND,
        Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Code::SessionUnavailable if refusal.evidence.late => StatusCode::GATEWAY_TIMEOUT,
        Code::SessionUnavailable => StatusCode::BAD_GATEWAY,
        Code::KeyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::TokenTooLarge => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// What an answer of ours is for whoever asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A page, for whoever takes HTML.
    Page,
    /// A problem (RFC 9457), for everybody else.
    Problem,
}

impl Form {
    /// What whoever sends these header fields takes.
    pub fn wanted<'h>(lines: impl Into<Lines<'h>>) -> Self {
        let is_html = |accept: &[u8]| memchr::memmem::find(accept, b"text/html").is_some();
        if lines.into().all(&ACCEPT).any(is_html) { Self::Page } else { Self::Problem }
    }
}

/// The answer to a refused request.
pub fn refusal(refusal: &Refusal, form: Form, id: &RequestId) -> Response<Body> {
    let who = match refusal.evidence.whose {
        Whose::Browser => page::Who::Browser,
        Whose::Edge => page::Who::Edge,
        Whose::Nobody | Whose::Value => page::Who::Nobody,
    };
    let mut answer = told(status(refusal), refusal.code.as_str(), who, form, id);
    if refusal.code == Code::MethodNotAllowed {
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
    }
    answer
}

/// The answer where the app has none.
pub fn failure(failure: Failure, form: Form, id: &RequestId) -> Response<Body> {
    let of_pandium = matches!(failure, Failure::PandiumAway | Failure::PandiumLate);
    let who = if of_pandium { page::Who::Pandium } else { page::Who::Nobody };
    let mut answer = told(failure.status(), failure.as_str(), who, form, id);
    // What is left of a broken body cannot be told from a next request.
    if matches!(failure, Failure::VisitorLate | Failure::VisitorBroken) {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// Sends the visitor to Pandium. 302: the one redirect that is never cached and always becomes GET.
pub fn redirect(token: TenantToken, id: &RequestId) -> Result<Response<Body>, http::Error> {
    let mut answer = minted(StatusCode::FOUND, id);
    answer.headers_mut().insert(LOCATION, token.into_location()?);
    Ok(answer)
}

/// The same, for whoever writes it at once.
pub struct Redirect {
    token: TenantToken,
    id: RequestId,
    second: u64,
}

impl Redirect {
    /// With this token, whose address is visible, for the request of this id, in this second since 1970.
    pub fn new(token: TenantToken, id: RequestId, second: u64) -> Self {
        Self { token, id, second }
    }

    /// When it was made, in seconds since 1970.
    pub fn second(&self) -> u64 {
        self.second
    }

    /// Writes the lines that [`redirect`] has.
    pub fn write(&self, out: &mut Vec<u8>) {
        let (id, address) = (self.id.as_str().as_bytes(), self.token.expose_bytes());
        let lines = [REDIRECT, b"X-Request-Id: ", id, b"\r\nLocation: ", address, b"\r\n"];
        out.reserve(lines.iter().map(|text| text.len()).sum::<usize>() + OTHER_LINES);
        for text in lines {
            out.extend_from_slice(text);
        }
    }
}

/// All of a [`Redirect`] that is the same for each.
const REDIRECT: &[u8] = b"HTTP/1.1 302 Found\r\nCache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nX-Robots-Tag: noindex\r\n";

/// Room for what a connection adds to an answer.
const OTHER_LINES: usize = 128;

/// Sends the visitor to the same route at the host that is Pandium's, without a token.
pub fn elsewhere(address: &str, id: &RequestId) -> Result<Response<Body>, http::Error> {
    let mut answer = minted(StatusCode::SEE_OTHER, id);
    answer.headers_mut().insert(LOCATION, HeaderValue::from_str(address)?);
    Ok(answer)
}

/// Makes Pandium's page, asked for with a token, an answer that nobody keeps or lists.
pub fn shown(answer: &mut Response<Body>, id: &RequestId) {
    let headers = answer.headers_mut();
    for name in [ETAG, LAST_MODIFIED, EXPIRES, AGE] {
        headers.remove(name);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_ROBOTS_TAG, HeaderValue::from_static("noindex"));
    headers.insert(X_REQUEST_ID, id.to_value());
    // Its forms need a `Referer` and an `Origin` to themselves; nobody else does.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
}

/// The address for a page's script, which no other site's may read: no CORS header, ever.
pub fn link(
    token: &TenantToken,
    integration: &str,
    expires_at: Option<u64>,
    id: &RequestId,
) -> Response<Body> {
    let link = serde_json::json!({
        "url": token.expose_address(),
        "integration": integration,
        "expires_at": expires_at,
    });
    let mut answer = minted(StatusCode::OK, id);
    *answer.body_mut() = Body::full(link.to_string());
    let headers = answer.headers_mut();
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

/// Yes, with the token and the address, for the proxy that asked.
pub fn decision(token: TenantToken, id: &RequestId) -> Result<Response<Body>, http::Error> {
    let mut answer = minted(StatusCode::OK, id);
    let [name_of_token, name_of_url] = OWN;
    let mut value = HeaderValue::from_str(token.expose())?;
    value.set_sensitive(true);
    answer.headers_mut().insert(name_of_token, value);
    answer.headers_mut().insert(name_of_url, token.into_location()?);
    Ok(answer)
}

/// No. 401 and 403 are the only answers that every proxy takes for that: nginx makes a 500 of others.
pub fn denial(mut answer: Response<Body>, code: &'static str) -> Response<Body> {
    let signed_out = answer.status() == StatusCode::UNAUTHORIZED;
    *answer.status_mut() = if signed_out { StatusCode::UNAUTHORIZED } else { StatusCode::FORBIDDEN };
    answer.headers_mut().insert(X_PANDIUM_REFUSAL, HeaderValue::from_static(code));
    answer.headers_mut().remove(ALLOW);
    answer
}

/// The way to the login. Login pages refuse to be framed: in an iframe there is a link out of it.
pub fn login(address: &HeaderValue, asked: &HeaderMap, id: &RequestId) -> Response<Body> {
    let framed = asked.get_all(SEC_FETCH_DEST).iter().any(|value| value == "iframe");
    let Some(address) = address.to_str().ok().filter(|_| framed) else {
        let mut answer = bare(StatusCode::FOUND, id);
        answer.headers_mut().insert(LOCATION, address.clone());
        return answer;
    };
    let mut answer = bare(StatusCode::UNAUTHORIZED, id);
    *answer.body_mut() = Body::full(page::login(address, id));
    dress_page(answer.headers_mut());
    answer
}

fn dress_page(headers: &mut HeaderMap) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(page::POLICY));
}

fn told(
    status: StatusCode,
    code: &'static str,
    who: page::Who,
    form: Form,
    id: &RequestId,
) -> Response<Body> {
    let mut answer = bare(status, id);
    match form {
        Form::Page => {
            *answer.body_mut() = Body::full(page::refusal(status, code, who, id));
            dress_page(answer.headers_mut());
        }
        Form::Problem => {
            *answer.body_mut() = Body::full(problem(status, code, who, id));
            let headers = answer.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
            headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        }
    }
    answer
}

/// An answer with a token in it: nobody keeps it, passes it on, or lists it.
fn minted(status: StatusCode, id: &RequestId) -> Response<Body> {
    let mut answer = bare(status, id);
    let headers = answer.headers_mut();
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_ROBOTS_TAG, HeaderValue::from_static("noindex"));
    answer
}

fn bare(status: StatusCode, id: &RequestId) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_REQUEST_ID, id.to_value());
    answer
}

fn problem(status: StatusCode, code: &str, who: page::Who, id: &RequestId) -> String {
    let title = match who {
        page::Who::Nobody | page::Who::Browser | page::Who::Edge => {
            status.canonical_reason().unwrap_or("Error")
        }
        page::Who::Pandium => "Pandium gave no answer",
    };
    serde_json::json!({
        "type": format!("urn:pandium-sidecar:{code}"),
        "title": title,
        "status": status.as_u16(),
        "code": code,
        "request_id": id.as_str(),
    })
    .to_string()
}

/// The answer where no request can be read: what follows cannot be told from a next one.
pub fn bad_head(bad: BadHead) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = match bad {
        BadHead::Malformed => StatusCode::BAD_REQUEST,
        BadHead::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        BadHead::TooLong => StatusCode::URI_TOO_LONG,
    };
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// What a connection over the limit is told, without being read.
const TURNED_AWAY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    Retry-After: 1\r\nCache-Control: no-store\r\nConnection: close\r\n\
    Content-Type: application/problem+json\r\nContent-Length: 104\r\n\r\n\
    {\"type\":\"urn:pandium-sidecar:overloaded\",\"title\":\"Service Unavailable\",\"status\":503,\"code\":\"overloaded\"}";

/// Answers a connection over the limit, and ends it.
pub async fn turn_away(stream: &mut Stream) -> io::Result<()> {
    stream.write_all(TURNED_AWAY).await?;
    stream.shutdown().await
}
