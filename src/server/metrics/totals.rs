//! What all ledgers come to, under the names of the file.

use super::{Ledger, MINT_BOUNDS, NO_ANSWER, OUTCOMES, OVERLOADED, REQUEST_BOUNDS, ROW, STATUSES, codes};
use crate::telemetry::count::{Bound, Cell};
use crate::telemetry::exposition::{Exposition, Kind, label};
use std::collections::BTreeMap;

/// The families that have a sample for each of several labels.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Family {
    Requests,
    Mints,
    Refusals,
    Upstream,
}

impl Family {
    const ALL: [(Self, &str, &str); 4] = [
        (
            Self::Requests,
            "requests",
            "Requests of visitors, by the route's template and the answer's status.",
        ),
        (Self::Mints, "mints", "Visitors who were to be sent to an integration, by what became of it."),
        (Self::Refusals, "refusals", "Requests that got neither a token nor an answer of the app's, by why."),
        (
            Self::Upstream,
            "upstream_requests",
            "Requests to the app, by its answer's status, or why it has none.",
        ),
    ];
}

/// The sum of ledgers.
#[derive(Clone, Default)]
pub(super) struct Totals {
    /// By family and labels, in their final form.
    series: BTreeMap<(Family, String), u64>,
    requests_took: Vec<u64>,
    mints_took: Vec<u64>,
}

impl Totals {
    /// Adds what is in a ledger.
    pub(super) fn add(&mut self, ledger: &Ledger) {
        let names = &ledger.names;
        for ((route, known), row) in names.routes.iter().zip(ledger.requests.chunks(ROW)) {
            let route = label("route", route);
            self.add_statuses(Family::Requests, Some(&route), known, row);
        }
        for (target, row) in names.targets.iter().zip(ledger.mints.chunks(OUTCOMES.len())) {
            let target = label("integration", target);
            for (outcome, cell) in OUTCOMES.iter().zip(row) {
                self.count(Family::Mints, format!("{target},{}", label("outcome", outcome)), cell.get());
            }
        }
        for (code, cell) in codes().zip(&ledger.refusals) {
            self.count(Family::Refusals, label("code", code), cell.get());
        }
        if names.has_app {
            self.add_statuses(Family::Upstream, None, &[200], &ledger.upstream);
            for (code, cell) in NO_ANSWER.iter().zip(ledger.upstream.iter().skip(ROW)) {
                self.count(Family::Upstream, label("code", code), cell.get());
            }
        }
        add_row(&mut self.requests_took, &ledger.requests_took);
        add_row(&mut self.mints_took, &ledger.mints_took);
    }

    /// Adds a row of statuses: those that came, and those that are known to come.
    fn add_statuses(&mut self, family: Family, before: Option<&str>, known: &[u16], row: &[Cell]) {
        let statuses = STATUSES.map(Some).chain([None]);
        for (status, cell) in statuses.zip(row) {
            let count = cell.get();
            if count > 0 || status.is_some_and(|status| known.contains(&status)) {
                let code = label("code", &status.map_or("other".to_owned(), |status| status.to_string()));
                let labels = before.map_or(code.clone(), |before| format!("{before},{code}"));
                self.count(family, labels, count);
            }
        }
    }

    fn count(&mut self, family: Family, labels: String, more: u64) {
        *self.series.entry((family, labels)).or_default() += more;
    }

    /// Adds the connections that were turned away at the door: no worker's ledger has them.
    pub(super) fn turned_away(&mut self, connections: u64) {
        self.count(Family::Refusals, label("code", OVERLOADED), connections);
    }

    /// Writes all of it.
    pub(super) fn write(&self, text: &mut Exposition) {
        for (family, name, help) in Family::ALL {
            text.family(name, Kind::Counter, help);
            for ((_, labels), count) in self.series.iter().filter(|((own, _), _)| *own == family) {
                text.sample(labels, count);
            }
        }
        let help = "How long it took until the head of the answer to a request was there.";
        histogram(text, "request_duration_seconds", help, REQUEST_BOUNDS, &self.requests_took);
        let help = "The same of the requests that ended in a token.";
        histogram(text, "mint_duration_seconds", help, MINT_BOUNDS, &self.mints_took);
    }
}

fn add_row(sum: &mut Vec<u64>, row: &[Cell]) {
    sum.resize(row.len(), 0);
    sum.iter_mut().zip(row).for_each(|(sum, cell)| *sum += cell.get());
}

fn histogram(text: &mut Exposition, name: &'static str, help: &str, bounds: &[Bound], row: &[u64]) {
    text.family(name, Kind::Histogram, help);
    text.histogram(bounds, row);
}
