//! Who answers what a connection brings.

use super::connection::Origin;
use super::reply::Redirect;
use crate::http1::head::Glance;
use crate::proxy::arriving::Arriving;
use crate::proxy::body::Body;
use http::{Request, Response};
use std::future::Future;
use std::sync::Arc;

/// Answers requests, of any number at the same time.
pub trait Handler: Clone + Send + Sync + 'static {
    /// Answers a request without a body from its head as it stands, where nothing has to be waited for.
    /// Where it does, or where anything is wrong, nothing has happened, and [`answer`](Self::answer) is
    /// asked.
    fn at_once(&self, origin: &Origin, head: Glance<'_>) -> Option<Redirect>;

    /// Answers a request.
    fn answer(
        &self,
        origin: Arc<Origin>,
        request: Request<Arriving>,
    ) -> impl Future<Output = Response<Body>> + Send;
}

/// A function that answers nothing at once.
impl<H, F> Handler for H
where
    H: Fn(Arc<Origin>, Request<Arriving>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send,
{
    fn at_once(&self, _: &Origin, _: Glance<'_>) -> Option<Redirect> {
        None
    }

    fn answer(
        &self,
        origin: Arc<Origin>,
        request: Request<Arriving>,
    ) -> impl Future<Output = Response<Body>> + Send {
        self(origin, request)
    }
}
