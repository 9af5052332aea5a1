//! Decisions as the operator is told of them, with names and words.

use super::{Common, Minted, Refused, page};
use crate::evidence::Finding;
use serde_json::{Value, json};
use std::time::{Duration, Instant, SystemTime};

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
        let Common { at, names, route, target, request_id, trace_id } = common;
        // By how long ago it was: the clock may have been set since.
        let time = SystemTime::now().checked_sub(at.elapsed()).unwrap_or(SystemTime::UNIX_EPOCH);
        Self {
            at: *at,
            time: rfc3339(time),
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
            trace_id: trace_id.clone(),
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

/// A time in UTC, to the second, as RFC 3339 has it.
fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    let (days, second) = (since / 86_400, since % 86_400);
    // Howard Hinnant's `civil_from_days`: years begin in March, and eras have 400 of them.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let leap_days = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}Z", second % 60)
}

#[cfg(test)]
mod tests {
    use super::rfc3339;
    use std::time::{Duration, SystemTime};

    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_700_000_000, "2023-11-14T22:13:20Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
    }
}
