//! Session fields: what is known of a visitor, and how each fact is read from raw bytes.

use crate::evidence::{Finding, State};
use crate::place::Place;
use crate::value::{Kind, MAX_ITEMS, Value, parse_bool, parse_int, parse_json, split, unwelcome};
use http::HeaderName;
use std::borrow::Cow;
use std::fmt;

/// Where a field's raw value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A header of the request.
    Header {
        /// Its name, in lower case as `http` has it.
        name: HeaderName,
        /// Its spelling in the file, for people and for the lines that `check --edge` writes.
        written: String,
    },
    /// A cookie: the visitor's own word, whoever the peer is.
    Cookie(String),
    /// A value in the JSON that the app answered with, by its pointer (RFC 6901).
    Json(String),
    /// A claim of the token on the request, by its pointer.
    Claim(String),
}

impl Source {
    /// The header's or the cookie's name, or the pointer.
    pub fn name(&self) -> &str {
        match self {
            Self::Header { name, .. } => name.as_str(),
            Self::Cookie(name) | Self::Json(name) | Self::Claim(name) => name,
        }
    }
}

impl Source {
    /// Whether it is this header.
    pub fn is_header(&self, other: &HeaderName) -> bool {
        matches!(self, Self::Header { name, .. } if name == other)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header { name, .. } => write!(f, "header {name}"),
            Self::Cookie(name) => write!(f, "cookie {name}"),
            Self::Json(pointer) => write!(f, "json {pointer}"),
            Self::Claim(pointer) => write!(f, "claim {pointer}"),
        }
    }
}

/// How the raw bytes are to be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decode {
    /// As UTF-8.
    Utf8,
    /// As ISO 8859-1: every byte is a character.
    Latin1,
    /// Percent-encoded UTF-8.
    Percent,
    /// Base64 of UTF-8, padded or not.
    Base64,
    /// The URL-safe alphabet, padded or not.
    Base64Url,
}

/// What happens where a field has no value.
#[derive(Clone, Debug, PartialEq)]
pub enum Presence {
    /// Then there is no token.
    Required,
    /// Then what uses it is left out.
    Optional,
    /// Then this stands in.
    Default(Value<'static>),
}

/// One declared field.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its name in `session.fields`.
    pub name: String,
    /// Where its raw value stands.
    pub source: Source,
    /// The type of its value.
    pub kind: Kind,
    /// What separates the items of a list.
    pub separator: String,
    /// What happens without it.
    pub presence: Presence,
    /// How its bytes are to be understood.
    pub decode: Decode,
    /// Raw values that mean "none".
    pub absent: Vec<String>,
    /// The most raw bytes.
    pub max_bytes: usize,
    /// Whether its value is shown by no tool.
    pub sensitive: bool,
    /// Where it was declared.
    pub place: Place,
}

/// Why a raw value is refused. It names a state and never the value.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// More bytes than `max_bytes`.
    #[error("{len} bytes, more than its max_bytes {max}")]
    TooLong {
        /// What came.
        len: usize,
        /// What may come.
        max: usize,
    },
    /// A byte that the encoding does not have.
    #[error("byte 0x{byte:02X} at {at} is not {expected}; {hint}")]
    Byte {
        /// The byte.
        byte: u8,
        /// Its position, from 0.
        at: usize,
        /// The encoding that was expected.
        expected: &'static str,
        /// What may help.
        hint: &'static str,
    },
    /// A control character, or one that overrides the direction of text.
    #[error("{what} U+{code:04X} at byte {at} of the decoded value")]
    Character {
        /// What kind of character.
        what: &'static str,
        /// Its code point.
        code: u32,
        /// Its position, from 0.
        at: usize,
    },
    /// Not of the field's type.
    #[error("not {0}")]
    Type(&'static str),
    /// A list with too many items.
    #[error("a list of more than {MAX_ITEMS} items")]
    Items,
}

impl Flaw {
    /// The same as a state.
    fn state(&self) -> State {
        match *self {
            Self::TooLong { len, .. } => State::TooLong(len),
            Self::Byte { byte, at, .. } => State::Byte { byte, at },
            Self::Character { code, at, .. } => State::Character { code, at },
            Self::Type(kind) => State::Not(kind),
            Self::Items => State::TooMany,
        }
    }
}

/// How a field's value was found.
pub fn state(value: Option<&Value<'_>>) -> State {
    match value {
        None => State::Absent,
        Some(Value::Text(text)) => State::Text(text.len()),
        Some(Value::List(items)) => State::List(items.len()),
        Some(Value::Int(_) | Value::Bool(_) | Value::Json(_)) => State::Present,
    }
}

