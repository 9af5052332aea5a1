//! The stand-in Pandium: it verifies a tenant token as documented, and shows what it understood.

use super::catalog::{ACCOUNT, INTEGRATIONS, Integration};
use super::form;
use super::pages::{self, Answer, Html, Policy, fill};
use crate::redact::Secret;
use crate::token::documented::{Look, deviations};
use http::{Method, Request, StatusCode};
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Verifies a token with a key: its claims, or why it is refused.
pub type Verify = Arc<dyn Fn(&Secret, &str) -> Result<Value, String> + Send + Sync>;

/// What the pages may do: report their height, wherever they are framed.
const POLICY: Policy = Policy { script: include_str!("install.js"), directives: "form-action 'none'" };

/// Pandium.
pub struct Pandium {
    key: Secret,
    verify: Verify,
}

impl fmt::Debug for Pandium {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pandium")
    }
}

/// A token whose signature was found right.
struct Verified {
    header: Vec<u8>,
    claims: Value,
}

/// Why there is no install page: status, headline, explanation.
type Trouble = (StatusCode, &'static str, String);

impl Pandium {
    /// A Pandium that shares this key with the sidecar.
    pub fn new(key: Secret, verify: Verify) -> Self {
        Self { key, verify }
    }

    /// Answers one request.
    pub fn answer<B>(&self, request: &Request<B>) -> Answer {
        self.install(request)
            .unwrap_or_else(|(status, title, text)| pages::notice(status, title, &text, POLICY))
    }

    fn install<B>(&self, request: &Request<B>) -> Result<Answer, Trouble> {
        let integration = place(request.uri().path())?;
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let text = "An install page is asked for with GET.";
            return Err((StatusCode::METHOD_NOT_ALLOWED, "Not like that", text.to_owned()));
        }
        let token = tenant(request.uri().query().unwrap_or_default())?;
        let verified = self.verified(&token)?;
        Ok(page(integration, &verified, now()))
    }

    fn verified(&self, token: &str) -> Result<Verified, Trouble> {
        let claims = (self.verify)(&self.key, token).map_err(|why| {
            (StatusCode::UNAUTHORIZED, "This token is not accepted", format!("Verifying it failed: {why}."))
        })?;
        let header = token.split('.').next().unwrap_or_default();
        let header = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(header).unwrap_or_default();
        Ok(Verified { header, claims })
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// The integration of `/<account>/tenants/create/<id>`.
fn place(path: &str) -> Result<&'static Integration, Trouble> {
    let lost = |text: String| (StatusCode::NOT_FOUND, "Nothing here", text);
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let [account, "tenants", "create", id] = segments.as_slice() else {
        return Err(lost("Install pages are at /<account>/tenants/create/<id>.".to_owned()));
    };
    if *account != ACCOUNT {
        return Err(lost(format!("The account of this demo is {ACCOUNT}, and no other is known.")));
    }
    let known = INTEGRATIONS.iter().find(|one| one.id == *id);
    known.ok_or_else(|| lost(format!("The account {ACCOUNT} has no integration with this id.")))
}

/// The one `tenant` of the query: three segments of base64url.
fn tenant(query: &str) -> Result<String, Trouble> {
    let refused = |title, text: &str| (StatusCode::BAD_REQUEST, title, text.to_owned());
    let mut tokens = form::pairs(query.as_bytes()).filter(|(name, _)| name == "tenant");
    let token = match (tokens.next(), tokens.next()) {
        (Some((_, token)), None) if !token.is_empty() => token,
        (Some(_), Some(_)) => {
            return Err(refused("Two tokens", "The address has more than one parameter named tenant."));
        }
        _ => return Err(refused("No token", "The address has no parameter named tenant, or an empty one.")),
    };
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let segments: Vec<&str> = token.split('.').collect();
    let sound =
        segments.len() == 3 && segments.iter().all(|one| !one.is_empty() && one.bytes().all(is_digit));
    if sound {
        Ok(token)
    } else {
        Err(refused(
            "A broken token",
            "What came is not three segments of base64url with a dot between them.",
        ))
    }
}

/// Where the token is about something else than the address.
fn disagreements(integration: &Integration, claims: &Value) -> Vec<String> {
    let expected = [
        ("/ti/xti/integration_name", "ti.xti.integration_name", integration.name),
        ("/ti/xti/connector_name", "ti.xti.connector_name", integration.connector),
    ];
    let other = |pointer| claims.pointer(pointer).and_then(Value::as_str);
    let differs =
        expected.iter().filter(|(pointer, _, own)| other(*pointer).is_some_and(|text| text != *own));
    differs.map(|(_, name, own)| format!("{name} is not {own}, as this address has it")).collect()
}

fn page(integration: &Integration, verified: &Verified, now: i64) -> Answer {
    let mut found =
        deviations(&verified.header, &verified.claims, Look { on_arrival: true, for_install: true, now });
    found.extend(disagreements(integration, &verified.claims));
    let verdict =
        if found.is_empty() { "Pandium understood this" } else { "Pandium might not understand this" };
    let claims = hidden(verified.claims.clone());
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
        ("verdict", Html::text(verdict)),
        ("checks", checks(&found)),
        ("rows", rows(&claims, now)),
        ("json", Html::text(&serde_json::to_string_pretty(&claims).unwrap_or_default())),
    ];
    let title = format!("Connect {}", integration.title);
    pages::answer(StatusCode::OK, &title, fill(include_str!("install.html"), &values), POLICY)
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

/// A row for each claim, in their order.
fn rows(claims: &Value, now: i64) -> Html {
    let mut leaves = Vec::new();
    flatten("", claims, &mut leaves);
    Html::all(leaves.into_iter().map(|(name, value)| {
        let meaning = if name == "iat" { age(value, now) } else { meaning(&name).to_owned() };
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

fn age(iat: &Value, now: i64) -> String {
    iat.as_i64().map_or_else(String::new, |iat| format!("made {} s ago", now.saturating_sub(iat)))
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

#[cfg(test)]
mod tests;
