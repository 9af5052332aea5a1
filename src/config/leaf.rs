//! The leaves of the file: text, numbers, durations, sizes, words, names.

use super::advice;
use super::reader::listed;
use super::tree::{Kind, Node, Style};
use crate::slug::Slug;
use http::HeaderName;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Why a leaf is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// What is wrong and what to write.
    pub message: String,
    /// What may have been meant.
    pub suggestion: Option<String>,
}

impl Wrong {
    /// The same with what may have been meant, unless that would repeat what the environment has.
    pub(super) fn suggest(self, node: &Node, suggestion: Option<String>) -> Self {
        Self { suggestion: suggestion.filter(|_| !node.is_resolved()), ..self }
    }
}

impl From<String> for Wrong {
    fn from(message: String) -> Self {
        Self { message, suggestion: None }
    }
}

impl From<&str> for Wrong {
    fn from(message: &str) -> Self {
        Self::from(message.to_owned())
    }
}

/// A value for a message: short, and not shown where it comes from the environment.
pub(super) fn shown(node: &Node) -> String {
    match &node.kind {
        Kind::Text { text, style: Style::Resolved } if text.starts_with(['"', '\'']) => {
            "the value from the environment, which stands in quotes of its own".to_owned()
        }
        Kind::Text { style: Style::Resolved, .. } => "the value from the environment".to_owned(),
        Kind::Text { text, .. } | Kind::Int(text) | Kind::Float(text) => {
            let start: String = text.chars().take(60).collect();
            let more = if start.len() < text.len() { "…" } else { "" };
            format!("`{}{more}`", start.escape_debug())
        }
        Kind::Bool(value) => format!("`{value}`"),
        _ => node.shape().to_owned(),
    }
}

/// For a message that repeats no value: that this one is not the file's own.
pub(super) fn outside(node: &Node) -> String {
    if node.is_resolved() { format!(", not {}", shown(node)) } else { String::new() }
}

/// Text, or digits as they are written. What another reader of YAML might take for something
/// else has to be quoted.
pub fn text(node: &Node) -> Result<&str, Wrong> {
    let quote = |what: &str, word: &str| {
        Err(Wrong::from(format!("text is wanted here, and this is {what}; write \"{word}\"")))
    };
    match &node.kind {
        Kind::Text { text, style: Style::Block } if text.ends_with('\n') => Err(Wrong::from(
            "this block ends in a line break, which would be part of the text; write `|-` or `>-`",
        )),
        Kind::Text { text, style: Style::Plain } => match ambiguity(text) {
            Some(what) => quote(what, text),
            None => Ok(text),
        },
        Kind::Text { text, .. } => Ok(text),
        Kind::Int(raw) if is_decimal(raw) => Ok(raw),
        Kind::Int(raw) => quote("a number in another base, or with a sign", raw),
        Kind::Float(raw) => quote("a number, not its digits", raw),
        Kind::Bool(value) => quote("a boolean", if *value { "true" } else { "false" }),
        Kind::Null => {
            Err(Wrong::from("text is wanted here, and this is null; write \"\" if empty text is meant"))
        }
        Kind::List(_) => {
            Err(Wrong::from("text is wanted here, not a list; write one value, without [ ] or `- `"))
        }
        _ => Err(Wrong::from(format!("text is wanted here, not {}", node.shape()))),
    }
}

/// What other readers of YAML take plain text for.
fn ambiguity(text: &str) -> Option<&'static str> {
    const WORDS: [&str; 4] = ["yes", "no", "on", "off"];
    let digits = |text: &str| text.starts_with(|c: char| c.is_ascii_digit()) && text.contains('_');
    let numeric = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    if WORDS.iter().any(|word| word.eq_ignore_ascii_case(text)) {
        Some("a boolean to many readers of YAML")
    } else if digits(text) && numeric {
        Some("a number to many readers of YAML")
    } else {
        None
    }
}

