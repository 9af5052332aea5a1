//! The life of one request: whose it is, and what becomes of it. What is ours goes on in `acquire`
//! (who is the visitor?), `deliver` (the token, and the way it takes), `pandium` (its pages, where we show
//! them) and `refuse`. Most who get a token are answered before all that, in `at_once`, and most of what
//! passes begins there and goes on in `passing`.

mod acquire;
mod at_once;
mod deliver;
mod pandium;
mod passing;
mod pending;
mod refuse;

use self::acquire::Wish;
pub use self::passing::Passing;
use self::pending::Pending;
use super::connection::Origin;
use super::edition::Edition;
use super::metrics::Heard;
use super::record::Recorder;
use super::reply::{self, Failure, Form};
use crate::config::Config;
use crate::config::model::{From, Policy, Probe};
use crate::decide::{self, Head, Screened};
use crate::fields::Source;
use crate::http1::lines::Lines;
use crate::protected::{Protected, TRACEPARENT, X_REQUEST_ID};
use crate::proxy::arriving::Arriving;
use crate::proxy::body::Body;
use crate::proxy::client::{Client, Way};
use crate::proxy::forward::{ForwardError, Passage, forward};
use crate::proxy::headers::{is_framed_plainly, resembles_framing};
use crate::proxy::onward::Seen;
use crate::proxy::place::Place;
use crate::proxy::rewrite::Jar;
use crate::proxy::tunnel::Switch;
use crate::route::{Door, Pattern, Route};
use crate::server::verdict::Verdict;
use crate::session::jwks;
use crate::telemetry::{Mark, RequestId};
use crate::trust::TrustedPeer;
use http::header::HeaderMap;
use http::request::Parts;
use http::{Method, Request, Response, Uri};
use std::future::Future;
use std::sync::Arc;
use std::time::Instant;
use tracing::field::DisplayValue;

/// Everything that a worker answers requests from.
pub struct Service {
    config: Arc<Config>,
    /// Shared with the bodies that outlive a request's handling.
    protected: Arc<Protected>,
    /// The fields' headers, where the app's answers have them: no visitor's business.
    hidden: Arc<Protected>,
    /// Nothing is hidden from ourselves.
    shown: Arc<Protected>,
    client: Option<Arc<Client>>,
    /// Whom a probe asks, where that is not the app.
    probed: Option<Arc<Client>>,
    /// Whom a token's issuer keeps its keys with, where they are fetched.
    issuer: Option<Arc<jwks::Source>>,
    /// Where this worker notes what happens.
    recorder: Recorder,
    /// Pandium, for each account, where its pages are shown.
    pandium: Vec<Option<Arc<Place>>>,
}

/// An answer, and what is noted of it.
struct Answered {
    response: Response<Body>,
    verdict: Verdict,
    /// The position of the target that somebody was about to be sent to.
    target: Option<usize>,
}

impl Answered {
    /// An answer to somebody who was about to be sent nowhere.
    fn new(response: Response<Body>, verdict: Verdict) -> Self {
        Self { response, verdict, target: None }
    }
}

/// One request, but for its body: what every step of its life needs to know.
pub(super) struct Visit<'v> {
    pub(super) parts: &'v Parts,
    pub(super) stamp: Stamp<'v>,
    /// What is behind the route that has the path.
    pub(super) door: Option<Door>,
    pub(super) origin: &'v Origin,
    trusted: Option<TrustedPeer>,
    /// The cookies that are not the app's.
    jar: &'v Jar,
}

/// By what a request is found again, whatever becomes of it.
#[derive(Clone, Copy)]
pub(super) struct Stamp<'v> {
    /// The position of the route that has the path.
    pub(super) route: Option<usize>,
    pub(super) mark: &'v Mark,
    /// When it began.
    pub(super) started: Instant,
}

impl Visit<'_> {
    fn form(&self) -> Form {
        Form::wanted(&self.parts.headers)
    }
}

fn head<'h>(parts: &'h Parts, origin: &'h Origin) -> Head<'h> {
    Head {
        method: &parts.method,
        target: (&parts.uri).into(),
        version: parts.version,
        headers: (&parts.headers).into(),
        caller: origin.caller(),
    }
}

/// What is told of a request that the app did not answer, and how.
#[derive(Clone, Copy)]
struct Asked {
    method: &'static str,
    form: Form,
}

impl Asked {
    fn new(method: &Method, lines: Lines<'_>) -> Self {
        Self { method: named(method), form: Form::wanted(lines) }
    }
}

