//! `init`

use super::out::say;
use crate::slug::Slug;
use clap::{Args, ValueEnum};
use std::fmt::Write as _;

#[derive(Args)]
pub(super) struct InitArgs {
    /// Where the session comes from
    #[arg(long, value_enum, default_value_t = From::Headers)]
    from: From,
    /// Your account's name in Pandium's addresses
    #[arg(long, value_name = "NAME", default_value = "acme", value_parser = slug)]
    account: Slug,
    /// An integration and its number at Pandium; may be given several times
    #[arg(long, value_name = "NAME=ID", value_parser = integration, default_value = "gwt2hs=1121")]
    integration: Vec<(Slug, Slug)>,
}

#[derive(Clone, Copy, ValueEnum)]
enum From {
    /// Request headers that a proxy in front sets
    Headers,
    /// The app, asked by us; its answer has the session headers
    Probe,
    /// The app's answer to the visitor's own request
    Handoff,
    /// A signed token on the request
    Jwt,
}

impl From {
    /// Who says who a visitor is, as the file has it.
    fn session(self) -> &'static str {
        match self {
            Self::Headers => include_str!("init/headers.yaml"),
            Self::Probe => include_str!("init/probe.yaml"),
            Self::Handoff => include_str!("init/handoff.yaml"),
            Self::Jwt => include_str!("init/jwt.yaml"),
        }
    }
}

fn slug(text: &str) -> Result<Slug, String> {
    Slug::parse(text).ok_or_else(|| "1 to 64 characters of letters, digits, `_` and `-`".to_owned())
}

fn integration(text: &str) -> Result<(Slug, Slug), String> {
    let (name, id) = text.split_once('=').ok_or("NAME=ID, such as gwt2hs=1121")?;
    Ok((slug(name)?, slug(id)?))
}

pub(super) fn run(args: &InitArgs) {
    let mut integrations = String::new();
    for (name, id) in &args.integration {
        // Writing to a `String` cannot fail.
        let _ = writeln!(integrations, "  {name}: {{ id: \"{id}\", connector_name: \"{name}\" }}");
    }
    let text = include_str!("init.yaml").replace("@SESSION@\n", args.from.session());
    let text = text.replace("@ACCOUNT@", args.account.as_str());
    say(&text.replace("@INTEGRATIONS@\n", &integrations));
}
