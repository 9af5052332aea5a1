//! The filters, a closed list: what each is called, takes and gives. `apply` is what they do.

use super::parse::{Arg, RawFilter};
use crate::suggest::closest;
use crate::value::{Kind, Value, parse_bool, parse_int, parse_json, split};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// A filter with its arguments, checked.
#[derive(Clone, Debug)]
pub(super) enum Filter {
    /// Text to text, and item by item on a list.
    Text(TextFilter),
    Split(Box<str>),
    Join(Box<str>),
    First,
    Last,
    Int,
    Bool,
    Json,
    Default(Value<'static>),
}

/// A filter from text to text.
#[derive(Clone, Debug)]
pub(super) enum TextFilter {
    Lower,
    Upper,
    Trim,
    Slug,
    Prefix(Box<str>),
    Suffix(Box<str>),
    Replace(Box<str>, Box<str>),
    Map { pairs: Box<[(Box<str>, Box<str>)]>, otherwise: Option<Box<str>> },
    UrlEncode,
    UrlDecode,
    Base64,
    Sha256,
}

/// Name and number of arguments; `map` takes any number of pairs.
const FILTERS: [(&str, usize); 20] = [
    ("lower", 0),
    ("upper", 0),
    ("trim", 0),
    ("slug", 0),
    ("prefix", 1),
    ("suffix", 1),
    ("replace", 2),
    ("split", 1),
    ("join", 1),
    ("first", 0),
    ("last", 0),
    ("int", 0),
    ("bool", 0),
    ("json", 0),
    ("default", 1),
    ("map", usize::MAX),
    ("urlencode", 0),
    ("urldecode", 0),
    ("base64", 0),
    ("sha256", 0),
];

impl Filter {
    /// The filter that was written, for a value of this type, and the type it gives.
    pub(super) fn compile(raw: &RawFilter<'_>, input: Kind) -> Result<(Self, Kind), String> {
        let args: Vec<&str> = raw.args.iter().map(|arg| arg.text).collect();
        let filter = match (raw.name, args.as_slice()) {
            ("split", [""]) => return Err("`split` needs a separator".to_owned()),
            ("split", [separator]) => Self::Split((*separator).into()),
            ("join", [separator]) => Self::Join((*separator).into()),
            ("first", []) => Self::First,
            ("last", []) => Self::Last,
            ("int", []) => Self::Int,
            ("bool", []) => Self::Bool,
            ("json", []) => Self::Json,
            ("default", [text]) => Self::Default(literal(text, input)?),
            ("map", _) => Self::Text(map(&raw.args)?),
            (name, args) => Self::Text(TextFilter::compile(name, args)?),
        };
        let output = filter.output(input).ok_or_else(|| {
            format!(
                "`{}` takes {}, and what it gets here is of type {}",
                raw.name,
                filter.takes(),
                input.word()
            )
        })?;
        Ok((filter, output))
    }

    fn output(&self, input: Kind) -> Option<Kind> {
        match (self, input) {
            (Self::Text(TextFilter::Map { .. }), Kind::Int | Kind::Bool)
            | (Self::Join(_) | Self::First | Self::Last, Kind::List) => Some(Kind::Text),
            (Self::Text(_), Kind::Text | Kind::List) | (Self::Default(_), _) => Some(input),
            (Self::Split(_), Kind::Text) => Some(Kind::List),
            (Self::Int, Kind::Text | Kind::Int) => Some(Kind::Int),
            (Self::Bool, Kind::Text | Kind::Bool) => Some(Kind::Bool),
            (Self::Json, Kind::Text) => Some(Kind::Json),
            _ => None,
        }
    }

    fn takes(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string or a list",
            Self::Join(_) | Self::First | Self::Last => "a list",
            _ => "a string",
        }
    }

