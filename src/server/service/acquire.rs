//! Acquiring the session of a visitor who wants to go to Pandium, or is there, from whoever vouches for
//! it.

use super::{Answered, Service, Visit};
use crate::config::model::{From, Jwt, Probe};
use crate::decide::{self, Ask, Entry};
use crate::proxy::arriving::Arriving;
use crate::proxy::forward::forward;
use crate::proxy::rewrite::is_shared_with;
use crate::refusal::Refusal;
use crate::server::metrics::Heard;
use crate::server::reply::{self, Failure};
use crate::server::verdict::Verdict;
use crate::session;
use crate::session::answer::Answer;
use crate::session::jwt::NoClaims;
use crate::session::probe::{self, Told};
use crate::telemetry::Mark;
use crate::token::Moment;
use crate::trust::TrustedPeer;
use crate::value::Session;
use http::Request;
use http::header::{
    CACHE_CONTROL, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE,
    RANGE, SET_COOKIE, TE,
};
use std::time::Instant;

/// What a session is wanted for.
#[derive(Clone, Copy)]
pub(super) enum Wish<'p, 'a> {
    /// A token, and the way to Pandium.
    Token(Ask<'p, 'a>),
    /// One of Pandium's pages, as we show them.
    Page(Entry<'p, 'a>),
}

impl<'p, 'a> Wish<'p, 'a> {
    fn trusted(self) -> Option<TrustedPeer> {
        match self {
            Self::Token(ask) => ask.trusted,
            Self::Page(entry) => entry.trusted,
        }
    }

    fn ask(self) -> Option<Ask<'p, 'a>> {
        match self {
            Self::Token(ask) => Some(ask),
            Self::Page(_) => None,
        }
    }
}

impl Service {
    /// Gives the visitor what is wished for, once somebody has said who it is.
    pub(super) async fn grant(&self, wish: Wish<'_, '_>, visit: &Visit<'_>, body: Arriving) -> Answered {
        let policy = &self.config.policy;
        match (&policy.from, wish) {
            (From::Headers, _) => {
                let session = wish
                    .trusted()
                    .ok_or_else(|| decide::untrusted(policy, visit.origin.caller()))
                    .and_then(|trusted| session::headers::acquire(policy, &visit.parts.headers, trusted));
                self.conclude(visit, wish, Some(body), session).await
            }
            (From::Probe(probe), _) => self.probe(probe, wish, visit, body).await,
            (From::Handoff, Wish::Token(ask)) => self.handoff(ask, visit, body).await,
            (From::Handoff, Wish::Page(_)) => self.refuse(
                visit,
                None,
                &probe::unavailable("nobody is handed over but by our own routes", false),
            ),
            (From::Jwt(jwt), _) => self.jwt(jwt, wish, visit, body).await,
        }
    }

    /// Goes by the token on the request.
    async fn jwt(&self, jwt: &Jwt, wish: Wish<'_, '_>, visit: &Visit<'_>, body: Arriving) -> Answered {
        let policy = &self.config.policy;
        let headers = &visit.parts.headers;
        let acquire = || session::jwt::acquire(jwt, headers, Moment::fresh().now);
        let mut claims = acquire();
        if let (Err(NoClaims::Unknown(_)), Some(issuer)) = (&claims, &self.issuer) {
            issuer.ask_for_token(Instant::now()).await;
            claims = acquire();
        }
        match claims.map_err(NoClaims::refusal) {
            Ok(claims) => self.conclude(visit, wish, Some(body), claims.session(policy, headers)).await,
            Err(refusal) => self.refuse(visit, wish.ask(), &refusal),
        }
    }

    /// Asks the app, and goes by its answer.
    async fn probe(&self, probe: &Probe, wish: Wish<'_, '_>, visit: &Visit<'_>, body: Arriving) -> Answered {
        let policy = &self.config.policy;
        let Some(client) = self.probed.as_ref().or(self.client.as_ref()) else {
            return self.refuse(visit, wish.ask(), &probe::unavailable("there is no app to ask", false));
        };
        let told = probe::ask(client, probe, policy, &visit.parts.headers, &self.seen_of(visit)).await;
        // Only the app is the app.
        if self.probed.is_none() {
            self.recorder.heard(match &told {
                Ok(Told::Answer(answer) | Told::Refused(answer, _)) => Heard::Status(answer.status),
                Err(refusal) if refusal.evidence.late => Heard::Late,
                Err(_) => Heard::Nothing,
            });
        }
        match told {
            Ok(Told::Answer(answer)) => self.go_by(&answer, wish, visit, Some(body)).await,
            Ok(Told::Refused(answer, refusal)) => {
                self.with_cookies(self.refuse(visit, wish.ask(), &refusal), &answer, visit)
            }
            Err(refusal) => self.refuse(visit, wish.ask(), &refusal),
        }
    }

