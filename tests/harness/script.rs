//! An app that does as it is told, step by step, well or badly, and notes what reaches it.

use super::message::{Message, Reader};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// What the app does with a request, once it has read its head.
#[derive(Clone)]
pub enum Step {
    /// Reads the request's body.
    Body,
    /// Says this.
    Say(Vec<u8>),
    /// Says this a byte at a time.
    Drip(Vec<u8>),
    /// Says this again and again, until nobody listens.
    Endlessly(Vec<u8>),
    /// Says back all that comes, until nothing more does, and then this.
    Echo(Vec<u8>),
    /// Waits for the test's sign.
    Await(Sign),
    /// Tells the test that it came so far.
    Tell(Sign),
    /// Lets some time pass.
    Pause(Duration),
    /// Waits until the other end leaves, and reads what still comes.
    Hang,
    /// Ends the connection.
    Close,
    /// Breaks the connection off, so that what is on its way is lost.
    Reset,
}

/// Says this text.
pub fn say(text: impl AsRef<[u8]>) -> Step {
    Step::Say(text.as_ref().to_vec())
}

/// An answer with this body.
pub fn ok(body: &str) -> Step {
    say(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
}

/// What a test lets an app wait for; given as often as it is to go on.
#[derive(Clone)]
pub struct Sign(Arc<Semaphore>);

impl Default for Sign {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }
}

impl Sign {
    pub fn give(&self) {
        self.0.add_permits(1);
    }

    pub async fn wait(&self) {
        self.0.acquire().await.unwrap().forget();
    }
}

/// A request, as it came.
#[derive(Clone, Debug)]
pub struct Call {
    /// Which connection it came over, from 0.
    pub connection: usize,
    /// Which request of this connection it is, from 0.
    pub nth: usize,
    /// What is known of it: a body that was not read is empty, and not whole.
    pub message: Message,
}

impl Call {
    pub fn path(&self) -> &str {
        self.message.first_line().split(' ').nth(1).unwrap_or_default()
    }
}

type Play = dyn Fn(&Call) -> Vec<Step> + Send + Sync;

/// The app.
pub struct Scripted {
    pub address: SocketAddr,
    record: Arc<Record>,
}

#[derive(Default)]
struct Record {
    calls: Mutex<Vec<Call>>,
    /// How many connections have come, and how many of them have ended.
    connections: Mutex<(usize, usize)>,
}

impl Scripted {
    pub async fn start(play: impl Fn(&Call) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        socket2::SockRef::from(&listener).listen(4096).unwrap();
        let address = listener.local_addr().unwrap();
        let record = Arc::<Record>::default();
        let (kept, play): (_, Arc<Play>) = (Arc::clone(&record), Arc::new(play));
        tokio::spawn(async move {
            for connection in 0.. {
                let Ok((stream, _)) = listener.accept().await else { return };
                kept.connections.lock().unwrap().0 += 1;
                let (record, play) = (Arc::clone(&kept), Arc::clone(&play));
                tokio::spawn(async move {
                    converse(stream, connection, &record, &*play).await;
                    record.connections.lock().unwrap().1 += 1;
                });
            }
        });
        Self { address, record }
    }

    /// The requests so far.
    pub fn calls(&self) -> Vec<Call> {
        self.record.calls.lock().unwrap().clone()
    }

    /// How many requests for a path there were.
    pub fn count(&self, path: &str) -> usize {
        self.calls().iter().filter(|call| call.path() == path).count()
    }

    /// The last request.
    pub fn last(&self) -> Message {
        self.calls().pop().expect("the app saw no request").message
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        self.record.connections.lock().unwrap().0
    }

    /// How many connections are there now.
    pub fn open(&self) -> usize {
        let (come, gone) = *self.record.connections.lock().unwrap();
        come - gone
    }
}

async fn converse(stream: TcpStream, connection: usize, record: &Record, play: &Play) {
    stream.set_nodelay(true).unwrap();
    let mut reader = Reader::patient(stream);
    for nth in 0.. {
        let Some(head) = reader.head().await else { return };
        let message = Message { whole: false, ..Message::bare(head) };
        let call = Call { connection, nth, message };
        let steps = play(&call);
        let index = {
            let mut calls = record.calls.lock().unwrap();
            calls.push(call);
            calls.len() - 1
        };
        for step in steps {
            if let Step::Body = step {
                let head = record.calls.lock().unwrap()[index].message.head.clone();
                let message = reader.request_with(head).await;
                record.calls.lock().unwrap()[index].message = message;
            } else if !take(step, &mut reader).await {
                return;
            }
        }
    }
}

/// Takes a step; false where it was the last on this connection.
async fn take(step: Step, reader: &mut Reader<TcpStream>) -> bool {
    match step {
        Step::Body => true,
        Step::Say(bytes) => reader.stream().write_all(&bytes).await.is_ok(),
        Step::Drip(bytes) => drip(reader.stream(), &bytes).await,
        Step::Endlessly(bytes) => {
            while reader.stream().write_all(&bytes).await.is_ok() {
                tokio::task::yield_now().await;
            }
            false
        }
        Step::Echo(last) => {
            while let Some(bytes) = reader.some().await {
                if reader.stream().write_all(&bytes).await.is_err() {
                    return false;
                }
            }
            drop(reader.stream().write_all(&last).await);
            false
        }
        Step::Await(sign) => {
            sign.wait().await;
            true
        }
        Step::Tell(sign) => {
            sign.give();
            true
        }
        Step::Pause(time) => {
            tokio::time::sleep(time).await;
            true
        }
        Step::Hang => {
            while reader.more().await {}
            false
        }
        Step::Close => false,
        Step::Reset => {
            reader.stream().set_zero_linger().unwrap();
            false
        }
    }
}

/// Sends bytes one by one, each likely to arrive alone.
pub async fn drip(stream: &mut TcpStream, bytes: &[u8]) -> bool {
    for byte in bytes {
        if stream.write_all(std::slice::from_ref(byte)).await.is_err() {
            return false;
        }
        tokio::task::yield_now().await;
    }
    true
}

/// Waits until something holds.
pub async fn until(what: &str, holds: impl Fn() -> bool) {
    let held = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let patience = super::message::PATIENCE;
    tokio::time::timeout(patience, held).await.unwrap_or_else(|_| panic!("it never came that {what}"));
}
