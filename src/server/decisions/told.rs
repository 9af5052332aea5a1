//! Decisions as the operator is told of them, with names and words.

use super::{Common, Minted, Refused, page};
use crate::evidence::Finding;
use crate::telemetry::clock::rfc3339;
use serde_json::{Value, json};
use std::time::{Instant, SystemTime};

/// The last decisions, the newest first.
#[derive(Default)]
pub struct Told {
    mints: Vec<Decision>,
    refusals: Vec<Decision>,
}

/// One decision.
pub(super) struct Decision {
    at: Instant,
    pub(super) time: String,
    pub(super) generation: u64,
    pub(super) route: String,
    pub(super) integration: Option<String>,
    /// `minted`, or the refusal's code.
    pub(super) code: &'static str,
    /// Why, in a sentence; empty for a mint.
    pub(super) detail: String,
    /// Each field of a mint, or what a refusal is about.
    pub(super) findings: Vec<Finding>,
    pub(super) account: Option<String>,
    pub(super) key: Option<String>,
    pub(super) jti: Option<String>,
    pub(super) request_id: String,
    pub(super) trace_id: String,
    /// The command that plays it again.
    pub(super) again: Option<String>,
}

impl Decision {
    fn of(common: &Common, code: &'static str) -> Self {
        let Common { at, names, route, target, request_id, trace } = common;
        // By how long ago it was: the clock may have been set since.
        let time = SystemTime::now().checked_sub(at.elapsed()).unwrap_or(SystemTime::UNIX_EPOCH);
        Self {
            at: *at,
            time: rfc3339(time) + "Z",
            generation: names.generation.number(),
            route: names.route(*route).to_owned(),
            integration: names.target(*target).map(str::to_owned),
            code,
            detail: String::new(),
            findings: Vec::new(),
            account: None,
            key: None,
            jti: None,
            request_id: request_id.clone(),
            trace_id: trace.to_string(),
            again: None,
        }
    }

    fn minted(minted: &Minted) -> Self {
        let names = &minted.common.names;
        let (account, key) = names.accounts.get(minted.account).cloned().unzip();
        let found = names.fields.iter().zip(&minted.states);
        Self {
            findings: found.map(|(field, state)| field.clone().state(*state)).collect(),
            account,
            key: key.flatten(),
            jti: Some(minted.jti.to_string()),
            ..Self::of(&minted.common, "minted")
        }
    }

    fn refused(refused: &Refused) -> Self {
        Self {
            detail: refused.evidence.detail.clone().into_owned(),
            findings: refused.evidence.finding.iter().cloned().collect(),
            again: refused.again.clone(),
            ..Self::of(&refused.common, refused.code.as_str())
        }
    }

    fn json(&self) -> Value {
        let findings: Vec<_> = self.findings.iter().map(finding).collect();
        let mut told = json!({
            "time": self.time,
            "route": self.route,
            "integration": self.integration,
            "outcome": if self.jti.is_some() { "minted" } else { "refused" },
            "code": self.code,
            "request_id": self.request_id,
            "trace_id": self.trace_id,
            "generation": self.generation,
            "findings": findings,
        });
        if let Some(told) = told.as_object_mut() {
            let more = [
                ("detail", Some(&self.detail).filter(|detail| !detail.is_empty())),
                ("account", self.account.as_ref()),
                ("key", self.key.as_ref()),
                ("jti", self.jti.as_ref()),
                ("explain", self.again.as_ref()),
            ];
            told.extend(more.into_iter().filter_map(|(name, text)| Some((name.to_owned(), json!(text?)))));
        }
        told
    }
}

fn finding(finding: &Finding) -> Value {
    json!({
        "field": finding.field,
        "source": finding.source,
        "state": finding.state.map(|state| state.to_string()),
        "config_line": finding.place.map(|place| place.line),
    })
}

impl Told {
    /// Adds what one worker has decided.
    pub(super) fn add(&mut self, mints: &[Minted], refusals: &[Refused]) {
        self.mints.extend(mints.iter().map(Decision::minted));
        self.refusals.extend(refusals.iter().map(Decision::refused));
    }

    /// The newest of all, so many of a kind.
    pub(super) fn finish(mut self, most: usize) -> Self {
        for decisions in [&mut self.mints, &mut self.refusals] {
            decisions.sort_by_key(|decision| std::cmp::Reverse(decision.at));
            decisions.truncate(most);
        }
        self
    }

    /// For programs.
    pub fn json(&self) -> String {
        let all = |decisions: &[Decision]| decisions.iter().map(Decision::json).collect::<Vec<_>>();
        let text = serde_json::to_string_pretty(&json!({
            "refusals": all(&self.refusals),
            "mints": all(&self.mints),
        }));
        text.unwrap_or_default() + "\n"
    }

    /// For people.
    pub fn page(&self) -> String {
        page::write(&self.refusals, &self.mints)
    }
}
