//! A request that has no answer yet.

use super::{Answered, Service};
use crate::protected::X_REQUEST_ID;
use crate::proxy::body::Body;
use crate::route::Route;
use crate::server::metrics::Outcome;
use crate::server::verdict::Verdict;
use crate::telemetry::Mark;
use http::Response;
use std::time::Instant;

/// What stands for the status of no answer, as nginx has it.
const UNANSWERED: u16 = 499;

/// Notes what becomes of a request, also where that is nothing: whoever asked has left, or the program
/// ends before.
pub(super) struct Pending<'p> {
    service: &'p Service,
    owner: Option<(usize, &'p Route)>,
    mark: &'p Mark,
    started: Instant,
    over: bool,
}

impl<'p> Pending<'p> {
    pub(super) fn new(
        service: &'p Service,
        owner: Option<(usize, &'p Route)>,
        mark: &'p Mark,
        started: Instant,
    ) -> Self {
        Self { service, owner, mark, started, over: false }
    }

    /// It has its answer, which tells what it is called.
    pub(super) fn over(mut self, answered: Answered) -> Response<Body> {
        let Answered { mut response, verdict, target } = answered;
        self.over = true;
        self.note(response.status().as_u16(), verdict, target);
        // The app's own, where it names requests, too.
        response.headers_mut().entry(X_REQUEST_ID).or_insert_with(|| self.mark.id.to_value());
        response
    }

    fn note(&self, status: u16, verdict: Verdict, target: Option<usize>) {
        let (route, took) = (self.owner.map(|(index, _)| index), self.started.elapsed());
        let outcome = Outcome { route, status, verdict, target, took };
        let pattern = self.owner.map(|(_, route)| &route.pattern);
        self.service.recorder.answered(&outcome, pattern, self.mark);
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.note(UNANSWERED, Verdict::Unanswered, None);
        }
    }
}
