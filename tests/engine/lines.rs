//! Request lines, and heads as a whole.

use crate::harness::script::{Step, ok};
use crate::harness::{STRANGER, request};
use crate::kit::{Wrong, ask, gist, playing};
use crate::raw::{MANNERS, Manner, Played, SMUGGLED, app_and_sidecar, is_refusal};

/// What a request may not begin with. `Host` and an end follow.
const REFUSED: &[&str] = &[
    "GET /row HTTP/2.0",
    "GET /row HTTP/3.0",
    "GET /row HTTP/1.2",
    "GET /row HTTP/0.9",
    "GET /row HTTP/1.10",
    "GET /row HTTP/11",
    "GET /row http/1.1",
    "GET /row HTTPS/1.1",
    "GET /row HTTP/1.1 x",
    "GET /row",
    "GET /row ",
    "GET",
    "/row HTTP/1.1",
    "GET HTTP/1.1",
    "GET  /row HTTP/1.1",
    "GET\t/row\tHTTP/1.1",
    "GET\x0b/row HTTP/1.1",
    " GET /row HTTP/1.1",
    "GET /row /row HTTP/1.1",
    "GET /r\0ow HTTP/1.1",
    "GET /r\row HTTP/1.1",
    "GET /r\x7fow HTTP/1.1",
    "GET ?row HTTP/1.1",
    "GET #row HTTP/1.1",
    "GET /row#x HTTP/1.1",
    "GET /row?a#x HTTP/1.1",
    "GET http://app.test/row#x HTTP/1.1",
    "GET http://app.test#x HTTP/1.1",
    "GET http:/row HTTP/1.1",
    "GET http:///row HTTP/1.1",
    "GET :80/row HTTP/1.1",
    "G\0ET /row HTTP/1.1",
    "G@T /row HTTP/1.1",
    "GET,POST /row HTTP/1.1",
    "(GET) /row HTTP/1.1",
    "\u{e9} /row HTTP/1.1",
];

/// Well formed, and nothing that we do: refused, and the next request is one.
const UNWANTED: &[&str] = &[
    "GET row HTTP/1.1",
    "GET app.test HTTP/1.1",
    "GET app.test:80 HTTP/1.1",
    "GET * HTTP/1.1",
    "POST * HTTP/1.1",
    "CONNECT app.test:443 HTTP/1.1",
    "CONNECT app.test HTTP/1.1",
    "CONNECT /row HTTP/1.1",
    "GET http://other.test/row HTTP/1.1",
    "GET ftp://app.test@other.test/row HTTP/1.1",
];

/// Odd, and refused or passed on as one clean request.
const ODD: &[&str] = &["\r\n", "\r\n\r\n", "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n", "\n", "\n\r\n"];

#[tokio::test]
async fn a_line_that_is_no_request_is_refused() {
    let (app, sidecar) = app_and_sidecar().await;
    let mut played = Played::new(&app, &sidecar);
    for line in REFUSED {
        for manner in MANNERS {
            let bytes = format!("{line}\r\nHost: app.test\r\n\r\n{SMUGGLED}");
            played.refused(STRANGER, bytes.as_bytes(), manner).await;
        }
    }
    played.ends();
}

