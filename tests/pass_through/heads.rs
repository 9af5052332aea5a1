//! Heads: names, values, and what the app is told of the visitor.

use crate::harness::{App, Message, STRANGER, Sidecar, TRUSTED, fixture, pair};

#[tokio::test]
async fn names_arrive_as_they_were_written_both_ways() {
    let app = App::answering(|_| {
        Some(
            b"HTTP/1.1 200 OK\r\nX-CamelCase: 1\r\nx-lower: 2\r\nX-UPPER: 3\r\nsEt-CoOkIe: a=1\r\n\
            Set-Cookie: b=2\r\nContent-Length: 0\r\n\r\n"
                .to_vec(),
        )
    })
    .await;
    let sidecar = Sidecar::start(&fixture(app.address)).await;
    let lines =
        ["X-MixedCase: 1", "x-lower: 2", "X-UPPER: 3", "SOAPAction: x", "x-UPPER: 4", "Cookie: A=b; c=D"];
    let answer = sidecar.get(STRANGER, "/", &lines).await;
    let (seen, got) = (app.last(), answer.names());
    for name in ["Host", "X-MixedCase", "x-lower", "X-UPPER", "SOAPAction", "x-UPPER", "Cookie"] {
        assert!(seen.names().contains(&name), "{name} in {}", seen.head);
    }
    assert_eq!(seen.values("x-upper"), ["3", "4"]);
    assert_eq!(seen.values("cookie"), ["A=b; c=D"]);
    for name in ["X-CamelCase", "x-lower", "X-UPPER", "sEt-CoOkIe", "Set-Cookie"] {
        assert!(got.contains(&name), "{name} in {}", answer.head);
    }
    assert_eq!(answer.values("set-cookie"), ["a=1", "b=2"]);
}

#[tokio::test]
async fn values_keep_their_bytes() {
    let (app, sidecar) = pair().await;
    let line = "X-Odd: a\tb  c \u{e9}\u{1F980}\"\\;=,";
    sidecar.get(STRANGER, "/", &[line, "Authorization: Basic eA==", "X-Empty:"]).await;
    assert_eq!(app.last().values("x-odd"), [line.strip_prefix("X-Odd: ").unwrap()]);
    assert_eq!(app.last().values("authorization"), ["Basic eA=="]);
    assert_eq!(app.last().values("x-empty"), [""]);
}

#[tokio::test]
async fn a_strangers_word_about_the_request_is_replaced() {
    let (app, sidecar) = pair().await;
    let lines = [
        "X-Forwarded-For: 1.2.3.4",
        "X-Forwarded-For: 5.6.7.8",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Host: evil.test",
        "X-Forwarded-Port: 666",
        "Forwarded: for=1.2.3.4;host=evil.test",
        "X-Request-Id: theirs",
        "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "tracestate: a=b",
    ];
    let answer = sidecar.get(STRANGER, "/", &lines).await;
    let seen = app.last();
    for (name, values) in [
        ("x-forwarded-for", vec![STRANGER]),
        ("x-forwarded-proto", vec!["http"]),
        ("x-forwarded-host", vec!["app.test"]),
        ("x-forwarded-port", vec!["80"]),
        ("forwarded", vec![]),
        ("tracestate", vec![]),
        ("host", vec!["app.test"]),
    ] {
        assert_eq!(seen.values(name), values, "{name}");
    }
    let trace = seen.values("traceparent");
    assert!(trace.len() == 1 && !trace[0].contains("4bf92f3577b34da6a3ce929d0e0e4736"), "{trace:?}");
    assert_ne!(seen.values("x-request-id"), ["theirs"]);
    assert_eq!(seen.values("x-request-id")[0].len(), 36);
    assert_eq!(answer.status(), 200);
    let other_port = "GET / HTTP/1.1\r\nHost: app.test:8443\r\n\r\n";
    sidecar.send(STRANGER, other_port).await;
    assert_eq!(app.last().values("x-forwarded-port"), ["8443"]);
    assert_eq!(app.last().values("x-forwarded-host"), ["app.test:8443"]);
}

