//! Every wait for a visitor has its end: for the connection, and for each stream of its own.

use crate::harness::http2::{
    CANCEL, Client, DATA, HEADERS, PING, PREFACE, SETTINGS, block, frame, get, head,
};
use crate::harness::script::{Step, ok, say, until};
use crate::harness::{Reader, STRANGER, connect, request};
use crate::kit::{SLACK, client, gist, ms, playing};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// How long it takes until the other end has closed the connection.
async fn closed(client: &mut Client<TcpStream>) -> Duration {
    let start = Instant::now();
    while client.frame().await.is_some() {}
    start.elapsed()
}

#[track_caller]
fn assert_took(took: Duration, wanted: Duration, case: &str) {
    assert!(took + ms(300) > wanted && took < wanted + SLACK, "{case}: {took:?}, not {wanted:?}");
}

/// A head in pieces, of which the last never comes.
fn halves() -> Vec<(&'static str, Vec<u8>)> {
    let whole = block(&get("/", &[]));
    let (one, two) = whole.split_at(whole.len() / 2);
    let announced = frame(HEADERS, 5, 1, &whole);
    let settled = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    let after = |bytes: &[u8]| [&settled[..], bytes].concat();
    vec![
        ("nothing", Vec::new()),
        ("half a preface", PREFACE[..10].to_vec()),
        ("a preface alone", PREFACE.to_vec()),
        ("no request", settled.clone()),
        ("half a frame's header", after(&announced[..5])),
        ("half a head", after(&announced[..20])),
        ("all but a byte", after(&announced[..announced.len() - 1])),
        ("no continuation", after(&frame(HEADERS, 1, 1, one))),
        (
            "half a continuation",
            after(&[frame(HEADERS, 1, 1, one), frame(9, 4, 1, two)[..12].to_vec()].concat()),
        ),
    ]
}

#[tokio::test]
async fn half_sent_heads_are_gone_in_time_and_others_are_served_meanwhile() {
    let (_app, sidecar) = playing("timeouts: { header: 1s, idle: 60s }", |_| vec![ok("fine")]).await;
    let mut senders = JoinSet::new();
    let address = sidecar.address;
    for _ in 0..10 {
        for (case, bytes) in halves() {
            senders.spawn(async move {
                let mut client = Client::silent(connect(STRANGER, address).await);
                client.send(&bytes).await;
                (case, closed(&mut client).await)
            });
        }
    }
    for _ in 0..10 {
        assert_eq!(sidecar.get(STRANGER, "/", &[]).await.text(), "fine");
        tokio::time::sleep(ms(100)).await;
    }
    for (case, took) in senders.join_all().await {
        assert_took(took, ms(1000), case);
    }
}

/// Behind a request that was fine, and beside one that is still being answered.
#[tokio::test]
async fn a_later_head_has_no_more_time_than_the_first() {
    let (_app, sidecar) = playing("timeouts: { header: 1s, idle: 60s }", |call| match call.path() {
        "/wait" => vec![Step::Hang],
        path => vec![ok(path)],
    })
    .await;
    for beside in [false, true] {
        let mut visitor = client(STRANGER, sidecar.address).await;
        if beside {
            visitor.begin(&get("/wait", &[]), true).await;
        }
        assert_eq!(gist(&visitor.ask(&get("/first", &[])).await), "200 /first");
        let stream = visitor.number();
        let head = head(stream, &block(&get("/half", &[])), true);
        visitor.send(&head[..30]).await;
        assert_took(closed(&mut visitor).await, ms(1000), &format!("beside: {beside}"));
    }
}

/// Pings and settings are no requests.
#[tokio::test]
async fn a_connection_at_rest_is_bidden_farewell_however_much_it_says() {
    let (_app, sidecar) = playing("timeouts: { header: 60s, idle: 1s }", |call| vec![ok(call.path())]).await;
    for chatty in [false, true] {
        let mut visitor = client(STRANGER, sidecar.address).await;
        assert_eq!(gist(&visitor.ask(&get("/first", &[])).await), "200 /first");
        let start = Instant::now();
        if chatty {
            while start.elapsed() < ms(900) {
                visitor.send(&frame(PING, 0, 0, &[7; 8])).await;
                tokio::time::sleep(ms(50)).await;
            }
        }
        assert_eq!(visitor.farewell().await, Some(0), "{chatty}");
        assert_took(start.elapsed(), ms(1000), &format!("chatty: {chatty}"));
    }
    // Whoever does not so much as answer the farewell gets a moment more.
    let mut deaf = client(STRANGER, sidecar.address).await;
    assert_eq!(gist(&deaf.ask(&get("/first", &[])).await), "200 /first");
    assert_took(closed(&mut deaf).await, ms(2000), "deaf");
}

