//! Watching what a load read, and loading again.
//!
//! The files themselves are compared, and not their events: Kubernetes swaps a symbolic link high up,
//! editors rename, a network's disk tells nothing. A load notes what it found in each file. Where a
//! later look finds something else, everything is loaded again; and what was loaded counts once a look
//! after it finds every file that the load had opened untouched. So a file that is caught
//! half-written is never served, nor is one half of a swap beside the other, nor a change that came
//! while a load was at it forgotten.
//!
//! All this has a thread of its own: a slow disk keeps nobody waiting but it.

use crate::config::{Found, Invalid, Loaded, Seen, Stamp};
use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;
use tokio::sync::mpsc as waiting;

/// How often the files are looked at.
pub const EVERY: Duration = Duration::from_secs(1);

/// After how many loads in a row that did not count somebody is told.
const RESTLESS: u32 = 30;

/// What came of loading again.
pub type Outcome = Result<Loaded, Invalid>;

/// Whoever watches; it ends with this.
pub struct Reloader(Sender<()>);

impl Reloader {
    /// Watches the files of a configuration that serves, and loads again when they change. `load` is
    /// given the files of the one that serves then.
    pub fn start<L>(
        files: Vec<Seen>,
        every: Duration,
        load: L,
    ) -> io::Result<(Self, waiting::Receiver<Outcome>)>
    where
        L: FnMut(&[Seen]) -> Outcome + Send + 'static,
    {
        let (asking, asked) = mpsc::channel();
        let (outcomes, coming) = waiting::channel(1);
        let watch =
            Watch { looks: looks(&files), served: files, candidate: None, restless: 0, load, outcomes };
        thread::Builder::new().name("reload".to_owned()).spawn(move || watch.run(&asked, every))?;
        Ok((Self(asking), coming))
    }

    /// Loads again, whether anything has changed or not, and takes what is there now for whole.
    pub fn now(&self) {
        // It is gone where the program ends.
        let _ = self.0.send(());
    }
}

struct Watch<L> {
    /// The files of what was loaded last.
    looks: Vec<Look>,
    /// The files of what serves.
    served: Vec<Seen>,
    /// What was loaded last, until it counts.
    candidate: Option<Outcome>,
    /// How many candidates in a row did not come to count.
    restless: u32,
    load: L,
    outcomes: waiting::Sender<Outcome>,
}

/// Whoever takes the outcomes is gone.
struct Gone;

impl<L: FnMut(&[Seen]) -> Outcome> Watch<L> {
    fn run(mut self, asked: &Receiver<()>, every: Duration) {
        loop {
            let step = match asked.recv_timeout(every) {
                Ok(()) => {
                    while asked.try_recv().is_ok() {}
                    self.load();
                    self.settle()
                }
                Err(RecvTimeoutError::Timeout) => self.look(),
                Err(RecvTimeoutError::Disconnected) => Err(Gone),
            };
            if step.is_err() {
                return;
            }
        }
    }

    fn look(&mut self) -> Result<(), Gone> {
        // All are looked at, so that each is read a second time with the others.
        let news = self.looks.iter_mut().map(Look::again).max().unwrap_or(News::None);
        match (&self.candidate, news) {
            (Some(_), News::None) => return self.settle(),
            (None, News::None | News::Touched) => return Ok(()),
            (Some(_), _) => self.restless = self.restless.saturating_add(1),
            (None, News::Changed) => {}
        }
        if self.restless == RESTLESS {
            tracing::warn!("the files of the configuration keep changing, and are not served");
        }
        self.load();
        Ok(())
    }

    fn load(&mut self) {
        let outcome = (self.load)(&self.served);
        self.looks = looks(files(&outcome));
        self.candidate = Some(outcome);
    }

    /// What was loaded last counts.
    fn settle(&mut self) -> Result<(), Gone> {
        self.restless = 0;
        let Some(outcome) = self.candidate.take() else { return Ok(()) };
        if let Ok(loaded) = &outcome {
            self.served.clone_from(&loaded.files);
        }
        self.outcomes.blocking_send(outcome).map_err(|_| Gone)
    }
}

fn files(outcome: &Outcome) -> &[Seen] {
    match outcome {
        Ok(loaded) => &loaded.files,
        Err(invalid) => &invalid.files,
    }
}

fn looks(files: &[Seen]) -> Vec<Look> {
    files.iter().cloned().map(Look::new).collect()
}

/// A file that is looked at again and again.
struct Look {
    seen: Seen,
    stamp: Stamp,
    found: Found,
    /// Whether two readings under one stamp were the same. The first may have come within the same
    /// tick of the disk's clock as a write after it.
    sure: bool,
}

/// What a look tells of a file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum News {
    /// Nobody has touched it since the load.
    None,
    /// It was written, or is another one, with the same in it.
    Touched,
    /// There is something else in it.
    Changed,
}

impl Look {
    fn new(seen: Seen) -> Self {
        Self { stamp: seen.stamp, found: seen.found, sure: false, seen }
    }

    /// Looks, and reads where the stamp cannot tell.
    fn again(&mut self) -> News {
        // What came out of a pipe does so once.
        if self.seen.found == Found::Stream {
            return News::None;
        }
        let stamp = Stamp::of(&self.seen.path);
        if !self.sure || self.stamp != stamp {
            let found = self.seen.look();
            self.sure = self.stamp == stamp && self.found == found;
            (self.stamp, self.found) = (stamp, found);
        }
        match () {
            () if self.found != self.seen.found => News::Changed,
            () if self.stamp != self.seen.stamp => News::Touched,
            () => News::None,
        }
    }
}