#[tokio::test]
async fn a_trusted_peers_word_is_kept() {
    let (app, sidecar) = pair().await;
    let kept = [
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "shop.example"),
        ("X-Forwarded-Port", "8443"),
        ("Forwarded", "for=1.2.3.4;proto=https"),
        ("X-Request-Id", "edge-0.1_a"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ("tracestate", "a=b"),
    ];
    let mut lines: Vec<_> = kept.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    lines.extend(["X-Forwarded-For: 1.2.3.4".to_owned(), "X-Forwarded-For: 5.6.7.8".to_owned()]);
    sidecar.get(TRUSTED, "/", &lines.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let seen = app.last();
    for (name, value) in kept {
        assert_eq!(seen.values(name), [value], "{name}");
    }
    assert_eq!(seen.values("x-forwarded-for"), ["1.2.3.4, 5.6.7.8, 127.0.0.2"]);
    sidecar.get(TRUSTED, "/", &[]).await;
    let seen: Message = app.last();
    assert_eq!(seen.values("x-forwarded-for"), [TRUSTED]);
    assert_eq!(seen.values("x-forwarded-proto"), ["http"]);
    assert_eq!(seen.values("x-forwarded-host"), ["app.test"]);
}

#[tokio::test]
async fn an_id_is_taken_over_only_where_it_is_plain() {
    let (app, sidecar) = pair().await;
    let long = "a".repeat(129);
    for odd in ["", " ", "a b", "a\"b", "a/b", "\u{e9}", "a,b", "<script>", &long] {
        sidecar.get(TRUSTED, "/", &[&format!("X-Request-Id: {odd}")]).await;
        let seen = app.last();
        assert_eq!(seen.values("x-request-id").len(), 1, "{odd}");
        assert_eq!(seen.values("x-request-id")[0].len(), 36, "{odd}");
    }
    let refused = sidecar.install(TRUSTED, &["X-Request-Id: edge-7"]).await;
    assert_eq!(refused.values("x-request-id"), ["edge-7"]);
    assert!(refused.text().contains(r#""request_id":"edge-7""#), "{}", refused.text());
    let minted = sidecar.install(TRUSTED, &["X-Request-Id: edge-8", "X-Tenant-Id: a"]).await;
    assert_eq!((minted.status(), minted.values("x-request-id")), (302, vec!["edge-8"]));
}

#[tokio::test]
async fn what_was_meant_for_one_connection_does_not_come_back_either() {
    let app = App::answering(|_| {
        Some(
            b"HTTP/1.1 200 OK\r\nConnection: X-Hop, keep-alive\r\nX-Hop: gone\r\nKeep-Alive: timeout=gone\r\n\
            Proxy-Authenticate: gone\r\nUpgrade: gone\r\nProxy-Connection: gone\r\nTrailer: gone\r\n\
            X-Stays: here\r\nContent-Length: 2\r\n\r\nok"
                .to_vec(),
        )
    })
    .await;
    let sidecar = Sidecar::start(&fixture(app.address)).await;
    let answer = sidecar.get(STRANGER, "/", &[]).await;
    assert!(!answer.head.contains("gone"), "{}", answer.head);
    assert!(!answer.head.to_lowercase().contains("x-hop"), "{}", answer.head);
    assert_eq!((answer.values("x-stays"), answer.text()), (vec!["here"], "ok".to_owned()));
}

#[tokio::test]
async fn one_connection_serves_many_requests_and_so_does_one_to_the_app() {
    let (app, sidecar) = pair().await;
    let mut visitor = sidecar.visitor(STRANGER);
    for n in 0..5 {
        let answer = visitor.get(&format!("/{n}"), &[]).await;
        assert_eq!((answer.status(), answer.text()), (200, "ok".to_owned()));
        assert!(visitor.is_connected());
    }
    assert_eq!((app.count(), app.connections()), (5, 1));
}

#[tokio::test]
async fn an_old_client_is_answered_and_hung_up_on() {
    let app = App::answering(|seen| {
        let chunked =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n";
        let plain = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde";
        Some(if seen.first_line().contains("chunked") { chunked.to_vec() } else { plain.to_vec() })
    })
    .await;
    let sidecar = Sidecar::start(&fixture(app.address)).await;
    for path in ["/plain", "/chunked"] {
        let mut visitor = sidecar.visitor(STRANGER);
        let answer = visitor.send(format!("GET {path} HTTP/1.0\r\nHost: old.test\r\n\r\n")).await;
        assert_eq!((answer.status(), answer.text()), (200, "abcde".to_owned()), "{path}");
        assert!(answer.values("transfer-encoding").is_empty(), "{path}: {}", answer.head);
        assert!(visitor.hung_up().await, "{path}");
        assert_eq!(app.last().first_line(), format!("GET {path} HTTP/1.1"));
        assert_eq!(app.last().values("host"), ["old.test"]);
    }
}

/// RFC 9112 §3.2: what goes on is HTTP/1.1, and has a `Host`, if only one that names nobody.
#[tokio::test]
async fn an_old_client_that_names_no_host_is_passed_on_as_one_that_names_none() {
    let (app, sidecar) = pair().await;
    for (target, host) in [("/a", ""), ("http://old.test:8080/a", "old.test:8080")] {
        let answer = sidecar.send(STRANGER, format!("GET {target} HTTP/1.0\r\n\r\n")).await;
        assert_eq!(answer.status(), 200, "{target}");
        let seen = app.last();
        assert_eq!((seen.first_line(), seen.values("host")), ("GET /a HTTP/1.1", vec![host]), "{target}");
        let forwarded: Vec<_> = Some(host).into_iter().filter(|host| !host.is_empty()).collect();
        assert_eq!(seen.values("x-forwarded-host"), forwarded, "{target}");
        assert_eq!(seen.values("x-forwarded-port").len(), forwarded.len(), "{target}");
    }
}
