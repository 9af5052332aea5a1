//! The operator's listener: is it alive, is it ready?

use super::status::{Standing, Status};
use crate::proxy::body::Body;
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};

/// Answers the operator.
pub fn answer<B>(request: &Request<B>, status: &Status) -> Response<Body> {
    match request.uri().path() {
        "/-/live" | "/-/ready" if !matches!(*request.method(), Method::GET | Method::HEAD) => {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "GET or HEAD\n");
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            answer
        }
        "/-/live" => text(StatusCode::OK, "live\n"),
        "/-/ready" => ready(&status.now()),
        _ => text(StatusCode::NOT_FOUND, "/-/live and /-/ready are here\n"),
    }
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
