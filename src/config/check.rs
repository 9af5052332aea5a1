//! What is wrong, or unwise, only when several parts of the file are seen together.

use super::model::{
    Carrier, Config, Delivery, Endpoint, From, Jwt, Listen, LoginPart, Policy, Probe, SignedOut,
};
use super::net;
use super::reader::Reader;
use crate::fields::{Field, Presence, Source};
use crate::protected::{OWN, Standing};
use crate::route::Door;
use crate::tls::ServerTls;
use crate::token::Signer;
use crate::trust::PeerRule;
use http::HeaderName;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Looks at the whole.
pub(super) fn whole(config: &Config, root: &Reader<'_>) {
    loops(config, root);
    ask_somebody(config, root);
    hand_off_visits_alone(config, root);
    proxied(config, root);
    admin(config, root);
    one_secret_each(&config.policy, root);
    mesh(config, root);
    certificates(config, root);
    carriers(config, root);
    complete(config, root);
    login(&config.policy, root);
    for field in &config.policy.fields {
        lone_field(field, root);
    }
}

/// A sidecar that passes requests to itself never answers; one that asks itself hears nothing of a
/// session, which it takes off every answer that passes.
fn loops(config: &Config, root: &Reader<'_>) {
    let upstream = config.upstream.as_ref().map(|upstream| (&upstream.at, "upstream", "upstream"));
    let probed = match &config.policy.from {
        From::Probe(Probe { elsewhere: Some((at, _)), .. }) => Some((at, "session", "session.probe.url")),
        _ => None,
    };
    for (at, section, path) in upstream.into_iter().chain(probed) {
        let answers = |listen: &Listen| meet(&listen.at, &at.endpoint, reaches);
        let key = if config.listen.iter().any(answers) {
            "listen"
        } else if config.admin.as_ref().is_some_and(answers) {
            "admin"
        } else {
            continue;
        };
        let message = format!("this is where we listen ourselves: it is our `{key}`");
        root.error_at(root.child_place(section), path, message);
    }
}

/// What the operator sees is not for visitors, and two cannot listen at one place.
fn admin(config: &Config, root: &Reader<'_>) {
    let Some(admin) = &config.admin else { return };
    let overlaps = |own: IpAddr, other: IpAddr| covers(own, other) || covers(other, own);
    if config.listen.iter().any(|listen| meet(&listen.at, &admin.at, overlaps)) {
        let place = [root.child_place("admin"), root.child_place("listen")].into_iter().max();
        let message = "`admin` and `listen` are one address; give `admin` a port of its own, or `off`";
        root.error_at(place.unwrap_or_default(), "admin", message);
    }
}

/// Without an app there is nobody to say who a visitor is.
fn ask_somebody(config: &Config, root: &Reader<'_>) {
    let of_app = match &config.policy.from {
        From::Headers | From::Jwt(_) => false,
        From::Probe(probe) => probe.elsewhere.is_none(),
        From::Handoff => true,
    };
    if of_app && config.upstream.is_none() {
        let message = "the app is to say who a visitor is, and there is no `upstream`";
        root.error_at(root.child_place("session"), "session.from", message);
    }
}

/// A handoff lets the app answer; a decision or a link is no request of the app's.
fn hand_off_visits_alone(config: &Config, root: &Reader<'_>) {
    let others = config.policy.routes.iter().any(|route| matches!(route.door, Door::Link | Door::Decision));
    if config.policy.from == From::Handoff && others {
        let message = "with `from: handoff` there are the install and marketplace routes alone; `probe` serves the others, too";
        root.error_at(root.child_place("routes"), "routes", message);
    }
}

