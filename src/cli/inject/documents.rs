//! A file of manifests: its documents, each read by itself, and put together again.

use crate::config::error::{Problem, Problems};
use crate::config::file;
use crate::config::source::Source;
use crate::config::tree::Node;
use crate::place::Place;
use std::ops::Range;

/// A file as it was read, and its documents.
pub(super) struct Manifests<'t> {
    pub file: &'t str,
    pub text: &'t str,
    pub documents: Vec<Document>,
}

/// One document: from its `---`, where it has one, to the next.
pub(super) struct Document {
    /// How many lines of the file stand before it.
    pub lines_before: u32,
    /// Its own text.
    pub source: Source,
    /// What it says; none where it is empty or cannot be read.
    pub tree: Option<Node>,
    /// What is wrong with it, in the places of the file.
    pub problems: Vec<Problem>,
}

/// What only a document can mean that is ours to read.
const OURS: [&str; 2] = ["pandium-sidecar.io/", "Service"];

impl<'t> Manifests<'t> {
    pub fn read(file: &'t str, text: &'t str) -> Self {
        let mut documents = Vec::new();
        let mut lines_before = 0;
        for range in split(text) {
            let own = text.get(range).unwrap_or_default();
            let document = Document::read(file, own, lines_before);
            lines_before += count_lines(own);
            documents.push(document);
        }
        Self { file, text, documents }
    }

    /// The file with some of its documents replaced.
    pub fn with(&self, replaced: &[(usize, String)]) -> String {
        let mut text = String::with_capacity(self.text.len());
        for (index, document) in self.documents.iter().enumerate() {
            let new = replaced.iter().find(|(at, _)| *at == index).map(|(_, new)| new.as_str());
            text.push_str(new.unwrap_or(document.source.text()));
        }
        text
    }

    /// Problems as a person can use them.
    pub fn render(&self, problems: &[Problem]) -> String {
        let source = Source::new(self.file, self.text.as_bytes());
        problems.iter().map(|problem| problem.render(&source)).collect()
    }
}

impl Document {
    fn read(file: &str, text: &str, lines_before: u32) -> Self {
        let source = Source::new(file, text.as_bytes());
        let problems = Problems::default();
        let tree = if is_empty(text) { None } else { file::parse(&source, &problems) };
        let secret = text.contains("Secret");
        let problems = problems.into_sorted(&source).into_iter().map(|problem| Problem {
            place: shifted(problem.place, lines_before),
            hide_line: problem.hide_line || secret,
            ..problem
        });
        Self { problems: problems.collect(), lines_before, source, tree }
    }

    /// Whether it is not known what this says, and it might concern us, or is nothing for anybody.
    pub fn is_needed_and_unread(&self) -> bool {
        self.is_unread() && (OURS.iter().any(|word| self.source.text().contains(word)) || self.is_broken())
    }

    /// Whether this is no YAML, and not only none that is read here; behind `...` nothing is its own.
    fn is_broken(&self) -> bool {
        let own = self.source.text().lines().take_while(|line| line.trim_end() != "...");
        !file::is_yaml(&own.collect::<Vec<_>>().join("\n"))
    }

    /// Whether it is not known what this says.
    pub fn is_unread(&self) -> bool {
        self.tree.is_none() && !self.problems.is_empty()
    }

    /// A place in this document as one of the file.
    pub fn place(&self, place: Place) -> Place {
        shifted(place, self.lines_before)
    }
}

fn shifted(place: Place, lines: u32) -> Place {
    if place.line == 0 { place } else { Place::new(place.line + lines, place.column) }
}

/// Lines as libyaml counts them.
fn count_lines(text: &str) -> u32 {
    let bare =
        text.bytes().zip(text.bytes().skip(1).chain([0])).filter(|pair| pair.0 == b'\r' && pair.1 != b'\n');
    let ends = text.bytes().filter(|&byte| byte == b'\n').count() + bare.count();
    u32::try_from(ends).unwrap_or(u32::MAX)
}

/// Nothing but comments, directives and marks.
fn is_empty(text: &str) -> bool {
    let nothing = |line: &str| {
        let line = line.strip_prefix("---").unwrap_or(line).trim();
        line.is_empty() || line.starts_with(['#', '%']) || line == "..."
    };
    text.lines().all(nothing)
}

/// A line of `---` begins a document, wherever it stands: no text in YAML can hold one unindented.
fn split(text: &str) -> Vec<Range<usize>> {
    let mut starts = vec![0];
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let mark = line
            .strip_prefix("---")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']));
        if mark && at > 0 {
            starts.push(at);
        }
        at += line.len();
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts.iter().copied().zip(ends).map(|(start, end)| start..end).collect()
}
