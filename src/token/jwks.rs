//! The keys that tokens on requests are checked with, as their issuer publishes them (RFC 7517).

use crate::strict;
use base64_simd::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};

/// The least and the most bits of an RSA key: fewer are too few, more are a way to keep us busy.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

const RSA: [Algorithm; 6] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];

/// Public keys.
pub struct KeySet(Vec<Key>);

/// One key, and nothing that it is not made for.
struct Key {
    kid: Option<String>,
    /// A key has a type, so no algorithm of another type can be made to take it: a public RSA key is
    /// never the secret of an HMAC.
    algorithms: Vec<Algorithm>,
    public: DecodingKey,
}

/// Why a set of keys is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwksFault {
    /// Not what RFC 7517 §5 describes.
    #[error("this is no JWKS: a JSON object with a list of `keys` (RFC 7517 §5), no name in it twice")]
    Shape,
    /// Something in place of a key.
    #[error("keys[{0}] is no key as RFC 7517 and 7518 describe it")]
    Broken(usize),
    /// A shared secret among public keys.
    #[error("keys[{0}] is a symmetric key, which does not belong among public ones; give it as `secret`")]
    Symmetric(usize),
    /// More than is needed to check a signature.
    #[error(
        "keys[{0}] is a private key: whoever can read it can sign; leave the public half of it alone here"
    )]
    Private(usize),
    /// An RSA key that can be broken, or that keeps us busy.
    #[error("keys[{0}] is an RSA key of {1} bits, where 2048 to 8192 are taken")]
    Size(usize, usize),
    /// Nothing to check anything with.
    #[error("none of its keys is for checking signatures by one of `algorithms`")]
    NoneUsable,
}

impl KeySet {
    /// Reads a set. Keys of an unknown type or for another use are left out; one that is wrong, or
    /// too weak, makes all of it wrong.
    pub fn parse(json: &[u8], algorithms: &[Algorithm]) -> Result<Self, JwksFault> {
        let set = strict::object(json).ok_or(JwksFault::Shape)?;
        let Some(Value::Array(written)) = set.get("keys") else { return Err(JwksFault::Shape) };
        let mut keys = Vec::new();
        for (index, key) in written.iter().enumerate() {
            let key = key.as_object().ok_or(JwksFault::Broken(index))?;
            keys.extend(Key::read(key, index)?);
        }
        keys.retain(|key| key.algorithms.iter().any(|own| algorithms.contains(own)));
        if keys.is_empty() { Err(JwksFault::NoneUsable) } else { Ok(Self(keys)) }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The keys that may have signed a token: those of its `kid`, where it has one.
    pub(super) fn candidates<'k>(
        &'k self,
        kid: Option<&'k str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &'k DecodingKey> {
        self.0
            .iter()
            .filter(move |key| kid.is_none() || key.kid.as_deref() == kid)
            .filter(move |key| key.algorithms.contains(&algorithm))
            .map(|key| &key.public)
    }
}

impl Key {
    fn read(jwk: &Map<String, Value>, index: usize) -> Result<Option<Self>, JwksFault> {
        let broken = || JwksFault::Broken(index);
        let text = |name: &str| jwk.get(name).map(|value| value.as_str().ok_or_else(broken)).transpose();
        let bytes = |name: &str| {
            let digits = text(name)?.ok_or_else(broken)?;
            URL_SAFE_NO_PAD.decode_to_vec(digits).map_err(|_| broken())
        };
        let kind = text("kty")?.ok_or_else(broken)?;
        if kind == "oct" {
            return Err(JwksFault::Symmetric(index));
        }
        if jwk.contains_key("d") {
            return Err(JwksFault::Private(index));
        }
        if !is_for_signatures(jwk) {
            return Ok(None);
        }
        let (mut algorithms, public) = match (kind, text("crv")?) {
            ("RSA", _) => (RSA.to_vec(), rsa(&bytes("n")?, &bytes("e")?, index)?),
            ("EC", Some("P-256")) => (vec![Algorithm::ES256], point(&bytes("x")?, &bytes("y")?, 32, index)?),
            ("EC", Some("P-384")) => (vec![Algorithm::ES384], point(&bytes("x")?, &bytes("y")?, 48, index)?),
            ("OKP", Some("Ed25519")) => {
                let x = bytes("x")?;
                if x.len() != 32 {
                    return Err(broken());
                }
                (vec![Algorithm::EdDSA], DecodingKey::from_ed_der(&x))
            }
            _ => return Ok(None),
        };
        if let Some(only) = text("alg")? {
            algorithms.retain(|own| format!("{own:?}") == only);
        }
        Ok(Some(Self { kid: text("kid")?.map(str::to_owned), algorithms, public }))
    }
}

/// RFC 7517 §4.2 and §4.3: what a key is for, where it says so.
fn is_for_signatures(jwk: &Map<String, Value>) -> bool {
    let meant = jwk.get("use").is_none_or(|meant| meant == "sig");
    let may = jwk.get("key_ops").is_none_or(|may| {
        may.as_array().is_some_and(|operations| operations.iter().any(|operation| operation == "verify"))
    });
    meant && may
}

fn rsa(modulus: &[u8], exponent: &[u8], index: usize) -> Result<DecodingKey, JwksFault> {
    let bits = bits(modulus);
    if !RSA_BITS.contains(&bits) {
        return Err(JwksFault::Size(index, bits));
    }
    // With 1 every text is its own signature, and an even one makes no permutation.
    let odd = exponent.last().is_some_and(|byte| byte % 2 == 1);
    if !odd || self::bits(exponent) < 2 {
        return Err(JwksFault::Broken(index));
    }
    Ok(DecodingKey::from_rsa_raw_components(modulus, exponent))
}

/// The length of a number, whatever zeros it begins with.
fn bits(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|&&byte| byte == 0).count();
    let leading = number.get(zeros).map_or(0, |byte| byte.leading_zeros() as usize);
    (number.len() - zeros) * 8 - leading
}

/// SEC 1 §2.3.3, uncompressed.
fn point(x: &[u8], y: &[u8], length: usize, index: usize) -> Result<DecodingKey, JwksFault> {
    if x.len() != length || y.len() != length {
        return Err(JwksFault::Broken(index));
    }
    Ok(DecodingKey::from_ec_der(&[&[4], x, y].concat()))
}
