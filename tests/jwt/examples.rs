//! The files in `deploy/identity`: each is loaded as it stands, but for its paths, and fed with a
//! token as its documentation describes it.

use crate::fetched::{answer, say};
use crate::harness::certs::Authority;
use crate::harness::child::Scratch;
use crate::harness::{App, STRANGER, Sidecar, assert_minted, assert_refused, changed, claims};
use crate::issuer::{Issuer, jwks};
use crate::requests::now;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

struct Example {
    name: &'static str,
    header: &'static str,
    algorithm: &'static str,
    keys: &'static str,
    /// The claims, but for the moments.
    claims: Value,
    /// `sub`, `ti.ufn` and `ti.uem` of the tenant token.
    expected: [&'static str; 3],
}

fn examples() -> [Example; 3] {
    [
        Example {
            name: "google-iap",
            header: "X-Goog-IAP-JWT-Assertion",
            algorithm: "ES256",
            keys: "https://www.gstatic.com/iap/verify/public_key-jwk",
            claims: json!({
                "iss": "https://cloud.google.com/iap",
                "aud": "/projects/123456789012/global/backendServices/1234567890123456789",
                "sub": "accounts.google.com:112233445566778899000", "email": "zoe@acme.example",
                "hd": "acme.example",
            }),
            expected: ["acme.example", "zoe@acme.example", "zoe@acme.example"],
        },
        Example {
            name: "cloudflare-access",
            header: "Cf-Access-Jwt-Assertion",
            algorithm: "RS256",
            keys: "https://example.cloudflareaccess.com/cdn-cgi/access/certs",
            claims: json!({
                "iss": "https://example.cloudflareaccess.com",
                "aud": ["4714c1358e65fe4b408ad6d432a5f878f08194bdb4752441fd56faefa9b2b6f2"],
                "sub": "7335d417-61da-459d-899c-0a01c76a2f94", "email": "zoe@acme.example", "type": "app",
                "identity_nonce": "6ei69kawdKzMIAPF", "country": "US",
                "custom": {"tenant_id": 42, "tenant_name": "Acme"},
            }),
            expected: ["42", "zoe@acme.example", "zoe@acme.example"],
        },
        Example {
            name: "pomerium",
            header: "X-Pomerium-Jwt-Assertion",
            algorithm: "ES256",
            keys: "https://app.example.com/.well-known/pomerium/jwks.json",
            claims: json!({
                "iss": "app.example.com", "aud": "app.example.com", "jti": "a", "sid": "b",
                "sub": "google/1122", "user": "google/1122", "email": "zoe@acme.example", "name": "Zoë",
                "groups": [], "tenant_id": "acme-42", "tenant_name": "Acme",
            }),
            expected: ["acme-42", "Zoë", "zoe@acme.example"],
        },
    ]
}

fn directory() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/identity")
}

#[test]
fn every_file_there_is_played() {
    let files = std::fs::read_dir(directory()).unwrap().map(|entry| entry.unwrap().file_name());
    let files: BTreeSet<_> =
        files.map(|name| name.into_string().unwrap()).filter(|name| name != "README.md").collect();
    let played: BTreeSet<_> = examples().iter().map(|example| format!("{}.yaml", example.name)).collect();
    assert_eq!(files, played);
}

#[tokio::test]
async fn each_lets_its_own_visitors_in_and_nobody_else() {
    for example in examples() {
        let Example { name, header, algorithm, keys, mut claims, expected } = example;
        let scratch = Scratch::new(name);
        let new_issuer = || if algorithm == "RS256" { Issuer::rsa() } else { Issuer::p256() };
        let (issuer, other) = (new_issuer(), new_issuer());
        // With its `alg` and `use`, as these issuers publish theirs.
        let published = |issuer: &Issuer, kid: &str| {
            let mut jwk = issuer.jwk(Some(kid));
            jwk["alg"] = algorithm.into();
            jwk["use"] = "sig".into();
            jwk
        };
        let mut set: Value =
            serde_json::from_str(&jwks(&[published(&other, "old"), published(&issuer, "new")])).unwrap();
        set["public_cert"] = json!({"kid": "new", "cert": "-----BEGIN CERTIFICATE-----"});
        let path = &keys[keys.match_indices('/').nth(2).unwrap().0..];
        say(path, "200 OK", &set.to_string());
        let authority = Authority::new(name);
        let ca = scratch.write("ca.pem", authority.pem());
        let server = App::encrypted(answer, authority.issue(&["localhost"]).acceptor()).await;
        let at = format!("https://localhost:{}{path}", server.address.port());
        let app = App::start().await;
        let text = std::fs::read_to_string(directory().join(format!("{name}.yaml"))).unwrap();
        let text = changed(
            &text,
            &[
                ("listen: 0.0.0.0:8710", "listen: 127.0.0.1:0\nadmin: off"),
                ("http://127.0.0.1:3000", &format!("http://{}", app.address)),
                ("{ file: /run/secrets/pandium/shared-secret }", "{ env: FIXTURE_SECRET }"),
                (&format!("{{ url: {keys} }}"), &format!("{{ url: \"{at}\", ca_file: {} }}", ca.display())),
            ],
        );
        let sidecar = Sidecar::start(&text).await;
        claims["iat"] = now().into();
        claims["exp"] = (now() + 600).into();
        let token = |claims: &Value, kid: &str| issuer.plain(algorithm, Some(kid), claims);
        let install = async |token: String| sidecar.install(STRANGER, &[&format!("{header}: {token}")]).await;
        let minted = install(token(&claims, "new")).await;
        assert_minted(&minted, name);
        let made = self::claims(&minted);
        assert_eq!([&made["sub"], &made["ti"]["ufn"], &made["ti"]["uem"]], expected, "{name}");
        assert_refused(&install(token(&claims, "old")).await, 401, "signed-out", name);
        for (claim, value) in
            [("aud", json!("another")), ("iss", json!("https://evil.example")), ("exp", json!(now() - 60))]
        {
            let mut wrong = claims.clone();
            wrong[claim] = value;
            assert_refused(&install(token(&wrong, "new")).await, 401, "signed-out", claim);
        }
    }
}