impl Field {
    /// How this field's value was found in a session, where its default may stand in.
    pub fn state(&self, value: Option<&Value<'_>>) -> State {
        match &self.presence {
            Presence::Default(default) if value == Some(default) => State::Default,
            _ => state(value),
        }
    }
}

/// How what may be a field's value was found; none where there is nothing to read.
pub fn found(read: Option<&Result<Option<Value<'_>>, Flaw>>) -> State {
    match read {
        None => State::Absent,
        Some(Ok(None)) => State::Nothing,
        Some(Ok(value)) => state(value.as_ref()),
        Some(Err(flaw)) => flaw.state(),
    }
}

impl Field {
    /// What is found where this field is read from.
    pub fn finding(&self, state: State) -> Finding {
        let (field, source) = (Some(self.name.clone()), self.source.to_string());
        Finding { field, source, state: Some(state), place: Some(self.place) }
    }

    /// What was found, where reading failed.
    pub fn flawed(&self, flaw: &Flaw) -> Finding {
        self.finding(flaw.state())
    }

    /// Reads a raw value: `Ok(None)` where it means "none".
    pub fn read<'a>(&self, raw: &'a [u8]) -> Result<Option<Value<'a>>, Flaw> {
        self.check_length(raw.len())?;
        if self.means_none(raw.trim_ascii()) {
            return Ok(None);
        }
        let text = trimmed(self.decode(raw)?);
        if self.means_none(text.as_bytes()) {
            return Ok(None);
        }
        refuse_characters(&text)?;
        self.typed(text)
    }

    /// Reads a value that is JSON already, by the same rules as text from a header; `null` means "none".
    pub fn read_json<'a>(&self, json: &'a serde_json::Value) -> Result<Option<Value<'a>>, Flaw> {
        use serde_json::Value as Json;
        match (json, self.kind) {
            (Json::Null, _) => Ok(None),
            (_, Kind::Json) => self.read_any(json),
            (Json::String(text), _) => self.read(text.as_bytes()),
            (Json::Number(number), Kind::Text | Kind::Int) if !number.is_f64() => {
                self.read(number.to_string().as_bytes()).map(|value| value.map(Value::into_owned))
            }
            (Json::Bool(value), Kind::Bool) => {
                let word = if *value { "true" } else { "false" };
                Ok((!self.means_none(word.as_bytes())).then_some(Value::Bool(*value)))
            }
            (Json::Array(items), Kind::List) => self.read_items(items),
            _ => Err(Flaw::Type(self.kind.word())),
        }
    }

    /// Any JSON, as long as it is when it is written compactly.
    fn read_any<'a>(&self, json: &serde_json::Value) -> Result<Option<Value<'a>>, Flaw> {
        let text = json.to_string();
        self.check_length(text.len())?;
        if self.means_none(json.as_str().map_or(text.as_str(), str::trim).as_bytes()) {
            return Ok(None);
        }
        parse_json(&text)
            .map(|json| Some(Value::Json(json)))
            .ok_or(Flaw::Type("JSON of at most 16 levels, without control characters"))
    }

    /// The items of a JSON list: text, or integers in their shortest form; empty ones dropped. A lone
    /// item may mean none.
    fn read_items<'a>(&self, items: &'a [serde_json::Value]) -> Result<Option<Value<'a>>, Flaw> {
        let mut read = Vec::with_capacity(items.len().min(MAX_ITEMS));
        for item in items {
            let text = match item {
                serde_json::Value::String(text) => Cow::Borrowed(text.trim()),
                serde_json::Value::Number(number) if !number.is_f64() => Cow::Owned(number.to_string()),
                _ => return Err(Flaw::Type("a list of text")),
            };
            refuse_characters(&text)?;
            if !text.is_empty() {
                read.push(text);
            }
        }
        self.check_length(read.iter().map(|item| item.len()).sum())?;
        match read.as_slice() {
            [lone] if self.means_none(lone.as_bytes()) => Ok(None),
            many if many.len() > MAX_ITEMS => Err(Flaw::Items),
            _ => Ok(Some(Value::List(read))),
        }
    }

    fn check_length(&self, len: usize) -> Result<(), Flaw> {
        if len > self.max_bytes { Err(Flaw::TooLong { len, max: self.max_bytes }) } else { Ok(()) }
    }

    fn means_none(&self, raw: &[u8]) -> bool {
        raw.is_empty() || self.absent.iter().any(|none| none.as_bytes() == raw)
    }

    fn decode<'a>(&self, raw: &'a [u8]) -> Result<Cow<'a, str>, Flaw> {
        match self.decode {
            Decode::Utf8 => utf8(raw).map(Cow::Borrowed),
            Decode::Latin1 => Ok(latin1(raw)),
            Decode::Percent => percent(raw),
            Decode::Base64 => base64(raw, *b"+/", "base64"),
            Decode::Base64Url => base64(raw, *b"-_", "base64url"),
        }
    }

    fn typed<'a>(&self, text: Cow<'a, str>) -> Result<Option<Value<'a>>, Flaw> {
        Ok(Some(match self.kind {
            Kind::Text => Value::Text(text),
            Kind::List => return list(text, &self.separator).map(Some),
            Kind::Int => Value::Int(parse_int(&text).ok_or(Flaw::Type("an integer within ±(2^53-1)"))?),
            Kind::Bool => Value::Bool(parse_bool(&text).ok_or(Flaw::Type("true or false"))?),
            Kind::Json => Value::Json(parse_json(&text).ok_or(Flaw::Type("JSON of at most 16 levels"))?),
        }))
    }
}

