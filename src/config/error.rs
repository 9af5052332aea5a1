//! Problems of a configuration, collected, and shown as a person can use them.

use super::secret;
use super::source::Source;
use crate::place::Place;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

/// The longest piece of a line that is shown.
const WIDTH: usize = 120;

/// Whether the program may start all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It may not.
    Error,
    /// It may, but somebody should know.
    Warning,
}

/// One thing that is wrong, or unwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands; line 0 where it does not stand anywhere.
    pub place: Place,
    /// The path of the key, such as `session.fields.account_id.type`; may be empty.
    pub path: String,
    /// What in the text at `place` it is about: once the text is at hand, that is where the caret goes.
    pub about: Option<String>,
    /// What is wrong. It never holds a secret.
    pub message: String,
    /// What may have been meant.
    pub suggestion: Option<String>,
    /// How bad it is.
    pub severity: Severity,
    /// Whether the line must not be shown, because a secret may stand in it.
    pub hide_line: bool,
}

impl Problem {
    /// An error.
    pub fn error(place: Place, path: impl Into<String>, message: impl Into<String>) -> Self {
        let (path, message) = (path.into(), message.into());
        let (suggestion, about) = (None, None);
        Self { place, path, about, message, suggestion, severity: Severity::Error, hide_line: false }
    }

    /// A warning.
    pub fn warning(place: Place, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(place, path, message) }
    }

    /// The same with something that may have been meant.
    #[must_use]
    pub fn suggest(self, suggestion: Option<String>) -> Self {
        Self { suggestion, ..self }
    }

    /// The same, about a part of what stands at its place.
    #[must_use]
    pub fn about(self, part: Option<&str>) -> Self {
        Self { about: part.map(str::to_owned), ..self }
    }

    /// `file:line:column: path: what is wrong`, and the line with a caret.
    pub fn render(&self, source: &Source) -> String {
        let hidden = self.hide_line || secret::may_hold(source, self.place.line);
        let line = source.line(self.place.line).filter(|_| !hidden);
        let excerpt = line.map(|line| excerpt(line, self.place)).unwrap_or_default();
        format!("{}\n{excerpt}", self.headline(source.name()))
    }

    /// The first line of it.
    pub fn headline(&self, file: &str) -> String {
        let place = if self.place.line == 0 { String::new() } else { format!("{}:", self.place) };
        let kind = if self.severity == Severity::Warning { " warning:" } else { "" };
        let path = if self.path.is_empty() { String::new() } else { format!(" {}:", self.path) };
        let hint =
            self.suggestion.as_ref().map(|word| format!("; did you mean `{word}`?")).unwrap_or_default();
        format!("{file}:{place}{kind}{path} {}{hint}", self.message)
    }
}

fn excerpt(line: &str, place: Place) -> String {
    let caret = (place.column as usize).saturating_sub(1);
    let total = line.chars().count();
    let start = if total <= WIDTH { 0 } else { caret.saturating_sub(WIDTH / 2).min(total - WIDTH) };
    let piece: String = line.chars().skip(start).take(WIDTH).map(showable).collect();
    let (head, tail) = (if start > 0 { "…" } else { "" }, if start + WIDTH < total { "…" } else { "" });
    let gutter = place.line.to_string();
    let indent = caret.saturating_sub(start).min(WIDTH) + head.chars().count();
    format!("{gutter} | {head}{piece}{tail}\n{:1$} | {2:3$}^\n", "", gutter.len(), "", indent)
}

/// One column for a tab, so that the caret stays under its character; no control reaches a terminal.
fn showable(c: char) -> char {
    match c {
        '\t' => ' ',
        '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => '\u{FFFD}',
        c if c.is_control() => '\u{FFFD}',
        c => c,
    }
}

/// Where all that read the file leave what they found.
#[derive(Default)]
pub struct Problems {
    found: RefCell<Vec<Problem>>,
    errors: Cell<usize>,
}

impl Problems {
    /// Leaves one.
    pub fn push(&self, problem: Problem) {
        let is_error = problem.severity == Severity::Error;
        self.errors.set(self.errors.get() + usize::from(is_error));
        self.found.borrow_mut().push(problem);
    }

    /// Leaves an error.
    pub fn error(&self, place: Place, path: &str, message: impl Into<String>) {
        self.push(Problem::error(place, path, message));
    }

    /// How many errors there are so far.
    pub fn errors(&self) -> usize {
        self.errors.get()
    }

    /// All of them, in the order of the file.
    pub fn into_sorted(self, source: &Source) -> Vec<Problem> {
        let mut found = self.found.into_inner();
        for problem in &mut found {
            let part = problem.about.take();
            problem.place = part.and_then(|part| source.find(problem.place, &part)).unwrap_or(problem.place);
        }
        found.sort_by_key(|problem| (problem.place, problem.severity));
        // What one part of the file does to many integrations is said once.
        let mut said = BTreeSet::new();
        found.retain(|it| said.insert((it.place, it.severity, it.path.clone(), it.message.clone())));
        found
    }
}
