//! The configuration that serves, and how the next takes its place.
//!
//! Workers share an edition, and each makes a service of its own of it. When there is a next one,
//! each puts a new service where its old one was: no worker waits for another on a request's way, and
//! a request that has begun keeps the service that it began with.

use super::connection::Origin;
use super::handler::{AtOnce, Handler};
use super::record::Records;
use super::service::{Passing, Service};
use super::status::Generation;
use crate::config::Config;
use crate::config::model::From;
use crate::http1::head::{BadHead, Glance};
use crate::proxy::arriving::Arriving;
use crate::proxy::body::Body;
use crate::session::jwks::Source;
use http::{Request, Response};
use std::convert::Infallible;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

/// A configuration, and what all workers share for it.
pub struct Edition {
    /// Which one it is.
    pub generation: Generation,
    /// What the file says.
    pub config: Arc<Config>,
    /// Whom a token's issuer keeps its keys with, where they are fetched.
    pub issuer: Option<Arc<Source>>,
    /// Where all who serve note what happens.
    pub records: Arc<Records>,
}

impl Edition {
    /// What the program starts with.
    pub fn first(config: Config, records: Arc<Records>) -> Self {
        let issuer = issuer(&config, None);
        Self { generation: Generation::FIRST, issuer, records, config: Arc::new(config) }.declared()
    }

    /// What comes after this one.
    #[must_use]
    pub fn next(&self, config: Config) -> Self {
        let issuer = issuer(&config, self.issuer.as_ref());
        let records = Arc::clone(&self.records);
        Self { generation: self.generation.next(), issuer, records, config: Arc::new(config) }.declared()
    }

    fn declared(self) -> Self {
        self.records.metrics.declare(&self);
        self
    }
}

fn issuer(config: &Config, previous: Option<&Arc<Source>>) -> Option<Arc<Source>> {
    match &config.policy.from {
        From::Jwt(jwt) => Source::of(jwt, &config.timeouts, previous),
        _ => None,
    }
}

/// An edition on its way to a worker, which drops the other half of this when it serves by it.
pub struct Turn {
    edition: Arc<Edition>,
    _taken: mpsc::Sender<Infallible>,
}

/// Has all workers serve by this edition, and returns when they do.
pub async fn turn(workers: &[mpsc::UnboundedSender<Turn>], edition: &Arc<Edition>) {
    let (taken, mut all) = mpsc::channel(1);
    for worker in workers {
        // A worker that is gone serves by no edition.
        let _ = worker.send(Turn { edition: Arc::clone(edition), _taken: taken.clone() });
    }
    drop(taken);
    let _ = all.recv().await;
}

/// Where a worker has its service.
pub struct Post(Mutex<Arc<Service>>);

impl Post {
    /// Serves by an edition, and by each that comes after it. Only within a worker's runtime.
    pub fn take(edition: &Edition, turns: mpsc::UnboundedReceiver<Turn>) -> Arc<Self> {
        let post = Arc::new(Self(Mutex::new(Arc::new(Service::new(edition, None)))));
        tokio::spawn(Arc::clone(&post).follow(turns));
        post
    }

    /// The newest service. The lock is the worker's own, and nobody holds it for longer than a head takes.
    pub fn service(&self) -> Arc<Service> {
        Arc::clone(&self.lock())
    }

    async fn follow(self: Arc<Self>, mut turns: mpsc::UnboundedReceiver<Turn>) {
        while let Some(turn) = turns.recv().await {
            let next = Arc::new(Service::new(&turn.edition, Some(&self.service())));
            let old = std::mem::replace(&mut *self.lock(), next);
            drop(old);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Service>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Handler for Arc<Post> {
    type Passing = Passing;

    fn at_once(&self, origin: &Origin, head: Glance<'_>) -> Option<AtOnce<Passing>> {
        Service::at_once(&self.lock(), origin, head)
    }

    fn pass(&self, passing: Passing) -> impl Future<Output = Response<Body>> + Send {
        passing.answer()
    }

    fn answer(
        &self,
        origin: Arc<Origin>,
        request: Request<Arriving>,
    ) -> impl Future<Output = Response<Body>> + Send {
        let service = self.service();
        async move { service.answer(&origin, request).await }
    }

    fn refuse(&self, bad: BadHead) -> Response<Body> {
        self.service().refuse_head(bad)
    }
}
