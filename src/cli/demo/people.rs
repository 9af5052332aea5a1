//! The visitors of the demo, and who of them is signed in: the app writes it, the front reads it.

use super::cookies;
use super::recent::Recent;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The app's session cookie.
pub const SESSION: &str = "gantry_session";

/// The longest name that is taken, in characters.
const MAX_NAME: usize = 80;

/// Somebody who can sign in by one click.
#[derive(Debug)]
pub struct Sample {
    /// The person's name.
    pub name: &'static str,
    /// The company's name.
    pub company: &'static str,
    /// The person's e-mail address.
    pub email: &'static str,
    /// The company's id in the app.
    pub account: &'static str,
    /// What the company has installed outside Pandium, separated by commas.
    pub installed: &'static str,
}

impl Sample {
    const fn northwind(name: &'static str, email: &'static str) -> Self {
        Self { name, company: "Northwind GmbH", email, account: "42", installed: "" }
    }

    const fn harbor(name: &'static str, email: &'static str) -> Self {
        Self { name, company: "Bright Harbor Ltd", email, account: "77", installed: "crm-export,mailer" }
    }

    /// The person who signs in by that click.
    pub fn person(&self) -> Option<Person> {
        Person::new(self.name, self.company, self.email, self.account, self.installed)
    }
}

/// The people of two customer companies.
pub static SAMPLES: [Sample; 4] = [
    Sample::northwind("Zoë Müller", "zoe@northwind.example"),
    Sample::northwind("Jonas Weber", "jonas@northwind.example"),
    Sample::harbor("Grace Okafor", "grace@harbor.example"),
    Sample::harbor("Łukasz Nowak", "lukasz@harbor.example"),
];

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub struct Person {
    /// The person's name.
    pub name: String,
    /// The company's name.
    pub company: String,
    /// The session headers, made at sign-in, so that none can fail to be made later.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Person {
    /// Somebody who typed both names, of the company whose id is `account`.
    pub fn typed(name: &str, company: &str, account: &str) -> Option<Self> {
        let email = format!("{}@{}.example", letters(name, '.'), letters(company, '-'));
        Self::new(name, company, &email, account, "")
    }

    /// `None` where a name cannot be in a header.
    fn new(name: &str, company: &str, email: &str, account: &str, installed: &str) -> Option<Self> {
        let (name, company) = (acceptable(name)?, acceptable(company)?);
        let facts = [
            (HeaderName::from_static("x-account-id"), account),
            (HeaderName::from_static("x-account-name"), company),
            (HeaderName::from_static("x-user-name"), name),
            (HeaderName::from_static("x-user-email"), email),
            (HeaderName::from_static("x-installed"), installed),
        ];
        let headers = facts.into_iter().filter(|(_, value)| !value.is_empty());
        // As bytes: a name is UTF-8, as nginx would send it on.
        let headers =
            headers.map(|(name, value)| Some((name, HeaderValue::from_bytes(value.as_bytes()).ok()?)));
        let headers = headers.collect::<Option<_>>()?;
        Some(Self { name: name.to_owned(), company: company.to_owned(), headers })
    }
}

fn acceptable(name: &str) -> Option<&str> {
    let name = name.trim();
    let length = name.chars().count();
    ((1..=MAX_NAME).contains(&length) && !name.chars().any(char::is_control)).then_some(name)
}

/// The ASCII letters and digits of a name in lower case, its words joined.
fn letters(name: &str, joint: char) -> String {
    let words = name.split_whitespace().map(|word| {
        word.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect::<String>()
    });
    let words: Vec<String> = words.filter(|word| !word.is_empty()).collect();
    if words.is_empty() { "somebody".to_owned() } else { words.join(&joint.to_string()) }
}

/// Who is signed in.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    people: Recent<Person>,
    companies: Vec<String>,
}

impl Sessions {
    /// Signs somebody in; the id is the cookie's value.
    pub fn open(&self, person: Person) -> String {
        self.state().people.keep(person)
    }

    /// Ends the session of this request, if it has one.
    pub fn close(&self, headers: &HeaderMap) {
        if let Some(id) = cookies::value(headers, SESSION) {
            self.state().people.take(id);
        }
    }

    /// Who sent this request.
    pub fn of(&self, headers: &HeaderMap) -> Option<Person> {
        self.state().people.get(cookies::value(headers, SESSION)?).cloned()
    }

    /// The id of a company that somebody typed: the known one's, or a new one for a new name.
    pub fn account(&self, company: &str) -> String {
        let company = company.trim();
        if let Some(known) = SAMPLES.iter().find(|sample| sample.company == company) {
            return known.account.to_owned();
        }
        let mut state = self.state();
        let known = state.companies.iter().position(|one| one == company);
        let index = known.unwrap_or_else(|| {
            state.companies.push(company.to_owned());
            state.companies.len() - 1
        });
        (1001 + index).to_string()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Person, SAMPLES, SESSION, Sessions};
    use http::{HeaderMap, HeaderValue, header::COOKIE};

    fn with(cookie: &str) -> HeaderMap {
        HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(cookie).unwrap())])
    }

    fn somebody() -> Person {
        Person::typed("Zoë Müller", "Northwind GmbH", "42").unwrap()
    }

    fn email(person: &Person) -> &str {
        person.headers.iter().find(|(name, _)| name == "x-user-email").unwrap().1.to_str().unwrap()
    }

    #[test]
    fn session_headers_are_utf8_and_an_empty_one_is_left_out() {
        let person = somebody();
        let names: Vec<_> = person.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["x-account-id", "x-account-name", "x-user-name", "x-user-email"]);
        assert_eq!(person.headers.get(2).unwrap().1.as_bytes(), "Zoë Müller".as_bytes());
        assert_eq!(email(&person), "zo.mller@northwind-gmbh.example");
    }

    #[test]
    fn names_that_no_header_can_hold_are_refused() {
        for name in ["", "  ", "a\nb", "a\0", "\u{7F}", &"x".repeat(81)] {
            assert!(Person::typed(name, "Company", "1").is_none(), "{name:?}");
            assert!(Person::typed("Name", name, "1").is_none(), "{name:?}");
        }
        assert_eq!(email(&Person::typed("木", "株", "1").unwrap()), "somebody@somebody.example");
        assert!(SAMPLES.iter().all(|sample| sample.person().is_some()));
    }

    #[test]
    fn a_session_lasts_from_sign_in_to_sign_out() {
        let sessions = Sessions::default();
        let headers = with(&format!("other=1; {SESSION}={}", sessions.open(somebody())));
        assert_eq!(sessions.of(&headers).unwrap().name, "Zoë Müller");
        assert!(sessions.of(&with(&format!("{SESSION}=guess"))).is_none());
        assert!(sessions.of(&HeaderMap::new()).is_none());
        sessions.close(&headers);
        assert!(sessions.of(&headers).is_none());
    }

    #[test]
    fn a_company_keeps_its_id() {
        let sessions = Sessions::default();
        let ids = ["Bright Harbor Ltd", "New", "Newer", " New "].map(|name| sessions.account(name));
        assert_eq!(ids, ["77", "1001", "1002", "1001"]);
    }
}
