//! What a token has to be, claim by claim, without a socket.

use crate::issuer::{Issuer, NOW, base64url, joined, jwks};
use pandium_sidecar::redact::Secret;
use pandium_sidecar::token::jwks::KeySet;
use pandium_sidecar::token::verify::{ALGORITHMS, Algorithm, JwtFault, Keys, MAX_BYTES, Verifier};
use serde_json::json;

const SECRET: &[u8] = b"jwt-secret-0123456789abcdef0123456789";

fn algorithms(words: &[&str]) -> Vec<Algorithm> {
    let known = |word: &&str| ALGORITHMS.iter().find(|(name, _)| name == word).unwrap().1;
    words.iter().map(known).collect()
}

/// One that goes by these public keys.
pub fn public(jwks: &str, words: &[&str]) -> Verifier {
    let algorithms = algorithms(words);
    let set = KeySet::parse(jwks.as_bytes(), &algorithms).unwrap();
    Verifier { keys: Keys::public(Some(set)), algorithms, issuers: Vec::new(), audiences: Vec::new() }
}

fn shared(words: &[&str]) -> Verifier {
    let keys = Keys::Secret(Secret::new(SECRET.to_vec()));
    Verifier { keys, algorithms: algorithms(words), issuers: Vec::new(), audiences: Vec::new() }
}

const HS256: &str = r#"{"alg":"HS256"}"#;

/// What comes of a token of these claims, at this moment.
fn at(verifier: &Verifier, claims: &str, now: u64) -> Result<serde_json::Value, JwtFault> {
    verifier.verify(&Issuer::secret(SECRET).token(HS256, claims), now)
}

#[test]
fn every_algorithm_verifies_what_it_signed_and_nothing_else() {
    let rsa = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
    let families: [(Issuer, &[&str]); 5] = [
        (Issuer::rsa(), &rsa),
        (Issuer::p256(), &["ES256"]),
        (Issuer::p384(), &["ES384"]),
        (Issuer::ed25519(), &["EdDSA"]),
        (Issuer::secret(SECRET), &["HS256", "HS384", "HS512"]),
    ];
    let mut played = 0;
    for (issuer, own) in &families {
        for algorithm in *own {
            let verifier = match issuer {
                Issuer::Secret(_) => shared(&[algorithm]),
                _ => public(&jwks(&[issuer.jwk(None)]), &[algorithm]),
            };
            let token = issuer.plain(algorithm, None, &json!({"sub": "acme"}));
            assert_eq!(verifier.verify(&token, NOW).unwrap(), json!({"sub": "acme"}), "{algorithm}");
            // Any other algorithm in the header, with the same signature or one by that algorithm.
            for (other, _) in ALGORITHMS.iter().filter(|(name, _)| name != algorithm) {
                let forged = issuer.plain(other, None, &json!({"sub": "acme"}));
                assert_eq!(verifier.verify(&forged, NOW), Err(JwtFault::Algorithm), "{algorithm} {other}");
            }
            // One bit of the signature.
            let (signed, signature) = token.rsplit_once('.').unwrap();
            let mut bytes = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(signature).unwrap();
            bytes[7] ^= 1;
            let changed = format!("{signed}.{}", base64url(bytes));
            assert_eq!(verifier.verify(&changed, NOW), Err(JwtFault::Signature), "{algorithm}");
            for signature in ["", "AA", "=", "not base64!"] {
                let changed = format!("{signed}.{signature}");
                assert_eq!(verifier.verify(&changed, NOW), Err(JwtFault::Signature), "{algorithm}");
            }
            played += 1;
        }
    }
    assert_eq!(played, ALGORITHMS.len());
}

#[test]
fn a_public_key_is_no_secret() {
    let issuer = Issuer::rsa();
    // Also where the file allows every algorithm that a public key can have.
    let verifier = public(&jwks(&[issuer.jwk(Some("1"))]), &["RS256", "PS256", "ES256", "EdDSA"]);
    for form in issuer.public_forms() {
        for algorithm in ["HS256", "HS384", "HS512"] {
            for kid in [None, Some("1")] {
                let forged = Issuer::secret(form.clone()).plain(algorithm, kid, &json!({"sub": "acme"}));
                assert_eq!(verifier.verify(&forged, NOW), Err(JwtFault::Algorithm));
            }
        }
        // And where somebody got around the loader, which refuses this.
        let careless = public(&jwks(&[issuer.jwk(None)]), &["RS256", "HS256"]);
        let forged = Issuer::secret(form).plain("HS256", None, &json!({"sub": "acme"}));
        assert_eq!(careless.verify(&forged, NOW), Err(JwtFault::UnknownKey));
    }
}

