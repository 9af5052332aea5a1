//! New values as YAML, in the style of what they are put into.

use serde_json::Value;
use std::fmt::Write as _;

/// How what is put in is laid out.
#[derive(Clone, Copy)]
pub(super) struct Style {
    /// How far the items of a list stand right of its key: 0 or 2, as the document has it.
    pub dash: usize,
}

/// `key: value` in lines, the key at a column (from 0).
pub(super) fn entry(key: &str, value: &Value, column: usize, style: Style) -> String {
    let mut text = String::new();
    write_entry(&mut text, &format!("{:column$}", ""), key, value, column, style);
    text
}

/// `- item` in lines, the dash at a column (from 0).
pub(super) fn item(value: &Value, column: usize, style: Style) -> String {
    let mut text = String::new();
    write_item(&mut text, value, column, style);
    text
}

fn write_entry(out: &mut String, lead: &str, key: &str, value: &Value, column: usize, style: Style) {
    // Writing to a `String` cannot fail.
    let _ = write!(out, "{lead}{}:", plain(key));
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            let inner = format!("{:1$}", "", column + 2);
            for (key, below) in map {
                write_entry(out, &inner, key, below, column + 2, style);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            for item in items {
                write_item(out, item, column + style.dash, style);
            }
        }
        single => {
            let _ = writeln!(out, " {}", scalar(single));
        }
    }
}

fn write_item(out: &mut String, value: &Value, column: usize, style: Style) {
    let dash = format!("{:column$}- ", "");
    let Value::Object(map) = value else {
        let _ = writeln!(out, "{dash}{}", scalar(value));
        return;
    };
    let inner = format!("{:1$}", "", column + 2);
    for (index, (key, value)) in map.iter().enumerate() {
        write_entry(out, if index == 0 { &dash } else { &inner }, key, value, column + 2, style);
    }
}

/// A leaf on one line; what is no leaf is written as JSON, which YAML reads too.
pub(super) fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => plain(text),
        other => other.to_string(),
    }
}

/// Text without quotes, where everybody's YAML reads it as that text.
fn plain(text: &str) -> String {
    const WORDS: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let body = text.strip_prefix("--").unwrap_or(text);
    let quantity = body.ends_with(['m', 'i']) && body.starts_with(|c: char| c.is_ascii_digit());
    let starts = quantity || body.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let simple = body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-:@".contains(&byte));
    if starts && simple && !text.ends_with(':') && !WORDS.contains(&text.to_ascii_lowercase().as_str()) {
        return text.to_owned();
    }
    let json = text.contains('"') && text.chars().all(|c| c != '\'' && !c.is_control());
    if json { format!("'{text}'") } else { Value::String(text.to_owned()).to_string() }
}
