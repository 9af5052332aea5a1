//! `config.yaml` is the manual: what it says of the defaults is what a file gets that does not speak
//! of them, and every key that the program knows stands in it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use http::{HeaderMap, HeaderName, HeaderValue};
use pandium_sidecar::config::{self, Config, Options};
use pandium_sidecar::decide::{self, Head, Minting, Screened};
use pandium_sidecar::http1::target::Target;
use pandium_sidecar::session;
use pandium_sidecar::token::Moment;
use pandium_sidecar::trust::Peer;

const MANUAL: &str = include_str!("../config.yaml");

/// The manual with its required keys alone.
const REQUIRED: &str = r#"version: 1
trust:
  peers: [127.0.0.1, "::1"]
pandium:
  account: acme
  environment: sandbox
  secret: { file: /run/secrets/pandium/shared-secret }
session:
  from: headers
  fields:
    account_name: X-Account-Name
    account_id: { header: X-Account-Id }
    user_name: { header: X-User-Name, optional: true }
    user_email: { header: X-User-Email, optional: true }
    installed: { header: X-Installed, type: list, default: [] }
claims:
  sub: ${session.account_id}
  ti:
    udn: ${session.account_name}
    ufn: ${session.user_name}
    uem: ${session.user_email}
    ili: ${session.installed}
    aid: ""
    adn: ""
    xti:
      connector_name: ${integration.connector_name}
      integration_name: ${integration.integration_name}
integrations:
  gwt2hs: { id: 1121, connector_name: gwt }
"#;

fn load(text: &str) -> Config {
    let options = Options { env: &|_| None, without_secrets: true, listen: None };
    match config::load_text("config.yaml", text, &options) {
        Ok(loaded) => loaded.config,
        Err(invalid) => panic!("{invalid}"),
    }
}

