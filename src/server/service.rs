//! The life of one request.

use super::connection::Origin;
use super::record;
use super::reply::{self, Failure};
use crate::config::Config;
use crate::config::model::{From, Jwt, Policy, Probe, SignedOut, Target};
use crate::decide::{self, Ask, Head, Minting, Screened};
use crate::fields::Source;
use crate::protected::Protected;
use crate::proxy::body::{Arriving, Body};
use crate::proxy::client::Client;
use crate::proxy::forward::{Passage, forward};
use crate::proxy::headers::{Seen, X_REQUEST_ID, is_framed_plainly, resembles_framing};
use crate::proxy::tunnel::Switch;
use crate::refusal::{Code, Refusal};
use crate::route::{self, Door, Owner, Route};
use crate::session;
use crate::session::answer::Answer;
use crate::session::jwks;
use crate::session::jwt::NoClaims;
use crate::session::probe::{self, Told};
use crate::telemetry::RequestId;
use crate::token::Moment;
use crate::trust::TrustedPeer;
use crate::value::Session;
use http::header::{
    ACCEPT, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
    SET_COOKIE,
};
use http::request::Parts;
use http::{Request, Response};
use std::sync::Arc;
use std::time::Instant;

/// Everything that a worker answers requests from.
pub struct Service {
    config: Arc<Config>,
    /// Shared with the bodies that outlive a request's handling.
    protected: Arc<Protected>,
    /// The fields' headers, where the app's answers have them: no visitor's business.
    hidden: Arc<Protected>,
    /// Nothing is hidden from ourselves.
    shown: Arc<Protected>,
    client: Option<Client>,
    /// Whom a probe asks, where that is not the app.
    probed: Option<Client>,
    /// Whom a token's issuer keeps its keys with, where they are fetched.
    issuer: Option<Arc<jwks::Source>>,
}

/// An answer, and what the access line says of it.
struct Answered {
    response: Response<Body>,
    code: &'static str,
}

/// One request, but for its body: what every step of its life needs to know.
struct Visit<'v> {
    parts: &'v Parts,
    /// The route that has the path.
    door: Option<Door>,
    origin: &'v Origin,
    trusted: Option<TrustedPeer>,
    id: &'v RequestId,
}

impl Visit<'_> {
    fn seen(&self) -> Seen<'_> {
        seen(self.origin, self.trusted, self.id)
    }
}

/// What we see of a request that the app cannot see.
fn seen<'s>(origin: &'s Origin, trusted: Option<TrustedPeer>, id: &'s RequestId) -> Seen<'s> {
    Seen { address: origin.address.as_ref(), trusted, scheme: origin.scheme(), request_id: id }
}

/// Whom a token's issuer keeps its keys with, where they are fetched.
pub fn issuer(config: &Config) -> Option<Arc<jwks::Source>> {
    match &config.policy.from {
        From::Jwt(jwt) => jwks::Source::of(jwt, &config.timeouts),
        _ => None,
    }
}

impl Service {
    /// A service for this configuration.
    pub fn new(config: Arc<Config>, issuer: Option<Arc<jwks::Source>>) -> Self {
        let client = config.upstream.as_ref().map(|upstream| Client::new(upstream, &config.timeouts));
        let probed = match &config.policy.from {
            From::Probe(Probe { elsewhere: Some((at, _)), timeout, .. }) => {
                Some(Client::to(at.clone(), *timeout, &config.timeouts))
            }
            _ => None,
        };
        let protected = Arc::new(config.policy.protected.clone());
        let hidden = Arc::new(hidden(&config.policy));
        let shown = Arc::default();
        Self { config, protected, hidden, shown, client, probed, issuer }
    }

    /// Answers one request.
    pub async fn answer(&self, origin: &Origin, request: Request<Arriving>) -> Response<Body> {
        let started = Instant::now();
        let trusted = self.config.policy.trust.admit(origin.caller(), request.headers());
        // A trusted peer's id is taken over, so that its log and ours name the request alike.
        let given = trusted.and_then(|_| request.headers().get(X_REQUEST_ID));
        let id = given.and_then(RequestId::parse).unwrap_or_else(RequestId::fresh);
        let route = self.owner(request.uri().path());
        let answered = self.route(origin, trusted, request, &id).await;
        if self.config.log.access {
            let status = answered.response.status().as_u16();
            let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
            let code = answered.code;
            if let Some(route) = route {
                let route = tracing::field::display(&route.pattern);
                tracing::info!(route, status, code, request_id = %id, micros, "request");
            } else {
                tracing::info!(route = "app", status, code, request_id = %id, micros, "request");
            }
        }
        answered.response
    }

    /// The route that has the path, byte for byte.
    fn owner(&self, path: &str) -> Option<&Route> {
        self.config.policy.routes.iter().find(|route| route.owns(path))
    }

