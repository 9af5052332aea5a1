//! A place that may speak HTTP/2: Pandium.

use super::body::{Activity, Body};
use super::client::{Client, NoAnswer, Way};
use super::headers;
use super::http2::{Depot, Fault, Outgoing, ask};
use super::inbound::Inbound;
use http::{Request, Response};
use std::sync::Arc;

/// Connections to it, in whichever HTTP it wants.
pub struct Place {
    way: Way,
    head: usize,
    http1: Arc<Client>,
    /// Where something is agreed on at all: over TLS.
    depot: Option<Arc<Depot>>,
}

impl Place {
    /// A place that this way leads to, and the most bytes that the head of an answer may have there.
    pub fn new(way: Way, head: usize) -> Self {
        let http1 = way.clone().client(None);
        let depot = way.at.tls.is_some().then(|| Depot::new(&way, head, Arc::clone(&http1)));
        Self { way, head, http1, depot }
    }

    /// Whether that is this one.
    pub fn is(&self, way: &Way, head: usize) -> bool {
        self.way == *way && self.head == head
    }

    /// Sends a request, and waits for the head of its answer, as `Client` does.
    ///
    /// What was provably not processed goes once more, over another connection, and in HTTP/1.1 where that
    /// is asked for. So does what may be repeated, where the connection was in use before and turns out to
    /// be dead.
    pub async fn send(
        &self,
        request: Request<Body>,
        activity: Option<&Activity>,
    ) -> Result<Response<Inbound>, NoAnswer> {
        // A WebSocket is asked for in the words of HTTP/1.1.
        let depot = self.depot.as_ref().filter(|_| !headers::asks_for_websocket(&request));
        let Some(depot) = depot else { return self.send_by_line(request, activity).await };
        let mut outgoing = Outgoing::new(request);
        if !outgoing.is_repeatable() {
            // Lets the system first tell its news of connections.
            tokio::task::yield_now().await;
        }
        let mut tries = 0;
        loop {
            let Some(seat) = depot.seat().await.map_err(NoAnswer::Unreachable)? else {
                let request = outgoing.into_request().ok_or(NoAnswer::Fault(Fault::Elsewhere))?;
                return self.send_by_line(request, activity).await;
            };
            let failed = match ask(seat, outgoing, activity, self.way.response).await {
                Ok(answer) => return Ok(answer.map(Inbound::Stream)),
                Err(failed) => failed,
            };
            if failed.wants_http1() {
                depot.turn_to_http1();
            }
            outgoing = failed.again.filter(|_| tries == 0).ok_or(failed.why)?;
            tries += 1;
        }
    }

    async fn send_by_line(
        &self,
        request: Request<Body>,
        activity: Option<&Activity>,
    ) -> Result<Response<Inbound>, NoAnswer> {
        Ok(self.http1.send(request, activity).await?.map(Inbound::Line))
    }
}
