//! Every wait for a visitor has its end: heads, bodies, and connections at rest.

use crate::harness::script::{Step, ok};
use crate::harness::{Reader, STRANGER, Sidecar, changed, connect, fixture, request};
use crate::kit::{Wrong, gist, playing, post};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Beyond a timeout itself: what a busy machine may need.
const SLACK: Duration = ms(1000);

/// How long it takes until the other end has closed the connection; none where it never does.
async fn closed(stream: &mut TcpStream) -> Option<Duration> {
    let start = Instant::now();
    let mut said = Vec::new();
    let ended = tokio::time::timeout(ms(15_000), stream.read_to_end(&mut said)).await;
    ended.is_ok().then(|| start.elapsed())
}

const HALF_HEADS: [&str; 6] = [
    "",
    "G",
    "GET / HTTP/1.1\r\n",
    "GET / HTTP/1.1\r\nHost: app.test\r\nX-Half: a",
    "GET / HTTP/1.1\r\nHost: app.test\r\n\r",
    "POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 5\r\n",
];

/// Performance.md 6: 9,000 half-sent heads were still held after 45 s.
#[tokio::test]
async fn half_sent_heads_are_gone_in_time_and_others_are_served_meanwhile() {
    let (_app, sidecar) = playing("timeouts: { header: 1s, idle: 60s }", |_| vec![ok("fine")]).await;
    let mut senders = JoinSet::new();
    let address = sidecar.address;
    for n in 0..300 {
        let half = HALF_HEADS[n % HALF_HEADS.len()];
        // Half of them after a request that was fine.
        senders.spawn(async move { (half, n % 2 == 0, after(address, n % 2 == 0, half).await) });
    }
    for _ in 0..10 {
        let answer = sidecar.get(STRANGER, "/", &[]).await;
        assert_eq!(gist(Some(&answer)), "200 fine");
        tokio::time::sleep(ms(100)).await;
    }
    let mut wrong = Wrong::default();
    for (half, second, took) in senders.join_all().await {
        // A connection that was served and is at rest has more time.
        if half.is_empty() && second {
            continue;
        }
        let fits = took.is_some_and(|took| took > ms(700) && took < ms(1000) + SLACK);
        wrong.expect(fits, half, format!("{took:?}, second: {second}"));
    }
}

async fn after(address: SocketAddr, second: bool, half: &str) -> Option<Duration> {
    let mut reader = Reader::new(connect(STRANGER, address).await);
    if second {
        reader.stream().write_all(&request("GET", "/", &[])).await.unwrap();
        assert_eq!(reader.answer().await.unwrap().status(), 200);
        if half.is_empty() {
            return None;
        }
    }
    reader.stream().write_all(half.as_bytes()).await.unwrap();
    closed(reader.stream()).await
}

/// A byte now and then does not buy more time.
#[tokio::test]
async fn a_head_that_trickles_is_late_all_the_same() {
    let (app, sidecar) = playing("timeouts: { header: 600ms, idle: 60s }", |_| vec![ok("fine")]).await;
    let mut wrong = Wrong::default();
    let address = sidecar.address;
    let mut senders = JoinSet::new();
    for (case, before, rest) in [
        ("first", false, ms(0)),
        ("second", true, ms(0)),
        ("behind a rest", true, ms(700)),
        ("behind a long rest", true, ms(1700)),
    ] {
        senders.spawn(async move {
            let mut reader = Reader::new(connect(STRANGER, address).await);
            if before {
                reader.stream().write_all(&request("GET", "/", &[])).await.unwrap();
                assert_eq!(reader.answer().await.unwrap().status(), 200, "{case}");
            }
            tokio::time::sleep(rest).await;
            let start = Instant::now();
            let head = format!("GET /late HTTP/1.1\r\nHost: app.test\r\nX: {}", "x".repeat(1000));
            for byte in head.bytes() {
                if reader.stream().write_all(&[byte]).await.is_err() || start.elapsed() > ms(10_000) {
                    break;
                }
                tokio::time::sleep(ms(40)).await;
            }
            (case, start.elapsed())
        });
    }
    for (case, took) in senders.join_all().await {
        wrong.expect(took > ms(400) && took < ms(600) + SLACK, case, format!("{took:?}"));
    }
    wrong.expect(app.count("/late") == 0, "the app", "saw it");
}

#[tokio::test]
async fn a_head_in_time_may_come_in_pieces() {
    let (_app, sidecar) = playing("timeouts: { header: 2s }", |_| vec![ok("fine")]).await;
    let mut reader = Reader::new(connect(STRANGER, sidecar.address).await);
    reader.stream().set_nodelay(true).unwrap();
    for _ in 0..3 {
        for piece in ["GE", "T / HT", "TP/1.1\r", "\nHost: app.test\r\n", "\r\n"] {
            tokio::time::sleep(ms(100)).await;
            reader.stream().write_all(piece.as_bytes()).await.unwrap();
        }
        assert_eq!(gist(reader.answer().await.as_ref()), "200 fine");
    }
}

