//! What holds for every request, tried on arbitrary ones.

use crate::harness::{App, INSTALL, Message, STRANGER, Sidecar, TRUSTED, claims, pair};
use crate::spelling::PROTECTED;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;
use tokio::runtime::{Builder, Runtime};

/// Plays a property over sockets: one sidecar for all cases.
fn for_all<S: Strategy>(strategy: &S, holds: impl Fn(&Fixture, S::Value) -> Result<(), TestCaseError>) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let (app, sidecar) = runtime.block_on(pair());
    let fixture = Fixture { runtime, app, sidecar };
    let config = Config { cases: 256, failure_persistence: None, ..Config::default() };
    let held = TestRunner::new(config).run(strategy, |value| holds(&fixture, value));
    if let Err(error) = held {
        panic!("{error}");
    }
}

struct Fixture {
    runtime: Runtime,
    app: App,
    sidecar: Sidecar,
}

impl Fixture {
    fn send(&self, from: &str, bytes: Vec<u8>) -> Message {
        self.runtime.block_on(self.sidecar.send(from, bytes))
    }
}

fn bytes_of(path: &str, lines: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = format!("GET {path} HTTP/1.1\r\nHost: app.test\r\n").into_bytes();
    for line in lines {
        bytes.extend_from_slice(line);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

/// A protected name with any separators and any case, its own among them.
fn spelled() -> impl Strategy<Value = (usize, String)> {
    let separator = prop::sample::select("--------_.!~'*+|^#$%&`".chars().collect::<Vec<_>>());
    let letters = prop::collection::vec((separator, any::<bool>()), 15);
    (0..PROTECTED.len(), letters).prop_map(|(index, letters)| {
        let change = |(c, (separator, upper)): (char, (char, bool))| match (c, upper) {
            ('-', _) => separator,
            (c, true) => c.to_ascii_uppercase(),
            (c, false) => c.to_ascii_lowercase(),
        };
        (index, PROTECTED[index].chars().zip(letters).map(change).collect())
    })
}

/// Text that a field takes: no controls, nothing to trim, no word for nobody.
fn text() -> impl Strategy<Value = String> {
    let nasty =
        prop::sample::select(vec!["\"", "\\", "${session.groups}", "\",\"sub\":\"x", "}", "\u{2028}"]);
    let piece = prop_oneof![any::<String>(), "[ -~]{0,20}", nasty.prop_map(str::to_owned)];
    prop::collection::vec(piece, 1..4).prop_map(|pieces| pieces.concat()).prop_filter_map(
        "no value",
        |text| {
            let bidi = |c| matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
            let text: String = text.chars().filter(|c| !c.is_control() && !bidi(*c)).collect();
            let text = text.trim().to_owned();
            let nobody = ["", "-", "null", "(null)", "undefined"].contains(&text.as_str());
            (!nobody && text.len() < 2000).then_some(text)
        },
    )
}

fn line(name: &str, value: &str) -> Vec<u8> {
    format!("{name}: {value}").into_bytes()
}

#[test]
fn a_folded_collision_is_always_refused() {
    for_all(&(spelled(), any::<bool>()), |fixture, ((index, name), with_own)| {
        let own = PROTECTED[index];
        let mut lines = vec![line(&name, "evil")];
        if with_own {
            lines.push(line(own, "acme"));
        }
        let exact = name.eq_ignore_ascii_case(own);
        let before = fixture.app.count();
        for path in [INSTALL, "/any"] {
            let answer = fixture.send(TRUSTED, bytes_of(path, &lines));
            let code = if exact { "duplicate-header" } else { "alias-header" };
            if exact && !with_own {
                prop_assert_ne!(answer.status(), 400);
            } else {
                prop_assert_eq!((answer.status(), answer.code()), (400, code.to_owned()));
                prop_assert_eq!(fixture.app.count(), before);
            }
        }
        Ok(())
    });
}

#[test]
fn the_app_sees_nothing_of_a_strangers_identity() {
    let extra = prop::collection::vec((spelled(), "[ -~]{0,12}"), 0..6);
    let plain = prop::collection::vec(("X-[A-Z][a-z]{3,8}", "[!-~]{0,12}"), 0..4);
    for_all(&(extra, plain, any::<u8>()), |fixture, (identity, plain, at)| {
        let plain: Vec<_> = plain.iter().map(|(name, value)| line(name, value)).collect();
        let identity: Vec<_> = identity.iter().map(|((_, name), value)| line(name, value)).collect();
        let mut mixed = plain.clone();
        let at = usize::from(at) % (plain.len() + 1);
        mixed.splice(at..at, identity);
        let seen = |lines: &[Vec<u8>]| {
            let answer = fixture.send(STRANGER, bytes_of("/any", lines));
            assert_eq!(answer.status(), 200);
            without_id(&fixture.app.last())
        };
        prop_assert_eq!(seen(&plain), seen(&mixed));
        Ok(())
    });
}

/// The head, but for the request's id and trace, and for the order of different names, which means nothing
/// (RFC 9110 §5.3).
fn without_id(seen: &Message) -> Vec<String> {
    let name = |line: &str| line.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let ours = |line: &&str| ["x-request-id", "traceparent"].contains(&name(line).as_str());
    let mut lines: Vec<_> = seen.head.lines().filter(|line| !ours(line)).collect();
    lines.sort_by_key(|line| name(line));
    lines.into_iter().map(str::to_owned).collect()
}

#[test]
fn a_redirect_goes_with_one_token_and_a_refusal_with_none() {
    let pieces = prop::sample::select(vec![
        "X-Tenant-Id: acme",
        "X-Tenant-Id: globex",
        "x-tenant-id:",
        "X-Tenant-Id: \u{202e}",
        "X_Tenant_Id: a",
        "X-User-Email: a@b",
        "X-User-Groups: a,b",
        "Connection: x-tenant-id",
        "Connection: close",
        "Sec-Purpose: prefetch",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Dest: iframe",
        "Host: other",
        "Accept: text/html",
        "Content-Length: 0",
        "X-Pandium-Token: eyJ.eyJ.x",
        "X-Request-Id: eyJh",
    ]);
    let paths = prop::sample::select(vec![
        INSTALL,
        "/pandium/install/acme-crm",
        "/pandium/install/none",
        "/pandium/install/gwt2hs?tenant=eyJ.eyJ.x",
        "//pandium/install/gwt2hs",
        "/pandium/install/%67wt2hs",
        "/any",
    ]);
    let from = prop::sample::select(vec![TRUSTED, TRUSTED, TRUSTED, STRANGER]);
    for_all(&(from, paths, prop::collection::vec(pieces, 0..5)), |fixture, (from, path, lines)| {
        // The answer names the request's id, which would look like a token here.
        let lines: Vec<_> = lines.iter().filter(|line| !line.starts_with("X-Request")).copied().collect();
        let bytes: Vec<_> = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
        let before = fixture.app.count();
        let answer = fixture.send(from, bytes_of(path, &bytes));
        let minted = answer.status() == 302;
        prop_assert_eq!((answer.tokens(), answer.resembles_token()), (usize::from(minted), minted));
        prop_assert_eq!(answer.values("location").len(), usize::from(minted));
        if minted {
            let asserted: Vec<_> = lines.iter().filter(|line| line.starts_with("X-Tenant-Id: ")).collect();
            prop_assert_eq!(from, TRUSTED);
            prop_assert_eq!(asserted.len(), 1);
            let claims = claims(&answer);
            prop_assert_eq!(claims["sub"].as_str().unwrap(), &asserted[0]["X-Tenant-Id: ".len()..]);
        }
        prop_assert!(path == "/any" || fixture.app.count() == before);
        Ok(())
    });
}

#[test]
fn what_was_matched_is_what_is_forwarded() {
    let piece = prop_oneof![
        "[!-~]{0,8}",
        prop::sample::select(vec![
            "%2f", "%2e%2e", "..", ".", ";", "\\", "pandium", "install", "%", "?", "&"
        ])
        .prop_map(str::to_owned),
    ];
    let path = prop::collection::vec(piece, 0..8).prop_map(|pieces| format!("/{}", pieces.join("/")));
    for_all(&path, |fixture, path| {
        let before = fixture.app.count();
        let answer = fixture.send(STRANGER, bytes_of(&path, &[]));
        if answer.status() == 200 {
            // A fragment is no part of a target (RFC 9110 §7.1); whatever a client sends of it is cut.
            let target = path.split('#').next().unwrap();
            let seen = fixture.app.last();
            prop_assert_eq!(seen.first_line(), format!("GET {target} HTTP/1.1"));
        } else {
            prop_assert_eq!(fixture.app.count(), before);
            prop_assert!(matches!(answer.status(), 400 | 403), "{}", answer.head);
        }
        Ok(())
    });
}

#[test]
fn the_payload_is_what_the_values_mean() {
    let items = prop::collection::vec("[a-z\"\\\\{}$é]{1,9}", 0..5);
    let strategy = (text(), prop::option::of(text()), prop::option::of(items), any::<bool>());
    for_all(&strategy, |fixture, (tenant, email, items, crm)| {
        let mut lines = vec![line("X-Tenant-Id", &tenant)];
        lines.extend(email.iter().map(|email| line("X-User-Email", email)));
        lines.extend(items.iter().map(|items| line("X-User-Groups", &items.join(","))));
        let (name, connector) = if crm { ("acme-crm", "crm") } else { ("gwt2hs", "gwt") };
        let answer = fixture.send(TRUSTED, bytes_of(&format!("/pandium/install/{name}"), &lines));
        let mut got = claims(&answer);
        let own = got.as_object_mut().unwrap();
        prop_assert!(own.remove("iat").unwrap().is_u64());
        prop_assert!(own.remove("jti").unwrap().as_str().unwrap().len() == 36);
        let mut ti = json!({
            "ili": items.unwrap_or_default(),
            "xti": { "connector_name": connector, "integration_name": name },
        });
        if let Some(email) = email {
            ti["uem"] = email.into();
        }
        prop_assert_eq!(got, json!({ "sub": tenant, "ti": ti }));
        Ok(())
    });
}
