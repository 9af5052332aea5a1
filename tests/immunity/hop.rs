//! `Connection`, and what it can take away (Oathkeeper GHSA-w9mr-28mw-j8hg; Traefik CVE-2024-45410,
//! CVE-2026-29054; Apache CVE-2022-31813; Caddy GO-2026-6874).

use crate::harness::way::{Way, play};
use crate::harness::{STRANGER, TRUSTED, assert_minted, assert_refused, pair};
use crate::spelling::{PROTECTED, SEPARATORS};

// Each case ends its connection: with a handshake for each there would be no end to it.
play!(over_tcp, Tcp, Install; nobody_nominates_an_identity_header, what_a_stranger_nominates_still_does_not_reach_the_app);
play!(over_unix, Unix, Install; nobody_nominates_an_identity_header, what_a_stranger_nominates_still_does_not_reach_the_app);
play!(link_over_unix, Unix, Link; nobody_nominates_an_identity_header);
play!(decision_over_tcp, Tcp, Decision; nobody_nominates_an_identity_header);

/// Every way to name a header in `Connection`.
fn nominations(name: &str) -> Vec<Vec<String>> {
    let (lower, upper) = (name.to_ascii_lowercase(), name.to_ascii_uppercase());
    let mut found = Vec::new();
    for spelled in [name, &lower, &upper] {
        for connection in ["Connection", "connection", "CONNECTION", "cOnNeCtIoN"] {
            for value in [
                spelled.to_owned(),
                format!("close, {spelled}"),
                format!("{spelled}, close"),
                format!("close,{spelled}"),
                format!("close ,\t{spelled}\t, keep-alive"),
                format!(",,{spelled},,"),
                format!("\t{spelled}"),
                format!("{spelled}, {spelled}"),
            ] {
                found.push(vec![format!("{connection}: {value}")]);
            }
            found.push(vec![format!("{connection}: close"), format!("Connection: {spelled}")]);
            found.push(vec![format!("Connection: {spelled}"), format!("{connection}: close")]);
            let (one, two) = ("Connection: X-Other".to_owned(), format!("{connection}: close, {spelled}"));
            found.push(vec![one, "Accept: */*".to_owned(), two]);
        }
    }
    for separator in SEPARATORS.chars() {
        found.push(vec![format!("Connection: {}", name.replace('-', &separator.to_string()))]);
    }
    found
}

async fn nobody_nominates_an_identity_header(way: Way) {
    let (app, sidecar) = way.pair().await;
    let mut visitor = sidecar.visitor(TRUSTED);
    for name in PROTECTED {
        for lines in nominations(name) {
            let mut lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            lines.push("X-Tenant-Id: acme");
            let case = format!("{lines:?}");
            assert_refused(&visitor.install(&lines).await, 400, "nominated-header", &case);
            assert_refused(&visitor.get("/any", &lines).await, 400, "nominated-header", &case);
        }
    }
    assert_eq!(app.count(), 0);
    let answer = visitor.install(&["Connection: close, x-other", "X-Tenant-Id: acme"]).await;
    assert_minted(&answer, "what is not protected may be nominated");
}

async fn what_a_stranger_nominates_still_does_not_reach_the_app(way: Way) {
    let (app, sidecar) = way.pair().await;
    let mut visitor = sidecar.visitor(STRANGER);
    for name in PROTECTED {
        for lines in nominations(name) {
            let identity = format!("{name}: evil-value");
            let mut lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            lines.push(&identity);
            assert_eq!(visitor.get("/any", &lines).await.status(), 200, "{lines:?}");
            assert!(!app.last().head.contains("evil-value"), "{lines:?}");
        }
    }
}

#[tokio::test]
async fn what_we_set_arrives_whatever_is_nominated() {
    let (app, sidecar) = pair().await;
    let ours = ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Request-Id", "Host"];
    for from in [TRUSTED, STRANGER] {
        for name in ours {
            for line in
                [format!("Connection: {name}"), format!("connection: close,\t{}", name.to_uppercase())]
            {
                assert_eq!(sidecar.get(from, "/", &[&line]).await.status(), 200);
                let seen = app.last();
                for name in ours {
                    assert_eq!(seen.values(name).len(), 1, "{line}: {name} in {}", seen.head);
                }
                assert_eq!(seen.values("host"), ["app.test"], "{line}");
                assert!(seen.values("x-forwarded-for")[0].ends_with(from), "{line}");
            }
        }
    }
}

#[tokio::test]
async fn nothing_meant_for_one_connection_goes_further() {
    let (app, sidecar) = pair().await;
    for from in [TRUSTED, STRANGER] {
        let lines = [
            "Connection: X-Foo, close",
            "connection: \tx-bar ,upgrade",
            "X-Foo: gone-1",
            "x-bar: gone-2",
            "Keep-Alive: timeout=5; gone-3",
            "Proxy-Authorization: Basic gone-4",
            "Proxy-Authenticate: Basic gone-5",
            "Proxy-Connection: gone-6",
            "TE: gzip",
            "Upgrade: gone-7",
            "HTTP2-Settings: gone-8",
            "Trailer: gone-9",
            "X-Stays: here",
        ];
        assert_eq!(sidecar.get(from, "/", &lines).await.status(), 200);
        let seen = app.last();
        assert!(!seen.head.contains("gone-") && !seen.head.contains("gzip"), "{}", seen.head);
        assert!(!seen.head.to_lowercase().contains("x-foo"), "{}", seen.head);
        assert_eq!(seen.values("x-stays"), ["here"]);
    }
    for (te, kept) in [
        ("trailers", true),
        ("gzip, trailers", true),
        ("TRAILERS", true),
        ("gzip;q=0.5,\ttrailers", true),
        ("gzip", false),
        ("trailersx", false),
        ("", false),
    ] {
        sidecar.get(TRUSTED, "/", &[&format!("TE: {te}"), "Connection: TE"]).await;
        let expected: &[&str] = if kept { &["trailers"] } else { &[] };
        assert_eq!(app.last().values("te"), expected, "{te}");
    }
}

#[tokio::test]
async fn a_body_keeps_its_length_though_nominated() {
    let (app, sidecar) = pair().await;
    for option in ["content-length", "Content-Length, close", "host, content-length"] {
        let post =
            format!("POST / HTTP/1.1\r\nHost: a\r\nConnection: {option}\r\nContent-Length: 5\r\n\r\nhello");
        assert_eq!(sidecar.send(STRANGER, post).await.status(), 200, "{option}");
        assert_eq!(app.last().body, b"hello", "{option}");
        assert_eq!(app.last().values("content-length"), ["5"], "{option}");
    }
}
