//! YAML text to a tree with places. The only module that knows the YAML library.
//!
//! The library tells no places, except in errors. So the visitor of a scalar keeps what it was
//! given and *fails on purpose*: the error comes back with the scalar's line and column, its event
//! is consumed, and the collection around it goes on. Collections succeed; theirs is the place of
//! what they hold first.

use super::error::{Problem, Problems};
use super::source::Source;
use super::traps;
use super::tree::{Entry, Kind, Node, Style};
use crate::place::Place;
use serde::de::{self, Deserialize as _, DeserializeSeed, EnumAccess, MapAccess, SeqAccess, Visitor};
use std::cell::{Cell, RefCell};
use std::fmt;

/// The largest file.
pub const MAX_BYTES: usize = 1 << 20;
/// The most values, aliases counted as often as they are used.
pub const MAX_NODES: usize = 100_000;

/// The tree of a file. `None` where no tree can be made of it; then, and in other cases too,
/// `problems` says why.
pub fn parse(source: &Source, problems: &Problems) -> Option<Node> {
    if let Err(problem) = traps::readable(source, MAX_BYTES) {
        problems.push(problem);
        return None;
    }
    let parse = Parse { source, problems, nodes: Cell::new(0), stop: RefCell::new(None) };
    let document = serde_yaml::Deserializer::from_str(source.text());
    match parse.node(|seed| seed.deserialize(document).map(Some)) {
        Ok(node) => parse.finish(node?),
        Err(error) => {
            problems.push(parse.problem(&error));
            None
        }
    }
}

/// Whether a text is YAML at all, be it in a form that is not read here.
pub fn is_yaml(text: &str) -> bool {
    de::IgnoredAny::deserialize(serde_yaml::Deserializer::from_str(text)).is_ok()
}

struct Parse<'s> {
    source: &'s Source,
    problems: &'s Problems,
    nodes: Cell<usize>,
    /// Why we ended it, where it was not the library.
    stop: RefCell<Option<(Option<Place>, &'static str)>>,
}

