//! What a probe carries to whoever is asked: what `send` lists, what a pass-through would say of the
//! request, and nothing else (Oathkeeper #299).

use crate::harness::way::{Way, over_each_transport};
use crate::harness::{App, INSTALL, Message, STRANGER, Sidecar, TRUSTED, assert_minted, changed, claims};
use crate::{app, json, known, probing, probing_json, say};

over_each_transport! {
    a_strangers_probe,
    a_trusted_peers_probe,
    a_probe_says_of_the_visitor_what_a_pass_through_says,
    send_says_what_goes_with_it,
    another_program_is_asked_under_its_own_name,
    another_program_without_an_app,
}

/// A visitor with all that a browser, an edge and an attacker may send.
const LINES: [&str; 22] = [
    "User-Agent: old-browser/1",
    "Authorization: Basic YTpi",
    "Cookie: second=2",
    "Accept: text/html",
    "Accept-Encoding: gzip",
    "Accept-Language: de",
    "Referer: http://app.test/page",
    "Origin: http://app.test",
    "If-None-Match: \"a\"",
    "Range: bytes=0-1",
    "X-Tenant-Id: evil",
    "X-User-Email: evil",
    "X-Other: other",
    "X-Forwarded-For: 203.0.113.7",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: shop.example",
    "X-Forwarded-Port: 8443",
    "Forwarded: for=203.0.113.7",
    "X-Request-Id: theirs-1",
    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "tracestate: a=b",
    "X-Real-IP: 203.0.113.7",
];

/// Asks, and tells what the app was asked.
async fn asked(way: Way, file: &str, app: &App, from: &str) -> Message {
    let sidecar = way.start(file).await;
    let acme = say(known(&["X-Tenant-Id: acme"]));
    let minted = sidecar.install(from, &[&[acme.as_str()], &LINES[..]].concat()).await;
    assert_minted(&minted, from);
    assert_eq!(app.last().values("x-request-id"), minted.values("x-request-id"));
    app.last()
}

fn names(asked: &Message) -> Vec<String> {
    let mut names: Vec<_> = asked.names().iter().map(|name| name.to_lowercase()).collect();
    names.sort();
    names
}

/// All but `X-Forwarded-For`, which not every transport has something for, and but for the second
/// line of cookies, which HTTP/2 has no word for: each is a crumb of one.
fn names_but_for_hops(way: Way, asked: &Message) -> Vec<String> {
    let mut names: Vec<_> = names(asked).into_iter().filter(|name| name != "x-forwarded-for").collect();
    if !way.is_http2() {
        let second = names.iter().rposition(|name| name == "cookie").unwrap();
        names.remove(second);
    }
    names
}

async fn a_strangers_probe(way: Way) {
    let app = app().await;
    let asked = asked(way, &probing(&app), &app, STRANGER).await;
    assert_eq!(asked.first_line(), "GET /who-am-i?for=pandium HTTP/1.1");
    let expected = [
        "authorization",
        "cookie",
        "host",
        "traceparent",
        "user-agent",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-forwarded-proto",
        "x-request-id",
    ];
    assert_eq!(names_but_for_hops(way, &asked), expected);
    for (name, value) in [
        ("host", "app.test"),
        ("user-agent", "old-browser/1"),
        ("authorization", "Basic YTpi"),
        ("x-forwarded-proto", way.scheme().0),
        ("x-forwarded-host", "app.test"),
        ("x-forwarded-port", way.scheme().1),
    ] {
        assert_eq!(asked.values(name), [value], "{name}");
    }
    assert!(asked.values("cookie").join("; ").ends_with("; second=2"), "{}", asked.head);
    assert_eq!(asked.values("x-forwarded-for"), way.forwarded_for(&[], STRANGER));
    assert_ne!(asked.values("x-request-id"), ["theirs-1"]);
    assert!(asked.body.is_empty());
}

