//! What people trip over in YAML, each in words of its own. None of them repeats a value: it may
//! be a secret.

use super::error::{Problem, Problems};
use super::reader::join;
use super::source::Source;
use super::tree::{Kind, Node};
use crate::place::Place;
use std::collections::HashMap;

pub(super) const TAG: &str = "tags (`!x`, `!!str`) are not used here; to make a value text, put it in quotes";
pub(super) const MERGE: &str = "the merge key `<<` is not used here; write the keys out";
pub(super) const EMPTY: &str = "the file is empty";
pub(super) const CUT_OFF: &str =
    "` #` begins a comment here and cuts the expression off; put the whole value in quotes";
const BRACES: &str =
    "an unquoted `{{` opens a YAML map; an expression is written ${…}, other text with braces in quotes";
const EXPRESSION: &str = "inside { } or [ ] an expression needs quotes: \"${…}\"";
const COLONS: &str = "inside { } or [ ] an address that begins with `::` needs quotes, such as \"::1\"";
const STAR: &str = "an unquoted `*` begins an alias; write \"*\"";
const OPEN_QUOTE: &str = "the quote that opens here is not closed";
pub(super) const KEYLESS: &str =
    "a key without `: ` behind it; write `key: value`, with a space behind the colon";
const NO_SPACE: &str =
    "this line is indented with a character that looks like a space and is none; use spaces";
const TAB: &str = "a tab cannot indent; use spaces";

/// How far around a collection its key and its tag are looked for: a file of one long line that
/// holds a hundred thousand of them is read in no time all the same.
const NEAR: usize = 160;

/// Whether the bytes are text that YAML may hold, and not too much of it.
pub(super) fn readable(source: &Source, max: usize) -> Result<(), Problem> {
    let text = source.text();
    if text.len() > max {
        return Err(Problem::error(
            Place::default(),
            "",
            format!("the file is larger than {} MiB", max >> 20),
        ));
    }
    if source.invalid() == Some(0) && text.starts_with("\u{FFFD}\u{FFFD}") && text.contains('\0') {
        let message = "the file is in UTF-16; save it as UTF-8";
        return Err(Problem { hide_line: true, ..Problem::error(Place::new(1, 1), "", message) });
    }
    if let Some(at) = source.invalid() {
        let message = format!("the file is not UTF-8: the byte at {at} (from 0) belongs to no character");
        return Err(Problem::error(source.place(at), "", message));
    }
    if let Some(at) = too_deep(text) {
        let message = "more than 100 brackets are open here: nested too deeply";
        return Err(Problem::error(source.place(at), "", message));
    }
    text.char_indices().find(|&(_, c)| !is_yaml(c)).map_or(Ok(()), |(at, c)| {
        let message = format!(
            "the character U+{:04X} cannot be read here; in double quotes it can be written \\u{:04x}",
            u32::from(c),
            u32::from(c)
        );
        Err(Problem::error(source.place(at), "", message))
    })
}

/// Where more brackets are open than any sane file has. libyaml takes minutes for a hundred
/// thousand, so they are counted before it sees them, those in text and comments too.
fn too_deep(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    text.bytes().position(|byte| {
        match byte {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        open > 100
    })
}

/// What libyaml reads, but for the line ends that no editor counts.
fn is_yaml(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' | ' '..='~' => true,
        '\u{2028}' | '\u{2029}' | '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}' => false,
        c => c >= '\u{A0}',
    }
}

/// What is written, without the anchor before it.
pub(super) fn skip_anchor(written: &str) -> &str {
    let Some(rest) = written.strip_prefix('&') else { return written };
    let mut rest =
        rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "_-".contains(c)).trim_start();
    while rest.starts_with('#') {
        rest = rest.trim_start_matches(|c| c != '\n').trim_start();
    }
    rest
}

/// The value behind a key on its line, from what is written at the key.
pub(super) fn behind_key(written: &str) -> Option<&str> {
    let near = written.get(..written.floor_char_boundary(NEAR)).unwrap_or(written);
    let line = near.split('\n').next().unwrap_or(near);
    let mut signs = line.match_indices(':').map(|(at, _)| at);
    let colon = signs.find(|&at| {
        let end =
            line.get(at + 1..).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r']));
        end && !in_quotes(line, at)
    })?;
    written.get(colon + 1..).map(|value| value.trim_start_matches([' ', '\t']))
}

/// Where a tag is the last word before a collection.
pub(super) fn tag_before(text: &str) -> Option<usize> {
    let skipped = text.ceil_char_boundary(text.len().saturating_sub(NEAR));
    let before = text.get(skipped..).filter(|near| near.contains('!'))?;
    let mut upto = before.trim_end();
    loop {
        let start = upto.rfind('\n').map_or(0, |at| at + 1);
        let line = upto.get(start..)?;
        let comment = unquoted(line, "#")
            .find(|&at| at == 0 || line.get(..at).is_some_and(|it| it.ends_with([' ', '\t'])));
        let Some(comment) = comment else { break };
        upto = before.get(..start + comment)?.trim_end();
    }
    let word = upto.rsplit(char::is_whitespace).next()?;
    word.starts_with('!').then(|| skipped + upto.len() - word.len())
}

