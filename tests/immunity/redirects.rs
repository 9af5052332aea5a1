//! Where a visitor can be sent (oauth2-proxy GHSA-4mf2-f3wh-gvf2; `mod_auth_openidc` CVE-2021-32786;
//! Pomerium GO-2022-0783).

use crate::harness::{TRUSTED, assert_minted, changed, fixture, load, pair, pair_with};

const BEFORE: &str = "https://imp.sandbox.pandium.com/acme/tenants/create/1121?tenant=";

/// What follows the token, where the address is the file's.
#[track_caller]
fn behind_token<'a>(location: &'a str, case: &str) -> &'a str {
    let rest = location.strip_prefix(BEFORE).unwrap_or_else(|| panic!("{case}: another address"));
    let token = rest.find('&').unwrap_or(rest.len());
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    assert!(rest[..token].bytes().all(plain), "{case}");
    assert_eq!(rest[..token].split('.').count(), 3, "{case}");
    &rest[token..]
}

const QUERIES: [&str; 16] = [
    "next=https://evil.test/",
    "url=//evil.test",
    "redirect_uri=https:%2f%2fevil.test",
    "rd=/%5cevil.test",
    "tenant=evil",
    "tenant=evil&account=evil&host=evil.test",
    "t%65nant=evil",
    "TENANT=evil",
    "tenant[]=evil",
    "tenant=a&tenant=evil",
    "display=evil%26tenant=evil",
    "display=%0d%0aLocation:%20https://evil.test",
    "evil",
    "?tenant=evil",
    "&&=evil&",
    "evil=%zz;tenant=evil",
];

#[tokio::test]
async fn no_query_and_no_header_moves_the_address() {
    let (_app, sidecar) = pair().await;
    let mut visitor = sidecar.visitor(TRUSTED);
    for query in QUERIES {
        for line in [
            "X-Forwarded-Host: evil.test",
            "X-Forwarded-Proto: evil",
            "X-Forwarded-Port: 666",
            "X-Forwarded-Prefix: /evil",
            "Forwarded: host=evil.test;proto=http",
            "X-Host: evil.test",
            "Referer: https://evil.test/",
            "Origin: https://evil.test",
            "X-Original-URL: https://evil.test/",
        ] {
            let path = format!("/pandium/install/gwt2hs?{query}");
            let answer = visitor.get(&path, &["X-Tenant-Id: acme", line]).await;
            assert_minted(&answer, &path);
            assert_eq!(behind_token(answer.values("location")[0], &path), "", "{path} {line}");
            let (before, token) = answer.head.split_once("tenant=").unwrap();
            let told = [before, token.split_once('\r').unwrap().1].concat().to_lowercase();
            assert!(!told.contains("evil"), "{path} {line}");
        }
    }
    for host in ["evil.test", "evil.test:443", "EVIL.TEST"] {
        let head = format!("GET /pandium/install/gwt2hs HTTP/1.1\r\nHost: {host}\r\nX-Tenant-Id: a\r\n\r\n");
        let answer = sidecar.send(TRUSTED, head).await;
        assert_eq!(behind_token(answer.values("location")[0], host), "");
    }
}

#[tokio::test]
async fn only_listed_parameters_survive_and_tenant_never() {
    let listed =
        "gwt2hs: { id: 1121, connector_name: gwt, query: [display, account], params: { mode: fixed } }";
    let fixture_line = "gwt2hs: { id: 1121, connector_name: gwt }";
    let (_app, sidecar) = pair_with(&[(fixture_line, listed)]).await;
    for (query, behind) in [
        ("tenant=x&account=y&host=z", "&mode=fixed&account=y"),
        ("display=a&tenant=x", "&mode=fixed&display=a"),
        ("display=a%26tenant%3Dx", "&mode=fixed&display=a%26tenant%3Dx"),
        ("display=a%0d%0aX:%20y", "&mode=fixed&display=a%0D%0AX%3A%20y"),
        ("display=1&display=2", "&mode=fixed&display=1"),
        ("mode=mine", "&mode=fixed"),
        ("t%65nant=x&%64isplay=b", "&mode=fixed&display=b"),
        ("", "&mode=fixed"),
    ] {
        let path = format!("/pandium/install/gwt2hs?{query}");
        let answer = sidecar.get(TRUSTED, &path, &["X-Tenant-Id: acme"]).await;
        assert_eq!(behind_token(answer.values("location")[0], query), behind, "{query}");
    }
}

