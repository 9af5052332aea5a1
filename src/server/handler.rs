//! Who answers what a connection brings.

use super::connection::Origin;
use super::reply::{self, Redirect};
use crate::http1::head::{BadHead, Glance};
use crate::proxy::arriving::Arriving;
use crate::proxy::body::Body;
use http::{Request, Response};
use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

/// What was made of a request from its head as it stands.
pub enum AtOnce<P> {
    /// Its answer.
    Redirect(Redirect),
    /// One to the app.
    Passing(P),
}

/// Answers requests, of any number at the same time.
pub trait Handler: Clone + Send + Sync + 'static {
    /// A request that was begun with before it was taken over.
    type Passing: Send;

    /// Begins with a request without a body from its head as it stands. Where that cannot be done, or
    /// anything is wrong, nothing has happened, and [`answer`](Self::answer) is asked.
    fn at_once(&self, origin: &Origin, head: Glance<'_>) -> Option<AtOnce<Self::Passing>>;

    /// Answers a request that was begun with.
    fn pass(&self, passing: Self::Passing) -> impl Future<Output = Response<Body>> + Send;

    /// Answers a request.
    fn answer(
        &self,
        origin: Arc<Origin>,
        request: Request<Arriving>,
    ) -> impl Future<Output = Response<Body>> + Send;

    /// Answers what is no request.
    fn refuse(&self, bad: BadHead) -> Response<Body>;
}

/// A function that answers nothing at once.
impl<H, F> Handler for H
where
    H: Fn(Arc<Origin>, Request<Arriving>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send,
{
    type Passing = Infallible;

    fn at_once(&self, _: &Origin, _: Glance<'_>) -> Option<AtOnce<Infallible>> {
        None
    }

    async fn pass(&self, never: Infallible) -> Response<Body> {
        match never {}
    }

    fn answer(
        &self,
        origin: Arc<Origin>,
        request: Request<Arriving>,
    ) -> impl Future<Output = Response<Body>> + Send {
        self(origin, request)
    }

    fn refuse(&self, bad: BadHead) -> Response<Body> {
        reply::bad_head(bad)
    }
}
