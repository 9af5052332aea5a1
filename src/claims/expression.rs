//! An expression: a source, its filters, and the type that comes out.

use super::apply::{Cause, borrow};
use super::filter::Filter;
use super::leaf::text_of;
use super::parse::Raw;
use super::{Inputs, Scope, Tree, Used, Variable};
use crate::suggest::closest;
use crate::value::{Kind, Value, parse_int};
use crate::variable::is_shouted;
use std::borrow::Cow;

/// A compiled `${…}`.
#[derive(Clone, Debug)]
pub(super) struct Expression {
    source: Source,
    filters: Box<[Filter]>,
    /// The type of what comes out.
    pub kind: Kind,
    /// What it reads, for provenance.
    pub used: Used,
    /// Whether nothing may come out.
    pub optional: bool,
}

#[derive(Clone, Debug)]
enum Source {
    Field(usize),
    Integration,
    Id,
    Account,
    RequestId,
    Constant(Value<'static>),
}

/// A source that was found: what it is, its type, and whether it may be absent.
struct Found {
    source: Source,
    kind: Kind,
    used: Used,
    optional: bool,
}

impl Expression {
    /// Looks everything up and checks that each filter fits what it gets.
    pub(super) fn compile(raw: &Raw<'_>, line: u32, scope: &Scope<'_>) -> Result<Self, String> {
        let Found { source, mut kind, used, mut optional } = find(raw.source, line, scope)?;
        let mut filters = Vec::new();
        for raw in &raw.filters {
            let (filter, output) = Filter::compile(raw, kind)?;
            optional = match filter {
                Filter::Default(_) => false,
                Filter::First | Filter::Last => true,
                _ => optional,
            };
            kind = output;
            filters.push(filter);
        }
        Ok(Self { source, filters: filters.into(), kind, used, optional })
    }

    /// Its value, if it is the same for every request.
    pub(super) fn constant(&self) -> Option<Result<Option<Value<'static>>, Cause>> {
        match &self.source {
            Source::Constant(value) => {
                Some(self.filtered(Some(borrow(value))).map(|value| value.map(Value::into_owned)))
            }
            _ => None,
        }
    }

    /// Its value for one request.
    pub(super) fn evaluate<'v>(&'v self, inputs: &Inputs<'v>) -> Result<Option<Value<'v>>, Cause> {
        let value = match &self.source {
            Source::Field(index) => inputs.session.get(*index).map(borrow),
            Source::Integration => Some(Value::Text(Cow::Borrowed(inputs.integration))),
            Source::Id => Some(Value::Text(Cow::Borrowed(inputs.id))),
            Source::Account => Some(Value::Text(Cow::Borrowed(inputs.account))),
            Source::RequestId => Some(Value::Text(Cow::Borrowed(inputs.request_id))),
            Source::Constant(value) => Some(borrow(value)),
        };
        let value = self.filtered(value)?;
        if value.as_ref().is_some_and(|value| value.kind() != self.kind) {
            return Err(Cause::Type);
        }
        Ok(value)
    }

    /// The field's own value, where no filter changes it: nothing to copy.
    pub(super) fn plain<'v>(&self, inputs: &Inputs<'v>) -> Option<&'v Value<'v>> {
        match &self.source {
            Source::Field(index) if self.filters.is_empty() => {
                inputs.session.get(*index).filter(|value| value.kind() == self.kind)
            }
            _ => None,
        }
    }

    /// Its filters, in order.
    pub(super) fn filters(&self) -> &[Filter] {
        &self.filters
    }

    /// The texts that can come out, where a `map` lists them.
    pub(super) fn outcomes(&self) -> Option<Vec<Cow<'_, str>>> {
        let at = self.filters.iter().rposition(|filter| filter.values().is_some())?;
        let behind = self.filters.get(at + 1..)?;
        let through = |text| {
            let value = Some(Value::Text(Cow::Borrowed(text)));
            behind.iter().try_fold(value, |value, filter| filter.apply(value)).ok().flatten()
        };
        Some(self.filters.get(at)?.values()?.filter_map(through).map(text_of).collect())
    }

    fn filtered<'v>(&'v self, value: Option<Value<'v>>) -> Result<Option<Value<'v>>, Cause> {
        self.filters.iter().try_fold(value, |value, filter| filter.apply(value))
    }
}

fn find(source: &str, line: u32, scope: &Scope<'_>) -> Result<Found, String> {
    let text = |source, used| Found { source, kind: Kind::Text, used, optional: false };
    match source.split_once('.') {
        Some(("session", name)) if !name.contains(":-") => field(name, scope),
        Some(("integration", name)) if !name.contains(":-") => variable(name, line, scope),
        Some(("pandium", "account")) => Ok(match scope.account {
            Some(account) => text(Source::Constant(Value::Text(account.to_owned().into())), Used::Account),
            None => text(Source::Account, Used::Account),
        }),
        Some(("request", "id")) => Ok(text(Source::RequestId, Used::RequestId)),
        _ => Err(unknown(source, scope)),
    }
}

