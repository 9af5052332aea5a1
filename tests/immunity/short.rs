//! A token is minted, and a request passed on, from the lines of a head as they stand, or from a request
//! that was taken over: one rule, or a header could mean another tenant on one of the two ways.

use crate::harness::{
    App, Message, OTHER_SECRET, SECRET, STRANGER, TRUSTED, Visitor, changed, claims_under, fixture, load,
    pair_with,
};
use crate::spelling::PROTECTED;
use bytes::BytesMut;
use http::Request;
use http_body_util::BodyExt as _;
use pandium_sidecar::http1::head::{self, Bounds, Came, Glance};
use pandium_sidecar::proxy::arriving::Arriving;
use pandium_sidecar::server::connection::Origin;
use pandium_sidecar::server::edition::Edition;
use pandium_sidecar::server::handler::AtOnce;
use pandium_sidecar::server::record::Records;
use pandium_sidecar::server::room::Room;
use pandium_sidecar::server::service::Service;
use pandium_sidecar::trust::Peer;
use std::sync::Arc;

/// What makes a request one that has to be taken over. The app sees it, where it passes.
const LONG_WAY: &str = "Content-Length: 0";

/// All of an answer but what differs from one to the next.
fn gist(answer: &Message) -> (Vec<String>, String, Option<serde_json::Value>) {
    let minted = Some(answer).filter(|answer| answer.status() == 302);
    let claims = minted.and_then(|answer| claims_under(SECRET, answer)).map(|mut claims| {
        claims["jti"].take();
        claims["iat"].take();
        claims
    });
    // The address up to the token, and an id of the request where it was given.
    let lines = answer.head.lines().map(str::to_ascii_lowercase);
    let lines = lines.map(|line| line.split("tenant=").next().unwrap_or_default().to_owned());
    let is_made = |line: &str| line.starts_with("x-request-id:") && line.len() == 50;
    let differs =
        |line: &str| line.starts_with("date:") || line.starts_with("content-length: 1") || is_made(line);
    let mut lines: Vec<_> = lines.filter(|line| !differs(line)).collect();
    lines.sort();
    (lines, answer.code(), claims)
}

async fn compare(visitor: &mut Visitor, lines: &[&str]) -> Message {
    let short = visitor.install(lines).await;
    let long = visitor.install(&[lines, &[LONG_WAY]].concat()).await;
    assert_eq!(gist(&short), gist(&long), "{lines:?}");
    assert_eq!(short.values("location").is_empty(), short.status() != 302, "{lines:?}");
    short
}

/// Lines of which each makes something of its own: a token, or a refusal.
fn lines() -> Vec<String> {
    let mut lines: Vec<String> = [
        "X-Tenant-Id: other",
        "X-Tenent-Id: other",
        "x-tenant-id:",
        "X-Tenant-Id: -",
        "X-TENANT-ID:\tacme\t",
        "X-User-Email: zo\u{eb}@acme.example",
        "X-User-Email: a\"b\\c",
        "X-User-Email: a\u{202e}b",
        "X-User-Groups: a, b,,c",
        "X-User-Groups: -",
        "X-Account: acme",
        "X-Account: globex",
        "x-account: nobody",
        "X-Account: \u{e9}",
        "X-Secret: wrong",
        "Cookie: plan=gold; other=1",
        "Cookie: plan=gold; plan=tin",
        "Cookie: plan=\u{e9}",
        "Connection: keep-alive",
        "Connection: close",
        "Connection: close, X-Tenant-Id",
        "Connection: x_user_email",
        "Host: second.test",
        "Purpose: prefetch",
        "Sec-Purpose: prefetch;prerender",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-origin",
        "Sec-Fetch-Dest: iframe",
        "Transfer_Encoding: chunked",
        "Content_Length: 5",
        "X-Request-Id: taken-over.1",
        "X-Request-Id: not taken over",
        "Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "Expect: 100-continue",
        "Upgrade: websocket",
        "Accept: text/html",
    ]
    .map(str::to_owned)
    .into();
    for name in PROTECTED {
        lines.push(format!("{}: twice", name.to_ascii_uppercase()));
        lines.push(format!("{}: folded", name.replace('-', "_")));
    }
    lines
}

