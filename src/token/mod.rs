//! The tenant token: HS256 over exactly the bytes that Pandium documents.
//!
//! The header is a constant, because Pandium documents `alg` before `typ` and libraries write them
//! the other way. The key is prepared once. Only this module makes a [`TenantToken`], which shows
//! itself to nobody but the delivery; only this module knows `jsonwebtoken`, the independent reader
//! that verifies. Tokens of others, which say who a visitor is, are checked in [`verify`](mod@verify).

pub mod bond;
pub mod documented;
pub mod jwks;
pub mod rehearsal;
pub mod verify;

use crate::redact::Secret;
use aws_lc_rs::hmac;
use base64_simd::URL_SAFE_NO_PAD;
use http::HeaderValue;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use std::io::Write as _;
use std::ops::Range;
use std::time::{Duration, SystemTime};
use uuid::Uuid;

/// `{"alg":"HS256","typ":"JWT"}` in base64url, and the dot behind it.
const HEADER: &[u8] = b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.";

/// A dot and 32 bytes in base64url.
const SIGNATURE_LENGTH: usize = 44;

/// `{"iat":…,"jti":"…","exp":…` and the closing brace, at their longest.
const REGISTERED_LENGTH: usize = 112;

/// `token` of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// `exp` = now + ttl, where there is one.
    pub ttl: Option<Duration>,
    /// `iat` = now - backdate: verifiers with a slow clock refuse an `iat` in their future.
    pub backdate: Duration,
}

/// What makes one token differ from the next; handed in, so that minting needs no clock.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Seconds since 1970.
    pub now: u64,
    /// The token's own id.
    pub jti: Uuid,
}

impl Moment {
    /// Now, for a token of its own.
    pub fn fresh() -> Self {
        // A clock before 1970 gives tokens that nobody takes: no worse than any other wrong clock.
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self { now, jti: Uuid::new_v4() }
    }
}

/// The text around a token: an address up to `tenant=`, and what follows.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// What stands before.
    pub before: &'a str,
    /// What follows.
    pub after: &'a str,
}

/// A signing key, ready for use.
pub struct Signer {
    key: hmac::Key,
    /// What bonds are made with.
    binder: hmac::Key,
    fingerprint: String,
    length: usize,
}

/// A signed token within its address. There is no way to print one by accident.
pub struct TenantToken {
    address: Vec<u8>,
    token: Range<usize>,
}

impl Signer {
    /// Prepares a key.
    pub fn new(secret: &Secret) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
        let fingerprint = hex(hmac::sign(&key, b"pandium-sidecar").as_ref(), 4);
        let binder = bond::binder(&key);
        Self { key, binder, fingerprint, length: secret.expose().len() }
    }

    /// Eight hexadecimal digits that name the key and tell nothing of it.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Whether this is the secret that it signs with. HMAC takes a secret and the same with zero bytes
    /// behind it for one, so the signatures are compared, not the secrets.
    pub fn is_of(&self, secret: &Secret) -> bool {
        let sign = |key| hmac::sign(key, b"pandium-sidecar");
        sign(&self.key).as_ref() == sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.expose())).as_ref()
    }

    /// Whether another signs with the same secret.
    pub fn is_twin(&self, other: &Self) -> bool {
        let sign = |signer: &Self| hmac::sign(&signer.key, b"pandium-sidecar");
        sign(self).as_ref() == sign(other).as_ref()
    }

    /// Whether this text has a token in it that this key has signed.
    pub fn has_signed_in(&self, text: &str) -> bool {
        let of_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let header = std::str::from_utf8(HEADER).unwrap_or_default();
        text.match_indices(header).any(|(at, _)| {
            let rest = text.get(at..).unwrap_or_default();
            let end = rest.bytes().position(|byte| !of_token(byte)).unwrap_or(rest.len());
            let mut parts = rest.get(..end).unwrap_or_default().splitn(3, '.');
            let (Some(head), Some(payload), Some(signature)) = (parts.next(), parts.next(), parts.next())
            else {
                return false;
            };
            let signed = hmac::sign(&self.key, format!("{head}.{payload}").as_bytes());
            signature.starts_with(&URL_SAFE_NO_PAD.encode_to_string(signed.as_ref()))
        })
    }

    /// The key's length in bytes.
    pub fn key_length(&self) -> usize {
        self.length
    }

    /// Sixteen hexadecimal digits that stand for a subject in the audit log.
    pub fn hash_subject(&self, subject: &str) -> String {
        hex(hmac::sign(&self.key, subject.as_bytes()).as_ref(), 8)
    }

    /// Signs a payload, in its address.
    pub fn sign(&self, payload: &Payload, around: Around<'_>) -> TenantToken {
        let payload = payload.0.as_slice();
        let encoded = URL_SAFE_NO_PAD.encoded_length(payload.len());
        let length = around.before.len() + HEADER.len() + encoded + SIGNATURE_LENGTH + around.after.len();
        let mut address = Vec::with_capacity(length);
        address.extend_from_slice(around.before.as_bytes());
        let start = address.len();
        address.extend_from_slice(HEADER);
        URL_SAFE_NO_PAD.encode_append(payload, &mut address);
        let signature = hmac::sign(&self.key, address.get(start..).unwrap_or_default());
        address.push(b'.');
        URL_SAFE_NO_PAD.encode_append(signature.as_ref(), &mut address);
        let token = start..address.len();
        address.extend_from_slice(around.after.as_bytes());
        TenantToken { address, token }
    }
}

