//! How a connection ends: in order, broken off, or given to those who speak something else on it.

use super::Active;
use super::answer::Asked;
use crate::proxy::tunnel::carry;
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;
use tokio::io::AsyncWrite as _;
use tokio::time::timeout;

/// How long a visitor may go on sending what nobody reads any more.
const LINGER: Duration = Duration::from_secs(1);

impl<H> Active<'_, H> {
    /// Says that no more is sent, and reads what still comes, for a moment: a socket closed over unread
    /// bytes is reset, and the answer that is on its way is lost with it.
    pub(super) async fn close(&mut self) {
        let shut = poll_fn(|cx| Pin::new(self.visitor.look().stream()).poll_shutdown(cx));
        if !matches!(timeout(self.bounds.timeouts.stall, shut).await, Ok(Ok(()))) {
            return;
        }
        if !self.visitor.look().owes_bytes() {
            return;
        }
        let more = || poll_fn(|cx| self.visitor.look().poll_skip(cx));
        drop(timeout(LINGER, async { while matches!(more().await, Ok(true)) {} }).await);
    }

    /// Ends it in a way that no reader takes for the end of the answer, also for whoever goes on with an
    /// upload.
    pub(super) fn break_off(&self, asked: Asked) {
        let mut side = self.visitor.look();
        if asked.old {
            side.stream().set_abrupt(true);
        }
        side.cut();
    }

    /// Carries what is no HTTP any more.
    pub(super) async fn switch(self) {
        let Some((stream, said)) = self.visitor.into_parts() else { return };
        if let Some(app) = self.origin.switch.take() {
            drop(carry(stream, said, app, self.bounds.timeouts.tunnel).await);
        }
    }
}
