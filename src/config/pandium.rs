//! `pandium`: where visitors are sent, and with whose key.

use super::error::Problem;
use super::leaf::{self, Wrong};
use super::model::{Account, Choice, Key, Pandium, Remote};
use super::net::{self, BaseUrl, PlainHttp};
use super::proxied;
use super::reader::{MapReader, Reader};
use super::remote;
use super::root::Surroundings;
use super::secret::{self, Lack};
use super::tree::Node;
use crate::claims::{KnownField, Owner, Report, Scope};
use crate::place::Place;
use crate::slug::Slug;
use crate::suggest::closest;
use crate::tls::Authorities;
use crate::token::Signer;
use crate::variable;
use http::HeaderName;

/// One of Pandium's environments, and its hosts.
#[derive(Clone, Copy)]
struct Environment {
    name: &'static str,
    host: &'static str,
    marketplace: &'static str,
}

const ENVIRONMENTS: [Environment; 3] = [
    Environment { name: "production", host: "imp.pandium.com", marketplace: "imp.pandium.io" },
    Environment { name: "sandbox", host: "imp.sandbox.pandium.com", marketplace: "imp.sandbox.pandium.com" },
    Environment { name: "demo", host: "imp.demo.pandium.com", marketplace: "imp.demo.pandium.com" },
];

/// The words for them, for a message.
pub(super) fn environments() -> String {
    environment_names().join(", ")
}

/// Their names.
pub(super) fn environment_names() -> [&'static str; 3] {
    ENVIRONMENTS.map(|environment| environment.name)
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
    /// Whether there is a route to the marketplace.
    pub(super) marketplace: bool,
    /// Whose word Pandium's certificate has, where we go there ourselves.
    pub(super) authorities: Option<&'a Authorities>,
}

/// `pandium`
pub(super) fn read(reader: &Reader<'_>, context: &Context<'_>) -> Option<Pandium> {
    let map = reader.map()?;
    let proxy = proxied::read(map.get("proxy"));
    let wanted = proxy.as_ref().is_none_or(Option::is_some);
    let authorities = proxied::authorities(map.get("ca_file"), wanted, context.around);
    let context = &Context { authorities: authorities.as_ref().and_then(Option::as_ref), ..*context };
    let pandium = match map.get("accounts") {
        Some(listed) => several(&map, &listed, context),
        None => single(&map, context),
    };
    authorities?;
    Some(Pandium { proxy: proxy?, ..pandium? })
}

fn single(map: &MapReader<'_>, context: &Context<'_>) -> Option<Pandium> {
    let account = map.required("account").and_then(|account| account.read(account_slug));
    let site = Site::read(map, context);
    let secret = map.required("secret").and_then(|secret| key(&secret, context));
    if let Some(Some(_)) = context.header {
        map.at().error_at(context.header_place, "overrides.account", NEEDS_ACCOUNTS);
        return None;
    }
    let (site, slug) = (site?, account?);
    let account = site.account(0, slug.clone(), slug, secret?)?;
    Some(Pandium { accounts: vec![account], choice: Choice::One(0), proxy: None })
}

const NEEDS_ACCOUNTS: &str = "there is one account; those to choose from are listed in `pandium.accounts`";

/// `account`, where there is no other.
fn account_slug(node: &Node) -> Result<Slug, Wrong> {
    if let Some((_, expression)) = leaf::text(node)?.split_once("${") {
        let name = expression.split('}').next().unwrap_or_default();
        let message = "an expression chooses among `pandium.accounts`, which are not there";
        // What has come of a variable is not repeated.
        return Err(if variable::is_shouted(name) && !node.is_resolved() {
            format!("a variable of the environment is written ${{env.{name}}}; {message}").into()
        } else {
            message.into()
        });
    }
    leaf::slug(node)
}

const ACCOUNTS: &str = "acme: { environment: sandbox, secret: … }";

/// `accounts`
fn several(map: &MapReader<'_>, listed: &Reader<'_>, context: &Context<'_>) -> Option<Pandium> {
    for key in ["environment", "base_url", "marketplace_url", "secret"] {
        if let Some(stray) = map.get(key) {
            let message = format!("each of `accounts` has its own `{key}`; this one would be nobody's");
            stray.error_at(stray.key_place(), stray.path(), message);
        }
    }
    let chosen = map.get("account");
    let entries: Vec<_> = listed.map_as(ACCOUNTS)?.entries().collect();
    if entries.is_empty() {
        listed.error(format!("at least one account is wanted here, such as `{ACCOUNTS}`"));
    }
    let read: Vec<_> =
        entries.iter().enumerate().map(|(index, (key, entry))| one(index, key, entry, context)).collect();
    let keys: Vec<&str> = entries.iter().map(|(key, _)| *key).collect();
    let choice = choice(chosen.as_ref(), &keys, map, context);
    let accounts = read.into_iter().collect::<Option<Vec<_>>>().filter(|accounts| !accounts.is_empty())?;
    apart(&accounts, &entries);
    Some(Pandium { accounts, choice: choice?, proxy: None })
}

