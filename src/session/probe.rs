//! `session.from: probe`: we ask the app who the visitor is.
//!
//! The question carries what the file lists, and what a pass-through would say of the request: old
//! apps tie sessions to addresses and browsers. Nothing is kept: the next visitor is asked for anew.

use super::answer::Answer;
use crate::config::model::{Policy, Probe};
use crate::fields::Source;
use crate::proxy::body::{Activity, Body};
use crate::proxy::client::{Client, NoAnswer, is_timeout};
use crate::proxy::headers::{Seen, describe_probe};
use crate::refusal::{Code, Refusal};
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

/// The largest answer that is read.
const MAX_BYTES: usize = 64 << 10;

/// What came of the question.
pub enum Told {
    /// The app knows a visitor, or says what it says to everybody.
    Answer(Answer),
    /// Anything but a 200, or no JSON where that is wanted: nobody is signed in.
    Nobody(Answer),
}

/// Asks.
pub async fn ask(
    client: &Client,
    probe: &Probe,
    policy: &Policy,
    visitor: &HeaderMap,
    seen: &Seen<'_>,
) -> Result<Told, Refusal> {
    let unaskable = |_| unavailable("the question cannot be written", false);
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = client.address(&probe.path).map_err(unaskable)?;
    *request.headers_mut() = question(probe, visitor, seen);
    let answered = async {
        let answer = client.send(request, &Activity::start()).await.map_err(|error| silent(&error))?;
        read(answer, policy).await
    };
    let late = |_| unavailable("no whole answer within session.probe.timeout", true);
    tokio::time::timeout(probe.timeout, answered).await.map_err(late)?
}

fn question(probe: &Probe, visitor: &HeaderMap, seen: &Seen<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut carry = |name: HeaderName| {
        for value in visitor.get_all(&name) {
            headers.append(name.clone(), value.clone());
        }
    };
    if probe.cookie {
        carry(COOKIE);
    }
    if probe.authorization {
        carry(AUTHORIZATION);
    }
    describe_probe(&mut headers, visitor, seen);
    // Another program than the app has a name of its own; X-Forwarded-Host keeps the visitor's.
    if let Some(host) = probe.elsewhere.as_ref().and_then(|(_, host)| HeaderValue::from_str(host).ok()) {
        headers.insert(HOST, host);
    }
    headers
}

async fn read(answer: Response<Incoming>, policy: &Policy) -> Result<Told, Refusal> {
    let (parts, body) = answer.into_parts();
    let wants_json = policy.fields.iter().any(|field| matches!(field.source, Source::Json(_)));
    let says_json = is_json(parts.headers.get(CONTENT_TYPE));
    let ok = parts.status.as_u16() == 200;
    let mut answer = Answer { headers: parts.headers, json: None };
    if !ok || (wants_json && !says_json) {
        return Ok(Told::Nobody(answer));
    }
    // Read to its end also where only the headers count: the connection can be used again, and an
    // answer that breaks off has said nothing that one could rely on.
    let body = Limited::new(body, MAX_BYTES).collect().await;
    let body = body.map_err(|_| unavailable("the answer broke off, or is larger than 64KiB", false))?;
    if wants_json {
        let broken = |_| unavailable("the answer is no JSON, although it says so", false);
        answer.json = Some(serde_json::from_slice(&body.to_bytes()).map_err(broken)?);
    }
    Ok(Told::Answer(answer))
}

/// `application/json`, or a form of it (RFC 6839 §3.1).
fn is_json(kind: Option<&HeaderValue>) -> bool {
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

fn silent(error: &NoAnswer) -> Refusal {
    let late = matches!(error, NoAnswer::Late(_)) || is_timeout(error);
    unavailable(if late { "no answer in time" } else { "no answer" }, late)
}

/// Nobody could say who the visitor is.
pub fn unavailable(detail: &'static str, late: bool) -> Refusal {
    Refusal::new(Code::SessionUnavailable, detail).source("probe").late(late)
}
