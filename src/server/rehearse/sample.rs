//! Values to play a refusal again with: of the kind that their field takes, and in the state in which
//! what came was found.

use crate::evidence::State;
use crate::fields::{Decode, Field};
use crate::value::Kind;
use serde_json::{Value, json};
use std::borrow::Cow;

/// What stands for a value.
const VALUE: &str = "VALUE";
/// What no `int`, `bool`, `json`, `slug`, `map` or `urldecode` takes.
const UNFIT: &str = "?%";
/// What the shell puts a long text or list in place of.
const MARK: &str = "LONG-VALUE";

/// Quotes a word for a shell.
pub(super) fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A value of the field's type, or of none.
pub(super) fn value(field: &Field, state: State) -> Cow<'static, str> {
    match (state, field.kind) {
        // Nothing at all means none whatever the file's own words for it are.
        (State::Nothing, _) => if field.absent.iter().any(|none| none == "-") { "-" } else { "" }.into(),
        (State::Not(_), _) => "?".into(),
        (_, Kind::Int) => "1".into(),
        (_, Kind::Bool) => "true".into(),
        (_, Kind::Json) => "{}".into(),
        (_, Kind::Text | Kind::List) => encoded(field, VALUE),
    }
}

/// A value of the field's type that no claim can be made of.
pub(super) fn unfit(field: &Field) -> Cow<'static, str> {
    match field.kind {
        Kind::Text | Kind::List => encoded(field, UNFIT),
        Kind::Int | Kind::Bool | Kind::Json => value(field, State::Present),
    }
}

/// A text as the field's header has it.
pub(super) fn encoded(field: &Field, text: &str) -> Cow<'static, str> {
    match field.decode {
        Decode::Utf8 | Decode::Latin1 => text.to_owned(),
        Decode::Percent => text.replace('%', "%25"),
        Decode::Base64 => base64_simd::STANDARD_NO_PAD.encode_to_string(text),
        Decode::Base64Url => base64_simd::URL_SAFE_NO_PAD.encode_to_string(text),
    }
    .into()
}

/// A header line with a value in this state, as one word for a shell.
pub(super) fn header(field: &Field, name: &str, state: State, value: &str) -> String {
    let named = quoted(&format!("{name}: "));
    match state {
        State::Byte { byte, at } => format!("{named}$'{}\\x{byte:02X}'", before(field, at)),
        State::Character { code, at } => format!("{named}$'{}\\U{code:08X}'", before(field, at)),
        State::TooLong(_) | State::TooMany => format!("{named}\"{}\"", long(field, state)),
        _ => quoted(&format!("{name}: {value}")),
    }
}

fn before(field: &Field, at: usize) -> String {
    "x".repeat(at.min(field.max_bytes))
}

/// What has a shell write more than a field may have.
fn long(field: &Field, state: State) -> String {
    match state {
        State::TooMany => format!("$(seq -s {} 101)", quoted(&field.separator)),
        _ => format!("$(printf %{}s x | tr ' ' x)", field.max_bytes + 1),
    }
}

/// The JSON of an answer, which grows field by field.
pub(super) struct Body {
    json: Value,
    /// What the shell writes in place of the mark.
    long: Option<String>,
}

impl Body {
    /// One that says nothing.
    pub(super) fn new() -> Self {
        Self { json: json!({}), long: None }
    }

    /// Puts a value in this state where the pointer leads, unless something else is there.
    pub(super) fn put(&mut self, field: &Field, pointer: &str, state: State, value: &str) {
        if matches!(state, State::TooLong(_) | State::TooMany) {
            self.long = Some(long(field, state));
        }
        let mut at = &mut self.json;
        // A list's items are found by their numbers as names, too.
        for name in pointer.split('/').skip(1) {
            let name = name.replace("~1", "/").replace("~0", "~");
            if at.is_null() {
                *at = json!({});
            }
            let Some(members) = at.as_object_mut() else { return };
            at = members.entry(name).or_insert(Value::Null);
        }
        if at.is_null() || at.as_object().is_some_and(serde_json::Map::is_empty) {
            *at = member(field, state, value);
        }
    }

    /// As a file that a shell makes up.
    pub(super) fn file(&self) -> String {
        let mut text = quoted(&self.json.to_string());
        if let Some(long) = &self.long {
            text = text.replace(MARK, &format!("'\"{long}\"'"));
        }
        format!("<(printf %s {text})")
    }
}

fn member(field: &Field, state: State, value: &str) -> Value {
    match (state, field.kind) {
        (State::Nothing, _) => Value::Null,
        (State::Not(kind), own) if kind == own.word() => json!({}),
        (State::Not(_), Kind::List) => json!([{}]),
        (State::Not(_), Kind::Json) => json!("\0"),
        (State::TooLong(_) | State::TooMany, _) => json!(MARK),
        (State::Character { code, at }, _) => {
            let odd = char::from_u32(code).unwrap_or('\0');
            json!(encoded(field, &format!("{}{odd}", before(field, at))))
        }
        // Of JSON every byte is text: only what it decodes to can be otherwise.
        (State::Byte { byte, at }, _) if byte.is_ascii() => {
            json!(format!("{}{}", before(field, at), char::from(byte)))
        }
        (State::Byte { byte, at }, _) => json!(format!("{}%{byte:02X}", before(field, at))),
        (_, Kind::Int) if value == "1" => json!(1),
        (_, Kind::Bool) if value == "true" => json!(true),
        (_, Kind::Json) if value == "{}" => json!({}),
        _ => json!(value),
    }
}
