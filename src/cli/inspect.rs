//! `inspect`: a token taken apart.

mod signed;
mod token;

use super::hidden::{Hidden, presence};
use super::load::{Wanted, environment, load};
use super::out::{complain, say};
use super::{CONFIG, FAILED};
use crate::config::model::Config;
use crate::config::{self, Options};
use crate::token::Moment;
use crate::token::documented::{Look, deviations};
use crate::value::unwelcome;
use clap::Args;
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use token::Found;

/// More than any address has.
const MOST: u64 = 1 << 20;

#[derive(Args)]
pub(super) struct InspectArgs {
    /// A token, or the address that it stands in; `-` reads it from standard input
    #[arg(value_name = "TOKEN|URL|-")]
    token: String,
    /// The configuration file whose secrets the token is checked with [default: config.yaml, if it is
    /// there]
    #[arg(long, value_name = "FILE", env = "PANDIUM_SIDECAR_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
}

pub(super) fn run(args: &InspectArgs) -> Result<(), u8> {
    let failed = |why: String| {
        complain(&format!("{why}\n"));
        FAILED
    };
    let config = configuration(args.config.as_deref())?;
    let text = given(&args.token).map_err(|error| failed(format!("standard input: {error}")))?;
    let found = Found::read(&text).map_err(failed)?;
    let (report, holds) = report(&found, config.as_ref().map_err(String::as_str));
    say(&report);
    if holds { Ok(()) } else { Err(FAILED) }
}

fn given(token: &str) -> io::Result<String> {
    if token != "-" {
        return Ok(token.to_owned());
    }
    let mut text = String::new();
    io::stdin().take(MOST).read_to_string(&mut text)?;
    Ok(text)
}

/// The configuration, or why there is none. One that was asked for has to be there.
fn configuration(asked: Option<&Path>) -> Result<Result<Config, String>, u8> {
    if let Some(path) = asked {
        return load(path, Wanted::WithoutSecrets, None).map(|loaded| Ok(loaded.config));
    }
    if !Path::new(CONFIG).exists() {
        return Ok(Err(format!("there is no {CONFIG} here, and no --config FILE was given")));
    }
    let options = Options { env: &environment, without_secrets: true, listen: None };
    let loaded = config::load(Path::new(CONFIG), &options);
    Ok(loaded.map(|loaded| loaded.config).map_err(|_| format!("{CONFIG} does not hold; `check` says why")))
}

/// All that can be said of it, and whether it is good.
fn report(found: &Found, config: Result<&Config, &str>) -> (String, bool) {
    let now = i64::try_from(Moment::fresh().now).unwrap_or(i64::MAX);
    let signature = match config {
        Ok(config) => signed::by(&found.token, &config.policy.pandium.accounts),
        Err(why) => Err(format!("not verified: {why}")),
    };
    let for_install =
        found.for_install.unwrap_or_else(|| config.is_ok_and(|it| it.policy.marketplace.is_none()));
    let look = Look { on_arrival: false, for_install, now };
    let mut differences = deviations(&found.header, &found.claims, look);
    differences.extend(found.doubled.then(|| "a name stands twice in the payload".to_owned()));
    let hidden = config.map_or_else(|_| Hidden::always(), |config| Hidden::of(&config.policy));
    let mut claims = found.claims.clone();
    hidden.mask("", &mut claims, &|value| format!("({})", presence(value)));

    let mut text = format!("{}\n{claims:#}\n\n", String::from_utf8_lossy(&found.header));
    let mut line = |name: &str, value: &str| {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "{name:<9} {value}");
    };
    for (name, claim) in [("made", "iat"), ("ends", "exp")] {
        if let Some(moment) = found.claims.get(claim).and_then(Value::as_i64) {
            line(name, &told(moment, now));
        }
    }
    let holds = signature.is_ok() && differences.is_empty();
    line("signed", &signature.unwrap_or_else(|why| why));
    for difference in &differences {
        line("differs", difference);
    }
    if differences.is_empty() {
        line("form", "as Pandium documents it");
    }
    (showable(&text), holds)
}

/// A moment, and how far it is from now.
fn told(moment: i64, now: i64) -> String {
    let seconds = moment.abs_diff(now);
    let far = match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    };
    let words = if moment > now { format!("in {far}") } else { format!("{far} ago") };
    // The format has four digits for a year.
    let since = u64::try_from(moment).ok().filter(|&since| since < 253_402_300_800);
    since.map_or(words.clone(), |since| {
        let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(since);
        format!("{}, {words}", httpdate::fmt_http_date(moment))
    })
}

/// A token is anybody's text: nothing of it may steer a terminal.
fn showable(text: &str) -> String {
    let plain = |c: char| if c != '\n' && unwelcome(c).is_some() { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::{showable, told};

    #[test]
    fn moments_are_told_as_people_think_of_them() {
        let now = 1_700_000_000;
        for (moment, expected) in [
            (now, "Tue, 14 Nov 2023 22:13:20 GMT, 0 s ago"),
            (now + 119, "Tue, 14 Nov 2023 22:15:19 GMT, in 119 s"),
            (now - 120, "Tue, 14 Nov 2023 22:11:20 GMT, 2 min ago"),
            (now - 7200, "Tue, 14 Nov 2023 20:13:20 GMT, 2 h ago"),
            (now - 172_800, "Sun, 12 Nov 2023 22:13:20 GMT, 2 days ago"),
            (-1, "19675 days ago"),
            (i64::MIN, "106751991186976 days ago"),
            (i64::MAX, "in 106751991147624 days"),
            (253_402_300_800, "in 2913221 days"),
        ] {
            assert_eq!(told(moment, now), expected);
        }
    }

    #[test]
    fn nothing_of_a_token_steers_a_terminal() {
        assert_eq!(showable("a\n\x1b[2J\u{202e}\u{9b}ë"), "a\n\u{FFFD}[2J\u{FFFD}\u{FFFD}ë");
    }
}
