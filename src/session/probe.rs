//! `session.from: probe`: we ask the app who the visitor is.
//!
//! The question carries what the file lists, and what a pass-through would say of the request: old
//! apps tie sessions to addresses and browsers. Nothing is kept: the next visitor is asked for anew.

use super::answer::Answer;
use crate::config::model::{Policy, Probe};
use crate::evidence::Finding;
use crate::fields::Source;
use crate::proxy::body::Body;
use crate::proxy::client::{Client, NoAnswer, is_timeout};
use crate::proxy::download::Download;
use crate::proxy::onward::{Seen, describe_probe};
use crate::refusal::{Code, Refusal};
use crate::strict::{self, Fault};
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Uri};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::borrow::Cow;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};

/// The largest answer that is read.
const MAX_BYTES: usize = 64 << 10;

/// What a refusal is about where it is the whole of the answer.
pub const PROBE: &str = "probe";

/// Many a framework calls what it prints a page, JSON too.
const NO_JSON: &str = "the app's answer is not of a JSON type, and fields are read from its JSON: its Content-Type has to \
    be application/json, or application/…+json";

/// What came of the question.
pub enum Told {
    /// The app knows a visitor, or says what it says to everybody.
    Answer(Answer),
    /// Nobody is signed in, or the answer cannot be read. Its head stands: the cookies in it are the
    /// visitor's all the same.
    Refused(Answer, Refusal),
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
    *request.uri_mut() = Uri::try_from(&probe.path).map_err(unaskable)?;
    *request.headers_mut() = question(probe, visitor, seen);
    let deadline = Instant::now() + probe.timeout;
    let answered = timeout_at(deadline, client.send(request, None)).await;
    let (parts, body) = answered.map_err(late)?.map_err(|error| silent(client, &error))?.into_parts();
    let mut answer = Answer { status: parts.status.as_u16(), headers: parts.headers, json: None };
    let read = match timeout_at(deadline, read(answer.status, &answer.headers, body, policy)).await {
        Ok(read) => read,
        Err(elapsed) => Err(late(elapsed)),
    };
    Ok(match read {
        Ok(json) => {
            answer.json = json;
            Told::Answer(answer)
        }
        Err(refusal) => Told::Refused(answer, refusal),
    })
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

/// The body's JSON, where that is wanted.
async fn read(
    status: u16,
    headers: &HeaderMap,
    body: Download,
    policy: &Policy,
) -> Result<Option<serde_json::Value>, Refusal> {
    heed(status, headers, policy)?;
    // Read to its end also where only the headers count: the connection can be used again, and an
    // answer that breaks off has said nothing that one could rely on.
    let body = Limited::new(body, MAX_BYTES).collect().await;
    let body = body.map_err(|error| {
        let too_large = error.is::<LengthLimitError>();
        let detail = if too_large { "the answer is larger than 64KiB" } else { "the answer broke off" };
        unavailable(detail, false)
    })?;
    understand(status, headers, &body.to_bytes(), policy)
}

/// What a whole answer says: the JSON of its body, where that is wanted.
pub fn understand(
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
    policy: &Policy,
) -> Result<Option<serde_json::Value>, Refusal> {
    heed(status, headers, policy)?;
    if wants_json(policy) { json(body).map(Some) } else { Ok(None) }
}

/// Whether an answer with this head can name anybody. An app that is broken looks like one that knows
/// nobody; what it answered tells the two apart.
fn heed(status: u16, headers: &HeaderMap, policy: &Policy) -> Result<(), Refusal> {
    let nobody =
        |detail: Cow<'static, str>| Err(Refusal::new(Code::SignedOut, detail).about(Finding::of(PROBE)));
    if status != 200 {
        return nobody(format!("the app answered {status}; only a 200 says who it is").into());
    }
    if wants_json(policy) && !is_json(headers.get(CONTENT_TYPE)) {
        return nobody(NO_JSON.into());
    }
    Ok(())
}

fn wants_json(policy: &Policy) -> bool {
    policy.fields.iter().any(|field| matches!(field.source, Source::Json(_)))
}

/// The JSON of a whole answer.
fn json(body: &[u8]) -> Result<serde_json::Value, Refusal> {
    strict::value(body).map_err(|fault| match fault {
        Fault::Broken => unavailable("the answer is no JSON, although it says so", false),
        Fault::Twice => unavailable("a name stands twice in the answer's JSON", false),
    })
}

/// `application/json`, or a form of it (RFC 6839 §3.1).
fn is_json(kind: Option<&HeaderValue>) -> bool {
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

fn late(_: Elapsed) -> Refusal {
    unavailable("no whole answer within session.probe.timeout", true)
}

fn silent(client: &Client, error: &NoAnswer) -> Refusal {
    unavailable(format!("no answer of {}: {error}", client.place()), is_timeout(error))
}

/// Nobody could say who the visitor is.
pub fn unavailable(detail: impl Into<Cow<'static, str>>, late: bool) -> Refusal {
    Refusal::new(Code::SessionUnavailable, detail).about(Finding::of(PROBE)).late(late)
}
