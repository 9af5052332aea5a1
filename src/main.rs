//! The program: hands over to `cli`, and is the only place that exits.

use std::process::ExitCode;

/// The system's allocator costs a tenth of a request more, and musl's, in a static binary, far more.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    pandium_sidecar::cli::run(std::env::args_os())
}
