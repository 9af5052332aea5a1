//! A Pandium that agrees on HTTP/2, and then keeps to it, or does not.

use crate::harness::http2::{self, Client, Frame};
use crate::harness::script::Sign;
use crate::harness::{App, Reader, Sidecar, TRUSTED, changed};
use crate::kit::{Browser, Certified, Mount};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::server::TlsStream;

/// A connection, once hands are shaken.
pub struct Line {
    /// Which one it is, from 0.
    pub nth: usize,
    /// Whether HTTP/2 was agreed on.
    pub http2: bool,
    pub stream: TlsStream<TcpStream>,
}

/// The stand-in.
pub struct Standin {
    pub address: SocketAddr,
    certified: Certified,
    record: Arc<Record>,
}

#[derive(Default)]
struct Record {
    /// For each connection, whether it is one of HTTP/2, and whether it has ended.
    connections: Mutex<Vec<(bool, bool)>>,
    asked: Mutex<Vec<Asked>>,
}

/// A request that came in frames.
#[derive(Clone, Debug)]
pub struct Asked {
    /// On which connection.
    pub connection: usize,
    pub stream: u32,
    /// The fields, a line each.
    pub head: String,
}

impl Asked {
    pub fn field(&self, name: &str) -> &str {
        let line = self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.unwrap_or_default()
    }

    pub fn path(&self) -> &str {
        self.field(":path")
    }
}

/// What it does with a request.
pub enum Deed {
    /// Sends these frames.
    Say(Vec<u8>),
    /// Sends them again and again, until nobody listens.
    Endlessly(Vec<u8>),
    /// Waits for the test's sign.
    Await(Sign),
    /// Reads until this stream's request has ended.
    Body,
    /// Looks for a while whether another stream is opened, and counts it.
    Alone(Arc<AtomicUsize>),
    /// Takes its time, and says whenever it is asked that it is there.
    Linger(Duration),
    /// Neither hears nor says anything from now on, and stays.
    Deaf,
    /// Ends the connection.
    Close,
}

impl Standin {
    /// One that serves each connection like this.
    pub async fn start<F>(protocols: &[&str], serve: impl Fn(Line) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::recording(protocols, Arc::default(), serve).await
    }

    async fn recording<F>(
        protocols: &[&str],
        record: Arc<Record>,
        serve: impl Fn(Line) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let certified = Certified::new();
        let acceptor = certified.acceptor(protocols);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        socket2::SockRef::from(&listener).listen(4096).unwrap();
        let address = listener.local_addr().unwrap();
        let (kept, serve) = (Arc::clone(&record), Arc::new(serve));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, record, serve) = (acceptor.clone(), Arc::clone(&kept), Arc::clone(&serve));
                tokio::spawn(async move {
                    stream.set_nodelay(true).unwrap();
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                    let nth = {
                        let mut connections = record.connections.lock().unwrap();
                        connections.push((http2, false));
                        connections.len() - 1
                    };
                    serve(Line { nth, http2, stream }).await;
                    record.connections.lock().unwrap()[nth].1 = true;
                });
            }
        });
        Self { address, certified, record }
    }

    /// One that agrees on HTTP/2, opens whatever comes with a token, and does these deeds otherwise.
    pub async fn misbehaving(deeds: impl Fn(&Asked) -> Vec<Deed> + Send + Sync + 'static) -> Self {
        Self::set(&[], deeds).await
    }

    /// The same with settings.
    pub async fn set(
        settings: &'static [u8],
        deeds: impl Fn(&Asked) -> Vec<Deed> + Send + Sync + 'static,
    ) -> Self {
        Self::agreeing(&["h2"], settings, deeds).await
    }

    /// The same, and whoever speaks HTTP/1.1 gets their body back.
    pub async fn fond_of_http1(deeds: impl Fn(&Asked) -> Vec<Deed> + Send + Sync + 'static) -> Self {
        Self::agreeing(&["h2", "http/1.1"], &[], deeds).await
    }

    async fn agreeing(
        protocols: &[&str],
        settings: &'static [u8],
        deeds: impl Fn(&Asked) -> Vec<Deed> + Send + Sync + 'static,
    ) -> Self {
        let (record, deeds) = (Arc::<Record>::default(), Arc::new(deeds));
        let kept = Arc::clone(&record);
        let serve = move |line: Line| {
            let (record, deeds) = (Arc::clone(&kept), Arc::clone(&deeds));
            async move {
                if line.http2 {
                    misbehave(line, settings, &record, &*deeds).await;
                } else {
                    echo(line).await;
                }
            }
        };
        Self::recording(protocols, record, serve).await
    }

    /// A sidecar that shows its pages, and somebody who has opened one.
    pub async fn opened(&self, mount: Mount, changes: &[(&str, &str)]) -> (App, Sidecar, Browser) {
        let (app, sidecar) = self.shown(mount, changes).await;
        let mut browser = Browser::new(mount, sidecar.visitor(TRUSTED), "42");
        let page = browser.install().await;
        assert_eq!(page.status(), 200, "{}", page.text());
        (app, sidecar, browser)
    }

    /// A sidecar that shows its pages.
    pub async fn shown(&self, mount: Mount, changes: &[(&str, &str)]) -> (App, Sidecar) {
        let app = App::start().await;
        let sidecar = Sidecar::start(&changed(&self.text(mount, &app), changes)).await;
        (app, sidecar)
    }

    /// The file for that.
    pub fn text(&self, mount: Mount, app: &App) -> String {
        self.certified.text(mount, app.address, self.address)
    }

    /// How many connections it has had: of HTTP/1.1, and of HTTP/2.
    pub fn connections(&self) -> (usize, usize) {
        let connections = self.record.connections.lock().unwrap();
        let http2 = connections.iter().filter(|(http2, _)| *http2).count();
        (connections.len() - http2, http2)
    }

    /// Whether a connection has ended.
    pub fn has_ended(&self, nth: usize) -> bool {
        self.record.connections.lock().unwrap().get(nth).is_some_and(|(_, ended)| *ended)
    }

    /// The requests for a path that came in frames.
    pub fn asked(&self, path: &str) -> Vec<Asked> {
        self.record.asked.lock().unwrap().iter().filter(|asked| asked.path() == path).cloned().collect()
    }
}

