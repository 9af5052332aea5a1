//! Confusion of visitors, of sites, and of tenants (Oathkeeper CVE-2026-33496 and its kind).

use crate::harness::{
    INSTALL, Sidecar, TRUSTED, assert_minted, assert_refused, changed, claims, fixture, load, pair,
    pair_with, request,
};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tokio::task::JoinSet;

async fn mint_many(sidecar: Arc<Sidecar>, first: usize, count: usize) -> Vec<(String, serde_json::Value)> {
    let mut visitor = sidecar.visitor(TRUSTED);
    let mut minted = Vec::new();
    for n in first..first + count {
        // One connection carries both tenants in turn, as one edge's would.
        let tenant = if n % 2 == 0 { "acme" } else { "globex" };
        let (id, mail) = (format!("X-Tenant-Id: {tenant}"), format!("X-User-Email: {n}@{tenant}"));
        let lines = if n % 3 == 0 { vec![id.as_str()] } else { vec![id.as_str(), &mail] };
        let answer = visitor.install(&lines).await;
        assert_minted(&answer, tenant);
        let claims = claims(&answer);
        let own_mail = claims["ti"]["uem"].as_str().map(str::to_owned);
        assert_eq!(own_mail, (n % 3 != 0).then(|| format!("{n}@{tenant}")));
        minted.push((tenant.to_owned(), claims));
    }
    minted
}

