//! Acquiring the session of a visitor who wants to go to Pandium, from whoever vouches for it.

use super::{Answered, Service, Visit};
use crate::config::model::{From, Jwt, Probe};
use crate::decide::{self, Ask};
use crate::proxy::body::Arriving;
use crate::proxy::forward::forward;
use crate::refusal::Refusal;
use crate::server::metrics::Heard;
use crate::server::reply::{self, Failure};
use crate::session;
use crate::session::answer::Answer;
use crate::session::jwt::NoClaims;
use crate::session::probe::{self, Told};
use crate::token::Moment;
use http::Request;
use http::header::{
    IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE, SET_COOKIE,
};
use std::time::Instant;

impl Service {
    /// Sends the visitor to Pandium, once somebody has said who it is.
    pub(super) async fn install(&self, ask: Ask<'_, '_>, visit: &Visit<'_>, body: Arriving) -> Answered {
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
        // Only the app is the app.
        if self.probed.is_none() {
            self.ledger.heard(match &told {
                Ok(Told::Answer(answer) | Told::Refused(answer, _)) => Heard::Status(answer.status),
                Err(refusal) if refusal.evidence.late => Heard::Late,
                Err(_) => Heard::Nothing,
            });
        }
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
        let answer = forward(&passage, request, &visit.seen(), None).await;
        self.count_heard(&answer);
        match answer {
            Ok(mut response) => {
                let status = response.status().as_u16();
                let answer = Answer { status, headers: response.headers().clone(), json: None };
                if answer.hands_over(&self.config.policy) {
                    return self.go_by(&answer, ask, visit);
                }
                self.hidden.strip(response.headers_mut());
                Answered::new(response, "passed")
            }
            Err(error) => {
                let failure = Failure::from(&error);
                tracing::warn!(code = failure.as_str(), request_id = %visit.id, %error, "not handed off");
                if matches!(failure, Failure::VisitorLate | Failure::VisitorBroken) {
                    let response = reply::failure(failure, &visit.parts.headers, visit.id);
                    return Answered::new(response, failure.as_str());
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

    fn conclude(&self, visit: &Visit<'_>, ask: Ask<'_, '_>, minted: Result<Answered, Refusal>) -> Answered {
        minted.unwrap_or_else(|refusal| self.refuse(visit, Some(ask), &refusal))
    }
}

/// Apps change the ids of their sessions with any answer.
fn with_cookies(mut answered: Answered, answer: &Answer) -> Answered {
    for cookie in answer.cookies() {
        answered.response.headers_mut().append(SET_COOKIE, cookie);
    }
    answered
}
