//! Visitors who leave before they have their answer, and those who only seem to.

use crate::harness::script::{Call, Scripted, Sign, Step, ok, say, until};
use crate::harness::way::{Transport, Way, over_each_transport, play};
use crate::harness::{Reader, STRANGER, Sidecar, changed, connect, fixture, request};
use crate::kit::{gist, playing, post};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Long enough for every test that does not hold to fail.
const WAITS: &str = "timeouts: { response: 60s, stall: 60s, body: 60s, idle: 60s }";
const PIECE: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";

/// Answers some requests for ever, with nothing or with half an answer.
fn slow(call: &Call) -> Vec<Step> {
    match call.path() {
        "/never" => vec![Step::Body, Step::Hang],
        "/half" => vec![Step::Body, say(PIECE), Step::Hang],
        path => vec![Step::Body, ok(path)],
    }
}

/// An app that is slow, and a sidecar that serves one visitor at a time.
async fn one_by_one() -> (Scripted, Sidecar) {
    playing(&format!("limits: {{ connections: 1 }}\n{WAITS}"), slow).await
}

/// The app is let go, and the place of whoever has left is another's.
async fn is_forgotten(app: &Scripted, sidecar: &Sidecar, case: &str) {
    until(case, || app.open() == 0).await;
    let start = Instant::now();
    while sidecar.get(STRANGER, "/next", &[]).await.status() != 200 {
        assert!(start.elapsed() < Duration::from_secs(10), "{case}: its place is held");
        tokio::task::yield_now().await;
    }
    // So the next case begins with nobody there.
    until(case, || app.open() == 0).await;
}

async fn asking(sidecar: &Sidecar, bytes: &[u8]) -> Reader<TcpStream> {
    let mut reader = Reader::new(connect(STRANGER, sidecar.address).await);
    reader.stream().write_all(bytes).await.unwrap();
    reader
}

/// Whatever was asked, whoever breaks a connection off waits for no answer.
#[tokio::test]
async fn who_breaks_off_is_forgotten() {
    let (app, sidecar) = one_by_one().await;
    let more = request("GET", "/more", &[]).repeat(1000);
    for (case, bytes, ended) in [
        ("GET", request("GET", "/never", &[]), false),
        ("old", b"GET /never HTTP/1.0\r\nHost: app.test\r\n\r\n".to_vec(), false),
        ("POST", (post("/never", 5) + "hello").into_bytes(), false),
        ("with more behind", [request("GET", "/never", &[]), request("GET", "/b", &[])].concat(), false),
        ("with much behind", [request("GET", "/never", &[]), more].concat(), false),
        ("half-closed before", request("GET", "/never", &[]), true),
        ("in the answer", request("GET", "/half", &[]), false),
        ("in the answer, half-closed before", request("GET", "/half", &[]), true),
    ] {
        let asked = app.calls().len();
        let mut reader = asking(&sidecar, &bytes).await;
        if ended {
            reader.stream().shutdown().await.unwrap();
        }
        until("the app is asked", || app.calls().len() > asked).await;
        if case.starts_with("in the answer") {
            assert!(reader.head().await.is_some(), "{case}");
        }
        reader.stream().set_zero_linger().unwrap();
        drop(reader);
        is_forgotten(&app, &sidecar, case).await;
        assert_eq!((app.count("/b"), app.count("/more")), (0, 0), "{case}");
    }
}

/// A browser whose page is left closes, with nothing unread: it takes a word to find that out.
#[tokio::test]
async fn who_closes_is_forgotten() {
    let (app, sidecar) = one_by_one().await;
    for bytes in [request("GET", "/never", &[]), (post("/never", 5) + "hello").into_bytes()] {
        let asked = app.calls().len();
        let reader = asking(&sidecar, &bytes).await;
        until("the app is asked", || app.calls().len() > asked).await;
        drop(reader);
        is_forgotten(&app, &sidecar, "closed").await;
    }
}

/// In the middle of an answer the next piece of it finds it out.
#[tokio::test]
async fn who_closes_in_the_middle_of_an_answer_is_forgotten_with_its_next_piece() {
    let go = Sign::default();
    let wait = go.clone();
    let (app, sidecar) =
        playing(WAITS, move |_| vec![say(PIECE), Step::Await(wait.clone()), say("1\r\n!\r\n"), Step::Hang])
            .await;
    let mut reader = asking(&sidecar, &request("GET", "/events", &[])).await;
    let mut said = Vec::new();
    assert!(reader.head().await.is_some() && reader.exactly(10, &mut said).await);
    drop(reader);
    go.give();
    until("the app is let go", || app.open() == 0).await;
}

