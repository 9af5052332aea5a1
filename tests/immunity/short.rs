//! A token is minted from the lines of a head as they stand, or from a request that was taken over: one
//! rule, or a header could mean another tenant on one of the two ways.

use crate::harness::{
    App, Message, OTHER_SECRET, SECRET, STRANGER, TRUSTED, Visitor, changed, claims_under, fixture, load,
    pair_with,
};
use crate::spelling::PROTECTED;
use bytes::BytesMut;
use pandium_sidecar::http1::head::{self, Bounds, Came};
use pandium_sidecar::server::connection::Origin;
use pandium_sidecar::server::edition::Edition;
use pandium_sidecar::server::record::Records;
use pandium_sidecar::server::room::Room;
use pandium_sidecar::server::service::Service;
use pandium_sidecar::trust::Peer;
use std::sync::Arc;

/// What makes a request one that has to be taken over, and says nothing else.
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

/// The answer does not tell which way it came, so the service is asked itself.
#[tokio::test]
async fn only_a_mint_without_a_word_of_a_body_goes_the_short_way() {
    let routes =
        "routes: { link: { path: /link/:integration }, decision: { path: /decide/:integration } }\nlog:";
    let loaded = load(&changed(&fixture(App::start().await.address), &[("log:", routes)])).unwrap();
    let edition = Edition::first(loaded.config, Arc::new(Records::new(Room::new(1))));
    let service = Service::new(&edition, None);
    let bounds = Bounds { bytes: 1 << 16, fields: 200 };
    let is_short = |from: &str, request: &str, lines: &str| {
        let origin = Origin::new(Peer::Ip(from.parse().unwrap()), None);
        let head = format!("{request}\r\nHost: app.test\r\nX-Tenant-Id: acme\r\n{lines}\r\n");
        let came = head::request(&mut BytesMut::from(&*head), bounds, |head| service.at_once(&origin, head));
        matches!(came.unwrap(), Some(Came::Answered(_)))
    };
    let install = "GET /pandium/install/gwt2hs HTTP/1.1";
    for lines in ["", "Connection: close\r\n", "Expect: 100-continue\r\n", "X-Content-Length: 5\r\n"] {
        assert!(is_short(TRUSTED, install, lines), "{lines:?}");
        assert!(!is_short(STRANGER, install, lines), "{lines:?}");
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
        assert!(!is_short(TRUSTED, install, lines), "{lines:?}");
    }
    for request in [
        "GET /pandium/install/gwt2hs HTTP/1.0",
        "HEAD /pandium/install/gwt2hs HTTP/1.1",
        "GET http://app.test/pandium/install/gwt2hs HTTP/1.1",
        "GET /pandium/install/other HTTP/1.1",
        "GET /link/gwt2hs HTTP/1.1",
        "GET /decide/gwt2hs HTTP/1.1",
        "GET / HTTP/1.1",
    ] {
        assert!(!is_short(TRUSTED, request, ""), "{request}");
    }
}
