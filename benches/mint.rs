//! What a token costs: `cargo bench --bench mint`.
//!
//! `session to Location` is the row of that name in the table of speeds: claims, payload, signature,
//! address, header value. `headers to Location` adds the screening of the request and the reading of
//! the session from its headers.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark may panic"
)]

use criterion::{Criterion, criterion_group, criterion_main};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};
use pandium_sidecar::config::{self, Config, Options};
use pandium_sidecar::decide::{self, Ask, Head, Minting, Screened};
use pandium_sidecar::session;
use pandium_sidecar::token::Moment;
use pandium_sidecar::trust::Peer;
use pandium_sidecar::value::Session;
use std::hint::black_box;
use std::net::Ipv4Addr;
use std::time::SystemTime;
use uuid::Uuid;

const FILE: &str = include_str!("mint.yaml");

const HEADERS: [(&str, &str); 14] = [
    ("host", "app.example.com"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36"),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("accept-language", "en-GB,en;q=0.9,de;q=0.8"),
    ("accept-encoding", "gzip, deflate, br"),
    ("cookie", "sessionid=k2j3h4k2j3h4k2jh3k4jh23k4jh; csrftoken=8s7d6f8s7d6f8s7d6f"),
    ("sec-fetch-site", "same-origin"),
    ("sec-fetch-dest", "iframe"),
    ("x-account-id", "acct-0042-7781"),
    ("x-account-name", "Acme GmbH & Co. KG"),
    ("x-user-name", "Zo\u{eb} M\u{fc}ller"),
    ("x-user-email", "zoe.mueller@acme.example"),
    ("x-installed", "1121,1122,1200"),
    ("x-plan", "enterprise"),
];

fn load() -> Config {
    let env = |_: &str| Some("0123456789abcdef0123456789abcdef".to_owned());
    let options = Options { env: &env, without_secrets: false, listen: None };
    config::load_text("mint.yaml", FILE, &options).unwrap_or_else(|invalid| panic!("{invalid}")).config
}

fn headers() -> HeaderMap {
    let value = |value: &str| HeaderValue::from_bytes(value.as_bytes()).unwrap();
    HEADERS.iter().map(|(name, text)| (HeaderName::from_static(name), value(text))).collect()
}

fn moment() -> Moment {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    Moment { now, jti: Uuid::new_v4() }
}

fn screen<'p, 'a>(config: &'p Config, uri: &'a Uri, headers: &'a HeaderMap) -> Ask<'p, 'a> {
    let peer = Peer::ip(Ipv4Addr::LOCALHOST.into());
    let (headers, caller) = (headers.into(), peer.into());
    let head = Head { method: &Method::GET, target: uri.into(), version: Version::HTTP_11, headers, caller };
    match decide::screen(&config.policy, head) {
        Ok(Screened::Install(ask)) => ask,
        _ => panic!("the request is refused"),
    }
}

fn location(config: &Config, ask: Ask<'_, '_>, session: &Session<'_>) -> HeaderValue {
    let minting = Minting {
        target: ask.target,
        requested: ask.requested,
        account: ask.account.unwrap(),
        session,
        query: None,
        request_id: "request",
        moment: moment(),
    };
    let token = decide::mint(&config.policy, minting).unwrap_or_else(|refusal| panic!("{}", refusal.code));
    token.into_location().unwrap()
}

fn mint(criterion: &mut Criterion) {
    let config = load();
    let headers = headers();
    let uri = Uri::from_static("/pandium/install/gwt2hs");
    let ask = screen(&config, &uri, &headers);
    let policy = &config.policy;
    let session = session::headers::acquire(policy, &headers, ask.trusted.unwrap()).unwrap();
    println!("the Location has {} bytes", location(&config, ask, &session).len());
    criterion.bench_function("session to Location", |bencher| {
        bencher.iter(|| location(&config, ask, black_box(&session)));
    });
    // The yardstick on a machine with neighbours: what the signature alone takes, in the same run.
    let signer =
        config.policy.pandium.accounts.first().and_then(|account| account.secret.signer.as_ref()).unwrap();
    let as_many = "x".repeat(520);
    criterion.bench_function("HMAC of as many bytes", |bencher| {
        bencher.iter(|| signer.hash_subject(black_box(&as_many)));
    });
    criterion.bench_function("headers to Location", |bencher| {
        bencher.iter(|| {
            let ask = screen(&config, black_box(&uri), black_box(&headers));
            let session = session::headers::acquire(policy, &headers, ask.trusted.unwrap()).unwrap();
            location(&config, ask, &session)
        });
    });
}

criterion_group!(benches, mint);
criterion_main!(benches);
