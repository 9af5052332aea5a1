//! The end in order: nothing that is under way is lost, and nobody is waited for without end.

use crate::harness::child::{Ended, Scratch, Serving};
use crate::harness::script::{Call, Scripted, Step, ok, say, until};
use crate::harness::{Reader, SECRET, STRANGER, changed, connect, fixture, request};
use crate::kit::{gist, post};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

struct Stage {
    app: Scripted,
    serving: Serving,
    address: SocketAddr,
    admin: SocketAddr,
    _scratch: Scratch,
}

async fn stage(name: &str, more: &str, play: impl Fn(&Call) -> Vec<Step> + Send + Sync + 'static) -> Stage {
    let app = Scripted::start(play).await;
    let changes = [
        ("log:", &*format!("{more}\nlog:")),
        ("admin: off", "admin: 127.0.0.1:0"),
        ("level: trace", "level: info"),
    ];
    let scratch = Scratch::new(name);
    let config = scratch.write("c.yaml", changed(&fixture(app.address), &changes));
    let arguments = ["--log-format", "json", "--workers", "2"];
    let mut serving = Serving::start(&config, &arguments, &[("FIXTURE_SECRET", SECRET)]);
    let (address, admin) = (serving.address(), serving.admin());
    Stage { app, serving, address, admin, _scratch: scratch }
}

/// Waits for the end of the program, while the app goes on.
async fn ended(serving: Serving) -> (Ended, Instant) {
    tokio::task::spawn_blocking(|| (serving.end(), Instant::now())).await.unwrap()
}

async fn asking(address: SocketAddr, bytes: &[u8]) -> Reader<TcpStream> {
    let mut reader = Reader::new(connect(STRANGER, address).await);
    reader.stream().write_all(bytes).await.unwrap();
    reader
}

#[tokio::test]
async fn no_answer_under_way_is_lost() {
    let more = "timeouts: { idle: 60s, header: 60s }\nshutdown: { grace: 20s }";
    let Stage { app, mut serving, address, .. } = stage("end", more, |call| match call.path() {
        "/slow" => vec![Step::Body, Step::Pause(ms(1000)), ok("slow")],
        "/long" => {
            let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            vec![
                say(head),
                Step::Pause(ms(500)),
                say("2\r\nlo\r\n"),
                Step::Pause(ms(500)),
                say("2\r\nng\r\n0\r\n\r\n"),
            ]
        }
        path => vec![Step::Body, ok(path)],
    })
    .await;
    // Some have been at rest for longer than others.
    let mut idle = Vec::new();
    for rest in [1300, 0] {
        for _ in 0..10 {
            let mut reader = asking(address, &request("GET", "/idle", &[])).await;
            assert_eq!(gist(reader.answer().await.as_ref()), "200 /idle");
            idle.push(reader);
        }
        tokio::time::sleep(ms(rest)).await;
    }
    let mut waiting = JoinSet::new();
    for n in 0..50 {
        waiting.spawn(async move {
            let (bytes, expected) = match n % 3 {
                0 => (request("GET", "/slow", &[]), "200 slow"),
                1 => ((post("/slow", 5) + "hello").into_bytes(), "200 slow"),
                _ => (request("GET", "/long", &[]), "200 long"),
            };
            let mut reader = asking(address, &bytes).await;
            let answer = reader.answer().await;
            assert_eq!(gist(answer.as_ref()), expected);
            // Whoever has the answer need not hang up.
            (Instant::now(), reader.ends().await, reader)
        });
    }
    until("the app has all", || app.count("/slow") + app.count("/long") == 50).await;
    serving.terminate();
    serving.line(&["stopping"]);
    let told = Instant::now();
    for reader in &mut idle {
        assert!(reader.ends().await, "a connection at rest goes on");
    }
    assert!(told.elapsed() < ms(600), "those at rest are let go at once: {:?}", told.elapsed());
    let end = tokio::spawn(ended(serving));
    let answers = waiting.join_all().await;
    let (ended, end) = end.await.unwrap();
    assert_eq!(answers.len(), 50);
    assert!(answers.iter().all(|(_, closed, _)| *closed), "a connection goes on");
    let last = answers.iter().map(|(at, ..)| *at).max().unwrap();
    let after = end.saturating_duration_since(last);
    // Half a second, and what a busy machine may need.
    assert!(after < ms(900), "it ended {after:?} after the last answer");
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    assert!(!ended.stdout.contains("cut off"), "{}", ended.all());
}

/// Connections at rest, just now or for long, and those who do not hang up hold nobody up.
#[tokio::test]
async fn without_anything_under_way_it_ends_at_once() {
    for rest in [0, 1300] {
        let Stage { mut serving, address, .. } =
            stage("rest", "timeouts: { idle: 60s }", |call| vec![Step::Body, ok(call.path())]).await;
        let mut idle = Vec::new();
        for _ in 0..10 {
            let mut reader = asking(address, &request("GET", "/idle", &[])).await;
            assert_eq!(gist(reader.answer().await.as_ref()), "200 /idle");
            idle.push(reader);
        }
        tokio::time::sleep(ms(rest)).await;
        serving.terminate();
        serving.line(&["stopping"]);
        let told = Instant::now();
        let (ended, end) = ended(serving).await;
        let took = end.saturating_duration_since(told);
        assert!(took < ms(900), "after a rest of {rest} ms it took {took:?}");
        assert_eq!(ended.code, Some(0), "{}", ended.all());
        drop(idle);
    }
}

