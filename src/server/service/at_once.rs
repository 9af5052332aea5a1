//! Requests that are looked at as they stand, and go the short way.
//!
//! Visitors who are sent to Pandium at once: their session stands on the request, and nobody has to be
//! asked. And what passes to the app with nothing about it that has to be thought about (`passing`).
//!
//! The rules are those of every other way here: `decide`, `session`, `token` and `proxy` read lines,
//! however they are kept. All else is none of this module's business: it leaves no trace, and the request
//! goes the long way, where it may be refused, and told why.

use super::pandium::by_proxy;
use super::passing::Passing;
use super::{Service, Stamp, mark};
use crate::config::model::From;
use crate::decide::{self, Head, Screened};
use crate::http1::head::Glance;
use crate::http1::lines::Lines;
use crate::proxy::headers::resembles_framing;
use crate::route::{Door, Route};
use crate::server::connection::Origin;
use crate::server::handler::AtOnce;
use crate::server::metrics::Outcome;
use crate::server::reply::Redirect;
use crate::session;
use crate::token::TenantToken;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{StatusCode, Uri, Version};
use std::sync::Arc;
use std::time::Instant;

/// Whether it is told in one way alone that there is no body: by no word of one.
fn is_bare(lines: Lines<'_>) -> bool {
    !lines.has(&CONTENT_LENGTH) && !lines.has(&TRANSFER_ENCODING) && !resembles_framing(lines)
}

impl Service {
    /// What can be made of a request from its head as it stands.
    pub fn at_once(self: &Arc<Self>, origin: &Origin, head: Glance<'_>) -> Option<AtOnce<Passing>> {
        let path = head.target.split('?').next().unwrap_or_default();
        let mut routes = self.config.policy.routes.iter().enumerate();
        match routes.find(|(_, route)| route.owns(path)) {
            Some(owner) => self.redirect(origin, head, owner).map(AtOnce::Redirect),
            None => self.begin(origin, head).map(AtOnce::Passing),
        }
    }

    /// The way to Pandium, for a visitor who gets a token of what this head says.
    fn redirect(&self, origin: &Origin, head: Glance<'_>, owner: (usize, &Route)) -> Option<Redirect> {
        let policy = &self.config.policy;
        let (Glance { method, target, version, lines }, (index, route)) = (head, owner);
        let is_redirect = matches!(route.door, Door::Install | Door::Marketplace);
        let is_alone = policy.from == From::Headers && policy.pandium.proxy.is_none();
        if !is_redirect || !is_alone || version != Version::HTTP_11 || !is_bare(lines) {
            return None;
        }
        let started = Instant::now();
        let uri = &Uri::try_from(target).ok()?;
        let head = Head { method, uri, version, headers: lines, caller: origin.caller() };
        let Ok(Screened::Install(ask)) = decide::screen(policy, head) else { return None };
        let trusted = ask.trusted.filter(|_| !by_proxy(ask))?;
        let session = session::headers::acquire(policy, head.headers, trusted).ok()?;
        let account = decide::account(policy, ask, &session).ok()?;
        let mark = mark(ask.trusted, head.headers);
        let stamp = Stamp { route: Some(index), mark: &mark, started };
        let minting = stamp.minting(head.uri.query(), ask.target, ask.requested, account, &session);
        let token = decide::mint(policy, minting).ok().filter(TenantToken::is_visible)?;
        let second = minting.moment.now;
        self.recorder.minted(minting, stamp);
        let outcome = Outcome {
            route: stamp.route,
            status: StatusCode::FOUND.as_u16(),
            code: "minted",
            target: Some(ask.target.index),
            took: started.elapsed(),
        };
        self.recorder.answered(&outcome, Some(&route.pattern), &mark);
        Some(Redirect::new(token, mark.id, second))
    }
}
