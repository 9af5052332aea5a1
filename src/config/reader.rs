//! Taking the tree apart: what is asked for is read, what is left over is reported.

use super::error::{Problem, Problems};
use super::leaf::Wrong;
use super::traps::KEYLESS;
use super::tree::{Entry, Kind, Node, Style};
use crate::place::Place;
use crate::suggest::closest;
use std::cell::RefCell;

/// A value at its path.
#[derive(Clone)]
pub struct Reader<'t> {
    node: &'t Node,
    path: String,
    key: Place,
    problems: &'t Problems,
    hidden: bool,
}

impl<'t> Reader<'t> {
    /// Reads from the root of a file.
    pub fn root(node: &'t Node, problems: &'t Problems) -> Self {
        Self { node, path: String::new(), key: node.place, problems, hidden: false }
    }

    /// The value itself.
    pub fn node(&self) -> &'t Node {
        self.node
    }

    /// Where the value stands.
    pub fn place(&self) -> Place {
        self.node.place
    }

    /// Where its key stands.
    pub fn key_place(&self) -> Place {
        self.key
    }

    /// Its path, such as `session.fields.account_id.type` or `listen[1]`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether what is wrong with it was reported already.
    pub fn is_broken(&self) -> bool {
        self.node.kind == Kind::Broken
    }

    /// The same, for what may hold a secret: no line of it is shown.
    #[must_use]
    pub fn hiding(self) -> Self {
        Self { hidden: true, ..self }
    }

    /// Reads a leaf.
    pub fn read<T>(&self, leaf: impl FnOnce(&Node) -> Result<T, Wrong>) -> Option<T> {
        leaf(self.node).map_err(|wrong| self.wrong(self.node.place, wrong)).ok()
    }

    /// Reports an error of this value.
    pub fn error(&self, message: impl Into<String>) {
        self.wrong(self.node.place, Wrong::from(message.into()));
    }

    /// Reports an error at another place.
    pub fn error_at(&self, place: Place, path: &str, message: impl Into<String>) {
        self.push(Problem::error(place, path, message));
    }

    /// Reports what was found elsewhere.
    pub fn push_problem(&self, problem: Problem) {
        self.push(problem);
    }

    /// Warns at another place.
    pub fn warn_at(&self, place: Place, path: &str, message: impl Into<String>) {
        self.push(Problem::warning(place, path, message));
    }

    /// Where a key of this map stands; where this stands, if it is not there.
    pub fn child_place(&self, key: &str) -> Place {
        let Kind::Map(entries) = &self.node.kind else { return self.key };
        entries.iter().find(|entry| entry.key == key).map_or(self.key, |entry| entry.place)
    }

    /// Warns of this value.
    pub fn warn(&self, message: impl Into<String>) {
        self.push(Problem::warning(self.node.place, self.path.as_str(), message));
    }

    fn wrong(&self, place: Place, wrong: Wrong) {
        if self.node.kind == Kind::Broken {
            return;
        }
        let problem = Problem::error(place, self.path.as_str(), wrong.message);
        self.push(problem.suggest(wrong.suggestion));
    }

    fn push(&self, problem: Problem) {
        self.problems.push(Problem { hide_line: self.hidden, ..problem });
    }

    /// Whether this is a map.
    pub fn is_map(&self) -> bool {
        matches!(self.node.kind, Kind::Map(_))
    }

    /// Whether this is a map in which another than these keys stands alone, as in `{ word }`.
    pub fn has_bare_word(&self, keys: &[&str]) -> bool {
        let Kind::Map(entries) = &self.node.kind else { return false };
        entries.iter().any(|entry| entry.value.kind == Kind::Null && !keys.contains(&entry.key.as_str()))
    }

    /// This value as a map; anything else is reported.
    pub fn map(&self) -> Option<MapReader<'t>> {
        self.map_as("")
    }

    /// The same, with a sample for whoever has written something else.
    pub fn map_as(&self, sample: &str) -> Option<MapReader<'t>> {
        let Kind::Map(entries) = &self.node.kind else {
            let sample = if sample.is_empty() { String::new() } else { format!(", such as `{sample}`") };
            let why = match &self.node.kind {
                Kind::List(_) => ": no `- ` stands before its keys",
                Kind::Text { text, style: Style::Plain } if lacks_space(text) => {
                    ": a space belongs behind the colon of a key"
                }
                _ => "",
            };
            let message = format!("a map is wanted here{sample}, not {}{why}", self.node.shape());
            self.wrong(self.node.place, Wrong::from(message));
            return None;
        };
        Some(MapReader { at: self.clone(), entries, known: RefCell::default(), missing: RefCell::default() })
    }

    /// The items of a list; one value is a list of one.
    pub fn items(&self) -> Vec<Self> {
        let Kind::List(items) = &self.node.kind else { return vec![self.clone()] };
        let item = |(index, node): (usize, &'t Node)| {
            let path = format!("{}[{index}]", self.path);
            Self { node, path, key: node.place, ..self.clone() }
        };
        items.iter().enumerate().map(item).collect()
    }

    /// Reads every item of a list; `None` where one is wrong. All that are wrong are reported.
    pub fn list<T>(&self, leaf: impl Fn(&Node) -> Result<T, Wrong>) -> Option<Vec<T>> {
        let read: Vec<_> = self.items().iter().map(|item| item.read(&leaf)).collect();
        read.into_iter().collect()
    }
}