/// Warns of each account that has another's secret.
fn apart(accounts: &[Account], entries: &[(&str, Reader<'_>)]) {
    for (account, (_, entry)) in accounts.iter().zip(entries) {
        let other = accounts.iter().take(account.index).find(|other| share_secret(account, other));
        if let Some(other) = other {
            let message = format!(
                "it has the secret of `{}`: a token made for the one is good for the other",
                other.key
            );
            entry.warn_at(entry.key_place(), entry.path(), message);
        }
    }
}

fn share_secret(one: &Account, other: &Account) -> bool {
    let (one, other) = (one.secret.signer.as_ref(), other.secret.signer.as_ref());
    one.zip(other).is_some_and(|(one, other)| one.is_twin(other))
}

fn one(index: usize, name: &str, entry: &Reader<'_>, context: &Context<'_>) -> Option<Account> {
    let name = Slug::parse(name);
    if name.is_none() {
        let message = "an account's key is 1 to 64 letters, digits, `_` and `-`";
        entry.error_at(entry.key_place(), entry.path(), message);
    }
    let map = entry.map_as("{ environment: sandbox, secret: … }")?;
    let slug = map.get("account").map(|account| account.read(leaf::slug));
    let site = Site::read(&map, context);
    let secret = map.required("secret").and_then(|secret| key(&secret, context));
    let name = name?;
    let slug = slug.unwrap_or_else(|| Some(name.clone()))?;
    site?.account(index, name, slug, secret?)
}

fn key(reader: &Reader<'_>, context: &Context<'_>) -> Option<Key> {
    let secret = secret::read(reader, context.around, Lack::EndsMinting)?;
    let signer = secret.bytes.as_ref().map(Signer::new);
    Some(Key { signer, encoding: secret.encoding.word(), source: secret.source, kept: secret.kept })
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
        let owner = by_session(account, &text, context)?;
        nowhere(account, &owner, keys);
        return Some(Choice::Session(owner));
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

/// Warns of each value of a `map` that is no account's key: its visitors would be refused.
fn nowhere(account: &Reader<'_>, owner: &Owner, keys: &[&str]) {
    let outcomes = owner.outcomes();
    for stray in outcomes.iter().filter(|outcome| !keys.contains(&outcome.as_str())) {
        let known = if account.node().is_resolved() { None } else { Some(stray.as_str()) };
        let message = match known {
            Some(stray) => format!(
                "`map` leads to `{stray}`, which `accounts` does not list: add it there, or drop the pair"
            ),
            None => "`map` leads to an account that `accounts` does not list".to_owned(),
        };
        let near = known.and_then(|stray| closest(stray, keys.iter().copied())).map(str::to_owned);
        let problem = Problem::warning(account.place(), account.path(), message);
        account.push_problem(problem.suggest(near).about(known));
    }
}

fn by_session(account: &Reader<'_>, text: &str, context: &Context<'_>) -> Option<Owner> {
    let scope = Scope {
        fields: context.fields?,
        variables: &[],
        integration: None,
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

/// Where an account of Pandium's is.
struct Site {
    environment: Option<&'static str>,
    base: BaseUrl,
    marketplace_url: Option<String>,
    /// The way there; the outer `None` where something is wrong with it.
    remote: Option<Option<Remote>>,
}

impl Site {
    /// `environment` or `base_url`, and `marketplace_url`.
    fn read(map: &MapReader<'_>, context: &Context<'_>) -> Option<Self> {
        let url = |url: &Reader<'_>| url.read(|node| net::base_url(node, PlainHttp::Loopback));
        let place = match (map.get("environment"), map.get("base_url")) {
            (Some(environment), None) => {
                let words = ENVIRONMENTS.map(|environment| (environment.name, environment));
                let known = environment.read(|node| leaf::word(node, &words));
                known.map(|known| (Self::of(known), environment))
            }
            (None, Some(base)) => url(&base).map(|at| (Self::at(at), base)),
            (Some(_), Some(url)) => {
                url.error("`environment` and `base_url` both say where Pandium is; keep one of them");
                None
            }
            (None, None) => {
                let wanted = "`environment` (production, sandbox or demo) or `base_url` is required here";
                map.missing(&["environment", "base_url"], wanted);
                None
            }
        };
        let own = map.get("marketplace_url").map(|own| url(&own));
        let (mut site, from) = place?;
        if let Some(own) = own {
            site.marketplace_url = Some(own?.to_string());
        }
        if context.marketplace && site.marketplace_url.is_none() {
            map.missing(&["marketplace_url"], NEEDS_MARKETPLACE);
            return None;
        }
        if let Some(authorities) = context.authorities {
            site.remote = remote::of_pandium(&site.base, &from, authorities.clone()).map(Some);
        }
        Some(site)
    }

    fn at(base: BaseUrl) -> Self {
        Self { environment: None, base, marketplace_url: None, remote: Some(None) }
    }

    fn of(environment: Environment) -> Self {
        Self {
            environment: Some(environment.name),
            marketplace_url: Some(format!("https://{}", environment.marketplace)),
            ..Self::at(BaseUrl { tls: true, host: environment.host.to_owned(), port: None })
        }
    }

    fn account(self, index: usize, key: Slug, slug: Slug, secret: Key) -> Option<Account> {
        let Self { environment, base, marketplace_url, remote } = self;
        let (base_url, remote) = (base.to_string(), remote?);
        Some(Account { index, key, slug, base_url, remote, marketplace_url, environment, secret })
    }
}

const NEEDS_MARKETPLACE: &str = "`routes.marketplace` is on, and `base_url` does not say where the marketplace is: \
    `marketplace_url` is required here";
