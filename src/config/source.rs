//! The text of the file, and the way between its bytes and the places people see.

use crate::place::Place;

/// A configuration file as it was read.
pub struct Source {
    name: String,
    text: String,
    invalid: Option<usize>,
    /// Where each line begins, in bytes.
    lines: Vec<usize>,
    /// Where each character begins, in bytes; empty where all are one byte.
    chars: Vec<usize>,
}

impl Source {
    /// Takes the bytes of a file; what is wrong with them shows when they are parsed.
    pub fn new(name: impl Into<String>, bytes: &[u8]) -> Self {
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let invalid = std::str::from_utf8(bytes).err().map(|error| error.valid_up_to());
        let text = String::from_utf8_lossy(bytes).into_owned();
        let chars =
            if text.is_ascii() { Vec::new() } else { text.char_indices().map(|(at, _)| at).collect() };
        Self { name: name.into(), lines: line_starts(&text), invalid, text, chars }
    }

    /// The name of the file, as errors show it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All of the text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The first byte that is not UTF-8.
    pub fn invalid(&self) -> Option<usize> {
        self.invalid
    }

    /// A line without its end, by its number.
    pub fn line(&self, number: u32) -> Option<&str> {
        let index = (number as usize).checked_sub(1)?;
        let start = *self.lines.get(index)?;
        let end = self.lines.get(index + 1).copied().unwrap_or(self.text.len());
        Some(self.text.get(start..end)?.trim_end_matches(['\r', '\n']))
    }

    /// The text up to a byte.
    pub fn before(&self, at: usize) -> &str {
        self.text.get(..at).unwrap_or_default()
    }

    /// The text from a byte on.
    pub fn after(&self, at: usize) -> &str {
        self.text.get(at..).unwrap_or_default()
    }

    /// The byte at a place; the end of the text where there is no such place.
    pub fn offset(&self, place: Place) -> usize {
        let line = (place.line as usize).saturating_sub(1);
        let start = self.lines.get(line).copied().unwrap_or(self.text.len());
        let at = self.char_index(start) + (place.column as usize).saturating_sub(1);
        if self.chars.is_empty() { at } else { self.chars.get(at).copied().unwrap_or(self.text.len()) }
    }

    /// The place of a byte.
    pub fn place(&self, at: usize) -> Place {
        let line = self.lines.partition_point(|&start| start <= at);
        let start = line.checked_sub(1).and_then(|index| self.lines.get(index)).copied().unwrap_or(0);
        let column = self.char_index(at) - self.char_index(start) + 1;
        Place::new(u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
    }

    /// Where a part stands in the value that begins at a place: on its line, or on lines indented
    /// deeper than that one. None where it is written otherwise there, with escapes perhaps.
    pub fn find(&self, from: Place, part: &str) -> Option<Place> {
        let indent = |line: &str| line.len() - line.trim_start_matches(' ').len();
        let own = indent(self.line(from.line)?);
        let start = self.offset(from);
        let deeper = |line: &str| line.trim().is_empty() || indent(line) > own;
        let mut last = from.line;
        while self.line(last + 1).is_some_and(deeper) {
            last += 1;
        }
        let end = self.offset(Place::new(last, 1)) + self.line(last)?.len();
        let at = self.text.get(start..end)?.find(part)?;
        Some(self.place(start + at))
    }

    fn char_index(&self, at: usize) -> usize {
        if self.chars.is_empty() { at } else { self.chars.partition_point(|&start| start < at) }
    }
}

/// As libyaml counts lines: `\n`, `\r\n`, and `\r` alone.
fn line_starts(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let ends = bytes.iter().enumerate().filter(|&(at, byte)| match byte {
        b'\n' => true,
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        _ => false,
    });
    std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect()
}
