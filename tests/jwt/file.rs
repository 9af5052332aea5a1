//! `session.jwt` in the file: what is refused when it is loaded, and in which words.

use crate::harness::child::{Scratch, program, run};
use crate::harness::{SECRET, changed, load};
use crate::issuer::{Issuer, jwks};
use crate::requests::{good_claims, with_token};
use serde_json::json;

/// The errors of a file, or none.
fn errors(text: &str) -> String {
    load(text).err().map(|invalid| invalid.to_string()).unwrap_or_default()
}

#[test]
fn what_cannot_hold_is_said_at_its_place() {
    let scratch = Scratch::new("jwt-file");
    let issuer = Issuer::p256();
    let good = scratch.write("jwks.json", jwks(&[issuer.jwk(None)]));
    let shared = scratch.write("same", SECRET);
    let own = scratch.write("own", "issuer-secret-0123456789abcdef0123456789");
    scratch.write("oct.json", jwks(&[json!({"kty": "oct", "k": "c2VjcmV0"})]));
    scratch.write("short.json", jwks(&[json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"})]));
    scratch.write("large.json", " ".repeat(300_000));
    scratch.write("text.json", "keys");
    let base = with_token("127.0.0.1:1".parse().unwrap(), &good);
    assert_eq!(errors(&base), "");
    let jwks_line = format!("jwks: {{ file: {} }}", good.display());
    let named = |name: &str| format!("jwks: {{ file: {} }}", scratch.path(name).display());
    let secret = |path: &std::path::Path| format!("secret: {{ file: {} }}", path.display());
    let (oct, short, large, text, none) =
        (named("oct.json"), named("short.json"), named("large.json"), named("text.json"), named("none.json"));
    let (same, own) = (secret(&shared), secret(&own));
    let both = format!("{jwks_line}\n    {own}");
    let hs256 = ("algorithms: [ES256, RS256]", "algorithms: HS256");
    let cases: Vec<(Vec<(&str, &str)>, &str)> = vec![
        (vec![("algorithms: [ES256, RS256]\n", "\n")], "`algorithms` is required here"),
        (vec![("[ES256, RS256]", "[]")], "at least one algorithm"),
        (vec![("[ES256, RS256]", "[none]")], "one of `RS256`"),
        (vec![("[ES256, RS256]", "ES265")], "did you mean"),
        (vec![hs256], "HS256 is checked with a shared secret"),
        (vec![("[ES256, RS256]", "[ES256, HS256]")], "HS256 is checked with a shared secret"),
        (vec![(&jwks_line, &own)], "ES256 is checked with a public key"),
        (vec![(&jwks_line, &same), hs256], "this is Pandium's secret"),
        (vec![(&jwks_line, "secret: { file: nowhere/at-all }"), hs256], "cannot read"),
        (vec![(&jwks_line, "secret: hunter2"), hs256], "a secret does not belong in this file"),
        (vec![(&jwks_line, "")], "`jwks` or `secret` is required here"),
        (vec![(&jwks_line, &both)], "a token is checked with one thing"),
        (vec![(&jwks_line, &oct)], "keys[0] is a symmetric key"),
        (vec![(&jwks_line, &short)], "keys[0] is an RSA key of 17 bits"),
        (vec![(&jwks_line, &large)], "larger than 256KiB"),
        (vec![(&jwks_line, &text)], "this is no JWKS"),
        (vec![(&jwks_line, &none)], "cannot read this file: No such file"),
        (vec![("[ES256, RS256]", "RS256")], "none of its keys"),
        (vec![(&jwks_line, "jwks: {}")], "`file` or `url` is required here"),
        (vec![(&jwks_line, "jwks: { url: \"http://id.example/keys\" }")], "http:// is for loopback hosts"),
        (vec![(&jwks_line, "jwks: { url: \"http://127.0.0.1.evil.example/keys\" }")], "loopback hosts"),
        (vec![(&jwks_line, "jwks: { url: \"http://localhost@evil.example/keys\" }")], "no user or password"),
        (vec![("header: X-Assertion", "header: Cookie")], "cannot carry the token"),
        (vec![("header: X-Assertion", "header: X-Pandium-Token")], "is a header of ours"),
        (vec![("header: X-Assertion", "cookie: \"a b\"")], "a cookie's name"),
        (vec![("header: X-Assertion", "")], "`header` or `cookie` is required here"),
        (vec![("header: X-Assertion", "header: X-A\n    cookie: b")], "the token stands in one place"),
        (vec![("header: X-Assertion", "headers: X-A")], "did you mean"),
        (vec![("issuer: https://id.example", "issuer: \"\"")], "must not be empty"),
        (vec![("audience: [sidecar, other]", "audience: []")], "at least one text"),
        (vec![("claim: /org/id", "header: X-Tenant-Id")], "nobody vouches for a header"),
        (vec![("claim: /org/id", "json: /org/id")], "it needs `from: probe`"),
        (vec![("claim: /org/id", "claim: sub")], "did you mean `/sub`"),
        (vec![("claim: /org/id", "claim: \"/a~2\"")], "a JSON pointer is wanted here"),
        (vec![("claim: /org/id", "claim: /a, cookie: b")], "a field has one source"),
        (vec![("from: jwt", "from: handoff")], "no token is read with this `from`"),
        (vec![("from: jwt", "from: headers")], "no token is read with this `from`"),
        (vec![("  jwt:\n", "  probe: { path: /x }\n  jwt:\n")], "nobody is asked with this `from`"),
    ];
    for (changes, expected) in cases {
        let errors = errors(&changed(&base, &changes));
        assert!(errors.contains(expected), "{changes:?}\n{errors}");
        assert!(errors.starts_with("test.yaml:"), "{errors}");
        assert!(!errors.contains("hunter2") && !errors.contains("issuer-secret"), "{errors}");
    }
}

#[test]
fn an_issuer_that_is_asked_has_to_prove_itself() {
    let scratch = Scratch::new("jwt-ca");
    let keys = scratch.write("jwks.json", jwks(&[Issuer::p256().jwk(None)]));
    let base = with_token("127.0.0.1:1".parse().unwrap(), &keys);
    let keys = format!("{{ file: {} }}", keys.display());
    for (line, expected) in [
        ("{ url: \"https://id.example/keys\", ca_file: DIR/none.pem }", "ca_file: cannot read this file"),
        ("{ url: \"https://id.example/keys\", ca_file: DIR/jwks.json }", "there is no certificate in it"),
        (
            "{ url: \"http://localhost/keys\", ca_file: DIR/none.pem }",
            "only behind https:// is anything proved",
        ),
        ("{ file: DIR/jwks.json, ca_file: DIR/none.pem }", "`ca_file` belongs to `url`"),
        ("{ url: \"https://id.example/keys\" }", ""),
    ] {
        let line = line.replace("DIR", scratch.path("").to_str().unwrap());
        let errors = errors(&changed(&base, &[(&keys, &line)]));
        assert!(errors.contains(expected), "{line}\n{errors}");
        assert_eq!(errors.is_empty(), expected.is_empty(), "{line}\n{errors}");
    }
}

#[test]
fn a_token_is_wanted_where_one_is_to_be_read() {
    let base = with_token("127.0.0.1:1".parse().unwrap(), std::path::Path::new("none"));
    let without = &base[..base.find("  jwt:").unwrap()];
    let fields = &base[base.find("  fields:").unwrap()..];
    assert!(errors(&format!("{without}{fields}")).contains("`from: jwt` needs `jwt:"));
    let claims = changed(&format!("{without}{fields}"), &[("from: jwt", "from: handoff")]);
    assert!(errors(&claims).contains("it needs `from: jwt`"));
}

#[test]
fn what_is_unwise_is_a_warning() {
    let scratch = Scratch::new("jwt-warn");
    let good = scratch.write("jwks.json", jwks(&[Issuer::p256().jwk(None)]));
    let base = with_token("127.0.0.1:1".parse().unwrap(), &good);
    let warnings = |text: &str| -> Vec<String> {
        load(text).unwrap().warnings.iter().map(|warning| warning.headline("")).collect()
    };
    assert_eq!(warnings(&base), [""; 0]);
    // Trust is nobody's business here.
    assert_eq!(warnings(&changed(&base, &[("trust: { peers: 127.0.0.2 }\n", "")])), [""; 0]);
    let open = warnings(&changed(&base, &[("audience: [sidecar, other]", "")]));
    assert!(open.len() == 1 && open[0].contains("without `audience`"), "{open:?}");
    let cookie = warnings(&changed(&base, &[("claim: /org/id", "cookie: org")]));
    assert!(cookie.len() == 1 && cookie[0].contains("visitor's own word"), "{cookie:?}");
}

#[test]
fn the_commands_know_tokens() {
    let scratch = Scratch::new("jwt-commands");
    let issuer = Issuer::p256();
    let keys = scratch.write("jwks.json", jwks(&[issuer.jwk(None)]));
    let config = scratch.write("config.yaml", with_token("127.0.0.1:1".parse().unwrap(), &keys));
    let config = config.to_str().unwrap();
    let check = run(program(&["check", "--config", config]).env("FIXTURE_SECRET", SECRET));
    assert_eq!(check.code, Some(0), "{}", check.all());
    for words in [
        "a token, header x-assertion, checked by ES256, RS256 with 1 keys of a file",
        "iss https://id.example, aud sidecar or other",
        "claim /org/id → session.tenant_id, string, required",
    ] {
        assert!(check.stdout.contains(words), "{words}\n{}", check.stdout);
    }
    let token = issuer.plain("ES256", None, &good_claims());
    let header = format!("X-Assertion: Bearer {token}");
    let mint = |arguments: &[&str]| {
        let all = [&["mint", "gwt2hs", "--config", config], arguments].concat();
        run(program(&all).env("FIXTURE_SECRET", SECRET))
    };
    let minted = mint(&["-H", &header, "--format", "claims"]);
    assert!(minted.stdout.contains(r#""sub":"42""#), "{}", minted.all());
    let explained = mint(&["-H", &header, "--format", "explain"]);
    assert!(explained.stdout.contains("claim /org/id"), "{}", explained.all());
    assert!(mint(&["-H", &header]).stdout.contains("tenant=ey"));
    // It is checked as the request's would be, at the moment that is played.
    for (arguments, why) in [
        (vec!["-H", header.as_str(), "--now", "4000000000"], "has expired"),
        (vec!["-H", header.as_str(), "--now", "1000000000"], "not valid yet"),
        (vec![], "there is no token"),
        (vec!["-H", header.as_str(), "-H", header.as_str()], "duplicate-header"),
        (vec!["-H", "X-Assertion: a.b.c"], "header cannot be read"),
    ] {
        let refused = mint(&arguments);
        assert_eq!(refused.code, Some(1), "{}", refused.all());
        assert!(refused.stderr.contains(why), "{why}\n{}", refused.all());
        assert!(!refused.all().contains("eyJ"), "{}", refused.all());
    }
    // Without its keys a file can be looked at, and nothing can be rehearsed.
    std::fs::remove_file(keys).unwrap();
    let check = run(&mut program(&["check", "--without-secrets", "--config", config]));
    assert!(check.code == Some(0) && check.stdout.contains("keys that were not read"), "{}", check.all());
    assert!(mint(&["-H", &header, "--format", "claims"]).stderr.contains("cannot read this file"));
}