/// The name of a method. One that nobody has heard of is the visitor's own word.
fn named(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::TRACE => "TRACE",
        _ => "another",
    }
}

/// Where a request came from, and what it is called.
#[derive(Clone, Copy)]
struct Arrival<'a> {
    origin: &'a Origin,
    trusted: Option<TrustedPeer>,
    mark: &'a Mark,
    started: Instant,
}

/// What a request is called. A trusted peer's names are taken over, so that its log and ours name the
/// request alike.
fn mark(trusted: Option<TrustedPeer>, lines: Lines<'_>) -> Mark {
    let given = |name| trusted.and_then(|_| lines.one(name));
    Mark::of(given(&X_REQUEST_ID), given(&TRACEPARENT))
}

impl Service {
    /// A service for this edition. Connections to others are the previous one's, where they lead to
    /// the same place.
    pub fn new(edition: &Edition, previous: Option<&Self>) -> Self {
        let (config, issuer) = (Arc::clone(&edition.config), edition.issuer.clone());
        let app = config.upstream.as_ref().map(|upstream| Way::new(upstream, &config.timeouts));
        let client = app.map(|way| way.client(previous.and_then(|previous| previous.client.as_ref())));
        let probed = match &config.policy.from {
            From::Probe(Probe { elsewhere: Some((at, _)), timeout, .. }) => {
                let way = Way::to(at.clone(), *timeout, &config.timeouts);
                Some(way.client(previous.and_then(|previous| previous.probed.as_ref())))
            }
            _ => None,
        };
        let protected = Arc::new(config.policy.protected.clone());
        let hidden = Arc::new(hidden(&config.policy));
        let shown = Arc::default();
        let recorder = Recorder::new(edition, previous.map(|previous| &previous.recorder));
        let pandium = pandium::places(&config, previous.map_or(&[], |previous| &previous.pandium));
        Self { config, protected, hidden, shown, client, probed, issuer, recorder, pandium }
    }

    /// Answers one request.
    #[allow(clippy::manual_async_fn, reason = "an `async fn` keeps what it is given twice over")]
    pub fn answer(
        &self,
        origin: &Origin,
        request: Request<Arriving>,
    ) -> impl Future<Output = Response<Body>> {
        async move {
            let started = Instant::now();
            let trusted = self.config.policy.trust.admit(origin.caller(), request.headers());
            let mark = mark(trusted, request.headers().into());
            let owner = self.owner(request.uri(), request.headers());
            let arrival = Arrival { origin, trusted, mark: &mark, started };
            let pending = Pending::new(self, owner, &mark, started);
            let answered = self.route(arrival, request, owner.map(|(at, route)| (at, route.door))).await;
            pending.over(answered)
        }
    }

    /// The route that has the path, byte for byte, and its position; at Pandium's host its own has the
    /// rest.
    fn owner(&self, uri: &Uri, headers: &HeaderMap) -> Option<(usize, &Route)> {
        let policy = &self.config.policy;
        let routes = || policy.routes.iter().enumerate();
        let of_path = routes().find(|(_, route)| route.owns(uri.path()));
        let at_pandium = || decide::is_apart(policy, uri.into(), headers);
        of_path.or_else(|| routes().find(|(_, route)| route.door == Door::Pandium && at_pandium()))
    }

    #[allow(clippy::manual_async_fn, reason = "an `async fn` keeps what it is given twice over")]
    fn route(
        &self,
        arrival: Arrival<'_>,
        request: Request<Arriving>,
        owner: Option<(usize, Door)>,
    ) -> impl Future<Output = Answered> {
        async move {
            let Arrival { origin, trusted, mark, started } = arrival;
            let (route, door) = (owner.map(|(at, _)| at), owner.map(|(_, door)| door));
            let (peer, id) = (origin.peer, &mark.id);
            let unknown = request.body().is_unknown() || !is_framed_plainly(request.headers());
            if unknown || resembles_framing(request.headers().into()) {
                let failure = Failure::VisitorBroken;
                let (code, trace) = (failure.as_str(), &mark.trace);
                tracing::warn!(code, %peer, request_id = %id, trace_id = %trace, "refused: the body's framing");
                let form = Form::wanted(request.headers());
                let response = reply::failure(failure, form, id);
                // A proxy that asks for a decision understands yes and no.
                let denied = door == Some(Door::Decision);
                let response = if denied { reply::denial(response, code) } else { response };
                return Answered::new(response, Verdict::Failed(failure));
            }
            let (mut parts, body) = request.into_parts();
            let shows = self.config.policy.pandium.proxy.is_some();
            let jar = if shows { Jar::take(&mut parts.headers) } else { Jar::default() };
            let stamp = Stamp { route, mark, started };
            let visit = Visit { parts: &parts, stamp, door, origin, trusted, jar: &jar };
            match decide::screen(&self.config.policy, head(&parts, origin)) {
                Ok(Screened::Pass(trusted)) => {
                    let request = Request::from_parts(parts, body);
                    self.pass(&self.seen(origin, trusted, mark), Some(&origin.switch), request).await
                }
                // In a box: what passes should not carry the room for it.
                Ok(Screened::Install(ask)) => Box::pin(self.grant(Wish::Token(ask), &visit, body)).await,
                Ok(Screened::Enter(entry)) => Box::pin(self.grant(Wish::Page(entry), &visit, body)).await,
                Err(refusal) => self.refuse(&visit, None, &refusal),
            }
        }
    }

