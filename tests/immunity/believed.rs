//! Whom to believe about the request (oauth2-proxy CVE-2026-40575, -76835; authentik CVE-2023-36456;
//! heimdall CVE-2026-57209; Starlette CVE-2026-48710).

use crate::harness::child::{Scratch, program, run};
use crate::harness::way::{Door, Way, each_way};
use crate::harness::{
    INSTALL, STRANGER, TRUSTED, assert_minted, assert_refused, changed, fixture, load, request,
};

each_way! {
    no_header_makes_a_peer_trusted,
    no_header_moves_a_request_to_another_route,
    a_host_is_a_host_and_nothing_more,
    a_target_that_disagrees_with_host_is_refused,
}

fn with_peers(peers: &str) -> String {
    changed(&fixture("127.0.0.1:1".parse().unwrap()), &[("peers: 127.0.0.2", peers)])
}

#[test]
fn trust_in_everybody_or_nobody_does_not_load() {
    for peers in [
        "",
        "peers: []",
        "peers: 0.0.0.0/0",
        "peers: \"::/0\"",
        "peers: [0.0.0.0/1, 128.0.0.0/1]",
        "peers: [\"::/1\", \"8000::/1\"]",
        "peers: [127.0.0.2, 0.0.0.0/0]",
        "peers: [0.0.0.0/2, 64.0.0.0/2, 128.0.0.0/2, 192.0.0.0/2]",
        "peers: 0.0.0.0/1",
        "peers: 10.0.0.0/7",
        "peers: \"2000::/15\"",
        "peers: \"::ffff:0:0/96\"",
        "peers: [\"::ffff:0.0.0.0/97\", \"::ffff:128.0.0.0/97\"]",
        "peers: \"*\"",
        "peers: localhost",
        "peers: 127.0.0.2:80",
        "peers: 0",
        "peers: 127.1",
        "peers: 0177.0.0.2",
    ] {
        assert!(load(&with_peers(peers)).is_err(), "{peers}");
    }
    let without = changed(&with_peers("peers: 127.0.0.2"), &[("trust: { peers: 127.0.0.2 }\n", "")]);
    assert!(load(&without).is_err());
    for peers in ["peers: 10.0.0.0/8", "peers: \"::1\"", "peers: [127.0.0.2, unix]"] {
        assert!(load(&with_peers(peers)).is_ok(), "{peers}");
    }
}

#[test]
fn the_program_exits_2_instead_of_trusting_everybody() {
    let scratch = Scratch::new("trust");
    for (n, peers) in ["", "peers: 0.0.0.0/0", "peers: [0.0.0.0/1, 128.0.0.0/1]"].into_iter().enumerate() {
        let config = scratch.write(&format!("{n}.yaml"), with_peers(peers));
        for command in ["serve", "check"] {
            let mut command = program(&[command, "--config", config.to_str().unwrap()]);
            let ended = run(command.env("FIXTURE_SECRET", "0123456789abcdef0123456789abcdef"));
            assert_eq!(ended.code, Some(2), "{peers}: {}", ended.all());
            assert!(ended.stderr.contains("yaml:"), "{}", ended.stderr);
        }
    }
}

const CLAIMS_OF_PEER: [&str; 10] = [
    "X-Forwarded-For: 127.0.0.2",
    "X-Forwarded-For: 127.0.0.2, 127.0.0.2",
    "Forwarded: for=127.0.0.2;by=127.0.0.2",
    "X-Real-IP: 127.0.0.2",
    "X-Client-IP: 127.0.0.2",
    "True-Client-IP: 127.0.0.2",
    "CF-Connecting-IP: 127.0.0.2",
    "X-Envoy-External-Address: 127.0.0.2",
    "X-Original-Forwarded-For: 127.0.0.2",
    "Via: 1.1 127.0.0.2",
];

async fn no_header_makes_a_peer_trusted(way: Way) {
    let (app, sidecar) = way.pair().await;
    for line in CLAIMS_OF_PEER {
        let answer = sidecar.install(STRANGER, &[line, "X-Tenant-Id: acme"]).await;
        assert_refused(&answer, 403, "untrusted-peer", line);
        sidecar.get(STRANGER, "/", &[line, "X-Tenant-Id: acme"]).await;
        assert!(app.last().values("x-tenant-id").is_empty(), "{line}");
        assert_eq!(app.last().values("x-forwarded-for"), way.forwarded_for(&[], STRANGER), "{line}");
        assert!(app.last().values("forwarded").is_empty(), "{line}");
    }
    let answer = sidecar.install(STRANGER, &[&CLAIMS_OF_PEER[..], &["X-Tenant-Id: acme"]].concat()).await;
    assert_refused(&answer, 403, "untrusted-peer", "all of them");
}

