//! Wiring and life cycle: bind everything, serve, and end in order.

use crate::config::error::Problem;
use crate::config::model::{Endpoint, Listen, LogFormat, Shutdown};
use crate::config::{self, Config, Invalid, Loaded, Remade};
use crate::server::admin::{self, Desk};
use crate::server::connection::{Bounds, Origin, Phase};
use crate::server::edition::{self, Edition, Post, Turn};
use crate::server::listener::{Bound, Listener, Manner, Shared};
use crate::server::record::Records;
use crate::server::room::Room;
use crate::server::status::{AccountKey, Status};
use crate::server::worker::Worker;
use std::future::Future;
use std::io;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// Why the program cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address that cannot be listened at.
    #[error("{key}: cannot listen at {at}: {error}{}", advice(.key, .error))]
    Bind {
        /// The key of the file that names it.
        key: &'static str,
        /// The address.
        at: String,
        /// What the system says.
        #[source]
        error: io::Error,
    },
    /// The system refuses threads or signals.
    #[error("the system refuses: {0}")]
    Runtime(#[source] io::Error),
}

/// The program, serving.
pub struct Running {
    /// Where visitors are served, in the order of `listen`.
    pub bound: Vec<Bound>,
    /// Where the operator is.
    pub admin: Option<Bound>,
    /// What the operator is told.
    pub status: Status,
    phase: watch::Sender<Phase>,
    workers: Vec<Crew>,
    admin_phase: watch::Sender<Phase>,
    admin_worker: Option<Worker>,
    /// What serves.
    edition: Arc<Edition>,
    fixed: Fixed,
    /// Kept for their files, and to be told of the next edition.
    listeners: Vec<Listener>,
    _admin_listener: Option<Listener>,
    /// What goes on beside the requests, and ends with the edition.
    beside: JoinSet<()>,
}

/// A sidecar needs one or two.
pub fn default_workers() -> NonZeroUsize {
    const TWO: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);
    std::thread::available_parallelism().map_or(NonZeroUsize::MIN, |cores| cores.min(TWO))
}

/// Binds every listener, and serves on all of them or on none.
pub async fn start(config: Config, workers: NonZeroUsize) -> Result<Running, StartError> {
    let bounds = Bounds::of(&config);
    let mut listeners = Vec::with_capacity(config.listen.len());
    for listen in &config.listen {
        listeners.push(bind("listen", listen, bounds).await?);
    }
    let admin = match &config.admin {
        Some(admin) => Some(bind("admin", admin, bounds).await?),
        None => None,
    };
    let (phase, phases) = watch::channel(Phase::Serving);
    let (admin_phase, admin_phases) = watch::channel(Phase::Serving);
    let status = Status::new(&config);
    let room = Room::new(config.limits.connections);
    let records = Arc::new(Records::new(room.clone()));
    let desk = Desk { status: status.clone(), records: Arc::clone(&records) };
    let admin_worker = match &admin {
        Some(listener) => Some(start_admin(listener, desk, admin_phases)?),
        None => None,
    };
    let fixed = Fixed::of(&config);
    let edition = Arc::new(Edition::first(config, records));
    let workers = (0..workers.get())
        .map(|_| Crew::start(&listeners, &room, &edition, &phases))
        .collect::<Result<_, _>>()?;
    status.set_ready(true);
    Ok(Running {
        bound: listeners.iter().map(|listener| listener.bound.clone()).collect(),
        admin: admin.as_ref().map(|listener| listener.bound.clone()),
        status,
        phase,
        workers,
        admin_phase,
        admin_worker,
        beside: beside(&edition),
        edition,
        fixed,
        listeners,
        _admin_listener: admin,
    })
}

/// What goes on beside the requests of an edition.
fn beside(edition: &Edition) -> JoinSet<()> {
    edition.issuer.iter().map(|issuer| Arc::clone(issuer).keep()).collect()
}

/// A worker, and the way to give it the next edition.
struct Crew {
    worker: Worker,
    turns: mpsc::UnboundedSender<Turn>,
}

