//! What is counted, and `/metrics`.
//!
//! Each worker has a [`Ledger`] for each generation of the configuration: rows of cells whose places
//! are known at load, so that a request finds its own by an index. Nothing of a request becomes a
//! label: routes and integrations are the file's, codes are ours, and a status is one of 501. Only
//! whoever asks for `/metrics` sums up, and takes over what is in the ledgers that nobody has any more.

mod totals;

use super::edition::Edition;
use super::reply::Failure;
use super::room::Room;
use super::status::{Generation, Standing};
use super::verdict::Verdict;
use crate::config::model::{Account, Integration, Policy};
use crate::evidence::{Finding, State};
use crate::refusal::Code;
use crate::route::{Door, Route};
use crate::telemetry::count::{Bound, Cell, cells, observe, width};
use crate::telemetry::exposition::{Exposition, Format, Kind, label};
use crate::telemetry::log;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use totals::Totals;

/// The statuses that have cells of their own, and one cell for all others.
const STATUSES: std::ops::Range<u16> = 100..600;
const ROW: usize = (STATUSES.end - STATUSES.start) as usize + 1;

/// Of requests: until the head of the answer is there.
const REQUEST_BOUNDS: &[Bound] = &[
    Bound::at(100, "0.0001"),
    Bound::at(250, "0.00025"),
    Bound::at(500, "0.0005"),
    Bound::at(1_000, "0.001"),
    Bound::at(2_500, "0.0025"),
    Bound::at(5_000, "0.005"),
    Bound::at(10_000, "0.01"),
    Bound::at(25_000, "0.025"),
    Bound::at(50_000, "0.05"),
    Bound::at(100_000, "0.1"),
    Bound::at(250_000, "0.25"),
    Bound::at(500_000, "0.5"),
    Bound::at(1_000_000, "1.0"),
    Bound::at(2_500_000, "2.5"),
    Bound::at(5_000_000, "5.0"),
    Bound::at(10_000_000, "10.0"),
    Bound::at(30_000_000, "30.0"),
    Bound::at(60_000_000, "60.0"),
];

/// Of those that ended in a token: what the app was asked for on the way is in it.
const MINT_BOUNDS: &[Bound] = &[
    Bound::at(10, "1e-05"),
    Bound::at(25, "2.5e-05"),
    Bound::at(50, "5e-05"),
    Bound::at(100, "0.0001"),
    Bound::at(250, "0.00025"),
    Bound::at(500, "0.0005"),
    Bound::at(1_000, "0.001"),
    Bound::at(2_500, "0.0025"),
    Bound::at(5_000, "0.005"),
    Bound::at(10_000, "0.01"),
    Bound::at(25_000, "0.025"),
    Bound::at(50_000, "0.05"),
    Bound::at(100_000, "0.1"),
    Bound::at(250_000, "0.25"),
    Bound::at(500_000, "0.5"),
    Bound::at(1_000_000, "1.0"),
    Bound::at(2_500_000, "2.5"),
    Bound::at(5_000_000, "5.0"),
];

/// What became of somebody who asked for a token.
const OUTCOMES: [&str; 3] = ["minted", "refused", "failed"];

/// Which of them a verdict is, on somebody who was about to be sent somewhere.
fn outcome(verdict: Verdict) -> usize {
    match verdict {
        Verdict::Minted => 0,
        // It was not for the visitor to do better: nobody said who that is, or Pandium gave no page to show.
        Verdict::Refused(Code::SessionUnavailable | Code::KeyUnavailable | Code::TokenTooLarge)
        | Verdict::Failed(
            Failure::NoApp
            | Failure::Unreachable
            | Failure::Late
            | Failure::PandiumAway
            | Failure::PandiumLate,
        ) => 2,
        Verdict::Refused(_)
        | Verdict::Failed(Failure::VisitorLate | Failure::VisitorBroken)
        | Verdict::Elsewhere
        | Verdict::Passed
        | Verdict::Unanswered => 1,
    }
}

/// What stands for an app that gave no answer.
const NO_ANSWER: [&str; 2] = [Failure::Unreachable.as_str(), Failure::Late.as_str()];

/// The codes of refusals, and those of what could not be passed on.
fn codes() -> impl Iterator<Item = &'static str> {
    let failures = [Failure::Unreachable, Failure::Late, Failure::VisitorLate, Failure::VisitorBroken];
    Code::ALL.into_iter().map(Code::as_str).chain(failures.map(Failure::as_str))
}