#[test]
fn tenant_cannot_be_listed_as_a_visitors_parameter() {
    for listed in ["query: [tenant]", "query: [display, tenant]", "params: { tenant: x }"] {
        let line = format!("gwt2hs: {{ id: 1121, connector_name: gwt, {listed} }}");
        let text = changed(
            &fixture("127.0.0.1:1".parse().unwrap()),
            &[("gwt2hs: { id: 1121, connector_name: gwt }", &line)],
        );
        assert!(load(&text).is_err(), "{listed}");
    }
}

#[tokio::test]
async fn a_minted_answer_is_kept_by_nobody() {
    let (_app, sidecar) = pair().await;
    for line in ["If-None-Match: *", "If-Modified-Since: Sun, 06 Nov 2094 08:49:37 GMT", "Range: bytes=0-1"] {
        let answer = sidecar.install(TRUSTED, &["X-Tenant-Id: acme", line]).await;
        assert_minted(&answer, line);
        assert_eq!(answer.values("cache-control"), ["no-store"]);
        assert_eq!(answer.values("referrer-policy"), ["no-referrer"]);
        assert_eq!(answer.values("x-robots-tag"), ["noindex"]);
        assert!(answer.values("etag").is_empty() && answer.values("last-modified").is_empty());
        assert!(answer.body.is_empty());
    }
}

/// Response splitting: a line break finds no way into the address.
#[tokio::test]
async fn no_line_break_splits_an_answer() {
    let (_app, sidecar) = pair().await;
    for path in [
        "/pandium/install/gwt2hs%0d%0aSet-Cookie:%20x=y",
        "/pandium/install/%0d%0aLocation:evil",
        "/pandium/install/gwt2hs%0a",
        "/pandium/install/gwt2hs%E5%98%8A%E5%98%8D",
        "/pandium/install/gwt2hs%u000a",
    ] {
        let answer = sidecar.get(TRUSTED, path, &["X-Tenant-Id: acme"]).await;
        assert_eq!((answer.status(), answer.resembles_token()), (400, false), "{path}");
        assert!(answer.values("set-cookie").is_empty() && answer.values("location").is_empty(), "{path}");
    }
}

#[test]
fn a_destination_that_resembles_pandium_does_not_load() {
    for url in [
        "https://imp.pandium.com@evil.com",
        "https://imp.pandium.com:x@evil.com",
        "http://imp.pandium.com",
        "http://evil.com",
        "http://127.0.0.1.evil.com",
        "http://localhost.evil.com",
        "http://127.0.0.1@evil.com",
        "https://imp.pandium.com/path",
        "https://imp.pandium.com?x=y",
        "https://imp.pandium.com#x",
        "https://imp.pandium.com\\\\@evil.com",
        "https://imp.pandium.com\\r\\nX: y",
        "https:imp.pandium.com",
        "https:///imp.pandium.com",
        "//imp.pandium.com",
        "imp.pandium.com",
        "ftp://imp.pandium.com",
        "javascript:alert(1)",
        "https://",
        "",
    ] {
        let base = format!("base_url: \"{url}\"");
        let text = fixture("127.0.0.1:1".parse().unwrap());
        assert!(load(&changed(&text, &[("environment: sandbox", &base)])).is_err(), "{url}");
    }
    for url in
        ["https://imp.pandium.com", "http://127.0.0.1:4000", "http://localhost:4000", "http://[::1]:4000"]
    {
        let base = format!("base_url: \"{url}\"");
        let text = fixture("127.0.0.1:1".parse().unwrap());
        assert!(load(&changed(&text, &[("environment: sandbox", &base)])).is_ok(), "{url}");
    }
}

#[test]
fn a_line_break_in_a_constant_does_not_load() {
    let text = fixture("127.0.0.1:1".parse().unwrap());
    for (from, to) in [
        ("account: acme\n", "account: \"ac\\nme\"\n"),
        ("id: 1121", "id: \"11\\n21\""),
        ("uem: ${session.user_email}", "uem: |\n      fixed\n      text"),
    ] {
        assert!(load(&changed(&text, &[(from, to)])).is_err(), "{to}");
    }
}
