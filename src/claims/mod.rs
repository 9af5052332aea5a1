//! The claim template: compiled at load, so that nothing in it can fail to parse at request time.
//!
//! A template goes through four hands. `parse` knows the syntax of a text leaf; `expression`,
//! `filter` and `leaf` know what is meant, and its type; `compile` walks the tree and folds what is
//! the same for every request, and `rules` holds it against what Pandium expects; `template` lays
//! it out as bytes with gaps, which is what a request fills in.

mod apply;
mod compile;
mod expression;
mod filter;
mod json;
mod leaf;
mod owner;
mod parse;
mod rules;
mod slip;
mod template;
#[cfg(test)]
mod tests;
mod written;

pub use apply::Cause;
pub use owner::Owner;
pub use template::{Explained, Outcome, Template};
pub use written::{Flaw, Tree, Written, merge, without_integration};

use crate::place::Place;
use crate::value::{Kind, Session};
use std::fmt;

/// A declared session field, as far as a template needs to know it.
#[derive(Clone, Copy, Debug)]
pub struct KnownField<'s> {
    /// Its name in `session.fields`.
    pub name: &'s str,
    /// The name of its header or cookie.
    pub source: &'s str,
    /// The type of its value.
    pub kind: Kind,
    /// Whether there is no token without it.
    pub required: bool,
    /// Where it was declared.
    pub place: Place,
    /// Whether its declaration was reported: nothing is said about what uses it.
    pub broken: bool,
}

/// What `${integration.NAME}` stands for.
#[derive(Clone, Debug)]
pub enum Variable {
    /// A literal of the file.
    Constant(Tree),
    /// The name that the visitor asked for: where the integration is `"*"`.
    RequestedName,
    /// Pandium's id of it: where that is another for each account.
    Id,
}

/// All that a template may refer to.
#[derive(Clone, Copy)]
pub struct Scope<'s> {
    /// The session's fields, in the session's order.
    pub fields: &'s [KnownField<'s>],
    /// The integration's variables.
    pub variables: &'s [(String, Variable)],
    /// The integration's key, and where it stands; none where there is no integration.
    pub integration: Option<(&'s str, Place)>,
    /// Pandium's account, where it is the same for every request.
    pub account: Option<&'s str>,
    /// Looks up an environment variable.
    pub env: &'s dyn Fn(&str) -> Option<String>,
}

/// What is wrong and what is unwise in a template.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// With one of these there is no template.
    pub errors: Vec<Flaw>,
    /// Allowed.
    pub warnings: Vec<Flaw>,
}

/// What a template reads when a token is made.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// Who the visitor is.
    pub session: &'a Session<'a>,
    /// The integration that was asked for; empty where there is none.
    pub integration: &'a str,
    /// Pandium's id of it.
    pub id: &'a str,
    /// Pandium's account.
    pub account: &'a str,
    /// The id of the request.
    pub request_id: &'a str,
}

/// Something that a claim was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Used {
    /// `session.NAME`
    Field {
        /// Its position in the session.
        index: usize,
        /// Its name.
        name: Box<str>,
    },
    /// `integration.NAME`
    Variable(Box<str>),
    /// `pandium.account`
    Account,
    /// `request.id`
    RequestId,
    /// `env.NAME`
    Env(Box<str>),
}

impl fmt::Display for Used {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field { name, .. } => write!(f, "session.{name}"),
            Self::Variable(name) => write!(f, "integration.{name}"),
            Self::Account => f.write_str("pandium.account"),
            Self::RequestId => f.write_str("request.id"),
            Self::Env(name) => write!(f, "env.{name}"),
        }
    }
}

/// A claim that cannot be made of this session. It names things and never a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{claim}: {cause}")]
pub struct Fault {
    /// The claim, such as `ti.uem`.
    pub claim: String,
    /// Where the template speaks of it.
    pub place: Place,
    /// What it was made of.
    pub used: Option<Used>,
    /// What is wrong with it.
    pub cause: Cause,
}