#[tokio::test]
async fn a_thousand_at_once_are_each_their_own() {
    let (_app, sidecar) = pair().await;
    let sidecar = Arc::new(sidecar);
    let mut visitors = JoinSet::new();
    for n in 0..50 {
        visitors.spawn(mint_many(Arc::clone(&sidecar), n * 20, 20));
    }
    let minted = visitors.join_all().await.concat();
    let ids: HashSet<_> = minted.iter().map(|(_, claims)| claims["jti"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 1000);
    let mut each: HashMap<&str, usize> = HashMap::new();
    for (tenant, claims) in &minted {
        assert_eq!(claims["sub"], tenant.as_str());
        *each.entry(tenant).or_default() += 1;
    }
    assert_eq!(each, HashMap::from([("acme", 500), ("globex", 500)]));
}

const SITES: [&str; 7] = ["cross-site", "same-origin", "same-site", "none", "", "CROSS-SITE", "unheard-of"];
const DESTINATIONS: [&str; 12] = [
    "document", "iframe", "frame", "image", "script", "style", "empty", "object", "embed", "fetch", "",
    "Document",
];

/// Every site with every destination, by the rule as it is written down.
async fn play(sidecar: &Sidecar, iframe: bool) {
    let mut visitor = sidecar.visitor(TRUSTED);
    for site in SITES {
        for destination in DESTINATIONS {
            for mode in ["navigate", "no-cors", "cors"] {
                let (site_line, destination_line, mode_line) = (
                    format!("Sec-Fetch-Site: {site}"),
                    format!("Sec-Fetch-Dest: {destination}"),
                    format!("Sec-Fetch-Mode: {mode}"),
                );
                let lines = ["X-Tenant-Id: acme", &site_line, &destination_line, &mode_line];
                let answer = visitor.install(&lines).await;
                let own = matches!(site, "same-origin" | "same-site" | "none");
                let case = format!("{site} {destination} {mode}");
                if own || destination == "document" || (iframe && destination == "iframe") {
                    assert_minted(&answer, &case);
                } else {
                    assert_refused(&answer, 403, "cross-site", &case);
                }
            }
        }
        let bare = visitor.install(&["X-Tenant-Id: acme", &format!("Sec-Fetch-Site: {site}")]).await;
        assert_eq!(bare.status() == 302, matches!(site, "same-origin" | "same-site" | "none"), "{site}");
    }
}

#[tokio::test]
async fn another_site_gets_a_top_level_navigation_and_nothing_else() {
    let (_app, sidecar) = pair().await;
    play(&sidecar, false).await;
    let contradicting = [
        ["Sec-Fetch-Site: none", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Dest: image"],
        ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: none", "Sec-Fetch-Dest: image"],
        ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Dest: document", "Sec-Fetch-Dest: image"],
    ];
    for lines in contradicting {
        let lines = [&lines[..], &["X-Tenant-Id: acme"]].concat();
        assert_refused(&sidecar.install(TRUSTED, &lines).await, 403, "cross-site", &format!("{lines:?}"));
    }
}

#[tokio::test]
async fn an_iframe_is_allowed_where_the_file_says_so() {
    let more = "routes: { install: { cross_site_iframe: true } }\nlog:";
    let (_app, sidecar) = pair_with(&[("log:", more)]).await;
    play(&sidecar, true).await;
}

#[tokio::test]
async fn nothing_is_minted_ahead_of_the_visitor() {
    let (app, sidecar) = pair().await;
    for line in [
        "Sec-Purpose: prefetch",
        "Sec-Purpose: prefetch;prerender",
        "Sec-Purpose: PREFETCH",
        "sec-purpose: anonymous-client-ip, prefetch",
        "Purpose: prefetch",
        "purpose: \tPrefetch",
    ] {
        for more in ["Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: none"] {
            let answer = sidecar.install(TRUSTED, &["X-Tenant-Id: acme", line, more]).await;
            assert_refused(&answer, 403, "prefetch", line);
        }
        assert_eq!(sidecar.get(TRUSTED, "/any", &[line]).await.status(), 200, "{line}");
    }
    assert_eq!(app.count(), 6);
}

/// Pipelined requests of different visitors on one connection keep their answers apart.
#[tokio::test]
async fn pipelined_visitors_are_not_mixed() {
    let (_app, sidecar) = pair().await;
    let stream = crate::harness::connect(TRUSTED, sidecar.address).await;
    let mut reader = crate::harness::Reader::new(stream);
    let tenants: Vec<String> = (0..20).map(|n| format!("tenant-{n}")).collect();
    let all: Vec<u8> =
        tenants.iter().flat_map(|t| request("GET", INSTALL, &[&format!("X-Tenant-Id: {t}")])).collect();
    tokio::io::AsyncWriteExt::write_all(reader.stream(), &all).await.unwrap();
    for tenant in tenants {
        assert_eq!(claims(&reader.answer().await.unwrap())["sub"], tenant);
    }
}

#[test]
fn a_subject_that_many_tenants_could_share_does_not_load() {
    let text = fixture("127.0.0.1:1".parse().unwrap());
    for sub in [
        "${session.tenant_id | default(guest)}",
        "${session.user_email}",
        "${session.user_email | default(guest)}",
        "${session.groups | first}",
        "${session.tenant_id | map(a=x, else=guest)}",
        "\"\"",
        "x-${session.user_email}",
    ] {
        let text = changed(&text, &[("sub: ${session.tenant_id}", &format!("sub: {sub}"))]);
        assert!(load(&text).is_err(), "{sub}");
    }
}

#[test]
fn a_subject_that_folds_tenants_together_is_warned_of() {
    let text = fixture("127.0.0.1:1".parse().unwrap());
    for sub in [
        "${session.tenant_id | slug}",
        "${session.tenant_id | lower}",
        "${session.tenant_id | upper}",
        "${session.tenant_id | replace(., -)}",
        "${session.tenant_id | split(.) | first}",
        "${session.tenant_id | split(.) | last}",
        "${session.tenant_id}${session.tenant_id}",
    ] {
        let text = changed(&text, &[("sub: ${session.tenant_id}", &format!("sub: {sub}"))]);
        let loaded = load(&text).unwrap_or_else(|invalid| panic!("{sub}: {invalid}"));
        assert!(loaded.warnings.iter().any(|warning| warning.path == "claims.sub"), "{sub}");
    }
    let plain = load(&text).unwrap_or_else(|invalid| panic!("{invalid}"));
    assert!(plain.warnings.iter().all(|warning| warning.path != "claims.sub"));
}
