//! The operator's listener: is it alive, is it ready, and what has it done?

use super::metrics::Metrics;
use super::status::{Standing, Status};
use crate::proxy::body::Body;
use crate::telemetry::exposition::Format;
use bytes::Bytes;
use http::header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use std::sync::Arc;

/// Where the operator asks.
#[derive(Clone)]
pub struct Desk {
    /// How things stand.
    pub status: Status,
    /// What was counted.
    pub metrics: Arc<Metrics>,
}

/// Answers the operator.
pub fn answer<B>(request: &Request<B>, desk: &Desk) -> Response<Body> {
    match request.uri().path() {
        "/-/live" | "/-/ready" | "/metrics" if !matches!(*request.method(), Method::GET | Method::HEAD) => {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "GET or HEAD\n");
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            answer
        }
        "/-/live" => text(StatusCode::OK, "live\n"),
        "/-/ready" => ready(&desk.status.now()),
        "/metrics" => metrics(request, desk),
        _ => text(StatusCode::NOT_FOUND, "/-/live, /-/ready and /metrics are here\n"),
    }
}

fn metrics<B>(request: &Request<B>, desk: &Desk) -> Response<Body> {
    let accepts = request.headers().get_all(ACCEPT);
    let format = Format::asked(accepts.iter().filter_map(|accept| accept.to_str().ok()));
    let mut answer = text(StatusCode::OK, desk.metrics.write(format, &desk.status.now()));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
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
