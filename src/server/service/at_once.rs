//! Requests that are looked at as they stand, and go the short way.
//!
//! Visitors who are sent to Pandium at once: their session stands on the request, and nobody has to be
//! asked. And what passes to the app with nothing about it that has to be thought about (`passing`).
//!
//! The rules are those of every other way here: `decide`, `session`, `token` and `proxy` read lines,
//! however they are kept. All else is none of this module's business: it leaves no trace, and the request
//! goes the long way, where it may be refused, and told why.

use super::passing::Passing;
use super::{Service, Stamp, mark};
use crate::config::model::From;
use crate::decide::{self, Head, Screened};
use crate::http1::head::Glance;
use crate::http1::target::Target;
use crate::proxy::headers::tells_of_body;
use crate::route::{By, Route};
use crate::server::connection::Origin;
use crate::server::handler::AtOnce;
use crate::server::metrics::Outcome;
use crate::server::reply::Redirect;
use crate::server::verdict::Verdict;
use crate::session;
use crate::token::TenantToken;
use http::{StatusCode, Version};
use std::sync::Arc;
use std::time::Instant;

impl Service {
    /// What can be made of a request from its head as it stands.
    pub fn at_once(self: &Arc<Self>, origin: &Origin, head: Glance<'_>) -> Option<AtOnce<Passing>> {
        let policy = &self.config.policy;
        let Glance { method, target, version, lines } = head;
        // Where Pandium's pages are shown, its cookies are among the app's.
        if version != Version::HTTP_11 || policy.pandium.proxy.is_some() {
            return None;
        }
        let (started, target) = (Instant::now(), Target::plain(target)?);
        let known = Head { method, target, version, headers: lines, caller: origin.caller() };
        let mut routes = policy.routes.iter().enumerate();
        match routes.find(|(_, route)| route.owns(target.path)) {
            Some(owner) => self.redirect(known, owner, started).map(AtOnce::Redirect),
            None => self.begin_passing(origin, head, known, started).map(AtOnce::Passing),
        }
    }

    /// The way to Pandium, for a visitor who gets a token of what this head says.
    fn redirect(&self, head: Head<'_>, owner: (usize, &Route), started: Instant) -> Option<Redirect> {
        let (policy, (index, route)) = (&self.config.policy, owner);
        if route.door.hands_over() != Some(By::Leading)
            || policy.from != From::Headers
            || tells_of_body(head.headers)
        {
            return None;
        }
        let Ok(Screened::Install(ask)) = decide::screen(policy, head) else { return None };
        let trusted = ask.trusted.filter(|_| !ask.is_by_proxy())?;
        let session = session::headers::acquire(policy, head.headers, trusted).ok()?;
        let account = decide::account(policy, ask, &session).ok()?;
        let mark = mark(ask.trusted, head.headers);
        let stamp = Stamp { route: Some(index), mark: &mark, started };
        let minting = stamp.minting(head.target.query, ask.target, ask.requested, account, &session);
        let token = decide::mint(policy, minting).ok().filter(TenantToken::is_visible)?;
        let second = minting.moment.now;
        self.recorder.minted(minting, stamp);
        let outcome = Outcome {
            route: stamp.route,
            status: StatusCode::FOUND.as_u16(),
            verdict: Verdict::Minted,
            target: Some(ask.target.index),
            took: started.elapsed(),
        };
        self.recorder.answered(&outcome, Some(&route.pattern), &mark);
        Some(Redirect::new(token, mark.id, second))
    }
}