async fn a_trusted_peers_probe(way: Way) {
    let app = app().await;
    let file = changed(&probing(&app), &[("pandium:\n", "trust: { peers: 127.0.0.2 }\npandium:\n")]);
    let asked = asked(way, &file, &app, TRUSTED).await;
    let expected = [
        "authorization",
        "cookie",
        "forwarded",
        "host",
        "traceparent",
        "tracestate",
        "user-agent",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-forwarded-proto",
        "x-request-id",
    ];
    assert_eq!(names_but_for_hops(way, &asked), expected);
    for (name, value) in [
        ("host", "app.test"),
        ("forwarded", "for=203.0.113.7"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "shop.example"),
        ("x-forwarded-port", "8443"),
        ("x-request-id", "theirs-1"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("tracestate", "a=b"),
    ] {
        assert_eq!(asked.values(name), [value], "{name}");
    }
    assert_eq!(asked.values("x-forwarded-for"), way.forwarded_for(&["203.0.113.7"], TRUSTED));
}

/// The app is told the same of a visitor when it is asked as when a request is passed to it.
async fn a_probe_says_of_the_visitor_what_a_pass_through_says(way: Way) {
    let app = app().await;
    let file = changed(&probing(&app), &[("pandium:\n", "trust: { peers: 127.0.0.2 }\npandium:\n")]);
    let sidecar = way.start(&file).await;
    let acme = say(known(&["X-Tenant-Id: acme"]));
    for from in [STRANGER, TRUSTED] {
        let lines = [&[acme.as_str()], &LINES[..]].concat();
        sidecar.install(from, &lines).await;
        let asked = app.last();
        sidecar.get(from, "/page", &lines).await;
        let passed = app.last();
        assert_eq!(passed.first_line(), "GET /page HTTP/1.1");
        // A stranger's requests each have a name of our own.
        let ours =
            |name: &String| from == STRANGER && ["x-request-id", "traceparent"].contains(&name.as_str());
        for name in names(&asked).iter().filter(|name| !ours(name)) {
            assert_eq!(asked.values(name), passed.values(name), "{from} {name}");
        }
    }
}

async fn send_says_what_goes_with_it(way: Way) {
    const BOTH: &str = "a=1; second=2";
    let app = App::answering(|_| Some(known(&["X-Tenant-Id: acme"]).into_bytes())).await;
    for (send, cookies, authorizations) in [
        ("[]", "", 0),
        ("[cookie]", BOTH, 0),
        ("[authorization]", "", 1),
        ("[cookie, authorization]", BOTH, 1),
    ] {
        let file = changed(&probing(&app), &[("timeout: 15s", &format!("send: {send}, timeout: 15s"))]);
        let sidecar = way.start(&file).await;
        let minted = sidecar.install(STRANGER, &[&["Cookie: a=1"], &LINES[..]].concat()).await;
        assert_minted(&minted, send);
        let asked = app.last();
        assert_eq!(asked.values("cookie").join("; "), cookies, "{send}");
        assert_eq!(asked.values("authorization").len(), authorizations, "{send}");
        assert_eq!(asked.values("user-agent"), ["old-browser/1"], "{send}");
    }
}

async fn another_program_is_asked_under_its_own_name(way: Way) {
    let (app, other) = (app().await, app().await);
    let url = format!("url: \"http://localhost:{}/v1/me?a=b\"", other.address.port());
    let file = changed(&probing(&app), &[("path: \"/who-am-i?for=pandium\"", &url)]);
    let asked = asked(way, &file, &other, STRANGER).await;
    assert_eq!(asked.first_line(), "GET /v1/me?a=b HTTP/1.1");
    assert_eq!(asked.values("host"), [format!("localhost:{}", other.address.port())]);
    assert_eq!(asked.values("x-forwarded-host"), ["app.test"]);
    assert_eq!(asked.values("x-forwarded-for"), way.forwarded_for(&[], STRANGER));
    assert_eq!(app.count(), 0);
}

/// `http://host` is `http://host/`; and without an app there is still somebody to ask.
async fn another_program_without_an_app(way: Way) {
    let other = app().await;
    let url = format!("url: \"http://{}\"", other.address);
    let file = changed(
        &probing_json(&other),
        &[("path: \"/who-am-i?for=pandium\"", &url), (&format!("upstream: http://{}\n", other.address), "")],
    );
    let sidecar = way.start(&file).await;
    let minted = sidecar.get(STRANGER, INSTALL, &[&say(json(r#"{"tenant":{"id":"acme"}}"#))]).await;
    assert_eq!(claims(&minted)["sub"], "acme");
    assert_eq!(other.last().first_line(), "GET / HTTP/1.1");
    assert_eq!(sidecar.get(STRANGER, "/page", &[]).await.status(), 404);
}

/// The question goes over connections that are used again.
#[tokio::test]
async fn questions_share_connections() {
    let app = app().await;
    let sidecar = Sidecar::start(&probing(&app)).await;
    let mut visitor = sidecar.visitor(STRANGER);
    for n in 0..10 {
        let minted = visitor.install(&[&say(known(&[&format!("X-Tenant-Id: t{n}")]))]).await;
        assert_eq!(claims(&minted)["sub"], format!("t{n}"));
    }
    assert_eq!((app.count(), app.connections()), (10, 1));
}

/// RFC 9112 §3.2: a question is one of HTTP/1.1, also where the visitor's request is not.
#[tokio::test]
async fn a_question_for_who_names_no_host_has_one_that_names_none() {
    let app = app().await;
    let sidecar = Sidecar::start(&probing(&app)).await;
    let lines = say(known(&["X-Tenant-Id: acme"]));
    let answer = sidecar.send(STRANGER, format!("GET {INSTALL} HTTP/1.0\r\n{lines}\r\n\r\n")).await;
    assert_minted(&answer, "HTTP/1.0");
    assert_eq!(app.last().values("host"), [""]);
    assert!(app.last().values("x-forwarded-host").is_empty());
}