fn unknown(source: &str, scope: &Scope<'_>) -> String {
    let fields = scope.fields.iter().map(|field| ("session", field.name));
    let variables = scope.variables.iter().map(|(name, _)| ("integration", name.as_str()));
    let known: Vec<(&str, &str)> =
        fields.chain(variables).chain([("pandium", "account"), ("request", "id")]).collect();
    let bare = known.iter().find(|(_, name)| *name == source).map(|(group, name)| format!("{group}.{name}"));
    let whole: Vec<String> = known.iter().map(|(group, name)| format!("{group}.{name}")).collect();
    let near = bare.or_else(|| closest(source, whole.iter().map(String::as_str)).map(str::to_owned));
    if let Some((name, fallback)) = source.split_once(":-") {
        let fix = if is_shouted(name) {
            format!("${{env.{source}}}")
        } else {
            format!("${{{name} | default({fallback})}}")
        };
        return format!("`:-` is for variables of the environment; write {fix}");
    }
    match near {
        None if is_shouted(source) => {
            format!(
                "there is no source `{source}`; a variable of the environment is written ${{env.{source}}}"
            )
        }
        Some(near) => format!("there is no source `{source}`; did you mean `{near}`?"),
        None => format!(
            "there is no source `{source}`; there are session.NAME, integration.NAME, pandium.account, \
             request.id and env.NAME"
        ),
    }
}

fn field(name: &str, scope: &Scope<'_>) -> Result<Found, String> {
    let Some((index, field)) = scope.fields.iter().enumerate().find(|(_, field)| field.name == name) else {
        return Err(match closest(name, scope.fields.iter().map(|field| field.name)) {
            Some(near) => format!("session.fields has no `{name}`; did you mean `{near}`?"),
            None => format!("session.fields has no `{name}`"),
        });
    };
    let used = Used::Field { index, name: name.into() };
    Ok(Found { source: Source::Field(index), kind: field.kind, used, optional: !field.required })
}

fn variable(name: &str, line: u32, scope: &Scope<'_>) -> Result<Found, String> {
    let used = Used::Variable(name.into());
    let (source, kind) = match scope.variables.iter().find(|(known, _)| known == name) {
        Some((_, Variable::Id)) => (Source::Id, Kind::Text),
        Some((_, Variable::RequestedName)) => (Source::Integration, Kind::Text),
        Some((_, Variable::Constant(tree))) => {
            let value =
                constant(tree).ok_or_else(|| format!("`{name}` has no value that a claim can hold"))?;
            let kind = value.kind();
            (Source::Constant(value), kind)
        }
        None => return Err(missing(name, line, scope)),
    };
    Ok(Found { source, kind, used, optional: false })
}

fn missing(name: &str, line: u32, scope: &Scope<'_>) -> String {
    let Some((key, place)) = scope.integration else { return "there is no integration here".to_owned() };
    let at = place.line;
    let lacks =
        format!("integration `{key}` (line {at}) has no `{name}`, which the template uses in line {line}");
    match closest(name, scope.variables.iter().map(|(known, _)| known.as_str())) {
        Some(near) => format!("{lacks}; did you mean `{near}`?"),
        None => lacks,
    }
}

/// A literal as a value: what is neither text, integer, truth value nor list of text is JSON.
fn constant(tree: &Tree) -> Option<Value<'static>> {
    let items = |tree: &Tree| match tree {
        Tree::Text(text) => Some(Cow::Owned(text.clone())),
        _ => None,
    };
    match tree {
        Tree::Text(text) => Some(Value::Text(text.clone().into())),
        Tree::Bool(b) => Some(Value::Bool(*b)),
        Tree::Number(text) if parse_int(text).is_some() => parse_int(text).map(Value::Int),
        Tree::List(list) if list.iter().all(|item| items(&item.tree).is_some()) => {
            Some(Value::List(list.iter().filter_map(|item| items(&item.tree)).collect()))
        }
        Tree::Number(_) | Tree::List(_) | Tree::Map(_) => json(tree).map(Value::Json),
        Tree::Null | Tree::Broken => None,
    }
}

fn json(tree: &Tree) -> Option<serde_json::Value> {
    Some(match tree {
        Tree::Text(text) => text.clone().into(),
        Tree::Number(text) => serde_json::Value::Number(text.parse().ok()?),
        Tree::Bool(b) => (*b).into(),
        Tree::Null | Tree::Broken => return None,
        Tree::List(items) => items.iter().map(|item| json(&item.tree)).collect::<Option<Vec<_>>>()?.into(),
        Tree::Map(entries) => {
            let entries = entries.iter().map(|(key, _, value)| Some((key.clone(), json(&value.tree)?)));
            entries.collect::<Option<serde_json::Map<_, _>>>()?.into()
        }
    })
}