/// Another address or method in a header decides nothing, whoever sends it.
async fn no_header_moves_a_request_to_another_route(way: Way) {
    let (app, sidecar) = way.pair().await;
    for (line, value) in [
        ("X-Original-URL", INSTALL),
        ("X-Rewrite-URL", INSTALL),
        ("X-Forwarded-Uri", INSTALL),
        ("X-Original-URI", INSTALL),
        ("X-Envoy-Original-Path", INSTALL),
        ("X-Forwarded-Method", "GET"),
        ("X-HTTP-Method-Override", "GET"),
        ("X-Method-Override", "GET"),
        ("X-Forwarded-Host", "evil.test"),
        ("X-Forwarded-Prefix", "/pandium/install"),
    ] {
        let line = format!("{line}: {value}");
        let before = app.count();
        assert_eq!(sidecar.get(TRUSTED, "/any", &["X-Tenant-Id: a", &line]).await.status(), 200, "{line}");
        assert_eq!(app.count(), before + 1);
        let elsewhere = line.replace(INSTALL, "/any");
        assert_minted(&sidecar.install(TRUSTED, &["X-Tenant-Id: a", &elsewhere]).await, &elsewhere);
        let strange = sidecar.install(STRANGER, &["X-Tenant-Id: a", &elsewhere]).await;
        assert_refused(&strange, 403, "untrusted-peer", &elsewhere);
        let post = request("POST", INSTALL, &["X-Tenant-Id: a", &line]);
        let answer = sidecar.send(TRUSTED, post).await;
        if way.door == Door::Decision {
            assert_minted(&answer, &line);
        } else {
            assert_refused(&answer, 405, "method-not-allowed", &line);
        }
    }
}

async fn a_host_is_a_host_and_nothing_more(way: Way) {
    let (app, sidecar) = way.pair().await;
    for path in [INSTALL, "/any"] {
        for host in [
            "app.test/abc?x=",
            "a#@evil",
            "a@evil",
            "user:pw@a",
            "a:99999",
            "a:65536",
            "a:0",
            "a:",
            "a:8a",
            "a:-1",
            "a:+80",
            "a:80:80",
            "a b",
            "a\tb",
            "a,b",
            "a, b",
            "a\\b",
            "a?x",
            "a;b",
            "a%2eb",
            "a%00",
            "",
            " ",
            ":80",
            "[::1",
            "::1",
            "[::1]x",
            "[::g]",
            "[]",
            "[::1]:99999",
            "a\u{e9}",
            "a\"b",
            "a'b",
            "a<b",
            "a|b",
            "a^b",
            "a`b",
            "a{b}",
            "http://a",
            "//a",
            "a/",
            "*",
        ] {
            let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nX-Tenant-Id: acme\r\n\r\n");
            assert_refused(&sidecar.send(TRUSTED, head).await, 400, "bad-host", host);
        }
        for hosts in [
            "Host: a\r\nHost: a\r\n",
            "Host: a\r\nhost: b\r\n",
            "Host: \r\nHost: a\r\n",
            "",
            "X-Forwarded-Host: a\r\n",
        ] {
            let head = format!("GET {path} HTTP/1.1\r\n{hosts}X-Tenant-Id: acme\r\n\r\n");
            assert_refused(&sidecar.send(TRUSTED, head).await, 400, "bad-host", hosts);
        }
    }
    assert_eq!(app.count(), 0);
    for host in ["a", "a.b", "a:1", "a:65535", "A.Test", "1.2.3.4:80", "[::1]", "[::1]:8080", "a_b", "xn--a"]
    {
        let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(sidecar.send(TRUSTED, head).await.status(), 200, "{host}");
        assert_eq!(app.last().values("host"), [host]);
    }
}

async fn a_target_that_disagrees_with_host_is_refused(way: Way) {
    let (app, sidecar) = way.pair().await;
    for path in [INSTALL, "/any"] {
        for authority in
            ["evil.test", "app.test:81", "x@app.test", "app.test@evil.test", "app.test.evil", "[::1]"]
        {
            for scheme in ["http", "https", "ws"] {
                let target = format!("{scheme}://{authority}{path}");
                let head = format!("GET {target} HTTP/1.1\r\nHost: app.test\r\nX-Tenant-Id: acme\r\n\r\n");
                assert_refused(&sidecar.send(TRUSTED, head).await, 400, "bad-host", &target);
            }
        }
        if way.is_http2() {
            // There an authority is all that is needed.
            continue;
        }
        let target = format!("http://app.test{path}");
        let without = format!("GET {target} HTTP/1.1\r\nX-Tenant-Id: acme\r\n\r\n");
        assert_refused(&sidecar.send(TRUSTED, without).await, 400, "bad-host", &target);
    }
    assert_eq!(app.count(), 0);
    let agreed = format!("GET http://App.test{INSTALL} HTTP/1.1\r\nHost: app.test\r\nX-Tenant-Id: a\r\n\r\n");
    assert_minted(&sidecar.send(TRUSTED, agreed).await, "in agreement");
}
