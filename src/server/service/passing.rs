//! A request that passes to the app as it stands.

use super::pending::Pending;
use super::{Asked, Service, mark};
use crate::decide::{self, Head, Screened};
use crate::http1::head::Glance;
use crate::proxy::body::Body;
use crate::proxy::client::{Begun, Client};
use crate::proxy::forward;
use crate::proxy::onward::Plain;
use crate::server::connection::Origin;
use crate::telemetry::Mark;
use http::Response;
use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

/// One whose head is written for the app, over a connection that waits for it.
pub struct Passing {
    service: Arc<Service>,
    client: Arc<Client>,
    begun: Begun,
    mark: Mark,
    asked: Asked,
    started: Instant,
}

impl Service {
    /// Begins to pass a request on, where its head as it stands is all that there is to it.
    pub(super) fn begin_passing(
        self: &Arc<Self>,
        origin: &Origin,
        glance: Glance<'_>,
        head: Head<'_>,
        started: Instant,
    ) -> Option<Passing> {
        let client = self.client.as_ref().filter(|client| client.is_warm())?;
        let plain = Plain::of(glance)?;
        let Ok(Screened::Pass(trusted)) = decide::screen(&self.config.policy, head) else { return None };
        let mark = mark(trusted, head.headers);
        let seen = self.seen(origin, trusted, &mark);
        let begun = client.begin(plain, &seen)?;
        let (service, client) = (Arc::clone(self), Arc::clone(client));
        let asked = Asked::new(head.method, head.headers);
        Some(Passing { service, client, begun, mark, asked, started })
    }
}

impl Passing {
    /// Has the app answer it.
    #[allow(clippy::manual_async_fn, reason = "an `async fn` keeps what it is given twice over")]
    pub fn answer(self) -> impl Future<Output = Response<Body>> + Send {
        async move {
            let Self { service, client, begun, mark, asked, started } = self;
            let pending = Pending::new(&service, None, &mark, started);
            let answer = forward::hear(&service.passage(&client, &service.hidden), begun).await;
            pending.over(service.passed(answer, &client, asked, &mark))
        }
    }
}
