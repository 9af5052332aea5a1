//! `mint`: a rehearsal through the same doors as a trusted peer's request.

use super::load::{Wanted, load};
use super::out::{complain, say};
use super::{ConfigArg, FAILED, USAGE, explain};
use crate::config::Config;
use crate::config::model::{From, Policy};
use crate::decide::{self, Head, Minting, Screened};
use crate::refusal::{Code, Refusal};
use crate::session;
use crate::session::answer::Answer;
use crate::session::jwt::{Claims, NoClaims};
use crate::strict::{self, Fault};
use crate::token::Moment;
use crate::token::verify::Keys;
use crate::trust::{Peer, TrustedPeer};
use crate::value::Session;
use clap::{Args, ValueEnum};
use http::header::{COOKIE, HOST, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Uri, Version};
use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use uuid::Uuid;

#[derive(Args)]
pub(super) struct MintArgs {
    /// The integration, as in /pandium/install/INTEGRATION; or the whole path of one of our routes, such
    /// as the marketplace's
    integration: String,
    #[command(flatten)]
    config: ConfigArg,
    /// A header that the session is read from: the request's (with `jwt` the one with the token), or
    /// with `probe` and `handoff` the app's answer's; may be given several times
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<OsString>,
    /// The JSON body of the app's answer, with `from: probe`
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// A cookie of the request; may be given several times
    #[arg(long, value_name = "K=V")]
    cookie: Vec<String>,
    /// The clock's reading, in seconds since 1970
    #[arg(long, value_name = "SECONDS")]
    now: Option<u64>,
    /// The token's id
    #[arg(long, value_name = "UUID")]
    jti: Option<Uuid>,
    /// What to print; `claims` and `explain` need no key
    #[arg(long, value_enum, default_value_t = Format::Url)]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Format {
    /// The address that the visitor would be sent to
    Url,
    /// The token alone
    Token,
    /// The claims, as JSON
    Claims,
    /// Each claim, its value, and where it comes from
    Explain,
}

impl Format {
    fn wanted(self) -> Wanted {
        match self {
            Self::Url | Self::Token => Wanted::Everything,
            Self::Claims | Self::Explain => Wanted::WithoutSecrets,
        }
    }
}

pub(super) fn run(args: &MintArgs) -> Result<(), u8> {
    let misused = |message| {
        complain(&format!("{message}\n"));
        USAGE
    };
    let headers = headers(args).map_err(misused)?;
    let body = args.body.as_deref().map(json).transpose().map_err(misused)?;
    let mut loaded = load(&args.config.config, args.format.wanted(), None)?;
    // A token is checked whatever is printed: what it is checked with is wanted after all.
    if matches!(&loaded.config.policy.from, From::Jwt(jwt) if matches!(jwt.verifier.keys, Keys::LeftAlone)) {
        loaded = load(&args.config.config, Wanted::Everything, None)?;
    }
    for warning in &loaded.warnings {
        complain(&format!("{}\n", warning.headline(loaded.source.name())));
    }
    if body.is_some() && !matches!(loaded.config.policy.from, From::Probe(_)) {
        return Err(misused(NO_BODY.to_owned()));
    }
    let mut rehearsal = Rehearsal::new(&loaded.config.policy, headers, body);
    rehearse(args, &loaded.config, &mut rehearsal, loaded.source.name()).map_err(|refusal| {
        explain_refusal(&refusal, loaded.source.name());
        FAILED
    })
}

const NO_BODY: &str = "--body is the app's answer to a probe, and this file has another `session.from`: nothing \
    would be read from it";

fn json(path: &Path) -> Result<serde_json::Value, String> {
    let text = std::fs::read(path).map_err(|error| format!("--body: {error}"))?;
    strict::value(&text).map_err(|fault| match fault {
        Fault::Broken => "--body: this file is no JSON".to_owned(),
        Fault::Twice => "--body: a name stands twice in this file's JSON".to_owned(),
    })
}

/// The request's header lines, as a trusted peer would send them.
fn headers(args: &MintArgs) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    headers.insert(HOST, HeaderValue::from_static("localhost"));
    for line in &args.headers {
        let bytes = line.as_bytes();
        let colon = bytes.iter().position(|&byte| byte == b':').ok_or("-H wants 'Name: value'")?;
        let (name, value) = bytes.split_at(colon);
        let name = HeaderName::from_bytes(name).map_err(|_| "-H: this is no name of a header")?;
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        let value = HeaderValue::from_bytes(value)
            .map_err(|_| format!("-H {name}: no header can have this value"))?;
        headers.append(name, value);
    }
    if !args.cookie.is_empty() {
        let cookies =
            HeaderValue::from_str(&args.cookie.join("; ")).map_err(|_| "--cookie wants name=value")?;
        headers.append(COOKIE, cookies);
    }
    Ok(headers)
}

/// What the session is read from: the request, or the app's answer to it.
struct Rehearsal {
    request: HeaderMap,
    answer: Answer,
}

