//! Changes put into the text of a document, without a touch on anything else in it.
//!
//! The tree tells where things begin, and nobody where they end; that is read from the text: what is
//! indented deeper than a key belongs to it, and in brackets, what stands before they close. YAML can
//! be written so that this fails, so what came out is read again and compared with what was to come
//! out (`rewrite`): where they differ, the document is left alone and its author told.

use super::change::{Change, Path, Step, Where, apply, find, value_of};
use super::emit::{self, Style};
use crate::config::error::Problems;
use crate::config::file;
use crate::config::source::Source;
use crate::config::tree::{Entry, Kind, Node};
use serde_json::Value;
use std::cmp::Reverse;
use std::ops::Range;
use std::str::CharIndices;

/// The text with the changes in it; none where the document is laid out in a way that forbids it.
pub(super) fn rewrite(source: &Source, root: &Node, changes: &[Change]) -> Option<String> {
    let page = Page { source, text: source.text(), root };
    let mut edits = changes.iter().map(|change| page.edit(change)).collect::<Option<Vec<_>>>()?;
    // What is indented deeper belongs to what stands above.
    edits.sort_by_key(|edit| (edit.range.start, Reverse(edit.depth)));
    let (mut text, mut upto) = (String::with_capacity(page.text.len() + 4096), 0);
    for Edit { range, new, .. } in &edits {
        // Two that go may share the comma between them; nothing else can overlap and be right.
        let start = if new.is_empty() { range.start.max(upto) } else { range.start };
        text.push_str(page.text.get(upto..start)?);
        text.push_str(new);
        upto = range.end.max(upto);
    }
    text.push_str(page.text.get(upto..)?);
    let mut wanted = value_of(root);
    apply(&mut wanted, changes)?;
    let (again, problems) = (Source::new(source.name(), text.as_bytes()), Problems::default());
    let got = file::parse(&again, &problems)?;
    (value_of(&got) == wanted).then_some(text)
}

/// What stands in a range of the text from now on.
struct Edit {
    range: Range<usize>,
    new: String,
    /// How far whole lines are indented, twice, and one more for items.
    depth: usize,
}

impl Edit {
    fn inline(range: Range<usize>, new: String) -> Self {
        Self { range, new, depth: 0 }
    }
}

struct Page<'t> {
    source: &'t Source,
    text: &'t str,
    root: &'t Node,
}

impl<'t> Page<'t> {
    fn edit(&self, change: &Change) -> Option<Edit> {
        match change {
            Change::Entry { map, key, value, place } => self.add_entry(map, key, value, place),
            Change::Items { list, items } => self.add_items(list, items),
            Change::Set { at, value } => self.set(at, value),
            Change::Remove { at } => self.remove(at),
        }
    }

    fn add_entry(&self, path: &Path, key: &str, value: &Value, place: &Where) -> Option<Edit> {
        let map = find(self.root, path)?;
        if let Some(inside) = self.inside_bracket(map) {
            let Kind::Map(entries) = &map.kind else { return None };
            let comma = if entries.is_empty() { "" } else { ", " };
            let new = format!("{}: {value}{comma}", Value::String(key.to_owned()));
            return Some(Edit::inline(inside..inside, new));
        }
        let Kind::Map(entries) = &map.kind else {
            // Nothing at all behind the key: the entry is its first.
            let above = self.entry(path).filter(|_| map.kind == Kind::Null)?;
            let lines = emit::entry(key, value, column(above) + 2, self.style());
            return Some(self.insert(self.line_end(self.at(above)), &lines, 2 * (column(above) + 2)));
        };
        let named = |name: &&str| entries.iter().find(|entry| entry.key == *name);
        let column = column(entries.first()?);
        let lines = emit::entry(key, value, column, self.style());
        let at = match place {
            Where::Before(name) => {
                let entry = named(name)?;
                self.above(entry).unwrap_or_else(|| self.end(entry))
            }
            Where::After(name) => self.end(named(name)?),
            Where::Last => self.end(entries.last()?),
        };
        Some(self.insert(at, &lines, 2 * column))
    }

