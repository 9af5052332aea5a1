//! What is wrong, or unwise, only when several parts of the file are seen together.

use super::model::{Config, Endpoint, From, Policy};
use super::reader::Reader;
use crate::claims::Used;
use crate::fields::{Field, Presence, Source};
use crate::route::Door;
use crate::trust::PeerRule;
use std::net::IpAddr;

/// Looks at the whole.
pub(super) fn whole(config: &Config, root: &Reader<'_>) {
    loops(config, root);
    ask_somebody(config, root);
    hand_off_installs_alone(config, root);
    mesh(config, root);
    for (index, field) in config.policy.fields.iter().enumerate() {
        lone_field(&config.policy, index, field, root);
    }
}

/// A sidecar that passes requests to itself never answers.
fn loops(config: &Config, root: &Reader<'_>) {
    let Some(upstream) = &config.upstream else { return };
    let own = config.listen.iter().chain(&config.admin).any(|listen| listen.at == upstream.at);
    if own {
        let place = root.child_place("upstream");
        root.error_at(place, "upstream", format!("{} is where we listen ourselves", upstream.at));
    }
}

/// Without an app there is nobody to say who a visitor is.
fn ask_somebody(config: &Config, root: &Reader<'_>) {
    let of_app = match &config.policy.from {
        From::Headers => false,
        From::Probe(probe) => probe.elsewhere.is_none(),
        From::Handoff => true,
    };
    if of_app && config.upstream.is_none() {
        let message = "the app is to say who a visitor is, and there is no `upstream`";
        root.error_at(root.child_place("session"), "session.from", message);
    }
}

/// A handoff lets the app answer; a decision or a link is no request of the app's.
fn hand_off_installs_alone(config: &Config, root: &Reader<'_>) {
    let others = config.policy.routes.iter().any(|route| route.door != Door::Install);
    if config.policy.from == From::Handoff && others {
        let message = "with `from: handoff` there is the install route alone; `probe` serves the others, too";
        root.error_at(root.child_place("routes"), "routes", message);
    }
}

/// Behind a mesh's proxy every peer is 127.0.0.1, whoever it was.
fn mesh(config: &Config, root: &Reader<'_>) {
    let outside = config.listen.iter().any(|listen| !is_loopback(&listen.at));
    let peers = config.policy.trust.peers();
    if outside && !peers.is_empty() && peers.iter().all(is_loopback_rule) {
        let message = "loopback peers alone are believed, but `listen` is open to others: in a service mesh every peer \
            is 127.0.0.1, and so everybody would be believed; give the proxy's own address, or listen on loopback";
        root.warn_at(root.child_place("trust"), "trust.peers", message);
    }
}

fn is_loopback(at: &Endpoint) -> bool {
    match at {
        Endpoint::Unix(_) => true,
        Endpoint::Tcp { host, .. } => {
            host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
        }
    }
}

fn is_loopback_rule(rule: &PeerRule) -> bool {
    match rule {
        PeerRule::Net(net) => net.addr().is_loopback(),
        PeerRule::Unix | PeerRule::UnixUid(_) => false,
    }
}

fn lone_field(policy: &Policy, index: usize, field: &Field, root: &Reader<'_>) {
    let path = format!("session.fields.{}", field.name);
    match &field.source {
        Source::Cookie(_) if field.presence == Presence::Required || feeds_subject(policy, index) => root
            .warn_at(
                field.place,
                &path,
                "a cookie is the visitor's own word, whoever the peer is: it should not say who they are",
            ),
        Source::Header { name, .. } if name.as_str().contains('_') => root.warn_at(
            field.place,
            &path,
            "nginx drops headers with `_` in their names, unless it has `underscores_in_headers on`",
        ),
        _ => {}
    }
}

fn feeds_subject(policy: &Policy, index: usize) -> bool {
    policy.integrations.all().iter().any(|integration| {
        integration
            .template
            .subject_used()
            .iter()
            .any(|used| matches!(used, Used::Field { index: own, .. } if *own == index))
    })
}
