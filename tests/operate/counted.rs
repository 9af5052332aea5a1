//! `/metrics` over real sockets: what is there, what counts, and what never becomes a label.

use crate::ask::{ADMIN, get, samples};
use crate::harness::message::{Message, PATIENCE};
use crate::harness::script::until;
use crate::harness::{
    App, INSTALL, Reader, STRANGER, Sidecar, TRUSTED, assert_minted, changed, connect, fixture, nobody,
    pair_with, request,
};
use std::collections::{BTreeMap, BTreeSet};
use tokio::io::AsyncWriteExt as _;

const OWN: &str = "X-Tenant-Id: acme";

type Samples = BTreeMap<String, f64>;

/// What has changed, and by how much; times apart.
fn changes(before: &Samples, after: &Samples) -> Vec<(String, f64)> {
    let changed = |(name, now): (&String, &f64)| {
        let more = now - before.get(name).unwrap_or(&0.0);
        (more != 0.0 && !name.contains("_bucket") && !name.ends_with("_sum")).then(|| (name.clone(), more))
    };
    after.iter().filter_map(changed).collect()
}

#[tokio::test]
async fn all_that_is_known_is_there_from_the_start() {
    let (_app, sidecar) =
        pair_with(&[ADMIN, ("log:", "routes: { marketplace: { path: /market } }\nlog:")]).await;
    let samples = samples(&sidecar).await;
    for name in [
        "requests_total{route=\"app\",code=\"200\"}",
        "requests_total{route=\"/pandium/install/:integration\",code=\"302\"}",
        "requests_total{route=\"/market\",code=\"403\"}",
        "request_duration_seconds_count",
        "request_duration_seconds_bucket{le=\"+Inf\"}",
        "mints_total{integration=\"gwt2hs\",outcome=\"minted\"}",
        "mints_total{integration=\"acme-crm\",outcome=\"refused\"}",
        "mints_total{integration=\"(marketplace)\",outcome=\"failed\"}",
        "mint_duration_seconds_sum",
        "refusals_total{code=\"signed-out\"}",
        "refusals_total{code=\"upstream-unreachable\"}",
        "refusals_total{code=\"overloaded\"}",
        "upstream_requests_total{code=\"200\"}",
        "upstream_requests_total{code=\"upstream-timeout\"}",
        "connections",
        "log_lines_dropped_total",
    ] {
        assert_eq!(samples.get(name), Some(&0.0), "{name} in {samples:#?}");
    }
    for (name, value) in
        [("config_generation", 1.0), ("config_last_reload_successful", 1.0), ("connections_limit", 10_000.0)]
    {
        assert_eq!(samples.get(name), Some(&value), "{name}");
    }
    let info = samples.keys().find(|name| name.starts_with("config_info")).unwrap();
    let fingerprint = info.strip_prefix("config_info{account=\"acme\",key_fingerprint=\"").unwrap();
    assert_eq!(fingerprint.trim_end_matches("\"}").len(), 8, "{info}");
}

/// A peer, its request, and what goes up by one with it, besides how many there were.
type Counted = (&'static str, Vec<u8>, Vec<&'static str>);

/// Of those that are ours.
fn ours() -> Vec<Counted> {
    let install = |lines: &[&str]| request("GET", INSTALL, lines);
    vec![
        (
            TRUSTED,
            install(&[OWN]),
            vec![
                "mint_duration_seconds_count",
                "mints_total{integration=\"gwt2hs\",outcome=\"minted\"}",
                "requests_total{route=\"/pandium/install/:integration\",code=\"302\"}",
            ],
        ),
        (
            TRUSTED,
            install(&[]),
            vec![
                "mints_total{integration=\"gwt2hs\",outcome=\"refused\"}",
                "refusals_total{code=\"signed-out\"}",
                "requests_total{route=\"/pandium/install/:integration\",code=\"401\"}",
            ],
        ),
        (
            STRANGER,
            install(&[OWN]),
            vec![
                "refusals_total{code=\"untrusted-peer\"}",
                "requests_total{route=\"/pandium/install/:integration\",code=\"403\"}",
            ],
        ),
        (
            TRUSTED,
            request("GET", "/pandium/install/nobodys", &[OWN]),
            vec![
                "refusals_total{code=\"unknown-integration\"}",
                "requests_total{route=\"/pandium/install/:integration\",code=\"404\"}",
            ],
        ),
        (
            TRUSTED,
            request("GET", "/a/../pandium/install/gwt2hs", &[OWN]),
            vec!["refusals_total{code=\"ambiguous-path\"}", "requests_total{route=\"app\",code=\"400\"}"],
        ),
    ]
}