    fn add_items(&self, path: &Path, items: &[Value]) -> Option<Edit> {
        let list = find(self.root, path)?;
        if let Some(inside) = self.inside_bracket(list) {
            let new = items.iter().map(Value::to_string).collect::<Vec<_>>().join(", ");
            let comma = if list.items().is_empty() { "" } else { ", " };
            return Some(Edit::inline(inside..inside, format!("{new}{comma}")));
        }
        let above = self.entry(path)?;
        let dash = if list.kind == Kind::Null {
            column(above) + self.style().dash
        } else {
            (list.place.column as usize).checked_sub(1)?
        };
        let lines: String = items.iter().map(|value| emit::item(value, dash, self.style())).collect();
        Some(self.insert(self.line_end(self.at(above)), &lines, 2 * dash + 1))
    }

    fn set(&self, path: &Path, value: &Value) -> Option<Edit> {
        let start = self.source.offset(find(self.root, path)?.place);
        let written = self.text.get(start..)?;
        let length = match written.chars().next()? {
            quote @ ('"' | '\'') => written.get(1..)?.find(quote)? + 2,
            _ => written
                .find(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c))
                .unwrap_or(written.len()),
        };
        let new =
            if self.text.get(start..)?.starts_with('"') { value.to_string() } else { emit::scalar(value) };
        Some(Edit::inline(start..start + length, new))
    }

    fn remove(&self, path: &Path) -> Option<Edit> {
        let (last, parent) = path.split_last()?;
        let above = find(self.root, parent)?;
        let (start, end) = match last {
            Step::Key(key) => {
                let entry = above.entry(key)?;
                (self.at(entry), self.end(entry))
            }
            Step::Item(index) => {
                let item = above.items().get(*index)?;
                let start = self.source.offset(item.place);
                let indent = self.text.get(self.line_start(start)..start)?.find('-').unwrap_or_default();
                (start, self.end_of_block(start, indent, false))
            }
        };
        if self.inside_bracket(above).is_some() {
            return Some(Edit::inline(self.with_comma(start)?, String::new()));
        }
        let start = self.line_start(start);
        // Where the last line has no end, the one before it loses its own.
        let unended = end == self.text.len() && !self.text.ends_with('\n');
        let start =
            if unended { self.text.get(..start)?.trim_end_matches(['\r', '\n']).len() } else { start };
        Some(Edit::inline(start..end, String::new()))
    }

    /// What stands in brackets from `start` on, with the comma that divides it from its neighbour.
    fn with_comma(&self, start: usize) -> Option<Range<usize>> {
        let end = flow_end(self.text, start)?;
        let behind = self.text.get(end..)?;
        if let Some(rest) = behind.strip_prefix(',') {
            return Some(start..end + 1 + usize::from(rest.starts_with(' ')));
        }
        let before = self.text.get(..start)?.trim_end();
        let start = before.strip_suffix(',').map_or(start, str::len);
        Some(start..end)
    }

    fn insert(&self, at: usize, lines: &str, depth: usize) -> Edit {
        let unended = at > 0 && at == self.text.len() && !self.text.ends_with('\n');
        let lines = if unended { format!("\n{}", lines.trim_end_matches('\n')) } else { lines.to_owned() };
        let windows =
            self.source.line(1).is_some_and(|line| self.source.after(line.len()).starts_with("\r\n"));
        let new = if windows { lines.replace('\n', "\r\n") } else { lines };
        Edit { range: at..at, new, depth }
    }

    /// Where the inside of a collection in brackets begins.
    fn inside_bracket(&self, node: &Node) -> Option<usize> {
        let at = self.source.offset(node.place);
        let bracket = match node.kind {
            Kind::Map(_) => '{',
            Kind::List(_) => '[',
            _ => return None,
        };
        self.text.get(at..)?.starts_with(bracket).then_some(at + 1)
    }

    /// The entry whose value is at a path.
    fn entry(&self, path: &Path) -> Option<&'t Entry> {
        let (last, parent) = path.split_last()?;
        match last {
            Step::Key(key) => find(self.root, parent)?.entry(key),
            Step::Item(_) => None,
        }
    }

    fn at(&self, entry: &Entry) -> usize {
        self.source.offset(entry.place)
    }

    /// How this document writes lists: as it does its first.
    fn style(&self) -> Style {
        fn first(node: &Node) -> Option<usize> {
            let Kind::Map(entries) = &node.kind else { return node.items().iter().find_map(first) };
            entries.iter().find_map(|entry| match &entry.value.kind {
                Kind::List(items) if !items.is_empty() && entry.value.place.line > entry.place.line => {
                    (entry.value.place.column as usize).checked_sub(entry.place.column as usize)
                }
                _ => first(&entry.value),
            })
        }
        Style { dash: first(self.root).unwrap_or(2) }
    }

    /// The line above an entry and above the comments that lead up to it. None for one that shares
    /// its line with a dash.
    fn above(&self, entry: &Entry) -> Option<usize> {
        let mut start = self.line_start(self.at(entry));
        let indent = self.text.get(start..self.at(entry))?;
        if !indent.bytes().all(|byte| byte == b' ') {
            return None;
        }
        while start > 0 {
            let before = self.line_start(start - 1);
            let line = self.text.get(before..start)?;
            if !line.strip_prefix(indent).is_some_and(|rest| rest.starts_with('#')) {
                break;
            }
            start = before;
        }
        Some(start)
    }

    /// Behind the last line of an entry.
    fn end(&self, entry: &Entry) -> usize {
        let value = self.source.offset(entry.value.place);
        let own = self.inside_bracket(&entry.value).and_then(|_| flow_end(self.text, value));
        if let Some(end) = own {
            return self.line_end(end);
        }
        let list = matches!(entry.value.kind, Kind::List(_));
        self.end_of_block(self.at(entry), column(entry), list)
    }

    /// Behind the last line of what begins in the line of `at`, and is indented deeper than `indent`;
    /// the items of a list may stand right below its key.
    fn end_of_block(&self, at: usize, indent: usize, list: bool) -> usize {
        let mut end = self.line_end(at);
        let mut next = end;
        while let Some(line) = self.text.get(next..self.line_end(next)).filter(|line| !line.is_empty()) {
            next += line.len();
            let content = line.trim();
            let own = line.len() - line.trim_start_matches(' ').len();
            let is_item = list && own == indent && (content == "-" || content.starts_with("- "));
            if !content.is_empty() && (own > indent || is_item) {
                end = next;
            } else if !content.is_empty() && !content.starts_with('#') {
                break;
            }
        }
        end
    }

    fn line_start(&self, at: usize) -> usize {
        self.source.before(at).rfind('\n').map_or(0, |end| end + 1)
    }

    fn line_end(&self, at: usize) -> usize {
        self.source.after(at).find('\n').map_or(self.text.len(), |end| at + end + 1)
    }
}

