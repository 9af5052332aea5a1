//! The stand-in app: a login, a session cookie, a settings page. It knows nothing of tokens.

use super::catalog::{self, INTEGRATIONS, Integration};
use super::form;
use super::pages::{self, Answer, Html, Policy, fill};
use super::people::{Person, SAMPLES, SESSION, Sample, Sessions};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use std::sync::Arc;

/// The most bytes that a posted form may have.
const MAX_FORM: usize = 16 * 1024;

/// What a page of the app may do: post to the app, and be in no frame.
const CLOSED: Policy = Policy { script: "", directives: "form-action 'self'; frame-ancestors 'none'" };

/// The app.
#[derive(Debug)]
pub struct App {
    sessions: Arc<Sessions>,
    frame: Frame,
}

/// Pandium's page within the app's.
#[derive(Debug)]
pub struct Frame {
    /// The origin from which it sends its messages.
    pub origin: String,
    /// How it comes there, in words.
    pub delivery: String,
    /// The name below which the app's session counts, where the sidecar is asked at another host, too.
    pub domain: Option<String>,
}

impl App {
    /// An app whose visitors' sessions are `sessions`.
    pub fn new(sessions: Arc<Sessions>, frame: Frame) -> Self {
        Self { sessions, frame }
    }

    /// Answers one request.
    pub async fn answer(&self, request: Request<Incoming>) -> Answer {
        let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
        match (method, request.uri().path()) {
            (&Method::GET, "/") => self.home(&request),
            (&Method::GET, "/login") => login("", StatusCode::OK),
            (&Method::POST, "/login") => self.sign_in(request).await,
            (&Method::GET | &Method::POST, "/logout") => self.sign_out(request.headers()),
            (_, "/headers") => self.seen(&request),
            (_, "/" | "/login" | "/logout") => {
                let text = "This page is not for that method.";
                pages::notice(StatusCode::METHOD_NOT_ALLOWED, "Not like that", text, CLOSED)
            }
            _ => pages::notice(StatusCode::NOT_FOUND, "No such page", "Gantry has no page here.", CLOSED),
        }
    }

    async fn sign_in(&self, request: Request<Incoming>) -> Answer {
        let Ok(body) = Limited::new(request.into_body(), MAX_FORM).collect().await else {
            return login("That form could not be read.", StatusCode::BAD_REQUEST);
        };
        let Some(person) = self.person(&body.to_bytes()) else {
            let text = "A name and a company, please: at most 80 characters each, on one line.";
            return login(text, StatusCode::BAD_REQUEST);
        };
        let cookie = format!("{SESSION}={}{}", self.sessions.open(person), self.attributes());
        with_cookie(pages::see_other("/"), &cookie)
    }

    fn person(&self, body: &Bytes) -> Option<Person> {
        if let Some(index) = form::value(body, "person") {
            return SAMPLES.get(index.parse::<usize>().ok()?)?.person();
        }
        let (name, company) = (form::value(body, "name")?, form::value(body, "company")?);
        // First the person, so that a refused name uses up no id.
        Person::typed(&name, &company, "")?;
        Person::typed(&name, &company, &self.sessions.account(&company))
    }

    fn sign_out(&self, headers: &HeaderMap) -> Answer {
        self.sessions.close(headers);
        let cookie = format!("{SESSION}={}; Max-Age=0", self.attributes());
        with_cookie(pages::see_other("/login"), &cookie)
    }

    fn attributes(&self) -> String {
        let domain = self.frame.domain.as_ref().map(|name| format!("; Domain={name}")).unwrap_or_default();
        format!("; Path=/; HttpOnly; SameSite=Lax{domain}")
    }

