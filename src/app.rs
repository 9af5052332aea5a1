//! Wiring and life cycle: bind everything, serve, and end in order.

use crate::config::Config;
use crate::config::model::{Limits, Listen, Shutdown};
use crate::server::admin::{self, Readiness};
use crate::server::listener::{self, Bound, Listener, Manner};
use crate::server::service::Service;
use std::future::Future;
use std::io;
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
    readiness: Readiness,
    stop: watch::Sender<bool>,
    stop_admin: watch::Sender<bool>,
    visitors: JoinSet<()>,
    operators: JoinSet<()>,
    shutdown: Shutdown,
}

/// Binds every listener, and serves on all of them or on none.
pub async fn start(config: Config) -> Result<Running, StartError> {
    let mut listeners = Vec::with_capacity(config.listen.len());
    for listen in &config.listen {
        listeners.push(bind(listen).await?);
    }
    let admin = match &config.admin {
        Some(admin) => Some(bind(admin).await?),
        None => None,
    };
    let shutdown = config.shutdown;
    let visitors_manner = Manner::new(config.limits, config.timeouts);
    let operators_manner = Manner::new(Limits { connections: 64, ..config.limits }, config.timeouts);
    let service = Arc::new(Service::new(config));
    let readiness = Readiness::default();
    let (stop, stopped) = watch::channel(false);
    let (stop_admin, admin_stopped) = watch::channel(false);

    let bound = listeners.iter().map(|(_, bound)| bound.clone()).collect();
    let mut visitors = JoinSet::new();
    for (listener, _) in listeners {
        let service = Arc::clone(&service);
        let handler = move |peer, request| {
            let service = Arc::clone(&service);
            async move { service.answer(peer, request).await }
        };
        visitors.spawn(listener::serve(listener, visitors_manner.clone(), handler, stopped.clone()));
    }
    let admin_bound = admin.as_ref().map(|(_, bound)| bound.clone());
    let mut operators = JoinSet::new();
    if let Some((listener, _)) = admin {
        let readiness = readiness.clone();
        let handler = move |_, request| {
            let answer = admin::answer(&request, &readiness);
            async move { answer }
        };
        operators.spawn(listener::serve(listener, operators_manner, handler, admin_stopped));
    }
    readiness.set(true);
    Ok(Running { bound, admin: admin_bound, readiness, stop, stop_admin, visitors, operators, shutdown })
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

async fn bind(listen: &Listen) -> Result<(Listener, Bound), StartError> {
    let failed = |error| StartError::Bind(listen.at.to_string(), error);
    let listener = Listener::bind(listen).await.map_err(failed)?;
    let bound = listener.bound().map_err(failed)?;
    Ok((listener, bound))
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
        self.readiness.set(false);
        tracing::info!(delay = ?self.shutdown.delay, grace = ?self.shutdown.grace, "stopping");
        tokio::time::sleep(self.shutdown.delay).await;
        self.stop.send_replace(true);
        let finished = async { while self.visitors.join_next().await.is_some() {} };
        if tokio::time::timeout(self.shutdown.grace, finished).await.is_err() {
            tracing::warn!("shutdown.grace is over, requests in flight are cut off");
        }
        self.stop_admin.send_replace(true);
        self.operators.shutdown().await;
        tracing::info!("stopped");
    }
}