    async fn route(
        &self,
        origin: &Origin,
        trusted: Option<TrustedPeer>,
        request: Request<Arriving>,
        id: &RequestId,
    ) -> Answered {
        let peer = origin.peer;
        let door = self.owner(request.uri().path()).map(|route| route.door);
        if !is_framed_plainly(request.headers()) || resembles_framing(request.headers()) {
            let failure = Failure::VisitorBroken;
            tracing::warn!(code = failure.as_str(), %peer, request_id = %id, "refused: the body's framing");
            let (response, code) = (reply::failure(failure, request.headers(), id), failure.as_str());
            // A proxy that asks for a decision understands yes and no.
            let denied = door == Some(Door::Decision);
            return Answered {
                response: if denied { reply::denial(response, code) } else { response },
                code,
            };
        }
        let (parts, body) = request.into_parts();
        let visit = Visit { parts: &parts, door, origin, trusted, id };
        let head = Head {
            method: &parts.method,
            uri: &parts.uri,
            version: parts.version,
            headers: &parts.headers,
            caller: origin.caller(),
        };
        match decide::screen(&self.config.policy, head) {
            Ok(Screened::Pass(trusted)) => {
                let request = Request::from_parts(parts, body);
                self.pass(&seen(origin, trusted, id), Some(&origin.switch), request, id).await
            }
            Ok(Screened::Install(ask)) => self.install(ask, &visit, body).await,
            Err(refusal) => self.refuse(&visit, None, &refusal),
        }
    }

    /// Sends the visitor to Pandium, once somebody has said who it is.
    async fn install(&self, ask: Ask<'_, '_>, visit: &Visit<'_>, body: Arriving) -> Answered {
        let policy = &self.config.policy;
        match &policy.from {
            From::Headers => {
                let minted = ask
                    .trusted
                    .ok_or_else(|| decide::untrusted(policy, visit.origin.caller()))
                    .and_then(|trusted| session::headers::acquire(policy, &visit.parts.headers, trusted))
                    .and_then(|session| self.mint(ask, visit, &session));
                self.conclude(visit, ask, minted)
            }
            From::Probe(probe) => self.probe(probe, ask, visit).await,
            From::Handoff => self.handoff(ask, visit, body).await,
            From::Jwt(jwt) => self.jwt(jwt, ask, visit).await,
        }
    }

    /// Goes by the token on the request.
    async fn jwt(&self, jwt: &Jwt, ask: Ask<'_, '_>, visit: &Visit<'_>) -> Answered {
        let policy = &self.config.policy;
        let headers = &visit.parts.headers;
        let acquire = || session::jwt::acquire(jwt, headers, Moment::fresh().now);
        let mut claims = acquire();
        if let (Err(NoClaims::Unknown(_)), Some(issuer)) = (&claims, &self.issuer) {
            issuer.ask_for_token(Instant::now()).await;
            claims = acquire();
        }
        let minted = claims.map_err(NoClaims::refusal).and_then(|claims| {
            let session = claims.session(policy, headers)?;
            self.mint(ask, visit, &session)
        });
        self.conclude(visit, ask, minted)
    }

    /// Asks the app, and goes by its answer.
    async fn probe(&self, probe: &Probe, ask: Ask<'_, '_>, visit: &Visit<'_>) -> Answered {
        let policy = &self.config.policy;
        let Some(client) = self.probed.as_ref().or(self.client.as_ref()) else {
            return self.refuse(visit, Some(ask), &probe::unavailable("there is no app to ask", false));
        };
        let told = probe::ask(client, probe, policy, &visit.parts.headers, &visit.seen()).await;
        match told {
            Ok(Told::Answer(answer)) => self.go_by(&answer, ask, visit),
            Ok(Told::Refused(answer, refusal)) => {
                with_cookies(self.refuse(visit, Some(ask), &refusal), &answer)
            }
            Err(refusal) => self.refuse(visit, Some(ask), &refusal),
        }
    }

    /// Lets the app answer the visitor's own request, and takes over where it says who that is.
    async fn handoff(&self, ask: Ask<'_, '_>, visit: &Visit<'_>, body: Arriving) -> Answered {
        let mut parts = visit.parts.clone();
        // With these, a 200 could come as a 304 or a 206.
        for name in [IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE, IF_RANGE, RANGE] {
            parts.headers.remove(name);
        }
        let Some(client) = &self.client else {
            return self.refuse(visit, Some(ask), &probe::unavailable("there is no app to ask", false));
        };
        let request = Request::from_parts(parts, body);
        let passage = self.passage(client, &self.shown);
        match forward(&passage, request, &visit.seen(), None).await {
            Ok(mut response) => {
                let answer = Answer { headers: response.headers().clone(), json: None };
                if answer.hands_over(response.status().as_u16(), &self.config.policy) {
                    return self.go_by(&answer, ask, visit);
                }
                self.hidden.strip(response.headers_mut());
                Answered { response, code: "passed" }
            }
            Err(error) => {
                let failure = Failure::from(&error);
                tracing::warn!(code = failure.as_str(), request_id = %visit.id, %error, "not handed off");
                if matches!(failure, Failure::VisitorLate | Failure::VisitorBroken) {
                    let response = reply::failure(failure, &visit.parts.headers, visit.id);
                    return Answered { response, code: failure.as_str() };
                }
                let late = failure == Failure::Late;
                self.refuse(visit, Some(ask), &probe::unavailable("the app gave no answer", late))
            }
        }
    }