/// Whether `null` is spelled out.
pub(super) fn spells_null(written: &str) -> bool {
    ["null", "Null", "NULL", "~"].iter().any(|word| written.starts_with(word))
}

/// Where plain text that opens an expression and does not close it was ended by a comment: the
/// position of the `#` in what is written.
pub(super) fn cut_off(text: &str, written: &str) -> Option<usize> {
    let (_, open) = text.rsplit_once("${")?;
    if open.contains('}') {
        return None;
    }
    let at = written
        .match_indices('#')
        .map(|(at, _)| at)
        .find(|&at| written.get(..at).is_some_and(|before| before.ends_with([' ', '\t'])))?;
    let before = written.get(..at)?.split_whitespace();
    before.eq(text.split_whitespace()).then_some(at)
}

pub(super) fn collection_as_key(source: &Source, place: Place) -> (Option<Place>, &'static str) {
    let at = source.offset(place);
    if source.after(at).starts_with('{') && source.before(at).ends_with('{') {
        return (Some(source.place(at - 1)), BRACES);
    }
    (Some(place), "a key is text, not a list or a map")
}

pub(super) fn null_as_key() -> &'static str {
    "a key is text; here it is missing, or null (which would need quotes)"
}

/// The place and the meaning of an error of the library.
pub(super) fn explain(source: &Source, place: Place, message: &str) -> (Place, String) {
    let at = source.offset(place);
    if let Some((at, message)) = trap(source, at, place, message) {
        return (source.place(at), message.to_owned());
    }
    if message.contains("more than one document") {
        return (second_document(source), "one document only; a line of `---` begins another".to_owned());
    }
    if message.contains("mapping values are not allowed") {
        return second_colon(source, place);
    }
    if message.contains("unexpected end of stream") {
        let opening = context(source, message).unwrap_or(place);
        return (open_quote(source, opening).unwrap_or(opening), OPEN_QUOTE.to_owned());
    }
    let guilty = keyless(source, place.line).filter(|_| message.contains("did not find expected key"));
    if let Some(guilty) = guilty {
        return guilty;
    }
    if let Some(message) = known(message) {
        let context = context(source, message.1).filter(|_| message.2);
        return (context.unwrap_or(place), message.0.to_owned());
    }
    (place, format!("not YAML: {}", bare(message)))
}

/// A colon where none can be: in text, or behind the first key of a line that is indented wrongly.
fn second_colon(source: &Source, place: Place) -> (Place, String) {
    let line = source.line(place.line).unwrap_or_default();
    let before = line.chars().take((place.column as usize).saturating_sub(1)).collect::<String>();
    let word = before.trim_start();
    if word.contains(": ") || word.starts_with("- ") {
        let message = "a second `: ` in this line; text that holds `: ` needs quotes";
        return (place, message.to_owned());
    }
    if let Some(guilty) = keyless(source, place.line) {
        return guilty;
    }
    let indent = before.chars().count() - word.chars().count();
    let message =
        "this line is indented otherwise than the keys above it: the keys of one map begin in one column";
    (Place::new(place.line, u32::try_from(indent + 1).unwrap_or(u32::MAX)), message.to_owned())
}

/// The line before this one, where it is no key of its map, and so made text of both of them.
fn keyless(source: &Source, number: u32) -> Option<(Place, String)> {
    let column = |line: &str| u32::try_from(line.len() - line.trim_start_matches(' ').len() + 1).ok();
    let code = |number: u32| source.line(number)?.split(" #").next().map(|line| line.trim_end_matches(' '));
    let mut first = None;
    for number in (1..number).rev() {
        let line = code(number)?;
        let text = line.trim_start_matches(' ');
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        if text.starts_with(char::is_whitespace) {
            return Some((Place::new(number, column(line)?), NO_SPACE.to_owned()));
        }
        if text.starts_with("- ") || text.contains(": ") || text.ends_with(':') {
            // Behind a value, what follows goes on with it.
            first = first.filter(|_| text.ends_with(':'));
            break;
        }
        first = Some((number, line));
    }
    let (number, line) = first?;
    let plain = line.trim_start().starts_with(|c: char| c.is_alphanumeric() || c == '_');
    plain.then(|| Some((Place::new(number, column(line)?), KEYLESS.to_owned())))?
}

/// The first quote up to a place that its own line does not close: what follows it is upside down,
/// and the one that the library complains of may close in truth.
fn open_quote(source: &Source, upto: Place) -> Option<Place> {
    (1..=upto.line).find_map(|number| {
        let line = source.line(number)?;
        let mut open: Option<(usize, char)> = None;
        let mut last = ' ';
        for (at, c) in line.char_indices() {
            match open {
                None if c == '#' && last.is_whitespace() => break,
                None if matches!(c, '"' | '\'') && " \t[{(,:".contains(last) => open = Some((at, c)),
                Some((_, quote)) if quote == c && last != '\\' => open = None,
                _ => {}
            }
            last = c;
        }
        open.map(|(at, _)| source.place(source.offset(Place::new(number, 1)) + at))
    })
}

