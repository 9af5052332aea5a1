//! Secrets that were spoiled on their way into a file or the environment: what shows by the look of
//! the text. None of it is an error, since a secret may look as it likes, and none of it is repeated.

use crate::variable::is_name;
use serde_json::{Map, Value};

/// What editors on Windows put before a text, and what others count as three characters of it.
const MARK: &[u8] = b"\xEF\xBB\xBF";

/// Who wraps a secret in what: the opening and the closing sign.
const QUOTES: [(char, char); 7] =
    [('"', '"'), ('\'', '\''), ('`', '`'), ('“', '”'), ('„', '“'), ('‘', '’'), ('«', '»')];

/// Parts of the names that people give to variables for a secret.
const NAMES: [&str; 6] = ["secret", "key", "token", "password", "pandium", "jwt"];

/// What is odd about the raw text of a secret, and what to do, to be said of it; the first that applies.
pub(super) fn oddity(raw: &[u8]) -> Option<&'static str> {
    if raw.starts_with(MARK) {
        return Some("begins with a byte order mark, which counts; save the file as UTF-8 without one");
    }
    if raw.starts_with(b"\xFF\xFE") || raw.starts_with(b"\xFE\xFF") {
        return Some("is in UTF-16; save the file as UTF-8 without a byte order mark");
    }
    let text = std::str::from_utf8(raw).ok()?;
    document(text.trim()).or_else(|| wrapping(text))
}

/// Another file than that of a secret.
fn document(text: &str) -> Option<&'static str> {
    let start: String = text.chars().take(20).collect::<String>().to_ascii_lowercase();
    let is_json = || {
        serde_json::from_str::<Map<String, Value>>(text).is_ok()
            || serde_json::from_str::<Vec<Value>>(text).is_ok()
    };
    match () {
        () if text.contains("-----BEGIN ") => {
            Some("is PEM, which holds a key or a certificate; a text that both sides share is wanted")
        }
        () if ["<!doctype", "<html", "<?xml", "<head"].iter().any(|tag| start.starts_with(tag)) => {
            Some("is a page of HTML or XML, as a download that failed leaves one; fetch it again")
        }
        () if is_json() => Some("is JSON; keep the text alone that stands in it"),
        () => None,
    }
}

/// Something around the secret.
fn wrapping(text: &str) -> Option<&'static str> {
    let bare = text.trim();
    let quoted = |(open, close): (char, char)| {
        bare.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)).is_some()
    };
    match () {
        () if is_assignment(bare) => Some("is a line with its name before it; keep what is behind the sign"),
        () if QUOTES.into_iter().any(quoted) => Some("stands in quotes, which count; take them off"),
        () if bare.contains(['\n', '\r']) => {
            Some("has more than one line, and the line breaks count; keep the secret alone")
        }
        () if text.ends_with(['\n', '\r']) => {
            Some("ends in line breaks, and all but one count; `printf %s` writes none")
        }
        () if text.starts_with(char::is_whitespace) => {
            Some("begins with white space, which counts; take it off")
        }
        () if text.ends_with(' ') => Some("ends in a space, which counts; take it off"),
        () if text.ends_with(char::is_whitespace) => Some("ends in white space, which counts; take it off"),
        () => None,
    }
}

/// `NAME=value` or `name: value`, with a name by which somebody would call a secret. A secret may have
/// a `=` in it.
fn is_assignment(text: &str) -> bool {
    let text = text.strip_prefix("export ").unwrap_or(text);
    let parts = text.split_once('=').or_else(|| text.split_once(": "));
    let Some((name, value)) = parts else { return false };
    let (name, value) = (name.trim_end(), value.trim());
    let lower = name.to_ascii_lowercase();
    let shouted = name.len() >= 3 && *name == name.to_ascii_uppercase() && name.contains('_');
    let called = shouted || NAMES.iter().any(|part| lower.contains(part));
    is_name(&name.replace('-', "_")) && called && !value.trim_matches('=').is_empty()
}

/// Base64 by the look of it: padded, or of mixed alphabet and an even measure. Nothing is said of
/// hexadecimal digits: many secrets are made of them, and meant as the text that they are.
pub(super) fn looks_like_base64(raw: &[u8]) -> bool {
    let has = |is: fn(&u8) -> bool| raw.iter().any(is);
    let alphabet = raw.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(byte));
    let mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit);
    let marked = raw.ends_with(b"=") || has(|byte| b"+/".contains(byte));
    raw.len() >= 24 && raw.len().is_multiple_of(4) && alphabet && (marked || mixed)
}

#[cfg(test)]
mod tests {
    use super::{looks_like_base64, oddity};

    #[test]
    fn what_was_put_around_a_secret_or_in_its_place_is_told() {
        let hex = "0123456789abcdef0123456789abcdef";
        for (raw, says) in [
            (format!("\"{hex}\""), "quotes"),
            (format!("'{hex}'"), "quotes"),
            (format!("“{hex}”"), "quotes"),
            (format!(" \"{hex}\" "), "quotes"),
            (format!("PANDIUM_SHARED_SECRET={hex}"), "name before it"),
            (format!("export PANDIUM_SHARED_SECRET=\"{hex}\""), "name before it"),
            (format!("shared-secret: {hex}"), "name before it"),
            (format!("secret = {hex}"), "name before it"),
            (format!(" {hex}"), "begins with white space, which counts; take it off"),
            (format!("\n{hex}"), "begins with white space"),
            (format!("\u{A0}{hex}"), "begins with white space"),
            (format!("{hex} "), "ends in a space, which counts; take it off"),
            (format!("{hex}\t"), "ends in white space"),
            (format!("\u{FEFF}{hex}"), "byte order mark"),
            (format!("{hex}\n"), "ends in line breaks"),
            (format!("{hex}\r\n"), "ends in line breaks"),
            (format!("{hex}\r"), "ends in line breaks"),
            (format!("{hex}\n{hex}"), "count; keep the secret alone"),
            (format!("-----BEGIN RSA PRIVATE KEY-----\n{hex}\n-----END RSA PRIVATE KEY-----"), "PEM"),
            (format!("{{\"secret\": \"{hex}\"}}"), "JSON"),
            (format!("[\"{hex}\"]"), "JSON"),
            (format!("<!DOCTYPE html><title>{hex}</title>"), "HTML"),
            (format!("\n <html>{hex}"), "HTML"),
        ] {
            let found = oddity(raw.as_bytes()).unwrap_or_default();
            assert!(found.contains(says), "{raw:?}: {found}");
        }
        assert!(oddity(b"\xFF\xFEa\x00b\x00").unwrap_or_default().contains("UTF-16"));
    }

    #[test]
    fn a_secret_may_look_as_it_likes() {
        for raw in [
            &b"0123456789abcdef0123456789abcdef"[..],
            b"a secret = of several words: and signs",
            b"aB3=cD5eF7gH9iJ1kL3mN5oP7qR9sT1u",
            b"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
            b"\"only one quote",
            b"{curly} brackets [and] <signs>",
            b"\x00\xff raw bytes \xfe",
            b"",
        ] {
            assert_eq!(oddity(raw), None, "{raw:?}");
        }
    }

    #[test]
    fn base64_shows_by_its_look() {
        for (raw, looks) in [
            ("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", true),
            ("3031323334353637383961626364656630313233343536373839616263646566", false),
            ("0123456789abcdef0123456789abcdef", false),
            ("0123456789abcdef0123456789abcdef-text", false),
        ] {
            assert_eq!(looks_like_base64(raw.as_bytes()), looks, "{raw}");
        }
    }
}
