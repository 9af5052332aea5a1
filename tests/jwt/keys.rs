//! Sets of keys: which of them counts for which token, and which sets are refused.

use crate::issuer::{Issuer, NOW, base64url, jwks};
use crate::verifier::public;
use pandium_sidecar::token::jwks::{JwksFault, KeySet};
use pandium_sidecar::token::verify::{ALGORITHMS, JwtFault};
use serde_json::{Value, json};

#[test]
fn a_kid_picks_its_key_and_no_kid_tries_all() {
    let (old, new, stranger) = (Issuer::p256(), Issuer::p256(), Issuer::p256());
    let verifier = public(&jwks(&[old.jwk(Some("old")), new.jwk(Some("new"))]), &["ES256"]);
    let claims = json!({"sub": "acme"});
    for (issuer, kid, expected) in [
        (&old, Some("old"), Ok(())),
        (&new, Some("new"), Ok(())),
        (&old, None, Ok(())),
        (&new, None, Ok(())),
        (&old, Some("new"), Err(JwtFault::Signature)),
        (&new, Some("old"), Err(JwtFault::Signature)),
        (&stranger, None, Err(JwtFault::Signature)),
        (&stranger, Some("old"), Err(JwtFault::Signature)),
        (&old, Some("OLD"), Err(JwtFault::UnknownKey)),
        (&old, Some(""), Err(JwtFault::UnknownKey)),
        (&old, Some("old\u{0}"), Err(JwtFault::UnknownKey)),
        (&old, Some("../../old"), Err(JwtFault::UnknownKey)),
        (&old, Some("/dev/null"), Err(JwtFault::UnknownKey)),
        (&old, Some("old' OR '1'='1"), Err(JwtFault::UnknownKey)),
        (&old, Some("http://127.0.0.1:1/old"), Err(JwtFault::UnknownKey)),
    ] {
        let token = issuer.plain("ES256", kid, &claims);
        assert_eq!(verifier.verify(&token, NOW).map(|_| ()), expected, "{kid:?}");
    }
    // A key without a name is not the one that a token names.
    let nameless = public(&jwks(&[old.jwk(None)]), &["ES256"]);
    assert!(nameless.verify(&old.plain("ES256", None, &claims), NOW).is_ok());
    assert_eq!(nameless.verify(&old.plain("ES256", Some("old"), &claims), NOW), Err(JwtFault::UnknownKey));
}

#[test]
fn a_key_does_what_it_is_made_for() {
    let (rsa, ec) = (Issuer::rsa(), Issuer::p256());
    let with = |issuer: &Issuer, extra: Value| {
        let mut jwk = issuer.jwk(Some("1"));
        jwk.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        jwk
    };
    let other = Issuer::ed25519().jwk(Some("2"));
    let words = ["RS256", "PS256", "ES256", "EdDSA"];
    for (extra, rs256, ps256) in [
        (json!({}), Ok(()), Ok(())),
        (json!({"use": "sig", "key_ops": ["verify"]}), Ok(()), Ok(())),
        (json!({"alg": "RS256"}), Ok(()), Err(JwtFault::UnknownKey)),
        (json!({"alg": "PS256"}), Err(JwtFault::UnknownKey), Ok(())),
        (json!({"alg": "ES256"}), Err(JwtFault::UnknownKey), Err(JwtFault::UnknownKey)),
        (json!({"alg": "RSA-OAEP-256"}), Err(JwtFault::UnknownKey), Err(JwtFault::UnknownKey)),
        (json!({"use": "enc"}), Err(JwtFault::UnknownKey), Err(JwtFault::UnknownKey)),
        (json!({"key_ops": ["encrypt"]}), Err(JwtFault::UnknownKey), Err(JwtFault::UnknownKey)),
        (json!({"key_ops": "verify"}), Err(JwtFault::UnknownKey), Err(JwtFault::UnknownKey)),
    ] {
        let verifier = public(&jwks(&[with(&rsa, extra.clone()), other.clone()]), &words);
        for (algorithm, expected) in [("RS256", rs256), ("PS256", ps256)] {
            let token = rsa.plain(algorithm, Some("1"), &json!({}));
            assert_eq!(verifier.verify(&token, NOW).map(|_| ()), expected, "{algorithm} {extra}");
        }
    }
    // One kid, two kinds of key: the algorithm picks.
    let both = public(&jwks(&[rsa.jwk(Some("1")), ec.jwk(Some("1"))]), &words);
    assert!(both.verify(&rsa.plain("RS256", Some("1"), &json!({})), NOW).is_ok());
    assert!(both.verify(&ec.plain("ES256", Some("1"), &json!({})), NOW).is_ok());
}

