//! Requests that are none, byte by byte: not one of them reaches the app (immunity D6, E3, I1).

use crate::harness::http2::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, Outcome, block, frame, get,
};
use crate::harness::{App, INSTALL, Sidecar, TRUSTED};
use crate::kit::{client, file, gist};

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

fn bytes(fields: &[(&str, &str)]) -> Fields {
    fields.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).collect()
}

/// A usual request from somebody who is believed, with one field more.
fn with(name: &[u8], value: &[u8]) -> Fields {
    let mut fields = bytes(&get(INSTALL, &[("x-tenant-id", "acme")]));
    fields.push((name.to_vec(), value.to_vec()));
    fields
}

/// The same with another value of a pseudo-header field.
fn with_pseudo(name: &str, value: &[u8]) -> Fields {
    let mut fields = bytes(&get(INSTALL, &[("x-tenant-id", "acme")]));
    for field in &mut fields {
        if field.0 == name.as_bytes() {
            field.1 = value.to_vec();
        }
    }
    fields
}

fn without(name: &str) -> Fields {
    let mut fields = bytes(&get(INSTALL, &[("x-tenant-id", "acme")]));
    fields.retain(|(own, _)| own != name.as_bytes());
    fields
}

/// Bytes that no value may hold.
fn dirt() -> Vec<u8> {
    (0..0x20).filter(|&byte| byte != b'\t').chain([0x7F]).collect()
}

/// All that is wrong with a head.
fn bad() -> Vec<(String, Fields)> {
    [values(), names(), fields(), pseudo(), doubled()].concat()
}

fn values() -> Vec<(String, Fields)> {
    let mut found = Vec::new();
    for byte in dirt() {
        for place in [&b"x-any"[..], b"cookie", b"x-tenant-id", b"host"] {
            for value in [vec![byte], vec![b'a', byte, b'b'], vec![byte, b'a'], vec![b'a', byte]] {
                found.push((format!("{place:?} {value:?}"), with(place, &value)));
            }
        }
        for name in [":path", ":authority", ":method", ":scheme"] {
            for value in [vec![byte], vec![b'/', byte, b'b'], vec![b'/', b'a', byte]] {
                found.push((format!("{name} {value:?}"), with_pseudo(name, &value)));
            }
        }
    }
    for smuggled in ["a\r\nX-Tenant-Id: evil", "a\r\n\r\nGET /evil HTTP/1.1\r\nHost: a"] {
        found.push((smuggled.to_owned(), with(b"x-any", smuggled.as_bytes())));
    }
    for smuggled in ["/any HTTP/1.1", "/any HTTP/1.1\r\nX-Tenant-Id: evil\r\n"] {
        found.push((smuggled.to_owned(), with_pseudo(":path", smuggled.as_bytes())));
    }
    found
}

fn names() -> Vec<(String, Fields)> {
    let lawful =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.!~'*+|^#$%&`".contains(&byte);
    let odd = (0..=255_u8).filter(|&byte| !lawful(byte));
    let mut found: Vec<_> =
        odd.map(|byte| (format!("a name with {byte:#04x}"), with(&[b'x', byte, b'a'], b"v"))).collect();
    for name in ["", "X-Tenant-Id", "X-any", "x-anY", "x any", "x-any:", " x-any", "x-any "] {
        found.push((format!("the name {name:?}"), with(name.as_bytes(), b"v")));
    }
    found
}