/// HTTP/0.9, a TLS handshake, and the preface of HTTP/2, where nobody asked for it.
#[tokio::test]
async fn other_protocols_are_refused() {
    // What could still become a head is waited for as long as one.
    let (app, sidecar) = playing("timeouts: { header: 1s }", |call| vec![Step::Body, ok(call.path())]).await;
    let mut played = Played::new(&app, &sidecar);
    let greetings: [&[u8]; 4] = [
        b"GET /row\r\n",
        b"GET /row\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    ];
    for greeting in greetings {
        for manner in MANNERS {
            let got = played.send(STRANGER, greeting, manner).await;
            // What speaks another protocol need not get an answer.
            let refused = got.answer.as_ref().is_none_or(is_refusal);
            let case = format!("{manner:?} {}", String::from_utf8_lossy(greeting));
            played.wrong.expect(refused && got.ended && got.seen.is_empty(), &case, got.gist());
        }
    }
    played.ends();
}

#[tokio::test]
async fn a_line_that_is_none_of_our_business_is_refused() {
    let (app, sidecar) = app_and_sidecar().await;
    let mut wrong = Wrong::default();
    for line in UNWANTED {
        let mut visitor = sidecar.visitor(STRANGER);
        let answer = ask(&mut visitor, format!("{line}\r\nHost: app.test\r\n\r\n")).await;
        wrong.expect(answer.as_ref().is_some_and(is_refusal), line, gist(answer.as_ref()));
        wrong.expect(app.calls().iter().all(|call| call.path() == "/next"), line, "the app saw it");
        let next = ask(&mut visitor, request("GET", "/next", &[])).await;
        wrong.expect(gist(next.as_ref()) == "200 /next", line, gist(next.as_ref()));
    }
}

/// RFC 9112 §2.2: a server should ignore an empty line before a request.
#[tokio::test]
async fn blank_lines_before_a_request_change_nothing() {
    let (app, sidecar) = app_and_sidecar().await;
    let mut played = Played::new(&app, &sidecar);
    for blank in ODD {
        for manner in MANNERS {
            let head =
                "POST /row HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\nContent-Length: 5\r\n\r\n";
            let bytes = format!("{blank}{head}hello{SMUGGLED}");
            played.refused_or_one(STRANGER, bytes.as_bytes(), manner, b"hello").await;
        }
    }
    played.ends();
}

/// I1: lines that end with a bare LF are refused, or come out as a clean request.
#[tokio::test]
async fn bare_line_feeds_are_refused_or_mended() {
    let (app, sidecar) = app_and_sidecar().await;
    let mut played = Played::new(&app, &sidecar);
    for head in [
        "POST /row HTTP/1.1\nHost: app.test\nConnection: close\nContent-Length: 5\n\n",
        "POST /row HTTP/1.1\r\nHost: app.test\nConnection: close\r\nContent-Length: 5\r\n\r\n",
        "POST /row HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\nContent-Length: 5\n\n",
        "POST /row HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\nContent-Length: 5\r\n\n",
        "POST /row HTTP/1.1\r\nHost: app.test\r\nX: a\nConnection: close\r\nContent-Length: 5\n\r\n",
    ] {
        for manner in MANNERS {
            let bytes = format!("{head}hello{SMUGGLED}");
            played.refused_or_one(STRANGER, bytes.as_bytes(), manner, b"hello").await;
        }
    }
    played.ends();
}

/// Bounds of DESIGN 2, `limits`: a head too large is told so, and nothing of it goes on.
#[tokio::test]
async fn a_head_has_its_bounds() {
    let (app, sidecar) = playing("limits: { header_bytes: 16KiB, headers: 20 }", |call| {
        let length = call.path().len();
        vec![Step::Body, ok(&length.to_string())]
    })
    .await;
    let mut visitor = sidecar.visitor(STRANGER);
    let long = format!("X-Long: {}", "x".repeat(12_000));
    let many: Vec<String> = (0..19).map(|n| format!("X-{n}: x")).collect();
    let target = format!("/{}", "x".repeat(12_000));
    let lines: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(gist(ask(&mut visitor, request("GET", "/", &[&long])).await.as_ref()), "200 1");
    assert_eq!(gist(ask(&mut visitor, request("GET", "/", &lines)).await.as_ref()), "200 1");
    assert_eq!(gist(ask(&mut visitor, request("GET", &target, &[])).await.as_ref()), "200 12001");

    let mut played = Played::new(&app, &sidecar);
    let too_long = format!("X-Long: {}", "x".repeat(40_000));
    let lengths: Vec<String> = (0..10).map(|n| format!("X-{n}: {}", "x".repeat(4_000))).collect();
    let too_many: Vec<String> = (0..20).map(|n| format!("X-{n}: x")).collect();
    let far_too_many: Vec<String> = (0..2_000).map(|n| format!("X-{n}: x")).collect();
    let one = [too_long];
    for lines in [&one[..], &lengths, &too_many, &far_too_many] {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        for manner in MANNERS {
            let mut bytes = request("GET", "/row", &lines);
            bytes.extend_from_slice(SMUGGLED.as_bytes());
            let got = played.send(STRANGER, &bytes, manner).await;
            let told = got.answer.as_ref().is_some_and(|answer| matches!(answer.status(), 400 | 431));
            let case = format!("{manner:?} {} lines, {} bytes", lines.len(), bytes.len());
            played.wrong.expect(told && got.ended && got.seen.is_empty(), &case, got.gist());
        }
    }
    for length in [40_000, 70_000, 200_000] {
        let bytes = request("GET", &format!("/{}", "x".repeat(length)), &[]);
        let got = played.send(STRANGER, &bytes, Manner::Whole).await;
        let told = got.answer.as_ref().is_some_and(|answer| matches!(answer.status(), 400 | 414 | 431));
        let case = format!("a target of {length}");
        played.wrong.expect(told && got.ended && got.seen.is_empty(), &case, got.gist());
    }
    played.ends();
}

/// With the bounds as they are where the file says nothing.
#[tokio::test]
async fn an_ordinary_head_fits() {
    let (_app, sidecar) = playing("", |_| vec![ok("fine")]).await;
    let mut visitor = sidecar.visitor(STRANGER);
    let target = format!("/?{}", "x".repeat(16_000));
    assert_eq!(gist(ask(&mut visitor, request("GET", &target, &[])).await.as_ref()), "200 fine");
    let cookies = format!("Cookie: {}", "x".repeat(50_000));
    assert_eq!(gist(ask(&mut visitor, request("GET", "/", &[&cookies])).await.as_ref()), "200 fine");
    let lines: Vec<String> = (0..99).map(|n| format!("X-{n}: x")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert_eq!(gist(ask(&mut visitor, request("GET", "/", &lines)).await.as_ref()), "200 fine");
}

/// RUSTSEC-2020-0008 and its kind: a body on any method is a body, and no next request.
#[tokio::test]
async fn a_body_belongs_to_its_request_whatever_the_method() {
    let (app, sidecar) = app_and_sidecar().await;
    for method in ["GET", "HEAD", "DELETE", "OPTIONS", "TRACE", "PATCH", "BREW"] {
        for (line, body) in [
            (format!("Content-Length: {}", SMUGGLED.len()), SMUGGLED.to_owned()),
            (
                "Transfer-Encoding: chunked".to_owned(),
                format!("{:x}\r\n{SMUGGLED}\r\n0\r\n\r\n", SMUGGLED.len()),
            ),
        ] {
            let mut visitor = sidecar.visitor(STRANGER);
            let mut bytes = request(method, "/row", &[&line]);
            bytes.extend_from_slice(body.as_bytes());
            let answer = ask(&mut visitor, &bytes).await;
            assert_eq!(answer.map(|answer| answer.status()), Some(200), "{method} {line}");
            let seen = app.last();
            assert_eq!(seen.first_line(), format!("{method} /row HTTP/1.1"));
            assert_eq!(seen.text(), SMUGGLED, "{method} {line}");
            let next = ask(&mut visitor, request("GET", "/next", &[])).await;
            assert_eq!(gist(next.as_ref()), "200 /next", "{method} {line}");
        }
    }
    assert_eq!(app.count("/smuggled"), 0);
}