/// Who is at Pandium's pages is asked with each request for one.
fn proxied(config: &Config, root: &Reader<'_>) {
    let policy = &config.policy;
    let Some(proxied) = &policy.pandium.proxy else { return };
    let (error, warn) = (
        |path: &str, message: &str| root.error_at(proxied.place, path, message),
        |path: &str, message: &str| root.warn_at(proxied.place, path, message),
    );
    if policy.from == From::Handoff {
        error(
            "pandium.proxy",
            "with `from: handoff` the app says who a visitor is on our own routes alone, and not on Pandium's pages; \
             `probe` asks it for these, too",
        );
    }
    if let Some(name) = proxied.send.iter().find(|name| is_identity(policy, name)) {
        error("pandium.proxy.send", &format!("{name} says who the visitor is: it never goes to Pandium"));
    }
    let targets = || policy.integrations.all().into_iter().map(|it| &it.target).chain(&policy.marketplace);
    if targets().all(|target| target.deliver == Delivery::Redirect) {
        warn(
            "pandium.proxy",
            "nothing is delivered by proxy: `deliver: proxy` in `routes.install` or an integration",
        );
    } else if policy.routes.iter().any(|route| route.door == Door::Link) {
        warn("pandium.proxy", "`routes.link` tells pages the token of what is delivered by proxy, too");
    }
}

fn is_identity(policy: &Policy, name: &HeaderName) -> bool {
    let carried = match &policy.from {
        From::Jwt(Jwt { carrier: Carrier::Header { protected, .. }, .. }) => protected.standing(name),
        _ => Standing::Free,
    };
    let withheld = policy.protected.withheld().contains(name);
    withheld
        || OWN.contains(name)
        || carried != Standing::Free
        || policy.protected.standing(name) != Standing::Free
}

/// Whether two places are one: the same socket, or one port at addresses of which a pair fits. The
/// system chooses for port 0, and never the same twice.
fn meet(own: &Endpoint, other: &Endpoint, fit: impl Fn(IpAddr, IpAddr) -> bool) -> bool {
    let (Endpoint::Tcp { host, port }, Endpoint::Tcp { host: to, port: other_port }) = (own, other) else {
        return own == other;
    };
    let pairs =
        || addresses(host).into_iter().flat_map(|own| addresses(to).into_iter().map(move |to| (own, to)));
    *port != 0
        && port == other_port
        && (host.eq_ignore_ascii_case(to) || pairs().any(|(own, to)| fit(own, to)))
}

/// The addresses of a host that can be known without asking anybody.
fn addresses(host: &str) -> Vec<IpAddr> {
    if host.eq_ignore_ascii_case("localhost") {
        return vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    }
    host.parse::<IpAddr>().map(|ip| ip.to_canonical()).into_iter().collect()
}

/// Whether whoever listens here listens there too. `::` stands for IPv4 as well.
fn covers(own: IpAddr, other: IpAddr) -> bool {
    own == other || own.is_unspecified() && (own.is_ipv6() || other.is_ipv4())
}

/// Whether who connects there, from this machine, connects here. A wildcard reaches the loopback;
/// any other address may be another machine's.
fn reaches(own: IpAddr, to: IpAddr) -> bool {
    covers(own, to) && (own == to || to.is_loopback() || to.is_unspecified())
        || to.is_unspecified() && own.is_loopback() && own.is_ipv4() == to.is_ipv4()
}

/// Whoever signs session tokens could sign tenant tokens too, and a tenant token would be a session.
/// What an edge shows with each request has more readers than a key should have.
fn one_secret_each(policy: &Policy, root: &Reader<'_>) {
    let mut signers = policy.pandium.accounts.iter().filter_map(|account| account.secret.signer.as_ref());
    let shown = policy.trust.header().map(|header| Signer::new(&header.value));
    if shown.is_some_and(|shown| signers.clone().any(|signer| signer.is_twin(&shown))) {
        let message = "this is Pandium's secret: whoever sees the header could sign tenant tokens; make another for \
            the edge, with `openssl rand -hex 32`";
        let place =
            root.node().below(&["trust", "header", "value"]).map_or(root.place(), |value| value.place);
        root.warn_at(place, "trust.header.value", message);
    }
    let From::Jwt(jwt) = &policy.from else { return };
    if signers.any(|signer| jwt.verifier.shares_secret_with(signer)) {
        let message = "this is Pandium's secret: the issuer of the tokens needs one of its own";
        root.error_at(root.child_place("session"), "session.jwt.secret", message);
    }
}

