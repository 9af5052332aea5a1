//! The program: hands over to `cli`, and is the only place that exits.

use std::process::ExitCode;

fn main() -> ExitCode {
    pandium_sidecar::cli::run(std::env::args_os())
}