/// What the listener says to a connection too many.
const OVERLOADED: &str = "overloaded";

/// How the app answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// With this status.
    Status(u16),
    /// Not at all.
    Nothing,
    /// Not in time.
    Late,
}

/// What became of a request.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// The position of the route that has the path; none where it is the app's.
    pub route: Option<usize>,
    /// The answer's status.
    pub status: u16,
    /// What it has come to.
    pub verdict: Verdict,
    /// The position of the target, where somebody was about to be sent there.
    pub target: Option<usize>,
    /// Until the head of the answer was there.
    pub took: Duration,
}

/// What one worker has counted of one generation.
pub struct Ledger {
    names: Arc<Names>,
    /// A row of statuses for each route, and the app's before them.
    requests: Box<[Cell]>,
    requests_took: Box<[Cell]>,
    /// A row of outcomes for each target.
    mints: Box<[Cell]>,
    mints_took: Box<[Cell]>,
    refusals: Box<[Cell]>,
    /// The statuses, and those that stand for none.
    upstream: Box<[Cell]>,
}

/// What things are called that workers know by their positions.
pub struct Names {
    /// The edition's number.
    pub generation: Generation,
    /// The app's, and each route's, with the statuses that are known beforehand.
    routes: Vec<(String, &'static [u16])>,
    /// Each target's.
    targets: Vec<String>,
    /// Each account's, and its key's fingerprint.
    pub accounts: Vec<(String, Option<String>)>,
    /// Each field, before anything was found.
    pub fields: Vec<Finding>,
    has_app: bool,
}

impl Names {
    fn of(edition: &Edition) -> Self {
        let config = &edition.config;
        let Policy { routes, integrations, marketplace, fields, pandium, .. } = &config.policy;
        let has_app = config.upstream.is_some();
        let app: &[u16] = if has_app { &[200, 400, 502, 504] } else { &[404] };
        let route = |route: &Route| (route.pattern.to_string(), known(route.door));
        let mut named: Vec<&Integration> = integrations.iter().collect();
        named.sort_by_key(|integration| integration.target.index);
        let mut targets: Vec<String> = named.iter().map(|integration| integration.name.to_string()).collect();
        // No integration can have this name.
        targets.extend(marketplace.as_ref().map(|_| "(marketplace)".to_owned()));
        let routes = std::iter::once(("app".to_owned(), app)).chain(routes.iter().map(route)).collect();
        let account = |account: &Account| {
            let key = account.secret.signer.as_ref().map(|signer| signer.fingerprint().to_owned());
            (account.key.to_string(), key)
        };
        Self {
            generation: edition.generation,
            routes,
            targets,
            accounts: pandium.accounts.iter().map(account).collect(),
            fields: fields.iter().map(|field| field.finding(State::Absent)).collect(),
            has_app,
        }
    }

    /// A route's, or the app's.
    pub fn route(&self, route: Option<usize>) -> &str {
        let route = self.routes.get(route.map_or(0, |route| route + 1));
        route.map_or("", |(name, _)| name)
    }

    /// A target's.
    pub fn target(&self, target: Option<usize>) -> Option<&str> {
        target.and_then(|target| self.targets.get(target)).map(String::as_str)
    }
}

/// How a route of ours answers.
fn known(door: Door) -> &'static [u16] {
    match door {
        Door::Install | Door::Marketplace => &[302, 400, 401, 403, 404, 405, 500, 502, 503, 504],
        Door::Link => &[200, 400, 401, 403, 404, 405, 500, 502, 503, 504],
        Door::Decision => &[200, 401, 403],
        Door::Pandium => &[200, 302, 400, 401, 403, 404, 405, 502, 503, 504],
    }
}

impl Ledger {
    fn of(edition: &Edition) -> Self {
        let names = Names::of(edition);
        Self {
            requests: cells(names.routes.len() * ROW),
            requests_took: cells(width(REQUEST_BOUNDS)),
            mints: cells(names.targets.len() * OUTCOMES.len()),
            mints_took: cells(width(MINT_BOUNDS)),
            refusals: cells(codes().count()),
            upstream: cells(ROW + NO_ANSWER.len()),
            names: Arc::new(names),
        }
    }

    /// What its rows are called.
    pub fn names(&self) -> &Arc<Names> {
        &self.names
    }