#[test]
fn a_set_that_is_wrong_or_weak_is_refused() {
    let good = Issuer::p256().jwk(None);
    let rsa = |bytes: usize, first: u8, exponent: &[u8]| {
        let mut n = vec![0xFF; bytes];
        n[0] = first;
        json!({"kty": "RSA", "n": base64url(n), "e": base64url(exponent)})
    };
    let f4: &[u8] = &[1, 0, 1];
    let ec = |x: usize, y: usize, crv: &str| json!({"kty": "EC", "crv": crv, "x": base64url(vec![1; x]), "y": base64url(vec![1; y])});
    for (key, expected) in [
        (rsa(256, 0xFF, f4), None),
        (rsa(257, 0, f4), None),
        (rsa(1024, 0xFF, f4), None),
        (rsa(256, 0x7F, f4), Some(JwksFault::Size(1, 2047))),
        (rsa(128, 0xFF, f4), Some(JwksFault::Size(1, 1024))),
        (rsa(64, 0xFF, f4), Some(JwksFault::Size(1, 512))),
        (rsa(1025, 1, f4), Some(JwksFault::Size(1, 8193))),
        (rsa(256, 0xFF, &[1]), Some(JwksFault::Broken(1))),
        (rsa(256, 0xFF, &[0, 1]), Some(JwksFault::Broken(1))),
        (rsa(256, 0xFF, &[2]), Some(JwksFault::Broken(1))),
        (rsa(256, 0xFF, &[]), Some(JwksFault::Broken(1))),
        (json!({"kty": "RSA", "n": "!", "e": "AQAB"}), Some(JwksFault::Broken(1))),
        (json!({"kty": "RSA", "e": "AQAB"}), Some(JwksFault::Broken(1))),
        (json!({"kty": "RSA", "n": 5, "e": "AQAB"}), Some(JwksFault::Broken(1))),
        (json!({"kty": "oct", "k": "c2VjcmV0"}), Some(JwksFault::Symmetric(1))),
        (json!({"kty": "oct", "k": "c2VjcmV0", "use": "enc"}), Some(JwksFault::Symmetric(1))),
        (json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "d": "AA"}), Some(JwksFault::Private(1))),
        (ec(32, 31, "P-256"), Some(JwksFault::Broken(1))),
        (ec(48, 48, "P-256"), Some(JwksFault::Broken(1))),
        (ec(32, 32, "P-384"), Some(JwksFault::Broken(1))),
        (json!({"kty": "OKP", "crv": "Ed25519", "x": "AA"}), Some(JwksFault::Broken(1))),
        (json!({"crv": "P-256"}), Some(JwksFault::Broken(1))),
        (json!("key"), Some(JwksFault::Broken(1))),
        // RFC 7517 §5: what one does not know is left out.
        (json!({"kty": "quantum"}), None),
        (ec(66, 66, "P-521"), None),
        (json!({"kty": "OKP", "crv": "X25519", "x": "AA"}), None),
        // A key that nothing is checked with may be as weak as it likes.
        (json!({"kty": "RSA", "n": "AQ", "e": "AQAB", "use": "enc"}), None),
    ] {
        let all = ALGORITHMS.map(|(_, algorithm)| algorithm);
        let read = KeySet::parse(jwks(&[good.clone(), key.clone()]).as_bytes(), &all);
        assert_eq!(read.err(), expected, "{key}");
    }
}

#[test]
fn a_set_is_a_list_of_keys_that_can_be_used() {
    let all = ALGORITHMS.map(|(_, algorithm)| algorithm);
    let key = Issuer::p256().jwk(None);
    for (json, expected) in [
        (String::new(), JwksFault::Shape),
        ("[]".to_owned(), JwksFault::Shape),
        (key.to_string(), JwksFault::Shape),
        (json!({"keys": key}).to_string(), JwksFault::Shape),
        (format!(r#"{{"keys":[],"keys":[{key}]}}"#), JwksFault::Shape),
        (r#"{"keys":[{"kty":"oct","kty":"RSA"}]}"#.to_owned(), JwksFault::Shape),
        (r#"{"keys":[]}"#.to_owned(), JwksFault::NoneUsable),
        (r#"{"keys":[{"kty":"quantum"}]}"#.to_owned(), JwksFault::NoneUsable),
    ] {
        assert_eq!(KeySet::parse(json.as_bytes(), &all).err(), Some(expected), "{json}");
    }
    // Right keys, for another algorithm than those of the file.
    let only_rsa = [ALGORITHMS[0].1];
    assert_eq!(KeySet::parse(jwks(&[key]).as_bytes(), &only_rsa).err(), Some(JwksFault::NoneUsable));
}
