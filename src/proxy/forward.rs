//! Passing a request through to the app, and its answer back.

use super::body::{Activity, Body, BodyError, Trailers};
use super::client::{Client, NoAnswer, is_timeout};
use super::headers::{self, Seen};
use crate::config::model::Timeouts;
use crate::protected::Protected;
use http::header::{Entry, HOST, HeaderValue};
use http::request::Parts;
use http::{Request, Response, Version};
use hyper::body::Incoming;
use std::sync::Arc;

/// Why there is no answer of the app's.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// The visitor's body stalled.
    #[error("the request's body stalled")]
    VisitorLate,
    /// The visitor's body was malformed or broken off.
    #[error("the request's body is broken")]
    VisitorBroken,
    /// The target cannot be written as a request to the app.
    #[error("the target cannot be passed on")]
    Target,
    /// The app could not be reached, or gave no HTTP answer.
    #[error("{0}")]
    Unreachable(NoAnswer),
    /// The app switched protocols without being asked to.
    #[error("the app answered 101, and nobody asked for an upgrade")]
    Unasked,
    /// The app used a transfer coding that would have to be taken off.
    #[error("the app's answer has a transfer coding besides chunked")]
    Coded,
    /// The app took too long.
    #[error("{0}")]
    Late(NoAnswer),
}

/// Sends the visitor's request to the app. `hidden` headers of its answer stay with us.
pub async fn forward(
    client: &Client,
    protected: &Arc<Protected>,
    timeouts: &Timeouts,
    request: Request<Incoming>,
    seen: &Seen<'_>,
    hidden: &Arc<Protected>,
) -> Result<Response<Body>, ForwardError> {
    let activity = Activity::start();
    let (mut parts, body) = request.into_parts();
    readdress(&mut parts, client)?;
    headers::prepare_request(&mut parts.headers, protected, seen);
    headers::frame(&mut parts.headers, &body);
    let body = Body::upload(body, timeouts.body, activity.clone());
    let answer = client.send(Request::from_parts(parts, body), &activity).await.map_err(blame)?;
    let (mut parts, body) = answer.into_parts();
    if parts.status.as_u16() == 101 {
        return Err(ForwardError::Unasked);
    }
    if !headers::is_framed_plainly(&parts.headers) {
        return Err(ForwardError::Coded);
    }
    parts.version = Version::HTTP_11;
    headers::prepare_response(&mut parts.headers, hidden);
    let (protected, hidden) = (Arc::clone(protected), Arc::clone(hidden));
    let trailers = Trailers::Strip(Arc::new(move |trailers| {
        protected.strip(trailers);
        hidden.strip(trailers);
    }));
    Ok(Response::from_parts(parts, Body::passing(body, timeouts.stall, trailers)))
}

/// The path and query go on byte for byte.
fn readdress(parts: &mut Parts, client: &Client) -> Result<(), ForwardError> {
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    if !target.starts_with('/') {
        return Err(ForwardError::Target);
    }
    if let (Entry::Vacant(host), Some(authority)) = (parts.headers.entry(HOST), parts.uri.authority()) {
        host.insert(HeaderValue::from_str(authority.as_str()).map_err(|_| ForwardError::Target)?);
    }
    parts.uri = client.address(target).map_err(|_| ForwardError::Target)?;
    parts.version = Version::HTTP_11;
    Ok(())
}

/// Whose fault it was: a visitor's broken upload comes out of the client as an error, too.
fn blame(no_answer: NoAnswer) -> ForwardError {
    let error: &(dyn std::error::Error + 'static) = &no_answer;
    let body = std::iter::successors(Some(error), |error| error.source())
        .find_map(|error| error.downcast_ref::<BodyError>());
    match (body, &no_answer) {
        (Some(BodyError::Stalled(_)), _) => ForwardError::VisitorLate,
        (Some(BodyError::Broken(_)), _) => ForwardError::VisitorBroken,
        (None, NoAnswer::Late(_)) => ForwardError::Late(no_answer),
        (None, NoAnswer::Unreachable(_)) if is_timeout(error) => ForwardError::Late(no_answer),
        (None, NoAnswer::Unreachable(_)) => ForwardError::Unreachable(no_answer),
    }
}