    /// Mints by what the app said; its cookies go to the visitor whatever comes of it.
    fn go_by(&self, answer: &Answer, ask: Ask<'_, '_>, visit: &Visit<'_>) -> Answered {
        let session = answer.session(&self.config.policy, &visit.parts.headers);
        let minted = session.and_then(|session| self.mint(ask, visit, &session));
        with_cookies(self.conclude(visit, ask, minted), answer)
    }

    fn mint(&self, ask: Ask<'_, '_>, visit: &Visit<'_>, session: &Session<'_>) -> Result<Answered, Refusal> {
        let minting = Minting {
            target: ask.target,
            requested: ask.requested,
            account: decide::account(&self.config.policy, ask, session)?,
            session,
            query: visit.parts.uri.query(),
            request_id: visit.id.as_str(),
            moment: Moment::fresh(),
        };
        let token = decide::mint(&self.config.policy, minting)?;
        record::minted(minting);
        let unwritable = |_| Refusal::new(Code::TokenTooLarge, "the address cannot be written as a header");
        let response = match ask.door {
            Door::Install | Door::Marketplace => reply::redirect(token, visit.id),
            Door::Link => {
                let ttl = self.config.policy.life.ttl;
                let expires = ttl.map(|ttl| minting.moment.now.saturating_add(ttl.as_secs()));
                Ok(reply::link(&token, ask.requested.unwrap_or_default(), expires, visit.id))
            }
            Door::Decision => reply::decision(token, visit.id),
        };
        Ok(Answered { response: response.map_err(unwritable)?, code: "minted" })
    }

    /// Passes the request through to the app.
    async fn pass(
        &self,
        seen: &Seen<'_>,
        switch: Option<&Switch>,
        request: Request<Arriving>,
        id: &RequestId,
    ) -> Answered {
        let asked = request.headers().get(ACCEPT).cloned();
        let failed = |failure: Failure| {
            let headers = asked.map(|accept| (ACCEPT, accept)).into_iter().collect();
            Answered { response: reply::failure(failure, &headers, id), code: failure.as_str() }
        };
        let Some(client) = &self.client else { return failed(Failure::NoApp) };
        match forward(&self.passage(client, &self.hidden), request, seen, switch).await {
            Ok(response) => Answered { response, code: "passed" },
            Err(error) => {
                let failure = Failure::from(&error);
                tracing::warn!(code = failure.as_str(), request_id = %id, %error, "not passed");
                failed(failure)
            }
        }
    }

    fn passage<'s>(&'s self, client: &'s Client, hidden: &'s Arc<Protected>) -> Passage<'s> {
        Passage { client, protected: &self.protected, hidden, timeouts: &self.config.timeouts }
    }

    fn conclude(&self, visit: &Visit<'_>, ask: Ask<'_, '_>, minted: Result<Answered, Refusal>) -> Answered {
        minted.unwrap_or_else(|refusal| self.refuse(visit, Some(ask), &refusal))
    }

    fn refuse(&self, visit: &Visit<'_>, ask: Option<Ask<'_, '_>>, refusal: &Refusal) -> Answered {
        record::refused(refusal, visit.origin.peer, visit.id);
        let headers = &visit.parts.headers;
        let code = refusal.code.as_str();
        // A path that is the decision's only in some reading is answered as one, too.
        let reading = || match route::owner(visit.parts.uri.path(), &self.config.policy.routes) {
            Owner::Ambiguous(route) => Some(route.door),
            Owner::App | Owner::Ours(_) => None,
        };
        if visit.door.or_else(reading) == Some(Door::Decision) {
            let response = reply::refusal(refusal, headers, visit.id);
            return Answered { response: reply::denial(response, code), code };
        }
        let response = match self.login(visit, ask.map(|ask| ask.target), refusal) {
            Some(login) => reply::login(&login, headers, visit.id),
            None => reply::refusal(refusal, headers, visit.id),
        };
        Answered { response, code }
    }

    /// The way to the login, for somebody who has to sign in.
    fn login(&self, visit: &Visit<'_>, target: Option<&Target>, refusal: &Refusal) -> Option<HeaderValue> {
        let SignedOut::Redirect(parts) = &self.config.policy.signed_out else { return None };
        // A script that asks for a link is no visitor to be led about.
        if refusal.code != Code::SignedOut || !matches!(visit.door, Some(Door::Install | Door::Marketplace)) {
            return None;
        }
        HeaderValue::from_str(&decide::login(parts, &visit.parts.uri, target)).ok()
    }
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

/// Apps change the ids of their sessions with any answer.
fn with_cookies(mut answered: Answered, answer: &Answer) -> Answered {
    for cookie in answer.cookies() {
        answered.response.headers_mut().append(SET_COOKIE, cookie);
    }
    answered
}
