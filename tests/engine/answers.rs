//! Apps that answer badly: 502 or 504 for the visitor, whose connection goes on.

use crate::harness::script::{Scripted, Step, ok, say};
use crate::harness::{Message, STRANGER, Sidecar, fixture};
use crate::kit::{Wrong, ask, gist, playing, post};
use tokio::net::TcpListener;

/// No HTTP, whatever comes after it.
const NO_HTTP: &[&[u8]] = &[
    b"no http at all\r\n\r\n",
    b"\x15\x03\x01\x00\x02\x02\x46\x15\x03\x01\x00\x02\x02\x46",
    b"ICY 200 OK\r\n\r\n",
    b"HTTP/1.1 20 OK\r\n\r\n",
    b"HTTP/1.1 2000 OK\r\n\r\n",
    b"HTTP/1.1 099 OK\r\n\r\n",
    b"HTTP/1.1 -20 OK\r\n\r\n",
    b"HTTP/1.1 two OK\r\n\r\n",
    b"HTTP/1.1200 OK\r\n\r\n",
    b"HTTP/2.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/0.9 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
];

/// A head that leaves open where its body ends, or whose lines are no header lines.
const BAD_LINES: &[&str] = &[
    "Content-Length: 5\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nContent-Length: 5",
    "Content-Length: 5\r\nContent-Length: 6",
    "Content-Length: 6\r\nContent-Length: 5",
    "Content-Length: 5, 6",
    "Content-Length: +5",
    "Content-Length: -5",
    "Content-Length: 5 5",
    "Content-Length: 0x5",
    "Content-Length: 5;",
    "Content-Length: 5.0",
    "Content-Length: five",
    "Content-Length:",
    "Content-Length: 99999999999999999999",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: gzip",
    "Transfer-Encoding: chunked, gzip",
    "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding: identity, chunked",
    "Transfer-Encoding: identity",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: chunked;x=1",
    "Transfer-Encoding:",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "Content-Length: 5\r\nX-Nul: a\0b",
    "Content-Length: 5\r\nX-Cr: a\rb",
    "Content-Length: 5\r\nno colon",
    "Content-Length: 5\r\n: no name",
    "Content-Length: 5\r\ntwo words: x",
];

/// What RFC 9112 lets a proxy mend: refused, or mended.
const MENDABLE: &[&str] = &[
    "Content-Length: 5, 5",
    "Content-Length: 5\r\nContent-Length: 5",
    "Content-Length : 5",
    "Content-Length: 5\r\nX-Folded: a\r\n b",
    "Content-Length: 5\nX-Bare: a",
];

/// Unusual, and fine.
const GOOD: &[&str] = &[
    "HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.1 200 Yes, well\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nTRANSFER-ENCODING: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n00005;x=y\r\nhello\r\n000\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n4\r\nello\r\n0\r\nX-Trailer: x\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.1 103 Early Hints\r\nContent-Length: 9\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.1 199 Whatever\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
];

/// Short waits, so that an answer that never ends is not waited for.
const SHORT: &str = "timeouts: { response: 1s, stall: 1s }";

/// Plays each row on one visitor's connection, with a request that is fine behind it.
async fn play(rows: Vec<(String, Vec<Step>)>, must: impl Fn(&Message) -> bool) {
    let steps: Vec<_> = rows.iter().map(|(_, steps)| steps.clone()).collect();
    let (app, sidecar) = playing(SHORT, move |call| match call.path().strip_prefix("/row/") {
        Some(row) => steps[row.parse::<usize>().unwrap()].clone(),
        None => vec![ok("fine")],
    })
    .await;
    let mut wrong = Wrong::default();
    let mut visitor = sidecar.visitor(STRANGER);
    for (row, (case, _)) in rows.iter().enumerate() {
        let answer = ask(&mut visitor, get(&format!("/row/{row}"))).await;
        wrong.expect(answer.as_ref().is_some_and(&must), case, gist(answer.as_ref()));
        wrong.expect(visitor.is_connected(), case, "the visitor's connection does not go on");
        let next = ask(&mut visitor, get("/next")).await;
        wrong.expect(gist(next.as_ref()) == "200 fine", case, format!("next: {}", gist(next.as_ref())));
    }
    asked_once(&app, rows.len(), &mut wrong);
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: app.test\r\n\r\n")
}

/// What was answered, if badly, is not asked again.
fn asked_once(app: &Scripted, rows: usize, wrong: &mut Wrong) {
    for row in 0..rows {
        let path = format!("/row/{row}");
        let count = app.count(&path);
        wrong.expect(count == 1, &path, format!("asked {count} times"));
    }
}

fn refused(status: u16, code: &'static str) -> impl Fn(&Message) -> bool {
    move |answer| (answer.status(), answer.code().as_str()) == (status, code) && answer.whole
}

/// The body behind these header lines.
fn with_body(lines: &str) -> String {
    let body = if lines.contains("hunked") { "5\r\nhello\r\n0\r\n\r\n" } else { "hello" };
    format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\n{body}")
}

#[tokio::test]
async fn what_is_no_http_is_a_bad_gateway() {
    let said = |bytes: &&[u8]| (String::from_utf8_lossy(bytes).into_owned(), vec![say(bytes), Step::Hang]);
    play(NO_HTTP.iter().map(said).collect(), refused(502, "upstream-unreachable")).await;
}

