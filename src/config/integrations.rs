//! `claims` and `integrations`: one compiled template for each integration.

use super::ids::{self, Ids};
use super::leaf::{self, Wrong};
use super::model::{Account, Address, Choice, Delivery, Integration, Integrations, Pandium, Target};
use super::reader::{MapReader, Reader};
use super::tree::{Kind, Node};
use super::{error::Problem, proxied, routes};
use crate::claims::{KnownField, Report, Scope, Template, Tree, Variable, Written, merge};
use crate::place::Place;
use crate::query::{self, TOKEN};
use crate::slug::is_slug;
use std::sync::Arc;

/// The integration that stands for all others.
pub(super) const ANY: &str = "*";

/// The variables that every integration has by its keys.
const BUILT_IN: [&str; 4] = ["key", "id", "connector_name", "integration_name"];

/// What integrations are read against.
pub(super) struct Context<'a> {
    /// None where no field could be read at all.
    pub(super) fields: Option<&'a [KnownField<'a>]>,
    /// None where something is wrong with it.
    pub(super) pandium: Option<&'a Pandium>,
    /// Whether a header may name another account.
    pub(super) overridden: bool,
    /// `routes.install.deliver`
    pub(super) deliver: Delivery,
    pub(super) env: &'a dyn Fn(&str) -> Option<String>,
}