/// Files that read other lines than the fixture.
const FILES: [&[(&str, &str)]; 4] = [
    &[],
    &[
        (
            "  account: acme\n  environment: sandbox\n  secret: { env: FIXTURE_SECRET }\n",
            "  accounts:
    acme: { environment: sandbox, secret: { env: FIXTURE_SECRET } }
    globex: { account: globex-inc, environment: sandbox, secret: { env: FIXTURE_SECRET } }
overrides: { account: X-Account }
",
        ),
        ("id: 1121, connector_name: gwt", "id: { acme: 1121, globex: 2242 }, connector_name: gwt"),
        ("id: 1122, connector_name: crm", "id: { acme: 1122, globex: 2243 }, connector_name: crm"),
    ],
    &[
        ("peers: 127.0.0.2", "peers: 127.0.0.2, header: { name: X-Secret, value: { env: OTHER_SECRET } }"),
        ("    groups:", "    plan: { cookie: plan, optional: true }\n    groups:"),
        ("    uem: ${session.user_email}", "    uem: ${session.user_email}\n    adn: ${session.plan}"),
    ],
    &[("peers: 127.0.0.2", "peers: 127.0.0.2, complete: true")],
];

#[tokio::test]
async fn the_short_way_and_the_long_way_lead_to_the_same() {
    let (lines, secret) = (lines(), format!("X-Secret: {OTHER_SECRET}"));
    for (at, file) in FILES.into_iter().enumerate() {
        let (_app, sidecar) = pair_with(file).await;
        let (mut friend, mut stranger) = (sidecar.visitor(TRUSTED), sidecar.visitor(STRANGER));
        let complete = ["X-Tenant-Id: acme", "X-Account: globex", "X-User-Email: a@b", "X-User-Groups: -"];
        let (mut minted, mut refused) = (0, 0);
        for one in std::iter::once(secret.as_str()).chain(lines.iter().map(String::as_str)) {
            compare(&mut stranger, &["X-Tenant-Id: acme", one]).await;
            for most in [&complete[..], &complete[..2], &complete[1..], &[]] {
                for other in ["Accept: */*", &secret, "X-User-Email: second", "Cookie: plan=tin"] {
                    let answer = compare(&mut friend, &[most, &[one, other]].concat()).await;
                    *(if answer.status() == 302 { &mut minted } else { &mut refused }) += 1;
                }
            }
        }
        assert!(minted > 30 && refused > 30, "file {at}: {minted} {refused}");
    }
}

/// Lines of which each makes something of its own of what passes.
fn passing_lines() -> Vec<String> {
    let mut lines = lines();
    let more = [
        "X-Forwarded-For: 10.0.0.9",
        "x-forwarded-for: 10.0.0.8, 10.0.0.7",
        "X_Forwarded_For: 10.0.0.6",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Host: other.test",
        "X-Forwarded-Port: 8443",
        "Forwarded: for=10.0.0.9",
        "Tracestate: a=1",
        "Trace_Parent: x",
        "X-Pandium-Token: x",
        "x_pandium_url: x",
        "TE: trailers",
        "Trailer: X-Sum",
        "Keep-Alive: timeout=5",
        "Keep_Alive: 5",
        "Proxy-Connection: keep-alive",
        "Proxy-Authorization: Basic eA==",
        "Connection: Keep-Alive",
        "Connection: close, X-Other",
        "connection:",
        "Connection: upgrade",
        "HTTP2-Settings: AAMAAABk",
        "x-oDD-case:   spaced out  ",
        "X-Empty:",
        "X-Latin: \u{e9}",
        "X-Other: 1",
    ];
    lines.extend(more.map(str::to_owned));
    lines
}

/// What the app saw, but for what differs from one request to the next, and for the order of names.
fn told(seen: &Message) -> Vec<String> {
    let line = |line: &str| {
        let (name, value) = line.split_once(": ")?;
        let is_made = name == "X-Request-Id" && value.len() == 36
            || name == "Traceparent" && !value.contains("4bf92f3577b34da6a3ce929d0e0e4736");
        let value = if is_made { "made" } else { value };
        (line != LONG_WAY).then(|| (name.to_ascii_lowercase(), format!("{name}: {value}")))
    };
    let mut lines: Vec<_> = seen.head.lines().skip(1).filter_map(line).collect();
    lines.sort_by(|(one, _), (other, _)| one.cmp(other));
    let first = seen.first_line().to_owned();
    std::iter::once(first).chain(lines.into_iter().map(|(_, line)| line)).collect()
}

