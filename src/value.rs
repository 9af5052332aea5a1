//! The values that travel from a session to a claim.

use std::borrow::Cow;
use std::fmt;

/// The most items that a list may have.
pub const MAX_ITEMS: usize = 100;

/// The type of a value, known at load for every field and every expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `string`
    Text,
    /// `list`, of text
    List,
    /// `int`
    Int,
    /// `bool`
    Bool,
    /// `json`: any JSON value
    Json,
}

impl Kind {
    /// The word that the configuration file has for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::List => "list",
            Self::Int => "int",
            Self::Bool => "bool",
            Self::Json => "json",
        }
    }
}

/// One value. It borrows from the request wherever it can.
#[derive(Clone, PartialEq)]
pub enum Value<'a> {
    /// Text.
    Text(Cow<'a, str>),
    /// A list of text.
    List(Vec<Cow<'a, str>>),
    /// An integer.
    Int(i64),
    /// True or false.
    Bool(bool),
    /// Any JSON.
    Json(serde_json::Value),
}

impl Value<'_> {
    /// The type of this value.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Text(_) => Kind::Text,
            Self::List(_) => Kind::List,
            Self::Int(_) => Kind::Int,
            Self::Bool(_) => Kind::Bool,
            Self::Json(_) => Kind::Json,
        }
    }

    /// The same value, borrowing nothing.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Self::List(items) => {
                Value::List(items.into_iter().map(|item| Cow::Owned(item.into_owned())).collect())
            }
            Self::Int(n) => Value::Int(n),
            Self::Bool(b) => Value::Bool(b),
            Self::Json(json) => Value::Json(json),
        }
    }
}

/// Values come from visitors: a log or a failing test shows their form alone.
impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "string, {} bytes", text.len()),
            Self::List(items) => write!(f, "list, {} items", items.len()),
            other => f.write_str(other.kind().word()),
        }
    }
}

/// What is known of a visitor: a value, or none, for each declared field, in their order.
///
/// Only `session/` makes one from a request.
#[derive(Debug)]
pub struct Session<'a> {
    values: Vec<Option<Value<'a>>>,
}

impl<'a> Session<'a> {
    /// A session of these values, one for each declared field.
    pub fn new(values: Vec<Option<Value<'a>>>) -> Self {
        Self { values }
    }

    /// The value of the field at `index`.
    pub fn get(&self, index: usize) -> Option<&Value<'a>> {
        self.values.get(index).and_then(Option::as_ref)
    }
}

/// The items of a separated list: trimmed, empty ones dropped.
pub fn split<'t>(text: &'t str, separator: &str) -> impl Iterator<Item = &'t str> {
    text.split(separator).map(str::trim).filter(|item| !item.is_empty())
}

/// What a character is that no value may hold: one that controls, or makes text read other than it
/// is stored (Trojan Source).
pub fn unwelcome(c: char) -> Option<&'static str> {
    match c {
        '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => Some("bidi override"),
        c if c.is_control() => Some("control character"),
        _ => None,
    }
}

/// A decimal integer that every JSON reader holds exactly (RFC 8259 §6).
pub fn parse_int(text: &str) -> Option<i64> {
    const MAX: i64 = (1 << 53) - 1;
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|n| (-MAX..=MAX).contains(n))
}

/// The words for true and false.
pub fn parse_bool(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// JSON of at most 16 levels, in which no escape hides a character that would be refused as it is.
pub fn parse_json(text: &str) -> Option<serde_json::Value> {
    serde_json::from_str(text).ok().filter(|json| levels(json) <= 16 && is_clean(json))
}

fn levels(json: &serde_json::Value) -> usize {
    match json {
        serde_json::Value::Array(items) => 1 + items.iter().map(levels).max().unwrap_or(0),
        serde_json::Value::Object(map) => 1 + map.values().map(levels).max().unwrap_or(0),
        _ => 0,
    }
}

fn is_clean(json: &serde_json::Value) -> bool {
    let clean = |text: &str| !text.chars().any(|c| unwelcome(c).is_some());
    match json {
        serde_json::Value::String(text) => clean(text),
        serde_json::Value::Array(items) => items.iter().all(is_clean),
        serde_json::Value::Object(map) => map.iter().all(|(key, value)| clean(key) && is_clean(value)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::{parse_bool, parse_int, parse_json};

    #[test]
    fn json_is_shallow_and_clean() {
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let (fits, too_deep) = (deep(16), deep(17));
        for (text, taken) in [
            (r#"{"b":1,"a":[null,"x"]}"#, true),
            (&fits, true),
            (&too_deep, false),
            (r#""\u202e""#, false),
            (r#"{"\u0000":1}"#, false),
            (r#"["a\nb"]"#, false),
            ("{a:1}", false),
            ("1 2", false),
        ] {
            assert_eq!(parse_json(text).is_some(), taken, "{text}");
        }
    }

    /// Without the library's `float_roundtrip` one in ten comes out with another last digit.
    #[test]
    fn numbers_stay_what_they_are() {
        for text in ["62.412439153596644", "9007199254740993.0", "0.1", "5e-324", "1.7976931348623157e308"] {
            let read = parse_json(text).and_then(|json| json.as_f64());
            assert_eq!(read.map(f64::to_bits), text.parse().ok().map(f64::to_bits), "{text}");
        }
    }

    #[test]
    fn integers_are_those_that_every_reader_holds() {
        for (text, number) in [
            ("0", Some(0)),
            ("-42", Some(-42)),
            ("9007199254740991", Some(9_007_199_254_740_991)),
            ("9007199254740992", None),
            ("+1", None),
            ("1.0", None),
            ("0x1F", None),
            ("", None),
            ("-", None),
        ] {
            assert_eq!(parse_int(text), number, "{text}");
        }
        assert_eq!((parse_bool("Yes"), parse_bool("0"), parse_bool("2")), (Some(true), Some(false), None));
    }
}
