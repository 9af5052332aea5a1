//! Checking a JWT that came with a request: `session.from: jwt`.
//!
//! The token's own header decides nothing: algorithms and keys are the file's, and a token can only
//! fail to fit them. Nothing that a token names is fetched or opened. The clock's reading is handed
//! in, so that every moment of a token's life can be played.

use super::Signer;
use super::jwks::KeySet;
use crate::redact::Secret;
use crate::strict;
use base64_simd::URL_SAFE_NO_PAD;
pub use jsonwebtoken::Algorithm;
use jsonwebtoken::{AlgorithmFamily, DecodingKey};
use serde_json::{Map, Value};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// The longest token that is read.
pub const MAX_BYTES: usize = 16 << 10;

/// How far the issuer's clock and ours may be apart, in seconds.
const LEEWAY: f64 = 30.0;

/// The words for algorithms. `none` is not among them.
pub const ALGORITHMS: [(&str, Algorithm); 12] = [
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
    ("HS256", Algorithm::HS256),
    ("HS384", Algorithm::HS384),
    ("HS512", Algorithm::HS512),
];

/// Whether an algorithm takes a shared secret.
pub fn is_symmetric(algorithm: Algorithm) -> bool {
    algorithm.family() == AlgorithmFamily::Hmac
}

/// What tokens are checked with.
pub enum Keys {
    /// A secret shared with the issuer.
    Secret(Secret),
    /// The issuer's public keys; none before they are there.
    Public(RwLock<Option<Arc<KeySet>>>),
    /// None: secrets were left alone.
    LeftAlone,
}

impl Keys {
    /// The issuer's public keys.
    pub fn public(set: Option<KeySet>) -> Self {
        Self::Public(RwLock::new(set.map(Arc::new)))
    }
}

/// What a token has to be.
pub struct Verifier {
    /// What it is signed with.
    pub keys: Keys,
    /// By which algorithms, and no others.
    pub algorithms: Vec<Algorithm>,
    /// Its `iss` is one of these; any will do where there are none.
    pub issuers: Vec<String>,
    /// Its `aud` has one of these; any will do where there are none.
    pub audiences: Vec<String>,
}

/// Keys are shown to nobody.
impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("algorithms", &self.algorithms).finish_non_exhaustive()
    }
}

/// Why a token counts for nothing. It names a state and never a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwtFault {
    /// More than [`MAX_BYTES`].
    #[error("the token is longer than 16KiB")]
    Length,
    /// Not a JWS in its compact form: that has three.
    #[error("the token is not of three segments")]
    Segments,
    /// Base64url of a JSON object is wanted.
    #[error("the token's header cannot be read, or has a name twice")]
    Header,
    /// Extensions that have to be understood, and are not.
    #[error("the token's header has `crit`")]
    Critical,
    /// `jku`, `jwk`, `x5u`, `x5c`: keys are the file's.
    #[error("the token's header brings a key of its own, or says where one is")]
    OwnKey,
    /// `none`, or any other that the file does not list.
    #[error("the token's algorithm is not one of session.jwt.algorithms")]
    Algorithm,
    /// There is nothing to check it with.
    #[error("there are no keys to check a token with")]
    NoKeys,
    /// The issuer's keys do not have it.
    #[error("no key has the token's `kid`, and can be of its algorithm")]
    UnknownKey,
    /// Changed, or signed by somebody else.
    #[error("the token's signature does not hold")]
    Signature,
    /// Base64url of a JSON object is wanted.
    #[error("the token's claims cannot be read, or have a name twice")]
    Claims,
    /// Text in place of a number, and the like.
    #[error("the token's `{0}` is not a number")]
    NotANumber(&'static str),
    /// `exp`
    #[error("the token has expired")]
    Expired,
    /// `nbf`
    #[error("the token is not valid yet")]
    TooEarly,
    /// `iss`
    #[error("the token's `iss` is not session.jwt.issuer")]
    Issuer,
    /// `aud`
    #[error("the token's `aud` has not session.jwt.audience")]
    Audience,
}