/// A request that is on its way when the farewell is said is still answered.
#[tokio::test]
async fn a_request_that_crosses_the_farewell_is_answered() {
    let (_app, sidecar) = playing("timeouts: { header: 60s, idle: 1s }", |call| vec![ok(call.path())]).await;
    let mut visitor = client(STRANGER, sidecar.address).await;
    assert_eq!(gist(&visitor.ask(&get("/first", &[])).await), "200 /first");
    // The farewell lies unread in between.
    let goaway = loop {
        let frame = visitor.frame().await.expect("no farewell");
        if frame.kind == 7 {
            break frame;
        }
    };
    assert_eq!(goaway.payload[..4], 0x7FFF_FFFF_u32.to_be_bytes());
    assert_eq!(gist(&visitor.ask(&get("/late", &[])).await), "200 /late");
}

#[tokio::test]
async fn a_connection_with_an_open_stream_is_not_at_rest() {
    let (_app, sidecar) = playing("timeouts: { header: 1s, idle: 1s }", |call| match call.path() {
        "/slow" => vec![Step::Pause(ms(3500)), ok("slow")],
        path => vec![ok(path)],
    })
    .await;
    let mut visitor = client(STRANGER, sidecar.address).await;
    assert_eq!(gist(&visitor.ask(&get("/slow", &[])).await), "200 slow");
}

/// One body stalls; a stream beside it is served, before and after.
#[tokio::test]
async fn a_body_that_stalls_is_408_and_its_neighbours_do_not_notice() {
    let (app, sidecar) = playing("timeouts: { body: 1s, idle: 60s }", |call| match call.path() {
        "/up" => vec![Step::Body, ok("up")],
        path => vec![ok(path)],
    })
    .await;
    let mut visitor = client(STRANGER, sidecar.address).await;
    let mut fields = get("/up", &[]);
    fields[0].1 = "POST";
    let stalled = visitor.begin(&fields, false).await;
    visitor.send(&frame(DATA, 0, stalled, b"half")).await;
    let start = Instant::now();
    assert_eq!(gist(&visitor.ask(&get("/beside", &[])).await), "200 /beside");
    let outcome = gist(&visitor.outcome(stalled).await);
    assert!(outcome.starts_with("408 request-timeout"), "{outcome}");
    assert_took(start.elapsed(), ms(1000), "the body");
    assert_eq!(gist(&visitor.ask(&get("/after", &[])).await), "200 /after");
    until("the app is let go", || app.calls().iter().all(|call| call.path() != "/up" || !call.message.whole))
        .await;
}

