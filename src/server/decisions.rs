//! The last decisions: whom a token was refused and why, and whom one was minted for.
//!
//! Each worker has a notebook of its own with room for so many of both. A mint is written over the
//! oldest, in the memory that it had: what is noted are indexes, lengths and the ids that find the
//! request in the log. Names and words are added when the operator asks.

mod page;
mod told;

use super::metrics::Names;
use super::service::{Stamp, Visit};
use crate::decide::Minting;
use crate::evidence::{Evidence, State};
use crate::fields::Field;
use crate::refusal::{Code, Refusal};
use crate::telemetry::Trace;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use uuid::Uuid;

pub use page::POLICY;
pub use told::Told;

/// How many are kept of both kinds.
const KEPT: usize = 100;

/// The notebooks of all workers.
#[derive(Default)]
pub struct Decisions(Mutex<Vec<Arc<Notebook>>>);

impl Decisions {
    /// A notebook for one worker.
    pub fn notebook(&self) -> Arc<Notebook> {
        let notebook = Arc::<Notebook>::default();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&notebook));
        notebook
    }

    /// The last decisions of all workers, the newest first.
    pub fn tell(&self) -> Told {
        let mut told = Told::default();
        for notebook in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let pages = notebook.lock();
            told.add(&pages.mints.slots, &pages.refusals.slots);
        }
        told.finish(KEPT)
    }
}

/// What one worker has decided.
#[derive(Default)]
pub struct Notebook(Mutex<Pages>);

#[derive(Default)]
struct Pages {
    mints: Ring<Minted>,
    refusals: Ring<Refused>,
}

/// The last so many of a kind.
struct Ring<T> {
    slots: Vec<T>,
    /// The oldest, once all are taken.
    next: usize,
}

impl<T> Default for Ring<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), next: 0 }
    }
}

impl<T> Ring<T> {
    /// The place of the oldest, once all places are taken.
    fn oldest(&mut self) -> Option<&mut T> {
        if self.slots.len() < KEPT {
            return None;
        }
        let at = self.next;
        self.next = (at + 1) % KEPT;
        self.slots.get_mut(at)
    }

    fn put(&mut self, item: T) {
        match self.oldest() {
            Some(slot) => *slot = item,
            None => self.slots.push(item),
        }
    }
}

/// A mint, as it happens.
pub(super) struct Mint<'m> {
    /// What was minted.
    pub(super) minting: Minting<'m>,
    /// For which request.
    pub(super) stamp: Stamp<'m>,
    /// The fields that it was made of.
    pub(super) fields: &'m [Field],
    /// What things are called.
    pub(super) names: &'m Arc<Names>,
}

/// What both kinds have.
struct Common {
    at: Instant,
    names: Arc<Names>,
    route: Option<usize>,
    target: Option<usize>,
    request_id: String,
    trace: Trace,
}

impl Common {
    fn new(stamp: Stamp<'_>, target: Option<usize>, names: &Arc<Names>) -> Self {
        Self {
            at: stamp.started,
            names: Arc::clone(names),
            route: stamp.route,
            target,
            request_id: stamp.mark.id.as_str().to_owned(),
            trace: stamp.mark.trace.clone(),
        }
    }

    fn identify(&mut self, stamp: Stamp<'_>) {
        self.request_id.clear();
        self.request_id.push_str(stamp.mark.id.as_str());
        self.trace.clone_from(&stamp.mark.trace);
    }
}

/// A mint, as it is kept.
struct Minted {
    common: Common,
    account: usize,
    jti: Uuid,
    /// How each field was found.
    states: Vec<State>,
}

impl Minted {
    fn new(mint: &Mint<'_>) -> Self {
        let common = Common::new(mint.stamp, Some(mint.minting.target.index), mint.names);
        let mut minted = Self { common, account: 0, jti: Uuid::nil(), states: Vec::new() };
        minted.write(mint);
        minted
    }

    fn write(&mut self, Mint { minting, stamp, fields, names }: &Mint<'_>) {
        let common = &mut self.common;
        (common.at, common.route, common.target) = (stamp.started, stamp.route, Some(minting.target.index));
        if !Arc::ptr_eq(&common.names, names) {
            common.names = Arc::clone(names);
        }
        common.identify(*stamp);
        (self.account, self.jti) = (minting.account.index, minting.moment.jti);
        self.states.clear();
        let states = fields.iter().enumerate();
        self.states.extend(states.map(|(index, field)| field.state(minting.session.get(index))));
    }
}

/// A refusal, as it is kept.
pub(super) struct Refused {
    common: Common,
    code: Code,
    evidence: Evidence,
    /// The command that plays it again.
    again: Option<String>,
}

impl Refused {
    /// What is kept of this one.
    pub(super) fn new(
        refusal: &Refusal,
        visit: &Visit<'_>,
        target: Option<usize>,
        names: &Arc<Names>,
        again: Option<String>,
    ) -> Self {
        let common = Common::new(visit.stamp, target, names);
        Self { common, code: refusal.code, evidence: (*refusal.evidence).clone(), again }
    }
}

impl Notebook {
    fn lock(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a mint. The lock is the worker's own, but for the moment in which the operator reads.
    pub(super) fn mint(&self, mint: &Mint<'_>) {
        let mints = &mut self.lock().mints;
        match mints.oldest() {
            Some(slot) => slot.write(mint),
            None => mints.put(Minted::new(mint)),
        }
    }

    /// Notes a refusal.
    pub(super) fn refuse(&self, refused: Refused) {
        self.lock().refusals.put(refused);
    }
}
