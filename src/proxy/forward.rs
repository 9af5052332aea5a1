//! Passing a request through to the app, and its answer back.

use super::arriving::Arriving;
use super::body::{Activity, Body, BodyError, Trailers};
use super::client::{Begun, Client, NoAnswer, is_timeout};
use super::headers;
use super::inbound::Inbound;
use super::onward::{Seen, prepare_request};
use super::tunnel::{Switch, Switched};
use crate::config::model::Timeouts;
use crate::protected::Protected;
use http::header::{Entry, HOST, HeaderValue, TRAILER};
use http::request::Parts;
use http::uri::Authority;
use http::{Request, Response, Uri, Version};
use http_body::Body as _;
use std::future::Future;
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
    /// The app switched protocols without being asked to, or to another than was asked for.
    #[error("the app answered 101, and nobody asked for that")]
    Unasked,
    /// The framing of the app's answer can be read in two ways.
    #[error("the app's answer is framed in a way that can be read in two")]
    Framing,
    /// Pandium sends a token elsewhere than to itself.
    #[error("Pandium redirects to another host, with the token in the address")]
    Astray,
    /// Pandium redirects for ever, with a token.
    #[error("Pandium redirects with the token in the address, again and again")]
    Circles,
    /// A page that was asked for with a token, in a coding in which it would not be found.
    #[error("Pandium's answer to a token is compressed, although that was not asked for")]
    Coded,
    /// The app took too long.
    #[error("{0}")]
    Late(NoAnswer),
}

/// How requests are passed on: shared by all of them.
pub struct Passage<'p> {
    /// The app.
    pub client: &'p Client,
    /// Headers that carry identity.
    pub protected: &'p Arc<Protected>,
    /// Headers of its answers that stay with us.
    pub hidden: &'p Arc<Protected>,
    /// Bounds on waits.
    pub timeouts: &'p Timeouts,
}

/// Sends the visitor's request to the app. Where both agree to leave HTTP behind, the app's side is
/// left at the `switch`.
#[allow(clippy::manual_async_fn, reason = "an `async fn` keeps what it is given twice over")]
pub fn forward<'f>(
    passage: &'f Passage<'_>,
    request: Request<Arriving>,
    seen: &'f Seen<'_>,
    switch: Option<&'f Switch>,
) -> impl Future<Output = Result<Response<Body>, ForwardError>> {
    async move {
        let switch = switch.filter(|_| headers::asks_for_websocket(&request));
        let (mut parts, body) = request.into_parts();
        readdress(&mut parts)?;
        let takes_trailers = prepare_request(&mut parts, seen);
        if switch.is_some() {
            headers::ask_for_websocket(&mut parts.headers);
        }
        let (request, activity) = with_body(parts, body, passage.timeouts);
        let answer = passage.client.send(request, activity.as_ref()).await;
        let answer = heed(answer.map(|answer| answer.map(Inbound::Line)))?;
        if answer.status().as_u16() == 101 {
            let switch = switch.ok_or(ForwardError::Unasked)?;
            return Box::pin(accept_switch(answer, switch, passage.hidden)).await;
        }
        Ok(pass_back(answer, passage, takes_trailers))
    }
}

/// The app's answer to what was begun.
#[allow(clippy::manual_async_fn, reason = "an `async fn` keeps what it is given twice over")]
pub fn hear<'f>(
    passage: &'f Passage<'_>,
    begun: Begun,
) -> impl Future<Output = Result<Response<Body>, ForwardError>> + use<'f> {
    async move {
        let answer = passage.client.hear(begun).await;
        let answer = heed(answer.map(|answer| answer.map(Inbound::Line)))?;
        if answer.status().as_u16() == 101 {
            return Err(ForwardError::Unasked);
        }
        Ok(pass_back(answer, passage, false))
    }
}

/// The app's answer as the visitor's.
fn pass_back(answer: Response<Inbound>, passage: &Passage<'_>, takes_trailers: bool) -> Response<Body> {
    let (mut parts, body) = answer.into_parts();
    parts.version = Version::HTTP_11;
    headers::prepare_response(&mut parts.headers, passage.hidden);
    let trailers = if takes_trailers {
        let protected = [Arc::clone(passage.protected), Arc::clone(passage.hidden)];
        headers::strip_announcement(&mut parts.headers, &protected);
        Trailers::Strip(protected)
    } else {
        parts.headers.remove(TRAILER);
        Trailers::Drop
    };
    Response::from_parts(parts, Body::answer(body, passage.timeouts.stall, trailers))
}

/// A request whose head is ready, with a visitor's body as it comes, and how that is getting on.
pub(super) fn with_body(
    parts: Parts,
    body: Arriving,
    timeouts: &Timeouts,
) -> (Request<Body>, Option<Activity>) {
    let activity = (!body.is_end_stream()).then(Activity::start);
    let body = match activity.clone() {
        None => Body::empty(),
        Some(activity) => Body::upload(body, timeouts.body, activity),
    };
    (Request::from_parts(parts, body), activity)
}

/// An answer that can be passed on.
pub(super) fn heed(answer: Result<Response<Inbound>, NoAnswer>) -> Result<Response<Inbound>, ForwardError> {
    let answer = answer.map_err(blame)?;
    if headers::is_framed_once(answer.headers()) { Ok(answer) } else { Err(ForwardError::Framing) }
}

pub(super) async fn accept_switch(
    answer: Response<Inbound>,
    switch: &Switch,
    hidden: &Protected,
) -> Result<Response<Body>, ForwardError> {
    if !headers::is_websocket(answer.headers()) {
        return Err(ForwardError::Unasked);
    }
    let (mut parts, body) = answer.into_parts();
    let line = body.into_line().ok_or(ForwardError::Unasked)?;
    let (stream, said) = line.switched();
    switch.leave(Switched { stream, said });
    headers::prepare_response(&mut parts.headers, hidden);
    headers::ask_for_websocket(&mut parts.headers);
    Ok(Response::from_parts(parts, Body::empty()))
}

/// The path and query go on byte for byte. Whoever names no host, as HTTP/1.0 allows, is passed on as one
/// who names none (RFC 9112 §3.2): the app has a name for that case, and we know no better one.
fn readdress(parts: &mut Parts) -> Result<(), ForwardError> {
    if let Entry::Vacant(host) = parts.headers.entry(HOST) {
        let named = parts.uri.authority().map_or("", Authority::as_str);
        host.insert(HeaderValue::from_str(named).map_err(|_| ForwardError::Target)?);
    }
    let target = parts.uri.path_and_query().filter(|target| target.as_str().starts_with('/'));
    parts.uri = Uri::from(target.ok_or(ForwardError::Target)?.clone());
    parts.version = Version::HTTP_11;
    Ok(())
}

/// Whose fault it was: a visitor's broken upload comes out of the client as an error, too.
fn blame(no_answer: NoAnswer) -> ForwardError {
    let error: &(dyn std::error::Error + 'static) = &no_answer;
    let body = std::iter::successors(Some(error), |error| error.source())
        .find_map(|error| error.downcast_ref::<BodyError>());
    match body {
        Some(BodyError::Stalled(_)) => ForwardError::VisitorLate,
        Some(BodyError::Broken(_)) => ForwardError::VisitorBroken,
        None if is_timeout(&no_answer) => ForwardError::Late(no_answer),
        None => ForwardError::Unreachable(no_answer),
    }
}