/// The traps that show in the text around the error.
fn trap(source: &Source, at: usize, place: Place, message: &str) -> Option<(usize, &'static str)> {
    let before = source.before(at);
    if message.contains("alphabetic or numeric") {
        return before.strip_suffix('*').map(|before| (before.len(), STAR));
    }
    if message.contains("unknown anchor") {
        return Some((
            at,
            "an unquoted `*` begins an alias, and nothing has this anchor; put text in quotes",
        ));
    }
    if message.contains("tab character") || source.after(at).starts_with('\t') {
        return Some((at, TAB));
    }
    let start = source.offset(Place::new(place.line, 1));
    let line = source.line(place.line).unwrap_or_default();
    let upto = at.saturating_sub(start) + 1;
    if let Some(brace) = unquoted(line, "{{").find(|&brace| brace <= upto) {
        return Some((start + brace, BRACES));
    }
    let flow = message.contains("flow") || message.contains("',' or");
    let opened = unquoted(line, "${").filter(|&sign| flow && sign <= upto).last();
    let colons = unquoted(line, "::").filter(|&sign| flow && sign <= upto).last();
    let nearest = opened.max(colons)?;
    let word = if colons == Some(nearest) { COLONS } else { EXPRESSION };
    Some((start + nearest, word))
}

fn unquoted<'l>(line: &'l str, sign: &'static str) -> impl Iterator<Item = usize> + 'l {
    line.match_indices(sign).map(|(at, _)| at).filter(move |&at| !in_quotes(line, at))
}

/// Whether a quote that was opened before `at` is still open there.
fn in_quotes(line: &str, at: usize) -> bool {
    let mut open = None;
    for c in line.get(..at).unwrap_or_default().chars().filter(|c| matches!(c, '"' | '\'')) {
        open = match open {
            None => Some(c),
            Some(quote) if quote == c => None,
            other => other,
        };
    }
    open.is_some()
}

/// The library's message in plain words; itself; and whether its context is the better place.
fn known(message: &str) -> Option<(&'static str, &str, bool)> {
    let words = [
        ("EOF while parsing", EMPTY, false),
        ("cannot start any token", "text cannot begin with this character; put it in quotes", false),
        (
            "block sequence entries are not allowed",
            "a list item `- ` cannot stand here; put it on a line of its own",
            false,
        ),
        (
            "did not find expected key",
            "this line does not fit: its indentation is that of no key above, or text before it needs quotes",
            false,
        ),
        (
            "expected '-' indicator",
            "this line does not fit into the list above: items begin with `- ` in one column",
            false,
        ),
        ("could not find expected ':'", "a key without `: ` behind it, or a wrong indentation", true),
        (
            "expected ',' or ']'",
            "the list in [ ] that opens here is not closed, or lacks a comma, or holds text that needs quotes",
            true,
        ),
        (
            "expected ',' or '}'",
            "the map in { } that opens here is not closed, or lacks a comma, or holds text that needs quotes",
            true,
        ),
        (
            "unknown escape",
            "in double quotes `\\` begins an escape, and this is none; write `\\\\`, or use single quotes",
            false,
        ),
        ("recursion limit", "nested too deeply", false),
        ("repetition limit", "aliases that repeat too much", false),
    ];
    let found = words.iter().find(|(theirs, ..)| message.contains(theirs))?;
    Some((found.1, message, found.2))
}

/// The place that stands behind "while …" in a message.
fn context(source: &Source, message: &str) -> Option<Place> {
    let (_, context) = message.split_once(", while ")?;
    let (line, column) = context.rsplit_once(" at line ")?.1.split_once(" column ")?;
    let place = Place::new(line.parse().ok()?, column.parse().ok()?);
    source.line(place.line).map(|_| place)
}

/// The library's own words without its places.
fn bare(message: &str) -> &str {
    message.split(" at line ").next().and_then(|message| message.split(", while").next()).unwrap_or(message)
}

fn second_document(source: &Source) -> Place {
    let mut seen = false;
    for (number, line) in (1..).zip(source.text().lines()) {
        let marks = line.starts_with("---") || line.starts_with("...");
        if marks && seen && line.starts_with("---") {
            return Place::new(number, 1);
        }
        seen |= !line.trim().is_empty() && !line.starts_with(['#', '%', '.']);
    }
    Place::new(1, 1)
}

/// Reports keys that stand twice in one map, anywhere.
pub(super) fn duplicates(node: &Node, path: &str, problems: &Problems) {
    match &node.kind {
        Kind::List(items) => {
            for (index, item) in items.iter().enumerate() {
                duplicates(item, &format!("{path}[{index}]"), problems);
            }
        }
        Kind::Map(entries) => {
            let mut seen = HashMap::new();
            for entry in entries {
                let path = join(path, &entry.key);
                let first = *seen.entry(entry.key.as_str()).or_insert(entry.place);
                if first != entry.place {
                    let message = format!("this key stands twice: first in line {}, again here", first.line);
                    problems.error(entry.place, &path, message);
                }
                duplicates(&entry.value, &path, problems);
            }
        }
        _ => {}
    }
}