fn utf8(raw: &[u8]) -> Result<&str, Flaw> {
    std::str::from_utf8(raw).map_err(|error| {
        let at = error.valid_up_to();
        let byte = raw.get(at).copied().unwrap_or_default();
        Flaw::Byte { byte, at, expected: "UTF-8", hint: "if the app sends ISO 8859-1, set `decode: latin1`" }
    })
}

fn latin1(raw: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(raw) {
        Ok(text) if raw.is_ascii() => Cow::Borrowed(text),
        _ => Cow::Owned(raw.iter().map(|&byte| char::from(byte)).collect()),
    }
}

fn percent(raw: &[u8]) -> Result<Cow<'_, str>, Flaw> {
    if let Some(at) = broken_percent(raw) {
        let hint = "a literal % is sent as %25";
        return Err(Flaw::Byte { byte: b'%', at, expected: "part of a percent-encoded byte", hint });
    }
    let hint = "percent-encode UTF-8 bytes";
    match Cow::<[u8]>::from(percent_encoding::percent_decode(raw)) {
        Cow::Borrowed(bytes) => utf8(bytes).map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).map(Cow::Owned).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let byte = error.as_bytes().get(at).copied().unwrap_or_default();
            Flaw::Byte { byte, at, expected: "UTF-8 after decoding", hint }
        }),
    }
}

/// The position of a `%` that is not followed by two hexadecimal digits.
fn broken_percent(raw: &[u8]) -> Option<usize> {
    (0..raw.len()).find(|&at| {
        raw.get(at) == Some(&b'%')
            && !raw.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

fn base64<'a>(raw: &[u8], extra: [u8; 2], expected: &'static str) -> Result<Cow<'a, str>, Flaw> {
    let raw = raw.trim_ascii();
    let digits = raw.strip_suffix(b"==").or_else(|| raw.strip_suffix(b"=")).unwrap_or(raw);
    let hint = "check which alphabet the app uses";
    let foreign = digits.iter().position(|byte| !byte.is_ascii_alphanumeric() && !extra.contains(byte));
    if let Some(at) = foreign {
        let byte = digits.get(at).copied().unwrap_or_default();
        return Err(Flaw::Byte { byte, at, expected, hint });
    }
    let codec = if extra == *b"+/" { base64_simd::STANDARD_NO_PAD } else { base64_simd::URL_SAFE_NO_PAD };
    let padded_right = digits.len() == raw.len() || raw.len().is_multiple_of(4);
    let bytes = codec.decode_to_vec(digits).ok().filter(|_| padded_right).ok_or(Flaw::Type(expected))?;
    String::from_utf8(bytes).map(Cow::Owned).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let byte = error.as_bytes().get(at).copied().unwrap_or_default();
        Flaw::Byte { byte, at, expected: "UTF-8 after decoding", hint }
    })
}

fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) if text.trim().len() == text.len() => Cow::Owned(text),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    }
}

/// Control characters, and those that make text read other than it is stored (Trojan Source).
fn refuse_characters(text: &str) -> Result<(), Flaw> {
    // Of all of it, as that is done for many bytes at once.
    if !text.bytes().fold(false, |odd, byte| odd | !(0x20..0x7F).contains(&byte)) {
        return Ok(());
    }
    let found = text.char_indices().find_map(|(at, c)| unwelcome(c).map(|what| (at, c, what)));
    found.map_or(Ok(()), |(at, c, what)| Err(Flaw::Character { what, code: c.into(), at }))
}

fn list<'a>(text: Cow<'a, str>, separator: &str) -> Result<Value<'a>, Flaw> {
    let items = match text {
        Cow::Borrowed(text) => split(text, separator).map(Cow::Borrowed).collect::<Vec<_>>(),
        Cow::Owned(text) => split(&text, separator).map(|item| Cow::Owned(item.to_owned())).collect(),
    };
    if items.len() > MAX_ITEMS { Err(Flaw::Items) } else { Ok(Value::List(items)) }
}
