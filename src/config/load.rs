//! Loading: the file, the environment and the secrets go in; a configuration or every problem comes out.

use super::error::{Problem, Problems, Severity};
use super::model::{Config, Listen};
use super::reader::Reader;
use super::source::Source;
use super::{env, file, root};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

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
}

/// A file that is no configuration, and everything that is wrong with it.
#[derive(Debug)]
pub struct Invalid {
    rendered: String,
}

impl Invalid {
    /// With every problem as it is shown.
    pub(super) fn new(rendered: String) -> Self {
        Self { rendered }
    }

    /// With what was found in a text.
    pub(super) fn of(problems: Problems, source: &Source) -> Self {
        Self::new(render(&problems.into_sorted(source), source))
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rendered)
    }
}

impl std::error::Error for Invalid {}

/// Loads the configuration from a file.
pub fn load(path: &Path, options: &Options<'_>) -> Result<Loaded, Invalid> {
    let name = path.display().to_string();
    let text = read(path)?;
    load_bytes(&name, &text, path.parent().unwrap_or(Path::new("")), options)
}

/// Loads the configuration from its text.
pub fn load_text(name: &str, text: &str, options: &Options<'_>) -> Result<Loaded, Invalid> {
    load_bytes(name, text.as_bytes(), Path::new(""), options)
}

/// The text of a file, as far as it may be one.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Invalid> {
    fetch(path).map_err(|error| {
        Invalid::new(format!("{}: the configuration cannot be read: {error}\n", path.display()))
    })
}

/// One byte more than a file may have is enough to see that it has too many.
pub(super) fn fetch(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(file::MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn load_bytes(name: &str, bytes: &[u8], dir: &Path, options: &Options<'_>) -> Result<Loaded, Invalid> {
    let source = Source::new(name, bytes);
    let problems = Problems::default();
    let config = file::parse(&source, &problems).and_then(|mut tree| {
        env::resolve(&mut tree, options.env, &problems);
        root::read(&Reader::root(&tree, &problems), &root::Surroundings { options, dir })
    });
    let failed = problems.errors() > 0;
    let found = problems.into_sorted(&source);
    match config.filter(|_| !failed) {
        Some(config) => Ok(Loaded { config, warnings: found, source }),
        None => Err(Invalid::new(render(&found, &source))),
    }
}

/// Errors first: they are what has to be mended.
pub(super) fn render(problems: &[Problem], source: &Source) -> String {
    let of = |severity| problems.iter().filter(move |problem| problem.severity == severity);
    of(Severity::Error).chain(of(Severity::Warning)).map(|problem| problem.render(source)).collect()
}
