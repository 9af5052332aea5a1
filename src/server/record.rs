//! The lines of the log that say what became of a request: things and their states, never a value.

use super::metrics::Outcome;
use crate::decide::{self, Minting};
use crate::refusal::Refusal;
use crate::route::Pattern;
use crate::telemetry::RequestId;
use crate::trust::Peer;
use std::fmt;

/// One line for each request: the route that has it, by its template, and what came of it.
pub(super) fn answered(outcome: &Outcome, route: Option<&Pattern>, id: &RequestId) {
    let Outcome { status, code, took, .. } = *outcome;
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let route: &dyn fmt::Display = route.map_or(&"app", |route| route);
    tracing::info!(%route, status, code, request_id = %id, micros, "request");
}

/// One line for each token: who can be found again, and cannot be read.
pub(super) fn minted(minting: Minting<'_>) {
    let signer = minting.account.secret.signer.as_ref();
    let Some(signer) = signer.filter(|_| tracing::enabled!(tracing::Level::INFO)) else { return };
    let inputs = decide::inputs(minting);
    let subject = minting.target.template.subject(&inputs);
    tracing::info!(
        integration = minting.requested,
        account = minting.account.key.as_str(),
        jti = %minting.moment.jti,
        key = signer.fingerprint(),
        sub_hash = subject.ok().map(|subject| signer.hash_subject(&subject)),
        request_id = minting.request_id,
        "minted"
    );
}

/// One line for each refusal: what was wrong with what, and where the file speaks of it.
pub(super) fn refused(refusal: &Refusal, peer: Peer, id: &RequestId) {
    let evidence = &refusal.evidence;
    tracing::warn!(
        code = refusal.code.as_str(),
        detail = %evidence.detail,
        field = evidence.field.as_deref(),
        source = evidence.source.as_deref(),
        config_line = evidence.place.map(|place| place.line),
        %peer,
        request_id = %id,
        "refused"
    );
}
