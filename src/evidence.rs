//! What was found where a session is read, or where a request is looked at: names and states of
//! things, never a value of one.
//!
//! It is the one explanation there is. `mint --format explain`, the log's line about a refusal and
//! the operator's list of decisions all show it.

use crate::place::Place;
use std::borrow::Cow;
use std::fmt;

/// What led to a refusal.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// One sentence for the operator.
    pub detail: Cow<'static, str>,
    /// What it is about, where it is about one thing.
    pub finding: Option<Finding>,
    /// Whether somebody answered too late, rather than wrongly.
    pub late: bool,
    /// Whose it is.
    pub whose: Whose,
}

/// Whose a refusal is, where that is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Whose {
    /// Nobody's in particular.
    #[default]
    Nobody,
    /// The browser's: all is well once the page is opened anew.
    Browser,
    /// For whoever is in front of us to mend.
    Edge,
    /// That of the visitor's own value: nothing else leads to it.
    Value,
}

/// One thing, and how it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The session field that is read from it.
    pub field: Option<String>,
    /// The header, cookie, pointer or claim; or whoever was asked.
    pub source: String,
    /// How it was found, where that can be said.
    pub state: Option<State>,
    /// Where the configuration file speaks of it.
    pub place: Option<Place>,
}

impl Finding {
    /// A thing that no field is read from.
    pub fn of(source: impl Into<String>) -> Self {
        Self { field: None, source: source.into(), state: None, place: None }
    }

    /// How it was found.
    #[must_use]
    pub fn state(mut self, state: State) -> Self {
        self.state = Some(state);
        self
    }
}

/// How a thing was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not at all; in a session that led to a token also with a value that means none.
    Absent,
    /// With a value that means none.
    Nothing,
    /// With what stands in where it is absent.
    Default,
    /// With a text of so many bytes.
    Text(usize),
    /// With a list of so many items.
    List(usize),
    /// With a value that is neither.
    Present,
    /// More than once.
    Doubled,
    /// In another spelling.
    Aliased,
    /// Named in `Connection`.
    Nominated,
    /// With a byte that its encoding does not have.
    Byte {
        /// The byte.
        byte: u8,
        /// Its position, from 0.
        at: usize,
    },
    /// With a character that no value may have.
    Character {
        /// Its code point.
        code: u32,
        /// Its position in bytes, from 0.
        at: usize,
    },
    /// With more bytes than it may have.
    TooLong(usize),
    /// With more items than it may have.
    TooMany,
    /// With a value of another type than this.
    Not(&'static str),
    /// With a value that the file does not declare.
    Undeclared,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("absent"),
            Self::Default => f.write_str("the default"),
            Self::Nothing => f.write_str("there, and means none"),
            Self::Text(1) => f.write_str("present, 1 byte"),
            Self::Text(bytes) => write!(f, "present, {bytes} bytes"),
            Self::List(1) => f.write_str("present, 1 item"),
            Self::List(items) => write!(f, "present, {items} items"),
            Self::Present => f.write_str("present"),
            Self::Doubled => f.write_str("doubled"),
            Self::Aliased => f.write_str("in another spelling too"),
            Self::Nominated => f.write_str("named in Connection"),
            Self::Byte { byte, at } => write!(f, "byte 0x{byte:02X} at {at}"),
            Self::Character { code, at } => write!(f, "U+{code:04X} at byte {at}"),
            Self::TooLong(bytes) => write!(f, "too long, {bytes} bytes"),
            Self::TooMany => f.write_str("too many items"),
            Self::Not(kind) => write!(f, "not {kind}"),
            Self::Undeclared => f.write_str("not declared in the file"),
        }
    }
}
