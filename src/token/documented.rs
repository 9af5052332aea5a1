//! Pandium's documented token, and how another differs from it.

use serde_json::{Map, Value};
use uuid::Uuid;

/// The token's header, byte for byte.
pub const HEADER: &[u8] = br#"{"alg":"HS256","typ":"JWT"}"#;

/// Older than this (in seconds), a token was not made for the request that brought it.
const OLD: i64 = 300;

/// How a token is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// By whoever it was made for, with the request that brought it: then it is of this very moment,
    /// and has no end, as Pandium's own example has none. Later, its age is no matter of its form.
    pub on_arrival: bool,
    /// With an install page in mind, and not the marketplace, which is for no integration.
    pub for_install: bool,
    /// Seconds since 1970.
    pub now: i64,
}

/// No moment that is told in seconds: the year 5138.
const MILLISECONDS: i64 = 100_000_000_000;

/// Where a token differs from the documented form, a sentence each. None repeats a value.
pub fn deviations(header: &[u8], claims: &Value, look: Look) -> Vec<String> {
    let mut found = Vec::new();
    if header != HEADER {
        found.push(header_deviation(header));
    }
    let Value::Object(claims) = claims else {
        found.push("the payload is not a JSON object".to_owned());
        return found;
    };
    let known = |name: &str| PAYLOAD.contains(&name) || name == "exp" && !look.on_arrival;
    for name in claims.keys().filter(|name| !known(name)) {
        found.push(format!("{name} is there; the documented payload has none"));
    }
    found.extend(issued(claims.get("iat"), look));
    found.extend(claims.get("exp").filter(|_| !look.on_arrival).and_then(|exp| ended(exp, look.now)));
    found.extend(text(claims, "", "jti", Need::Full).or_else(|| unique(claims.get("jti"))));
    found.extend(text(claims, "", "sub", Need::Full));
    match claims.get("ti") {
        Some(Value::Object(ti)) => tenant(ti, look.for_install, &mut found),
        Some(other) => found.push(format!("ti is {}, not an object", kind(other))),
        None => found.push("ti is missing".to_owned()),
    }
    found
}

fn header_deviation(header: &[u8]) -> String {
    let difference = match serde_json::from_slice::<Map<String, Value>>(header) {
        Err(_) => "it is not a JSON object".to_owned(),
        Ok(map) if map.get("alg") != Some(&Value::from("HS256")) => "its alg is not HS256".to_owned(),
        Ok(map) => match map.keys().find(|name| !["alg", "typ"].contains(&name.as_str())) {
            Some(name) => format!("it has {name}"),
            None => "the order, the spaces or the typ differ".to_owned(),
        },
    };
    format!("the header is not exactly {}: {difference}", String::from_utf8_lossy(HEADER))
}

fn issued(iat: Option<&Value>, look: Look) -> Option<String> {
    let Some(iat) = iat else { return Some("iat is missing".to_owned()) };
    let Some(iat) = iat.as_i64() else {
        return Some(format!("iat is {}, not a whole number of seconds", kind(iat)));
    };
    match look.now.saturating_sub(iat) {
        _ if iat > MILLISECONDS => Some("iat is in milliseconds; seconds are expected".to_owned()),
        age if age < 0 => Some(format!("iat is {} s in the future", age.saturating_neg())),
        age if age > OLD && look.on_arrival => {
            Some(format!("iat is {age} s ago; a token is made for one request"))
        }
        _ => None,
    }
}

fn ended(exp: &Value, now: i64) -> Option<String> {
    let Some(exp) = exp.as_i64() else {
        return Some(format!("exp is {}, not a whole number of seconds", kind(exp)));
    };
    match now.saturating_sub(exp) {
        _ if exp > MILLISECONDS => Some("exp is in milliseconds; seconds are expected".to_owned()),
        past if past >= 0 => Some(format!("exp was {past} s ago: it has expired")),
        _ => None,
    }
}

/// As RFC 9562 §4 writes one, with its hyphens.
fn unique(jti: Option<&Value>) -> Option<String> {
    let jti = jti.and_then(Value::as_str).unwrap_or_default();
    let sound = jti.len() == 36 && Uuid::try_parse(jti).is_ok();
    (!sound).then(|| "jti is not a UUID".to_owned())
}

fn tenant(ti: &Map<String, Value>, for_install: bool, found: &mut Vec<String>) {
    for name in ["udn", "ufn", "uem"] {
        found.extend(text(ti, "ti.", name, Need::FullIfThere));
    }
    for name in ["aid", "adn"] {
        found.extend(text(ti, "ti.", name, Need::MayBeEmpty));
    }
    found.extend(ti.get("ili").and_then(installed));
    for name in ti.keys().filter(|name| !TENANT.contains(&name.as_str())) {
        found.push(format!("ti.{name} is there; the documented payload has none"));
    }
    let named = if for_install { Need::Full } else { Need::FullIfThere };
    match ti.get("xti") {
        Some(Value::Object(xti)) => {
            found.extend(text(xti, "ti.xti.", "connector_name", named));
            found.extend(text(xti, "ti.xti.", "integration_name", named));
            found.extend(text(xti, "ti.xti.", "token", Need::FullIfThere));
        }
        Some(other) => found.push(format!("ti.xti is {}, not an object", kind(other))),
        None if !for_install => {}
        None => {
            found.push("ti.xti is missing: its connector_name and integration_name are required".to_owned());
        }
    }
}

const PAYLOAD: [&str; 4] = ["iat", "jti", "sub", "ti"];

const TENANT: [&str; 7] = ["udn", "ufn", "uem", "ili", "aid", "adn", "xti"];

fn installed(ili: &Value) -> Option<String> {
    let Value::Array(items) = ili else {
        return Some(format!("ti.ili is {}, not a list of text", kind(ili)));
    };
    let (at, odd) = items.iter().enumerate().find(|(_, item)| !item.is_string())?;
    Some(format!("ti.ili holds {} at position {at}; its items are text", kind(odd)))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Full,
    FullIfThere,
    MayBeEmpty,
}

fn text(map: &Map<String, Value>, path: &str, name: &str, need: Need) -> Option<String> {
    match map.get(name) {
        None if need == Need::Full => Some(format!("{path}{name} is missing")),
        Some(Value::String(value)) if value.is_empty() && need != Need::MayBeEmpty => {
            Some(format!("{path}{name} is empty"))
        }
        None | Some(Value::String(_)) => None,
        Some(other) => Some(format!("{path}{name} is {}, not text", kind(other))),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests;
