//! Somebody who signs tokens, and signs anything.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512,
    RsaEncoding, RsaKeyPair, RsaPublicKeyComponents,
};
use base64_simd::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

pub enum Issuer {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Secret(Vec<u8>),
}

/// The moment at which all tests play.
pub const NOW: u64 = 1_800_000_000;

pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// A token of these three, as they are.
pub fn joined(header: &str, claims: &str, signature: &[u8]) -> String {
    format!("{}.{}.{}", base64url(header), base64url(claims), base64url(signature))
}

impl Issuer {
    pub fn rsa() -> Self {
        Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    pub fn p256() -> Self {
        Self::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    pub fn p384() -> Self {
        Self::P384(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap())
    }

    pub fn ed25519() -> Self {
        Self::Ed25519(Ed25519KeyPair::generate().unwrap())
    }

    pub fn secret(secret: impl Into<Vec<u8>>) -> Self {
        Self::Secret(secret.into())
    }

    /// The public half, as issuers publish it.
    pub fn jwk(&self, kid: Option<&str>) -> Value {
        let mut jwk = match self {
            Self::Rsa(key) => {
                let parts = RsaPublicKeyComponents::<Vec<u8>>::from(key.public_key());
                json!({"kty": "RSA", "n": base64url(parts.n), "e": base64url(parts.e)})
            }
            Self::P256(key) => point("P-256", key.public_key().as_ref()),
            Self::P384(key) => point("P-384", key.public_key().as_ref()),
            Self::Ed25519(key) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": base64url(key.public_key().as_ref())})
            }
            Self::Secret(_) => panic!("a secret has no public half"),
        };
        if let Some(kid) = kid {
            jwk["kid"] = kid.into();
        }
        jwk
    }

    /// Every form in which an attacker may have the public key.
    pub fn public_forms(&self) -> Vec<Vec<u8>> {
        let Self::Rsa(key) = self else { panic!("an RSA key is wanted") };
        let pkcs1 = key.public_key().as_ref().to_vec();
        let x509: PublicKeyX509Der<'_> = key.public_key().as_der().unwrap();
        let x509 = x509.as_ref().to_vec();
        let parts = RsaPublicKeyComponents::<Vec<u8>>::from(key.public_key());
        let base64 = base64_simd::STANDARD.encode_to_string(&x509);
        let lines: Vec<_> =
            base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", lines.join("\n"));
        let (jwk, n) = (self.jwk(None).to_string(), base64url(&parts.n));
        vec![
            pkcs1,
            x509,
            format!("{pem}\n").into_bytes(),
            pem.into_bytes(),
            jwk.into_bytes(),
            n.into_bytes(),
            parts.n,
            Vec::new(),
        ]
    }

    /// A signature by an algorithm, over anything.
    pub fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(key) => {
                let encoding: &'static dyn RsaEncoding = match algorithm {
                    "RS384" => &RSA_PKCS1_SHA384,
                    "RS512" => &RSA_PKCS1_SHA512,
                    "PS256" => &RSA_PSS_SHA256,
                    "PS384" => &RSA_PSS_SHA384,
                    "PS512" => &RSA_PSS_SHA512,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(encoding, &random, message, &mut signature).unwrap();
                signature
            }
            Self::P256(key) | Self::P384(key) => key.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Ed25519(key) => key.sign(message).as_ref().to_vec(),
            Self::Secret(secret) => {
                let algorithm = match algorithm {
                    "HS384" => hmac::HMAC_SHA384,
                    "HS512" => hmac::HMAC_SHA512,
                    _ => hmac::HMAC_SHA256,
                };
                hmac::sign(&hmac::Key::new(algorithm, secret), message).as_ref().to_vec()
            }
        }
    }

    /// A token of this header and these claims, as they are written.
    pub fn token(&self, header: &str, claims: &str) -> String {
        let algorithm: Value = serde_json::from_str(header).unwrap_or_default();
        let signed = format!("{}.{}", base64url(header), base64url(claims));
        let signature = self.sign(algorithm["alg"].as_str().unwrap_or_default(), signed.as_bytes());
        format!("{signed}.{}", base64url(signature))
    }

    /// The token that an issuer would make.
    pub fn plain(&self, algorithm: &str, kid: Option<&str>, claims: &Value) -> String {
        let mut header = json!({"alg": algorithm, "typ": "JWT"});
        if let Some(kid) = kid {
            header["kid"] = kid.into();
        }
        self.token(&header.to_string(), &claims.to_string())
    }
}

fn point(curve: &str, uncompressed: &[u8]) -> Value {
    let (x, y) = uncompressed[1..].split_at(uncompressed.len() / 2);
    json!({"kty": "EC", "crv": curve, "x": base64url(x), "y": base64url(y)})
}

/// A JWKS of these keys.
pub fn jwks(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}