/// A tree of claims, as it is written; leaves that are none are reported, and broken.
pub(super) fn written(reader: &Reader<'_>) -> Written {
    let entry = |(key, value): (&str, Reader<'_>)| (key.to_owned(), value.key_place(), written(&value));
    let tree = match &reader.node().kind {
        Kind::Map(_) => reader.map().map(|map| Tree::Map(map.entries().map(entry).collect())),
        Kind::List(_) => Some(Tree::List(reader.items().iter().map(written).collect())),
        _ => reader.read(scalar),
    };
    Written { place: reader.place(), tree: tree.unwrap_or(Tree::Broken) }
}

fn scalar(node: &Node) -> Result<Tree, Wrong> {
    Ok(match &node.kind {
        Kind::Null => Tree::Null,
        Kind::Bool(value) => Tree::Bool(*value),
        Kind::Int(raw) | Kind::Float(raw) => match serde_json::from_str::<serde_json::Number>(raw) {
            Ok(_) => Tree::Number(raw.clone()),
            Err(_) => {
                return Err(
                    format!("`{raw}` is not a number as JSON writes it; as text it wants quotes").into()
                );
            }
        },
        _ => Tree::Text(leaf::text(node)?.to_owned()),
    })
}

/// `integrations`
pub(super) fn read(reader: &Reader<'_>, claims: &Written, context: &Context<'_>) -> Option<Integrations> {
    let entries: Vec<_> = reader.map_as("gwt2hs: { id: 1121 }")?.entries().collect();
    if entries.is_empty() {
        reader.error("at least one integration is wanted here, such as `gwt2hs: { id: 1121 }`");
        return None;
    }
    let numbered = entries.iter().enumerate();
    let read: Vec<_> =
        numbered.map(|(index, (name, entry))| one(index, name, entry, claims, context)).collect();
    let mut integrations = Integrations::default();
    for integration in read.into_iter().collect::<Option<Vec<_>>>()? {
        match crate::slug::Slug::parse(&integration.name) {
            Some(name) => drop(integrations.named.insert(name, integration)),
            None => integrations.any = Some(integration),
        }
    }
    Some(integrations)
}

fn one(
    index: usize,
    name: &str,
    entry: &Reader<'_>,
    claims: &Written,
    context: &Context<'_>,
) -> Option<Integration> {
    if name != ANY && !is_slug(name) {
        entry.error_at(
            entry.key_place(),
            entry.path(),
            "an integration's name is 1 to 64 letters, digits, `_` and `-`, or \"*\" for all others",
        );
        return None;
    }
    let sample = match &entry.node().kind {
        Kind::Int(id) => format!("{{ id: {id} }}"),
        _ => "{ id: 1121 }".to_owned(),
    };
    let map = entry.map_as(&sample)?;
    let id = ids::read(name, &map, context.pandium);
    let variables = variables(name, &map, id.as_ref());
    let over = map.get("claims").filter(|over| over.map().is_some()).map(|over| written(&over));
    let query = map.get("query").map_or(Some(Vec::new()), |query| parameters(&query));
    let params = params(map.get("params"));
    let deliver = routes::deliver(map.get("deliver"), context.deliver);
    if let (Some(own), Some((Delivery::Proxy, _)), Some(pandium)) =
        (map.get("deliver"), deliver, context.pandium)
    {
        proxied::needed(&own, pandium);
    }
    drop(map);
    let merged = match over {
        Some(over) => &merge(claims, &over),
        None => claims,
    };
    let whose = Some((name, entry.key_place()));
    let template = variables.and_then(|variables| compile(merged, &variables, whose, entry, context));
    let (id, query, params, template, (deliver, _)) = (id?, query?, params?, template?, deliver?);
    let pandium = context.pandium?;
    let ids = (0..pandium.accounts.len()).map(|index| id.of(index));
    let fixed = |name: &String| params.iter().any(|(fixed, _)| fixed == name);
    Some(Integration {
        name: Arc::from(name),
        place: entry.key_place(),
        target: Target {
            index,
            addresses: pandium.accounts.iter().zip(ids).map(|(it, id)| address(it, id, &params)).collect(),
            query: query.into_iter().filter(|name| !fixed(name)).collect(),
            template,
            deliver,
        },
    })
}

/// What `${integration.NAME}` stands for.
fn variables(name: &str, map: &MapReader<'_>, id: Option<&Ids>) -> Option<Vec<(String, Variable)>> {
    let constant = |text: &str| Variable::Constant(Tree::Text(text.to_owned()));
    let named = || if name == ANY { Variable::RequestedName } else { constant(name) };
    let text = |key| match map.get(key) {
        Some(value) => value.read(|node| leaf::text(node).map(|text| Some(constant(text)))),
        None => Some(None),
    };
    let (integration_name, connector) = (text("integration_name"), text("connector_name"));
    let vars = map.get("vars").map_or(Some(Vec::new()), |vars| own_variables(&vars));
    let id = match id {
        Some(Ids::Same(id)) => constant(id),
        Some(Ids::Each(_)) => Variable::Id,
        Some(Ids::Requested) | None => named(),
    };
    let mut variables = vec![
        ("key".to_owned(), named()),
        ("id".to_owned(), id),
        ("integration_name".to_owned(), integration_name?.unwrap_or_else(named)),
    ];
    if let Some(connector) = connector? {
        variables.push(("connector_name".to_owned(), connector));
    } else if map.is_misspelt("connector_name") {
        // That is reported; what uses it need not complain as well.
        variables.push(("connector_name".to_owned(), named()));
    }
    variables.extend(vars?);
    Some(variables)
}

/// `vars`
fn own_variables(vars: &Reader<'_>) -> Option<Vec<(String, Variable)>> {
    let read: Vec<_> = vars.map()?.entries().map(|(name, value)| variable(name, &value)).collect();
    read.into_iter().collect()
}

fn variable(name: &str, value: &Reader<'_>) -> Option<(String, Variable)> {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !plain || name.is_empty() || BUILT_IN.contains(&name) {
        let message =
            format!("a variable's name is letters, digits and `_`, and none of {}", BUILT_IN.join(", "));
        value.error_at(value.key_place(), value.path(), message);
        return None;
    }
    if matches!(value.node().kind, Kind::Null | Kind::Map(_)) {
        value.error("text, a number, a boolean or a list is wanted here");
        return None;
    }
    Some((name.to_owned(), Variable::Constant(written(value).tree)))
}