async fn echo(line: Line) {
    let mut reader = Reader::patient(line.stream);
    while let Some(asked) = reader.request().await {
        let body = if asked.body.is_empty() { "nothing".into() } else { asked.text() };
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        if reader.stream().write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn misbehave(
    line: Line,
    settings: &[u8],
    record: &Record,
    deeds: &(dyn Fn(&Asked) -> Vec<Deed> + Sync),
) {
    let nth = line.nth;
    let mut wire = Client::accept(line.stream, settings).await;
    while let Some(frame) = wire.next().await {
        if frame.kind != http2::HEADERS {
            continue;
        }
        let asked = Asked { connection: nth, stream: frame.stream, head: wire.head(&frame).await };
        record.asked.lock().unwrap().push(asked.clone());
        let deeds = if asked.path().contains("tenant=") {
            vec![Deed::Say(page(&asked, "opened"))]
        } else {
            deeds(&asked)
        };
        for deed in deeds {
            if !commit(deed, &mut wire, &frame).await {
                return;
            }
        }
    }
}

/// Does it; false where that was the last on this connection.
async fn commit(deed: Deed, wire: &mut Client<TlsStream<TcpStream>>, asked: &Frame) -> bool {
    match deed {
        Deed::Say(frames) => wire.send(&frames).await,
        Deed::Endlessly(frames) => {
            while wire.send(&frames).await {}
            false
        }
        Deed::Await(sign) => {
            sign.wait().await;
            true
        }
        Deed::Body => {
            let mut flags = asked.flags;
            while flags & http2::END_STREAM == 0 {
                let Some(frame) = wire.next().await else { return false };
                if frame.stream == asked.stream && frame.kind == http2::DATA {
                    flags = frame.flags;
                    wire.make_room(frame.stream, frame.payload.len()).await;
                }
            }
            true
        }
        Deed::Alone(count) => {
            let other =
                async { while wire.next().await.is_some_and(|frame| frame.kind != http2::HEADERS) {} };
            if tokio::time::timeout(Duration::from_millis(20), other).await.is_ok() {
                count.fetch_add(1, Ordering::Relaxed);
            }
            true
        }
        Deed::Linger(time) => {
            let forever = async { while wire.next().await.is_some() {} };
            tokio::time::timeout(time, forever).await.is_err()
        }
        Deed::Deaf => std::future::pending().await,
        Deed::Close => false,
    }
}

/// The frames of a head.
pub fn head(asked: &Asked, fields: &[(&str, &str)], end: bool) -> Vec<u8> {
    http2::head(asked.stream, &http2::block(fields), end)
}

/// The frames of a piece of a body, empty or not.
pub fn data(asked: &Asked, body: &str, end: bool) -> Vec<u8> {
    http2::frame(http2::DATA, u8::from(end), asked.stream, body.as_bytes())
}

/// The frames of a page.
pub fn page(asked: &Asked, body: &str) -> Vec<u8> {
    [head(asked, &[(":status", "200")], false), data(asked, body, true)].concat()
}

/// The frame that breaks off a stream.
pub fn reset(asked: &Asked, code: u32) -> Vec<u8> {
    http2::frame(http2::RST_STREAM, 0, asked.stream, &code.to_be_bytes())
}

/// The frame that announces the end of the connection.
pub fn goaway(last: u32, code: u32) -> Vec<u8> {
    http2::frame(http2::GOAWAY, 0, 0, &[last.to_be_bytes(), code.to_be_bytes()].concat())
}