/// And the connection that said it is not used again: who knows where its next answer begins.
#[tokio::test]
async fn an_ambiguous_head_is_a_bad_gateway() {
    let said = |lines: &&str| ((*lines).to_owned(), vec![say(with_body(lines)), Step::Hang]);
    play(BAD_LINES.iter().map(said).collect(), refused(502, "upstream-unreachable")).await;
}

#[tokio::test]
async fn what_can_be_mended_is_mended_or_refused() {
    let said = |lines: &&str| ((*lines).to_owned(), vec![say(with_body(lines))]);
    let bad = refused(502, "upstream-unreachable");
    let mended = |answer: &Message| {
        gist(Some(answer)) == "200 hello"
            && answer.values("content-length") == ["5"]
            && !answer.head.contains("\r\n ")
            && !answer.head.replace("\r\n", "").contains('\n')
    };
    play(MENDABLE.iter().map(said).collect(), |answer| bad(answer) || mended(answer)).await;
}

#[tokio::test]
async fn what_is_unusual_passes() {
    let one_head = |answer: &Message| gist(Some(answer)) == "200 hello" && answer.values("link").is_empty();
    let said = |text: &&str| ((*text).to_owned(), vec![say(text)]);
    play(GOOD.iter().map(said).collect(), one_head).await;
    let dripped = |text: &&str| ((*text).to_owned(), vec![Step::Drip(text.as_bytes().to_vec())]);
    play(GOOD.iter().map(dripped).collect(), one_head).await;
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_late() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n";
    let rows = vec![
        ("nothing".to_owned(), vec![Step::Hang]),
        ("half a head".to_owned(), vec![say(head), Step::Hang]),
        ("only 100".to_owned(), vec![say("HTTP/1.1 100 Continue\r\n\r\n"), Step::Hang]),
    ];
    play(rows, refused(504, "upstream-timeout")).await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_in_its_head_is_a_bad_gateway() {
    let rows = [
        ("nothing", vec![Step::Close]),
        ("nothing, broken off", vec![Step::Reset]),
        ("a letter", vec![say("H"), Step::Close]),
        ("half a head", vec![say("HTTP/1.1 200 OK\r\nContent-Le"), Step::Close]),
        ("all but the last byte", vec![say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r"), Step::Close]),
        ("only 100", vec![say("HTTP/1.1 100 Continue\r\n\r\n"), Step::Close]),
    ];
    // Each with an app of its own, so over a fresh connection: a used one may be tried again.
    for (case, steps) in rows {
        play(vec![(case.to_owned(), steps)], refused(502, "upstream-unreachable")).await;
    }
}

/// An app that hangs up on whoever comes, orderly or not, before it has read a byte.
#[tokio::test]
async fn an_app_that_hangs_up_at_once_is_a_bad_gateway() {
    for reset in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sidecar = Sidecar::start(&fixture(listener.local_addr().unwrap())).await;
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if reset {
                    stream.set_zero_linger().unwrap();
                }
            }
        });
        let mut visitor = sidecar.visitor(STRANGER);
        for bytes in [get("/"), post("/", 5) + "hello", post("/", 0), get("/")] {
            let answer = ask(&mut visitor, &bytes).await;
            assert_eq!(gist(answer.as_ref()), "502 upstream-unreachable", "{bytes}");
        }
    }
}

/// As much as an app may say, and more.
#[tokio::test]
async fn a_head_has_its_bounds() {
    let long = |length: usize| {
        let value = "x".repeat(length);
        say(format!("HTTP/1.1 200 OK\r\nX-Long: {value}\r\nContent-Length: 5\r\n\r\nhello"))
    };
    let many = |count: usize| {
        let lines = "X-Many: x\r\n".repeat(count);
        say(format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: 5\r\n\r\nhello"))
    };
    let good = vec![
        ("20 KB".to_owned(), vec![long(20_000)]),
        ("50 KB".to_owned(), vec![long(50_000)]),
        ("100 lines".to_owned(), vec![many(99)]),
    ];
    play(good, |answer| gist(Some(answer)) == "200 hello").await;
    let bad = vec![
        ("2 MB".to_owned(), vec![long(2_000_000), Step::Hang]),
        ("5,000 lines".to_owned(), vec![many(5_000), Step::Hang]),
        ("without end".to_owned(), vec![say("HTTP/1.1 200 OK\r\nX: "), Step::Endlessly(vec![b'x'; 16384])]),
        ("lines without end".to_owned(), vec![say("HTTP/1.1 200 OK\r\n"), endless("X-Line: x\r\n")]),
    ];
    play(bad, refused(502, "upstream-unreachable")).await;
    let chatter = vec![("100 without end".to_owned(), vec![endless("HTTP/1.1 100 Continue\r\n\r\n")])];
    play(chatter, |answer| matches!(answer.status(), 502 | 504) && answer.whole).await;
}

fn endless(text: &str) -> Step {
    Step::Endlessly(text.repeat(100).into_bytes())
}

/// Pingora CVE-2026-2833 and its kind: nobody leaves HTTP unasked, or alone.
#[tokio::test]
async fn a_switch_of_protocols_that_nobody_asked_for_is_a_bad_gateway() {
    let evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    let rows = [
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n{evil}"
        ),
        format!("HTTP/1.1 101 Switching Protocols\r\n\r\n{evil}"),
        format!("HTTP/1.1 101 X\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 0\r\n\r\n{evil}"),
    ];
    let said = |text: &String| (text.clone(), vec![say(text), Step::Hang]);
    play(rows.iter().map(said).collect(), refused(502, "upstream-unreachable")).await;
}
