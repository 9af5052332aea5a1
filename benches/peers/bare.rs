//! What hyper alone costs: the least program that does the work of a row, for `run.py`.
//!
//! ```text
//! bare PORT ORIGIN
//! ```
//!
//! It answers `/moved` with an address of 587 bytes, and passes everything else to the origin. It has
//! the layout of the sidecar (one thread, a pool of connections that the request's own task drives,
//! header names kept as they were spelled), and nothing of what the sidecar does for a request: nobody
//! is believed or doubted, nothing is removed, no wait has an end. What the sidecar takes beyond this is
//! its own; what this takes beyond nginx is hyper's.
#![allow(clippy::unwrap_used, reason = "an instrument: whoever runs it sees why it ended")]

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::{self as client, Connection, SendRequest};
use hyper::header::{CACHE_CONTROL, CONNECTION, HeaderName, HeaderValue, LOCATION, REFERRER_POLICY};
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::cell::RefCell;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{LocalSet, spawn_local};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

type Pool = Rc<RefCell<Vec<Line>>>;
type Answer = Either<Full<Bytes>, Download>;

struct Line {
    sender: SendRequest<Incoming>,
    connection: Pin<Box<Connection<TokioIo<TcpStream>, Incoming>>>,
}

impl Line {
    async fn open(origin: u16) -> Self {
        let stream = connect(origin).await;
        let mut builder = client::Builder::new();
        let (sender, connection) = builder.preserve_header_case(true).handshake(stream).await.unwrap();
        Self { sender, connection: Box::pin(connection) }
    }

    fn drive(&mut self, cx: &mut Context<'_>) {
        let _ = self.connection.as_mut().poll(cx);
    }
}

async fn connect(port: u16) -> TokioIo<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    TokioIo::new(stream)
}

/// The origin's answer; its connection goes back to the pool with its end.
struct Download {
    incoming: Incoming,
    line: Option<Line>,
    pool: Pool,
}

impl Body for Download {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let mut polled = Pin::new(&mut self.incoming).poll_frame(cx);
        if polled.is_pending() {
            self.line.iter_mut().for_each(|line| line.drive(cx));
            polled = Pin::new(&mut self.incoming).poll_frame(cx);
        }
        if polled.is_ready() && self.incoming.is_end_stream() {
            let line = self.line.take().map(|mut line| {
                line.drive(cx);
                line
            });
            self.pool.borrow_mut().extend(line.filter(|line| line.sender.is_ready()));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

async fn answer(request: Request<Incoming>, origin: u16, pool: Pool) -> Response<Answer> {
    if request.uri().path() == "/moved" {
        return moved();
    }
    let (mut parts, body) = request.into_parts();
    parts.headers.remove(CONNECTION);
    parts.headers.insert(HeaderName::from_static("x-forwarded-for"), HeaderValue::from_static("127.0.0.1"));
    let kept = pool.borrow_mut().pop();
    let mut line = match kept {
        Some(line) => line,
        None => Line::open(origin).await,
    };
    let mut asked = pin!(line.sender.send_request(Request::from_parts(parts, body)));
    let answered = poll_fn(|cx| {
        let _ = line.connection.as_mut().poll(cx);
        asked.as_mut().poll(cx)
    });
    let answered = answered.await.unwrap();
    answered.map(|incoming| Either::Right(Download { incoming, line: Some(line), pool }))
}

fn moved() -> Response<Answer> {
    let mut response = Response::new(Either::Left(Full::default()));
    *response.status_mut() = StatusCode::FOUND;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex"));
    headers.insert(LOCATION, HeaderValue::from_maybe_shared(Bytes::from(vec![b'x'; 587])).unwrap());
    response
}

async fn serve(stream: TcpStream, origin: u16, pool: Pool) {
    stream.set_nodelay(true).unwrap();
    let service = service_fn(|request| {
        let pool = Rc::clone(&pool);
        async move { Ok::<_, Infallible>(answer(request, origin, pool).await) }
    });
    let mut builder = server::Builder::new();
    builder.preserve_header_case(true).half_close(true);
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

fn main() {
    let mut ports = std::env::args().skip(1).map(|port| port.parse().unwrap());
    let (port, origin): (u16, u16) = (ports.next().unwrap(), ports.next().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async move {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let pool = Pool::default();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            spawn_local(serve(stream, origin, Rc::clone(&pool)));
        }
    });
}
