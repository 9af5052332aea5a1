//! What happens where a field has no value: `optional` and `default`.

use super::leaf::{self, Wrong};
use super::reader::MapReader;
use super::tree::{Kind as Shape, Node};
use crate::fields::Presence;
use crate::value::{Kind, MAX_ITEMS, Value, parse_int, parse_json, unwelcome};
use std::borrow::Cow;

pub(super) fn presence(
    map: &MapReader<'_>,
    optional: bool,
    kind: Option<Kind>,
    max_bytes: Option<usize>,
) -> Option<Presence> {
    let Some(default) = map.get("default") else {
        return Some(if optional { Presence::Optional } else { Presence::Required });
    };
    let value = match kind? {
        Kind::List => {
            if default.node().text() == Some("") {
                default.warn("this is a list of one empty text; an empty list is written []");
            }
            Value::List(default.list(|node| leaf::text(node).map(|text| Cow::Owned(text.to_owned())))?)
        }
        kind => default.read(|node| default_value(node, kind))?,
    };
    if let Some(flaw) = unfit(&value, max_bytes?) {
        default.error(flaw);
        return None;
    }
    Some(Presence::Default(value))
}

/// Why a default is not what could come from a visitor: the claims are made of both.
fn unfit(value: &Value<'_>, max_bytes: usize) -> Option<String> {
    let (texts, bytes) = match value {
        Value::Text(text) => (vec![&**text], text.len()),
        Value::List(items) if items.len() > MAX_ITEMS => {
            return Some(format!("this is a list of more than {MAX_ITEMS} items"));
        }
        Value::List(items) => {
            (items.iter().map(|item| &**item).collect(), items.iter().map(|item| item.len()).sum())
        }
        Value::Json(json) => {
            let text = json.to_string();
            if parse_json(&text).is_none() {
                return Some(
                    "JSON of at most 16 levels without control or bidi characters is wanted here".to_owned(),
                );
            }
            (Vec::new(), text.len())
        }
        Value::Int(_) | Value::Bool(_) => return None,
    };
    let found = texts.iter().flat_map(|text| text.chars()).find_map(unwelcome);
    let long = || (bytes > max_bytes).then(|| format!("this is longer than its max_bytes, {max_bytes}"));
    found.map(|what| format!("this holds a {what}, which no value of a field may")).or_else(long)
}

/// A default is written as its type is: text, a list of text, a number, true or false, any YAML.
fn default_value(node: &Node, kind: Kind) -> Result<Value<'static>, Wrong> {
    Ok(match kind {
        Kind::Text => Value::Text(Cow::Owned(leaf::text(node)?.to_owned())),
        Kind::List => return Err("a list is wanted here".into()),
        Kind::Int => {
            let wanted = "an integer within ±(2^53-1) is wanted here, as the field's type is";
            let Shape::Int(digits) = &node.kind else { return Err(wanted.into()) };
            Value::Int(parse_int(digits).ok_or(wanted)?)
        }
        Kind::Bool => Value::Bool(leaf::boolean(node)?),
        Kind::Json => Value::Json(json(node)?),
    })
}

/// Any YAML, as JSON.
pub(super) fn json(node: &Node) -> Result<serde_json::Value, Wrong> {
    Ok(match &node.kind {
        Shape::Null | Shape::Broken => serde_json::Value::Null,
        Shape::Bool(value) => (*value).into(),
        Shape::Int(raw) | Shape::Float(raw) => {
            serde_json::from_str(raw).map_err(|_| Wrong::from("a number as JSON writes it is wanted here"))?
        }
        Shape::Text { .. } => leaf::text(node)?.into(),
        Shape::List(items) => items.iter().map(json).collect::<Result<_, _>>()?,
        Shape::Map(entries) => serde_json::Value::Object(
            entries
                .iter()
                .map(|entry| Ok((entry.key.clone(), json(&entry.value)?)))
                .collect::<Result<_, Wrong>>()?,
        ),
    })
}
