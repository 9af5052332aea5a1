//! The token in an address, and what is in it.

use super::Trouble;
use crate::cli::demo::catalog::Integration;
use crate::cli::demo::form;
use crate::redact::Secret;
use http::StatusCode;
use serde_json::Value;
use std::sync::Arc;

/// Verifies a token with a key: its claims, or why it is refused.
pub type Verify = Arc<dyn Fn(&Secret, &str) -> Result<Value, String> + Send + Sync>;

/// A token whose signature was found right.
pub struct Verified {
    /// Its header, as bytes.
    pub header: Vec<u8>,
    /// Its claims.
    pub claims: Value,
}

/// The one `tenant` of the query: three segments of base64url.
pub fn tenant(query: &str) -> Result<String, Trouble> {
    let refused = |title, text: &str| (StatusCode::BAD_REQUEST, title, text.to_owned());
    let mut tokens = form::pairs(query.as_bytes()).filter(|(name, _)| name == "tenant");
    let token = match (tokens.next(), tokens.next()) {
        (Some((_, token)), None) if !token.is_empty() => token,
        (Some(_), Some(_)) => {
            return Err(refused("Two tokens", "The address has more than one parameter named tenant."));
        }
        _ => return Err(refused("No token", "The address has no parameter named tenant, or an empty one.")),
    };
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let segments: Vec<&str> = token.split('.').collect();
    let sound =
        segments.len() == 3 && segments.iter().all(|one| !one.is_empty() && one.bytes().all(is_digit));
    if sound {
        Ok(token)
    } else {
        Err(refused(
            "A broken token",
            "What came is not three segments of base64url with a dot between them.",
        ))
    }
}

/// What the token says, where its signature fits.
pub fn verified(verify: &Verify, key: &Secret, token: &str) -> Result<Verified, Trouble> {
    let claims = verify(key, token).map_err(|why| {
        (StatusCode::UNAUTHORIZED, "This token is not accepted", format!("Verifying it failed: {why}."))
    })?;
    let header = token.split('.').next().unwrap_or_default();
    let header = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(header).unwrap_or_default();
    Ok(Verified { header, claims })
}

/// Where the token is about something else than the address.
pub fn disagreements(integration: &Integration, claims: &Value) -> Vec<String> {
    let expected = [
        ("/ti/xti/integration_name", "ti.xti.integration_name", integration.name),
        ("/ti/xti/connector_name", "ti.xti.connector_name", integration.connector),
    ];
    let other = |pointer| claims.pointer(pointer).and_then(Value::as_str);
    let differs =
        expected.iter().filter(|(pointer, _, own)| other(*pointer).is_some_and(|text| text != *own));
    differs.map(|(_, name, own)| format!("{name} is not {own}, as this address has it")).collect()
}
