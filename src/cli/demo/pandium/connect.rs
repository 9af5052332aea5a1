//! Signing in at the other side, in a pop-up: there, and back to the one address that is registered
//! there (OAuth's shape, without its secrets).

use super::{Pandium, Trouble};
use crate::cli::demo::catalog::Integration;
use crate::cli::demo::form;
use crate::cli::demo::pages::{self, Answer, Html, Policy, fill};
use http::StatusCode;
use http::request::Parts;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// What the last page of the pop-up may do: tell the page that opened it, and close.
const CLOSING: Policy = Policy { script: include_str!("callback.js"), directives: "form-action 'none'" };

impl Pandium {
    /// Sends somebody to sign in; what is to be connected is remembered under `state`.
    pub(super) fn sign_in(&self, integration: &Integration, head: &Parts) -> Result<Answer, Trouble> {
        let state = self.visits.begin(self.visit(head)?.key(integration));
        let callback = format!("{}/oauth/callback", self.place.own);
        let callback = utf8_percent_encode(&callback, NON_ALPHANUMERIC);
        let at = &self.place.partner;
        Ok(pages::see_other(&format!("{at}/authorize?redirect_uri={callback}&state={state}")))
    }

    /// Somebody comes back. No cookie is asked for: proxied, the session's is another host's.
    pub(super) fn signed_in(&self, head: &Parts) -> Result<Answer, Trouble> {
        let value = |name| form::value(head.uri.query().unwrap_or_default().as_bytes(), name);
        let unknown = || {
            let text = "This sign-in did not begin here, or has ended already.";
            (StatusCode::BAD_REQUEST, "Not connected", text.to_owned())
        };
        let key = value("state").and_then(|state| self.visits.end(&state)).ok_or_else(unknown)?;
        let allowed = value("code").is_some();
        if allowed {
            self.visits.change(&key, |install| install.connected = true);
        }
        let title = if allowed { "Connected" } else { "Not connected" };
        let values = [("title", Html::text(title))];
        Ok(pages::answer(StatusCode::OK, title, fill(include_str!("callback.html"), &values), CLOSING))
    }
}