    /// Why two tenants may become one where `sub` goes through this filter.
    pub(super) fn merges(&self) -> Option<&'static str> {
        match self {
            Self::First => Some("first"),
            Self::Last => Some("last"),
            Self::Join(_) => Some("join"),
            Self::Int => Some("int"),
            Self::Bool => Some("bool"),
            Self::Text(TextFilter::Slug) => Some("slug"),
            Self::Text(TextFilter::Lower) => Some("lower"),
            Self::Text(TextFilter::Upper) => Some("upper"),
            Self::Text(TextFilter::Replace(..)) => Some("replace"),
            Self::Text(TextFilter::UrlDecode) => Some("urldecode"),
            Self::Text(TextFilter::Map { pairs, .. }) if has_twins(pairs) => Some("map"),
            _ => None,
        }
    }

    /// All that can come out of a `map`.
    pub(super) fn values(&self) -> Option<impl Iterator<Item = &str>> {
        let Self::Text(TextFilter::Map { pairs, otherwise }) = self else { return None };
        Some(pairs.iter().map(|(_, to)| &**to).chain(otherwise.as_deref()))
    }

    /// What makes tenants that are not known share one `sub`: an error there.
    pub(super) fn stands_in(&self) -> Option<&'static str> {
        match self {
            Self::Default(_) => Some("`default`"),
            Self::Text(TextFilter::Map { otherwise: Some(_), .. }) => Some("`map` with `else`"),
            _ => None,
        }
    }
}

/// Whether two keys have one result.
fn has_twins(pairs: &[(Box<str>, Box<str>)]) -> bool {
    let results: BTreeSet<&str> = pairs.iter().map(|(_, to)| &**to).collect();
    results.len() < pairs.len()
}

impl TextFilter {
    fn compile(name: &str, args: &[&str]) -> Result<Self, String> {
        Ok(match (name, args) {
            ("lower", []) => Self::Lower,
            ("upper", []) => Self::Upper,
            ("trim", []) => Self::Trim,
            ("slug", []) => Self::Slug,
            ("prefix", [text]) => Self::Prefix((*text).into()),
            ("suffix", [text]) => Self::Suffix((*text).into()),
            ("replace", ["", _]) => return Err("`replace` needs a text to look for".to_owned()),
            ("replace", [from, to]) => Self::Replace((*from).into(), (*to).into()),
            ("urlencode", []) => Self::UrlEncode,
            ("urldecode", []) => Self::UrlDecode,
            ("base64", []) => Self::Base64,
            ("sha256", []) => Self::Sha256,
            (name, args) => return Err(unfit(name, args.len())),
        })
    }
}

/// No such filter, or not with so many arguments.
fn unfit(name: &str, given: usize) -> String {
    if let Some((_, takes)) = FILTERS.iter().find(|(known, _)| *known == name) {
        let quote =
            if given > *takes && *takes > 0 { "; one that holds a comma stands in quotes" } else { "" };
        return match takes {
            0 => format!("`{name}` takes no arguments"),
            1 => format!("`{name}` takes 1 argument, not {given}{quote}"),
            _ => format!("`{name}` takes {takes} arguments, not {given}{quote}"),
        };
    }
    let names = FILTERS.iter().map(|(known, _)| *known);
    match closest(name, names.clone()) {
        Some(known) => format!("there is no filter `{name}`; did you mean `{known}`?"),
        None => format!("there is no filter `{name}`; there are: {}", names.collect::<Vec<_>>().join(" ")),
    }
}

fn map(args: &[Arg<'_>]) -> Result<TextFilter, String> {
    let mut pairs: Vec<(Box<str>, Box<str>)> = Vec::new();
    let mut otherwise = None;
    for arg in args {
        let Some(key) = arg.key else {
            return Err(format!("`map` takes pairs such as `a=x`, not `{}`", arg.text));
        };
        let fallback = key.text == "else" && !key.quoted;
        let twice = pairs.iter().any(|(known, _)| **known == *key.text) || fallback && otherwise.is_some();
        if twice {
            return Err(format!("`map` has `{}` twice", key.text));
        }
        if fallback {
            otherwise = Some(arg.text.into());
        } else {
            pairs.push((key.text.into(), arg.text.into()));
        }
    }
    if pairs.is_empty() {
        return Err("`map` needs pairs such as `map(a=x, b=y)`".to_owned());
    }
    Ok(TextFilter::Map { pairs: pairs.into(), otherwise })
}

/// The argument of `default`, as a value of the type that it stands in for.
fn literal(text: &str, kind: Kind) -> Result<Value<'static>, String> {
    let value = match kind {
        Kind::Text => Some(Value::Text(Cow::Owned(text.to_owned()))),
        Kind::List => Some(Value::List(split(text, ",").map(|item| Cow::Owned(item.to_owned())).collect())),
        Kind::Int => parse_int(text).map(Value::Int),
        Kind::Bool => parse_bool(text).map(Value::Bool),
        Kind::Json => parse_json(text).map(Value::Json),
    };
    value.ok_or_else(|| format!("`default({text})` stands in for a value of type {}", kind.word()))
}