/// The payload for a visitor with all there is, or with what is required.
fn payload(config: &Config, headers: &[(&'static str, &'static str)]) -> String {
    let mut map = HeaderMap::new();
    for (name, value) in [("host", "localhost")].iter().chain(headers) {
        map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let policy = &config.policy;
    let target = Target::plain("/pandium/install/gwt2hs?display=settings").unwrap();
    let peer = Peer::ip("127.0.0.1".parse().unwrap());
    let (method, version) = (&http::Method::GET, http::Version::HTTP_11);
    let head = Head { method, target, version, headers: (&map).into(), caller: peer.into() };
    let Ok(Screened::Install(ask)) = decide::screen(policy, head) else { panic!("not ours") };
    let session = session::headers::acquire(policy, &map, ask.trusted.unwrap()).unwrap();
    let jti = "00000000-0000-4000-8000-000000000001".parse().unwrap();
    let minting = Minting {
        target: ask.target,
        requested: ask.requested,
        account: decide::account(policy, ask, &session).unwrap(),
        session: &session,
        query: target.query,
        request_id: "request-1",
        moment: Moment { now: 1_700_000_005, jti },
    };
    decide::payload(policy, minting).unwrap().expose().to_string()
}

#[test]
fn the_manual_and_the_defaults_are_the_same() {
    let (manual, bare) = (load(MANUAL), load(REQUIRED));
    assert_eq!(manual.listen, bare.listen);
    assert_eq!(manual.admin, bare.admin);
    assert_eq!(manual.upstream, bare.upstream);
    assert_eq!(manual.limits, bare.limits);
    assert_eq!(manual.timeouts, bare.timeouts);
    assert_eq!(manual.shutdown, bare.shutdown);
    assert_eq!(manual.log, bare.log);
    let (manual, bare) = (&manual.policy, &bare.policy);
    assert_eq!(manual.trust, bare.trust);
    assert_eq!(manual.protected, bare.protected);
    assert_eq!(manual.life, bare.life);
    assert_eq!(manual.install, bare.install);
    assert_eq!(manual.url_bytes, bare.url_bytes);
    assert_eq!(manual.pandium.proxy, bare.pandium.proxy);
    let (manual_account, bare_account) = (&manual.pandium.accounts[0], &bare.pandium.accounts[0]);
    assert_eq!(manual_account.slug, bare_account.slug);
    assert_eq!(manual_account.base_url, bare_account.base_url);
    assert_eq!(manual_account.environment, bare_account.environment);
    assert_eq!(manual_account.marketplace_url, bare_account.marketplace_url);
    assert_eq!(manual_account.secret.encoding, bare_account.secret.encoding);
    assert_eq!(manual_account.secret.source, bare_account.secret.source);
    assert_eq!(manual.overrides, bare.overrides);
    assert_eq!(manual.fields.len(), bare.fields.len());
    for (manual, bare) in manual.fields.iter().zip(&bare.fields) {
        let mut moved = bare.clone();
        moved.place = manual.place;
        assert_eq!(*manual, moved);
    }
}

#[test]
fn the_manuals_integration_is_one_without_options() {
    let (manual, bare) = (load(MANUAL), load(REQUIRED));
    let (one, other) = (manual.policy.integrations.all(), bare.policy.integrations.all());
    assert_eq!((one.len(), other.len()), (1, 1));
    assert_eq!(one[0].name, other[0].name);
    assert_eq!(one[0].target.addresses, other[0].target.addresses);
    assert_eq!(one[0].target.query, other[0].target.query);
    assert_eq!(one[0].target.deliver, other[0].target.deliver);
    let required = [("x-account-id", "42"), ("x-account-name", "Acme")];
    let all = [("x-user-name", "Zoe"), ("x-user-email", "zoe@acme.example"), ("x-installed", "1,2")];
    for headers in [required.to_vec(), [required.as_slice(), &all].concat()] {
        assert_eq!(payload(&manual, &headers), payload(&bare, &headers));
    }
}

/// The keys of each map in which the program knows the keys: it lists them when it is asked for one
/// that it has not.
fn known(file: &str) -> Vec<String> {
    let options = Options { env: &|_| None, without_secrets: true, listen: None };
    let Err(invalid) = config::load_text("c", file, &options).map(|_| ()) else { panic!("{file} loads") };
    let text = invalid.to_string();
    let (_, listed) = text.split_once("known are ").unwrap_or_else(|| panic!("{text}"));
    let line = listed.lines().next().unwrap();
    line.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_key_stands_in_the_manual() {
    const STRANGER: &str = "qqqqqqqq: 1";
    let inside = |from: &str, to: &str| REQUIRED.replace(from, to);
    let section = |name: &str| format!("{REQUIRED}{name}: {{ {STRANGER} }}\n");
    let files = [
        format!("{REQUIRED}{STRANGER}\n"),
        section("limits"),
        section("timeouts"),
        section("shutdown"),
        section("log"),
        section("token"),
        format!("{REQUIRED}upstream: {{ url: \"http://127.0.0.1:3000\", {STRANGER} }}\n"),
        format!("{REQUIRED}listen: {{ address: \"127.0.0.1:1\", {STRANGER} }}\n"),
        format!("{REQUIRED}listen: {{ address: \"127.0.0.1:1\", tls: {{ cert: a, key: b, {STRANGER} }} }}\n"),
        format!("{REQUIRED}routes: {{ {STRANGER} }}\n"),
        format!("{REQUIRED}routes: {{ install: {{ {STRANGER} }} }}\n"),
        format!("{REQUIRED}routes: {{ marketplace: {{ {STRANGER} }} }}\n"),
        inside("  peers:", &format!("  {STRANGER}\n  peers:")),
        inside("  peers:", &format!("  client_cert: {{ san: a, {STRANGER} }}\n  peers:")),
        inside("  account:", &format!("  {STRANGER}\n  account:")),
        inside("  account:", &format!("  proxy: {{ mount: host, {STRANGER} }}\n  account:")),
        inside("{ file:", &format!("{{ {STRANGER}, file:")),
        inside("  from:", &format!("  {STRANGER}\n  from:")),
        inside("from: headers", &format!("from: jwt\n  jwt: {{ {STRANGER} }}")),
        inside(
            "from: headers",
            &format!("from: jwt\n  jwt: {{ algorithms: ES256, jwks: {{ {STRANGER} }} }}"),
        ),
        inside("from: headers", &format!("from: probe\n  probe: {{ {STRANGER} }}")),
        inside("{ header: X-Account-Id", &format!("{{ header: X-Account-Id, {STRANGER}")),
        inside("{ id: 1121", &format!("{{ id: 1121, {STRANGER}")),
    ];
    for file in files {
        let keys = known(&file);
        assert!(!keys.is_empty());
        for key in keys {
            let named = |line: &str| {
                line.trim_start_matches([' ', '#', '{']).starts_with(&format!("{key}:"))
                    || line.contains(&format!("{{ {key}:"))
                    || line.contains(&format!(", {key}:"))
            };
            assert!(MANUAL.lines().any(named), "config.yaml says nothing of `{key}`");
        }
    }
}