/// Of those that are the app's.
fn the_apps() -> Vec<Counted> {
    vec![
        (
            STRANGER,
            request("GET", "/a?b", &[]),
            vec!["requests_total{route=\"app\",code=\"200\"}", "upstream_requests_total{code=\"200\"}"],
        ),
        (
            STRANGER,
            request("GET", "/teapot", &[]),
            vec!["requests_total{route=\"app\",code=\"418\"}", "upstream_requests_total{code=\"418\"}"],
        ),
        (
            STRANGER,
            request("GET", "/odd", &[]),
            vec!["requests_total{route=\"app\",code=\"other\"}", "upstream_requests_total{code=\"other\"}"],
        ),
        (
            STRANGER,
            request("GET", "/nonsense", &[]),
            vec![
                "refusals_total{code=\"upstream-unreachable\"}",
                "requests_total{route=\"app\",code=\"502\"}",
                "upstream_requests_total{code=\"upstream-unreachable\"}",
            ],
        ),
        (
            STRANGER,
            request("GET", "/silent", &[]),
            vec![
                "refusals_total{code=\"upstream-timeout\"}",
                "requests_total{route=\"app\",code=\"504\"}",
                "upstream_requests_total{code=\"upstream-timeout\"}",
            ],
        ),
        (
            STRANGER,
            request("OPTIONS", "*", &[]),
            vec!["refusals_total{code=\"bad-request\"}", "requests_total{route=\"app\",code=\"400\"}"],
        ),
        (
            STRANGER,
            request("POST", "/", &["Content-Length: x"]),
            vec!["refusals_total{code=\"bad-request\"}", "requests_total{route=\"app\",code=\"400\"}"],
        ),
        (
            STRANGER,
            request("GET", "/", &["X-Spaced : x"]),
            vec!["refusals_total{code=\"bad-request\"}", "requests_total{route=\"app\",code=\"400\"}"],
        ),
        (
            STRANGER,
            request("GET", "/", &["X-Many: x"; 101]),
            vec!["refusals_total{code=\"bad-request\"}", "requests_total{route=\"app\",code=\"431\"}"],
        ),
    ]
}

