//! The configuration as it was checked: nothing in here can be wrong any more.

mod endpoint;
mod pandium;

pub use endpoint::{Endpoint, Listen, Remote, Upstream};
pub use pandium::{
    Account, Address, Choice, Delivery, Integration, Integrations, Kept, Key, Mount, Pandium, Proxied, Target,
};

use crate::fields::Field;
use crate::protected::Protected;
use crate::route::{Pattern, Route};
use crate::token::Life;
use crate::token::verify::Verifier;
use crate::trust::Trust;
use http::HeaderName;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Everything that `serve` needs.
pub struct Config {
    /// The file's name, as it was given.
    pub file: Arc<str>,
    /// `listen`
    pub listen: Vec<Listen>,
    /// `admin`, unless it is off.
    pub admin: Option<Listen>,
    /// `upstream`, where there is one.
    pub upstream: Option<Upstream>,
    /// What decides about requests.
    pub policy: Policy,
    /// `limits`
    pub limits: Limits,
    /// `timeouts`
    pub timeouts: Timeouts,
    /// `shutdown`
    pub shutdown: Shutdown,
    /// `log`
    pub log: Log,
}

/// Everything that a decision needs.
pub struct Policy {
    /// `trust`
    pub trust: Trust,
    /// Which header names carry identity.
    pub protected: Protected,
    /// `session.fields`, in their order.
    pub fields: Vec<Field>,
    /// `session.from`
    pub from: From,
    /// `session.signed_in`
    pub signed_in: Option<SignedIn>,
    /// `session.signed_out`
    pub signed_out: SignedOut,
    /// `pandium`
    pub pandium: Pandium,
    /// `overrides`
    pub overrides: Overrides,
    /// `token`
    pub life: Life,
    /// `routes.install`
    pub install: Install,
    /// All of `routes`.
    pub routes: Vec<Route>,
    /// `integrations`
    pub integrations: Integrations,
    /// What is behind `routes.marketplace`, where that is on.
    pub marketplace: Option<Target>,
    /// `limits.url_bytes`
    pub url_bytes: usize,
}

/// `overrides`: the headers by which a trusted peer says for one request what the file leaves open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `account`
    pub account: Option<HeaderName>,
    /// `integration`, where the path names none.
    pub integration: Option<HeaderName>,
}

/// `session.from`: who says who the visitor is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// A trusted peer, by the headers of the request.
    Headers,
    /// The app, asked by us.
    Probe(Probe),
    /// The app, by its answer to the visitor's own request.
    Handoff,
    /// Whoever signed the token on the request.
    Jwt(Jwt),
}

/// `session.jwt`
#[derive(Clone, Debug)]
pub struct Jwt {
    /// Where the token stands.
    pub carrier: Carrier,
    /// What it has to be.
    pub verifier: Arc<Verifier>,
    /// Where its issuer's keys are fetched, unless they are in a file.
    pub url: Option<JwksUrl>,
}

/// Verifiers hold keys, and are compared by identity alone.
impl PartialEq for Jwt {
    fn eq(&self, other: &Self) -> bool {
        self.carrier == other.carrier && self.url == other.url && Arc::ptr_eq(&self.verifier, &other.verifier)
    }
}

impl Eq for Jwt {}

/// Where on a request a token stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Carrier {
    /// In a header; it is protected on our routes alone.
    Header {
        /// Its name.
        name: HeaderName,
        /// The same, to find its aliases by.
        protected: Protected,
    },
    /// In a cookie.
    Cookie(String),
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header { name, .. } => write!(f, "header {name}"),
            Self::Cookie(name) => write!(f, "cookie {name}"),
        }
    }
}

/// `session.jwt.jwks.url`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwksUrl {
    /// Where it leads.
    pub at: Remote,
    /// The `Host` that is expected there.
    pub host: String,
    /// The path, and the query where there is one.
    pub path: String,
}

/// `session.probe`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Where the question goes, where that is not the app: the place, and the `Host` that it expects.
    pub elsewhere: Option<(Remote, String)>,
    /// The path, and the query where there is one.
    pub path: String,
    /// Whether the visitor's cookies go with it.
    pub cookie: bool,
    /// Whether the visitor's `Authorization` goes with it.
    pub authorization: bool,
    /// How long the whole answer may take.
    pub timeout: Duration,
}

/// `session.signed_in`: a field that tells a visitor from nobody, for apps that call nobody somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// The field's position.
    pub field: usize,
    /// Its values that mean nobody.
    pub not: Vec<String>,
}

/// `session.signed_out`: what a visitor without a session gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignedOut {
    /// 401.
    Refused,
    /// The way to the login.
    Redirect(Vec<LoginPart>),
}

/// A piece of the address of the login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginPart {
    /// As it is written.
    Literal(String),
    /// The path that was asked for, percent-encoded.
    Path,
    /// The same with those query parameters that would be carried over.
    PathAndQuery,
}

/// `routes.install`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Install {
    /// `path`
    pub path: Pattern,
    /// `deliver`, where an integration does not say it for itself.
    pub deliver: Delivery,
    /// `cross_site_iframe`
    pub cross_site_iframe: bool,
}

/// `limits`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `header_bytes`: the most bytes of a request's head.
    pub header_bytes: usize,
    /// `headers`: the most header lines.
    pub headers: usize,
    /// `connections`: the most at one time.
    pub connections: usize,
}

/// `timeouts`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// The request's head.
    pub header: Duration,
    /// Between two pieces of its body.
    pub body: Duration,
    /// Keep-alive.
    pub idle: Duration,
    /// Connecting to the app.
    pub connect: Duration,
    /// The head of the app's answer.
    pub response: Duration,
    /// Between two pieces of the answer.
    pub stall: Duration,
    /// An idle upgrade.
    pub tunnel: Duration,
    /// A TLS handshake.
    pub tls: Duration,
}

/// `shutdown`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shutdown {
    /// How long what is in flight may take.
    pub grace: Duration,
    /// How long to go on accepting after SIGTERM.
    pub delay: Duration,
}

/// `log`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// `json` or `text`; none: text on a terminal.
    pub format: Option<LogFormat>,
    /// The least severe level that is written.
    pub level: tracing::Level,
    /// Whether each request has its line.
    pub access: bool,
}

/// `log.format`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}
