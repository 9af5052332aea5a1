//! What workers count of one generation of the configuration and the next.

use crate::ask::read;
use crate::harness::{changed, fixture, load};
use pandium_sidecar::config::Config;
use pandium_sidecar::server::edition::Edition;
use pandium_sidecar::server::metrics::{Heard, Outcome};
use pandium_sidecar::server::record::Records;
use pandium_sidecar::server::room::Room;
use pandium_sidecar::server::status::Status;
use pandium_sidecar::server::verdict::Verdict;
use pandium_sidecar::telemetry::exposition::Format;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

fn config(changes: &[(&str, &str)]) -> Config {
    load(&changed(&fixture("127.0.0.1:1".parse().unwrap()), changes)).unwrap().config
}

fn first(config: Config) -> Edition {
    Edition::first(config, Arc::new(Records::new(Room::new(10))))
}

fn told(edition: &Edition) -> BTreeMap<String, f64> {
    read(&edition.records.metrics.write(Format::Text, &Status::new(&edition.config).now()))
}

fn minted(target: usize) -> Outcome {
    let took = Duration::from_micros(30);
    Outcome { route: Some(0), status: 302, verdict: Verdict::Minted, target: Some(target), took }
}

const GWT: &str = "mints_total{integration=\"gwt2hs\",outcome=\"minted\"}";
const CRM: &str = "mints_total{integration=\"acme-crm\",outcome=\"minted\"}";

#[test]
fn workers_count_on_their_own_and_are_summed() {
    let edition = first(config(&[]));
    let ledger = || edition.records.metrics.ledger(&edition);
    let workers = [ledger(), ledger()];
    workers[0].answered(&minted(0));
    workers[1].answered(&minted(0));
    workers[1].answered(&minted(1));
    workers[1].heard(Heard::Status(200));
    let told = told(&edition);
    assert_eq!((told[GWT], told[CRM]), (2.0, 1.0));
    assert_eq!(told["upstream_requests_total{code=\"200\"}"], 1.0);
    assert_eq!(told["mint_duration_seconds_count"], 3.0);
    assert!((told["mint_duration_seconds_sum"] - 90e-6).abs() < 1e-9);
    assert_eq!(told["mint_duration_seconds_bucket{le=\"2.5e-05\"}"], 0.0);
    assert_eq!(told["mint_duration_seconds_bucket{le=\"5e-05\"}"], 3.0);
}

#[test]
fn nothing_is_left_of_a_configuration_whether_or_not_somebody_asks() {
    let edition = first(config(&[]));
    let old = edition.records.metrics.ledger(&edition);
    old.answered(&minted(0));
    let left = Arc::downgrade(&old);
    drop(old);
    drop(edition.records.metrics.ledger(&edition));
    assert!(left.upgrade().is_none(), "a ledger that nobody writes in is kept");
    assert_eq!(told(&edition)[GWT], 1.0);
}

#[test]
fn counts_outlive_the_configuration_they_were_made_under() {
    let first = first(config(&[]));
    let second = first.next(config(&[("  gwt2hs: { id: 1121, connector_name: gwt }\n", "")]));
    let old = first.records.metrics.ledger(&first);
    old.answered(&minted(0));
    let new = first.records.metrics.ledger(&second);
    new.answered(&minted(0));
    // A request that began under the old one ends after the new one serves.
    old.answered(&minted(1));
    assert_eq!(told(&second)[CRM], 2.0);
    drop(old);
    for _ in 0..2 {
        let told = told(&second);
        assert_eq!((told[GWT], told[CRM]), (1.0, 2.0), "what was counted stays counted, once");
        assert_eq!(told["request_duration_seconds_count"], 3.0);
    }
}
