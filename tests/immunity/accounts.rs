//! Two accounts with two keys behind one sidecar, chosen by one header: never mixed (Oathkeeper and
//! heimdall reused cached tokens), and by nobody's word but a friend's.

use crate::harness::{
    App, INSTALL, OTHER_SECRET, SECRET, STRANGER, Sidecar, TRUSTED, assert_refused, changed, fixture,
    pair_with,
};
use pandium_sidecar::redact::Secret;
use pandium_sidecar::token::verify;
use std::collections::HashSet;
use std::sync::Arc;

/// Each account: its key here, its slug, its id of the integration, its secret.
const ACCOUNTS: [(&str, &str, &str, &str); 2] =
    [("acme", "acme", "1121", SECRET), ("globex", "globex-inc", "2242", OTHER_SECRET)];

const ONE: &str = "  account: acme
  environment: sandbox
  secret: { env: FIXTURE_SECRET }
";
const TWO: &str = "  accounts:
    acme: { environment: sandbox, secret: { env: FIXTURE_SECRET } }
    globex: { account: globex-inc, environment: sandbox, secret: { env: OTHER_SECRET } }
overrides: { account: X-Account }
";
const CHANGES: [(&str, &str); 3] = [
    (ONE, TWO),
    ("id: 1121, connector_name: gwt", "id: { acme: 1121, globex: 2242 }, connector_name: gwt"),
    (
        "    uem: ${session.user_email}",
        "    uem: ${session.user_email}\n    adn: ${pandium.account}/${integration.id}",
    ),
];

#[tokio::test]
async fn a_thousand_at_once_each_have_their_own_account() {
    let (_app, sidecar) = pair_with(&CHANGES).await;
    let sidecar = Arc::new(sidecar);
    let mint = async |number: usize| {
        let account = ACCOUNTS[number % 2];
        let lines = [format!("X-Account: {}", account.0), format!("X-Tenant-Id: {}-{number}", account.0)];
        let answer = sidecar.install(TRUSTED, &[&lines[0], &lines[1]]).await;
        (number, answer.values("location").first().map(ToString::to_string).unwrap_or_default())
    };
    let mut ids = HashSet::new();
    for (number, location) in futures(1000, mint).await {
        let (key, slug, id, secret) = ACCOUNTS[number % 2];
        let before = format!("https://imp.sandbox.pandium.com/{slug}/tenants/create/{id}?tenant=");
        let token = location.strip_prefix(&before).unwrap_or_else(|| panic!("{number}: {location}"));
        let claims = verify(token, &Secret::new(secret.as_bytes().to_vec())).unwrap();
        assert_eq!(claims["sub"], format!("{key}-{number}"));
        assert_eq!(claims["ti"]["adn"], format!("{slug}/{id}"));
        assert!(verify(token, &Secret::new(ACCOUNTS[(number + 1) % 2].3.as_bytes().to_vec())).is_err());
        assert!(ids.insert(claims["jti"].to_string()), "a token twice");
    }
}

/// All of them at once.
async fn futures<T, F: Future<Output = T>>(count: usize, each: impl Fn(usize) -> F) -> Vec<T> {
    let mut running: Vec<_> = (0..count).map(|number| Some(Box::pin(each(number)))).collect();
    let mut done = Vec::with_capacity(count);
    std::future::poll_fn(|context| {
        for slot in &mut running {
            if let Some(future) = slot
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                done.push(value);
                *slot = None;
            }
        }
        if done.len() == count { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done
}

#[tokio::test]
async fn nobody_but_a_friend_chooses() {
    let (app, sidecar) = pair_with(&CHANGES).await;
    let tenant = "X-Tenant-Id: a";
    for value in
        ["", "X-Account: globx", "X-Account: globex-inc", "X-Account: GLOBEX", "X-Account: ", "X-Account: -"]
    {
        let lines: Vec<&str> = [tenant, value].into_iter().filter(|line| !line.is_empty()).collect();
        assert_refused(&sidecar.install(TRUSTED, &lines).await, 400, "unknown-override", value);
    }
    for (more, code) in [
        ("X-Account: acme", "duplicate-header"),
        ("x_account: acme", "alias-header"),
        ("Connection: x-account", "nominated-header"),
    ] {
        for path in [INSTALL, "/page"] {
            let answer = sidecar.get(TRUSTED, path, &[tenant, "X-Account: acme", more]).await;
            assert_refused(&answer, 400, code, path);
        }
    }
    let lines = [tenant, "X-Account: acme"];
    assert_refused(&sidecar.install(STRANGER, &lines).await, 403, "untrusted-peer", "a stranger");
    for spelling in ["X-Account: acme", "x_account: acme", "X.ACCOUNT: acme"] {
        assert_eq!(sidecar.get(STRANGER, "/page", &[spelling]).await.status(), 200);
        assert!(!app.last().text().contains("acme"), "{spelling}");
    }
}

#[tokio::test]
async fn a_stranger_with_a_cookie_of_the_apps_does_not_choose_either() {
    let app =
        App::answering(|_| Some(b"HTTP/1.1 200 OK\r\nX-Tenant-Id: a\r\nContent-Length: 0\r\n\r\n".to_vec()))
            .await;
    let default = TWO.replace("  accounts:", "  account: acme\n  accounts:");
    let mut changes = CHANGES;
    changes[0].1 = &default;
    let text = changed(&fixture(app.address), &changes);
    let text = changed(&text, &[("from: headers", "from: probe\n  probe: { path: /who }")]);
    let sidecar = Sidecar::start(&text).await;
    for (from, slug) in [(TRUSTED, "/globex-inc/"), (STRANGER, "/acme/")] {
        let answer = sidecar.install(from, &["X-Account: globex"]).await;
        assert_eq!(answer.status(), 302, "{}", answer.head);
        assert!(answer.values("location")[0].contains(slug), "{from}");
    }
}
