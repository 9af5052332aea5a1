//! A place in the configuration file, for errors and provenance.

use std::fmt;

/// Line and column of something that was written, both counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line, from 1; 0 where the thing was not written but defaulted.
    pub line: u32,
    /// The column, in characters, from 1.
    pub column: u32,
}

impl Place {
    /// A place at a line and a column, both from 1.
    pub fn new(line: u32, column: u32) -> Self {
        Self { line, column }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}
