//! A rehearsal through the same doors as a visitor's request: what `mint` and `test` share.

use crate::config::model::{From, Policy};
use crate::decide::{self, BROWSERS, Head, Minting, Screened};
use crate::evidence::Finding;
use crate::refusal::{Code, Refusal};
use crate::session;
use crate::session::answer::Answer;
use crate::session::jwt::{Claims, NoClaims, STAND_IN};
use crate::token::Moment;
use crate::trust::{Caller, Peer, TrustedPeer};
use crate::value::Session;
use http::header::{COOKIE, HOST, HeaderMap, HeaderValue};
use http::{Method, Uri, Version};
use std::net::Ipv4Addr;

/// A visitor's request, and what the app would answer to it.
pub(super) struct Visit<'w> {
    /// An integration's name, or the whole path of one of our routes.
    pub(super) wanted: &'w str,
    /// The query of its address.
    pub(super) query: Option<&'w str>,
    /// Whether it comes from somebody who is not believed.
    pub(super) stranger: bool,
    /// The request's header lines.
    pub(super) request: HeaderMap,
    /// What the app says.
    pub(super) answer: Answer,
    /// Why the app's answer is none, where it is none.
    pub(super) unanswered: Option<Refusal>,
}

/// Why there is no token.
pub(super) struct Stopped {
    /// What the visitor would get.
    pub(super) refusal: Refusal,
    /// Whether it is for what the session is, or is not.
    pub(super) by_session: bool,
}

impl std::convert::From<Refusal> for Stopped {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, by_session: false }
    }
}

impl<'w> Visit<'w> {
    /// A visit of whoever is believed. With `probe` and `handoff` the headers are those of the app's
    /// answer, but for those that can only be the request's.
    pub(super) fn new(policy: &Policy, wanted: &'w str, mut headers: HeaderMap) -> Self {
        headers.entry(HOST).or_insert(HeaderValue::from_static("localhost"));
        let mut request = headers.clone();
        if matches!(policy.from, From::Probe(_) | From::Handoff) {
            request = HeaderMap::new();
            let overrides = [&policy.overrides.account, &policy.overrides.integration];
            // What a browser says of its own request no app answers with.
            let own = [HOST, COOKIE].into_iter().chain(BROWSERS);
            for name in own.chain(overrides.into_iter().flatten().cloned()) {
                request.extend(headers.get_all(&name).iter().cloned().map(|value| (name.clone(), value)));
            }
        }
        let answer = Answer { status: 200, headers, json: None };
        Self { wanted, query: None, stranger: false, request, answer, unanswered: None }
    }

    /// Lets the visit come to a token, which `mint` makes of it; or says why there is none.
    pub(super) fn play<T>(
        &mut self,
        policy: &Policy,
        moment: Moment,
        mint: impl FnOnce(Minting<'_>) -> Result<T, Refusal>,
    ) -> Result<T, Stopped> {
        let uri = self.address(policy);
        let caller = self.caller(policy);
        let headers = (&self.request).into();
        let head =
            Head { method: &Method::GET, target: (&uri).into(), version: Version::HTTP_11, headers, caller };
        let ask = match decide::screen(policy, head)? {
            Screened::Install(ask) => ask,
            Screened::Pass(_) | Screened::Enter(_) => {
                let detail =
                    if self.is_path() { "this path is the app's" } else { "this is no integration's name" };
                return Err(Refusal::new(Code::UnknownIntegration, detail).into());
            }
        };
        let claims = self.claims(policy, moment.now)?;
        if let Some(refusal) = self.unanswered.take() {
            return Err(refusal.into());
        }
        let session = self.session(policy, ask.trusted, claims.as_ref());
        let session = session.map_err(|refusal| Stopped { refusal, by_session: true })?;
        let minting = Minting {
            target: ask.target,
            requested: ask.requested,
            account: decide::account(policy, ask, &session)?,
            session: &session,
            query: uri.query(),
            request_id: "rehearsal",
            moment,
        };
        Ok(mint(minting)?)
    }

    fn is_path(&self) -> bool {
        self.wanted.starts_with('/')
    }

    /// The address that is asked for; where only a header names the integration, it is set.
    fn address(&mut self, policy: &Policy) -> Uri {
        let whole = self.is_path();
        let by_header =
            policy.overrides.integration.as_ref().filter(|_| !whole && !policy.install.path.is_named());
        if let Some(name) = by_header
            && let Ok(integration) = HeaderValue::from_str(self.wanted)
        {
            self.request.insert(name, integration);
        }
        let path = if whole { self.wanted.to_owned() } else { policy.install.path.path(self.wanted) };
        let query = self.query.filter(|query| !query.is_empty());
        query.map_or(path.clone(), |query| format!("{path}?{query}")).parse().unwrap_or_default()
    }

    fn caller<'p>(&mut self, policy: &'p Policy) -> Caller<'p> {
        if self.stranger {
            return policy.trust.stranger().into();
        }
        let believed = policy.trust.rehearse(&mut self.request);
        believed.unwrap_or(Peer::ip(Ipv4Addr::LOCALHOST.into()).into())
    }

    /// What the token of the request says, with `from: jwt`.
    fn claims(&self, policy: &Policy, now: u64) -> Result<Option<Claims>, Refusal> {
        let From::Jwt(jwt) = &policy.from else { return Ok(None) };
        let acquired = session::jwt::acquire(jwt, &self.request, now).map(Some);
        acquired.map_err(NoClaims::refusal).map_err(|mut refusal| {
            let is_stand_in =
                |value: &HeaderValue| value.to_str().is_ok_and(|value| value.contains(STAND_IN));
            if refusal.code != Code::DuplicateHeader && self.request.values().any(is_stand_in) {
                refusal.evidence.detail = NO_TOKEN.into();
            }
            refusal
        })
    }

    fn session<'a>(
        &'a self,
        policy: &'a Policy,
        trusted: Option<TrustedPeer>,
        claims: Option<&'a Claims>,
    ) -> Result<Session<'a>, Refusal> {
        match (&policy.from, trusted) {
            (From::Jwt(_), _) => match claims {
                Some(claims) => claims.session(policy, &self.request),
                None => Err(Refusal::new(Code::SignedOut, "there is no token")),
            },
            (From::Headers, Some(trusted)) => session::headers::acquire(policy, &self.request, trusted),
            (From::Headers, None) => Err(Refusal::new(Code::UntrustedPeer, "nobody is trusted")),
            (From::Probe(_) | From::Handoff, _) => self.answer.session(policy, &self.request),
        }
    }
}

const NO_TOKEN: &str = "THE-VISITORS-TOKEN stands for the token that came, which is logged nowhere: put that one in its \
    place, or another of its issuer's";

/// The code and why, where a visitor would get the code alone: a line, and what it is about below.
pub(super) fn told(refusal: &Refusal, file: &str) -> String {
    let evidence = &refusal.evidence;
    let about = evidence.finding.as_ref().map(|Finding { field, source, state, place }| {
        let field = field.as_ref().map(|field| format!("session.{field}, from ")).unwrap_or_default();
        let place = place.map(|place| format!(" ({file}:{})", place.line)).unwrap_or_default();
        let state = state.map(|state| format!(": {state}")).unwrap_or_default();
        format!("  {field}{source}{place}{state}\n")
    });
    let about = about.unwrap_or_default();
    format!("{}: {}\n{about}", refusal.code, evidence.detail)
}
