//! The other side of an integration: where somebody signs in and allows Pandium to come in (OAuth's
//! shape, without its secrets). It sends them back to the one address that Pandium registered.

use super::form;
use super::pages::{self, Answer, Html, Policy, fill};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Collected, Limited};
use hyper::body::Incoming;

/// The most bytes that a posted form may have.
const MAX_FORM: usize = 4 * 1024;

/// The partner.
#[derive(Debug)]
pub struct Partner {
    callback: String,
    directives: String,
}

impl Partner {
    /// One with which Pandium, of that origin, is registered.
    pub fn new(pandium: &str) -> Self {
        // A browser holds a form to its policy through redirects, too.
        let directives = format!("form-action 'self' {pandium}; frame-ancestors 'none'");
        Self { callback: format!("{pandium}/oauth/callback"), directives }
    }

    /// Answers one request.
    pub async fn answer(&self, request: Request<Incoming>) -> Answer {
        let (head, body) = request.into_parts();
        let form = match head.method {
            Method::GET => Bytes::from(head.uri.query().unwrap_or_default().to_owned()),
            _ => Limited::new(body, MAX_FORM).collect().await.map(Collected::to_bytes).unwrap_or_default(),
        };
        let policy = Policy { script: "", directives: &self.directives };
        match (head.method, head.uri.path()) {
            (method @ (Method::GET | Method::POST), "/authorize") => self.authorize(&method, &form, policy),
            _ => pages::notice(StatusCode::NOT_FOUND, "No such page", "One signs in at /authorize.", policy),
        }
    }

    fn authorize(&self, method: &Method, form: &[u8], policy: Policy) -> Answer {
        let state = form::value(form, "state").filter(|state| is_plain(state));
        let registered = form::value(form, "redirect_uri").is_some_and(|address| address == self.callback);
        let Some(state) = state.filter(|_| registered) else {
            let text = "Whoever sent you here is not registered with this address.";
            return pages::notice(StatusCode::BAD_REQUEST, "Not from there", text, policy);
        };
        if *method == Method::GET {
            let values = [("callback", Html::text(&self.callback)), ("state", Html::text(&state))];
            let body = fill(include_str!("partner.html"), &values);
            return pages::answer(StatusCode::OK, "Allow Pandium?", body, policy);
        }
        let outcome = match form::value(form, "allow").as_deref() {
            Some("yes") => "code=granted",
            _ => "error=access_denied",
        };
        pages::see_other(&format!("{}?{outcome}&state={state}", self.callback))
    }
}

/// Nothing that would need escaping in an address.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