impl Parse<'_> {
    /// One value. The root, an item, a key and a key's value are all asked for in this way.
    fn node<E: de::Error>(
        &self,
        ask: impl FnOnce(Seed<'_, '_>) -> Result<Option<Kind>, E>,
    ) -> Result<Option<Node>, E> {
        let mut kept = None;
        match (ask(Seed { parse: self, kept: &mut kept }), kept) {
            (Err(error), Some(kind)) => self.scalar(kind, place_in(&error.to_string())).map(Some),
            (Err(error), None) => Err(error),
            (Ok(None), _) => Ok(None),
            (Ok(Some(kind)), _) => {
                self.count()?;
                let place = self.opening(&kind);
                if let Some(tag) = traps::tag_before(self.source.before(self.source.offset(place))) {
                    return Err(self.stop(Some(self.source.place(tag)), traps::TAG));
                }
                Ok(Some(Node { place, kind }))
            }
        }
    }

    fn count<E: de::Error>(&self) -> Result<(), E> {
        self.nodes.set(self.nodes.get() + 1);
        let enough = "more than 100,000 values, those that aliases repeat among them";
        if self.nodes.get() > MAX_NODES { Err(self.stop(None, enough)) } else { Ok(()) }
    }

    fn stop<E: de::Error>(&self, place: Option<Place>, message: &'static str) -> E {
        self.stop.replace(Some((place, message)));
        E::custom(message)
    }

    /// The library tells what a scalar means; how it was written is read from the text.
    fn scalar<E: de::Error>(&self, kind: Kind, place: Place) -> Result<Node, E> {
        self.count()?;
        let written = traps::skip_anchor(self.source.after(self.source.offset(place)));
        if written.starts_with('!') {
            return Err(self.stop(Some(place), traps::TAG));
        }
        let kind = match kind {
            Kind::Int(_) | Kind::Float(_) => number(written),
            Kind::Text { text, .. } => Kind::Text { style: style(written), text },
            other => other,
        };
        let kind = match kind {
            Kind::Text { text, style: Style::Plain } if self.is_cut_off(&text, written) => Kind::Broken,
            other => other,
        };
        let absent = kind == Kind::Null && !traps::spells_null(written);
        Ok(Node { place: if absent { Place::default() } else { place }, kind })
    }

    fn is_cut_off(&self, text: &str, written: &str) -> bool {
        let Some(cut) = traps::cut_off(text, written) else { return false };
        let place = self.source.place(self.source.text().len() - written.len() + cut);
        self.problems.error(place, "", traps::CUT_OFF);
        true
    }

    /// An empty collection holds nothing that has a place: it stands behind its key.
    fn place_empty<E: de::Error>(&self, value: &mut Node, key: Place) -> Result<(), E> {
        let empty = match &value.kind {
            Kind::List(items) => items.is_empty(),
            Kind::Map(entries) => entries.is_empty(),
            _ => false,
        };
        let behind = traps::behind_key(self.source.after(self.source.offset(key)));
        let Some(written) = behind.map(traps::skip_anchor).filter(|_| empty) else { return Ok(()) };
        let place = self.source.place(self.source.text().len() - written.len());
        if written.starts_with('!') {
            return Err(self.stop(Some(place), traps::TAG));
        }
        if written.starts_with(['{', '[']) {
            value.place = place;
        }
        Ok(())
    }

    /// Where a collection begins: at its bracket, or at what it holds first.
    fn opening(&self, kind: &Kind) -> Place {
        let first = match kind {
            Kind::List(items) => items.first().map(|item| item.place),
            Kind::Map(entries) => entries.first().map(|entry| entry.place),
            _ => None,
        };
        let Some(place) = first.filter(|place| place.line > 0) else { return Place::default() };
        let before = self.source.before(self.source.offset(place)).trim_end();
        let dash = before.ends_with('-') && matches!(kind, Kind::List(_));
        if dash || before.ends_with(['{', '[']) { self.source.place(before.len() - 1) } else { place }
    }

    /// The text of a key; none for the merge key, whose reading goes on as if it were allowed, so that
    /// nothing else is said to be missing.
    fn key<E: de::Error>(&self, key: Node) -> Result<Option<String>, E> {
        let word = match key.kind {
            Kind::Text { text, style } => {
                if text == "<<" && style == Style::Plain {
                    self.problems.error(key.place, "", traps::MERGE);
                    return Ok(None);
                }
                return Ok(Some(text));
            }
            Kind::Int(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => return Ok(Some(digits)),
            Kind::List(_) | Kind::Map(_) => {
                let (place, message) = traps::collection_as_key(self.source, key.place);
                return Err(self.stop(place, message));
            }
            Kind::Broken => return Ok(Some(String::new())),
            Kind::Null => return Err(self.stop(Some(key.place).filter(|p| p.line > 0), traps::null_as_key())),
            Kind::Bool(word) => word.to_string(),
            Kind::Int(word) | Kind::Float(word) => word,
        };
        let message = format!("a key is text, and YAML does not read `{word}` as such; write \"{word}\"");
        self.problems.error(key.place, "", message);
        Ok(Some(word))
    }

    fn finish(&self, mut root: Node) -> Option<Node> {
        if root.kind == Kind::Null {
            self.problems.error(Place::new(1, 1), "", traps::EMPTY);
            return None;
        }
        settle(&mut root, Place::new(1, 1));
        traps::duplicates(&root, "", self.problems);
        Some(root)
    }

    fn problem(&self, error: &serde_yaml::Error) -> Problem {
        let place = error.location().map_or(Place::new(1, 1), |at| {
            let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            Place::new(small(at.line()), small(at.column()))
        });
        if let Some((own, message)) = self.stop.take() {
            return Problem::error(own.unwrap_or(place), "", message);
        }
        let (place, message) = traps::explain(self.source, place, &error.to_string());
        Problem::error(place, "", message)
    }
}