/// Whoever has only said all is asked whether it is there, and gets its answer; an old client, which knows
/// no such word, is left alone.
#[tokio::test]
async fn who_has_closed_its_half_is_answered_however_long_it_takes() {
    let go = Sign::default();
    let wait = go.clone();
    let (app, sidecar) =
        playing(WAITS, move |_| vec![Step::Body, Step::Await(wait.clone()), ok("late")]).await;
    let old = b"GET /a HTTP/1.0\r\nHost: app.test\r\n\r\n".to_vec();
    let mut readers = Vec::new();
    for (bytes, asked) in
        [(request("GET", "/a", &[]), 1), ((post("/a", 5) + "hello").into_bytes(), 1), (old, 0)]
    {
        let mut reader = asking(&sidecar, &bytes).await;
        reader.stream().shutdown().await.unwrap();
        readers.push((reader, asked));
    }
    until("the app is asked", || app.count("/a") == 3).await;
    for (reader, asked) in &mut readers {
        for _ in 0..*asked {
            assert_eq!(gist(reader.answer().await.as_ref()), "100 ");
        }
    }
    // Longer than that nothing more is said.
    tokio::time::sleep(Duration::from_secs(3)).await;
    for _ in &readers {
        go.give();
    }
    for (mut reader, _) in readers {
        assert_eq!(gist(reader.answer().await.as_ref()), "200 late");
        assert!(reader.ends().await);
    }
}

/// What comes behind a request while that is answered is answered in its turn.
#[tokio::test]
async fn what_comes_meanwhile_is_not_lost() {
    let go = Sign::default();
    let wait = go.clone();
    let (app, sidecar) = playing(WAITS, move |call| match call.path() {
        "/slow" => vec![Step::Await(wait.clone()), ok("slow")],
        path => vec![Step::Body, ok(path)],
    })
    .await;
    for count in [1, 500] {
        let seen = app.count("/slow");
        let (reading, mut writing) = connect(STRANGER, sidecar.address).await.into_split();
        writing.write_all(&request("GET", "/slow", &[])).await.unwrap();
        until("the app is asked", || app.count("/slow") > seen).await;
        let more = (post("/more", 5) + "hello").repeat(count);
        let writes = tokio::spawn(async move { writing.write_all(more.as_bytes()).await });
        for _ in 0..10 {
            // Whoever serves others has seen what came.
            sidecar.get(STRANGER, "/next", &[]).await;
        }
        go.give();
        let mut reader = Reader::new(reading);
        assert_eq!(gist(reader.answer().await.as_ref()), "200 slow");
        for n in 0..count {
            assert_eq!(gist(reader.answer().await.as_ref()), "200 /more", "{n} of {count}");
        }
        writes.await.unwrap().unwrap();
    }
}

over_each_transport!(who_hangs_up_is_forgotten);
play!(half_over_unix, Unix, Install; who_says_no_more_is_answered);
play!(half_over_tls, Tls, Install; who_says_no_more_is_answered);

/// A connection that is dropped is closed without a word: over a unix socket and over TLS that tells all.
async fn who_hangs_up_is_forgotten(way: Way) {
    let app = Scripted::start(slow).await;
    let sidecar = way.start(&waiting(&app)).await;
    let mut visitor = sidecar.visitor(STRANGER);
    let asks = tokio::spawn(async move { visitor.try_send(request("GET", "/never", &[])).await });
    until("the app is asked", || app.count("/never") == 1).await;
    asks.abort();
    let start = Instant::now();
    until("the app is let go", || app.open() == 0).await;
    let at_once = way.transport != Transport::Tcp;
    assert!(!at_once || start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

async fn who_says_no_more_is_answered(way: Way) {
    let go = Sign::default();
    let wait = go.clone();
    let app = Scripted::start(move |_| vec![Step::Body, Step::Await(wait.clone()), ok("late")]).await;
    let sidecar = way.start(&waiting(&app)).await;
    let mut reader = Reader::new(sidecar.connect(STRANGER).await);
    reader.stream().write_all(&request("GET", "/a", &[])).await.unwrap();
    reader.stream().shutdown().await.unwrap();
    until("the app is asked", || app.count("/a") == 1).await;
    // Long enough to be taken for one who has left.
    tokio::time::sleep(Duration::from_secs(2)).await;
    go.give();
    assert_eq!(gist(reader.answer().await.as_ref()), "200 late");
    assert!(reader.ends().await);
}

fn waiting(app: &Scripted) -> String {
    changed(&fixture(app.address), &[("log:", &format!("{WAITS}\nlog:"))])
}