fn fields() -> Vec<(String, Fields)> {
    let all = [
        ("connection", "close"),
        ("connection", "x-tenant-id"),
        ("connection", "te"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("transfer-encoding", "chunked"),
        ("transfer-encoding", "identity"),
        ("upgrade", "websocket"),
        ("upgrade", "h2c"),
        ("te", "gzip"),
        ("te", "trailers, gzip"),
        (":status", "200"),
        (":protocol", "websocket"),
        (":any", "a"),
        (":path", "/late"),
        (":authority", "late.test"),
        (":method", "GET"),
        ("x-any", " a"),
        ("x-any", "a "),
        ("x-any", "\ta"),
        ("x-any", "a\t"),
        ("x-tenant-id", " "),
        ("content-length", "5"),
        ("content-length", "+0"),
        ("content-length", "-1"),
        ("content-length", "0, 0"),
        ("content-length", "0x0"),
        ("content-length", " 0"),
        ("content-length", ""),
        ("content-length", "99999999999999999999999"),
        ("host", "evil.test"),
        ("host", "app.test:81"),
        ("host", ""),
    ];
    all.iter()
        .map(|(name, value)| (format!("{name}: {value:?}"), with(name.as_bytes(), value.as_bytes())))
        .collect()
}

fn pseudo() -> Vec<(String, Fields)> {
    let mut found = Vec::new();
    for name in [":method", ":scheme", ":path", ":authority"] {
        found.push((format!("no {name}"), without(name)));
    }
    for path in ["", "pandium/install/gwt2hs", "*", "http://app.test/", "?a"] {
        found.push((format!(":path {path:?}"), with_pseudo(":path", path.as_bytes())));
    }
    for method in ["", "G T", "GET ", "CONNECT"] {
        found.push((format!(":method {method:?}"), with_pseudo(":method", method.as_bytes())));
    }
    let mut nowhere = without(":path");
    nowhere.retain(|(name, _)| name != b":authority");
    nowhere.push((b"host".to_vec(), b"app.test".to_vec()));
    found.push(("no :path, and Host".to_owned(), nowhere));
    found
}

fn doubled() -> Vec<(String, Fields)> {
    let mut found = Vec::new();
    for (name, value) in [
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/"),
        (":authority", "app.test"),
        (":authority", "evil.test"),
    ] {
        let mut fields = bytes(&get(INSTALL, &[("x-tenant-id", "acme")]));
        fields.insert(0, (name.as_bytes().to_vec(), value.as_bytes().to_vec()));
        found.push((format!("two of {name}, {value}"), fields));
    }
    for two in [["0", "0"], ["0", "5"]] {
        let mut fields = with(b"content-length", two[0].as_bytes());
        fields.push((b"content-length".to_vec(), two[1].as_bytes().to_vec()));
        found.push((format!("two lengths {two:?}"), fields));
    }
    found
}

/// Whether the visitor was told no, in whatever way.
fn is_refused(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Answer(answer, _) => (400..500).contains(&answer.status()) && !answer.resembles_token(),
        Outcome::Reset(_) | Outcome::Left(_) => true,
    }
}

#[tokio::test]
async fn no_bad_field_reaches_the_app_or_is_answered_with_a_token() {
    let app = App::start().await;
    let sidecar = Sidecar::start(&file(app.address, "")).await;
    let bad = bad();
    assert!(bad.len() > 900, "{}", bad.len());
    let mut visitor = client(TRUSTED, sidecar.address).await;
    for (case, fields) in &bad {
        for at in [INSTALL, "/any"] {
            let mut fields = fields.clone();
            for field in &mut fields {
                if field.1 == INSTALL.as_bytes() {
                    field.1 = at.as_bytes().to_vec();
                }
            }
            let outcome = visitor.ask(&fields).await;
            assert!(is_refused(&outcome), "{at} {case}: {}", gist(&outcome));
            if matches!(outcome, Outcome::Left(_)) {
                visitor = client(TRUSTED, sidecar.address).await;
            }
        }
    }
    let seen: Vec<_> = app.seen().into_iter().map(|message| message.head).collect();
    assert!(seen.is_empty(), "{seen:#?}");
    // And it lives.
    let minted = visitor.ask(&get(INSTALL, &[("x-tenant-id", "acme")])).await;
    assert!(gist(&minted).starts_with("302"), "{}", gist(&minted));
    assert_eq!(gist(&visitor.ask(&get("/any", &[])).await), "200 ok");
    assert_eq!(app.count(), 1);
}

