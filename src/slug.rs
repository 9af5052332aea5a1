//! Names that need no escaping: integrations, ids, accounts.

use std::borrow::Borrow;
use std::fmt;

/// 1 to 64 characters of `[A-Za-z0-9_-]`: safe in a path, a query, HTML, JSON, a label and a log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slug(Box<str>);

/// The longest slug.
pub const MAX_SLUG: usize = 64;

impl Slug {
    /// The text as a slug, where it is one.
    pub fn parse(text: &str) -> Option<Self> {
        is_slug(text).then(|| Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// So that one can be looked up by its text.
impl Borrow<str> for Slug {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether the text could be a slug.
pub fn is_slug(text: &str) -> bool {
    (1..=MAX_SLUG).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}