impl Crew {
    fn start(
        listeners: &[Listener],
        room: &Room,
        edition: &Arc<Edition>,
        phases: &watch::Receiver<Phase>,
    ) -> Result<Self, StartError> {
        let sockets = listeners.iter().map(Listener::share).collect::<Result<_, _>>();
        let (turns, coming) = mpsc::unbounded_channel();
        let edition = Arc::clone(edition);
        let handler = move || Post::take(&edition, coming);
        let worker = sockets
            .and_then(|sockets| Worker::start(sockets, room.clone(), handler, phases.clone()))
            .map_err(StartError::Runtime)?;
        Ok(Self { worker, turns })
    }
}

/// How many connections the operator has at most.
const OPERATORS: usize = 64;

/// The operator has a worker of their own: health is told however busy the others are.
fn start_admin(
    listener: &Listener,
    desk: Desk,
    phases: watch::Receiver<Phase>,
) -> Result<Worker, StartError> {
    let handler = move || {
        move |origin: Arc<Origin>, request| {
            let answer = admin::answer(&request, origin.peer, &desk);
            async move { answer }
        }
    };
    let room = Room::new(OPERATORS);
    let sockets = |socket: Shared| Worker::start(vec![socket], room, handler, phases);
    listener.share().and_then(sockets).map_err(StartError::Runtime)
}

/// What is settled at the start, and what the file said of it then.
struct Fixed {
    listen: Vec<(Endpoint, Option<u32>)>,
    admin: Option<Listen>,
    connections: usize,
    format: Option<LogFormat>,
}

impl Fixed {
    fn of(config: &Config) -> Self {
        Self {
            listen: config.listen.iter().map(|listen| (listen.at.clone(), listen.mode)).collect(),
            admin: config.admin.clone(),
            connections: config.limits.connections,
            format: config.log.format,
        }
    }

    /// The keys of a later file that count after a restart alone.
    fn differences(&self, config: &Config) -> Vec<&'static str> {
        let later = Self::of(config);
        [
            ("listen", !is_permutation(&self.listen, &later.listen)),
            ("admin", self.admin != later.admin),
            ("limits.connections", self.connections != later.connections),
            ("log.format", self.format != later.format),
        ]
        .into_iter()
        .filter_map(|(key, differs)| differs.then_some(key))
        .collect()
    }
}

/// No address is listed twice.
fn is_permutation<T: PartialEq>(one: &[T], other: &[T]) -> bool {
    one.len() == other.len() && one.iter().all(|item| other.contains(item))
}

/// Says what is allowed, but unwise.
pub fn warn(warnings: &[Problem]) {
    for warning in warnings {
        tracing::warn!(line = warning.place.line, path = warning.path, "{}", warning.message);
    }
}

/// SIGTERM, or Ctrl-C; listened for from now on.
pub fn stop_signal() -> io::Result<impl Future<Output = ()> + use<>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// SIGHUP, again and again; listened for from now on.
pub fn reload_signal(asked: impl Fn() + Send + 'static) -> io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            asked();
        }
    });
    Ok(())
}

async fn bind(key: &'static str, listen: &Listen, bounds: Bounds) -> Result<Listener, StartError> {
    let failed = |error| StartError::Bind { key, at: listen.at.to_string(), error };
    Listener::bind(listen, bounds).await.map_err(failed)
}

/// What to do about an address that is not to be had.
fn advice(key: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => format!("; end what listens there, or give `{key}` another address"),
        io::ErrorKind::AddrNotAvailable => format!("; give `{key}` an address that this machine has"),
        io::ErrorKind::PermissionDenied => {
            format!("; give `{key}` a port above 1023, or a path where this user may write")
        }
        _ => String::new(),
    }
}

impl Running {
    /// Says where it serves, and what.
    pub fn announce(&self) {
        for bound in &self.bound {
            tracing::info!(listen = %bound, "serving");
        }
        if let Some(admin) = &self.admin {
            tracing::info!(listen = %admin, "health");
        }
        let config = &*self.edition.config.file;
        tracing::info!(version = env!("CARGO_PKG_VERSION"), config, keys = self.keys(), "started");
    }

    /// Each account, and what names its key.
    fn keys(&self) -> String {
        let accounts = self.status.now().accounts;
        let named = accounts.iter().map(|AccountKey { account, fingerprint, .. }| {
            format!("{account} {}", fingerprint.as_deref().unwrap_or("has none"))
        });
        named.collect::<Vec<_>>().join(", ")
    }

