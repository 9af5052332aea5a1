//! Many visitors at once: each gets the token of the answer that was given for him (Oathkeeper
//! CVE-2026-33496).

use crate::harness::way::{Way, over_each_transport};
use crate::harness::{App, Message, Sidecar, TRUSTED, changed, claims};
use crate::{app, handing_off, known, probing, say};
use std::collections::HashSet;
use tokio::task::JoinSet;

over_each_transport! {
    probes_with_different_cookies,
    handoffs_with_different_cookies,
    probes_with_the_same_cookie_and_different_answers,
}

/// Those who read frames take longer over it.
fn many(way: Way) -> usize {
    if way.is_http2() { 150 } else { 500 }
}

/// So many visitors at once, each with lines of his own; all are there before the first one asks.
async fn at_once(way: Way, sidecar: &Sidecar, lines: impl Fn(usize) -> String) -> Vec<(usize, Message)> {
    let mut visitors = Vec::new();
    for n in 0..many(way) {
        let mut visitor = sidecar.visitor(TRUSTED);
        visitor.connect().await;
        visitors.push((n, visitor, lines(n)));
    }
    let mut asking = JoinSet::new();
    for (n, mut visitor, line) in visitors {
        asking.spawn(async move { (n, visitor.install(&[&line]).await) });
    }
    asking.join_all().await
}

fn assert_apart(way: Way, answers: &[(usize, Message)]) {
    let mut ids = HashSet::new();
    for (n, answer) in answers {
        let claims = claims(answer);
        assert_eq!(claims["sub"], format!("t{n}"));
        assert_eq!(answer.values("set-cookie"), [format!("sid={n}")]);
        assert!(ids.insert(claims["jti"].as_str().unwrap().to_owned()), "one jti twice");
    }
    assert_eq!(ids.len(), many(way));
}

fn own(n: usize) -> String {
    say(known(&[&format!("X-Tenant-Id: t{n}"), &format!("Set-Cookie: sid={n}")]))
}

async fn probes_with_different_cookies(way: Way) {
    let app = app().await;
    let sidecar = way.start(&probing(&app)).await;
    assert_apart(way, &at_once(way, &sidecar, own).await);
    assert_eq!(app.count(), many(way));
}

async fn handoffs_with_different_cookies(way: Way) {
    let app = app().await;
    let sidecar = way.start(&handing_off(&app)).await;
    assert_apart(way, &at_once(way, &sidecar, own).await);
    assert_eq!(app.count(), many(way));
}

/// Who is asked for twice is asked for twice: nothing is kept under a cookie.
async fn probes_with_the_same_cookie_and_different_answers(way: Way) {
    let app = App::answering(|asked| {
        let n = asked.values("x-request-id")[0].to_owned();
        Some(known(&[&format!("X-Tenant-Id: t{n}"), &format!("Set-Cookie: sid={n}")]).into_bytes())
    });
    let app = app.await;
    let file = changed(&probing(&app), &[("pandium:\n", "trust: { peers: 127.0.0.2 }\npandium:\n")]);
    let sidecar = way.start(&file).await;
    let answers = at_once(way, &sidecar, |n| format!("Cookie: sid=same\r\nX-Request-Id: {n}")).await;
    assert_apart(way, &answers);
    assert_eq!(app.count(), many(way));
}