#[test]
fn no_spelling_of_none_is_an_algorithm() {
    let verifier = public(&jwks(&[Issuer::p256().jwk(None)]), &["ES256"]);
    for none in ["none", "None", "NONE", "nOnE", "", " ", "es256", "ES256 ", "ES512", "HS256\\u0000"] {
        for signature in [&b""[..], b"x", &[0; 64]] {
            let token = joined(&format!(r#"{{"alg":"{none}"}}"#), r#"{"sub":"acme"}"#, signature);
            assert_eq!(verifier.verify(&token, NOW), Err(JwtFault::Algorithm), "{none}");
            assert!(verifier.verify(token.trim_end_matches('.'), NOW).is_err(), "{none}");
        }
    }
    // A signature of zeros held for ES256 elsewhere (CVE-2022-21449).
    let zeros = joined(r#"{"alg":"ES256"}"#, r#"{"sub":"acme"}"#, &[0; 64]);
    assert_eq!(verifier.verify(&zeros, NOW), Err(JwtFault::Signature));
}

#[test]
fn a_header_that_is_no_plain_one_is_refused_though_it_is_signed() {
    let (verifier, issuer) = (shared(&["HS256"]), Issuer::secret(SECRET));
    for (header, expected) in [
        (r#"{"alg":"HS256","typ":"JWT","kid":"any","x5t":"AA"}"#, Ok(())),
        (r#"{"alg":"HS256","crit":["exp"]}"#, Err(JwtFault::Critical)),
        (r#"{"alg":"HS256","crit":[]}"#, Err(JwtFault::Critical)),
        (r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#, Err(JwtFault::Critical)),
        (r#"{"alg":"HS256","jku":"http://127.0.0.1:1/"}"#, Err(JwtFault::OwnKey)),
        (r#"{"alg":"HS256","x5u":"file:///etc/passwd"}"#, Err(JwtFault::OwnKey)),
        (r#"{"alg":"HS256","jwk":{"kty":"oct","k":"AA"}}"#, Err(JwtFault::OwnKey)),
        (r#"{"alg":"HS256","x5c":["AA"]}"#, Err(JwtFault::OwnKey)),
        (r#"{"alg":"HS256","kid":"../../dev/null"}"#, Err(JwtFault::UnknownKey)),
        (r#"{"alg":"HS256","kid":1}"#, Err(JwtFault::Header)),
        (r#"{"alg":"HS256","kid":null}"#, Err(JwtFault::Header)),
        (r#"{"alg":"HS256","alg":"HS256"}"#, Err(JwtFault::Header)),
        (r#"{"alg":"none","alg":"HS256"}"#, Err(JwtFault::Header)),
        (r#"{"alg":"HS256","al\u0067":"none"}"#, Err(JwtFault::Header)),
        (r#"{"alg":"HS256","x":{"a":1,"a":2}}"#, Err(JwtFault::Header)),
        (r#"{"alg":["HS256"]}"#, Err(JwtFault::Header)),
        (r#"{"alg":null}"#, Err(JwtFault::Header)),
        (r#"{"typ":"JWT"}"#, Err(JwtFault::Header)),
        (r#"["HS256"]"#, Err(JwtFault::Header)),
        ("HS256", Err(JwtFault::Header)),
        ("", Err(JwtFault::Header)),
    ] {
        let token = issuer.token(header, r#"{"sub":"acme"}"#);
        assert_eq!(verifier.verify(&token, NOW).map(|_| ()), expected, "{header}");
    }
}

#[test]
fn a_token_has_three_segments() {
    let (verifier, issuer) = (shared(&["HS256"]), Issuer::secret(SECRET));
    let good = issuer.token(HS256, r#"{"sub":"acme"}"#);
    assert!(verifier.verify(&good, NOW).is_ok());
    let two = good.rsplit_once('.').unwrap().0.to_owned();
    // Signed as a whole, so that only the count is wrong.
    let resigned = |text: &str| format!("{text}.{}", base64url(issuer.sign("HS256", text.as_bytes())));
    for token in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "a".to_owned(),
        two.clone(),
        resigned(&base64url(HS256)),
        resigned(&format!("{two}.e30")),
        resigned(&format!("{two}.e30.e30")),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}\n"),
        format!("{good} {good}"),
    ] {
        assert!(verifier.verify(&token, NOW).is_err(), "{token}");
    }
    assert_eq!(verifier.verify(&resigned(&format!("{two}.e30")), NOW), Err(JwtFault::Segments));
    assert_eq!(verifier.verify(&resigned(&format!("{two}.e30.e30")), NOW), Err(JwtFault::Segments));
}

#[test]
fn a_token_has_an_end() {
    let (verifier, issuer) = (shared(&["HS256"]), Issuer::secret(SECRET));
    let of = |length: usize| issuer.token(HS256, &json!({"x": "y".repeat(length)}).to_string());
    let mut sizes = (11_000..13_000).map(|length| (of(length).len(), length));
    let (_, fits) = sizes.clone().rfind(|(size, _)| *size <= MAX_BYTES).unwrap();
    let (_, over) = sizes.find(|(size, _)| *size > MAX_BYTES).unwrap();
    assert!(verifier.verify(&of(fits), NOW).is_ok());
    assert_eq!(verifier.verify(&of(over), NOW), Err(JwtFault::Length));
}

#[test]
fn claims_are_one_object_without_a_name_twice() {
    let verifier = shared(&["HS256"]);
    for claims in [
        r#"{"sub":"acme","sub":"evil"}"#,
        r#"{"sub":"acme","s\u0075b":"evil"}"#,
        r#"{"exp":1,"exp":99999999999}"#,
        r#"{"org":{"id":1,"id":2}}"#,
        r#"{"orgs":[{"id":1,"id":2}]}"#,
        r#"["acme"]"#,
        r#""acme""#,
        "{",
        "",
        "{}{}",
    ] {
        assert_eq!(at(&verifier, claims, NOW), Err(JwtFault::Claims), "{claims}");
    }
}

#[test]
fn time_counts_with_half_a_minute_of_leeway() {
    let verifier = shared(&["HS256"]);
    for (claims, expected) in [
        (json!({"exp": NOW + 1}), Ok(())),
        (json!({"exp": NOW}), Ok(())),
        (json!({"exp": NOW - 29}), Ok(())),
        (json!({"exp": NOW - 30}), Err(JwtFault::Expired)),
        (json!({"exp": NOW - 3600}), Err(JwtFault::Expired)),
        (json!({"exp": 0}), Err(JwtFault::Expired)),
        (json!({"exp": -1}), Err(JwtFault::Expired)),
        (json!({"exp": 1_799_999_970.5}), Ok(())),
        (json!({"nbf": NOW}), Ok(())),
        (json!({"nbf": NOW + 30}), Ok(())),
        (json!({"nbf": NOW + 31}), Err(JwtFault::TooEarly)),
        (json!({"nbf": 9_999_999_999_u64}), Err(JwtFault::TooEarly)),
        (json!({"nbf": NOW - 10, "exp": NOW + 10}), Ok(())),
        // Text in place of a number, and whatever else (jsonwebtoken, CVE-2026-25537).
        (json!({"exp": "1"}), Err(JwtFault::NotANumber("exp"))),
        (json!({"exp": "9999999999"}), Err(JwtFault::NotANumber("exp"))),
        (json!({"exp": null}), Err(JwtFault::NotANumber("exp"))),
        (json!({"exp": true}), Err(JwtFault::NotANumber("exp"))),
        (json!({"exp": [NOW + 10]}), Err(JwtFault::NotANumber("exp"))),
        (json!({"nbf": "9999999999"}), Err(JwtFault::NotANumber("nbf"))),
        (json!({"nbf": {}}), Err(JwtFault::NotANumber("nbf"))),
    ] {
        assert_eq!(at(&verifier, &claims.to_string(), NOW).map(|_| ()), expected, "{claims}");
    }
}

#[test]
fn issuer_and_audience_have_to_be_in_it() {
    let open = shared(&["HS256"]);
    let one = ["https://id.example".to_owned()];
    let two = ["sidecar".to_owned(), "other".to_owned()];
    let strict = Verifier { issuers: one.to_vec(), audiences: two.to_vec(), ..shared(&["HS256"]) };
    let issuer = "https://id.example";
    for (claims, expected) in [
        (json!({"iss": issuer, "aud": "sidecar"}), Ok(())),
        (json!({"iss": issuer, "aud": ["x", "other"]}), Ok(())),
        (json!({"aud": "sidecar"}), Err(JwtFault::Issuer)),
        (json!({"iss": "https://id.example/", "aud": "sidecar"}), Err(JwtFault::Issuer)),
        (json!({"iss": "HTTPS://id.example", "aud": "sidecar"}), Err(JwtFault::Issuer)),
        (json!({"iss": [issuer], "aud": "sidecar"}), Err(JwtFault::Issuer)),
        (json!({"iss": null, "aud": "sidecar"}), Err(JwtFault::Issuer)),
        (json!({"iss": issuer}), Err(JwtFault::Audience)),
        (json!({"iss": issuer, "aud": "sidecar2"}), Err(JwtFault::Audience)),
        (json!({"iss": issuer, "aud": "sidecar other"}), Err(JwtFault::Audience)),
        (json!({"iss": issuer, "aud": []}), Err(JwtFault::Audience)),
        (json!({"iss": issuer, "aud": ["x"]}), Err(JwtFault::Audience)),
        (json!({"iss": issuer, "aud": ["sidecar", 1]}), Err(JwtFault::Audience)),
        (json!({"iss": issuer, "aud": [["sidecar"]]}), Err(JwtFault::Audience)),
        (json!({"iss": issuer, "aud": {"sidecar": true}}), Err(JwtFault::Audience)),
        (json!({"iss": issuer, "aud": null}), Err(JwtFault::Audience)),
    ] {
        let text = claims.to_string();
        assert_eq!(at(&strict, &text, NOW).map(|_| ()), expected, "{claims}");
        assert!(at(&open, &text, NOW).is_ok(), "{claims}");
    }
}

#[test]
fn without_keys_nothing_holds() {
    let token = Issuer::secret(SECRET).token(HS256, "{}");
    for keys in [Keys::LeftAlone, Keys::public(None)] {
        let verifier = Verifier { keys, ..shared(&["HS256"]) };
        assert_eq!(verifier.verify(&token, NOW), Err(JwtFault::NoKeys));
    }
}