    fn home(&self, request: &Request<Incoming>) -> Answer {
        let Some(person) = self.sessions.of(request.headers()) else {
            return pages::see_other("/login");
        };
        let query = request.uri().query().unwrap_or_default();
        let shown = catalog::chosen(form::value(query.as_bytes(), "integration").as_deref());
        let values = [
            ("bar", bar(Some(&person), "/")),
            ("company", Html::text(&person.company)),
            ("tiles", Html::all(INTEGRATIONS.iter().map(|one| tile(one, shown.name)))),
            ("title", Html::text(shown.title)),
            ("integration", Html::text(shown.name)),
            ("origin", Html::text(&self.frame.origin)),
            ("delivery", Html::text(&self.frame.delivery)),
        ];
        // A frame that is redirected must be allowed to be where it ends, too.
        let directives = format!("frame-src 'self' {}; {}", self.frame.origin, CLOSED.directives);
        let policy = Policy { script: include_str!("home.js"), directives: &directives };
        pages::answer(StatusCode::OK, "Integrations", fill(include_str!("home.html"), &values), policy)
    }

    fn seen(&self, request: &Request<Incoming>) -> Answer {
        let rows = request.headers().iter().map(|(name, value)| {
            let shown = [("name", Html::text(name.as_str())), ("value", shown(name.as_str(), value))];
            fill(include_str!("row.html"), &shown)
        });
        let address = format!("{} {}", request.method(), request.uri().path());
        let values = [
            ("bar", bar(self.sessions.of(request.headers()).as_ref(), "/headers")),
            ("address", Html::text(&address)),
            ("rows", Html::all(rows)),
        ];
        pages::answer(StatusCode::OK, "What the app saw", fill(include_str!("seen.html"), &values), CLOSED)
    }
}

/// The value where it says nothing about anybody, else its size.
fn shown(name: &str, value: &HeaderValue) -> Html {
    const HARMLESS: [&str; 8] = [
        "accept",
        "accept-encoding",
        "accept-language",
        "content-type",
        "host",
        "user-agent",
        "x-forwarded-host",
        "x-forwarded-proto",
    ];
    if HARMLESS.contains(&name) || name == CONTENT_LENGTH {
        return Html::text(&String::from_utf8_lossy(value.as_bytes()));
    }
    Html::text(&format!("present, {} bytes", value.len()))
}

fn with_cookie(mut answer: Answer, cookie: &str) -> Answer {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        answer.headers_mut().insert(SET_COOKIE, value);
    }
    answer
}

fn login(alert: &'static str, status: StatusCode) -> Answer {
    let alert = match alert {
        "" => Html::default(),
        text => fill("<p class=\"alert\" role=\"alert\">{{text}}</p>", &[("text", Html::text(text))]),
    };
    let companies = SAMPLES.chunk_by(|a, b| a.account == b.account).scan(0, |index, people| {
        let buttons = people.iter().map(|sample| {
            *index += 1;
            button(sample, *index - 1)
        });
        let company = people.first().map_or("", |sample| sample.company);
        let values = [("buttons", Html::all(buttons)), ("company", Html::text(company))];
        Some(fill(include_str!("company.html"), &values))
    });
    let values = [("alert", alert), ("people", Html::all(companies))];
    pages::answer(status, "Sign in to Gantry", fill(include_str!("login.html"), &values), CLOSED)
}

fn button(sample: &Sample, index: usize) -> Html {
    let initials: String = sample.name.split(' ').filter_map(|word| word.chars().next()).collect();
    let values = [
        ("index", Html::text(&index.to_string())),
        ("initials", Html::text(&initials)),
        ("name", Html::text(sample.name)),
        ("email", Html::text(sample.email)),
    ];
    fill(include_str!("person.html"), &values)
}

fn bar(person: Option<&Person>, path: &str) -> Html {
    let here = |own: &str| Html::text(if own == path { "here" } else { "" });
    let who = person.map(|person| {
        let values = [("name", Html::text(&person.name)), ("company", Html::text(&person.company))];
        fill(include_str!("who.html"), &values)
    });
    let values = [("home", here("/")), ("seen", here("/headers")), ("who", who.unwrap_or_default())];
    fill(include_str!("bar.html"), &values)
}

fn tile(one: &Integration, shown: &str) -> Html {
    let values = [
        ("here", Html::text(if one.name == shown { "here" } else { "" })),
        ("title", Html::text(one.title)),
        ("blurb", Html::text(one.blurb)),
        ("name", Html::text(one.name)),
    ];
    fill(include_str!("tile.html"), &values)
}