/// What is being sent is under way, too; and what comes behind it is not taken any more.
#[tokio::test]
async fn an_upload_under_way_is_finished() {
    let more = "shutdown: { grace: 20s }";
    let Stage { app, mut serving, address, .. } =
        stage("upload", more, |call| vec![Step::Body, ok(call.path())]).await;
    let mut reader = asking(address, (post("/up", 10) + "hello").as_bytes()).await;
    until("the app is asked", || app.count("/up") == 1).await;
    serving.terminate();
    serving.line(&["stopping"]);
    // Until nobody new comes in: the end has begun.
    while TcpStream::connect(address).await.is_ok() {
        tokio::time::sleep(ms(5)).await;
    }
    reader.stream().write_all(b"world").await.unwrap();
    drop(reader.stream().write_all(&request("GET", "/late", &[])).await);
    assert_eq!(gist(reader.answer().await.as_ref()), "200 /up");
    assert!(reader.ends().await);
    assert_eq!(app.calls()[0].message.body, b"helloworld");
    let (ended, _) = ended(serving).await;
    assert_eq!((ended.code, app.count("/late")), (Some(0), 0), "{}", ended.all());
}

/// `shutdown.delay`: not ready any more, and serving on while that becomes known.
#[tokio::test]
async fn in_the_delay_new_visitors_come_in() {
    let more = "shutdown: { delay: 1500ms, grace: 20s }";
    let Stage { mut serving, address, admin, .. } =
        stage("delay", more, |call| vec![Step::Body, ok(call.path())]).await;
    let mut kept = asking(address, &request("GET", "/a", &[])).await;
    assert_eq!(gist(kept.answer().await.as_ref()), "200 /a");
    serving.terminate();
    serving.line(&["stopping"]);
    let told = Instant::now();
    let mut served = 0;
    while told.elapsed() < ms(1000) {
        let mut reader = asking(address, &request("GET", "/new", &[])).await;
        assert_eq!(gist(reader.answer().await.as_ref()), "200 /new");
        kept.stream().write_all(&request("GET", "/kept", &[])).await.unwrap();
        assert_eq!(gist(kept.answer().await.as_ref()), "200 /kept");
        let mut operator = asking(admin, &request("GET", "/-/ready", &[])).await;
        assert_eq!(operator.answer().await.unwrap().status(), 503);
        served += 1;
        tokio::time::sleep(ms(20)).await;
    }
    assert!(served > 5);
    assert!(kept.ends().await);
    let (ended, end) = ended(serving).await;
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    let took = end.saturating_duration_since(told);
    assert!(took > ms(1300) && took < ms(3000), "{took:?}");
}

/// `shutdown.grace`: what does not end is ended.
#[tokio::test]
async fn nobody_is_waited_for_beyond_the_grace() {
    let more = "timeouts: { idle: 60s, header: 60s, body: 60s }\nshutdown: { grace: 700ms }";
    let Stage { app, mut serving, address, .. } = stage("grace", more, |call| match call.path() {
        "/never" => vec![Step::Hang],
        "/half" => vec![say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"), Step::Hang],
        "/old" => {
            vec![say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"), Step::Hang]
        }
        path => vec![Step::Body, ok(path)],
    })
    .await;
    let mut never = asking(address, &request("GET", "/never", &[])).await;
    let mut half = asking(address, &request("GET", "/half", &[])).await;
    let mut upload = asking(address, (post("/up", 10) + "hello").as_bytes()).await;
    let mut head = asking(address, b"GET / HTTP/1.1\r\nHost: app").await;
    // Whose answer ends with the connection: only a reset says that it has not come to its end.
    let mut old = asking(address, b"GET /old HTTP/1.0\r\nHost: app.test\r\n\r\n").await;
    assert!(old.head().await.is_some_and(|head| head.starts_with("HTTP/1.0 200")));
    until("the app is asked", || app.calls().len() == 4).await;
    serving.terminate();
    serving.line(&["stopping"]);
    let told = Instant::now();
    let (ended, end) = ended(serving).await;
    let took = end.saturating_duration_since(told);
    assert!(took < ms(2000), "{took:?}");
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    assert!(half.answer().await.is_none_or(|answer| !answer.whole));
    let cut = old.stream().read_to_end(&mut Vec::new()).await;
    assert_eq!(cut.map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset));
    for (case, reader) in [("never", &mut never), ("upload", &mut upload), ("head", &mut head)] {
        let answer = reader.answer().await;
        assert!(answer.is_none_or(|answer| answer.status() >= 400), "{case}");
    }
}

/// A half-sent head is no request under way.
#[tokio::test]
async fn half_a_head_holds_nobody_up() {
    let more = "timeouts: { idle: 60s, header: 60s }\nshutdown: { grace: 20s }";
    let Stage { mut serving, address, .. } =
        stage("half", more, |call| vec![Step::Body, ok(call.path())]).await;
    let mut first = asking(address, b"").await;
    let mut second = asking(address, &request("GET", "/a", &[])).await;
    assert_eq!(gist(second.answer().await.as_ref()), "200 /a");
    serving.terminate();
    serving.line(&["stopping"]);
    assert!(first.ends().await && second.ends().await);
    let told = Instant::now();
    let (ended, end) = ended(serving).await;
    assert!(end.saturating_duration_since(told) < ms(3000));
    assert_eq!(ended.code, Some(0), "{}", ended.all());
}