fn is_decimal(raw: &str) -> bool {
    let digits = raw.strip_prefix('-').unwrap_or(raw);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// What cannot be empty is not to be written as such.
fn given(node: &Node) -> Result<&Node, Wrong> {
    match node.kind {
        Kind::Null => {
            Err(Wrong::from("a value is wanted here, and this is null; drop the key if none is meant"))
        }
        _ => Ok(node),
    }
}

/// Text that is not empty.
pub fn filled(node: &Node) -> Result<&str, Wrong> {
    let text = text(given(node)?)?;
    if text.trim().is_empty() { Err(Wrong::from("this must not be empty")) } else { Ok(text) }
}

/// `true` or `false`.
pub fn boolean(node: &Node) -> Result<bool, Wrong> {
    match &node.kind {
        Kind::Bool(value) => Ok(*value),
        Kind::Text { text, style: Style::Resolved } if text == "true" => Ok(true),
        Kind::Text { text, style: Style::Resolved } if text == "false" => Ok(false),
        _ => Err(Wrong::from(format!("write true or false (without quotes), not {}", shown(node)))),
    }
}

/// An integer within a range.
pub fn integer(node: &Node, range: RangeInclusive<u64>) -> Result<u64, Wrong> {
    let wanted =
        || format!("a number from {} to {} is wanted here, not {}", range.start(), range.end(), shown(node));
    let digits = match &node.kind {
        Kind::Int(digits) | Kind::Text { text: digits, style: Style::Resolved } => digits,
        Kind::Text { text, .. } if is_decimal(text) => {
            return Err(Wrong::from(format!("{}; write it without quotes and leading zeros", wanted())));
        }
        _ => return Err(Wrong::from(wanted())),
    };
    let number = digits.parse().ok().filter(|_| is_decimal(digits));
    number.filter(|number| range.contains(number)).ok_or_else(|| Wrong::from(wanted()))
}

/// A duration: `500ms`, `5s`, `2m`, `1h`.
pub fn duration(node: &Node) -> Result<Duration, Wrong> {
    let wanted = |why: &str| {
        Wrong::from(format!(
            "a duration is wanted here, such as 500ms, 5s, 2m or 1h, not {}{why}",
            shown(node)
        ))
    };
    read_duration(node, wanted).map_err(|wrong| match &node.kind {
        Kind::Int(text) | Kind::Text { text, .. } => {
            let meant = advice::duration(text).filter(|meant| meant != text);
            wrong.suggest(node, meant)
        }
        _ => wrong,
    })
}

fn read_duration(node: &Node, wanted: impl Fn(&str) -> Wrong) -> Result<Duration, Wrong> {
    match &node.kind {
        Kind::Text { text, .. } => {
            let (number, unit) = measured(text).ok_or_else(|| wanted(""))?;
            let millis = match unit {
                "ms" => 1,
                "s" => 1_000,
                "m" => 60_000,
                "h" => 3_600_000,
                "" => return Err(wanted(": the unit is missing")),
                _ => return Err(wanted("")),
            };
            // Anything longer than a century is a slip of the hand, and would overflow an `Instant`.
            let total = number.checked_mul(millis).filter(|&total| total <= 3_600_000 * 24 * 36_525);
            total.map(Duration::from_millis).ok_or_else(|| wanted(": it is too long"))
        }
        Kind::Int(_) => Err(wanted(": the unit is missing")),
        _ => Err(wanted("")),
    }
}

/// A size in bytes: `64KiB`, `1MiB`, or plain digits.
pub fn size(node: &Node) -> Result<usize, Wrong> {
    let wanted =
        || Wrong::from(format!("a size is wanted here, such as 4096, 64KiB or 1MiB, not {}", shown(node)));
    let (Kind::Int(text) | Kind::Text { text, .. }) = &node.kind else { return Err(wanted()) };
    let (number, unit) = measured(text).ok_or_else(wanted)?;
    let shift = match unit {
        "" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => {
            let letter = unit.trim_start().chars().next().unwrap_or_default().to_ascii_uppercase();
            let suggestion = "KMG".contains(letter).then(|| format!("{number}{letter}iB"));
            return Err(wanted().suggest(node, suggestion));
        }
    };
    number.checked_mul(1 << shift).and_then(|bytes| usize::try_from(bytes).ok()).ok_or_else(wanted)
}

/// The number and the unit of what was measured.
fn measured(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    Some((number.parse().ok()?, unit))
}

/// One of some words, with what each of them means.
pub fn word<T: Clone>(node: &Node, words: &[(&str, T)]) -> Result<T, Wrong> {
    let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
    let wanted =
        || format!("one of {} is wanted here, not {}", listed(&names).replace(" and ", " or "), shown(node));
    let Kind::Text { text, .. } = &node.kind else { return Err(Wrong::from(wanted())) };
    let found = words.iter().find(|(name, _)| name == text).map(|(_, value)| value.clone());
    found
        .ok_or_else(|| Wrong { message: wanted(), suggestion: advice::word(text, &names).map(str::to_owned) })
}

/// A header's name, as it was written and as it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenHeader {
    /// The name.
    pub name: HeaderName,
    /// Its spelling in the file.
    pub written: String,
}

/// The name of a header.
pub fn header(node: &Node) -> Result<WrittenHeader, Wrong> {
    let written = text(given(node)?)?;
    let Ok(name) = HeaderName::from_bytes(written.as_bytes()) else {
        let wrong = Wrong::from(format!("{} is not the name of a header", shown(node)));
        return Err(wrong.suggest(node, written.strip_suffix(':').map(str::to_owned)));
    };
    Ok(WrittenHeader { name, written: written.to_owned() })
}

/// A name that needs no escaping anywhere.
pub fn slug(node: &Node) -> Result<Slug, Wrong> {
    let wrong = || Wrong::from(format!("{} is not a name here: 1 to 64 of A-Z a-z 0-9 _ and -", shown(node)));
    // In quotes its digits would be none, either.
    if let Kind::Float(_) = given(node)?.kind {
        return Err(wrong());
    }
    Slug::parse(text(node)?).ok_or_else(wrong)
}