fn answer(seen: &Message) -> Option<Vec<u8>> {
    let status = match seen.first_line() {
        line if line.contains("/silent") => return None,
        line if line.contains("/nonsense") => return Some(b"nonsense\r\n\r\n".to_vec()),
        line if line.contains("/teapot") => "418 I'm a teapot",
        line if line.contains("/odd") => "799 Odd",
        _ => "200 OK",
    };
    Some(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").into_bytes())
}

#[tokio::test]
async fn each_request_counts_once_for_all_that_it_came_to() {
    let app = App::answering(answer).await;
    let changes_to = [ADMIN, ("log:", "timeouts: { response: 300ms }\nlog:")];
    let sidecar = Sidecar::start(&changed(&fixture(app.address), &changes_to)).await;
    for (from, bytes, counts) in ours().into_iter().chain(the_apps()) {
        let before = samples(&sidecar).await;
        sidecar.send(from, &bytes).await;
        let mut expected: Vec<_> = counts.into_iter().map(|name| (name.to_owned(), 1.0)).collect();
        expected.push(("request_duration_seconds_count".to_owned(), 1.0));
        expected.sort_by(|a, b| a.0.cmp(&b.0));
        let seen = changes(&before, &samples(&sidecar).await);
        let without_gauges: Vec<_> = seen.into_iter().filter(|(name, _)| name != "connections").collect();
        assert_eq!(without_gauges, expected, "{}", String::from_utf8_lossy(&bytes));
    }
}

/// Who leaves before the answer is there counts, too, as nginx has it, and the app has not been slow.
#[tokio::test]
async fn who_waits_for_no_answer_counts() {
    let app = App::answering(answer).await;
    let sidecar = Sidecar::start(&changed(&fixture(app.address), &[ADMIN])).await;
    for (times, warm) in [(1.0, false), (2.0, true)] {
        let mut visitor = Reader::new(connect(STRANGER, sidecar.address).await);
        if warm {
            visitor.stream().write_all(&request("GET", "/", &[])).await.unwrap();
            visitor.answer().await.unwrap();
        }
        let (before, requests, connections) = (samples(&sidecar).await, app.count(), app.connections());
        visitor.stream().write_all(&request("GET", "/silent", &[])).await.unwrap();
        until("the app is asked", || app.count() > requests).await;
        assert_eq!(app.connections() == connections, warm);
        visitor.stream().set_zero_linger().unwrap();
        drop(visitor);
        let noted = "requests_total{route=\"app\",code=\"499\"}";
        let counted = async {
            while samples(&sidecar).await.get(noted) != Some(&times) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, counted).await.expect("whoever left does not count");
        let seen = changes(&before, &samples(&sidecar).await).into_iter().map(|(name, _)| name);
        let counts: Vec<_> = seen.filter(|name| !name.starts_with("connections")).collect();
        assert_eq!(counts, ["request_duration_seconds_count", noted]);
    }
}

#[tokio::test]
async fn a_question_to_the_app_counts_as_a_request_to_it() {
    let app = App::answering(|_| Some(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n".to_vec())).await;
    let text = changed(
        &fixture(app.address),
        &[ADMIN, ("  from: headers", "  from: probe\n  probe: { path: /who }")],
    );
    let sidecar = Sidecar::start(&text).await;
    sidecar.install(STRANGER, &[]).await;
    let samples = samples(&sidecar).await;
    assert_eq!(samples["upstream_requests_total{code=\"401\"}"], 1.0);
    assert_eq!(samples["mints_total{integration=\"gwt2hs\",outcome=\"refused\"}"], 1.0);
}

#[tokio::test]
async fn without_a_key_a_mint_fails() {
    let (_app, sidecar) =
        pair_with(&[ADMIN, ("env: FIXTURE_SECRET", "env: NOT_THERE, required: false")]).await;
    assert_eq!(sidecar.install(TRUSTED, &[OWN]).await.status(), 503);
    let samples = samples(&sidecar).await;
    assert_eq!(samples["mints_total{integration=\"gwt2hs\",outcome=\"failed\"}"], 1.0);
    assert_eq!(samples["config_info{account=\"acme\",key_fingerprint=\"\"}"], 1.0);
}

#[tokio::test]
async fn connections_are_told_and_those_too_many_counted() {
    let (_app, sidecar) = pair_with(&[ADMIN, ("log:", "limits: { connections: 2 }\nlog:")]).await;
    let mut visitors = [sidecar.visitor(STRANGER), sidecar.visitor(STRANGER)];
    for visitor in &mut visitors {
        visitor.get("/", &[]).await;
    }
    assert_eq!(sidecar.get(STRANGER, "/", &[]).await.code(), "overloaded");
    let full = samples(&sidecar).await;
    assert_eq!((full["connections"], full["connections_limit"]), (2.0, 2.0));
    assert_eq!(full["refusals_total{code=\"overloaded\"}"], 1.0);
    drop(visitors);
    let gone = async {
        while samples(&sidecar).await["connections"] > 0.0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("those who left still count");
}

#[tokio::test]
async fn whatever_visitors_ask_for_adds_no_series() {
    let changes_to = [ADMIN, ("integrations:\n", "integrations:\n  \"*\": { connector_name: any }\n")];
    let (_app, sidecar) = pair_with(&changes_to).await;
    let warm = |n: usize| {
        let wish = n.is_multiple_of(2);
        let path = if wish { format!("/pandium/install/wish-{n}") } else { format!("/path/{n}?q={n}") };
        let method = if wish { "GET".to_owned() } else { format!("METHOD{n}") };
        let head = format!("{method} {path} HTTP/1.1\r\nHost: host-{n}.test\r\nUser-Agent: agent-{n}\r\n");
        format!("{head}X-Tenant-Id: tenant-{n}\r\nX-Request-Id: id-{n}\r\n\r\n")
    };
    let mut visitor = sidecar.visitor(TRUSTED);
    for n in 0..2 {
        visitor.send(warm(n)).await;
    }
    let names = |samples: Samples| samples.into_keys().collect::<BTreeSet<_>>();
    let before = names(samples(&sidecar).await);
    for n in 2..10_000 {
        let answer = visitor.send(warm(n)).await;
        if n.is_multiple_of(2) {
            assert_minted(&answer, "any integration");
        } else {
            assert_eq!(answer.status(), 200);
        }
    }
    let after = samples(&sidecar).await;
    assert_eq!(after["mints_total{integration=\"*\",outcome=\"minted\"}"], 5000.0);
    assert_eq!(names(after), before);
}

#[tokio::test]
async fn both_formats_are_spoken_to_whoever_asks_for_them() {
    let (_app, sidecar) = pair_with(&[ADMIN]).await;
    let at = sidecar.admin();
    let plain = get(at, "/metrics", &[]).await;
    assert_eq!(plain.values("content-type"), ["text/plain; version=0.0.4; charset=utf-8"]);
    assert!(!plain.text().contains("# EOF"));
    let open = get(at, "/metrics", &["Accept: application/openmetrics-text;version=1.0.0,*/*;q=0.5"]).await;
    assert_eq!(open.values("content-type"), ["application/openmetrics-text; version=1.0.0; charset=utf-8"]);
    assert!(open.text().ends_with("\n# EOF\n"));
    let mut post = Reader::new(connect("127.0.0.1", at).await);
    tokio::io::AsyncWriteExt::write_all(post.stream(), &request("POST", "/metrics", &[])).await.unwrap();
    assert_eq!(post.answer().await.unwrap().status(), 405);
}

#[tokio::test]
async fn an_app_that_is_gone_is_told_from_one_that_answers() {
    let (_held, address) = nobody();
    let sidecar = Sidecar::start(&changed(&fixture(address), &[ADMIN])).await;
    assert_eq!(sidecar.get(STRANGER, "/", &[]).await.status(), 502);
    assert_eq!(samples(&sidecar).await["upstream_requests_total{code=\"upstream-unreachable\"}"], 1.0);
}