    /// Passes the request through to the app.
    #[allow(clippy::manual_async_fn, reason = "an `async fn` keeps what it is given twice over")]
    fn pass(
        &self,
        seen: &Seen<'_>,
        switch: Option<&Switch>,
        request: Request<Arriving>,
    ) -> impl Future<Output = Answered> {
        async move {
            let asked = Asked::new(request.method(), request.headers().into());
            let Some(client) = &self.client else { return failed(Failure::NoApp, asked.form, &seen.mark.id) };
            let answer = forward(&self.passage(client, &self.hidden), request, seen, switch).await;
            self.passed(answer, client, asked, seen.mark)
        }
    }

    /// What became of a request that went to the app.
    fn passed(
        &self,
        answer: Result<Response<Body>, ForwardError>,
        client: &Client,
        asked: Asked,
        mark: &Mark,
    ) -> Answered {
        self.count_heard(&answer);
        match answer {
            Ok(response) => Answered::new(response, Verdict::Passed),
            Err(error) => {
                let failure = Failure::from(&error);
                let (code, method, app) = (failure.as_str(), asked.method, client.place());
                let Mark { id, trace } = mark;
                tracing::warn!(code, route = "app", method, %app, request_id = %id, trace_id = %trace, %error, "not passed");
                failed(failure, asked.form, id)
            }
        }
    }

    /// Counts what the app said, but for what it could say nothing to: a visitor's broken request.
    fn count_heard(&self, answer: &Result<Response<Body>, ForwardError>) {
        match answer.as_ref().map_err(Failure::from) {
            Ok(answer) => self.recorder.heard(Heard::Status(answer.status().as_u16())),
            Err(Failure::Unreachable) => self.recorder.heard(Heard::Nothing),
            Err(Failure::Late) => self.recorder.heard(Heard::Late),
            Err(_) => {}
        }
    }

    /// The template of the route that has the path, as the log has it.
    fn pattern(&self, visit: &Visit<'_>) -> Option<DisplayValue<&Pattern>> {
        let route = self.config.policy.routes.get(visit.stamp.route?)?;
        Some(tracing::field::display(&route.pattern))
    }

    /// What we see of a request that the app cannot see.
    fn seen<'s>(&'s self, origin: &'s Origin, trusted: Option<TrustedPeer>, mark: &'s Mark) -> Seen<'s> {
        let (address, scheme) = (origin.address.as_ref(), origin.scheme());
        Seen { address, trusted, scheme, mark, protected: &self.protected }
    }

    /// The same of a visit.
    fn seen_of<'s>(&'s self, visit: &Visit<'s>) -> Seen<'s> {
        self.seen(visit.origin, visit.trusted, visit.stamp.mark)
    }

    fn passage<'s>(&'s self, client: &'s Client, hidden: &'s Arc<Protected>) -> Passage<'s> {
        Passage { client, protected: &self.protected, hidden, timeouts: &self.config.timeouts }
    }
}

fn failed(failure: Failure, form: Form, id: &RequestId) -> Answered {
    Answered::new(reply::failure(failure, form, id), Verdict::Failed(failure))
}

/// With `from: headers` the fields' headers are the request's, and the app's answers are its own.
fn hidden(policy: &Policy) -> Protected {
    if policy.from == From::Headers {
        return Protected::default();
    }
    let header = |source: &Source| match source {
        Source::Header { name, .. } => Some(name.clone()),
        Source::Cookie(_) | Source::Json(_) | Source::Claim(_) => None,
    };
    Protected::of_each(policy.fields.iter().filter_map(|field| header(&field.source)))
}