/// The claims of a token, complete and unsigned: compact JSON.
pub struct Payload(Vec<u8>);

impl Payload {
    /// Puts the program's own claims before those that `members` appends, each behind a comma.
    pub fn write<E>(
        life: Life,
        moment: Moment,
        size_hint: usize,
        members: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut payload = Vec::with_capacity(REGISTERED_LENGTH + size_hint);
        write_registered(life, moment, &mut payload);
        members(&mut payload)?;
        payload.push(b'}');
        Ok(Self(payload))
    }

    /// The JSON, for whoever rehearses.
    pub fn expose(&self) -> &str {
        text(&self.0)
    }
}

/// The claims that belong to the program, in Pandium's documented order.
fn write_registered(life: Life, moment: Moment, payload: &mut Vec<u8>) {
    let iat = moment.now.saturating_sub(life.backdate.as_secs());
    let mut jti = Uuid::encode_buffer();
    payload.extend_from_slice(b"{\"iat\":");
    write_decimal(iat, payload);
    payload.extend_from_slice(b",\"jti\":\"");
    payload.extend_from_slice(moment.jti.hyphenated().encode_lower(&mut jti).as_bytes());
    payload.push(b'"');
    if let Some(ttl) = life.ttl {
        payload.extend_from_slice(b",\"exp\":");
        write_decimal(moment.now.saturating_add(ttl.as_secs()), payload);
    }
}

fn write_decimal(number: u64, out: &mut Vec<u8>) {
    // Writing to a `Vec` cannot fail.
    let _ = write!(out, "{number}");
}

