//! A connection on which an answer has begun before the end of its request.
//!
//! Whoever takes no more of the answer may first want to be rid of the request, so that goes on in a task
//! of its own. Both hold the connection for as long as it takes to move what moves; who is done last
//! gives it back.

use super::body::BodyError;
use super::line::{Fault, Line};
use super::pool::Pool;
use bytes::Bytes;
use http_body::Frame;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// A connection for two.
pub struct Overtaken(Mutex<State>);

struct State {
    /// None when it is given up.
    line: Option<Box<Line>>,
    /// Whoever waits for more of the answer.
    reader: Option<Waker>,
    /// Whoever waits for more of the request to go.
    writer: Option<Waker>,
}

impl Overtaken {
    /// Shares it.
    pub fn new(line: Box<Line>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State { line: Some(line), reader: None, writer: None })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next piece of the answer's body.
    pub fn poll_piece(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let mut state = self.state();
        let Some(line) = &mut state.line else { return Poll::Ready(Some(Err(Fault::Closed))) };
        let polled = line.poll_piece(cx);
        match &polled {
            Poll::Pending => state.reader = Some(cx.waker().clone()),
            Poll::Ready(Some(Err(_))) => state.give_up(),
            // From now on the end of the connection is the other one's to see.
            Poll::Ready(_) if line.is_over() => state.wake(),
            Poll::Ready(_) => {}
        }
        polled
    }

    /// Whether all of the answer's body was read.
    pub fn is_over(&self) -> bool {
        self.state().line.as_ref().is_some_and(|line| line.is_over())
    }

    /// How much is left of it, where that was told.
    pub fn left(&self) -> Option<u64> {
        self.state().line.as_ref()?.left()
    }

    /// Sends the rest of the request: ready when all of it is gone, or is not wanted any more.
    pub fn poll_upload(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state();
        let Some(line) = &mut state.line else { return Poll::Ready(()) };
        match line.poll_upload(cx) {
            Poll::Ready(Ok(())) => return Poll::Ready(()),
            // Whoever has an answer need not send the rest (RFC 9112 §9.5), and may still want all of it.
            Poll::Ready(Err(Fault::Visitor(BodyError::Stalled(_)))) => line.hold_back(),
            // Nobody is to take a half for the whole.
            Poll::Ready(Err(_)) => state.give_up(),
            // The app has had its say, and gone.
            Poll::Pending if line.is_over() && line.poll_end(cx).is_ready() => state.give_up(),
            Poll::Pending => {
                state.writer = Some(cx.waker().clone());
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }

    /// Sends no more of the request: the app does not take it in time.
    pub fn hold_back(&self) {
        if let Some(line) = &mut self.state().line {
            line.hold_back();
        }
    }

    /// Closes the connection.
    pub fn give_up(&self) {
        self.state().give_up();
    }

    /// Gives the connection back, if the other one has left it already.
    pub fn leave(this: Arc<Self>, home: &Arc<Pool>) {
        let state = Arc::into_inner(this).map(|alone| alone.0.into_inner());
        if let Some(line) = state.and_then(|state| state.unwrap_or_else(PoisonError::into_inner).line) {
            home.give_back(line);
        }
    }
}

impl State {
    fn give_up(&mut self) {
        self.line = None;
        self.wake();
    }

    fn wake(&mut self) {
        [self.reader.take(), self.writer.take()].into_iter().flatten().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, Line, Overtaken, Pool};
    use crate::proxy::body::Body;
    use crate::proxy::download::Download;
    use crate::stream::Stream;
    use http::{Request, Response};
    use http_body::Frame;
    use std::future::poll_fn;
    use std::sync::Arc;
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::UnixStream;

    const LARGE: usize = 8 << 20;
    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";

    /// A connection whose answer has begun while most of the request waits, and the app's side of it.
    async fn overtaken() -> (Arc<Overtaken>, UnixStream) {
        let (own, mut app) = UnixStream::pair().unwrap();
        let mut line = Line::open(Stream::Unix(own));
        let mut request = Request::new(Body::full(vec![b'x'; LARGE]));
        *request.method_mut() = http::Method::POST;
        line.begin(request);
        app.write_all(HEAD).await.unwrap();
        assert!(poll_fn(|cx| line.poll_head(cx)).await.is_ok() && line.is_uploading());
        (Overtaken::new(line), app)
    }

    async fn read(line: &Overtaken) -> Option<Result<Frame<bytes::Bytes>, Fault>> {
        poll_fn(|cx| line.poll_piece(cx)).await
    }

    async fn take(mut app: UnixStream) -> UnixStream {
        let mut taken = vec![0; LARGE];
        app.read_exact(&mut taken).await.unwrap();
        app
    }

    #[tokio::test]
    async fn who_is_done_last_gives_it_back() {
        for answer_first in [true, false] {
            let (line, mut app) = overtaken().await;
            let (other, pool) = (Arc::clone(&line), Pool::new(Duration::from_mins(1)));
            app.write_all(b"ok").await.unwrap();
            let answer = async {
                assert!(read(&other).await.is_some_and(|piece| piece.is_ok()) && other.is_over());
                Overtaken::leave(other, &pool);
            };
            let request = async {
                let sent = poll_fn(|cx| line.poll_upload(cx));
                let ((), app) = tokio::join!(sent, take(app));
                Overtaken::leave(line, &pool);
                app
            };
            let app = if answer_first {
                answer.await;
                assert!(pool.take().is_none());
                request.await
            } else {
                let app = request.await;
                assert!(pool.take().is_none());
                answer.await;
                app
            };
            assert!(pool.take().is_some(), "answer first: {answer_first}");
            drop(app);
        }
    }

    #[tokio::test]
    async fn what_is_given_up_is_told_to_the_other_one() {
        let (line, mut app) = overtaken().await;
        let other = Arc::clone(&line);
        let reads = tokio::spawn(async move { read(&other).await.is_some_and(|piece| piece.is_err()) });
        tokio::task::yield_now().await;
        assert!(!reads.is_finished());
        line.give_up();
        assert!(reads.await.unwrap());
        assert!(line.poll_upload(&mut Context::from_waker(Waker::noop())).is_ready() && !line.is_over());
        // What of it had gone is still there, and then the end.
        let mut rest = Vec::new();
        app.read_to_end(&mut rest).await.unwrap();
        assert!(rest.len() < LARGE);
    }

    #[tokio::test]
    async fn an_answer_that_nobody_takes_ends_its_request() {
        let (line, app) = overtaken().await;
        let pool = Pool::new(Duration::from_mins(1));
        drop(Download::early(Response::new(()), Arc::clone(&line), &pool));
        assert!(line.poll_upload(&mut Context::from_waker(Waker::noop())).is_ready());
        Overtaken::leave(line, &pool);
        assert!(pool.take().is_none());
        drop(app);
    }

    #[tokio::test]
    async fn who_has_answered_and_gone_is_sent_no_more() {
        let (line, mut app) = overtaken().await;
        assert_eq!(line.poll_upload(&mut Context::from_waker(Waker::noop())), Poll::Pending);
        app.write_all(b"ok").await.unwrap();
        assert!(read(&line).await.is_some_and(|piece| piece.is_ok()));
        app.shutdown().await.unwrap();
        poll_fn(|cx| line.poll_upload(cx)).await;
        assert!(line.left().is_none(), "it is given up");
    }
}
