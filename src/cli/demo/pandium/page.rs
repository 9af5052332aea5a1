//! The page that a visitor stays at: what the token said, the settings, and what the browser lets
//! such a page do.

use super::token::disagreements;
use super::visits::{Install, LAX, PARTITIONED, SCHEDULES, Visit};
use super::{Place, assets};
use crate::cli::demo::catalog::{ACCOUNT, Integration};
use crate::cli::demo::cookies;
use crate::cli::demo::pages::{self, Answer, Html, fill};
use crate::token::documented::{Look, deviations};
use http::request::Parts;
use serde_json::Value;
use std::time::{SystemTime, UNIX_EPOCH};

/// What is shown.
pub struct Shown<'a> {
    /// What is set up.
    pub integration: &'a Integration,
    /// For whom.
    pub visit: &'a Visit,
    /// How.
    pub install: Install,
    /// Whether that was saved just now.
    pub saved: bool,
    /// Where.
    pub place: &'a Place,
    /// Who asks.
    pub head: &'a Parts,
}

/// The page. The token was judged by the time at which it came.
pub fn settings(shown: &Shown<'_>) -> Answer {
    let Shown { integration, visit, install, .. } = shown;
    let came = now() - i64::try_from(visit.since.elapsed().as_secs()).unwrap_or_default();
    let look = Look { on_arrival: true, for_install: true, now: came };
    let mut found = deviations(&visit.token.header, &visit.token.claims, look);
    found.extend(disagreements(integration, &visit.token.claims));
    let verdict =
        if found.is_empty() { "Pandium understood this" } else { "Pandium might not understand this" };
    let claims = hidden(visit.token.claims.clone());
    let text = |pointer| claims.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    let fact = |pointer, none| Html::text(text(pointer).unwrap_or(none));
    let values = [
        ("title", Html::text(integration.title)),
        ("blurb", Html::text(integration.blurb)),
        ("company", fact("/ti/udn", "(no name)")),
        ("sub", Html::text(&format!("known as {}", text("/sub").unwrap_or("nobody")))),
        ("user", fact("/ti/ufn", "(no name)")),
        ("email", fact("/ti/uem", "(no address)")),
        ("integration", fact("/ti/xti/integration_name", "(no name)")),
        ("connector", fact("/ti/xti/connector_name", "(no connector)")),
        ("id", Html::text(integration.id)),
        ("own", Html::text(&shown.place.own)),
        ("connected", Html::text(if install.connected { "yes" } else { "no" })),
        ("saved", Html::text(if shown.saved { "yes" } else { "no" })),
        ("schedules", schedules(*install)),
        ("archived", Html::text(if install.archived { "checked" } else { "" })),
        ("verdict", Html::text(verdict)),
        ("checks", checks(&found)),
        ("browser", browser(shown.head)),
        ("rows", rows(&claims, came)),
        ("json", Html::text(&serde_json::to_string_pretty(&claims).unwrap_or_default())),
    ];
    // The API by its full address is our own origin's, wherever the page is shown.
    let own = &shown.place.own;
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; \
         connect-src 'self' {own}; form-action 'self'; base-uri 'none'"
    );
    let title = format!("Connect {}", integration.title);
    pages::linked(&title, assets::LINKS, fill(include_str!("install.html"), &values), &policy)
}

pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn schedules(install: Install) -> Html {
    Html::all(SCHEDULES.iter().enumerate().map(|(index, name)| {
        let selected = if index == install.schedule { "selected" } else { "" };
        let values = [("name", Html::text(name)), ("selected", Html::text(selected))];
        fill("<option {{selected}}>{{name}}</option>", &values)
    }))
}

/// The claims without `ti.xti.token`, a credential that is never shown.
fn hidden(mut claims: Value) -> Value {
    if let Some(token) = claims.pointer_mut("/ti/xti/token") {
        let length = token.as_str().map_or(0, str::len);
        *token = Value::from(format!("(present, {length} bytes, not shown)"));
    }
    claims
}

fn checks(found: &[String]) -> Html {
    let line = |class, text: &str| {
        fill(include_str!("check.html"), &[("class", Html::text(class)), ("text", Html::text(text))])
    };
    let signed = "The signature fits the shared secret (HS256).";
    let known = format!("The account {ACCOUNT} and the integration are known.");
    let mut lines = vec![line("", signed), line("", &known)];
    if found.is_empty() {
        lines.push(line("", "Header, claims and their types are as Pandium documents them."));
        lines.push(line("", "It was made just now."));
    }
    lines.extend(found.iter().map(|deviation| line("bad", deviation)));
    Html::all(lines)
}

/// What the browser let the page do: for cookies the server knows, the rest its script finds out.
fn browser(head: &Parts) -> Html {
    let came = |name| if cookies::value(&head.headers, name).is_some() { "good" } else { "bad" };
    let lines = [
        ("session", "good", "Cookie of the session"),
        ("lax", came(LAX), "Cookie with SameSite=Lax"),
        ("partitioned", came(PARTITIONED), "Cookie that is Partitioned"),
        ("relative", "wait", "Script and style by relative addresses"),
        ("rooted", "wait", "Script by an address with a leading slash"),
        ("api", "wait", "API by a relative address, with the cookie"),
        ("api-full", "wait", "API by its full address, with the cookie"),
        ("socket", "wait", "WebSocket"),
        ("popup", "wait", "Message from the pop-up"),
    ];
    Html::all(lines.into_iter().map(|(name, state, what)| {
        let text = match state {
            "good" => "came back",
            "bad" => "did not come back",
            _ => "not tried yet",
        };
        let values = [("name", name), ("state", state), ("what", what), ("text", text)];
        fill(include_str!("need.html"), &values.map(|(name, text)| (name, Html::text(text))))
    }))
}

/// A row for each claim, in their order.
fn rows(claims: &Value, came: i64) -> Html {
    let mut leaves = Vec::new();
    flatten("", claims, &mut leaves);
    Html::all(leaves.into_iter().map(|(name, value)| {
        let meaning = if name == "iat" { age(value, came) } else { meaning(&name).to_owned() };
        let shown = match value {
            Value::String(text) if text.is_empty() => "(empty)".to_owned(),
            Value::String(text) => text.clone(),
            Value::Array(items) if items.is_empty() => "(none)".to_owned(),
            Value::Array(items) if items.iter().all(Value::is_string) => {
                items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
            }
            other => other.to_string(),
        };
        let values =
            [("name", Html::text(&name)), ("value", Html::text(&shown)), ("meaning", Html::text(&meaning))];
        fill(include_str!("claim.html"), &values)
    }))
}

fn flatten<'v>(path: &str, value: &'v Value, leaves: &mut Vec<(String, &'v Value)>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                flatten(&path, value, leaves);
            }
        }
        leaf => leaves.push((path.to_owned(), leaf)),
    }
}

fn age(iat: &Value, came: i64) -> String {
    iat.as_i64().map_or_else(String::new, |iat| format!("made {} s before it came", came.saturating_sub(iat)))
}

fn meaning(claim: &str) -> &'static str {
    match claim {
        "jti" => "this token’s own number",
        "sub" => "whose installs these are",
        "ti.udn" => "the company",
        "ti.ufn" => "the user",
        "ti.uem" => "the user’s e-mail",
        "ti.ili" => "installed outside Pandium",
        "ti.aid" => "account id",
        "ti.adn" => "account name",
        "ti.xti.connector_name" | "ti.xti.integration_name" => "required for this page",
        _ => "",
    }
}
