//! A stand-in for the issuer of session tokens, where its key is not at hand.

use super::verify::{Algorithm, Keys, Verifier};
use super::{Around, Payload, Signer};
use crate::redact::Secret;
use serde_json::{Map, Value};
use uuid::Uuid;

/// Signs what a rehearsal says of a visitor.
pub struct Issuer {
    signer: Signer,
    /// What its tokens say of themselves, unless a rehearsal says otherwise.
    own: Map<String, Value>,
}

impl Verifier {
    /// The same with a secret that nobody else has, and who signs by it: a token goes through all that
    /// it would go through, but for the issuer's own key.
    pub fn rehearsal(&self) -> (Self, Issuer) {
        let secret = fresh_secret();
        let named = [("iss", self.issuers.first()), ("aud", self.audiences.first())];
        let own =
            named.into_iter().filter_map(|(claim, name)| Some((claim.to_owned(), name?.clone().into())));
        let issuer = Issuer { signer: Signer::new(&secret), own: own.collect() };
        let (issuers, audiences) = (self.issuers.clone(), self.audiences.clone());
        (Self { keys: Keys::Secret(secret), algorithms: vec![Algorithm::HS256], issuers, audiences }, issuer)
    }
}

impl Issuer {
    /// A token of these claims.
    pub fn sign(&self, claims: &Map<String, Value>) -> String {
        let mut all = self.own.clone();
        all.extend(claims.clone());
        let payload = Payload(Value::Object(all).to_string().into_bytes());
        self.signer.sign(&payload, Around { before: "", after: "" }).expose().to_owned()
    }
}

/// A secret that nobody has, in place of one that is not at hand.
pub fn fresh_secret() -> Secret {
    Secret::new([Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use crate::token::verify::{Algorithm, JwtFault, Keys, Verifier};
    use serde_json::{Value, json};

    #[test]
    fn a_stand_ins_token_is_held_to_all_but_the_key() {
        let verifier = Verifier {
            keys: Keys::LeftAlone,
            algorithms: vec![Algorithm::RS256],
            issuers: vec!["https://id.example".to_owned(), "other".to_owned()],
            audiences: vec!["my-app".to_owned()],
        };
        let ((rehearsed, issuer), (_, another)) = (verifier.rehearsal(), verifier.rehearsal());
        let claims = |value: Value| value.as_object().cloned().unwrap();
        let verify = |value: Value| rehearsed.verify(&issuer.sign(&claims(value)), 1_700_000_000);
        let read = verify(json!({ "org": 42 })).unwrap();
        assert_eq!(read, json!({ "iss": "https://id.example", "aud": "my-app", "org": 42 }));
        assert!(verify(json!({ "iss": "other", "aud": ["x", "my-app"] })).is_ok());
        for (claims, fault) in [
            (json!({ "iss": "stranger" }), JwtFault::Issuer),
            (json!({ "aud": "another" }), JwtFault::Audience),
            (json!({ "exp": 1_600_000_000 }), JwtFault::Expired),
        ] {
            assert_eq!(verify(claims), Err(fault));
        }
        let foreign = another.sign(&claims(json!({})));
        assert_eq!(rehearsed.verify(&foreign, 1_700_000_000), Err(JwtFault::Signature));
    }
}
