//! Loading: the file, the environment and the secrets go in; a configuration or every problem comes out.

use super::disk::{Disk, Seen};
use super::error::{Problem, Problems, Severity};
use super::model::{Config, Listen};
use super::reader::Reader;
use super::source::Source;
use super::tree::Node;
use super::{env, file, root};
use crate::place::Place;
use std::fmt;
use std::io;
use std::path::Path;
use zeroize::Zeroizing;

/// What a load may use.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Looks up an environment variable.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// Leave secrets alone: what comes out mints nothing.
    pub without_secrets: bool,
    /// Where to listen, instead of `listen` in the file.
    pub listen: Option<&'a Listen>,
}

/// A configuration that holds.
pub struct Loaded {
    /// What to serve.
    pub config: Config,
    /// What is allowed, but unwise.
    pub warnings: Vec<Problem>,
    /// The text, to show a problem in.
    pub source: Source,
    /// Every file that was opened.
    pub files: Vec<Seen>,
}

/// A file that is no configuration, and everything that is wrong with it.
pub struct Invalid {
    /// The file's name.
    pub name: String,
    /// What is wrong with it, and what is unwise, in the order of the file.
    pub problems: Vec<Problem>,
    rendered: String,
    /// Every file that was opened.
    pub files: Vec<Seen>,
}

impl Invalid {
    /// With every problem as it is shown.
    pub(super) fn new(problems: Vec<Problem>, source: &Source) -> Self {
        let rendered = render(&problems, source);
        Self { name: source.name().to_owned(), problems, rendered, files: Vec::new() }
    }

    /// Without having been read.
    pub(super) fn unread(path: &Path, what: &str, error: &io::Error) -> Self {
        let message = format!("{what} cannot be read: {error}");
        let source = Source::new(path.display().to_string(), b"");
        Self::new(vec![Problem::error(Place::default(), "", message)], &source)
    }

    /// What is wrong, a line for each.
    pub fn errors(&self) -> impl Iterator<Item = String> {
        let wrong = self.problems.iter().filter(|problem| problem.severity == Severity::Error);
        wrong.map(|problem| problem.headline(&self.name))
    }

    /// With what was found in a text.
    pub(super) fn of(problems: Problems, source: &Source) -> Self {
        Self::new(problems.into_sorted(source), source)
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rendered)
    }
}

impl fmt::Debug for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rendered)
    }
}

impl std::error::Error for Invalid {}

/// Loads the configuration from a file.
pub fn load(path: &Path, options: &Options<'_>) -> Result<Loaded, Invalid> {
    load_again(path, options, &[])
}

/// The same for a program that serves already, by a configuration that has these files: there a key
/// of Pandium's that has gone is no error, but ends the minting for its account.
pub fn load_again(path: &Path, options: &Options<'_>, served: &[Seen]) -> Result<Loaded, Invalid> {
    let disk = Disk::new(served);
    let dir = path.parent().unwrap_or(Path::new(""));
    match read(path, &disk) {
        Ok(text) => load_bytes(&path.display().to_string(), &text, dir, options, disk),
        Err(invalid) => Err(Invalid { files: disk.into_seen(), ..invalid }),
    }
}

/// Loads the configuration from its text.
pub fn load_text(name: &str, text: &str, options: &Options<'_>) -> Result<Loaded, Invalid> {
    load_bytes(name, text.as_bytes(), Path::new(""), options, Disk::default())
}

/// The text of the file.
pub(super) fn read(path: &Path, disk: &Disk<'_>) -> Result<Zeroizing<Vec<u8>>, Invalid> {
    fetch(path, disk).map_err(|error| Invalid::unread(path, "the configuration", &error))
}

/// The text of a file, as far as it may be one: the byte too many shows that it is none.
pub(super) fn fetch(path: &Path, disk: &Disk<'_>) -> io::Result<Zeroizing<Vec<u8>>> {
    disk.read(path, file::MAX_BYTES)
}

fn load_bytes(
    name: &str,
    bytes: &[u8],
    dir: &Path,
    options: &Options<'_>,
    disk: Disk<'_>,
) -> Result<Loaded, Invalid> {
    let source = Source::new(name, bytes);
    let problems = Problems::default();
    let config = tree(&source, &problems).and_then(|mut tree| {
        env::resolve(&mut tree, options.env, &problems);
        root::read(&Reader::root(&tree, &problems), &root::Surroundings { options, name, dir, disk: &disk })
    });
    let failed = problems.errors() > 0;
    let found = problems.into_sorted(&source);
    let files = disk.into_seen();
    match config.filter(|_| !failed) {
        Some(config) => Ok(Loaded { config, warnings: found, source, files }),
        None => Err(Invalid { files, ..Invalid::new(found, &source) }),
    }
}

/// The tree of the text; where there is nothing in it, what to begin with is said instead.
fn tree(source: &Source, problems: &Problems) -> Option<Node> {
    let idle = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    if source.invalid().is_none() && source.text().lines().all(idle) {
        let message = "the file is empty; `pandium-sidecar init` prints one to begin with";
        problems.error(Place::new(1, 1), "", message);
        return None;
    }
    file::parse(source, problems)
}

/// Errors first: they are what has to be mended.
fn render(problems: &[Problem], source: &Source) -> String {
    let of = |severity| problems.iter().filter(move |problem| problem.severity == severity);
    of(Severity::Error).chain(of(Severity::Warning)).map(|problem| problem.render(source)).collect()
}