/// The library forgets what was wrong in front of a cut through a field. It has left that out, so that the
/// app has one clean request or none.
#[tokio::test]
async fn what_is_wrong_with_a_head_in_pieces_goes_no_further() {
    let app = App::start().await;
    let sidecar = Sidecar::start(&file(app.address, "")).await;
    let mut visitor = client(TRUSTED, sidecar.address).await;
    let mut passed = 0;
    for (case, mut fields) in [fields(), pseudo(), doubled()].concat() {
        fields
            .iter_mut()
            .filter(|field| field.1 == INSTALL.as_bytes())
            .for_each(|field| field.1 = b"/any".into());
        fields.push((b"x-last".to_vec(), b"cut".to_vec()));
        let (number, all) = (visitor.number(), block(&fields));
        let (front, rest) = all.split_at(all.len() - 1);
        visitor.send(&frame(HEADERS, END_STREAM, number, front)).await;
        visitor.send(&frame(CONTINUATION, END_HEADERS, number, rest)).await;
        let outcome = visitor.outcome(number).await;
        if matches!(outcome, Outcome::Left(_)) {
            visitor = client(TRUSTED, sidecar.address).await;
        }
        if is_refused(&outcome) {
            continue;
        }
        passed += 1;
        let seen = app.last();
        // Of two the first stays.
        let one = seen.values("host").len() == 1 && seen.values("x-last") == ["cut"] && seen.whole;
        assert!(one && seen.first_line().starts_with("GET /"), "{case}: {}", seen.head);
        for one in ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te"] {
            assert!(seen.values(one).is_empty(), "{case}: {}", seen.head);
        }
    }
    assert_eq!(app.count(), passed);
}

/// One stream ends, and those beside it go on, where the library can do that.
#[tokio::test]
async fn a_malformed_request_ends_its_own_stream_alone() {
    let app = App::start().await;
    let sidecar = Sidecar::start(&file(app.address, "")).await;
    let mut visitor = client(TRUSTED, sidecar.address).await;
    for (name, value) in [
        ("connection", "close"),
        ("transfer-encoding", "chunked"),
        ("te", "gzip"),
        (":protocol", "websocket"),
        ("content-length", "5"),
        ("x-any", " a"),
    ] {
        let outcome = visitor.ask(&get("/any", &[(name, value)])).await;
        assert_eq!(gist(&outcome), "reset 1", "{name}: {value}");
        assert_eq!(gist(&visitor.ask(&get("/any", &[])).await), "200 ok", "after {name}");
    }
    assert_eq!(app.count(), 6);
}

/// The app has the length before the body: it must not take what came for the whole.
#[tokio::test]
async fn a_body_of_another_length_is_never_whole() {
    for (told, sent) in [(5, &b"abc"[..]), (5, b"abcdefg"), (5, b""), (0, b"abc"), (1, b"ab")] {
        let app = App::start().await;
        let sidecar = Sidecar::start(&file(app.address, "")).await;
        let mut visitor = client(TRUSTED, sidecar.address).await;
        let told = told.to_string();
        let mut fields = get("/up", &[("content-length", &told)]);
        fields[0].1 = "POST";
        let stream = visitor.begin(&fields, false).await;
        visitor.send(&frame(DATA, END_STREAM, stream, sent)).await;
        let outcome = visitor.outcome(stream).await;
        assert!(is_refused(&outcome), "{told} {sent:?}: {}", gist(&outcome));
        assert_eq!(gist(&visitor.ask(&get("/next", &[])).await), "200 ok", "{told} {sent:?}");
        for seen in app.seen() {
            let next = seen.first_line().starts_with("GET /next ");
            // Where nothing was told, nothing is what the app has.
            let nothing = told == "0" && seen.body.is_empty();
            assert!(next || !seen.whole || nothing, "{told} {sent:?}: {} {:?}", seen.head, seen.body);
        }
    }
}

#[tokio::test]
async fn nobody_is_connected_through() {
    let app = App::start().await;
    let sidecar = Sidecar::start(&file(app.address, "")).await;
    let mut visitor = client(TRUSTED, sidecar.address).await;
    for (case, fields) in [
        ("plain", vec![(":method", "CONNECT"), (":authority", "a:443")]),
        ("with a length", vec![(":method", "CONNECT"), (":authority", "a:443"), ("content-length", "0")]),
        ("nowhere", vec![(":method", "CONNECT")]),
        ("to us", vec![(":method", "CONNECT"), (":authority", "app.test")]),
        (
            "a WebSocket",
            [&[(":method", "CONNECT"), (":protocol", "websocket")], &get("/any", &[])[1..]].concat(),
        ),
    ] {
        let outcome = visitor.ask(&fields).await;
        assert!(is_refused(&outcome), "{case}: {}", gist(&outcome));
    }
    assert_eq!(gist(&visitor.ask(&get("/any", &[])).await), "200 ok");
    assert_eq!((app.count(), app.last().first_line()), (1, "GET /any HTTP/1.1"));
}