impl Verifier {
    /// The claims of a token that holds.
    pub fn verify(&self, token: &str, now: u64) -> Result<Value, JwtFault> {
        if token.len() > MAX_BYTES {
            return Err(JwtFault::Length);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(JwtFault::Segments)?;
        let (header, claims) = signed.split_once('.').ok_or(JwtFault::Segments)?;
        if claims.contains('.') {
            return Err(JwtFault::Segments);
        }
        let header = object(header).ok_or(JwtFault::Header)?;
        let (algorithm, kid) = self.read_header(&header)?;
        self.check_signature(signed, signature, algorithm, kid)?;
        let claims = object(claims).ok_or(JwtFault::Claims)?;
        check_time(&claims, now)?;
        self.check_names(&claims)?;
        Ok(Value::Object(claims))
    }

    fn read_header<'h>(
        &self,
        header: &'h Map<String, Value>,
    ) -> Result<(Algorithm, Option<&'h str>), JwtFault> {
        if header.contains_key("crit") {
            return Err(JwtFault::Critical);
        }
        if ["jku", "jwk", "x5u", "x5c"].iter().any(|name| header.contains_key(*name)) {
            return Err(JwtFault::OwnKey);
        }
        let named = header.get("alg").and_then(Value::as_str).ok_or(JwtFault::Header)?;
        let known = ALGORITHMS.iter().find(|(word, _)| *word == named).map(|(_, algorithm)| *algorithm);
        let algorithm = known.filter(|own| self.algorithms.contains(own)).ok_or(JwtFault::Algorithm)?;
        let kid = header.get("kid").map(|kid| kid.as_str().ok_or(JwtFault::Header)).transpose()?;
        // A `kid` is compared and nothing else. One that climbs directories is an attack on somebody.
        if kid.is_some_and(|kid| kid.contains("../") || kid.contains("..\\")) {
            return Err(JwtFault::UnknownKey);
        }
        Ok((algorithm, kid))
    }

    fn check_signature(
        &self,
        signed: &str,
        signature: &str,
        algorithm: Algorithm,
        kid: Option<&str>,
    ) -> Result<(), JwtFault> {
        let holds = |key: &DecodingKey| {
            jsonwebtoken::crypto::verify(signature, signed.as_bytes(), key, algorithm).unwrap_or(false)
        };
        let mut candidates = 0;
        let verified = match &self.keys {
            Keys::Secret(secret) => {
                candidates = 1;
                is_symmetric(algorithm) && holds(&DecodingKey::from_secret(secret.expose()))
            }
            Keys::Public(_) => {
                let set = self.public_keys().ok_or(JwtFault::NoKeys)?;
                set.candidates(kid, algorithm).inspect(|_| candidates += 1).any(holds)
            }
            Keys::LeftAlone => return Err(JwtFault::NoKeys),
        };
        match (verified, candidates) {
            (true, _) => Ok(()),
            (false, 0) => Err(JwtFault::UnknownKey),
            (false, _) => Err(JwtFault::Signature),
        }
    }

    /// Who it is from and for. RFC 7519 §4.1.3: `aud` is one text, or a list of them.
    fn check_names(&self, claims: &Map<String, Value>) -> Result<(), JwtFault> {
        let is_one_of = |known: &[String], named: &Value| known.iter().any(|known| named == known);
        let issuer = claims.get("iss");
        if !self.issuers.is_empty() && !issuer.is_some_and(|issuer| is_one_of(&self.issuers, issuer)) {
            return Err(JwtFault::Issuer);
        }
        let for_us = match claims.get("aud") {
            Some(Value::Array(all)) => {
                all.iter().all(Value::is_string) && all.iter().any(|one| is_one_of(&self.audiences, one))
            }
            Some(one) => is_one_of(&self.audiences, one),
            None => false,
        };
        if for_us || self.audiences.is_empty() { Ok(()) } else { Err(JwtFault::Audience) }
    }

    /// The public keys that there are now.
    pub fn public_keys(&self) -> Option<Arc<KeySet>> {
        let Keys::Public(set) = &self.keys else { return None };
        set.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many public keys there are now.
    pub fn count_keys(&self) -> usize {
        self.public_keys().map_or(0, |set| set.count())
    }

    /// Puts the issuer's keys in place of those that were there, all at once.
    pub fn replace_keys(&self, set: Arc<KeySet>) {
        if let Keys::Public(own) = &self.keys {
            *own.write().unwrap_or_else(PoisonError::into_inner) = Some(set);
        }
    }

    /// Whether it goes by this signer's own secret: who may say who a visitor is could then write the
    /// tenant token too.
    pub fn shares_secret_with(&self, signer: &Signer) -> bool {
        matches!(&self.keys, Keys::Secret(secret) if signer.is_of(secret))
    }
}

fn object(segment: &str) -> Option<Map<String, Value>> {
    strict::object(&URL_SAFE_NO_PAD.decode_to_vec(segment).ok()?)
}

/// RFC 7519 §4.1.4 and §4.1.5: numbers, with fractions or without.
fn check_time(claims: &Map<String, Value>, now: u64) -> Result<(), JwtFault> {
    let moment = |name: &'static str| {
        claims.get(name).map(|value| value.as_f64().ok_or(JwtFault::NotANumber(name))).transpose()
    };
    #[allow(clippy::cast_precision_loss, reason = "exact for the next 285 million years")]
    let now = now as f64;
    let (expires, begins) = (moment("exp")?, moment("nbf")?);
    if expires.is_some_and(|expires| now >= expires + LEEWAY) {
        return Err(JwtFault::Expired);
    }
    if begins.is_some_and(|begins| now + LEEWAY < begins) {
        return Err(JwtFault::TooEarly);
    }
    Ok(())
}
