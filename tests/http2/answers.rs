//! What a visitor who speaks HTTP/2 is told, however the app answers.

use crate::harness::http2::{DATA, INTERNAL_ERROR, Outcome, get};
use crate::harness::script::{Call, Step, ok, say};
use crate::harness::{INSTALL, STRANGER, TRUSTED};
use crate::kit::{client, gist, playing};

fn answering(call: &Call) -> Vec<Step> {
    let said = |text: &str| vec![say(text)];
    let closing = |text: &str| vec![say(text), Step::Close];
    match call.path() {
        "/length" => said("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"),
        "/chunks" => {
            said("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n")
        }
        "/extensions" => said(&format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;a={}\r\nbody\r\n0;b=c\r\n\r\n",
            "x".repeat(4000)
        )),
        "/end" => closing("HTTP/1.1 200 OK\r\n\r\nbody"),
        "/old" => closing("HTTP/1.0 200 OK\r\n\r\nbody"),
        "/empty" => said("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        "/204" => said("HTTP/1.1 204 No Content\r\n\r\n"),
        "/204-length" => said("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"),
        "/304" => said("HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n"),
        "/304-length" => said("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"),
        "/304-no-length" => said("HTTP/1.1 304 Not Modified\r\nContent-Length: \r\n\r\n"),
        "/hints" => said(
            "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody",
        ),
        "/both" => said(
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
        ),
        "/two-lengths" => said("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nbody"),
        "/101" => {
            said("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n")
        }
        "/garbage" => closing("\0\x01garbage\r\n\r\n"),
        "/nothing" => vec![Step::Close],
        "/short" => closing("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbody"),
        "/short-chunk" => closing("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nbody"),
        "/no-last-chunk" => closing("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n"),
        "/bad-chunk" => closing("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\nzz\r\n"),
        "/reset" => vec![say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbody"), Step::Reset],
        "/hop" => said(
            "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Gone\r\nX-Gone: a\r\nKeep-Alive: timeout=5\r\n\
             Proxy-Connection: keep-alive\r\nUpgrade: h2c\r\nX-Kept: b\r\nContent-Length: 4\r\n\r\nbody",
        ),
        "/trailers" => said(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-End, X-Tenant-Id\r\n\r\n\
             4\r\nbody\r\n0\r\nX-End: yes\r\nX-Tenant-Id: evil\r\nX-Pandium-Token: evil\r\n\r\n",
        ),
        "/head" => said("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"),
        path => vec![ok(path)],
    }
}

#[tokio::test]
async fn good_answers_pass_and_bad_ones_are_bad_gateways() {
    let (_app, sidecar) = playing("", answering).await;
    let mut visitor = client(STRANGER, sidecar.address).await;
    let broken = format!("200 body, reset {INTERNAL_ERROR}");
    for (path, expected) in [
        ("/length", "200 body"),
        ("/chunks", "200 body"),
        ("/extensions", "200 body"),
        ("/end", "200 body"),
        ("/old", "200 body"),
        ("/empty", "200 "),
        ("/204", "204 "),
        ("/204-length", "204 "),
        ("/304", "304 "),
        ("/304-length", "304 "),
        ("/304-no-length", "502 upstream-unreachable"),
        ("/hints", "200 body"),
        ("/hop", "200 body"),
        ("/both", "502 upstream-unreachable"),
        ("/two-lengths", "502 upstream-unreachable"),
        ("/101", "502 upstream-unreachable"),
        ("/garbage", "502 upstream-unreachable"),
        ("/nothing", "502 upstream-unreachable"),
        // What was cut off never looks whole.
        ("/short", &broken),
        ("/short-chunk", &broken),
        ("/no-last-chunk", &broken),
        ("/bad-chunk", &broken),
        ("/reset", &broken),
    ] {
        let outcome = visitor.ask(&get(path, &[])).await;
        // A reset overtakes what has not gone yet.
        let cut = expected == broken && gist(&outcome).ends_with(&format!("reset {INTERNAL_ERROR}"));
        assert!(cut || gist(&outcome) == expected, "{path}: {}", gist(&outcome));
        assert_eq!(gist(&visitor.ask(&get("/next", &[])).await), "200 /next", "after {path}");
    }
}

/// A length that no frame bears out is an error of HTTP/2 (RFC 9113 §8.1.1), but where it tells of another
/// answer's.
#[tokio::test]
async fn an_answer_without_a_body_has_a_length_where_that_means_something() {
    let (_app, sidecar) = playing("", answering).await;
    let mut visitor = client(STRANGER, sidecar.address).await;
    for (path, lengths) in [("/204-length", &[][..]), ("/304-length", &["5"])] {
        assert_eq!(told(visitor.ask(&get(path, &[])).await).values("content-length"), lengths, "{path}");
    }
}

fn told(outcome: Outcome) -> crate::harness::Message {
    let Outcome::Answer(answer, None) = outcome else { panic!("{}", gist(&outcome)) };
    answer
}

#[tokio::test]
async fn nothing_meant_for_one_connection_goes_further() {
    let (_app, sidecar) = playing("", answering).await;
    let mut visitor = client(STRANGER, sidecar.address).await;
    let answer = told(visitor.ask(&get("/hop", &[])).await);
    assert_eq!(answer.values("x-kept"), ["b"]);
    for name in ["connection", "x-gone", "keep-alive", "proxy-connection", "upgrade", "transfer-encoding"] {
        assert!(answer.values(name).is_empty(), "{}", answer.head);
    }
    assert!(told(visitor.ask(&get("/chunks", &[])).await).values("transfer-encoding").is_empty());
}

#[tokio::test]
async fn trailers_pass_to_whoever_takes_them_and_carry_no_identity() {
    let (_app, sidecar) = playing("", answering).await;
    let mut visitor = client(TRUSTED, sidecar.address).await;
    let answer = told(visitor.ask(&get("/trailers", &[("te", "trailers")])).await);
    assert_eq!((answer.text().as_str(), answer.trailers.trim()), ("body", "x-end: yes"));
    let answer = told(visitor.ask(&get("/trailers", &[])).await);
    assert_eq!((answer.text().as_str(), answer.trailers.as_str()), ("body", ""));
}

#[tokio::test]
async fn head_has_a_length_and_no_body() {
    let (_app, sidecar) = playing("", answering).await;
    let mut visitor = client(TRUSTED, sidecar.address).await;
    for (path, status) in [("/head", 200), (INSTALL, 405), ("/nothing", 502)] {
        let mut fields = get(path, &[]);
        fields[0].1 = "HEAD";
        let answer = told(visitor.ask(&fields).await);
        assert_eq!((answer.status(), answer.body.len()), (status, 0), "{path}");
        let length: usize = answer.values("content-length")[0].parse().unwrap();
        assert!(length > 0, "{}", answer.head);
        assert_eq!(answer.values("date").len(), 1, "{}", answer.head);
    }
}

/// Each stream has its own answer, also when all come at once.
#[tokio::test]
async fn a_hundred_requests_at_once_get_their_own_answers() {
    let (app, sidecar) = playing("", |call| {
        let body = format!("{} {}", call.path(), "x".repeat(30_000));
        vec![ok(&body)]
    })
    .await;
    let mut visitor = client(STRANGER, sidecar.address).await;
    let mut streams = Vec::new();
    for n in 0..100 {
        streams.push((visitor.begin(&get(&format!("/{n}"), &[]), true).await, n));
    }
    let mut bodies = std::collections::BTreeMap::<u32, Vec<u8>>::new();
    let mut ended = 0;
    while ended < streams.len() {
        let frame = visitor.next().await.expect("the connection ended");
        if frame.kind == DATA {
            bodies.entry(frame.stream).or_default().extend(&frame.payload);
            if !frame.payload.is_empty() {
                visitor.make_room(frame.stream, frame.payload.len()).await;
            }
        }
        ended += usize::from(frame.flags & 1 == 1);
    }
    for (stream, n) in streams {
        let body = String::from_utf8_lossy(&bodies[&stream]).into_owned();
        assert!(body.starts_with(&format!("/{n} ")) && body.len() > 30_000, "{n}: {}", body.len());
    }
    assert_eq!(app.calls().len(), 100);
}
