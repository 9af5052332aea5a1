//! What Pandium expects of the claims, and what keeps two tenants apart.

use super::Used;
use super::compile::{Compiler, Content, Node};
use super::expression::Expression;
use super::filter::Filter;
use super::leaf::{Piece, text_of};
use crate::place::Place;
use crate::value::Kind;

/// The claims that the program itself sets.
const RESERVED: [&str; 4] = ["iat", "exp", "nbf", "jti"];

/// The claims that Pandium reads as text; the items of `ti.ili` are too.
const TEXT: [&[&str]; 8] = [
    &["sub"],
    &["ti", "udn"],
    &["ti", "ufn"],
    &["ti", "uem"],
    &["ti", "aid"],
    &["ti", "adn"],
    &["ti", "xti", "connector_name"],
    &["ti", "xti", "integration_name"],
];

/// Those that it reads as maps.
const MAPS: [&[&str]; 2] = [&["ti"], &["ti", "xti"]];

/// Holds the whole tree against the rules.
pub(super) fn tree(compiler: &mut Compiler<'_, '_>, root: &Node) {
    for key in RESERVED {
        if let Some(node) = root.at(&[key]) {
            let message = format!("the program itself sets `{key}`: drop the key");
            compiler.error(node.place, &node.path, message);
        }
    }
    for node in TEXT.iter().filter_map(|path| root.at(path)) {
        text(compiler, node);
    }
    for node in MAPS.iter().filter_map(|path| root.at(path)) {
        map(compiler, node);
    }
    // A `sub` that is there was judged as it was compiled.
    if root.at(&["sub"]).is_none() {
        let message = match compiler.scope.integration {
            Some(_) => {
                "the template has no `sub`, which says whose the token is: write `sub: ${session.NAME}` with a \
                 required field"
            }
            None => "the marketplace's token is made of `claims` alone, and these have no `sub`",
        };
        compiler.error(root.place, "sub", message);
    }
    installed(compiler, root);
    if compiler.scope.integration.is_some() {
        install_only(compiler, root);
    }
}

fn text(compiler: &mut Compiler<'_, '_>, node: &Node) {
    let message = match &node.content {
        Content::Constant { kind: Kind::Text, .. } | Content::Nothing | Content::Broken => return,
        Content::Leaf(leaf) => match leaf.body.kind() {
            Kind::Text => return,
            Kind::List => "Pandium reads text here, not a list: take `first`, or `join(\", \")`".to_owned(),
            Kind::Json => "Pandium reads text here, not JSON".to_owned(),
            kind => format!(
                "Pandium reads text here, and this is of type {}: declare the field with `type: string`",
                kind.word()
            ),
        },
        Content::Constant { kind: Kind::List, .. } | Content::List(_) => {
            "Pandium reads text here, not a list".to_owned()
        }
        Content::Constant { json, .. } => {
            format!("Pandium reads text here: write \"{}\"", String::from_utf8_lossy(json))
        }
        Content::Map(_) => "Pandium reads text here, not a map".to_owned(),
    };
    compiler.error(node.place, &node.path, message);
}

fn map(compiler: &mut Compiler<'_, '_>, node: &Node) {
    let may_be_one = match &node.content {
        Content::Map(_) | Content::Nothing | Content::Broken => true,
        Content::Constant { kind, .. } => *kind == Kind::Json,
        Content::Leaf(leaf) => leaf.body.kind() == Kind::Json,
        Content::List(_) => false,
    };
    if !may_be_one {
        compiler.error(node.place, &node.path, "Pandium reads a map here");
    }
}

fn installed(compiler: &mut Compiler<'_, '_>, root: &Node) {
    let Some(node) = root.at(&["ti", "ili"]) else { return };
    let found = match &node.content {
        Content::List(items) => return items.iter().for_each(|item| item_text(compiler, item)),
        Content::Leaf(leaf) if leaf.body.kind() == Kind::List => return,
        Content::Constant { kind: Kind::List, .. } | Content::Nothing | Content::Broken => return,
        // It may turn out to be one.
        Content::Leaf(leaf) if leaf.body.kind() == Kind::Json => {
            let message = "Pandium reads a list of text here: declare the field with `type: list`";
            return compiler.warning(node.place, &node.path, message);
        }
        Content::Leaf(leaf) => {
            format!(", and this is of type {}: declare the field with `type: list`", leaf.body.kind().word())
        }
        Content::Constant { kind: Kind::Text, json } => {
            format!(": write [{}]", String::from_utf8_lossy(json))
        }
        Content::Constant { json, .. } => format!(": write [\"{}\"]", String::from_utf8_lossy(json)),
        Content::Map(_) => ", not a map".to_owned(),
    };
    compiler.error(node.place, &node.path, format!("Pandium reads a list of text here{found}"));
}

fn item_text(compiler: &mut Compiler<'_, '_>, item: &Node) {
    let nested = match &item.content {
        Content::Leaf(leaf) => leaf.body.kind() == Kind::List,
        Content::Constant { kind, .. } => *kind == Kind::List,
        _ => false,
    };
    if nested {
        let message = "this is a list of its own: write `ili: ${…}`, not in `[ ]`";
        compiler.error(item.place, &item.path, message);
    } else {
        text(compiler, item);
    }
}