    /// Counts a request.
    pub fn answered(&self, outcome: &Outcome) {
        add(&self.requests, outcome.route.map_or(0, |route| route + 1) * ROW + status_cell(outcome.status));
        observe(&self.requests_took, REQUEST_BOUNDS, outcome.took);
        if let Some(target) = outcome.target {
            add(&self.mints, target * OUTCOMES.len() + self::outcome(outcome.verdict));
        }
        match outcome.verdict {
            Verdict::Minted => observe(&self.mints_took, MINT_BOUNDS, outcome.took),
            Verdict::Refused(_) | Verdict::Failed(_) => {
                if let Some(at) = codes().position(|code| code == outcome.verdict.as_str()) {
                    add(&self.refusals, at);
                }
            }
            Verdict::Passed | Verdict::Elsewhere | Verdict::Unanswered => {}
        }
    }

    /// Counts what the app was asked.
    pub fn heard(&self, heard: Heard) {
        let at = match heard {
            Heard::Status(status) => status_cell(status),
            Heard::Nothing => ROW,
            Heard::Late => ROW + 1,
        };
        add(&self.upstream, at);
    }
}

fn add(row: &[Cell], at: usize) {
    if let Some(cell) = row.get(at) {
        cell.add(1);
    }
}

fn status_cell(status: u16) -> usize {
    if STATUSES.contains(&status) { usize::from(status - STATUSES.start) } else { ROW - 1 }
}

/// All that is counted.
pub struct Metrics {
    books: Mutex<Books>,
    room: Room,
}

/// The ledgers that are written in, and what was in the others.
#[derive(Default)]
struct Books {
    open: Vec<Arc<Ledger>>,
    closed: Totals,
}

impl Books {
    /// Closes those that nobody writes in any more: whoever did has dropped theirs.
    fn close(&mut self) {
        let closed = &mut self.closed;
        self.open.retain(|ledger| {
            let written = Arc::strong_count(ledger) > 1;
            if !written {
                closed.add(ledger);
            }
            written
        });
    }

    /// The sum of all.
    fn sum(&mut self) -> Totals {
        self.close();
        let mut sum = self.closed.clone();
        self.open.iter().for_each(|ledger| sum.add(ledger));
        sum
    }
}

impl Metrics {
    /// Nothing was counted yet.
    pub fn new(room: Room) -> Self {
        Self { books: Mutex::default(), room }
    }

    /// Makes what an edition names known before anybody counts it.
    pub fn declare(&self, edition: &Edition) {
        self.books.lock().unwrap_or_else(PoisonError::into_inner).closed.add(&Ledger::of(edition));
    }

    /// A ledger for one worker, as long as it serves by this edition.
    pub fn ledger(&self, edition: &Edition) -> Arc<Ledger> {
        let ledger = Arc::new(Ledger::of(edition));
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        // Here, too: where nobody asks for the sum, every reload would leave some behind.
        books.close();
        books.open.push(Arc::clone(&ledger));
        ledger
    }

    /// All of it as text.
    pub fn write(&self, format: Format, standing: &Standing) -> String {
        let mut sum = self.books.lock().unwrap_or_else(PoisonError::into_inner).sum();
        sum.turned_away(self.room.turned_away());
        let mut text = Exposition::new(format);
        sum.write(&mut text);
        text.family("connections", Kind::Gauge, "Connections of visitors that are open.");
        text.sample("", self.room.open());
        text.family("connections_limit", Kind::Gauge, "How many may be open: limits.connections.");
        text.sample("", self.room.limit());
        text.family("config_generation", Kind::Gauge, "Which configuration serves, counted from 1.");
        text.sample("", standing.generation);
        let help = "Whether the newest files serve: 0 where a load failed and the ones before serve on.";
        text.family("config_last_reload_successful", Kind::Gauge, help);
        text.sample("", u8::from(standing.failed.is_none()));
        let help = "Each account, and its key by its fingerprint: empty where there is no key.";
        text.family("config", Kind::Info, help);
        for account in &standing.accounts {
            let key = account.fingerprint.as_deref().unwrap_or_default();
            text.sample(&[label("account", &account.account), label("key_fingerprint", key)].join(","), 1);
        }
        let help = "Lines of the log that nobody took: the output was closed, full or too slow.";
        text.family("log_lines_dropped", Kind::Counter, help);
        text.sample("", log::dropped());
        text.finish()
    }
}