/// `timeouts.body` is the wait between two pieces, not for all of them.
#[tokio::test]
async fn a_slow_body_is_not_a_stalled_one() {
    let (app, sidecar) =
        playing("timeouts: { body: 400ms, response: 400ms }", |_| vec![Step::Body, ok("fine")]).await;
    for (head, piece, end) in [
        (post("/up", 8), "x", ""),
        (
            post("/up", 8).replace("Content-Length: 8", "Transfer-Encoding: chunked"),
            "1\r\nx\r\n",
            "0\r\n\r\n",
        ),
    ] {
        let mut reader = Reader::new(connect(STRANGER, sidecar.address).await);
        reader.stream().write_all(head.as_bytes()).await.unwrap();
        for _ in 0..8 {
            tokio::time::sleep(ms(150)).await;
            reader.stream().write_all(piece.as_bytes()).await.unwrap();
        }
        reader.stream().write_all(end.as_bytes()).await.unwrap();
        assert_eq!(gist(reader.answer().await.as_ref()), "200 fine", "{head}");
        assert_eq!(app.last().body, b"xxxxxxxx");
    }
}

/// Also where the answer is out already.
#[tokio::test]
async fn what_is_left_of_a_body_is_not_waited_for_without_end() {
    let (_app, sidecar) =
        playing("timeouts: { header: 500ms, body: 500ms, idle: 60s }", |_| vec![ok("early"), Step::Hang])
            .await;
    for length in [100, 10_000_000] {
        let mut reader = Reader::new(connect(STRANGER, sidecar.address).await);
        reader.stream().write_all((post("/up", length) + "abc").as_bytes()).await.unwrap();
        assert_eq!(gist(reader.answer().await.as_ref()), "200 early");
        let took = closed(reader.stream()).await;
        assert!(took.is_some_and(|took| took < ms(1000) + SLACK), "{length}: {took:?}");
    }
}

/// `timeouts.connect`: an app whose queue is full does not pick up.
#[tokio::test]
async fn an_app_that_does_not_pick_up_is_late() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queue = Vec::new();
    while let Ok(Ok(stream)) = tokio::time::timeout(ms(300), TcpStream::connect(address)).await {
        queue.push(stream);
    }
    let more = "timeouts: { connect: 500ms, response: 60s }\nlog:";
    let sidecar = Sidecar::start(&changed(&fixture(address), &[("log:", more)])).await;
    let mut visitor = sidecar.visitor(STRANGER);
    for bytes in [request("GET", "/", &[]), (post("/", 5) + "hello").into_bytes()] {
        let start = Instant::now();
        let answer = visitor.try_send(bytes).await;
        assert_eq!(gist(answer.as_ref()), "504 upstream-timeout");
        assert!(start.elapsed() < ms(500) + SLACK, "{:?}", start.elapsed());
    }
    drop((queue, listener));
}

/// I5: stalled bodies, many at once, and others served.
#[tokio::test]
async fn stalled_bodies_are_told_so_and_others_are_served_meanwhile() {
    let (app, sidecar) = playing("timeouts: { body: 600ms }", |call| match call.path() {
        "/up" => vec![Step::Body, ok("whole")],
        _ => vec![ok("fine")],
    })
    .await;
    let address = sidecar.address;
    let mut senders = JoinSet::new();
    for n in 0..200 {
        senders.spawn(async move {
            let mut reader = Reader::new(connect(STRANGER, address).await);
            let half = &"0123456789"[..n % 10];
            reader.stream().write_all((post("/up", 10) + half).as_bytes()).await.unwrap();
            let start = Instant::now();
            let answer = reader.answer().await;
            (gist(answer.as_ref()), start.elapsed(), reader.ends().await)
        });
    }
    for _ in 0..5 {
        assert_eq!(gist(Some(&sidecar.get(STRANGER, "/", &[]).await)), "200 fine");
    }
    let mut wrong = Wrong::default();
    for (answer, took, ended) in senders.join_all().await {
        let told = matches!(answer.as_str(), "408 request-timeout" | "no answer");
        wrong.expect(told && ended && took < ms(600) + SLACK * 2, &answer, format!("{took:?} {ended}"));
    }
    assert!(app.calls().iter().all(|call| call.path() != "/up" || !call.message.whole));
}

#[tokio::test]
async fn a_connection_at_rest_is_closed_in_time_and_not_before() {
    let (_app, sidecar) = playing("timeouts: { header: 500ms, idle: 1500ms }", |_| vec![ok("fine")]).await;
    let address = sidecar.address;
    let mut visitors = JoinSet::new();
    for n in 0..20_u64 {
        visitors.spawn(async move {
            let mut reader = Reader::new(connect(STRANGER, address).await);
            // More than one request, some with a rest between them.
            for round in 0..=(n % 3) {
                tokio::time::sleep(ms(round * 30 * n)).await;
                reader.stream().write_all(&request("GET", "/", &[])).await.unwrap();
                let answer = reader.answer().await;
                assert_eq!(gist(answer.as_ref()), "200 fine");
            }
            closed(reader.stream()).await
        });
    }
    for took in visitors.join_all().await {
        assert!(took.is_some_and(|took| took > ms(1200) && took < ms(1500) + SLACK), "{took:?}");
    }
}