impl Rehearsal {
    /// With `probe` and `handoff` the answer has the session's headers, and else the request.
    fn new(policy: &Policy, headers: HeaderMap, json: Option<serde_json::Value>) -> Self {
        let mut request = headers.clone();
        if matches!(policy.from, From::Probe(_) | From::Handoff) {
            request = HeaderMap::new();
            let overrides = [&policy.overrides.account, &policy.overrides.integration];
            for name in [HOST, COOKIE].into_iter().chain(overrides.into_iter().flatten().cloned()) {
                request.extend(headers.get(&name).cloned().map(|value| (name, value)));
            }
        }
        Self { request, answer: Answer { headers, json } }
    }

    /// What the token of the request says, with `from: jwt`.
    fn claims(&self, policy: &Policy, now: u64) -> Result<Option<Claims>, Refusal> {
        let From::Jwt(jwt) = &policy.from else { return Ok(None) };
        session::jwt::acquire(jwt, &self.request, now).map(Some).map_err(NoClaims::refusal)
    }

    fn session<'a>(
        &'a self,
        policy: &'a Policy,
        trusted: Option<TrustedPeer>,
        claims: Option<&'a Claims>,
    ) -> Result<Session<'a>, Refusal> {
        match (&policy.from, trusted) {
            (From::Jwt(_), _) => match claims {
                Some(claims) => claims.session(policy, &self.request),
                None => Err(Refusal::new(Code::SignedOut, "there is no token")),
            },
            (From::Headers, Some(trusted)) => session::headers::acquire(policy, &self.request, trusted),
            (From::Headers, None) => Err(Refusal::new(Code::UntrustedPeer, "nobody is trusted")),
            (From::Probe(_) | From::Handoff, _) => self.answer.session(policy, &self.request),
        }
    }
}

fn rehearse(args: &MintArgs, config: &Config, rehearsal: &mut Rehearsal, file: &str) -> Result<(), Refusal> {
    let policy = &config.policy;
    let wanted = args.integration.as_str();
    let whole = wanted.starts_with('/');
    let path = if whole { wanted.to_owned() } else { policy.install.path.path(wanted) };
    let uri: Uri = path.parse().unwrap_or_default();
    let by_header =
        policy.overrides.integration.as_ref().filter(|_| !whole && !policy.install.path.is_named());
    if let Some(name) = by_header
        && let Ok(integration) = HeaderValue::from_str(&args.integration)
    {
        rehearsal.request.insert(name, integration);
    }
    let caller = policy.trust.rehearse(&mut rehearsal.request);
    let caller = caller.unwrap_or(Peer::ip(Ipv4Addr::LOCALHOST.into()).into());
    let headers = &rehearsal.request;
    let head = Head { method: &Method::GET, uri: &uri, version: Version::HTTP_11, headers, caller };
    let ask = match decide::screen(policy, head)? {
        Screened::Install(ask) => ask,
        Screened::Pass(_) => {
            let detail = if whole { "this path is the app's" } else { "this is no integration's name" };
            return Err(Refusal::new(Code::UnknownIntegration, detail));
        }
    };
    let fresh = Moment::fresh();
    let moment = Moment { now: args.now.unwrap_or(fresh.now), jti: args.jti.unwrap_or(fresh.jti) };
    let claims = rehearsal.claims(policy, moment.now)?;
    let session = match rehearsal.session(policy, ask.trusted, claims.as_ref()) {
        Err(refusal) if args.format == Format::Explain => {
            say(&explain::fields(policy, &rehearsal.answer));
            return Err(refusal);
        }
        session => session?,
    };
    let minting = Minting {
        target: ask.target,
        requested: ask.requested,
        account: decide::account(policy, ask, &session)?,
        session: &session,
        query: uri.query(),
        request_id: "rehearsal",
        moment,
    };
    match args.format {
        Format::Url => say(&format!("{}\n", decide::mint(policy, minting)?.expose_address())),
        Format::Token => say(&format!("{}\n", decide::mint(policy, minting)?.expose())),
        Format::Claims => {
            let payload = decide::payload(policy, minting)?;
            say(&format!("{}\n", explain::payload(policy, minting, payload.expose())));
        }
        Format::Explain => {
            say(&explain::claims(policy, minting, file));
            decide::payload(policy, minting)?;
        }
    }
    Ok(())
}

/// The code and why, where a visitor would get the code alone.
fn explain_refusal(refusal: &Refusal, file: &str) {
    let evidence = &refusal.evidence;
    complain(&format!("{}: {}\n", refusal.code, evidence.detail));
    if let (Some(field), Some(source)) = (&evidence.field, &evidence.source) {
        let place = evidence.place.map(|place| format!(" ({file}:{})", place.line)).unwrap_or_default();
        complain(&format!("  session.{field}, from {source}{place}\n"));
    } else if let Some(source) = &evidence.source {
        complain(&format!("  {source}\n"));
    }
}
