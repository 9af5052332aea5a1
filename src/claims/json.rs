//! Writing JSON, byte for byte as `serde_json` does: compact, raw UTF-8, only mandatory escapes.

use crate::value::Value;
use std::io::Write;

/// Appends any value.
pub(super) fn value(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Text(text) => string(text, out),
        Value::List(items) => list(items.iter().map(AsRef::as_ref), out),
        Value::Json(json) => drop(serde_json::to_writer(out, json)),
        Value::Int(_) | Value::Bool(_) => inside(value, out),
    }
}

/// Appends what stands inside a longer string: no quotes.
pub(super) fn inside(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Text(text) => escaped(text, out),
        // Writing to memory cannot fail.
        Value::Int(n) => drop(write!(out, "{n}")),
        Value::Bool(b) => out.extend_from_slice(if *b { b"true" } else { b"false" }),
        // Refused at load: neither can stand inside text.
        Value::List(_) | Value::Json(_) => {}
    }
}

/// Appends a string with its quotes.
pub(super) fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    escaped(text, out);
    out.push(b'"');
}

fn list<'t>(items: impl Iterator<Item = &'t str>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        string(item, out);
    }
    out.push(b']');
}

/// Appends text so that it cannot leave its string.
pub(super) fn escaped(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    // No early exit: so this scan runs many bytes at a time, and nearly all text is clean.
    if bytes.iter().fold(false, |found, &byte| found | must_escape(byte)) {
        for &byte in bytes {
            escape(byte, out);
        }
    } else {
        out.extend_from_slice(bytes);
    }
}

fn must_escape(byte: u8) -> bool {
    matches!(byte, 0..0x20 | b'"' | b'\\')
}

fn escape(byte: u8, out: &mut Vec<u8>) {
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0C => b'f',
        b'\r' => b'r',
        // Writing to memory cannot fail.
        0..0x20 => return drop(write!(out, "\\u{byte:04x}")),
        _ => return out.push(byte),
    };
    out.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use super::string;

    #[test]
    fn every_character_is_written_as_serde_json_writes_it() {
        for c in (0..=0x2100).filter_map(char::from_u32).chain(['\u{FFFF}', '\u{10FFFF}']) {
            let text = format!("a{c}b");
            let mut out = Vec::new();
            string(&text, &mut out);
            assert_eq!(out, serde_json::to_vec(&text).unwrap(), "U+{:04X}", u32::from(c));
        }
    }
}
