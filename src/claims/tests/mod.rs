//! The template as its users meet it.

#![allow(clippy::indexing_slicing, reason = "a test may set a claim by its key")]

mod evaluate;
mod load;
mod property;
mod slips;

use super::{Fault, Inputs, KnownField, Report, Scope, Template, Tree, Variable, Written};
use crate::place::Place;
use crate::value::{Kind, Session, Value};
use serde_json::Value as Json;

/// The fields of every test: name, type, required.
pub const FIELDS: [(&str, Kind, bool); 9] = [
    ("account_id", Kind::Text, true),
    ("user_name", Kind::Text, false),
    ("installed", Kind::List, false),
    ("seats", Kind::Int, false),
    ("admin", Kind::Bool, false),
    ("profile", Kind::Json, false),
    ("user_email", Kind::Text, true),
    ("number", Kind::Int, true),
    ("owner", Kind::Text, true),
];

/// A tree as YAML would give it: each node on the line of its turn, each value in column 3.
pub fn written(json: &Json) -> Written {
    fn node(json: &Json, line: &mut u32) -> Written {
        *line += 1;
        let place = Place::new(*line, 3);
        let tree = match json {
            Json::String(text) => Tree::Text(text.clone()),
            Json::Number(number) => Tree::Number(number.to_string()),
            Json::Bool(b) => Tree::Bool(*b),
            Json::Null => Tree::Null,
            Json::Array(items) => Tree::List(items.iter().map(|item| node(item, line)).collect()),
            Json::Object(map) => Tree::Map(
                map.iter()
                    .map(|(key, value)| {
                        let value = node(value, line);
                        (key.clone(), Place::new(value.place.line, 1), value)
                    })
                    .collect(),
            ),
        };
        Written { place, tree }
    }
    node(json, &mut 0)
}

pub fn compile(json: &Json) -> (Option<Template>, Report) {
    let fields = FIELDS.map(|(name, kind, required)| KnownField {
        name,
        source: if name == "owner" { "X-User-EMail" } else { name },
        kind,
        required,
        place: Place::new(9, 9),
        broken: false,
    });
    let list = |items: &[&str]| written(&items.iter().copied().collect::<Json>()).tree;
    let text = |text: &str| Variable::Constant(Tree::Text(text.to_owned()));
    let variables = [
        ("key".to_owned(), text("gwt2hs")),
        ("connector_name".to_owned(), text("g\"wt")),
        ("integration_name".to_owned(), Variable::RequestedName),
        ("id".to_owned(), Variable::Constant(Tree::Number("1121".to_owned()))),
        ("tags".to_owned(), Variable::Constant(list(&["a", "b"]))),
        ("none".to_owned(), Variable::Constant(list(&[]))),
        ("empty".to_owned(), text("")),
        ("raw".to_owned(), text("${session.account_id}")),
    ];
    let env = |name: &str| match name {
        "REGION" => Some("${session.user_name} \"eu\"".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    };
    let integration = ("gwt2hs", Place::new(40, 3));
    let scope = Scope {
        fields: &fields,
        variables: &variables,
        integration: Some(integration),
        account: Some("acme"),
        env: &env,
    };
    let mut report = Report::default();
    let template = Template::compile(&written(json), &scope, &mut report);
    (template, report)
}

/// The claim `x` of a template around it.
pub fn around(x: &Json) -> Json {
    serde_json::json!({
        "sub": "${session.account_id}",
        "ti": { "xti": { "connector_name": "c", "integration_name": "i" } },
        "x": x,
    })
}

/// The values of the fields that have one.
pub fn session<'a>(values: &[(&str, Value<'a>)]) -> Session<'a> {
    let value = |name: &str| values.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
    Session::new(FIELDS.iter().map(|(name, ..)| value(name)).collect())
}

pub fn inputs<'a>(session: &'a Session<'a>) -> Inputs<'a> {
    Inputs { session, integration: "asked-for", id: "7", account: "acme", request_id: "req-1" }
}

/// The members that were written, as text.
pub fn members(template: &Template, session: &Session<'_>) -> Result<String, Fault> {
    let mut out = b"{\"iat\":1".to_vec();
    template.write_members(&inputs(session), &mut out)?;
    out.push(b'}');
    Ok(String::from_utf8(out).unwrap())
}
