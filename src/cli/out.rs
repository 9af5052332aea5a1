//! Printing. A reader that has gone (`check | head -1`) is no failure of ours.

use std::io::Write as _;

/// To standard output.
pub(super) fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// To standard error.
pub(super) fn complain(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
