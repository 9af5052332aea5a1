//! What a template may hold, and what is likely a slip all the same: text that was meant for an
//! expression, and keys that were meant for another.

use super::Scope;
use super::parse::{Part, parts};
use crate::suggest::closest;

/// How other languages write what is an expression here.
const BRACKETS: [(&str, &str); 6] =
    [("{{", "}}"), ("<%", "%>"), ("[[", "]]"), ("#{", "}"), ("%{", "}"), ("$(", ")")];

/// Those, and whatever else of them may stand right before the name of a source.
const SIGNS: [&str; 7] = ["$", "{", "$(", "%", "#", "<", "[["];

/// What is not taken off a text as YAML's own quotes are.
const QUOTES: [(char, char); 6] = [('"', '"'), ('\'', '\''), ('`', '`'), ('“', '”'), ('‘', '’'), ('„', '“')];

/// Why a text is likely not what was meant, and what to write.
pub(super) fn text(text: &str, scope: &Scope<'_>) -> Option<String> {
    let parts = parts(text).ok()?;
    let literals: String = parts.iter().map(literal).collect();
    let source = alone(text, scope).or_else(|| signed(&literals));
    let sample = source.unwrap_or("…");
    let closed = |(open, close): &(&str, &str)| {
        literals.split_once(open).is_some_and(|(_, behind)| behind.contains(close))
    };
    if let Some((open, close)) = BRACKETS.iter().find(|pair| closed(pair)) {
        return Some(format!("{open}…{close} is literal text here; an expression is written ${{{sample}}}"));
    }
    if source.is_some() {
        return Some(format!("`{sample}` is literal text here; an expression is written ${{{sample}}}"));
    }
    if text.strip_prefix('$').is_some_and(crate::variable::is_name) {
        return Some(format!(
            "`{text}` is literal text here; an expression is written ${{session.…}}, and a variable of the \
             environment ${{env.…}}"
        ));
    }
    is_quoted(&parts).then(|| {
        "the quotes around it become a part of the claim; YAML's own are \" and ', and stand at the very ends of the \
         value"
            .to_owned()
    })
}

/// The part's text, where it stands for nothing else; whoever has escaped a sign means it.
fn literal<'t>(part: &Part<'t>) -> &'t str {
    match part {
        Part::Literal(text) if *text != "${" => text,
        _ => "\n",
    }
}

/// The source that the whole text is the name of, with or without filters behind it.
fn alone<'t>(text: &'t str, scope: &Scope<'_>) -> Option<&'t str> {
    let bare = text.split('|').next().unwrap_or(text).trim();
    let known = match bare.split_once('.')? {
        ("session", name) => !name.contains('.'),
        ("integration", name) => scope.variables.iter().any(|(known, _)| known == name),
        ("pandium", name) => name == "account",
        ("request", name) => name == "id",
        ("env", name) => *name == name.to_ascii_uppercase(),
        _ => false,
    };
    (known && source(bare) == Some(bare)).then_some(bare)
}

/// The source whose name stands behind a sign that makes it look like an expression.
fn signed(text: &str) -> Option<&str> {
    let groups = ["session.", "integration.", "env.", "pandium.account", "request.id"];
    let mut found = groups.into_iter().flat_map(|group| text.match_indices(group));
    found.find_map(|(at, _)| {
        let (before, rest) = text.split_at_checked(at)?;
        let before = before.trim_end_matches([' ', '=']);
        SIGNS.iter().any(|sign| before.ends_with(sign)).then(|| source(rest))?
    })
}

/// The name of a source that a text begins with.
fn source(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.').unwrap_or(text.len());
    let name = text.get(..end)?.trim_end_matches('.');
    name.contains('.').then_some(name)
}

/// Whether quotes of the text's own stand around an expression.
fn is_quoted(parts: &[Part<'_>]) -> bool {
    let [Part::Literal(first), .., Part::Literal(last)] = parts else { return false };
    let made = parts.iter().any(|part| !matches!(part, Part::Literal(_)));
    made && QUOTES.iter().any(|(open, close)| first.starts_with(*open) && last.ends_with(*close))
}

/// The keys that Pandium documents, and what they stand under.
const DOCUMENTED: [(&str, &[&str]); 2] = [
    ("ti", &["udn", "ufn", "uem", "ili", "aid", "adn", "xti"]),
    (
        "ti.xti",
        &[
            "connector_name",
            "integration_name",
            "token",
            "user_group",
            "user_tier",
            "hidden_integrations",
            "allowed_installs",
        ],
    ),
];

/// What a key under `parent` was likely meant to be: a documented one in another spelling, or one of
/// another level.
pub(super) fn key(parent: &str, key: &str) -> Option<String> {
    let of = |level: &str| {
        DOCUMENTED.iter().find(|(name, _)| *name == level).map_or([].as_slice(), |(_, keys)| *keys)
    };
    let known = of(parent);
    if !["", "ti", "ti.xti"].contains(&parent) || parent.is_empty() && key == "ti" || known.contains(&key) {
        return None;
    }
    // At the root an app may have words of its own that are Pandium's deeper down, such as `token`.
    let elsewhere =
        |(level, keys): &&(&str, &[&str])| keys.contains(&key) && !(parent.is_empty() && *level == "ti.xti");
    if let Some((level, _)) = DOCUMENTED.iter().find(elsewhere) {
        return Some(format!("Pandium reads `{level}.{key}`, and not this: write `{key}` under `{level}`"));
    }
    // Names of three letters are all near to one another.
    let near = closest(key, known.iter().copied()).filter(|near| key.len() > 3 || is_turned(key, near))?;
    Some(format!("Pandium documents no `{key}` here; did you mean `{near}`?"))
}

/// Whether both have the same letters, in another order.
fn is_turned(key: &str, other: &str) -> bool {
    let letters = |text: &str| {
        let mut letters = text.to_ascii_lowercase().into_bytes();
        letters.sort_unstable();
        letters
    };
    letters(key) == letters(other)
}
