//! Whether a visitor is still there, while nobody reads from the connection.
//!
//! What comes there is the next request, or an end. A reset is the end of everything: whoever has gone is
//! answered no more. That the visitor says no more is none: it may have closed its half, and wait for the
//! answer (RFC 9112 §9.6), or it may have closed the whole, as a browser does whose page is left; the
//! two look alike until something is sent, which the latter answers with a reset. So whoever has waited
//! like that for a while is sent a word that means nothing to who still listens: `100 Continue`, which a
//! client of HTTP/1.1 has to expect before any answer (RFC 9110 §15.2). On a unix socket they do not look
//! alike.
//!
//! In the middle of an answer there is no such word. Then the next piece of it does the same.

use crate::proxy::alarm::Alarm;
use crate::proxy::visitor::Side;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Instant;

/// How much is read ahead.
const KEPT: usize = 8 << 10;
/// How often it is looked at who says no more, or more than is kept: neither wakes anybody any more.
const LOOK: Duration = Duration::from_secs(1);
/// At which look the visitor is asked whether it is there. Few answers take as long.
const ASKED: u32 = 5;

/// Watches a connection, from the beginning of each exchange to its end.
#[derive(Default)]
pub struct Presence {
    way: Way,
    alarm: Alarm,
}

#[derive(Clone, Copy, Default)]
enum Way {
    /// Something that comes tells.
    #[default]
    Listening,
    /// It is looked at, and was so often since the visitor said that it says no more.
    Looking(Option<u32>),
}

impl Presence {
    /// Another request is to be answered.
    pub fn begin(&mut self) {
        self.way = Way::Listening;
    }

    /// Ready when the visitor has gone. One who `hears` may be asked.
    pub fn poll(&mut self, cx: &mut Context<'_>, side: &mut Side, hears: bool) -> Poll<()> {
        // Whoever reads the body sees it, too.
        if !side.is_over() {
            return Poll::Pending;
        }
        if let Way::Listening = self.way {
            let Some(ended) = ready!(listen(cx, side)) else { return Poll::Ready(()) };
            self.way = Way::Looking(ended.then_some(0));
            self.alarm.set(Instant::now() + LOOK);
        }
        loop {
            ready!(self.alarm.poll(cx));
            if side.stream().is_gone() {
                return Poll::Ready(());
            }
            if let Way::Looking(Some(looks)) = &mut self.way {
                *looks += 1;
                let asks = hears && *looks >= ASKED;
                if asks && matches!(side.poll_prod(cx, *looks == ASKED), Poll::Ready(Err(_))) {
                    return Poll::Ready(());
                }
            }
            self.alarm.set(Instant::now() + LOOK);
        }
    }
}

/// Ready when there is nothing to wait for: the visitor says no more, or more than is kept; none where
/// it has gone.
fn listen(cx: &mut Context<'_>, side: &mut Side) -> Poll<Option<bool>> {
    loop {
        let readable = ready!(side.stream().poll_readable(cx));
        if readable.is_err() || side.stream().is_gone() {
            return Poll::Ready(None);
        }
        if side.read().len() >= KEPT {
            return Poll::Ready(Some(false));
        }
        match ready!(side.poll_read(cx)) {
            Ok(true) => {}
            Ok(false) => return Poll::Ready(Some(true)),
            Err(_) => return Poll::Ready(None),
        }
    }
}