/// Sends it, and returns the answer and what the app saw.
async fn pass(app: &App, visitor: &mut Visitor, lines: &[&str]) -> (Message, Option<Vec<String>>) {
    let before = app.count();
    let answer = visitor.get("/page%2f?a=1&b", lines).await;
    (answer, (app.count() > before).then(|| told(&app.last())))
}

#[tokio::test]
async fn what_passes_is_the_same_on_the_short_way_and_the_long_way() {
    let (lines, secret) = (passing_lines(), format!("X-Secret: {OTHER_SECRET}"));
    for (at, file) in FILES.into_iter().enumerate() {
        let (app, sidecar) = pair_with(file).await;
        let (mut friend, mut stranger) = (sidecar.visitor(TRUSTED), sidecar.visitor(STRANGER));
        // There has to be a connection that was used before.
        friend.get("/", &[]).await;
        let (mut passed, mut refused) = (0, 0);
        for one in &lines {
            for other in
                ["X-Other: 2", &secret, "X-Tenant-Id: acme", "X-Forwarded-For: 10.0.0.5", "Cookie: a=b"]
            {
                for visitor in [&mut friend, &mut stranger] {
                    let short = pass(&app, visitor, &[one, other]).await;
                    let long = pass(&app, visitor, &[one, other, LONG_WAY]).await;
                    assert_eq!(gist(&short.0), gist(&long.0), "file {at}: {one:?} {other:?}");
                    assert_eq!(short.1, long.1, "file {at}: {one:?} {other:?}");
                    *(if short.1.is_some() { &mut passed } else { &mut refused }) += 1;
                }
            }
        }
        assert!(passed > 300 && refused > 30, "file {at}: {passed} {refused}");
        assert!(app.connections() < 9, "file {at}: hardly any went over a connection that was used before");
    }
}

/// Which way a head goes, where there is a connection to the app that was used before.
struct Ways {
    service: Arc<Service>,
    _app: App,
}

const BOUNDS: Bounds = Bounds { bytes: 1 << 16, fields: 200 };

impl Ways {
    async fn of(changes: &[(&str, &str)]) -> Self {
        let app = App::start().await;
        let loaded = load(&changed(&fixture(app.address), changes)).unwrap();
        let edition = Edition::first(loaded.config, Arc::new(Records::new(Room::new(1))));
        Self { service: Arc::new(Service::new(&edition, None)), _app: app }
    }

    /// Has the app answer a request, whose connection stays.
    async fn warm(&self) {
        let origin = Origin::new(Peer::Ip(TRUSTED.parse().unwrap()), None);
        let request = Request::get("/").header("host", "app.test").body(Arriving::nothing()).unwrap();
        let answer = self.service.answer(&origin, request).await;
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "ok");
    }

    /// What the head of a request comes to, in a word.
    fn way(&self, from: &str, request: &str, lines: &str) -> &'static str {
        let origin = Origin::new(Peer::Ip(from.parse().unwrap()), None);
        let head = format!("{request}\r\nHost: app.test\r\nX-Tenant-Id: acme\r\n{lines}\r\n");
        let at_once = |head: Glance<'_>| self.service.at_once(&origin, head);
        match head::request(&mut BytesMut::from(&*head), BOUNDS, at_once).unwrap() {
            Some(Came::AtOnce(AtOnce::Redirect(_))) => "minted",
            Some(Came::AtOnce(AtOnce::Passing(_))) => "passing",
            Some(Came::Whole(_)) => "taken over",
            None => "nothing",
        }
    }
}

