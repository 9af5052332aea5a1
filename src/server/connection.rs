//! A visitor's connection: where it comes from, how it is served, and what it speaks.

use super::certificate::Certificate;
use super::guest::{Guest, Tongue};
use super::handler::Handler;
use super::http1::{self, Parked};
use super::http2::{self, Opening};
use crate::config::Config;
use crate::config::model::{Limits, Timeouts};
use crate::proxy::tunnel::Switch;
use crate::stream::Stream;
use crate::trust::{Caller, Peer};
use bytes::Bytes;
use http::HeaderValue;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::Instant;

/// Where requests come from: one for all of a connection's.
pub struct Origin {
    /// The other end of the socket.
    pub peer: Peer,
    /// Its address as `X-Forwarded-For` has it.
    pub address: Option<HeaderValue>,
    /// What it showed, if only nothing; none where nothing is encrypted.
    pub certificate: Option<Box<Certificate>>,
    /// Where the app's side goes if the connection leaves HTTP.
    pub switch: Switch,
}

impl Origin {
    /// What a connection is the origin of.
    pub fn new(peer: Peer, certificate: Option<Box<Certificate>>) -> Self {
        let address = match peer {
            Peer::Ip(ip) => HeaderValue::from_str(&ip.to_string()).ok(),
            Peer::Unix(_) => None,
        };
        Self { peer, address, certificate, switch: Switch::default() }
    }

    /// Whoever sends the requests.
    pub fn caller(&self) -> Caller<'_> {
        let names = self.certificate.as_ref().map(|certificate| certificate.names());
        Caller { peer: self.peer, names: names.unwrap_or_default() }
    }

    /// `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        if self.certificate.is_some() { "https" } else { "http" }
    }
}

/// How connections are served.
#[derive(Clone, Copy)]
pub struct Bounds {
    /// On what is read.
    pub limits: Limits,
    /// On waits.
    pub timeouts: Timeouts,
}

impl Bounds {
    /// Those of a configuration.
    pub fn of(config: &Config) -> Self {
        Self { limits: config.limits, timeouts: config.timeouts }
    }
}

/// Whether connections may go on taking requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// They may.
    Serving,
    /// Each answers what it has, and ends.
    Draining,
    /// What is left is cut off.
    Cut,
}

/// Serves a connection until it ends.
pub async fn serve<H>(guest: Guest, bounds: Bounds, handler: H, mut phase: watch::Receiver<Phase>)
where
    H: Handler,
{
    let Guest { mut stream, origin, tongue } = guest;
    let origin = Arc::new(origin);
    let until = Instant::now() + bounds.timeouts.header;
    // In boxes, as neither is a part of most connections.
    let parked = match tongue {
        Tongue::Http1 => Parked::new(stream, until),
        Tongue::Http2 => {
            return Box::pin(http2::serve(stream, Bytes::new(), origin, bounds, handler, phase)).await;
        }
        Tongue::Either => match Box::pin(listen(&mut stream, until, &mut phase)).await {
            Some(Opening::Http1(said)) => Parked::begun(stream, said, until),
            Some(Opening::Http2(said)) => {
                return Box::pin(http2::serve(stream, said, origin, bounds, handler, phase)).await;
            }
            None => return,
        },
    };
    http1::serve(parked, origin, bounds, handler, phase).await;
}

/// How it begins; nothing where it does not.
async fn listen(stream: &mut Stream, until: Instant, phase: &mut watch::Receiver<Phase>) -> Option<Opening> {
    tokio::select! {
        opening = http2::opening(stream) => opening.ok(),
        () = tokio::time::sleep_until(until) => None,
        () = ends(phase) => None,
    }
}

/// Returns when no more requests are to be taken.
pub(super) async fn ends(phase: &mut watch::Receiver<Phase>) {
    // An error means that whoever could tell is gone, which is telling enough.
    drop(phase.wait_for(|phase| *phase != Phase::Serving).await);
}