/// The column of an entry's key, from 0.
fn column(entry: &Entry) -> usize {
    (entry.place.column as usize).saturating_sub(1)
}

/// The end of what begins at a byte inside brackets, or with one: before the comma or bracket that
/// ends it, or behind its own.
fn flow_end(text: &str, start: usize) -> Option<usize> {
    let (mut depth, mut last) = (0_usize, ' ');
    let written = text.get(start..)?;
    let own = written.starts_with(['{', '[']);
    let mut letters = written.char_indices();
    while let Some((at, c)) = letters.next() {
        match c {
            '"' | '\'' if " \t\r\n{[,:".contains(last) => skip_quoted(&mut letters, c),
            '#' if last.is_whitespace() => while letters.next().is_some_and(|(_, c)| c != '\n') {},
            '{' | '[' => depth += 1,
            ',' | '}' | ']' if depth == 0 => return Some(start + written.get(..at)?.trim_end().len()),
            '}' | ']' => depth -= 1,
            _ => {}
        }
        if own && depth == 0 {
            return Some(start + at + 1);
        }
        last = c;
    }
    None
}

fn skip_quoted(letters: &mut CharIndices<'_>, quote: char) {
    while let Some((_, c)) = letters.next() {
        match c {
            '\\' if quote == '"' => drop(letters.next()),
            c if c == quote => return,
            _ => {}
        }
    }
}
