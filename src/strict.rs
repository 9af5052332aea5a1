//! JSON in which no name stands twice.
//!
//! RFC 8259 §4 leaves it to the reader which of two counts; two readers that differ are a way to say
//! one thing to the one who checks and another to the one who acts.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// What a text is that is no such JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No JSON.
    Broken,
    /// JSON in which a name stands twice.
    Twice,
}

/// JSON without a name that stands twice, on whatever level.
pub fn value(json: &[u8]) -> Result<Value, Fault> {
    match serde_json::from_slice::<Strict>(json) {
        Ok(Strict(value)) => Ok(value),
        Err(_) if serde_json::from_slice::<Value>(json).is_ok() => Err(Fault::Twice),
        Err(_) => Err(Fault::Broken),
    }
}

/// The same, where it is an object.
pub fn object(json: &[u8]) -> Option<Map<String, Value>> {
    match value(json) {
        Ok(Value::Object(object)) => Some(object),
        _ => None,
    }
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Strict(item)) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Strict(value))) = map.next_entry::<String, Strict>()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a name stands twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, object, value};

    #[test]
    fn a_name_stands_once_on_every_level() {
        for (json, taken) in [
            (r#"{"a":1,"b":[{"a":1},{"a":2}],"c":null,"d":-1.5,"e":true,"f":"x"}"#, true),
            (r#"{"a":1,"a":1}"#, false),
            (r#"{"a":1,"\u0061":2}"#, false),
            (r#"{"b":{"a":1,"a":2}}"#, false),
            (r#"{"b":[{"a":1,"a":2}]}"#, false),
            ("[1]", false),
            (r#"{"a":1} {"#, false),
            ("", false),
        ] {
            let read = object(json.as_bytes());
            assert_eq!(read.is_some(), taken, "{json}");
            if let Some(read) = read {
                assert_eq!(serde_json::Value::Object(read).to_string(), json);
            }
        }
    }

    #[test]
    fn a_name_that_stands_twice_is_told_from_what_is_no_json() {
        for (json, fault) in [
            (r#"{"a":1,"a":1}"#, Some(Fault::Twice)),
            (r#"[{"a":{"b":1,"\u0062":2}}]"#, Some(Fault::Twice)),
            (r#"{"a":1,"a":1"#, Some(Fault::Broken)),
            ("", Some(Fault::Broken)),
            (r#"{"a":"\ud800"}"#, Some(Fault::Broken)),
            ("[1, {}]", None),
            ("7", None),
        ] {
            assert_eq!(value(json.as_bytes()).err(), fault, "{json}");
        }
        assert_eq!(value(b"\"\xff\"").err(), Some(Fault::Broken));
    }
}
