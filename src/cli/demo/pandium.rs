//! The stand-in Pandium: it verifies a tenant token as documented, and shows what it understood.
//!
//! Beyond that it needs of a browser what pages of its kind need, so that one sees which delivery
//! leaves what: cookies of its own, assets, an API, a form, a WebSocket, a pop-up that comes back.

mod api;
mod assets;
mod connect;
mod live;
mod page;
mod seen;
mod token;
mod visits;

pub use token::Verify;

use super::catalog::{ACCOUNT, INTEGRATIONS, Integration};
use super::pages::{self, Answer, Policy};
use crate::redact::Secret;
use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use seen::Seen;
use std::fmt;
use std::sync::Arc;
use visits::{Visit, Visits};

/// The most bytes that a posted form may have.
const MAX_FORM: usize = 16 * 1024;

/// What a page may do that has nothing but a message: report its height, wherever it is framed.
const NOTICE: Policy = Policy { script: assets::HEIGHT, directives: "form-action 'none'" };

/// Where a Pandium stands, and whom it knows.
#[derive(Debug)]
pub struct Place {
    /// Its own origin. It knows no other, whoever proxies it.
    pub own: String,
    /// The origin at which people sign in to what they connect.
    pub partner: String,
    /// The origins that its support was told of: their scripts may use its API (CORS).
    pub registered: Vec<String>,
}

/// Pandium.
pub struct Pandium {
    key: Secret,
    verify: Verify,
    place: Place,
    visits: Visits,
    seen: Seen,
}

impl fmt::Debug for Pandium {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pandium")
    }
}

/// Why there is no page: status, headline, explanation.
type Trouble = (StatusCode, &'static str, String);

impl Pandium {
    /// A Pandium that shares this key with the sidecar.
    pub fn new(key: Secret, verify: Verify, place: Place) -> Self {
        Self { key, verify, place, visits: Visits::default(), seen: Seen::default() }
    }

    /// Answers one request.
    pub async fn answer(&self, mut request: Request<Incoming>) -> Answer {
        let socket = live::is_wanted(request.headers()).then(|| hyper::upgrade::on(&mut request));
        let (head, body) = request.into_parts();
        let Ok(body) = Limited::new(body, MAX_FORM).collect().await else {
            return pages::notice(
                StatusCode::PAYLOAD_TOO_LARGE,
                "Too much",
                "That is no form of ours.",
                NOTICE,
            );
        };
        let answer = self.reply(&head, &body.to_bytes());
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS
            && let Some(socket) = socket
        {
            tokio::spawn(live::talk(socket));
        }
        answer
    }

    fn reply(&self, head: &Parts, form: &Bytes) -> Answer {
        self.seen.note(head);
        self.route(head, form)
            .unwrap_or_else(|(status, title, text)| pages::notice(status, title, &text, NOTICE))
    }

    fn route(&self, head: &Parts, form: &Bytes) -> Result<Answer, Trouble> {
        let method = if head.method == Method::HEAD { &Method::GET } else { &head.method };
        let segments: Vec<&str> = head.uri.path().split('/').skip(1).collect();
        match (method, segments.as_slice()) {
            (method, [account, "tenants", "create", id]) => {
                let integration = integration(account, id)?;
                self.install(integration, only(method, &Method::GET).and(Ok(head))?)
            }
            (&Method::GET, [account, "settings", id]) => self.settings(integration(account, id)?, head),
            (&Method::POST, [account, "settings", id]) => self.save(integration(account, id)?, head, form),
            (method, ["api", "installs", id]) => Ok(self.api(method, integration(ACCOUNT, id)?, head)),
            (&Method::GET, ["live", id]) => self.live(integration(ACCOUNT, id)?, head),
            (&Method::GET, ["oauth", "start", id]) => self.sign_in(integration(ACCOUNT, id)?, head),
            (&Method::GET, ["oauth", "callback"]) => self.signed_in(head),
            (&Method::GET, ["assets", name]) => assets::answer(name),
            (&Method::GET, ["seen"]) => Ok(self.seen.answer()),
            _ => Err(lost("Install pages are at /<account>/tenants/create/<id>.".to_owned())),
        }
    }

    /// A token is used once: it becomes a session, and the address that the visitor stays at has none.
    fn install(&self, integration: &Integration, head: &Parts) -> Result<Answer, Trouble> {
        let token = token::tenant(head.uri.query().unwrap_or_default())?;
        let verified = token::verified(&self.verify, &self.key, &token)?;
        let id = self.visits.open(Visit::new(verified));
        let mut answer = pages::see_other(&settings_path(integration));
        visits::set_cookies(answer.headers_mut(), &id, self.place.own.starts_with("https:"));
        Ok(answer)
    }

    fn settings(&self, integration: &Integration, head: &Parts) -> Result<Answer, Trouble> {
        let visit = self.visit(head)?;
        let install = self.visits.install(&visit.key(integration));
        let saved = head.uri.query() == Some("saved");
        Ok(page::settings(&page::Shown {
            integration,
            visit: &visit,
            install,
            saved,
            place: &self.place,
            head,
        }))
    }

    fn save(&self, integration: &Integration, head: &Parts, form: &Bytes) -> Result<Answer, Trouble> {
        let visit = self.visit(head)?;
        // A form of another site's comes with the cookie as well.
        if api::origin(head) != Some(&self.place.own) {
            let text = "The form was sent by a page of another origin, or one that does not say which.";
            return Err((StatusCode::FORBIDDEN, "Not from there", text.to_owned()));
        }
        self.visits.change(&visit.key(integration), |install| install.fill_in(form));
        // In full, as many frameworks write it: whoever proxies has to see to it.
        Ok(pages::see_other(&format!("{}{}?saved", self.place.own, settings_path(integration))))
    }

    fn visit(&self, head: &Parts) -> Result<Arc<Visit>, Trouble> {
        self.visits.of(&head.headers).ok_or_else(|| visits::nobody(&head.headers))
    }
}

fn settings_path(integration: &Integration) -> String {
    format!("/{ACCOUNT}/settings/{}", integration.id)
}

fn only(method: &Method, wanted: &Method) -> Result<(), Trouble> {
    let text = || format!("An install page is asked for with {wanted}.");
    if method == wanted { Ok(()) } else { Err((StatusCode::METHOD_NOT_ALLOWED, "Not like that", text())) }
}

fn lost(text: String) -> Trouble {
    (StatusCode::NOT_FOUND, "Nothing here", text)
}

/// The integration of that id, of the one account.
fn integration(account: &str, id: &str) -> Result<&'static Integration, Trouble> {
    if account != ACCOUNT {
        return Err(lost(format!("The account of this demo is {ACCOUNT}, and no other is known.")));
    }
    let known = INTEGRATIONS.iter().find(|one| one.id == id);
    known.ok_or_else(|| lost(format!("The account {ACCOUNT} has no integration with this id.")))
}

#[cfg(test)]
mod tests;
