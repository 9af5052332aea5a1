//! `mint`: a rehearsal through the same doors as a trusted peer's request.

use super::load::{Wanted, load};
use super::out::{complain, say};
use super::rehearsal::{Stopped, Visit, told};
use super::{ConfigArg, FAILED, USAGE, explain};
use crate::config::model::{From, Policy};
use crate::decide::{self, Minting};
use crate::refusal::Refusal;
use crate::strict::{self, Fault};
use crate::token::Moment;
use crate::token::verify::Keys;
use clap::{Args, ValueEnum};
use http::header::{COOKIE, HOST, HeaderMap, HeaderName, HeaderValue};
use std::ffi::OsString;
use std::fmt;
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
    let policy = &loaded.config.policy;
    let mut visit = Visit::new(policy, &args.integration, headers);
    visit.answer.json = body;
    rehearse(args, policy, &mut visit, loaded.source.name()).map_err(|refusal| {
        complain(&told(&refusal, loaded.source.name()));
        FAILED
    })
}

const NO_BODY: &str = "--body is the app's answer to a probe, and this file has another `session.from`: nothing \
    would be read from it";

fn json(path: &Path) -> Result<serde_json::Value, String> {
    let named = |wrong: &dyn fmt::Display| format!("--body {}: {wrong}", path.display());
    let text = std::fs::read(path).map_err(|error| named(&error))?;
    strict::value(&text).map_err(|fault| match fault {
        Fault::Broken => named(&"this file is no JSON"),
        Fault::Twice => named(&"a name stands twice in this file's JSON"),
    })
}

/// The request's header lines, as a trusted peer would send them.
fn headers(args: &MintArgs) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    headers.insert(HOST, HeaderValue::from_static("localhost"));
    for (at, line) in args.headers.iter().enumerate() {
        // Which one it is, and not what it says: that may be a value.
        let about = |what: &str| match args.headers.len() {
            1 => format!("-H: {what}"),
            count => format!("-H, number {} of {count}: {what}", at + 1),
        };
        let bytes = line.as_bytes();
        let colon = bytes.iter().position(|&byte| byte == b':');
        let colon = colon.ok_or_else(|| about("'Name: value' is wanted, and there is no `:`"))?;
        let (name, value) = bytes.split_at(colon);
        let name = HeaderName::from_bytes(name)
            .map_err(|_| about("what stands before the `:` is no name of a header"))?;
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

fn rehearse(args: &MintArgs, policy: &Policy, visit: &mut Visit<'_>, file: &str) -> Result<(), Refusal> {
    let fresh = Moment::fresh();
    let moment = Moment { now: args.now.unwrap_or(fresh.now), jti: args.jti.unwrap_or(fresh.jti) };
    let played = visit.play(policy, moment, |minting| print(args.format, policy, minting, file));
    played.map_err(|Stopped { refusal, by_session }| {
        if by_session && args.format == Format::Explain {
            say(&explain::fields(policy, &visit.answer));
        }
        refusal
    })
}

fn print(format: Format, policy: &Policy, minting: Minting<'_>, file: &str) -> Result<(), Refusal> {
    match format {
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
