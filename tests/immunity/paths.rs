//! Paths that become ours, and methods (Oathkeeper CVE-2026-33494; heimdall CVE-2026-42272, -42274;
//! Traefik CVE-2025-66490, GHSA-6jwx-7vp4-9847).

use crate::harness::{INSTALL, STRANGER, TRUSTED, assert_minted, assert_refused, pair, request};
use std::fmt::Write as _;

fn encoded(byte: u8, times: usize, upper: bool) -> String {
    let percent = format!("%{}", "25".repeat(times - 1));
    if upper { format!("{percent}{byte:02X}") } else { format!("{percent}{byte:02x}") }
}

/// What somebody may read as one slash.
const SLASHES: [&str; 24] = [
    "//",
    "///",
    "/./",
    "/.//",
    "/x/../",
    "/x/y/../../",
    "/%2e/",
    "/x/%2e%2e/",
    "/x/.%2E/",
    "/x/%252e%252e/",
    "/x/..;/",
    "/x/..;a=b/",
    "/;/",
    "/;a=b/",
    "\\/",
    "/\\",
    "%2f/",
    "%5c/",
    "%252F/",
    "/x%2f../",
    "/x%2f%2e%2e%2f",
    "/x/..\\",
    "/x\\..\\",
    "/x/..%5c",
];

/// What somebody may cut off, or resolve.
const ENDS: [&str; 17] = [
    "/..",
    "/../gwt2hs",
    "/.",
    ";x=1",
    ";",
    "//",
    "%2f",
    "%00",
    "%3Ftenant=x",
    "%23",
    "%0d%0aX:y",
    "%20",
    "%",
    "%zz",
    "%u0041",
    "\\",
    "/%2e%2e/%2e%2e/admin",
];

/// The install path, disguised at each place in each way.
fn disguises() -> Vec<String> {
    let mut found = Vec::new();
    for (at, c) in INSTALL.char_indices() {
        let (before, after) = (&INSTALL[..at], &INSTALL[at + 1..]);
        for times in 1..=4 {
            found.push(format!("{before}{}{after}", encoded(INSTALL.as_bytes()[at], times, false)));
            found.push(format!("{before}{}{after}", encoded(INSTALL.as_bytes()[at], times, true)));
        }
        if c != '/' {
            continue;
        }
        for slash in SLASHES {
            found.push(format!("{before}{slash}{after}"));
        }
        if at > 0 {
            for slash in ["\\", "%5c", "%5C", "%255c", ";/", ";x=1/", ";x/"] {
                found.push(format!("{before}{slash}{after}"));
            }
        }
    }
    let all: String = INSTALL.bytes().fold(String::from("/"), |mut text, byte| {
        write!(text, "%{byte:02x}").unwrap();
        text
    });
    found.push(all);
    found.extend(ENDS.map(|end| format!("{INSTALL}{end}")));
    // What does not begin with a slash is no target at all, and the parser's to refuse.
    found.retain(|path| path.starts_with('/'));
    found
}

#[tokio::test]
async fn a_path_that_becomes_ours_is_nobodys() {
    let (app, sidecar) = pair().await;
    let disguises = disguises();
    assert!(disguises.len() > 250, "{}", disguises.len());
    for from in [TRUSTED, STRANGER] {
        let mut visitor = sidecar.visitor(from);
        for path in &disguises {
            let answer = visitor.get(path, &["X-Tenant-Id: acme"]).await;
            assert_refused(&answer, 400, "ambiguous-path", path);
        }
    }
    assert_eq!(app.count(), 0);
}

#[tokio::test]
async fn a_disguise_hides_in_the_absolute_form_no_better() {
    let (app, sidecar) = pair().await;
    for path in disguises() {
        let target = format!("http://app.test{path}");
        let answer = sidecar.get(TRUSTED, &target, &["X-Tenant-Id: acme"]).await;
        assert_refused(&answer, 400, "ambiguous-path", &target);
    }
    assert_eq!(app.count(), 0);
}

