//! `${env.NAME}` and `${env.NAME:-fallback}`, put into the tree once, before it is read.

use super::error::Problems;
use super::reader::join;
use super::tree::{Kind, Node, Style};
use crate::variable;

/// What stands for a text after its references are resolved.
enum Outcome {
    /// Nothing had to be done.
    Same,
    /// The new text, and whether anything of it comes from the environment.
    Text(String, bool),
}

/// How the text at a path is treated.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// References are resolved, any other expression is an error.
    Plain,
    /// A small template: references are resolved, and what comes from them is made literal; other
    /// expressions stay.
    Template,
    /// Left alone: the claim template folds its own references.
    Claims,
    /// Text is left alone: a secret is no text of the file's, whatever stands in it, and is told how to
    /// be referred to.
    Secret,
}

/// Resolves every reference in the tree by `lookup`, but for those in claims.
pub fn resolve(root: &mut Node, lookup: &dyn Fn(&str) -> Option<String>, problems: &Problems) {
    Resolver { lookup, problems }.node(root, "", &mut Vec::new());
}

struct Resolver<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    problems: &'a Problems,
}

impl Resolver<'_> {
    fn node(&self, node: &mut Node, path: &str, keys: &mut Vec<String>) {
        let rule = rule(keys);
        if rule == Rule::Claims {
            return;
        }
        match &mut node.kind {
            Kind::Text { .. } if rule == Rule::Secret => {}
            Kind::Text { text, style } => match self.text(text, rule) {
                Ok(Outcome::Same) => {}
                Ok(Outcome::Text(new, from_outside)) => {
                    *text = new;
                    *style = if from_outside { Style::Resolved } else { *style };
                }
                Err(message) => {
                    self.problems.error(node.place, path, message);
                    node.kind = Kind::Broken;
                }
            },
            Kind::List(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.node(item, &format!("{path}[{index}]"), keys);
                }
            }
            Kind::Map(entries) => {
                for entry in entries {
                    keys.push(entry.key.clone());
                    self.node(&mut entry.value, &join(path, &entry.key), keys);
                    keys.pop();
                }
            }
            _ => {}
        }
    }

    fn text(&self, text: &str, rule: Rule) -> Result<Outcome, String> {
        if !text.contains("${") {
            return Ok(Outcome::Same);
        }
        let (mut out, mut from_outside, mut rest) = (String::with_capacity(text.len()), false, text);
        while let Some((before, after)) = rest.split_once("${") {
            if let Some(literal) = before.strip_suffix('$') {
                // A template reads the escape itself.
                let sign = if rule == Rule::Template { "$${" } else { "${" };
                out.extend([literal, sign]);
                rest = after;
                continue;
            }
            out.push_str(before);
            let (inside, behind) =
                after.split_once('}').ok_or("`${` without `}`; a literal `${` is written `$${`")?;
            match inside.trim().strip_prefix("env.") {
                Some(reference) => {
                    let value = self.reference(reference)?;
                    out.push_str(&if rule == Rule::Template { value.replace("${", "$${") } else { value });
                    from_outside = true;
                }
                None if rule == Rule::Template => out.extend(["${", inside, "}"]),
                None => return Err(stranger()),
            }
            rest = behind;
        }
        out.push_str(rest);
        Ok(Outcome::Text(out, from_outside))
    }

    fn reference(&self, reference: &str) -> Result<String, String> {
        let (name, fallback) = match reference.split_once(":-") {
            Some((name, fallback)) => (name, Some(fallback)),
            None => (reference, None),
        };
        if !variable::is_name(name) {
            return Err(
                "after `env.` a variable's name is wanted, and nothing but `:-fallback` behind it".to_owned()
            );
        }
        variable::value(name, fallback, self.lookup).ok_or_else(|| {
            format!("the environment has no {name}; set it, or write ${{env.{name}:-fallback}}")
        })
    }
}

fn stranger() -> String {
    "expressions belong in claims; here only ${env.NAME} is read, and a literal `${` is written `$${`"
        .to_owned()
}

fn rule(keys: &[String]) -> Rule {
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    match keys.as_slice() {
        ["claims", ..] | ["integrations", _, "claims", ..] => Rule::Claims,
        ["pandium", "secret"]
        | ["pandium", "accounts", _, "secret"]
        | ["session", "jwt", "secret"]
        | ["trust", "header", "value"] => Rule::Secret,
        ["pandium", "account"] | ["session", "signed_out", "redirect"] => Rule::Template,
        _ => Rule::Plain,
    }
}
