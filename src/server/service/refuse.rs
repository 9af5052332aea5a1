//! What a visitor is told who gets no token.

use super::pending::Pending;
use super::{Answered, Service, Visit};
use crate::config::model::{SignedOut, Target};
use crate::decide::{self, Ask};
use crate::http1::head::BadHead;
use crate::proxy::body::Body;
use crate::refusal::{Code, Refusal};
use crate::route::{self, By, Door, Owner};
use crate::server::reply::{self, Failure};
use crate::server::verdict::Verdict;
use crate::telemetry::Mark;
use http::{HeaderValue, Response};
use std::time::Instant;

impl Service {
    /// Refuses, and says why in the log.
    pub(super) fn refuse(&self, visit: &Visit<'_>, ask: Option<Ask<'_, '_>>, refusal: &Refusal) -> Answered {
        self.recorder.refused(refusal, visit, ask);
        let (code, verdict) = (refusal.code.as_str(), Verdict::Refused(refusal.code));
        let target = ask.map(|ask| ask.target);
        // A path that is the decision's only in some reading is answered as one, too.
        let reading = || match route::owner(visit.parts.uri.path(), &self.config.policy.routes) {
            Owner::Ambiguous(route) => Some(route.door),
            Owner::App | Owner::Ours(_) => None,
        };
        if visit.door.or_else(reading) == Some(Door::Decision) {
            let response = reply::refusal(refusal, visit.form(), &visit.stamp.mark.id);
            let index = target.map(|target| target.index);
            return Answered { response: reply::denial(response, code), verdict, target: index };
        }
        let response = match self.login(visit, target, refusal) {
            Some(login) => reply::login(&login, &visit.parts.headers, &visit.stamp.mark.id),
            None => reply::refusal(refusal, visit.form(), &visit.stamp.mark.id),
        };
        Answered { response, verdict, target: target.map(|target| target.index) }
    }

    /// Answers what is no request. It has a line and counts as others do.
    pub fn refuse_head(&self, bad: BadHead) -> Response<Body> {
        let (started, mark) = (Instant::now(), Mark::of(None, None));
        let answered = Answered::new(reply::bad_head(bad), Verdict::Failed(Failure::VisitorBroken));
        Pending::new(self, None, &mark, started).over(answered)
    }

    /// The way to the login, for somebody who has to sign in.
    fn login(&self, visit: &Visit<'_>, target: Option<&Target>, refusal: &Refusal) -> Option<HeaderValue> {
        let SignedOut::Redirect(parts) = &self.config.policy.signed_out else { return None };
        // A script that asks for a link is no visitor to be led about.
        let leads = visit.door.and_then(Door::hands_over) == Some(By::Leading);
        if refusal.code != Code::SignedOut || !leads {
            return None;
        }
        let login = decide::login(parts, &visit.parts.uri, target);
        // At a host that is Pandium's, a path of the app's is none.
        let here = !(login.starts_with('/') && self.is_at_pandium(visit));
        HeaderValue::from_str(&login).ok().filter(|_| here)
    }
}
