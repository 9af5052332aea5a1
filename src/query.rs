//! Query parameters: which of the visitor's are carried over, and how one is written.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};
use std::borrow::Cow;

/// All but the unreserved characters of RFC 3986 §2.3.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The parameter that carries the token: never a visitor's.
pub const TOKEN: &str = "tenant";

/// Appends the text, percent-encoded.
pub fn encode(text: &str, out: &mut String) {
    out.extend(utf8_percent_encode(text, ENCODED));
}

/// Appends `&name=value`.
pub fn append(name: &str, value: &str, out: &mut String) {
    out.push('&');
    out.extend(utf8_percent_encode(name, ENCODED));
    out.push('=');
    out.extend(utf8_percent_encode(value, ENCODED));
}

/// The most bytes that a visitor may add to an address.
const MAX_CARRIED: usize = 1024;

/// Appends those of the visitor's parameters that are `allowed`, each once, encoded anew.
///
/// The first of a name counts: a second one would be read by some and not by others. What is not
/// UTF-8, or would make the address long, is left out.
pub fn carry_over(query: &str, allowed: &[String], out: &mut String) {
    let start = out.len();
    let mut carried: Vec<&str> = Vec::new();
    for (name, value) in query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, ""))) {
        let (Some(name), Some(value)) = (decoded(name), decoded(value)) else { continue };
        let Some(name) = allowed.iter().find(|allowed| **allowed == name) else { continue };
        if name != TOKEN && !carried.contains(&name.as_str()) {
            let before = out.len();
            append(name, &value, out);
            if out.len() - start > MAX_CARRIED {
                out.truncate(before);
            }
            carried.push(name);
        }
    }
}

/// As HTML forms write it: `+` is a space.
fn decoded(text: &str) -> Option<String> {
    let spaced: Cow<'_, str> = if text.contains('+') { text.replace('+', " ").into() } else { text.into() };
    percent_decode(spaced.as_bytes()).decode_utf8().ok().map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::{append, carry_over};

    #[test]
    fn only_what_is_allowed_is_carried_and_encoded_anew() {
        let allowed = ["display", "integration_id", "tenant"].map(str::to_owned);
        for (query, carried) in [
            ("", ""),
            ("tenant=x&account=y&host=z", ""),
            ("display=settings", "&display=settings"),
            ("x=1&display=a%20b&integration_id=7", "&display=a%20b&integration_id=7"),
            ("display=a+b", "&display=a%20b"),
            ("display", "&display="),
            ("display=1&display=2", "&display=1"),
            ("d%69splay=%26tenant%3Dx", "&display=%26tenant%3Dx"),
            ("display=%0d%0aSet-Cookie:x", "&display=%0D%0ASet-Cookie%3Ax"),
            ("t%65nant=x", ""),
            ("display=%ff", ""),
            ("display=a#b", "&display=a%23b"),
            (&format!("display={}&integration_id=7", "a".repeat(1100)), "&integration_id=7"),
        ] {
            let mut out = String::new();
            carry_over(query, &allowed, &mut out);
            assert_eq!(out, carried, "{query}");
        }
    }

    #[test]
    fn a_written_parameter_cannot_become_another() {
        let mut out = String::new();
        append("a&b", "c=d&e", &mut out);
        assert_eq!(out, "&a%26b=c%3Dd%26e");
    }
}