/// Whoever makes no room for an answer loses it, and nothing else.
#[tokio::test]
async fn a_stream_that_nobody_reads_is_reset_and_its_neighbours_are_served() {
    const MIB: usize = 1 << 20;
    for framing in ["Content-Length: 20971520", "Transfer-Encoding: chunked"] {
        let (app, sidecar) = playing("timeouts: { stall: 1s, idle: 60s }", move |call| match call.path() {
            "/large" => {
                let chunk = format!("{MIB:x}\r\n{}\r\n", "x".repeat(MIB)).repeat(20);
                vec![say(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n")), say(chunk), Step::Hang]
            }
            path => vec![ok(path)],
        })
        .await;
        let mut visitor = client(STRANGER, sidecar.address).await;
        visitor.reads = false;
        let start = Instant::now();
        let stream = visitor.begin(&get("/large", &[]), true).await;
        // Some room for the connection, and none for the stream.
        visitor.send(&frame(8, 0, 0, &1_000_000_u32.to_be_bytes())).await;
        assert_eq!(gist(&visitor.ask(&get("/beside", &[])).await), "200 /beside");
        let outcome = gist(&visitor.outcome(stream).await);
        assert!(outcome.ends_with(&format!("reset {CANCEL}")), "{framing}: {outcome}");
        assert_took(start.elapsed(), ms(1000), framing);
        until("the app is let go", || app.open() <= 1).await;
        assert_eq!(gist(&visitor.ask(&get("/after", &[])).await), "200 /after");
    }
}

/// A little room now and then is enough.
#[tokio::test]
async fn a_stream_that_is_read_slowly_is_not_reset() {
    let (_app, sidecar) =
        playing("timeouts: { stall: 1s, idle: 60s }", |_| vec![ok(&"x".repeat(100_000))]).await;
    let mut visitor = client(STRANGER, sidecar.address).await;
    let stream = visitor.begin(&get("/", &[]), true).await;
    let mut taken = 0;
    while taken < 100_000 {
        let frame = visitor.next().await.expect("the connection ended");
        assert!(frame.stream != stream || frame.kind != 3, "reset after {taken}");
        if frame.kind == DATA {
            taken += frame.payload.len();
            if (65_535..100_000).contains(&taken) {
                tokio::time::sleep(ms(300)).await;
                visitor.make_room(stream, 4000).await;
            }
        }
    }
}

/// The same below HTTP: bytes that nobody takes off the wire.
#[tokio::test]
async fn a_connection_that_takes_no_bytes_ends() {
    const MIB: usize = 1 << 20;
    let (app, sidecar) = playing("timeouts: { stall: 1s, idle: 60s }", |_| {
        let chunk = format!("{MIB:x}\r\n{}\r\n", "x".repeat(MIB)).repeat(20);
        vec![say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), say(chunk), Step::Hang]
    })
    .await;
    let mut visitor = narrow(sidecar.address).await;
    let settings = frame(SETTINGS, 0, 0, &[&[0, 4][..], &0x7FFF_FFFF_u32.to_be_bytes()].concat());
    let room = frame(8, 0, 0, &1_000_000_000_u32.to_be_bytes());
    let ask = head(1, &block(&get("/", &[])), true);
    visitor.send(&[PREFACE, &settings, &room, &ask].concat()).await;
    until("the app is asked", || app.connections() == 1).await;
    let start = Instant::now();
    until("the app is let go", || app.open() == 0).await;
    assert!(start.elapsed() < ms(1000) + SLACK, "{:?}", start.elapsed());
}

async fn narrow(to: SocketAddr) -> Client<TcpStream> {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(8 * 1024).unwrap();
    Client::silent(socket.connect(to).await.unwrap())
}

#[tokio::test]
async fn an_app_that_is_late_is_504_on_its_stream() {
    let (_app, sidecar) = playing("timeouts: { response: 1s, stall: 1s }", |call| match call.path() {
        "/never" => vec![Step::Hang],
        "/half" => vec![say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbody"), Step::Hang],
        path => vec![ok(path)],
    })
    .await;
    let mut visitor = client(STRANGER, sidecar.address).await;
    let never = visitor.begin(&get("/never", &[]), true).await;
    assert_eq!(gist(&visitor.ask(&get("/beside", &[])).await), "200 /beside");
    assert_eq!(gist(&visitor.outcome(never).await), "504 upstream-timeout");
    assert_eq!(gist(&visitor.ask(&get("/half", &[])).await), "200 body, reset 2");
}

/// Over the limit: each in the words that it understands.
#[tokio::test]
async fn who_is_one_too_many_is_told_so() {
    let (_app, sidecar) = playing("limits: { connections: 1 }", |call| vec![ok(call.path())]).await;
    let mut first = client(STRANGER, sidecar.address).await;
    assert_eq!(gist(&first.ask(&get("/first", &[])).await), "200 /first");
    let mut second = client(STRANGER, sidecar.address).await;
    assert_eq!(second.farewell().await, Some(0));
    let mut third = Reader::new(connect(STRANGER, sidecar.address).await);
    tokio::io::AsyncWriteExt::write_all(third.stream(), &request("GET", "/", &[])).await.unwrap();
    assert_eq!(third.answer().await.unwrap().status(), 503);
    assert_eq!(gist(&first.ask(&get("/still", &[])).await), "200 /still");
}