    /// Serves by this configuration from now on. What is under way ends by the one that it began with,
    /// and no connection is closed.
    pub async fn adopt(&mut self, config: Config) {
        let edition = Arc::new(self.edition.next(config));
        let known = |issuer| self.edition.issuer.as_ref().is_some_and(|own| Arc::ptr_eq(own, issuer));
        let stays = edition.issuer.as_ref().is_none_or(known);
        if let (Some(issuer), false) = (&edition.issuer, stays) {
            issuer.prime().await;
        }
        let config = &edition.config;
        for (listener, (at, _)) in self.listeners.iter().zip(&self.fixed.listen) {
            if let Some(listen) = config.listen.iter().find(|listen| listen.at == *at) {
                listener.mend(Manner::new(listen, Bounds::of(config)));
            }
        }
        let turns: Vec<_> = self.workers.iter().map(|crew| crew.turns.clone()).collect();
        edition::turn(&turns, &edition).await;
        if !stays || edition.issuer.is_none() {
            self.beside = beside(&edition);
        }
        let restart = self.fixed.differences(config);
        self.status.serves(edition.generation, config, restart);
        self.edition = edition;
    }

    /// Serves until `signal`, by whatever configuration comes meanwhile, and ends in order: not ready,
    /// still accepting for `shutdown.delay`, then finishing what is in flight within `shutdown.grace`.
    pub async fn until(
        mut self,
        signal: impl Future<Output = ()>,
        mut coming: mpsc::Receiver<Result<Loaded, Invalid>>,
        adopted: impl Fn(&Config),
    ) {
        let mut signal = pin!(signal);
        loop {
            let outcome = tokio::select! {
                () = &mut signal => break,
                Some(outcome) = coming.recv() => outcome,
            };
            tokio::select! {
                () = &mut signal => break,
                () = self.take(outcome) => adopted(&self.edition.config),
            }
        }
        self.end().await;
    }

    /// Takes over what was loaded again, or says why not: then all stays as it was.
    async fn take(&mut self, outcome: Result<Loaded, Invalid>) {
        match outcome {
            Ok(loaded) => {
                let remade = config::remade(&self.edition.config.policy, &loaded.config.policy);
                self.adopt(loaded.config).await;
                warn(&loaded.warnings);
                self.warn_of(&remade);
                self.tell();
            }
            Err(invalid) => {
                let errors: Vec<_> = invalid.errors().collect();
                self.status.failed(&errors.join("\n"));
                for error in &errors {
                    tracing::error!("{error}");
                }
                let generation = self.edition.generation.number();
                tracing::error!(generation, "the newest files are not served, this generation serves on");
            }
        }
    }

    /// Says loudly that tenants are new ones to Pandium, in case that this was not meant.
    fn warn_of(&self, remade: &[Remade]) {
        let file = &self.edition.config.file;
        for Remade { was, is, integrations } in remade {
            tracing::warn!(
                was = %was,
                now = format!("{file}:{is}"),
                integrations = integrations.join(", "),
                "`sub` is made of something else now: to Pandium these visitors are new tenants, and what they have \
                 installed is out of sight; put the old `sub` back unless that is meant"
            );
        }
    }

    /// One line for what serves now, and one for each thing that does not.
    fn tell(&self) {
        let standing = self.status.now();
        let generation = standing.generation.number();
        tracing::info!(generation, "the newest files are served");
        if !standing.restart.is_empty() {
            tracing::warn!(keys = standing.restart.join(", "), "after a restart alone these count");
        }
        for AccountKey { account, source, .. } in standing.without_key() {
            tracing::error!(account, source, "no key: nothing is minted for this account");
        }
    }

    /// Ends in order, now.
    pub async fn end(mut self) {
        self.status.set_ready(false);
        let Shutdown { delay, grace } = self.edition.config.shutdown;
        tracing::info!(?delay, ?grace, "stopping");
        tokio::time::sleep(delay).await;
        self.listeners.clear();
        self.phase.send_replace(Phase::Draining);
        let phase = self.phase.clone();
        let cut = tokio::spawn(async move {
            tokio::time::sleep(grace).await;
            tracing::warn!("shutdown.grace is over, requests in flight are cut off");
            phase.send_replace(Phase::Cut);
        });
        for Crew { worker, .. } in self.workers.drain(..) {
            worker.end().await;
        }
        cut.abort();
        self.admin_phase.send_replace(Phase::Cut);
        if let Some(admin) = self.admin_worker.take() {
            admin.end().await;
        }
        tracing::info!("stopped");
    }
}
