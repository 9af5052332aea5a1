//! The API that the page's script calls: with cookies, and from origins that are registered (CORS).

use super::{Pandium, visits::SCHEDULES};
use crate::cli::demo::catalog::Integration;
use crate::cli::demo::pages::{self, Answer};
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::json;

/// What scripts may do here.
const METHODS: &str = "GET, DELETE";

impl Pandium {
    /// `/api/installs/<id>`: how it is set up; or, with `DELETE`, that it is connected no longer.
    pub(super) fn api(&self, method: &Method, integration: &Integration, head: &Parts) -> Answer {
        let mut answer = match (method, self.visits.of(&head.headers)) {
            (&Method::OPTIONS, _) => with_status(Answer::default(), StatusCode::NO_CONTENT),
            (&Method::GET | &Method::DELETE, Some(visit)) => {
                let key = visit.key(integration);
                if *method == Method::DELETE {
                    self.visits.change(&key, |install| install.connected = false);
                }
                let install = self.visits.install(&key);
                let schedule = SCHEDULES.get(install.schedule);
                pages::json(
                    &json!({ "connected": install.connected, "schedule": schedule, "archived": install.archived }),
                )
            }
            (&Method::GET | &Method::DELETE, None) => {
                with_status(pages::json(&json!({ "error": "no session" })), StatusCode::UNAUTHORIZED)
            }
            _ => {
                with_status(pages::json(&json!({ "error": "not like that" })), StatusCode::METHOD_NOT_ALLOWED)
            }
        };
        self.share(head, answer.headers_mut());
        answer
    }

    /// Tells the browser whose scripts may read an answer.
    fn share(&self, head: &Parts, headers: &mut HeaderMap) {
        headers.insert(VARY, HeaderValue::from_static("Origin"));
        if self.knows(origin(head))
            && let Some(origin) = head.headers.get(ORIGIN)
        {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
        }
    }

    /// Whether it is our own origin, or one that is registered.
    pub(super) fn knows(&self, origin: Option<&str>) -> bool {
        origin.is_some_and(|origin| {
            self.place.own == origin || self.place.registered.iter().any(|known| known == origin)
        })
    }
}

/// Whose script, or form, it was.
pub fn origin(head: &Parts) -> Option<&str> {
    head.headers.get(ORIGIN)?.to_str().ok()
}

fn with_status(mut answer: Answer, status: StatusCode) -> Answer {
    *answer.status_mut() = status;
    answer
}
