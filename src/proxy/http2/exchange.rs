//! One request on a stream, until the head of its answer is there.

use super::cut::Cut;
use super::depot::Seat;
use super::fields;
use super::flow::Flow;
use super::outgoing::Outgoing;
use super::pump::Pump;
use super::trunk::Taken;
use crate::proxy::alarm::Alarm;
use crate::proxy::body::{Activity, BodyError};
use crate::proxy::client::{NoAnswer, in_time};
use http::Response;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The stream broke off.
    #[error("HTTP/2: {0}")]
    Cut(#[from] Cut),
    /// The visitor's body did.
    #[error("the request's body: {0}")]
    Visitor(#[source] BodyError),
    /// The answer's head breaks the rules.
    #[error("HTTP/2: the head of the answer is malformed")]
    Malformed,
    /// The address cannot be written.
    #[error("HTTP/2: the address cannot be written")]
    Target,
    /// It was refused in the middle, and the next connection is not one of HTTP/2.
    #[error("HTTP/2: refused, and not wanted any more")]
    Elsewhere,
}

/// A request without an answer.
pub struct Failed {
    /// Why.
    pub why: NoAnswer,
    /// The request, where it may be sent once more.
    pub again: Option<Outgoing>,
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Self { why: NoAnswer::Fault(fault), again: None }
    }
}

impl Failed {
    /// Whether the other end wants the request in HTTP/1.1.
    pub fn wants_http1(&self) -> bool {
        matches!(self.why, NoAnswer::Fault(Fault::Cut(cut)) if cut.wants_http1())
    }
}

/// Asks on this seat. The wait for the head begins anew with every piece of the request's body, and not
/// before the visitor has sent it.
pub async fn ask(
    seat: Seat,
    mut outgoing: Outgoing,
    activity: Option<&Activity>,
    patience: Duration,
) -> Result<Response<Flow>, Failed> {
    let Seat { mut sender, taken, proven } = seat;
    let head = outgoing.head().ok_or(Fault::Target)?;
    let (mut answer, stream) = match sender.send_request(head, outgoing.source.is_over()) {
        Ok(begun) => begun,
        // Nothing has gone.
        Err(error) => {
            let why = NoAnswer::Fault(Fault::Cut(error.into()));
            return Err(Failed { why, again: Some(outgoing) });
        }
    };
    drop(sender);
    let repeatable = outgoing.is_repeatable();
    let mut pump = Pump::new(stream, outgoing.source);
    let mut alarm = Alarm::default();
    let come = in_time(&mut alarm, activity, patience, |cx| {
        if let Poll::Ready(Err(error)) = pump.poll(cx) {
            return Poll::Ready(Err(Fault::Visitor(error)));
        }
        Pin::new(&mut answer).poll(cx).map_err(|error| Fault::Cut(error.into()))
    });
    let Some(come) = come.await else {
        taken.note_late();
        return Err(Failed { why: NoAnswer::Late(patience), again: None });
    };
    match come {
        Ok(answer) if fields::are_sound(answer.headers()) => {
            let taken = Arc::new(taken);
            taken.note_answer();
            if !pump.is_over() {
                pump.settle();
                let activity = activity.cloned().unwrap_or_else(Activity::start);
                tokio::spawn(go_on(pump, activity, patience, Arc::clone(&taken)));
            }
            Ok(Flow::of(answer, taken))
        }
        Ok(_) => Err(Fault::Malformed.into()),
        Err(fault) => {
            outgoing.source = pump.into_source();
            let may = may_go_again(&fault, proven && repeatable) && outgoing.source.rewind();
            Err(Failed { again: may.then_some(outgoing), ..fault.into() })
        }
    }
}

/// Whether a request may be sent once more: nobody has looked at it, or it is one that may be repeated,
/// and the connection has died since the last answer.
fn may_go_again(fault: &Fault, repeatable: bool) -> bool {
    match fault {
        Fault::Cut(Cut::Lost(_)) => repeatable,
        Fault::Cut(cut) => cut.is_unprocessed(),
        _ => false,
    }
}

/// Carries on with a request whose answer has begun before its end. The other end has to take it in time.
async fn go_on(mut pump: Pump, activity: Activity, patience: Duration, taken: Arc<Taken>) {
    let mut alarm = Alarm::default();
    drop(in_time(&mut alarm, Some(&activity), patience, |cx| pump.poll(cx)).await);
    drop((pump, taken));
}
