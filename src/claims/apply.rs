//! What the filters do, at request time (and at load, to constants).

use super::filter::{Filter, TextFilter};
use crate::value::{MAX_ITEMS, Value, parse_bool, parse_int, parse_json, split, unwelcome};
use aws_lc_rs::digest::{SHA256, digest};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::borrow::Cow;

/// Why a value cannot become a claim. It names a state and never the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// `int`
    #[error("not an integer within ±(2^53-1)")]
    Int,
    /// `bool`
    #[error("not one of true, 1, yes, on, false, 0, no, off")]
    Bool,
    /// `json`
    #[error("not JSON of at most 16 levels")]
    Json,
    /// `slug`
    #[error("nothing is left of it as a slug")]
    Slug,
    /// `map`
    #[error("not among the keys of `map`, which has no `else`")]
    Map,
    /// `urldecode`
    #[error("not percent-encoded UTF-8 text")]
    Percent,
    /// `split`
    #[error("a list of more than {MAX_ITEMS} items")]
    Items,
    /// A text filter, on a control character that decoding brought to light.
    #[error("it holds a control character once decoded")]
    Character,
    /// `sub`
    #[error("`sub` is empty")]
    Empty,
    /// A required value that nobody provided.
    #[error("a required value is missing")]
    Missing,
    /// A value of another type than the one its field declares.
    #[error("not of the type that its field declares")]
    Type,
}

impl Cause {
    /// Whether only some value leads to it, and not just any that fits no filter.
    pub fn is_of_one_value(self) -> bool {
        matches!(self, Self::Items | Self::Character | Self::Empty | Self::Missing)
    }
}

/// A value that borrows from another.
pub(super) fn borrow<'v>(value: &'v Value<'_>) -> Value<'v> {
    match value {
        Value::Text(text) => Value::Text(Cow::Borrowed(text)),
        Value::List(items) => Value::List(items.iter().map(|item| Cow::Borrowed(item.as_ref())).collect()),
        Value::Int(n) => Value::Int(*n),
        Value::Bool(b) => Value::Bool(*b),
        Value::Json(json) => Value::Json(json.clone()),
    }
}

impl Filter {
    /// Applies it; absent passes through all but `default`.
    pub(super) fn apply<'v>(&'v self, value: Option<Value<'v>>) -> Result<Option<Value<'v>>, Cause> {
        match (self, value) {
            (Self::Default(fallback), None) => Ok(Some(borrow(fallback))),
            (_, None) => Ok(None),
            (Self::First, Some(Value::List(items))) => Ok(items.into_iter().next().map(Value::Text)),
            (Self::Last, Some(Value::List(items))) => Ok(items.into_iter().next_back().map(Value::Text)),
            (_, Some(value)) => self.convert(value).map(Some),
        }
    }

    fn convert<'v>(&'v self, value: Value<'v>) -> Result<Value<'v>, Cause> {
        Ok(match (self, value) {
            (Self::Default(_), value)
            | (Self::Int, value @ Value::Int(_))
            | (Self::Bool, value @ Value::Bool(_)) => value,
            (Self::Text(filter), Value::Text(text)) => Value::Text(filter.apply(text)?),
            (Self::Text(filter), Value::List(items)) => {
                Value::List(items.into_iter().map(|item| filter.apply(item)).collect::<Result<_, _>>()?)
            }
            (Self::Text(filter @ TextFilter::Map { .. }), Value::Int(n)) => {
                Value::Text(filter.apply(n.to_string().into())?)
            }
            (Self::Text(filter @ TextFilter::Map { .. }), Value::Bool(b)) => {
                Value::Text(filter.apply(b.to_string().into())?)
            }
            (Self::Split(separator), Value::Text(text)) => Value::List(separate(text, separator)?),
            (Self::Join(separator), Value::List(items)) => Value::Text(items.join(separator).into()),
            (Self::Int, Value::Text(text)) => Value::Int(parse_int(&text).ok_or(Cause::Int)?),
            (Self::Bool, Value::Text(text)) => Value::Bool(parse_bool(&text).ok_or(Cause::Bool)?),
            (Self::Json, Value::Text(text)) => Value::Json(parse_json(&text).ok_or(Cause::Json)?),
            // Refused at load.
            _ => return Err(Cause::Type),
        })
    }
}

fn separate<'v>(text: Cow<'v, str>, separator: &str) -> Result<Vec<Cow<'v, str>>, Cause> {
    let items: Vec<Cow<'v, str>> = match text {
        Cow::Borrowed(text) => split(text, separator).map(Cow::Borrowed).collect(),
        Cow::Owned(text) => split(&text, separator).map(|item| Cow::Owned(item.to_owned())).collect(),
    };
    if items.len() > MAX_ITEMS { Err(Cause::Items) } else { Ok(items) }
}

impl TextFilter {
    fn apply<'v>(&'v self, text: Cow<'v, str>) -> Result<Cow<'v, str>, Cause> {
        Ok(match self {
            Self::Lower => text.to_lowercase().into(),
            Self::Upper => text.to_uppercase().into(),
            Self::Trim => trim(text),
            Self::Slug => slug(&text)?.into(),
            Self::Prefix(before) => format!("{before}{text}").into(),
            Self::Suffix(behind) => (text + behind.as_ref()).into_owned().into(),
            Self::Replace(from, to) if text.contains(&**from) => text.replace(&**from, to).into(),
            Self::Replace(..) => text,
            Self::Map { pairs, otherwise } => {
                let found = pairs.iter().find_map(|(key, to)| (**key == *text).then_some(to));
                Cow::Borrowed(found.or(otherwise.as_ref()).ok_or(Cause::Map)?)
            }
            Self::UrlEncode => utf8_percent_encode(&text, RESERVED).to_string().into(),
            Self::UrlDecode => url_decode(&text)?.into(),
            Self::Base64 => base64_simd::STANDARD.encode_to_string(text.as_bytes()).into(),
            Self::Sha256 => sha256(&text).into(),
        })
    }
}

/// All but the unreserved of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn trim(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => text.trim().to_owned().into(),
    }
}

fn slug(text: &str) -> Result<String, Cause> {
    let lower = text.to_ascii_lowercase();
    let foreign = |c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit();
    let words: Vec<&str> = lower.split(foreign).filter(|word| !word.is_empty()).collect();
    if words.is_empty() { Err(Cause::Slug) } else { Ok(words.join("-")) }
}

/// Like a field's `decode: percent`, it takes neither half an escape nor a hidden control character.
fn url_decode(text: &str) -> Result<String, Cause> {
    let broken = text.split('%').skip(1).any(|after| {
        !after.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    if broken {
        return Err(Cause::Percent);
    }
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| Cause::Percent)?;
    if decoded.chars().any(|c| unwelcome(c).is_some()) {
        Err(Cause::Character)
    } else {
        Ok(decoded.into_owned())
    }
}

fn sha256(text: &str) -> String {
    lower_hex(digest(&SHA256, text.as_bytes()).as_ref())
}

fn lower_hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
