//! `integrations.<name>.id`: what an integration is to Pandium, which may be another thing for each
//! account.

use super::error::Problem;
use super::integrations::ANY;
use super::leaf;
use super::model::{Account, Pandium};
use super::pandium;
use super::reader::{MapReader, Reader};
use crate::slug::is_slug;
use crate::suggest::closest;

/// What an integration is to Pandium.
pub(super) enum Ids {
    /// Its name as the visitor asks for it.
    Requested,
    /// The same for all accounts.
    Same(String),
    /// One for each account, in their order.
    Each(Vec<String>),
}

impl Ids {
    /// The one for this account; none where it is the name that was asked for.
    pub(super) fn of(&self, account: usize) -> Option<&str> {
        match self {
            Self::Requested => None,
            Self::Same(id) => Some(id),
            Self::Each(ids) => ids.get(account).map(String::as_str),
        }
    }
}

/// `id`
pub(super) fn read(name: &str, map: &MapReader<'_>, pandium: Option<&Pandium>) -> Option<Ids> {
    let Some(reader) = map.get("id") else {
        let entry = map.at();
        let message = "there is no `id`, so its name is Pandium's id for it; Pandium's ids are numbers";
        entry.warn_at(entry.key_place(), entry.path(), message);
        return Some(if name == ANY { Ids::Requested } else { Ids::Same(name.to_owned()) });
    };
    if !reader.is_map() {
        return one_id(&reader).map(Ids::Same);
    }
    ids_by_place(&reader, pandium)
}

fn one_id(reader: &Reader<'_>) -> Option<String> {
    let id = reader.read(leaf::slug)?;
    if !id.as_str().bytes().all(|byte| byte.is_ascii_digit()) {
        reader.warn("Pandium's ids are numbers");
    }
    Some(id.as_str().to_owned())
}

/// An id for each environment, or for each account. All are read, so that the file holds elsewhere too.
fn ids_by_place(reader: &Reader<'_>, pandium: Option<&Pandium>) -> Option<Ids> {
    let entries: Vec<_> = reader.map()?.entries().collect();
    let read = |(key, value): &(&str, Reader<'_>)| {
        let id = one_id(value);
        if !is_slug(key) {
            let message =
                format!("an environment ({}) or an account is wanted here", pandium::environments());
            value.error_at(value.key_place(), value.path(), message);
            return None;
        }
        id
    };
    let ids: Vec<Option<String>> = entries.iter().map(read).collect();
    let ids: Vec<String> = ids.into_iter().collect::<Option<_>>()?;
    let keys: Vec<&str> = entries.iter().map(|(key, _)| *key).collect();
    let accounts = &pandium?.accounts;
    for (key, value) in &entries {
        doubt_key(key, value, accounts);
    }
    let lone = accounts.len() == 1;
    let of = |account| id_of(account, lone, &keys, reader).and_then(|at| ids.get(at).cloned());
    let found: Vec<_> = accounts.iter().map(of).collect();
    let found = found.into_iter().collect::<Option<Vec<_>>>()?;
    Some(match found.split_first() {
        Some((first, rest)) if rest.iter().all(|id| id == first) => Ids::Same(first.clone()),
        _ => Ids::Each(found),
    })
}

/// Warns of a key that is nearly an account's or an environment's: the file may serve elsewhere too,
/// with accounts that this one does not have.
fn doubt_key(key: &str, value: &Reader<'_>, accounts: &[Account]) {
    let own = || accounts.iter().map(|account| account.key.as_str());
    let known = || pandium::environment_names().into_iter().chain(own());
    if known().any(|known| known == key) {
        return;
    }
    if let Some(near) = closest(key, known()) {
        let message = "this is neither an environment nor an account of this file";
        let problem = Problem::warning(value.key_place(), value.path(), message);
        // A lone account may come from the environment, which is not repeated.
        let near =
            Some(near).filter(|near| accounts.len() > 1 || pandium::environment_names().contains(near));
        value.push_problem(problem.suggest(near.map(str::to_owned)));
    }
}

/// The position of the id for this account, or for its environment.
fn id_of(account: &Account, lone: bool, keys: &[&str], reader: &Reader<'_>) -> Option<usize> {
    let environment = account.environment;
    let at = |wanted: &str| keys.iter().position(|key| *key == wanted);
    let (own, place) = (at(account.key.as_str()), environment.and_then(at));
    if let (Some(own), Some(place)) = (own, place)
        && own != place
    {
        reader.error(
            "two of these ids fit: one for `pandium.account`, one for its environment; keep one of them",
        );
        return None;
    }
    let found = own.or(place);
    if found.is_none() {
        let environment =
            environment.map_or("its environment".to_owned(), |name| format!("environment `{name}`"));
        // A key of `accounts` is the file's own word; a lone account may come from the environment.
        let whose = if lone {
            "the account in `pandium.account`".to_owned()
        } else {
            format!("account `{}`", account.key)
        };
        reader.error(format!("there is no id for {whose}, nor for {environment}"));
    }
    found
}
