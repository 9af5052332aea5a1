//! Identity headers in another spelling, which some apps read all the same (oauth2-proxy
//! CVE-2025-64484; Traefik CVE-2026-39858, -54763, -88011, -88879).

use crate::harness::way::{Way, each_way};
use crate::harness::{STRANGER, TRUSTED, assert_minted, assert_refused, claims};

each_way! {
    every_alias_from_a_trusted_peer_is_refused_on_every_route,
    no_alias_from_anybody_else_reaches_the_app,
    a_name_that_only_resembles_one_is_left_alone,
    the_configured_spelling_does_not_matter,
    an_odd_configured_name_works_and_makes_the_usual_one_its_alias,
}

/// What RFC 9110 §5.6.2 allows in a name, besides letters, digits and `-`.
pub const SEPARATORS: &str = "_.!~'*+|^#$%&`";

/// All that the fixture protects.
pub const PROTECTED: [&str; 5] =
    ["X-Tenant-Id", "X-User-Email", "X-User-Groups", "X-Pandium-Token", "X-Pandium-Url"];

/// Every alias of a name: each separator in place of each choice of its dashes, and mixtures of two.
pub fn aliases(name: &str) -> Vec<String> {
    let dashes: Vec<usize> = name.match_indices('-').map(|(at, _)| at).collect();
    let mut found = Vec::new();
    for one in SEPARATORS.chars() {
        for mask in 1..(1 << dashes.len()) {
            let chosen = |at| dashes.iter().position(|dash| *dash == at).is_some_and(|n| mask >> n & 1 == 1);
            let alias: String = name.char_indices().map(|(at, c)| if chosen(at) { one } else { c }).collect();
            found.push(alias.to_ascii_uppercase());
            found.push(alias);
        }
        for other in SEPARATORS.chars() {
            let first = name.replacen('-', &one.to_string(), 1);
            found.push(first.replacen('-', &other.to_string(), 1).to_ascii_lowercase());
        }
    }
    found
}

async fn every_alias_from_a_trusted_peer_is_refused_on_every_route(way: Way) {
    let (app, sidecar) = way.pair().await;
    let mut visitor = sidecar.visitor(TRUSTED);
    for name in PROTECTED {
        for alias in aliases(name) {
            let line = format!("{alias}: evil");
            for path in ["/pandium/install/gwt2hs", "/any"] {
                let answer = visitor.get(path, &["X-Tenant-Id: acme", &line]).await;
                assert_refused(&answer, 400, "alias-header", &format!("{path} {line}"));
            }
            let alone = visitor.install(&[&line]).await;
            assert_refused(&alone, 400, "alias-header", &line);
        }
    }
    assert_eq!(app.count(), 0);
}

async fn no_alias_from_anybody_else_reaches_the_app(way: Way) {
    let (app, sidecar) = way.pair().await;
    let mut visitor = sidecar.visitor(STRANGER);
    for name in PROTECTED {
        let aliases = aliases(name);
        for some in aliases.chunks(40) {
            let lines: Vec<String> = some.iter().map(|alias| format!("{alias}: evil-value")).collect();
            let mut lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            lines.push("X-Unrelated: kept");
            assert_eq!(visitor.get("/any", &lines).await.status(), 200);
            let seen = app.last();
            assert!(!seen.head.contains("evil-value"), "{}", seen.head);
            assert_eq!(seen.values("x-unrelated"), ["kept"]);
        }
        let answer = visitor.install(&[&format!("{}: evil", aliases[0])]).await;
        assert_refused(&answer, 403, "untrusted-peer", name);
    }
}

async fn a_name_that_only_resembles_one_is_left_alone(way: Way) {
    let (app, sidecar) = way.pair().await;
    for line in ["X-Tenant-Ids: a", "XX-Tenant-Id: a", "X-Tenant: a", "XTenantId: a", "X-Tenant--Id: a"] {
        for from in [TRUSTED, STRANGER] {
            assert_eq!(sidecar.get(from, "/", &[line]).await.status(), 200, "{line}");
            assert_eq!(app.last().values(line.split(':').next().unwrap()), ["a"], "{line}");
        }
        assert_minted(&sidecar.install(TRUSTED, &["X-Tenant-Id: acme", line]).await, line);
    }
}

/// Traefik CVE-2026-33433: a rule that held only for the canonical spelling.
async fn the_configured_spelling_does_not_matter(way: Way) {
    for configured in ["x-TENANT-id", "X-TENANT-ID", "x-tenant-id"] {
        let (app, sidecar) = way.pair_with(&[("X-Tenant-Id", configured)]).await;
        for sent in ["X-Tenant-Id", "x-tenant-id", "X-TENANT-ID", "x-tEnAnT-iD"] {
            let line = format!("{sent}: acme");
            let answer = sidecar.install(TRUSTED, &[&line]).await;
            assert_minted(&answer, &line);
            assert_eq!(claims(&answer)["sub"], "acme");
            let doubled = sidecar.install(TRUSTED, &[&line, "X-Tenant-Id: acme"]).await;
            assert_refused(&doubled, 400, "duplicate-header", &line);
            sidecar.get(STRANGER, "/", &[&line]).await;
            assert!(app.last().values("x-tenant-id").is_empty(), "{line}");
        }
    }
}

async fn an_odd_configured_name_works_and_makes_the_usual_one_its_alias(way: Way) {
    for odd in ["SM_USER", "Sm.User", "sm~user", "SM!USER"] {
        let (app, sidecar) = way.pair_with(&[("X-Tenant-Id", odd)]).await;
        let answer = sidecar.install(TRUSTED, &[&format!("{odd}: a")]).await;
        assert_minted(&answer, odd);
        assert_eq!(claims(&answer)["sub"], "a");
        for separator in SEPARATORS.chars().chain(['-']) {
            let other = format!("SM{separator}USER");
            if other.eq_ignore_ascii_case(odd) {
                continue;
            }
            let line = format!("{other}: a");
            let refused = sidecar.install(TRUSTED, &[&line]).await;
            assert_refused(&refused, 400, "alias-header", &line);
            sidecar.get(STRANGER, "/", &[&line]).await;
            assert!(app.last().values(&other).is_empty(), "{line}");
        }
    }
}