/// A map being read. Keys that nobody asked for are reported when it is dropped.
pub struct MapReader<'t> {
    at: Reader<'t>,
    entries: &'t [Entry],
    /// The keys that were asked for; `None` once any key will do.
    known: RefCell<Option<Vec<&'static str>>>,
    /// Keys of which one should be there, and what to say of it.
    missing: RefCell<Vec<(Vec<&'static str>, String)>>,
}

impl<'t> MapReader<'t> {
    /// The map as a value.
    pub fn at(&self) -> &Reader<'t> {
        &self.at
    }

    /// The value of a key.
    pub fn get(&self, key: &'static str) -> Option<Reader<'t>> {
        self.known.borrow_mut().get_or_insert_default().push(key);
        self.entries.iter().find(|entry| entry.key == key).map(|entry| self.below(entry))
    }

    /// The value of a key that has to be there; where it is not, that is reported.
    pub fn required(&self, key: &'static str) -> Option<Reader<'t>> {
        let found = self.get(key);
        if found.is_none() {
            self.missing(&[key], format!("`{key}` is required here"));
        }
        found
    }

    /// Reports that all of these keys are missing, unless one of them turns out to be misspelt.
    pub fn missing(&self, keys: &[&'static str], message: impl Into<String>) {
        self.missing.borrow_mut().push((keys.to_vec(), message.into()));
    }

    /// Whether a key is there in another spelling.
    pub fn is_misspelt(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.key != key && closest(&entry.key, [key]).is_some())
    }

    /// All values, where the file's author names the keys.
    pub fn entries(self) -> impl Iterator<Item = (&'t str, Reader<'t>)> {
        let all: Vec<_> = self.entries.iter().map(|entry| (entry.key.as_str(), self.below(entry))).collect();
        self.known.replace(None);
        all.into_iter()
    }

    fn below(&self, entry: &'t Entry) -> Reader<'t> {
        let path = join(&self.at.path, &entry.key);
        Reader { node: &entry.value, path, key: entry.place, ..self.at.clone() }
    }
}

impl Drop for MapReader<'_> {
    fn drop(&mut self) {
        let known = self.known.borrow();
        let Some(known) = known.as_deref() else { return };
        let mut meant = Vec::new();
        for entry in self.entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let message = format!("there is no such key here; known are {}", listed(known));
            let suggestion = closest(&entry.key, known.iter().copied());
            meant.extend(suggestion);
            let suggestion = suggestion.map(str::to_owned);
            // What stands behind a first word is likely a value, and may be a secret.
            let name = entry.key.split_whitespace().next().unwrap_or_default();
            let message = match () {
                () if name != entry.key => KEYLESS.to_owned(),
                () if suggestion.is_some() => "there is no such key here".to_owned(),
                () => message,
            };
            // Whatever else is wrong below it.
            let below = self.below(entry);
            let path = join(&self.at.path, name);
            below.push(Problem::error(entry.place, path, message).suggest(suggestion));
        }
        let place = if self.at.path.is_empty() { self.at.place() } else { self.at.key };
        for (keys, message) in self.missing.take() {
            if !keys.iter().any(|key| meant.contains(key)) {
                self.at.wrong(place, Wrong::from(message));
            }
        }
    }
}

/// Whether this text was meant for keys with their values.
fn lacks_space(text: &str) -> bool {
    let key =
        |key: &str| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    text.split_once(':').is_some_and(|(before, behind)| key(before) && !behind.starts_with("//"))
}

/// Words for a message: `a`, `b` and `c`.
pub(super) fn listed(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => "none".to_owned(),
    }
}

/// The path of a key below another.
pub(super) fn join(path: &str, key: &str) -> String {
    let simple =
        !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    let dot = if path.is_empty() { "" } else { "." };
    if simple { format!("{path}{dot}{key}") } else { format!("{path}{dot}{key:?}") }
}
