//! The operator's listener: is it alive, is it ready, and what has it done?

use super::decisions::POLICY;
use super::record::Records;
use super::reply::{CROSS_ORIGIN_RESOURCE_POLICY, Form};
use super::status::{Standing, Status};
use crate::protected::X_FORWARDED_FOR;
use crate::proxy::body::Body;
use crate::telemetry::exposition::Format;
use crate::trust::Peer;
use bytes::Bytes;
use http::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, FORWARDED, HOST, HeaderValue, VIA,
    X_CONTENT_TYPE_OPTIONS,
};
use http::uri::Authority;
use http::{Method, Request, Response, StatusCode};
use std::net::IpAddr;
use std::sync::Arc;

/// Where the operator asks.
#[derive(Clone)]
pub struct Desk {
    /// How things stand.
    pub status: Status,
    /// What was noted.
    pub records: Arc<Records>,
}

/// Answers the operator.
pub fn answer<B>(request: &Request<B>, peer: Peer, desk: &Desk) -> Response<Body> {
    match request.uri().path() {
        "/-/live" | "/-/ready" | "/-/decisions" | "/metrics"
            if !matches!(*request.method(), Method::GET | Method::HEAD) =>
        {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "GET or HEAD\n");
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            answer
        }
        "/-/live" => text(StatusCode::OK, "live\n"),
        "/-/ready" => ready(&desk.status.now()),
        "/metrics" => metrics(request, desk),
        "/-/decisions" if is_near(request, peer) => decisions(request, desk),
        "/-/decisions" => {
            text(StatusCode::FORBIDDEN, "this is told to localhost alone: ask from there, without a proxy\n")
        }
        _ => text(StatusCode::NOT_FOUND, "/-/live, /-/ready, /-/decisions and /metrics are here\n"),
    }
}

fn metrics<B>(request: &Request<B>, desk: &Desk) -> Response<Body> {
    let accepts = request.headers().get_all(ACCEPT);
    let format = Format::asked(accepts.iter().filter_map(|accept| accept.to_str().ok()));
    let mut answer = text(StatusCode::OK, desk.records.metrics.write(format, &desk.status.now()));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    answer
}

/// Whether somebody on this machine asks, and asks us: a page of another site can have a browser
/// here ask by a name of its own that leads here (DNS rebinding), and a proxy may ask for anybody.
fn is_near<B>(request: &Request<B>, peer: Peer) -> bool {
    let near = match peer {
        Peer::Ip(address) => address.is_loopback(),
        Peer::Unix(_) => true,
    };
    let headers = request.headers();
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok()).filter(|_| hosts.next().is_none());
    let sent_on = [FORWARDED, VIA, X_FORWARDED_FOR].iter().any(|name| headers.contains_key(name));
    near && !sent_on && host.is_some_and(is_loopback)
}

/// `localhost`, or a loopback address, with or without a port.
fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host();
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    !host.contains('@')
        && (name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|at| at.is_loopback()))
}

fn decisions<B>(request: &Request<B>, desk: &Desk) -> Response<Body> {
    let told = desk.records.decisions.tell();
    let (body, kind) = match Form::wanted(request.headers()) {
        Form::Page => (told.page(), "text/html; charset=utf-8"),
        Form::Problem => (told.json(), "application/json"),
    };
    let mut answer = text(StatusCode::OK, body);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    answer
}

/// What is wrong with the newest files is named, and takes nobody out of service: it is the same for
/// all instances of an app, and the last good ones serve on.
fn ready(standing: &Standing) -> Response<Body> {
    let status = if standing.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    text(status, standing.to_string())
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    let mut answer = Response::new(Body::full(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