/// Behind a mesh's proxy every peer is 127.0.0.1, whoever it was.
fn mesh(config: &Config, root: &Reader<'_>) {
    let outside = config.listen.iter().any(|listen| !is_loopback(&listen.at));
    let shown = config.policy.trust.header().is_some() || !config.policy.trust.names().is_empty();
    let mut nets = config.policy.trust.peers().iter().filter_map(PeerRule::net).peekable();
    if outside && !shown && nets.peek().is_some() && nets.all(|net| net.addr().is_loopback()) {
        let message = "loopback peers alone are believed, but `listen` is open to others: in a service mesh every peer \
            is 127.0.0.1, and so everybody would be believed; give the proxy's own address, a \
            `trust.header` or a `trust.client_cert`, or listen on loopback";
        root.warn_at(root.child_place("trust"), "trust.peers", message);
    }
}

/// Nobody shows a certificate who is not asked for one, and asking is for those whose names count.
fn certificates(config: &Config, root: &Reader<'_>) {
    let asks = |listen: &Listen| listen.tls.as_ref().is_some_and(ServerTls::asks);
    let asked = config.listen.iter().any(asks);
    let wanted = !config.policy.trust.names().is_empty();
    if wanted && !asked {
        let message =
            "nobody is asked for a certificate: `client_cert` needs a `listen` with `tls: { …, client_ca }`";
        root.error_at(root.child_place("trust"), "trust.client_cert", message);
    }
    if asked && !wanted {
        let message = "certificates are asked for, and believed for nothing: `trust.client_cert` names those that count";
        root.warn_at(root.child_place("listen"), "listen", message);
    }
}

/// Peers of one kind never come in by a listener of the other, and one that shows a certificate by
/// none that does not ask for it.
fn carriers(config: &Config, root: &Reader<'_>) {
    let peers = config.policy.trust.peers();
    let carries = |listen: &Listen| {
        let unix = matches!(listen.at, Endpoint::Unix(_));
        let asks = listen.tls.as_ref().is_some_and(ServerTls::asks);
        (asks || config.policy.trust.names().is_empty())
            && peers.iter().any(|peer| peer.net().is_none() == unix)
    };
    if !peers.is_empty() && !config.listen.iter().any(carries) {
        let message =
            "nobody whom this believes can come in: an address belongs to a TCP listener, `unix` to a socket";
        root.warn_at(root.child_place("trust"), "trust.peers", message);
    }
}

/// Whoever is sent from one of our routes to another of them comes back as they were.
fn login(policy: &Policy, root: &Reader<'_>) {
    let SignedOut::Redirect(parts) = &policy.signed_out else { return };
    let Some(LoginPart::Literal(start)) = parts.first() else { return };
    let path = start.split(['?', '#']).next().unwrap_or_default();
    let Some(route) = policy.routes.iter().find(|route| route.pattern.owns(path)) else { return };
    let place = root.node().below(&["session", "signed_out", "redirect"]).map_or(root.place(), |at| at.place);
    let message = format!(
        "this is our own route {}: who is signed out would be sent back to it, again and again; write the path of \
         the app's login",
        route.pattern
    );
    root.warn_at(place, "session.signed_out.redirect", message);
}

/// Nobody's headers are read with another `from`: none of them can be forgotten.
fn complete(config: &Config, root: &Reader<'_>) {
    if config.policy.trust.is_complete() && config.policy.from != From::Headers {
        let message = "`complete` is about the session's headers on a request: it needs `from: headers`";
        root.error_at(root.child_place("trust"), "trust.complete", message);
    }
}

fn is_loopback(at: &Endpoint) -> bool {
    match at {
        Endpoint::Unix(_) => true,
        Endpoint::Tcp { host, .. } => net::is_loopback(host),
    }
}

fn lone_field(field: &Field, root: &Reader<'_>) {
    let path = format!("session.fields.{}", field.name);
    match &field.source {
        // `sub` is made of required fields alone.
        Source::Cookie(_) if field.presence == Presence::Required => root.warn_at(
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
