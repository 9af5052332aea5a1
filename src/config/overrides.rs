//! `overrides`: what a trusted peer may say for one request.

use super::model::Overrides;
use super::reader::Reader;
use super::session::{self, Guarded};
use crate::trust::Trust;
use http::HeaderName;

/// `overrides`
pub(super) fn read(
    reader: Option<Reader<'_>>,
    trust: Option<&Trust>,
    guarded: &mut Vec<Guarded>,
) -> Option<Overrides> {
    let Some(reader) = reader else { return Some(Overrides::default()) };
    let map = reader.map()?;
    if trust.is_some_and(|trust| !trust.is_given()) {
        let message = "a header that anybody may send decides nothing: `overrides` needs `trust`";
        reader.error_at(reader.key_place(), reader.path(), message);
    }
    let account = name(map.get("account"), "overrides.account", guarded);
    let integration = name(map.get("integration"), "overrides.integration", guarded);
    let (account, integration) = (account?, integration?);
    if account.is_some() && account == integration {
        reader.error("one header cannot name an account and an integration");
        return None;
    }
    Some(Overrides { account, integration })
}

fn name(
    reader: Option<Reader<'_>>,
    path: &'static str,
    guarded: &mut Vec<Guarded>,
) -> Option<Option<HeaderName>> {
    let Some(reader) = reader else { return Some(None) };
    let name = reader.read(session::identity)?.name;
    guarded.push(Guarded { name: name.clone(), path, place: reader.place(), withheld: false });
    Some(Some(name))
}
