//! `pandium`: where visitors are sent, and with whose key.

use super::leaf::{self, Wrong};
use super::model::{Account, Choice, Key, Pandium};
use super::net::{self, PlainHttp};
use super::reader::{MapReader, Reader};
use super::root::Surroundings;
use super::secret;
use super::tree::Node;
use crate::claims::{KnownField, Owner, Report, Scope};
use crate::place::Place;
use crate::slug::Slug;
use crate::suggest::closest;
use crate::token::Signer;
use http::HeaderName;

/// Pandium's environments and their addresses.
const ENVIRONMENTS: [(&str, &str); 3] = [
    ("production", "https://imp.pandium.com"),
    ("sandbox", "https://imp.sandbox.pandium.com"),
    ("demo", "https://imp.demo.pandium.com"),
];

/// The words for them, for a message.
pub(super) fn environments() -> String {
    ENVIRONMENTS.map(|(name, _)| name).join(", ")
}

/// What accounts are read against.
pub(super) struct Context<'a> {
    pub(super) around: &'a Surroundings<'a>,
    /// None where no field could be read.
    pub(super) fields: Option<&'a [KnownField<'a>]>,
    /// The header that names an account; the outer `None` where something is wrong with it.
    pub(super) header: Option<Option<&'a HeaderName>>,
    /// Where the file has that header.
    pub(super) header_place: Place,
}

/// `pandium`
pub(super) fn read(reader: &Reader<'_>, context: &Context<'_>) -> Option<Pandium> {
    let map = reader.map()?;
    match map.get("accounts") {
        Some(listed) => several(&map, &listed, context),
        None => single(&map, context),
    }
}

fn single(map: &MapReader<'_>, context: &Context<'_>) -> Option<Pandium> {
    let account = map.required("account").and_then(|account| account.read(account_slug));
    let place = place(map);
    let secret = map.required("secret").and_then(|secret| key(&secret, context));
    if let Some(Some(_)) = context.header {
        map.at().error_at(context.header_place, "overrides.account", NEEDS_ACCOUNTS);
        return None;
    }
    let ((environment, base_url), slug) = (place?, account?);
    let account = Account { index: 0, key: slug.clone(), slug, base_url, environment, secret: secret? };
    Some(Pandium { accounts: vec![account], choice: Choice::One(0) })
}

const NEEDS_ACCOUNTS: &str = "there is one account; those to choose from are listed in `pandium.accounts`";

/// `account`, where there is no other.
fn account_slug(node: &Node) -> Result<Slug, Wrong> {
    if leaf::text(node)?.contains("${") {
        return Err("an expression chooses among `pandium.accounts`, which are not there".into());
    }
    leaf::slug(node)
}

/// `accounts`
fn several(map: &MapReader<'_>, listed: &Reader<'_>, context: &Context<'_>) -> Option<Pandium> {
    for key in ["environment", "base_url", "secret"] {
        if let Some(stray) = map.get(key) {
            let message = format!("each of `accounts` has its own `{key}`; this one would be nobody's");
            stray.error_at(stray.key_place(), stray.path(), message);
        }
    }
    let chosen = map.get("account");
    let entries: Vec<_> = listed.map()?.entries().collect();
    if entries.is_empty() {
        listed.error(
            "at least one account is wanted here, such as `acme: { environment: sandbox, secret: … }`",
        );
    }
    let read: Vec<_> =
        entries.iter().enumerate().map(|(index, (key, entry))| one(index, key, entry, context)).collect();
    let keys: Vec<&str> = entries.iter().map(|(key, _)| *key).collect();
    let choice = choice(chosen.as_ref(), &keys, map, context);
    let accounts = read.into_iter().collect::<Option<Vec<_>>>().filter(|accounts| !accounts.is_empty())?;
    Some(Pandium { accounts, choice: choice? })
}

fn one(index: usize, name: &str, entry: &Reader<'_>, context: &Context<'_>) -> Option<Account> {
    let name = Slug::parse(name);
    if name.is_none() {
        let message = "an account's key is 1 to 64 letters, digits, `_` and `-`";
        entry.error_at(entry.key_place(), entry.path(), message);
    }
    let map = entry.map()?;
    let slug = map.get("account").map(|account| account.read(leaf::slug));
    let place = place(&map);
    let secret = map.required("secret").and_then(|secret| key(&secret, context));
    let name = name?;
    let slug = slug.unwrap_or_else(|| Some(name.clone()))?;
    let (environment, base_url) = place?;
    Some(Account { index, key: name, slug, base_url, environment, secret: secret? })
}

fn key(reader: &Reader<'_>, context: &Context<'_>) -> Option<Key> {
    let secret = secret::read(reader, context.around)?;
    let signer = secret.bytes.as_ref().map(Signer::new);
    Some(Key { signer, encoding: secret.encoding.word(), source: secret.source })
}

/// `account`, where there are several: a key, a template, or nothing where a header says it.
fn choice(
    account: Option<&Reader<'_>>,
    keys: &[&str],
    map: &MapReader<'_>,
    context: &Context<'_>,
) -> Option<Choice> {
    let Some(account) = account else {
        if let Some(header) = context.header? {
            return Some(Choice::Header(header.clone()));
        }
        let message = "`account` is required here: a key of `accounts`, or a template over the session; or a \
            header in `overrides.account`";
        map.missing(&["account"], message);
        return None;
    };
    let text = account.read(|node| leaf::filled(node).map(str::to_owned))?;
    if text.contains("${") {
        return by_session(account, &text, context).map(Choice::Session);
    }
    let found = keys.iter().position(|key| *key == text);
    if found.is_none() {
        account.read(|_| {
            let suggestion = closest(&text, keys.iter().copied()).map(str::to_owned);
            Err::<(), _>(Wrong { message: "`accounts` does not list this one".to_owned(), suggestion })
        });
    }
    found.map(Choice::One)
}

fn by_session(account: &Reader<'_>, text: &str, context: &Context<'_>) -> Option<Owner> {
    let scope = Scope {
        fields: context.fields?,
        variables: &[],
        integration: ("", account.place()),
        account: None,
        env: context.around.options.env,
    };
    let mut report = Report::default();
    let owner = Owner::compile(text, ("pandium.account", account.place()), &scope, &mut report);
    for flaw in report.errors {
        account.error_at(flaw.place, &flaw.path, flaw.message);
    }
    for flaw in report.warnings {
        account.warn_at(flaw.place, &flaw.path, flaw.message);
    }
    owner
}

/// `environment` or `base_url`.
fn place(map: &MapReader<'_>) -> Option<(Option<String>, String)> {
    match (map.get("environment"), map.get("base_url")) {
        (Some(environment), None) => {
            let words = ENVIRONMENTS.map(|(name, url)| (name, (name, url)));
            let (name, url) = environment.read(|node| leaf::word(node, &words))?;
            Some((Some(name.to_owned()), url.to_owned()))
        }
        (None, Some(url)) => {
            Some((None, url.read(|node| net::base_url(node, PlainHttp::Loopback))?.to_string()))
        }
        (Some(_), Some(url)) => {
            url.error("`environment` and `base_url` both say where Pandium is; keep one of them");
            None
        }
        (None, None) => {
            let wanted = "`environment` (production, sandbox or demo) or `base_url` is required here";
            map.missing(&["environment", "base_url"], wanted);
            None
        }
    }
}
