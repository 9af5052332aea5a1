//! Wiring and life cycle: bind everything, serve, and end in order.

use crate::config::Config;
use crate::config::model::{Limits, Listen, Shutdown};
use crate::server::admin;
use crate::server::connection::{Origin, Phase};
use crate::server::listener::{Bound, Listener, Manner, Shared};
use crate::server::service::{self, Service};
use crate::server::status::Status;
use crate::server::worker::Worker;
use crate::session::jwks;
use std::future::Future;
use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Why the program cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address that cannot be listened at.
    #[error("cannot listen at {0}: {1}")]
    Bind(String, #[source] io::Error),
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
    workers: Vec<Worker>,
    admin_phase: watch::Sender<Phase>,
    admin_worker: Option<Worker>,
    shutdown: Shutdown,
    /// Kept for their files, and to be shared.
    listeners: Vec<Listener>,
    _admin_listener: Option<Listener>,
    /// What goes on beside the requests, and ends with the program.
    _beside: JoinSet<()>,
}

/// A sidecar needs one or two.
pub fn default_workers() -> NonZeroUsize {
    const TWO: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);
    std::thread::available_parallelism().map_or(NonZeroUsize::MIN, |cores| cores.min(TWO))
}

/// Binds every listener, and serves on all of them or on none.
pub async fn start(config: Config, workers: NonZeroUsize) -> Result<Running, StartError> {
    let mut listeners = Vec::with_capacity(config.listen.len());
    for listen in &config.listen {
        listeners.push(bind(listen).await?);
    }
    let admin = match &config.admin {
        Some(admin) => Some(bind(admin).await?),
        None => None,
    };
    let config = Arc::new(config);
    let (phase, phases) = watch::channel(Phase::Serving);
    let (admin_phase, admin_phases) = watch::channel(Phase::Serving);
    let status = Status::new(&config);
    let admin_worker = match &admin {
        Some(listener) => Some(start_admin(listener, &config, status.clone(), admin_phases)?),
        None => None,
    };
    let mut beside = JoinSet::new();
    let issuer = service::issuer(&config);
    if let Some(issuer) = &issuer {
        beside.spawn(Arc::clone(issuer).keep());
    }
    let manner = Manner::new(config.limits, config.timeouts);
    let workers = (0..workers.get())
        .map(|_| start_worker(&listeners, &manner, &config, issuer.as_ref(), &phases))
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
        shutdown: config.shutdown,
        listeners,
        _admin_listener: admin,
        _beside: beside,
    })
}

fn start_worker(
    listeners: &[Listener],
    manner: &Manner,
    config: &Arc<Config>,
    issuer: Option<&Arc<jwks::Source>>,
    phases: &watch::Receiver<Phase>,
) -> Result<Worker, StartError> {
    let sockets = listeners.iter().map(Listener::share).collect::<Result<_, _>>();
    let (config, issuer) = (Arc::clone(config), issuer.cloned());
    let handler = move || {
        let service = Arc::new(Service::new(config, issuer));
        move |origin: Arc<Origin>, request| {
            let service = Arc::clone(&service);
            async move { service.answer(&origin, request).await }
        }
    };
    sockets
        .and_then(|sockets| Worker::start(sockets, manner.clone(), handler, phases.clone()))
        .map_err(StartError::Runtime)
}

/// The operator has a worker of their own: health is told however busy the others are.
fn start_admin(
    listener: &Listener,
    config: &Config,
    status: Status,
    phases: watch::Receiver<Phase>,
) -> Result<Worker, StartError> {
    let manner = Manner::new(Limits { connections: 64, ..config.limits }, config.timeouts);
    let handler = move || {
        move |_, request| {
            let answer = admin::answer(&request, &status);
            async move { answer }
        }
    };
    let sockets = |socket: Shared| Worker::start(vec![socket], manner, handler, phases);
    listener.share().and_then(sockets).map_err(StartError::Runtime)
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

async fn bind(listen: &Listen) -> Result<Listener, StartError> {
    Listener::bind(listen).await.map_err(|error| StartError::Bind(listen.at.to_string(), error))
}

impl Running {
    /// Says where it serves.
    pub fn announce(&self) {
        for bound in &self.bound {
            tracing::info!(listen = %bound, "serving");
        }
        if let Some(admin) = &self.admin {
            tracing::info!(listen = %admin, "health");
        }
    }

    /// Serves until `signal`, and ends in order: not ready, still accepting for `shutdown.delay`,
    /// then finishing what is in flight within `shutdown.grace`.
    pub async fn until(self, signal: impl Future<Output = ()>) {
        signal.await;
        self.end().await;
    }

    /// Ends in order, now.
    pub async fn end(mut self) {
        self.status.set_ready(false);
        tracing::info!(delay = ?self.shutdown.delay, grace = ?self.shutdown.grace, "stopping");
        tokio::time::sleep(self.shutdown.delay).await;
        self.listeners.clear();
        self.phase.send_replace(Phase::Draining);
        let phase = self.phase.clone();
        let grace = self.shutdown.grace;
        let cut = tokio::spawn(async move {
            tokio::time::sleep(grace).await;
            tracing::warn!("shutdown.grace is over, requests in flight are cut off");
            phase.send_replace(Phase::Cut);
        });
        for worker in self.workers.drain(..) {
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
