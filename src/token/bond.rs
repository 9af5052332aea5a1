//! What ties Pandium's cookies, in a browser that others use too, to one visitor.
//!
//! Nothing is kept here of who has which session at Pandium. So the browser keeps it, under a tag that
//! nobody else can make: the key is derived from the account's secret, and from the account and the
//! subject that a token of this visitor would have. With another visitor, no tag fits.

use super::Signer;
use aws_lc_rs::hmac::{self, HMAC_SHA256, Key};
use base64_simd::URL_SAFE_NO_PAD;

/// A visitor, as the only one whose tags fit.
pub struct Bond(Key);

/// A key of its own: no tag is ever a signature, and no signature a tag.
pub(super) fn binder(secret: &Key) -> Key {
    Key::new(HMAC_SHA256, hmac::sign(secret, b"pandium-sidecar binding").as_ref())
}

impl Signer {
    /// The bond of this subject in this account.
    pub fn bond(&self, account: &str, subject: &str) -> Bond {
        let of_visitor = sign(&self.binder, &[account.as_bytes(), subject.as_bytes()]);
        Bond(Key::new(HMAC_SHA256, of_visitor.as_ref()))
    }
}

impl Bond {
    /// The tag under these texts: 43 characters of base64url.
    pub fn tag(&self, texts: &[&[u8]]) -> String {
        URL_SAFE_NO_PAD.encode_to_string(sign(&self.0, texts).as_ref())
    }

    /// Whether this is the tag under these texts. It takes as long wherever it differs.
    pub fn fits(&self, tag: &str, texts: &[&[u8]]) -> bool {
        let decoded = URL_SAFE_NO_PAD.decode_to_vec(tag).unwrap_or_default();
        hmac::verify(&self.0, &joined(texts), &decoded).is_ok()
    }
}

fn sign(key: &Key, texts: &[&[u8]]) -> hmac::Tag {
    hmac::sign(key, &joined(texts))
}

/// Each text behind its length: no two lists of texts are one.
fn joined(texts: &[&[u8]]) -> Vec<u8> {
    let mut joined = Vec::with_capacity(texts.iter().map(|text| text.len() + 8).sum());
    for text in texts {
        joined.extend_from_slice(&(text.len() as u64).to_be_bytes());
        joined.extend_from_slice(text);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::Signer;
    use crate::redact::Secret;

    #[test]
    fn a_tag_fits_one_visitor_one_secret_and_one_list_of_texts() {
        let signer = |secret: &[u8]| Signer::new(&Secret::new(secret.to_vec()));
        let ours = signer(b"0123456789abcdef0123456789abcdef");
        let (bond, texts) = (ours.bond("acme", "42"), [&b"name"[..], b"value"]);
        let tag = bond.tag(&texts);
        assert_eq!(tag.len(), 43);
        assert!(bond.fits(&tag, &texts) && ours.bond("acme", "42").fits(&tag, &texts));
        for (account, subject) in [("acme", "43"), ("globex", "42"), ("acme4", "2"), ("", "acme42")] {
            assert!(!ours.bond(account, subject).fits(&tag, &texts), "{account} {subject}");
        }
        assert!(!signer(b"another").bond("acme", "42").fits(&tag, &texts));
        for other in [&[&b"namevalue"[..]][..], &[b"nam", b"evalue"], &[b"name"], &[b"name", b"value", b""]] {
            assert!(!bond.fits(&tag, other));
        }
        for broken in ["", "x", &tag[1..], &tag.to_lowercase(), &format!("{tag}A")] {
            assert!(!bond.fits(broken, &texts), "{broken}");
        }
    }
}