#[tokio::test]
async fn below_our_prefix_only_a_listed_name_is_there() {
    let (app, sidecar) = pair().await;
    let long = format!("/pandium/install/{}", "a".repeat(300));
    for path in [
        "/pandium/install/",
        "/pandium/install/gwt2hs/",
        "/pandium/install/gwt2hs/x",
        "/pandium/install/GWT2HS",
        "/pandium/install/Gwt2hs",
        "/pandium/install/gwt2h",
        "/pandium/install/gwt2hss",
        "/pandium/install/gwt2hs,acme-crm",
        "/pandium/install/gwt2hs.json",
        "/pandium/install/gwt2hs~",
        "/pandium/install/gwt2hs&tenant=x",
        "/pandium/install/gwt2hs:443",
        "/pandium/install/*",
        "/pandium/install/:integration",
        "/pandium/install/@",
        "/pandium/install/1121",
        "/pandium/install/acme_crm",
        &long,
    ] {
        let answer = sidecar.get(TRUSTED, path, &["X-Tenant-Id: acme"]).await;
        assert_refused(&answer, 404, "unknown-integration", path);
    }
    assert_eq!(app.count(), 0);
    for path in [
        "/pandium/install",
        "/pandium/installs/gwt2hs",
        "/pandium",
        "/PANDIUM/install/gwt2hs",
        "/x/pandium/install/gwt2hs",
    ] {
        assert_eq!(sidecar.get(TRUSTED, path, &[]).await.status(), 200, "{path}");
        assert_eq!(app.last().first_line(), format!("GET {path} HTTP/1.1"));
    }
    for path in [INSTALL, "/pandium/install/acme-crm", "/pandium/install/gwt2hs?x=/../%2f//;"] {
        assert_minted(&sidecar.get(TRUSTED, path, &["X-Tenant-Id: acme"]).await, path);
    }
}

#[tokio::test]
async fn what_passes_through_keeps_its_bytes() {
    let (app, sidecar) = pair().await;
    for path in [
        "/a%2Fb/%7e?x=%zz&y",
        "/a%2fb/%7E",
        "/%",
        "/%zz",
        "/%00",
        "/a/../b",
        "/a/./b/",
        "/..",
        "//",
        "//a//b//",
        "/a;x=1/b;y",
        "/a\\b",
        "/?",
        "/??",
        "/a?b?c",
        "/a?%2f..%2f",
        "/a?x={}",
        "/a?x=|",
        "/a?x=^",
        "/a?x='",
        "/a?x=`",
        "/a?next=http://evil.test/pandium/install/gwt2hs",
        "/a%C3%A9",
        "/a~!$&'()*+,;=:@-._",
        "/a%25%32%66",
        "/*",
    ] {
        assert_eq!(sidecar.get(STRANGER, path, &[]).await.status(), 200, "{path}");
        assert_eq!(app.last().first_line(), format!("GET {path} HTTP/1.1"));
    }
}

const METHODS: [&str; 20] = [
    "HEAD",
    "OPTIONS",
    "TRACE",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "REPORT",
    "SEARCH",
    "QUERY",
    "PURGE",
    "BREW",
    "get",
];

#[tokio::test]
async fn only_get_is_answered_on_our_route() {
    let (app, sidecar) = pair().await;
    for method in METHODS.into_iter().chain(["Get", "GETS", "G", "GET."]) {
        for more in
            ["X-Ordinary: x", "X-HTTP-Method-Override: GET", "X-HTTP-Method: GET", "X-Method-Override: GET"]
        {
            for path in [INSTALL, "/pandium/install/gwt2hs?_method=GET", "/pandium/install/none"] {
                let answer = sidecar.send(TRUSTED, request(method, path, &["X-Tenant-Id: acme", more])).await;
                assert_eq!((answer.status(), answer.values("allow")), (405, vec!["GET"]), "{method} {path}");
                assert!(!answer.resembles_token(), "{method} {path}");
            }
        }
    }
    assert_eq!(app.count(), 0);
}

#[tokio::test]
async fn every_other_method_passes_through_as_it_is() {
    let (app, sidecar) = pair().await;
    for method in METHODS {
        let line = "X-HTTP-Method-Override: DELETE";
        assert_eq!(sidecar.send(TRUSTED, request(method, "/a", &[line])).await.status(), 200, "{method}");
        assert_eq!(app.last().first_line(), format!("{method} /a HTTP/1.1"));
        assert_eq!(app.last().values("x-http-method-override"), ["DELETE"]);
    }
}

/// Envoy CVE-2026-73547: targets that are no path.
#[tokio::test]
async fn targets_that_are_no_path_harm_nobody() {
    let (app, sidecar) = pair().await;
    for line in
        ["OPTIONS *", "CONNECT app.test:443", "CONNECT /pandium/install/gwt2hs", "CONNECT app.test", "GET *"]
    {
        let head = format!("{line} HTTP/1.1\r\nHost: app.test\r\nX-Tenant-Id: acme\r\n\r\n");
        let answer = sidecar.visitor(TRUSTED).try_send(head).await;
        if let Some(answer) = answer {
            assert!((400..500).contains(&answer.status()), "{line}: {} {:?}", answer.head, app.seen());
            assert!(!answer.resembles_token(), "{line}");
        }
    }
    assert_eq!(app.count(), 0);
    assert_minted(&sidecar.install(TRUSTED, &["X-Tenant-Id: acme"]).await, "still there");
}
