//! A request that passes to the app as it stands.

use super::pending::Pending;
use super::{Service, mark, seen};
use crate::decide::{self, Head, Screened};
use crate::http1::head::Glance;
use crate::proxy::body::Body;
use crate::proxy::client::{Begun, Client};
use crate::proxy::forward;
use crate::proxy::headers::X_REQUEST_ID;
use crate::server::connection::Origin;
use crate::server::reply::Form;
use crate::telemetry::Mark;
use http::{Response, Uri};
use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

/// One whose head is written for the app, over a connection that waits for it.
pub struct Passing {
    service: Arc<Service>,
    client: Arc<Client>,
    begun: Begun,
    mark: Mark,
    form: Form,
    started: Instant,
}

impl Service {
    /// Begins to pass a request on, where its head as it stands is all that there is to it.
    pub(super) fn begin(self: &Arc<Self>, origin: &Origin, head: Glance<'_>) -> Option<Passing> {
        let (policy, client) = (&self.config.policy, self.client.as_ref()?);
        // Cookies of Pandium's are none of the app's.
        if policy.pandium.proxy.is_some() || !forward::is_plain(head) {
            return None;
        }
        let started = Instant::now();
        let Glance { method, target, version, lines } = head;
        let uri = &Uri::try_from(target).ok()?;
        let screened = Head { method, uri, version, headers: lines, caller: origin.caller() };
        let Ok(Screened::Pass(trusted)) = decide::screen(policy, screened) else { return None };
        let mark = mark(trusted, lines);
        let passage = self.passage(client, &self.hidden);
        let begun = forward::begin(&passage, head, &seen(origin, trusted, &mark))?;
        let (service, client, form) = (Arc::clone(self), Arc::clone(client), Form::wanted(lines));
        Some(Passing { service, client, begun, mark, form, started })
    }
}

impl Passing {
    /// Has the app answer it.
    #[allow(clippy::manual_async_fn, reason = "an `async fn` keeps what it is given twice over")]
    pub fn finish(self) -> impl Future<Output = Response<Body>> + Send {
        async move {
            let Self { service, client, begun, mark, form, started } = self;
            let pending = Pending::new(&service, None, &mark, started);
            let answer = forward::finish(&service.passage(&client, &service.hidden), begun).await;
            let mut answered = service.passed(answer, form, &mark.id);
            pending.over(answered.response.status().as_u16(), answered.code, answered.target);
            answered.response.headers_mut().entry(X_REQUEST_ID).or_insert_with(|| mark.id.to_value());
            answered.response
        }
    }
}
