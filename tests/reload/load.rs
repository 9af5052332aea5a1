//! A hundred rotations under load: nobody's request breaks, and every token is signed with the key of
//! its time, with the claims that came with that key.

use crate::harness::child::Serving;
use crate::harness::{App, Reader, TRUSTED, changed, connect, request};
use crate::kit::{Living, PATIENCE, Volume, filed};
use pandium_sidecar::redact::Secret;
use pandium_sidecar::token;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

const CLIENTS: usize = 16;
const ROTATIONS: usize = 100;

/// The key of a rotation.
fn key(rotation: usize) -> String {
    format!("key-{rotation:03}-0123456789abcdef0123456789abcdef")
}

/// The fixture, with the number of its last swap in each token.
fn config(app: SocketAddr, swap: usize) -> String {
    let numbered = ("    xti:\n", format!("    swap: \"{swap}\"\n    xti:\n"));
    changed(
        &filed(app),
        &[(numbered.0, &numbered.1), ("access: true, level: trace", "access: false, level: warn")],
    )
}

/// How far the rotations are, and what each of them changed.
#[derive(Default)]
struct Course {
    /// Those that have begun.
    begun: AtomicUsize,
    /// Those that serve for certain.
    done: AtomicUsize,
    over: AtomicBool,
    asked: AtomicUsize,
}

/// How the files come to be others.
#[derive(Clone, Copy)]
enum Way {
    Rename,
    /// And somebody asks for it at once.
    Signal,
    /// The file with the key.
    Swap,
}

/// The rotation of the last swap up to this one, where every third is one.
type Swaps = fn(usize) -> usize;

/// What one client saw of the answers to its requests, until the course is over.
async fn visit(to: SocketAddr, course: Arc<Course>, swaps: Swaps) {
    let install = request("GET", "/pandium/install/gwt2hs", &["X-Tenant-Id: 42"]);
    let pass = request("GET", "/any", &[]);
    let mut stream = connect(TRUSTED, to).await;
    let mut buffer = Vec::new();
    for turn in 0.. {
        if course.over.load(Ordering::Relaxed) {
            return;
        }
        let done = course.done.load(Ordering::SeqCst);
        if turn % 4 == 0 {
            stream.write_all(&pass).await.expect("a connection was closed");
            let answer = read(&mut stream, &mut buffer).await;
            assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("ok"), "{answer}");
        } else {
            stream.write_all(&install).await.expect("a connection was closed");
            let answer = read(&mut stream, &mut buffer).await;
            assert!(answer.starts_with("HTTP/1.1 302 "), "{answer}");
            let (_, token) = answer.split_once("?tenant=").unwrap();
            let token = token.split(['\r', '&']).next().unwrap();
            let begun = course.begun.load(Ordering::SeqCst);
            let signed = |rotation: &usize| token::verify(token, &Secret::new(key(*rotation).into_bytes()));
            let found = (done..=begun).find_map(|rotation| signed(&rotation).ok().map(|it| (rotation, it)));
            let (rotation, claims) = found.expect("a key of another time");
            assert_eq!(claims["ti"]["swap"], swaps(rotation).to_string(), "rotation {rotation}");
        }
        course.asked.fetch_add(1, Ordering::Relaxed);
    }
}