/// The answer does not tell which way it came, so the service is asked itself.
#[tokio::test]
async fn only_a_mint_without_a_word_of_a_body_goes_the_short_way() {
    let routes =
        "routes: { link: { path: /link/:integration }, decision: { path: /decide/:integration } }\nlog:";
    let ways = Ways::of(&[("log:", routes)]).await;
    let install = "GET /pandium/install/gwt2hs HTTP/1.1";
    for lines in ["", "Connection: close\r\n", "Expect: 100-continue\r\n", "X-Content-Length: 5\r\n"] {
        assert_eq!(ways.way(TRUSTED, install, lines), "minted", "{lines:?}");
        assert_eq!(ways.way(STRANGER, install, lines), "taken over", "{lines:?}");
    }
    let many = "X-A: b\r\n".repeat(120);
    for lines in [
        "Content-Length: 0\r\n",
        "CONTENT-LENGTH: 5\r\n",
        "Content_Length: 5\r\n",
        "transfer-encoding: chunked\r\n",
        "Transfer.Encoding: chunked\r\n",
        "X-Tenant-Id: twice\r\n",
        &many,
    ] {
        assert_eq!(ways.way(TRUSTED, install, lines), "taken over", "{lines:?}");
    }
    for request in [
        "GET /pandium/install/gwt2hs HTTP/1.0",
        "HEAD /pandium/install/gwt2hs HTTP/1.1",
        "GET http://app.test/pandium/install/gwt2hs HTTP/1.1",
        "GET /pandium/install/other HTTP/1.1",
        "GET /link/gwt2hs HTTP/1.1",
        "GET /decide/gwt2hs HTTP/1.1",
    ] {
        assert_eq!(ways.way(TRUSTED, request, ""), "taken over", "{request}");
    }
}

#[tokio::test]
async fn only_what_needs_no_thought_passes_as_it_stands() {
    let ways = Ways::of(&[]).await;
    let page = "GET /page?a=1 HTTP/1.1";
    assert_eq!(ways.way(TRUSTED, page, ""), "taken over", "over a new connection");
    for lines in ["", "Connection: close\r\n", "connection: Keep-Alive\r\n", "X_Tenant: 1\r\nX-User: a\r\n"] {
        for from in [TRUSTED, STRANGER] {
            ways.warm().await;
            assert_eq!(ways.way(from, page, lines), "passing", "{lines:?}");
        }
    }
    for request in ["HEAD / HTTP/1.1", "OPTIONS /x HTTP/1.1", "DELETE //x/.. HTTP/1.1"] {
        ways.warm().await;
        assert_eq!(ways.way(TRUSTED, request, ""), "passing", "{request}");
    }
    ways.warm().await;
    for lines in [
        "Content-Length: 0\r\n",
        "Content_Length: 5\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Connection: close, x\r\n",
        "Connection: upgrade\r\nUpgrade: websocket\r\n",
        "Upgrade: websocket\r\n",
        "TE: trailers\r\n",
        "Trailer: x\r\n",
        "Expect: 100-continue\r\n",
        "Keep_Alive: x\r\n",
        "Proxy-Authorization: x\r\n",
        "X-Pandium-Token: x\r\n",
        "X_Tenant_Id: aliased\r\n",
        "X-Tenant-Id: twice\r\n",
        "Host: second.test\r\n",
    ] {
        assert_eq!(ways.way(TRUSTED, page, lines), "taken over", "{lines:?}");
    }
    for request in [
        "GET /page HTTP/1.0",
        "POST /page HTTP/1.1",
        "PATCH /page HTTP/1.1",
        "CONNECT app.test:80 HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "GET http://app.test/page HTTP/1.1",
        "GET /pandium/install/../x HTTP/1.1",
        "GET /%70andium/install/gwt2hs HTTP/1.1",
    ] {
        assert_eq!(ways.way(TRUSTED, request, ""), "taken over", "{request}");
    }
    // The connection was nobody's all the while.
    assert_eq!(ways.way(TRUSTED, page, ""), "passing");
}

#[tokio::test]
async fn where_pandiums_pages_are_shown_all_cookies_are_looked_at() {
    let pages = "environment: sandbox\n  proxy: { mount: path, prefix: /pages, same_origin: accepted }";
    let other = ("connector_name: crm", "deliver: proxy, connector_name: crm");
    let ways = Ways::of(&[("environment: sandbox", pages), other]).await;
    ways.warm().await;
    assert_eq!(ways.way(TRUSTED, "GET /page HTTP/1.1", ""), "taken over");
    assert_eq!(ways.way(TRUSTED, "GET /pandium/install/gwt2hs HTTP/1.1", ""), "taken over");
}
