//! The person at the terminal: what the commands are, and what they print.

mod check;
pub mod demo;
mod edge;
mod explain;
mod healthcheck;
mod hidden;
mod init;
mod inject;
mod inspect;
mod load;
mod mint;
mod out;
mod rehearsal;
mod schema;
mod serve;
mod test;
mod usage;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// Failed to start or to run.
const FAILED: u8 = 1;
/// The configuration is invalid or missing.
const INVALID: u8 = 2;
/// Bad usage: `EX_USAGE` of sysexits.h.
const USAGE: u8 = 64;

/// Sends the visitors of a web app to Pandium, with a signed tenant token made of their session.
#[derive(Parser)]
#[command(name = "pandium-sidecar", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::ServeArgs,
}

#[derive(Subcommand)]
enum Command {
    /// Serve visitors (what happens without a command, too)
    Serve(serve::ServeArgs),
    /// Read the configuration as `serve` would, and tell what was understood
    Check(check::CheckArgs),
    /// Rehearse: what would a visitor with these headers get?
    Mint(mint::MintArgs),
    /// Play cases against the configuration: who would get which token, and who none?
    Test(test::TestArgs),
    /// Take a token apart: what does it say, is it ours, is it as Pandium documents one?
    Inspect(inspect::InspectArgs),
    /// Print a commented configuration to start from
    Init(init::InitArgs),
    /// Print the JSON Schema of the configuration file, for editors
    Schema,
    /// Ask the running instance whether it is ready: for a container's HEALTHCHECK
    Healthcheck(healthcheck::HealthcheckArgs),
    /// Put the sidecar into Kubernetes manifests
    Inject(inject::InjectArgs),
    /// Try it: a stand-in app, a stand-in Pandium, and the sidecar between them
    Demo(demo::DemoArgs),
}

/// The configuration file, unless told otherwise.
const CONFIG: &str = "config.yaml";

/// Where the configuration is.
#[derive(Args, Clone)]
struct ConfigArg {
    /// The configuration file
    #[arg(
        long,
        value_name = "FILE",
        env = "PANDIUM_SIDECAR_CONFIG",
        hide_env_values = true,
        default_value = CONFIG
    )]
    config: PathBuf,
}

/// Runs the program with these arguments, and says how it ended.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return misused(&usage::explained(error, &Cli::command(), &args)),
    };
    let ended = match cli.command {
        None => serve::run(&cli.serve),
        Some(Command::Serve(args)) => serve::run(&args),
        Some(Command::Check(args)) => check::run(&args),
        Some(Command::Mint(args)) => mint::run(&args),
        Some(Command::Test(args)) => test::run(&args),
        Some(Command::Inspect(args)) => inspect::run(&args),
        Some(Command::Init(args)) => {
            init::run(&args);
            Ok(())
        }
        Some(Command::Schema) => {
            schema::run();
            Ok(())
        }
        Some(Command::Healthcheck(args)) => healthcheck::run(&args),
        Some(Command::Inject(args)) => inject::run(&args),
        Some(Command::Demo(args)) => demo::command(&args),
    };
    ended.map_or_else(ExitCode::from, |()| ExitCode::SUCCESS)
}

fn misused(error: &clap::Error) -> ExitCode {
    // Nothing is left to be done where even this cannot be printed.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::from(USAGE),
    }
}
