//! Who is there: a session for each token, known by a cookie, and what each tenant has set up.

use super::Trouble;
use super::token::Verified;
use crate::cli::demo::catalog::Integration;
use crate::cli::demo::recent::Recent;
use crate::cli::demo::{cookies, form};
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The session: without it there is no page.
pub const SESSION: &str = "pandium_session";
/// One that comes back to pages of the same site alone.
pub const LAX: &str = "pandium_lax";
/// One that a browser keeps for each site that frames the page.
pub const PARTITIONED: &str = "pandium_partitioned";

/// How often something can be synchronised.
pub const SCHEDULES: [&str; 3] = ["hourly", "daily", "weekly"];

/// Somebody who came with a token.
pub struct Visit {
    /// What the token said.
    pub token: Verified,
    /// When it came.
    pub since: Instant,
}

impl Visit {
    /// One that begins now.
    pub fn new(token: Verified) -> Self {
        Self { token, since: Instant::now() }
    }

    /// Under which its install is known: whoever has the same `sub` shares it.
    pub fn key(&self, integration: &Integration) -> Key {
        let sub = self.token.claims.get("sub").and_then(Value::as_str).unwrap_or_default();
        Key(sub.to_owned(), integration.id)
    }
}

/// A tenant, and the id of an integration.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key(String, &'static str);

/// What a tenant has set up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Install {
    /// Whether somebody signed in at the other side.
    pub connected: bool,
    /// Which of `SCHEDULES`.
    pub schedule: usize,
    /// Whether archived work orders are taken along.
    pub archived: bool,
}

impl Install {
    /// Takes over what a form says.
    pub fn fill_in(&mut self, form: &[u8]) {
        let chosen = form::value(form, "schedule");
        let known = SCHEDULES.iter().position(|one| Some(*one) == chosen.as_deref());
        self.schedule = known.unwrap_or(self.schedule);
        self.archived = form::value(form, "archived").is_some();
    }
}

/// All of them.
#[derive(Default)]
pub struct Visits(Mutex<State>);

#[derive(Default)]
struct State {
    visits: Recent<Arc<Visit>>,
    sign_ins: Recent<Key>,
    installs: HashMap<Key, Install>,
}

impl Visits {
    /// Begins a session; the id is the cookie's value.
    pub fn open(&self, visit: Visit) -> String {
        self.state().visits.keep(Arc::new(visit))
    }

    /// Whose request this is.
    pub fn of(&self, headers: &HeaderMap) -> Option<Arc<Visit>> {
        self.state().visits.get(cookies::value(headers, SESSION)?).cloned()
    }

    /// What is set up there.
    pub fn install(&self, key: &Key) -> Install {
        self.state().installs.get(key).copied().unwrap_or_default()
    }

    /// Sets something up.
    pub fn change(&self, key: &Key, change: impl FnOnce(&mut Install)) {
        change(self.state().installs.entry(key.clone()).or_default());
    }

    /// Somebody is sent to sign in elsewhere; the id goes with them, as `state`.
    pub fn begin(&self, key: Key) -> String {
        self.state().sign_ins.keep(key)
    }

    /// Somebody comes back, with that `state`.
    pub fn end(&self, state: &str) -> Option<Key> {
        self.state().sign_ins.take(state)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sets one cookie of each kind.
///
/// `SameSite=None` has to be `Secure`. Over plain HTTP on loopback most browsers take `Secure`
/// cookies, but not all; there the demo's app is of the same site, and `Lax` will do.
pub fn set_cookies(headers: &mut HeaderMap, id: &str, encrypted: bool) {
    let (session, lax) = if encrypted { ("Secure; SameSite=None", "; Secure") } else { ("SameSite=Lax", "") };
    let lines = [
        format!("{SESSION}={id}; Path=/; HttpOnly; {session}"),
        format!("{LAX}=yes; Path=/; SameSite=Lax{lax}"),
        format!("{PARTITIONED}=yes; Path=/; HttpOnly; Secure; SameSite=None; Partitioned"),
    ];
    for line in lines {
        if let Ok(value) = HeaderValue::from_str(&line) {
            headers.append(SET_COOKIE, value);
        }
    }
}

/// There is no session that a cookie names.
pub fn nobody(headers: &HeaderMap) -> Trouble {
    let text = match (cookies::value(headers, SESSION), cookies::value(headers, PARTITIONED)) {
        (Some(_), _) => "The session has ended: open the page anew from the app.",
        (None, Some(_)) => {
            "The browser keeps the cookies of other sites away from a frame, so that Pandium does not know \
             who is there. Only a partitioned one came back. The same page works in a tab of its own, or \
             where it comes through the app’s own site."
        }
        (None, None) => {
            "No cookie came back, so that Pandium does not know who is there. The page works where the \
             browser takes its cookies: in a tab of its own, or where it comes through the app’s own site."
        }
    };
    (StatusCode::UNAUTHORIZED, "Pandium’s cookie did not come back", text.to_owned())
}
