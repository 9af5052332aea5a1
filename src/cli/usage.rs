//! Bad usage: clap says what is wrong, and here is added what it cannot know: that a file is named by
//! `--config`, that a command stands before its options, and that a value is the environment's.

use clap::Command;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::ffi::OsString;
use std::path::Path;

/// The error as a person can use it who typed these arguments.
pub(super) fn explained(mut error: clap::Error, cli: &Command, args: &[OsString]) -> clap::Error {
    if let Some(variable) = variable(&error, cli, args) {
        let named = format!("{variable} (in the environment)");
        error.insert(ContextKind::InvalidArg, ContextValue::String(named));
    }
    if let Some(tip) = tip(&error, cli, args) {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![StyledStr::from(tip)]));
    }
    error
}

fn text(error: &clap::Error, kind: ContextKind) -> Option<&str> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text),
        _ => None,
    }
}

/// The environment variable that has the wrong value: clap names its flag, given or not
/// (<https://github.com/clap-rs/clap/issues/5202>).
fn variable(error: &clap::Error, cli: &Command, args: &[OsString]) -> Option<String> {
    if !matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation) {
        return None;
    }
    // Such as `--listen <ADDR>`.
    let flag = text(error, ContextKind::InvalidArg)?.split(' ').next()?;
    let long = flag.strip_prefix("--")?;
    let commands = std::iter::once(cli).chain(cli.get_subcommands());
    let arg = commands.flat_map(Command::get_arguments).find(|arg| arg.get_long() == Some(long))?;
    let given = |typed: &OsString| {
        let rest = typed.to_str().and_then(|typed| typed.strip_prefix(flag));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    };
    if args.iter().any(given) {
        return None;
    }
    arg.get_env().map(|name| name.to_string_lossy().into_owned())
}

/// What would have been right.
fn tip(error: &clap::Error, cli: &Command, args: &[OsString]) -> Option<String> {
    // Anything else is likelier a value that was not quoted.
    let is_file =
        |word: &&str| Path::new(word).extension().is_some_and(|kind| kind == "yaml" || kind == "yml");
    let by_flag = |file: &str| format!("the configuration file is named so: --config {file}");
    match error.kind() {
        ErrorKind::UnknownArgument if takes_config(called(cli, args)) => {
            text(error, ContextKind::InvalidArg).filter(is_file).map(by_flag)
        }
        ErrorKind::InvalidSubcommand => {
            text(error, ContextKind::InvalidSubcommand).filter(is_file).map(by_flag)
        }
        ErrorKind::ArgumentConflict => {
            let command = text(error, ContextKind::InvalidSubcommand)?;
            let option = text(error, ContextKind::PriorArg).unwrap_or("…");
            Some(format!("a command stands before its options: {} {command} {option}", cli.get_name()))
        }
        _ => None,
    }
}

/// The command that these arguments begin.
fn called<'c>(cli: &'c Command, args: &[OsString]) -> &'c Command {
    args.iter().skip(1).find_map(|arg| cli.find_subcommand(arg)).unwrap_or(cli)
}

fn takes_config(command: &Command) -> bool {
    command.get_arguments().any(|arg| arg.get_long() == Some("config"))
}
