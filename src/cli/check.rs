//! `check`

use super::edge::{self, Edge};
use super::load::{Wanted, lacks_secrets_alone, load};
use super::out::{complain, say};
use super::{ConfigArg, INVALID};
use crate::config::Config;
use crate::config::model::{
    Account, Address, Choice, Delivery, From, Jwt, Key, Listen, Mount, Policy, Probe, Proxied, Remote, Target,
};
use crate::fields::{Field, Presence, Source};
use crate::route::Door;
use crate::token::verify::Keys;
use crate::trust::{PeerRule, Trust};
use clap::Args;
use http::HeaderName;
use std::fmt::Write as _;

#[derive(Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Take warnings for errors
    #[arg(long)]
    strict: bool,
    /// Leave the secrets alone, where they are not at hand
    #[arg(long)]
    without_secrets: bool,
    /// Print the lines that the proxy in front needs for this file
    #[arg(long, value_enum, value_name = "NAME")]
    edge: Option<Edge>,
}

pub(super) fn run(args: &CheckArgs) -> Result<(), u8> {
    let wanted = if args.without_secrets { Wanted::WithoutSecrets } else { Wanted::Everything };
    let loaded = load(&args.config.config, wanted, None).inspect_err(|_| {
        if !args.without_secrets && lacks_secrets_alone(&args.config.config) {
            complain(
                "All of it holds but the secrets. Where they are not at hand: check --without-secrets\n",
            );
        }
    })?;
    for warning in &loaded.warnings {
        complain(&warning.render(&loaded.source));
    }
    if args.strict && !loaded.warnings.is_empty() {
        let (file, count) = (loaded.source.name(), loaded.warnings.len());
        let warnings = if count == 1 { "warning" } else { "warnings" };
        complain(&format!("{file}: {count} {warnings}, and --strict\n"));
        return Err(INVALID);
    }
    match args.edge {
        Some(name) => say(&edge::lines(name, &loaded.config)),
        None => say(&summary(&loaded.config, loaded.source.name())),
    }
    Ok(())
}

/// What was understood, in the words of the person who has to stand by it.
fn summary(config: &Config, file: &str) -> String {
    let policy = &config.policy;
    let mut text = format!("{file} holds.\n\n");
    let mut line = |name: &str, value: String| {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "{name:<13} {value}");
    };
    line("listens at", listed(config.listen.iter().map(listening)));
    line("health at", config.admin.as_ref().map_or("nowhere".to_owned(), |admin| admin.at.to_string()));
    let app =
        config.upstream.as_ref().map(|upstream| format!("{}{}", upstream.at.endpoint, proof(&upstream.at)));
    line("the app is", app.unwrap_or_else(|| "nowhere: what is not ours is 404".to_owned()));
    line("believes", believed(policy));
    line("protects", listed(policy.protected.names().iter().map(ToString::to_string)));
    for field in &policy.fields {
        line("", described(field));
    }
    for (name, what) in
        [(&policy.overrides.account, "account"), (&policy.overrides.integration, "integration")]
    {
        if let Some(name) = name {
            line("", format!("{name} → the {what}, for one request"));
        }
    }
    let accounts = policy.pandium.accounts.as_slice();
    match accounts {
        [one] => line("sends", format!("{} to {} as {}", policy.install.path, one.base_url, one.slug)),
        _ => line("sends", format!("{} to the account {}", policy.install.path, chosen(policy))),
    }
    let offered = policy.routes.iter().find(|route| route.door == Door::Marketplace);
    for account in accounts {
        let whose = if accounts.len() > 1 { format!("{}: ", account.key) } else { String::new() };
        for integration in policy.integrations.all() {
            line("", format!("{whose}{} → {}", integration.name, address(&integration.target, account)));
        }
        if let (Some(route), Some(target)) = (offered, &policy.marketplace) {
            line("", format!("{whose}{}, the marketplace → {}", route.pattern, address(target, account)));
        }
    }
    for (account, proxied) in
        accounts.iter().filter_map(|account| Some((account, policy.pandium.proxy.as_ref()?)))
    {
        line("shows", shown(account, proxied));
    }
    for account in accounts {
        let whose = if accounts.len() > 1 { format!("of {}: ", account.key) } else { String::new() };
        line("key", format!("{whose}{}", key(&account.secret)));
    }
    line("token lives", life(config));
    text
}

