//! One text that is made of a session, outside the claims: whose account it is.

use super::compile::{Compiler, Content};
use super::leaf::Leaf;
use super::{Fault, Inputs, Report, Scope, Tree, Used, Written};
use crate::place::Place;
use crate::value::{Kind, Session};
use std::borrow::Cow;
use std::sync::Arc;

/// A compiled text, under the rules of `sub`: two tenants may not become one.
#[derive(Debug)]
pub struct Owner {
    leaf: Arc<Leaf>,
}

impl Owner {
    /// Compiles what was written under this path; whatever is wrong or unwise goes to the report.
    pub fn compile(
        text: &str,
        (path, place): (&'static str, Place),
        scope: &Scope<'_>,
        report: &mut Report,
    ) -> Option<Self> {
        let before = report.errors.len();
        let mut compiler = Compiler { scope, report, whose: path };
        let written = Written { place, tree: Tree::Text(text.to_owned()) };
        let node = compiler.node(&written, path.to_owned());
        if let Some(used) = node.used.iter().find(|used| matches!(used, Used::Account | Used::Variable(_))) {
            compiler.error(
                place,
                path,
                format!("`{used}` is not known before the account is: use the session's fields"),
            );
        }
        match node.content {
            Content::Leaf(leaf) if !matches!(leaf.body.kind(), Kind::Text | Kind::Int) => {
                let message = format!("an account is text, not of type {}", leaf.body.kind().word());
                compiler.error(place, path, message);
                None
            }
            Content::Leaf(leaf) => (report.errors.len() == before).then_some(Self { leaf }),
            _ => None,
        }
    }

    /// The texts that it can have, where a `map` lists them.
    pub fn outcomes(&self) -> Vec<String> {
        self.leaf.body.outcomes().unwrap_or_default()
    }

    /// Its text for this session; never empty.
    pub fn text<'v>(&'v self, session: &'v Session<'v>) -> Result<Cow<'v, str>, Fault> {
        self.leaf.text(&Inputs { session, integration: "", id: "", account: "", request_id: "" })
    }
}