/// Gives what has no place of its own (nothing, an empty collection) that of its key.
fn settle(node: &mut Node, place: Place) {
    if node.place.line == 0 {
        node.place = place;
    }
    let here = node.place;
    match &mut node.kind {
        Kind::List(items) => items.iter_mut().for_each(|item| settle(item, here)),
        Kind::Map(entries) => entries.iter_mut().for_each(|entry| settle(&mut entry.value, entry.place)),
        _ => {}
    }
}

/// The place that an error tells; nothing about it is said of the first character.
fn place_in(error: &str) -> Place {
    let told = error.rsplit_once(" at line ").and_then(|(_, told)| told.split_once(" column "));
    let place = told.and_then(|(line, column)| Some(Place::new(line.parse().ok()?, column.parse().ok()?)));
    place.unwrap_or(Place::new(1, 1))
}

fn number(written: &str) -> Kind {
    let end = written.find(|c: char| !c.is_ascii_alphanumeric() && !"+-._".contains(c));
    let raw = written.get(..end.unwrap_or(written.len())).unwrap_or_default().to_owned();
    let digits = raw.trim_start_matches(['+', '-']);
    let based = digits.starts_with("0x") || digits.starts_with("0o") || digits.starts_with("0b");
    if based || digits.bytes().all(|byte| byte.is_ascii_digit()) { Kind::Int(raw) } else { Kind::Float(raw) }
}

fn style(written: &str) -> Style {
    match written.as_bytes().first() {
        Some(b'"' | b'\'') => Style::Quoted,
        Some(b'|' | b'>') => Style::Block,
        _ => Style::Plain,
    }
}

struct Seed<'p, 's> {
    parse: &'p Parse<'s>,
    kept: &'p mut Option<Kind>,
}

impl Seed<'_, '_> {
    fn keep<E: de::Error>(self, kind: Kind) -> Result<Kind, E> {
        *self.kept = Some(kind);
        Err(E::custom(""))
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_, '_> {
    type Value = Kind;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Kind, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_, '_> {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Kind, E> {
        self.keep(Kind::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Kind, E> {
        self.keep(Kind::Int(String::new()))
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Kind, E> {
        self.keep(Kind::Int(String::new()))
    }

    fn visit_i128<E: de::Error>(self, _: i128) -> Result<Kind, E> {
        self.keep(Kind::Int(String::new()))
    }

    fn visit_u128<E: de::Error>(self, _: u128) -> Result<Kind, E> {
        self.keep(Kind::Int(String::new()))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Kind, E> {
        self.keep(Kind::Float(String::new()))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Kind, E> {
        self.keep(Kind::Text { text: text.to_owned(), style: Style::Plain })
    }

    fn visit_unit<E: de::Error>(self) -> Result<Kind, E> {
        self.keep(Kind::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Kind, E> {
        self.keep(Kind::Null)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<Kind, A::Error> {
        Err(self.parse.stop(None, traps::TAG))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Kind, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = self.parse.node(|seed| seq.next_element_seed(seed))? {
            items.push(item);
        }
        Ok(Kind::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kind, A::Error> {
        let (mut entries, mut merged) = (Vec::new(), Vec::new());
        while let Some(key) = self.parse.node(|seed| map.next_key_seed(seed))? {
            let place = key.place;
            let key = self.parse.key(key)?;
            let Some(mut value) = self.parse.node(|seed| map.next_value_seed(seed).map(Some))? else {
                continue;
            };
            self.parse.place_empty(&mut value, place)?;
            match (key, value.kind) {
                (Some(key), kind) => entries.push(Entry { key, place, value: Node { kind, ..value } }),
                (None, Kind::Map(others)) => merged.extend(others),
                (None, _) => {}
            }
        }
        for other in merged {
            if entries.iter().all(|entry: &Entry| entry.key != other.key) {
                entries.push(other);
            }
        }
        Ok(Kind::Map(entries))
    }
}
