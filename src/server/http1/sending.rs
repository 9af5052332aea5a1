//! An answer on its way out.

use super::answer::{self, Asked};
use super::{Active, Broken, Then, is_ending};
use crate::proxy::body::Body;
use crate::server::handler::Handler;
use http::Response;
use http_body::Body as _;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

impl<H: Handler> Active<'_, H> {
    /// Sends an answer that is written.
    pub(super) async fn send_written(&mut self, keeps: bool) -> Result<Then, Broken> {
        self.yielded = false;
        let (mut body, mut ended) = (Body::empty(), true);
        poll_fn(|cx| self.poll_send(cx, &mut body, &mut ended)).await?;
        Ok(if keeps { Then::Again } else { Then::Close })
    }

    /// Sends an answer, and says how it goes on.
    pub(super) async fn send(&mut self, asked: Asked, mut answer: Response<Body>) -> Result<Then, Broken> {
        let ends = is_ending(&self.phase);
        let (unsaid, left) = {
            let mut side = self.visitor.look();
            if side.is_left() {
                side.skip();
            }
            (side.hush(), side.is_left())
        };
        let keeps = answer::write_head(&mut self.out, unsaid, asked.closing(ends || left), &mut answer);
        let switches = answer.status().as_u16() == 101;
        let mut body = answer.into_body();
        self.yielded = false;
        let mut ended = !self.out.takes_body() && self.out.finish(None).is_ok();
        // For whom the end of the connection is that of the answer, a reset alone tells of another one,
        // whoever makes it: it may be the end of the program.
        let fragile = self.out.ends_with_connection();
        if fragile {
            self.visitor.look().stream().set_abrupt(true);
        }
        poll_fn(|cx| self.poll_send(cx, &mut body, &mut ended)).await?;
        if fragile {
            self.visitor.look().stream().set_abrupt(false);
        }
        drop(body);
        if switches {
            return Ok(Then::Switch);
        }
        poll_fn(|cx| self.visitor.look().poll_settled(cx)).await;
        let mut side = self.visitor.look();
        side.skip();
        Ok(if keeps && !side.is_left() { Then::Again } else { Then::Close })
    }

    /// Moves pieces of the body to the visitor, until all are gone.
    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        body: &mut Body,
        ended: &mut bool,
    ) -> Poll<Result<(), Broken>> {
        loop {
            while !*ended && self.out.has_room() {
                let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(cx) else { break };
                // Whoever hears nothing may ask again, and the app would have it twice.
                if matches!(frame, Some(Err(_))) && self.out.is_untouched() {
                    drop(self.out.poll_write(cx, self.visitor.look().stream()));
                }
                let (data, trailers) = match frame.transpose()?.map(http_body::Frame::into_data) {
                    Some(Ok(data)) => (Some(data), None),
                    Some(Err(frame)) => (None, frame.into_trailers().ok()),
                    None => (None, None),
                };
                *ended = data.is_none() || body.is_end_stream();
                self.out.push(data.unwrap_or_default())?;
                if *ended {
                    self.out.finish(trailers.as_ref())?;
                }
            }
            if self.out.is_empty() {
                if *ended {
                    return Poll::Ready(Ok(()));
                }
                return self.presence.poll(cx, &mut self.visitor.look(), false).map(|()| Err(Broken::Gone));
            }
            ready!(self.after_others(cx));
            let written = self.out.poll_write(cx, self.visitor.look().stream());
            if self.out.has_moved() {
                self.stall.restore();
            }
            match written {
                Poll::Ready(written) => written?,
                Poll::Pending => return self.stall.lose(cx).map(|stalled| Err(Broken::Io(stalled.into()))),
            }
        }
    }

    /// Lets all others who are ready take their turn before an answer is begun. So the answers of a busy
    /// worker go out one behind the other, and whoever reads them is woken once for many: on a machine of
    /// virtual cores a wake-up costs as much as the rest of a small answer.
    fn after_others(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