/// `query`
fn parameters(reader: &Reader<'_>) -> Option<Vec<String>> {
    for any in reader.items().iter().filter(|item| item.node().text() == Some(ANY)) {
        any.warn(
            "`*` is a parameter of that name, and stands for no others: list the names that are carried over",
        );
    }
    reader.list(parameter)
}

/// The name of a query parameter.
fn parameter(node: &Node) -> Result<String, Wrong> {
    let name = leaf::filled(node)?;
    if name.eq_ignore_ascii_case(TOKEN) {
        return Err(format!("`{TOKEN}` carries the token, and is never a visitor's or a fixed one").into());
    }
    Ok(name.to_owned())
}

pub(super) fn params(reader: Option<Reader<'_>>) -> Option<Vec<(String, String)>> {
    let Some(reader) = reader else { return Some(Vec::new()) };
    let read: Vec<_> = reader
        .map()?
        .entries()
        .map(|(name, value)| {
            if name.eq_ignore_ascii_case(TOKEN) || name.is_empty() {
                value.error_at(value.key_place(), value.path(), format!("`{TOKEN}` carries the token"));
                return None;
            }
            Some((name.to_owned(), value.read(|node| leaf::text(node).map(str::to_owned))?))
        })
        .collect();
    read.into_iter().collect()
}

/// Fixed parameters, as they follow the token.
pub(super) fn behind_token(params: &[(String, String)]) -> String {
    let mut after = String::new();
    for (name, value) in params {
        query::append(name, value, &mut after);
    }
    after
}

fn address(account: &Account, id: Option<&str>, params: &[(String, String)]) -> Address {
    let base = format!("{}/{}/tenants/create/", account.base_url, account.slug);
    let after = behind_token(params);
    match id {
        Some(id) => Address::Fixed { id: id.to_owned(), before: format!("{base}{id}?{TOKEN}="), after },
        None => Address::Named { before: base, after },
    }
}

/// The slug of Pandium's account, where it is the same for every request.
fn only_account(pandium: &Pandium, overridden: bool) -> Option<&str> {
    match (pandium.accounts.as_slice(), &pandium.choice) {
        ([only], _) => Some(only.slug.as_str()),
        (all, Choice::One(index)) if !overridden => all.get(*index).map(|account| account.slug.as_str()),
        _ => None,
    }
}

pub(super) fn compile(
    claims: &Written,
    variables: &[(String, Variable)],
    integration: Option<(&str, Place)>,
    entry: &Reader<'_>,
    context: &Context<'_>,
) -> Option<Template> {
    let scope = Scope {
        fields: context.fields?,
        variables,
        integration,
        account: context.pandium.and_then(|pandium| only_account(pandium, context.overridden)),
        env: context.env,
    };
    let mut report = Report::default();
    let template = Template::compile(claims, &scope, &mut report);
    let path = |path: &str| if path.is_empty() { "claims".to_owned() } else { format!("claims.{path}") };
    for flaw in &report.errors {
        let problem = Problem::error(flaw.place, path(&flaw.path), flaw.message.as_str());
        entry.push_problem(problem.about(expression(&flaw.message)));
    }
    for flaw in &report.warnings {
        entry.push_problem(Problem::warning(flaw.place, path(&flaw.path), flaw.message.as_str()));
    }
    template
}

/// The expression that a flaw's message begins with.
fn expression(message: &str) -> Option<&str> {
    let (written, _) = message.strip_prefix('`')?.split_once("`: ")?;
    written.starts_with("${").then(|| written.trim_end_matches('…'))
}

/// Where an integration was declared, for messages.
impl Integrations {
    /// All of them, in the order of the file.
    pub fn all(&self) -> Vec<&Integration> {
        let mut all: Vec<_> = self.named.values().chain(&self.any).collect();
        all.sort_by_key(|integration: &&Integration| -> Place { integration.place });
        all
    }
}