    /// Lets the app answer the visitor's own request, and takes over where it says who that is.
    async fn handoff(&self, ask: Ask<'_, '_>, visit: &Visit<'_>, body: Arriving) -> Answered {
        let mut parts = visit.parts.clone();
        // With these, a 200 could come as a 304 or a 206; and no session is read from trailers, nor shown
        // there.
        for name in [IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE, IF_RANGE, RANGE, TE] {
            parts.headers.remove(name);
        }
        let Some(client) = &self.client else {
            return self.refuse(visit, Some(ask), &probe::unavailable("there is no app to ask", false));
        };
        let request = Request::from_parts(parts, body);
        let passage = self.passage(client, &self.shown);
        let answer = forward(&passage, request, &self.seen_of(visit), None).await;
        self.count_heard(&answer);
        match answer {
            Ok(mut response) => {
                let status = response.status().as_u16();
                let answer = Answer { status, headers: response.headers().clone(), json: None };
                if answer.hands_over(&self.config.policy) {
                    return self.go_by(&answer, Wish::Token(ask), visit, None).await;
                }
                self.hidden.strip(response.headers_mut());
                Answered::new(response, Verdict::Passed)
            }
            Err(error) => {
                let failure = Failure::from(&error);
                let (code, app, Mark { id, trace }) = (failure.as_str(), client.place(), visit.stamp.mark);
                let route = self.pattern(visit);
                tracing::warn!(code, route, method = "GET", %app, request_id = %id, trace_id = %trace, %error, "not handed off");
                if matches!(failure, Failure::VisitorLate | Failure::VisitorBroken) {
                    let response = reply::failure(failure, visit.form(), &visit.stamp.mark.id);
                    return Answered::new(response, Verdict::Failed(failure));
                }
                let silent = format!("no answer of {}: {error}", client.place());
                self.refuse(visit, Some(ask), &probe::unavailable(silent, failure == Failure::Late))
            }
        }
    }

    /// Goes by what the app said; its cookies go to the visitor whatever comes of it.
    async fn go_by(
        &self,
        answer: &Answer,
        wish: Wish<'_, '_>,
        visit: &Visit<'_>,
        body: Option<Arriving>,
    ) -> Answered {
        let session = answer.session(&self.config.policy, &visit.parts.headers);
        self.with_cookies(self.conclude(visit, wish, body, session).await, answer, visit)
    }

    /// Apps change the ids of their sessions with any answer. At Pandium's own host a cookie that is for
    /// the app's host alone would become Pandium's; and no cache keeps a page with a visitor's cookie.
    fn with_cookies(&self, mut answered: Answered, answer: &Answer, visit: &Visit<'_>) -> Answered {
        let apart = self.pandiums_host(visit);
        let mut cookies = answer.cookies();
        cookies.retain(|line| apart.is_none_or(|host| is_shared_with(line, host)));
        let headers = answered.response.headers_mut();
        if !cookies.is_empty() && headers.get(CACHE_CONTROL).is_none_or(|line| line != "no-store") {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
        }
        for cookie in cookies {
            headers.append(SET_COOKIE, cookie);
        }
        answered
    }

    async fn conclude(
        &self,
        visit: &Visit<'_>,
        wish: Wish<'_, '_>,
        body: Option<Arriving>,
        session: Result<Session<'_>, Refusal>,
    ) -> Answered {
        let session = match session {
            Ok(session) => session,
            Err(refusal) => return self.refuse(visit, wish.ask(), &refusal),
        };
        let granted = match (wish, body) {
            (Wish::Token(ask), _) if ask.is_by_proxy() => Box::pin(self.show(ask, visit, &session)).await,
            (Wish::Token(ask), _) => self.mint(ask, visit, &session),
            (Wish::Page(entry), Some(body)) => Box::pin(self.enter(entry, visit, body, &session)).await,
            (Wish::Page(_), None) => Err(probe::unavailable("the request is the app's already", false)),
        };
        granted.unwrap_or_else(|refusal| self.refuse(visit, wish.ask(), &refusal))
    }
}