fn listed(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

fn listening(listen: &Listen) -> String {
    listen.tls.as_ref().map_or_else(|| listen.at.to_string(), |tls| format!("{} ({tls})", listen.at))
}

/// How a program proves that it is the one that is meant, where it has to.
fn proof(remote: &Remote) -> String {
    remote.tls.as_ref().map(|tls| format!(" ({tls})")).unwrap_or_default()
}

/// Who says who a visitor is, and whose word about a request counts.
fn believed(policy: &Policy) -> String {
    let peers = peers(&policy.trust);
    match &policy.from {
        From::Headers => peers,
        From::Probe(Probe { elsewhere: Some((at, _)), path, .. }) => {
            let (scheme, endpoint, proof) = (at.scheme(), &at.endpoint, proof(at));
            format!("{peers}; who a visitor is says {scheme}://{endpoint}{path}{proof}, when it is asked")
        }
        From::Probe(probe) => {
            format!("{peers}; who a visitor is says the app at {}, when it is asked", probe.path)
        }
        From::Jwt(jwt) => format!("{peers}; who a visitor is says a token, {}", token(jwt)),
        From::Handoff => format!("{peers}; who a visitor is says the app's answer to the request itself"),
    }
}

/// What a token has to be, in one line.
fn token(jwt: &Jwt) -> String {
    let Jwt { carrier, verifier, url } = jwt;
    let algorithms = listed(verifier.algorithms.iter().map(|algorithm| format!("{algorithm:?}")));
    let keys = match (&verifier.keys, url) {
        (_, Some(url)) => {
            format!("the keys at {}://{}{}{}", url.at.scheme(), url.host, url.path, proof(&url.at))
        }
        (Keys::Secret(_), None) => "a secret".to_owned(),
        (Keys::Public(_), None) => format!("{} keys of a file", verifier.count_keys()),
        (Keys::LeftAlone, None) => "keys that were not read".to_owned(),
    };
    let named = |name: &str, values: &[String]| match values {
        [] => format!("any {name}"),
        values => format!("{name} {}", values.join(" or ")),
    };
    let (issuer, audience) = (named("iss", &verifier.issuers), named("aud", &verifier.audiences));
    format!("{carrier}, checked by {algorithms} with {keys}, {issuer}, {audience}")
}

/// All that has to hold of whoever sends a request.
fn peers(trust: &Trust) -> String {
    let peers = trust.peers();
    let loopback = peers.iter().all(|rule| matches!(rule, PeerRule::Net(net) if net.addr().is_loopback()));
    let names = listed(peers.iter().map(ToString::to_string));
    let complete = if trust.is_complete() { "; every header has to be there" } else { "" };
    let secret =
        trust.header().map(|shared| format!("shows in {} the secret from {}", shared.name, shared.source));
    let certified = trust.names().iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
    let certificate = (!certified.is_empty()).then(|| format!("shows a certificate of {certified}"));
    let shown: Vec<_> = secret.into_iter().chain(certificate).collect();
    match shown.as_slice() {
        [] if peers.is_empty() => "no peer".to_owned(),
        [] if loopback => format!("{names} (that is every process beside us, too){complete}"),
        [] => format!("{names}{complete}"),
        _ => {
            let who = if peers.is_empty() { "whoever".to_owned() } else { format!("{names}, where it") };
            format!("{who} {}{complete}", shown.join(" and "))
        }
    }
}

fn described(field: &Field) -> String {
    let need = match &field.presence {
        Presence::Required => "required",
        Presence::Optional => "optional",
        Presence::Default(_) => "with a default",
    };
    let source = match &field.source {
        Source::Header { written, .. } => written.clone(),
        Source::Cookie(name) => format!("cookie {name}"),
        Source::Json(pointer) => format!("json {pointer}"),
        Source::Claim(pointer) => format!("claim {pointer}"),
    };
    format!("{source} → session.{}, {}, {need}", field.name, field.kind.word())
}

/// Who says which account it is.
fn chosen(policy: &Policy) -> String {
    let file = match &policy.pandium.choice {
        Choice::One(index) => policy.pandium.accounts.get(*index).map(|account| account.key.to_string()),
        Choice::Session(_) => Some("that the session leads to".to_owned()),
        Choice::Header(_) => None,
    };
    match (file, &policy.overrides.account) {
        (Some(file), None) => file,
        (Some(file), Some(header)) => format!("{file}, unless {header} names another"),
        (None, header) => format!("that {} names", header.as_ref().map_or("nobody", HeaderName::as_str)),
    }
}

fn address(target: &Target, account: &Account) -> String {
    let by = if target.deliver == Delivery::Proxy { ", by proxy" } else { "" };
    match target.addresses.get(account.index) {
        None => "nowhere".to_owned(),
        Some(Address::Fixed { before, after, .. }) => format!("{before}…{after}{by}"),
        Some(Address::Named { before, after }) => format!("{before}<its name>?tenant=…{after}{by}"),
    }
}

/// Where Pandium's pages are shown, and what goes there.
fn shown(account: &Account, proxied: &Proxied) -> String {
    let whose = account.remote.as_ref().map(proof).unwrap_or_default();
    let at = match &proxied.mount {
        Mount::Host(host) => format!("at the host {host}, which is Pandium's alone"),
        Mount::Path(prefix) => format!("below {prefix}, in the app's own origin"),
    };
    let sent = listed(proxied.send.iter().map(ToString::to_string));
    let sent = if sent.is_empty() { sent } else { format!("; Pandium is sent {sent}, too") };
    let framed = proxied.frame_ancestors.as_ref().and_then(|directive| directive.to_str().ok());
    let framed = framed.map(|directive| format!("; {directive}")).unwrap_or_default();
    format!("{}{whose} {at}{sent}{framed}", account.base_url)
}

fn key(key: &Key) -> String {
    match &key.signer {
        Some(signer) => format!(
            "{} bytes, {}, fingerprint {}, from {}",
            signer.key_length(),
            key.encoding,
            signer.fingerprint(),
            key.source
        ),
        None => format!("not read ({}, from {}): nothing can be minted", key.encoding, key.source),
    }
}

fn life(config: &Config) -> String {
    match config.policy.life.ttl {
        Some(ttl) => format!("{} s", ttl.as_secs()),
        None => "for ever; try token.ttl in Pandium's sandbox, their documentation does not tell".to_owned(),
    }
}