/// One answer with a length.
async fn read(stream: &mut tokio::net::TcpStream, buffer: &mut Vec<u8>) -> String {
    buffer.clear();
    loop {
        assert!(stream.read_buf(buffer).await.expect("broken off") > 0, "a connection was closed");
        let text = String::from_utf8_lossy(buffer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.to_ascii_lowercase();
        let length =
            length.split("content-length: ").nth(1).map_or("0", |rest| rest.split('\r').next().unwrap());
        if body.len() == length.parse::<usize>().unwrap() {
            return text.into_owned();
        }
    }
}

/// Waits until a token is signed with the key of this rotation.
async fn signed_with(to: SocketAddr, rotation: usize) {
    let install = request("GET", "/pandium/install/gwt2hs", &["X-Tenant-Id: 42"]);
    let (mut stream, mut buffer) = (connect(TRUSTED, to).await, Vec::new());
    let late = Instant::now() + PATIENCE;
    loop {
        stream.write_all(&install).await.unwrap();
        let answer = read(&mut stream, &mut buffer).await;
        let token = answer.split_once("?tenant=").unwrap().1.split(['\r', '&']).next().unwrap();
        if token::verify(token, &Secret::new(key(rotation).into_bytes())).is_ok() {
            return;
        }
        assert!(Instant::now() < late, "rotation {rotation} never came");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A program under load, from outside.
struct Subject<S, G> {
    app: SocketAddr,
    to: SocketAddr,
    way: fn(usize) -> Way,
    swaps: Swaps,
    /// Asks it to load again.
    ask: S,
    /// Which generation serves.
    generation: G,
}

impl<S: Fn(), G: AsyncFn() -> u64> Subject<S, G> {
    /// Rotates a hundred times while visitors come, and goes on until there were so many requests.
    async fn drive(&self, volume: &mut Volume, least: usize) {
        let course = Arc::<Course>::default();
        let mut clients: JoinSet<()> =
            (0..CLIENTS).map(|_| visit(self.to, Arc::clone(&course), self.swaps)).collect();
        for rotation in 1..=ROTATIONS {
            let before = (self.generation)().await;
            course.begun.store(rotation, Ordering::SeqCst);
            match (self.way)(rotation) {
                Way::Rename => volume.rename("secret", &key(rotation)),
                Way::Signal => {
                    volume.rename("secret", &key(rotation));
                    (self.ask)();
                }
                Way::Swap => {
                    volume.swap(&[("config.yaml", &config(self.app, rotation)), ("secret", &key(rotation))]);
                }
            }
            signed_with(self.to, rotation).await;
            // All workers have it, and not only the one that was just asked.
            wait(async || (self.generation)().await > before).await;
            course.done.store(rotation, Ordering::SeqCst);
        }
        let ended = async {
            while course.asked.load(Ordering::Relaxed) < least {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            () = ended => {}
            Some(ended) = clients.join_next() => ended.expect("a client failed"),
        }
        course.over.store(true, Ordering::Relaxed);
        while let Some(ended) = clients.join_next().await {
            ended.expect("a client failed");
        }
        assert!(course.asked.load(Ordering::Relaxed) >= least);
    }
}

async fn wait(there: impl AsyncFn() -> bool) {
    let late = Instant::now() + PATIENCE;
    while !there().await {
        assert!(Instant::now() < late, "it never came");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Each way a third of the time, at a pace that only a test has.
#[tokio::test]
async fn nobody_notices_a_hundred_rotations() {
    let app = App::start().await;
    let files = [("config.yaml", config(app.address, 0)), ("secret", key(0))];
    let mut volume = Volume::new("hundred", &files.each_ref().map(|(name, text)| (*name, text.as_str())));
    let living = Living::start(&volume).await;
    let subject = Subject {
        app: app.address,
        to: living.sidecar.address,
        way: |rotation| [Way::Swap, Way::Rename, Way::Signal][rotation % 3],
        swaps: |rotation| rotation - rotation % 3,
        ask: || living.reloader.now(),
        generation: async || living.status.now().generation.number(),
    };
    subject.drive(&mut volume, 10_000).await;
    // One more where a look was faster than the signal for what it found.
    assert!(living.status.now().generation.number() > ROTATIONS as u64);
}

/// The program as it is, which looks once a second: most of the time somebody asks.
#[tokio::test]
async fn nobody_notices_a_hundred_rotations_of_the_real_program() {
    let app = App::start().await;
    let text = changed(
        &config(app.address, 0),
        &[("admin: off", "admin: 127.0.0.1:0"), ("level: warn", "level: info")],
    );
    let mut volume = Volume::new("hundred-real", &[("config.yaml", &text), ("secret", &key(0))]);
    let mut serving = Serving::start(&volume.path("config.yaml"), &[], &[]);
    let (to, admin) = (serving.address(), serving.admin());
    // Quiet from now on: a hundred thousand lines are no part of this.
    volume.rename("config.yaml", &config(app.address, 0));
    serving.signal("HUP");
    wait(async || generation(admin).await > 1).await;
    let subject = Subject {
        app: app.address,
        to,
        way: |rotation| match rotation % 33 {
            0 => Way::Swap,
            1 => Way::Rename,
            _ => Way::Signal,
        },
        swaps: |rotation| rotation - rotation % 33,
        ask: || serving.signal("HUP"),
        generation: async || generation(admin).await,
    };
    subject.drive(&mut volume, 100_000).await;
    serving.terminate();
    assert_eq!(serving.end().code, Some(0));
}

/// Which generation serves, as a scraper learns it.
async fn generation(admin: SocketAddr) -> u64 {
    let mut operator = Reader::new(connect(TRUSTED, admin).await);
    operator.stream().write_all(&request("GET", "/metrics", &[])).await.unwrap();
    let text = operator.answer().await.unwrap().text();
    let line = text.lines().find_map(|line| line.strip_prefix("pandium_sidecar_config_generation "));
    line.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{text}"))
}
