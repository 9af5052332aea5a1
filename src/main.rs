//! The program: hands over to `cli`, and is the only place that exits.

use std::process::ExitCode;

/// The system's allocator keeps what idle connections have given back (ARCHITECTURE.md, "Dependencies").
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    pandium_sidecar::cli::run(std::env::args_os())
}