fn hex(bytes: &[u8], take: usize) -> String {
    let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or_default();
    bytes.iter().take(take).flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

impl TenantToken {
    /// The token alone, for whoever delivers it.
    pub fn expose(&self) -> &str {
        text(self.address.get(self.token.clone()).unwrap_or_default())
    }

    /// The whole address, for whoever delivers it.
    pub fn expose_address(&self) -> &str {
        text(&self.address)
    }

    /// The same as bytes.
    pub fn expose_bytes(&self) -> &[u8] {
        &self.address
    }

    /// Whether the address is made of visible ASCII alone, which every line of a head takes as it is.
    pub fn is_visible(&self) -> bool {
        // Of all of it, as that is done for many bytes at once.
        !self.address.iter().fold(false, |odd, byte| odd | !byte.is_ascii_graphic())
    }

    /// The length of the address.
    pub fn address_length(&self) -> usize {
        self.address.len()
    }

    /// The address as a `Location`, marked as sensitive.
    pub fn into_location(self) -> Result<HeaderValue, http::Error> {
        let mut value = HeaderValue::from_maybe_shared(bytes::Bytes::from(self.address))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// Addresses are made of text and base64 alone.
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// Why a token is not one of ours.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unverified(String);

/// Reads a tenant token as Pandium would: HS256 alone, `exp` honoured where there is one.
pub fn verify(token: &str, secret: &Secret) -> Result<serde_json::Value, Unverified> {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.required_spec_claims.clear();
    validation.validate_aud = false;
    jsonwebtoken::decode(token, &DecodingKey::from_secret(secret.expose()), &validation)
        .map(|data| data.claims)
        .map_err(|error| Unverified(error.to_string()))
}

/// Whether a token is signed by HS256 with this secret, whatever it says and however old it is.
pub fn is_signed_with(token: &str, secret: &Secret) -> bool {
    let Some((signed, signature)) = token.rsplit_once('.') else { return false };
    let key = DecodingKey::from_secret(secret.expose());
    jsonwebtoken::crypto::verify(signature, signed.as_bytes(), &key, Algorithm::HS256).unwrap_or(false)
}

/// Whether a header's name, which has lost its case, could be a token's. Nothing of one but its first part
/// can still be known then.
pub fn is_like_one(name: &str) -> bool {
    name.as_bytes().windows(HEADER.len()).any(|part| part.eq_ignore_ascii_case(HEADER))
}

#[cfg(test)]
mod tests {
    use super::{Around, Life, Moment, Payload, Signer, TenantToken, is_signed_with, verify};
    use crate::redact::Secret;
    use std::convert::Infallible;
    use std::time::Duration;

    const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";
    const MEMBERS: &str = r#","sub":"acme-42","ti":{"udn":"Acme GmbH","ufn":"Zoë Müller","uem":"zoe@acme.example","ili":[],"aid":"42","adn":"Acme GmbH","xti":{"connector_name":"acme","integration_name":"acme2crm"}}"#;

    fn mint(ttl: Option<u64>, around: Around<'_>) -> TenantToken {
        let signer = Signer::new(&Secret::new(KEY.to_vec()));
        let life = Life { ttl: ttl.map(Duration::from_secs), backdate: Duration::from_secs(5) };
        let jti = "00000000-0000-4000-8000-000000000001".parse().unwrap();
        let moment = Moment { now: 1_700_000_005, jti };
        let payload = Payload::write::<Infallible>(life, moment, 0, |out| {
            out.extend_from_slice(MEMBERS.as_bytes());
            Ok(())
        });
        signer.sign(&payload.unwrap_or_else(|never| match never {}), around)
    }

    #[test]
    fn the_known_answer() {
        let token = mint(None, Around { before: "", after: "" });
        let mut parts = token.expose().split('.');
        assert_eq!(parts.next(), Some("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"));
        let payload = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(parts.next().unwrap()).unwrap();
        let expected =
            format!(r#"{{"iat":1700000000,"jti":"00000000-0000-4000-8000-000000000001"{MEMBERS}}}"#);
        assert_eq!(String::from_utf8(payload).unwrap(), expected);
        assert_eq!(parts.next(), Some("bpiIjtzD3tm15Ztyv_3pGO0xNK6s01ZrNzMTiAssXlA"));
        assert_eq!(parts.next(), None);
    }

    #[test]
    fn the_well_known_token_of_jwt_io_verifies() {
        let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.\
            eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.\
            SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c";
        let secret = Secret::new(b"your-256-bit-secret".to_vec());
        assert_eq!(verify(token, &secret).unwrap()["sub"], "1234567890");
        assert!(verify(token, &Secret::new(KEY.to_vec())).is_err());
        assert!(verify(&token.replace("SflK", "SflJ"), &secret).is_err());
        assert!(is_signed_with(token, &secret));
        for (token, secret) in [
            (token, &Secret::new(KEY.to_vec())),
            (&token.replace("SflK", "SflJ"), &secret),
            (&token.replace("eyJz", "eyJy"), &secret),
            (&format!("{token}="), &secret),
            ("", &secret),
        ] {
            assert!(!is_signed_with(token, secret), "{token}");
        }
    }

    #[test]
    fn the_address_surrounds_the_token_and_a_ttl_adds_exp() {
        let token = mint(Some(60), Around { before: "https://p.example/?tenant=", after: "&display=list" });
        assert_eq!(token.address_length(), token.expose_address().len());
        let expected = format!("https://p.example/?tenant={}&display=list", token.expose());
        assert_eq!(token.expose_address(), expected);
        let payload = token.expose().split('.').nth(1).unwrap().to_owned();
        let payload = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(payload).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&payload).unwrap();
        assert_eq!(claims["exp"], 1_700_000_065);
        let location = token.into_location().unwrap();
        assert!(location.is_sensitive());
        assert_eq!(location.to_str().unwrap(), expected);
    }

    #[test]
    fn a_token_of_its_own_is_known_in_any_surroundings() {
        let token = mint(None, Around { before: "", after: "" });
        let token = token.expose();
        let signer = Signer::new(&Secret::new(KEY.to_vec()));
        for text in [
            token.to_owned(),
            format!("/x?tenant={token}&y"),
            format!("a={token}; Path=/"),
            format!("{token}.x"),
        ] {
            assert!(signer.has_signed_in(&text), "{text}");
        }
        let other = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxIn0.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c";
        assert!(signer.has_signed_in(&format!("{other} {token}")));
        for text in ["", other, &token[..token.len() - 1], &token[1..], &token.replace("bpiI", "bpiJ")] {
            assert!(!signer.has_signed_in(text), "{text}");
        }
    }

    #[test]
    fn the_fingerprint_names_the_key_and_nothing_else() {
        let signer = Signer::new(&Secret::new(KEY.to_vec()));
        let other = Signer::new(&Secret::new(b"another key, just as long as it!".to_vec()));
        assert_eq!(signer.fingerprint().len(), 8);
        assert_ne!(signer.fingerprint(), other.fingerprint());
        assert_eq!(signer.hash_subject("acme-42").len(), 16);
        assert_ne!(signer.hash_subject("acme-42"), signer.hash_subject("acme-43"));
    }
}
