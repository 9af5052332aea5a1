//! An app that records every request, and answers as it is told.

use super::message::{Message, Reader};
use super::streams;
use socket2::SockRef;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio_rustls::TlsAcceptor;

/// What an app says to a request; nothing where it stays silent.
pub type Answer = fn(&Message) -> Option<Vec<u8>>;

/// An app on a socket of its own.
pub struct App {
    pub address: SocketAddr,
    record: Arc<Record>,
}

#[derive(Default)]
struct Record {
    seen: Mutex<Vec<Message>>,
    connections: Mutex<usize>,
}

/// 200 to everything.
#[allow(clippy::unnecessary_wraps, reason = "it is one `Answer` of many")]
pub fn ok(_: &Message) -> Option<Vec<u8>> {
    Some(b"HTTP/1.1 200 OK\r\nX-App: here\r\nContent-Length: 2\r\n\r\nok".to_vec())
}

impl App {
    /// One that answers 200 to everything.
    pub async fn start() -> Self {
        Self::answering(ok).await
    }

    /// One that answers in this way.
    pub async fn answering(answer: Answer) -> Self {
        Self::over_tcp(move |stream, record| answer_all(stream, record, answer)).await
    }

    /// The same behind TLS, over HTTP/2 where that is agreed on.
    pub async fn encrypted(answer: Answer, acceptor: TlsAcceptor) -> Self {
        Self::over_tcp(move |stream, record| {
            let acceptor = acceptor.clone();
            async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                    answer_streams(stream, record, answer).await;
                } else {
                    answer_all(stream, record, answer).await;
                }
            }
        })
        .await
    }

    async fn over_tcp<F>(serve: impl Fn(TcpStream, Arc<Record>) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        // Tests have hundreds of visitors at once.
        SockRef::from(&listener).listen(4096).unwrap();
        let address = listener.local_addr().unwrap();
        let record = Arc::<Record>::default();
        let kept = Arc::clone(&record);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&kept)));
            }
        });
        Self { address, record }
    }

    /// One on a unix socket; its `address` is of no use.
    pub fn on_unix(path: &std::path::Path) -> Self {
        Self::accepting(std::os::unix::net::UnixListener::bind(path).unwrap())
    }

    /// The same on a socket that is bound already.
    pub fn accepting(listener: std::os::unix::net::UnixListener) -> Self {
        SockRef::from(&listener).listen(4096).unwrap();
        listener.set_nonblocking(true).unwrap();
        let listener = UnixListener::from_std(listener).unwrap();
        let record = Arc::<Record>::default();
        let kept = Arc::clone(&record);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer_all(stream, Arc::clone(&kept), ok));
            }
        });
        Self { address: SocketAddr::from(([0, 0, 0, 0], 0)), record }
    }

    /// What it has seen so far.
    pub fn seen(&self) -> Vec<Message> {
        self.record.seen.lock().unwrap().clone()
    }

    /// How many requests it has seen.
    pub fn count(&self) -> usize {
        self.record.seen.lock().unwrap().len()
    }

    /// How many connections it has had.
    pub fn connections(&self) -> usize {
        *self.record.connections.lock().unwrap()
    }

    /// What it saw last.
    pub fn last(&self) -> Message {
        self.record.seen.lock().unwrap().last().cloned().expect("the app saw no request")
    }
}

async fn answer_all<S>(stream: S, record: Arc<Record>, answer: Answer)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    *record.connections.lock().unwrap() += 1;
    let mut reader = Reader::new(stream);
    while let Some(message) = reader.request().await {
        let said = answer(&message);
        record.seen.lock().unwrap().push(message);
        let Some(said) = said else { std::future::pending().await };
        // It closes where it says so, and where it has nothing to say.
        let closes = said.is_empty() || said.windows(17).any(|piece| piece == b"Connection: close");
        if reader.stream().write_all(&said).await.is_err() || closes {
            return;
        }
    }
}

/// The same over HTTP/2.
async fn answer_streams<S>(stream: S, record: Arc<Record>, answer: Answer)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    *record.connections.lock().unwrap() += 1;
    streams::serve(stream, move |request, respond| {
        let record = Arc::clone(&record);
        async move {
            let message = streams::read(request).await;
            let said = answer(&message);
            record.seen.lock().unwrap().push(message.clone());
            let Some(said) = said else { std::future::pending().await };
            streams::say(respond, &message, &said).await;
        }
    })
    .await;
}
