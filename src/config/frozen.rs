//! What should stay as it is from one configuration to the next: Pandium knows its tenants by `sub`, and
//! whoever gets another one does not see any more what was installed.

use super::model::{Integration, Policy};
use crate::claims::Template;
use crate::place::Place;
use std::collections::BTreeMap;

/// Integrations whose `sub` is made otherwise than before, where both files say it in one place each.
#[derive(Debug, PartialEq, Eq)]
pub struct Remade {
    /// Where the old file said what it is made of.
    pub was: Place,
    /// Where the new one does.
    pub is: Place,
    /// The names of the integrations.
    pub integrations: Vec<String>,
}

/// Each `sub` that the newer policy makes otherwise, of an integration that both have.
pub fn remade(old: &Policy, new: &Policy) -> Vec<Remade> {
    let mut found: BTreeMap<(Place, Place), Vec<String>> = BTreeMap::new();
    for integration in new.integrations.all() {
        let same = |other: &&Integration| other.name == integration.name;
        let Some(before) = old.integrations.all().into_iter().find(same) else { continue };
        let (was, old_place) = recipe(old, &before.target.template);
        let (is, new_place) = recipe(new, &integration.target.template);
        if was != is {
            found.entry((old_place, new_place)).or_default().push(integration.name.to_string());
        }
    }
    found.into_iter().map(|((was, is), integrations)| Remade { was, is, integrations }).collect()
}

/// By where a field is read, and not by its name, which is the file's own.
fn recipe(policy: &Policy, template: &Template) -> (String, Place) {
    let field = |index: usize| {
        let field = policy.fields.get(index);
        field.map(|it| format!("{} {:?} {:?}", it.source, it.kind, it.decode)).unwrap_or_default()
    };
    template.recipe(field)
}
