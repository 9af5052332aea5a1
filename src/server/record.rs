//! What is noted of a request: what it counts as, its lines in the log, and the decision that was
//! made. Things and their states, never a value.

use super::decisions::{Decisions, Mint, Notebook, Refused};
use super::edition::Edition;
use super::metrics::{Heard, Ledger, Metrics, Outcome};
use super::rehearse;
use super::room::Room;
use super::service::{Stamp, Visit};
use crate::config::Config;
use crate::decide::{self, Ask, Minting};
use crate::refusal::Refusal;
use crate::route::Pattern;
use crate::telemetry::Mark;
use std::fmt;
use std::sync::Arc;

/// All that is noted, by all workers.
pub struct Records {
    /// What is counted.
    pub metrics: Metrics,
    /// The last decisions.
    pub decisions: Decisions,
}

impl Records {
    /// Nothing has happened yet.
    pub fn new(room: Room) -> Self {
        Self { metrics: Metrics::new(room), decisions: Decisions::default() }
    }
}

/// Where one worker notes what happens under one edition.
pub(super) struct Recorder {
    config: Arc<Config>,
    ledger: Arc<Ledger>,
    notebook: Arc<Notebook>,
}

impl Recorder {
    /// One for this edition; decisions go where the worker had them before.
    pub(super) fn new(edition: &Edition, previous: Option<&Self>) -> Self {
        let kept = previous.map(|previous| Arc::clone(&previous.notebook));
        Self {
            config: Arc::clone(&edition.config),
            ledger: edition.records.metrics.ledger(edition),
            notebook: kept.unwrap_or_else(|| edition.records.decisions.notebook()),
        }
    }

    /// A request has its answer: it counts, and has a line.
    pub(super) fn answered(&self, outcome: &Outcome, route: Option<&Pattern>, mark: &Mark) {
        self.ledger.answered(outcome);
        if !self.config.log.access {
            return;
        }
        let Outcome { status, verdict, took, .. } = *outcome;
        let code = verdict.as_str();
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let route: &dyn fmt::Display = route.map_or(&"app", |route| route);
        let Mark { id, trace } = mark;
        tracing::info!(%route, status, code, request_id = %id, trace_id = %trace, micros, "request");
    }

    /// The app was asked.
    pub(super) fn heard(&self, heard: Heard) {
        self.ledger.heard(heard);
    }

    /// One line for each token: who can be found again, and cannot be read.
    pub(super) fn minted(&self, minting: Minting<'_>, stamp: Stamp<'_>) {
        let fields = &self.config.policy.fields;
        self.notebook.mint(&Mint { minting, stamp, fields, names: self.ledger.names() });
        let signer = minting.account.secret.signer.as_ref();
        let Some(signer) = signer.filter(|_| tracing::enabled!(tracing::Level::INFO)) else { return };
        let inputs = decide::inputs(minting);
        let subject = minting.target.template.subject(&inputs);
        let Mark { id, trace } = stamp.mark;
        tracing::info!(
            integration = minting.requested,
            account = minting.account.key.as_str(),
            jti = %minting.moment.jti,
            key = signer.fingerprint(),
            sub_hash = subject.ok().map(|subject| signer.hash_subject(&subject)),
            request_id = %id,
            trace_id = %trace,
            "minted"
        );
    }

    /// One line for each refusal: what was wrong with what, where the file speaks of it, and how it is
    /// played again.
    pub(super) fn refused(&self, refusal: &Refusal, visit: &Visit<'_>, ask: Option<Ask<'_, '_>>) {
        let again = rehearse::command(&self.config, visit, ask, refusal);
        let evidence = &refusal.evidence;
        let finding = evidence.finding.as_ref();
        let Mark { id, trace } = visit.stamp.mark;
        tracing::warn!(
            code = refusal.code.as_str(),
            detail = %evidence.detail,
            field = finding.and_then(|finding| finding.field.as_deref()),
            source = finding.map(|finding| finding.source.as_str()),
            state = finding.and_then(|finding| finding.state).map(tracing::field::display),
            config_line = finding.and_then(|finding| finding.place).map(|place| place.line),
            peer = %visit.origin.peer,
            request_id = %id,
            trace_id = %trace,
            explain = again.as_deref().map(tracing::field::display),
            "refused"
        );
        let asked = || rehearse::asked(&self.config.policy, visit).map(|integration| &integration.target);
        let target = ask.map(|ask| ask.target).or_else(asked).map(|target| target.index);
        self.notebook.refuse(Refused::new(refusal, visit, target, self.ledger.names(), again));
    }
}