/// Pandium's "integration install only" needs both names.
fn install_only(compiler: &mut Compiler<'_, '_>, root: &Node) {
    for name in ["connector_name", "integration_name"] {
        let there = root.at(&["ti", "xti", name]).filter(|node| !matches!(node.content, Content::Nothing));
        let near = root.at(&["ti", "xti"]).or_else(|| root.at(&["ti"])).unwrap_or(root);
        let (place, message) = match there {
            None => (
                near.place,
                format!(
                    "Pandium's install page needs `ti.xti.{name}`: write `{name}: ${{integration.{name}}}` under `xti`"
                ),
            ),
            Some(node) if is_nothing(node) => (node.place, named_nothing(compiler, name)),
            Some(_) => continue,
        };
        compiler.warning(place, &format!("ti.xti.{name}"), message);
    }
}

/// Whether it is text without a character, or is made of nothing else.
fn is_nothing(node: &Node) -> bool {
    matches!(&node.content, Content::Constant { kind: Kind::Text, json } if json == b"\"\"")
}

fn named_nothing(compiler: &Compiler<'_, '_>, name: &str) -> String {
    let of = compiler
        .scope
        .integration
        .map(|(key, place)| format!(" of integration `{key}` (line {})", place.line));
    format!(
        "Pandium's install page needs `ti.xti.{name}`, and this is empty: write the {name}{} that Pandium knows",
        of.unwrap_or_default()
    )
}

/// Holds what says whose the token is (`sub`, the account) against the rule that no two tenants may share one.
pub(super) fn subject(compiler: &mut Compiler<'_, '_>, pieces: &[Piece], place: Place) {
    let expressions = || {
        pieces.iter().filter_map(|piece| match piece {
            Piece::Expression(expression) => Some(expression),
            Piece::Literal { .. } => None,
        })
    };
    let required = |used: &Used| match used {
        Used::Field { index, .. } => compiler.scope.fields.get(*index).is_some_and(|field| field.required),
        _ => false,
    };
    let claim = compiler.whose;
    let mut errors: Vec<String> = Vec::new();
    let is_of_request = |used: &Used| matches!(used, Used::Field { .. } | Used::RequestId);
    if !expressions().any(|expression| is_of_request(&expression.used)) {
        let field = compiler.scope.fields.iter().find(|field| field.required && !field.broken);
        let sample = field.map_or("NAME", |field| field.name);
        errors.push(format!(
            "all tenants would share this `{claim}`: make it of a required session field, such as ${{session.{sample}}}"
        ));
    }
    for expression in expressions() {
        errors.extend(foreign(expression, required(&expression.used), claim));
    }
    for message in errors {
        compiler.error(place, claim, message);
    }
    doubts(compiler, pieces, expressions(), place);
}

/// What may not be in it.
fn foreign(expression: &Expression, required: bool, claim: &str) -> Vec<String> {
    let stand_ins = expression.filters().iter().filter_map(Filter::stands_in);
    let mut errors: Vec<String> = stand_ins
        .map(|what| {
            format!(
                "{what} in `{claim}`: tenants without a value of their own share it; use a required field alone"
            )
        })
        .collect();
    match &expression.used {
        // Who writes `default` knows that the field may be absent.
        Used::Field { .. } if !errors.is_empty() => {}
        Used::Field { name, .. } if !required => errors.push(format!(
            "`{claim}` uses `session.{name}`, which is not required: tenants without one would share their `{claim}`; \
             use a required field"
        )),
        Used::RequestId => {
            errors.push(format!("`request.id` in `{claim}`: every request would be a new tenant; use a required session field"));
        }
        _ => {}
    }
    errors
}

/// Whether nothing is ever seen of it.
fn is_empty(piece: &Piece) -> bool {
    match piece {
        Piece::Literal { text, .. } => text.is_empty(),
        Piece::Expression(expression) => {
            let constant = expression.constant().and_then(Result::ok).flatten();
            constant.is_some_and(|value| text_of(value).is_empty())
        }
    }
}

/// What makes two tenants one in some cases.
fn doubts<'e>(
    compiler: &mut Compiler<'_, '_>,
    pieces: &[Piece],
    expressions: impl Iterator<Item = &'e Expression>,
    place: Place,
) {
    let claim = compiler.whose;
    let varies = |piece: &Piece| matches!(piece, Piece::Expression(e) if e.constant().is_none());
    let visible: Vec<&Piece> = pieces.iter().filter(|piece| !is_empty(piece)).collect();
    if visible.windows(2).any(|pair| pair.iter().all(|piece| varies(piece))) {
        let message =
            "two expressions without text between them: two tenants may become one (a + bc, ab + c)";
        compiler.warning(place, claim, message);
    }
    for expression in expressions {
        for filter in expression.filters().iter().filter_map(Filter::merges) {
            compiler.warning(place, claim, format!("`{filter}` in `{claim}`: two tenants may become one"));
        }
        let Used::Field { index, .. } = &expression.used else { continue };
        let Some(field) = compiler.scope.fields.get(*index) else { continue };
        let many = match field.kind {
            Kind::Int => "(007 is 7)",
            Kind::Bool => "(yes is true)",
            _ => "",
        };
        if !many.is_empty() {
            let (used, kind) = (&expression.used, field.kind.word());
            let message = format!("`{used}` is of type {kind}: two tenants may become one {many}");
            compiler.warning(place, "sub", message);
        }
        if [field.name, field.source].iter().any(|name| name.to_lowercase().contains("mail")) {
            let why = "when a person's changes, their installs vanish from view";
            compiler.warning(
                place,
                claim,
                format!("`{}` looks like an e-mail address: {why}", expression.used),
            );
        }
    }
}
