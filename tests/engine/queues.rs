//! Where more come at once than somebody can accept: they wait in a queue, ours or the app's.

use crate::harness::child::Scratch;
use crate::harness::{App, Message, STRANGER, Sidecar, changed, fixture};
use crate::kit::gist;
use pandium_sidecar::config::model::{Config, Listen};
use pandium_sidecar::server::connection::Bounds;
use pandium_sidecar::server::listener::{Bound, Listener};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// More than a library's queue, if the system lets a queue be as long.
fn more_than_usual() -> usize {
    let most = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
    most.trim().parse::<usize>().unwrap().min(400)
}

async fn nobody_accepts(at: &str) -> Listener {
    let text = changed(&fixture("127.0.0.1:1".parse().unwrap()), &[("listen: 127.0.0.1:0", at)]);
    let config: Config = crate::harness::load(&text).unwrap().config;
    let listen: &Listen = &config.listen[0];
    Listener::bind(listen, Bounds::of(&config)).await.unwrap()
}

#[tokio::test]
async fn hundreds_may_wait_for_us_over_tcp() {
    let listener = nobody_accepts("listen: 127.0.0.1:0").await;
    let Bound::Tcp(address) = listener.bound else { panic!("not on TCP") };
    let mut waiting = Vec::new();
    for n in 0..more_than_usual() {
        let connected = timeout(Duration::from_secs(20), TcpStream::connect(address)).await;
        waiting.push(connected.unwrap_or_else(|_| panic!("visitor {n} is not let in")).unwrap());
    }
}

#[tokio::test]
async fn hundreds_may_wait_for_us_on_a_unix_socket() {
    let scratch = Scratch::new("queue");
    let path = scratch.path("in.sock");
    let _listener = nobody_accepts(&format!("listen: \"unix:{}\"", path.display())).await;
    assert_eq!(fill(&path, more_than_usual()).len(), more_than_usual());
}

/// Connects as often, or until no more may wait.
fn fill(path: &Path, most: usize) -> Vec<UnixStream> {
    let connect = |_| {
        let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket.connect(&socket2::SockAddr::unix(path).unwrap()).ok()?;
        Some(UnixStream::from(socket))
    };
    (0..most).map_while(connect).collect()
}

/// An app whose queue is full, and a sidecar in front of it; somebody has asked.
async fn asked(
    scratch: &Scratch,
    more: &str,
) -> (UnixListener, Vec<UnixStream>, tokio::task::JoinHandle<Message>) {
    let path = scratch.path("app.sock");
    let app = UnixListener::bind(&path).unwrap();
    socket2::SockRef::from(&app).listen(1).unwrap();
    let waiting = fill(&path, 100);
    assert!(waiting.len() < 100, "the queue is never full");
    let upstream = format!("upstream: \"unix:{}\"", path.display());
    let text = fixture("127.0.0.1:1".parse().unwrap());
    let text =
        changed(&text, &[("upstream: http://127.0.0.1:1", &upstream), ("log:", &format!("{more}\nlog:"))]);
    let sidecar = Sidecar::start(&text).await;
    let asked = tokio::spawn(async move { sidecar.get(STRANGER, "/", &[]).await });
    (app, waiting, asked)
}

#[tokio::test]
async fn an_app_with_a_full_queue_is_waited_for() {
    let scratch = Scratch::new("full");
    let (app, waiting, mut asked) = asked(&scratch, "").await;
    assert!(timeout(Duration::from_millis(200), &mut asked).await.is_err(), "not waited for");
    // Whoever waited goes, and the app gets to work.
    drop(waiting);
    let _app = App::accepting(app);
    assert_eq!(gist(Some(&asked.await.unwrap())), "200 ok");
}

#[tokio::test]
async fn and_not_for_ever() {
    let scratch = Scratch::new("forever");
    let (_app, _waiting, asked) = asked(&scratch, "timeouts: { connect: 300ms }").await;
    assert_eq!(gist(Some(&asked.await.unwrap())), "504 upstream-timeout");
}
