//! What no tool shows: the claims that are made of a sensitive field, and a credential of the visitor's.

use crate::claims::{Template, Used};
use crate::config::model::Policy;
use serde_json::Value;
use std::collections::BTreeSet;

/// The paths of claims whose values are not shown.
pub(super) struct Hidden(BTreeSet<String>);

impl Hidden {
    /// Those that are hidden whatever a file says: `ti.xti.token` opens the customer's own system.
    pub(super) fn always() -> Self {
        Self(BTreeSet::from(["ti.xti.token".to_owned()]))
    }

    /// Those of a file, whichever of its templates a token was made by.
    pub(super) fn of(policy: &Policy) -> Self {
        let Self(mut paths) = Self::always();
        let integrations = policy.integrations.all().into_iter().map(|integration| &integration.target);
        for target in integrations.chain(&policy.marketplace) {
            paths.extend(Self::of_template(policy, &target.template).0);
        }
        Self(paths)
    }

    /// Those of one template that are made of a sensitive field.
    pub(super) fn of_template(policy: &Policy, template: &Template) -> Self {
        let made = template.made_of().filter(|(_, used)| is_sensitive(policy, used));
        Self(made.map(|(path, _)| path.to_owned()).collect())
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts what `word` makes of it in place of every hidden claim at this path and below.
    pub(super) fn mask(&self, path: &str, claim: &mut Value, word: &dyn Fn(&Value) -> String) {
        if self.covers(path, claim) {
            *claim = word(claim).into();
            return;
        }
        let Value::Object(members) = claim else { return };
        for (key, member) in members {
            self.mask(&below(path, key), member, word);
        }
    }

    /// Whether this claim is hidden. An absent item shifts those behind it: a list with a hidden item is
    /// hidden as a whole.
    pub(super) fn covers(&self, path: &str, claim: &Value) -> bool {
        let items = format!("{path}[");
        self.0.contains(path)
            || claim.is_array()
                && self.0.range(items.clone()..).next().is_some_and(|own| own.starts_with(&items))
    }
}

/// The path of a claim's member, as a template has it.
pub(super) fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// The word for a value that is there.
pub(super) fn presence(value: &Value) -> String {
    let length = value.as_str().map_or_else(|| value.to_string().len(), str::len);
    format!("present, {length} bytes")
}

/// Whether a claim is made of a field that the file marks as sensitive.
pub(super) fn is_sensitive(policy: &Policy, used: &[Used]) -> bool {
    used.iter().any(|used| match used {
        Used::Field { index, .. } => policy.fields.get(*index).is_some_and(|field| field.sensitive),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::{Hidden, presence};
    use serde_json::json;

    #[test]
    fn what_is_hidden_is_there_by_its_length_alone() {
        let paths = ["sub", "ti.xti.token", "ti.ili[1]", "ti.whole"].map(str::to_owned);
        let mut claims = json!({
            "sub": "kanarie", "jti": "shown",
            "ti": { "ili": ["a", "kanarie"], "ila": ["b"], "whole": { "a": "kanarie" },
                "xti": { "token": "Zoë", "tokens": 1 } },
        });
        Hidden(paths.into()).mask("", &mut claims, &presence);
        let expected = json!({
            "sub": "present, 7 bytes", "jti": "shown",
            "ti": { "ili": "present, 15 bytes", "ila": ["b"], "whole": "present, 15 bytes",
                "xti": { "token": "present, 4 bytes", "tokens": 1 } },
        });
        assert_eq!(claims, expected);
    }
}
