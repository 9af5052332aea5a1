//! `serve`

use super::load::{Wanted, load};
use super::out::complain;
use super::{ConfigArg, FAILED};
use crate::app;
use crate::config::model::{Listen, Log, LogFormat};
use crate::config::{self, Config};
use crate::telemetry::log;
use clap::Args;
use std::num::NonZeroUsize;

#[derive(Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Where to listen, instead of `listen` in the file: `host:port` or `unix:/path`
    #[arg(long, value_name = "ADDR", env = "PANDIUM_SIDECAR_LISTEN", hide_env_values = true, value_parser = config::parse_listen)]
    listen: Option<Listen>,
    /// The least severe level to log, instead of `log.level`
    #[arg(long, value_name = "LEVEL", env = "PANDIUM_SIDECAR_LOG", hide_env_values = true)]
    log: Option<tracing::Level>,
    /// How to log, instead of `log.format`
    #[arg(long, value_name = "F", env = "PANDIUM_SIDECAR_LOG_FORMAT", hide_env_values = true, value_parser = config::parse_log_format)]
    log_format: Option<LogFormat>,
    /// Worker threads [default: the cores, at most 2]
    #[arg(long, value_name = "N", env = "PANDIUM_SIDECAR_WORKERS", hide_env_values = true)]
    workers: Option<NonZeroUsize>,
}

pub(super) fn run(args: &ServeArgs) -> Result<(), u8> {
    let loaded = load(&args.config.config, Wanted::Everything, args.listen.as_ref())?;
    let config = loaded.config;
    let Log { format, level, .. } = config.log;
    let json = args.log_format.or(format).map(|format| format == LogFormat::Json);
    let _log = log::init(args.log.unwrap_or(level).into(), json).map_err(|error| {
        complain(&format!("the log cannot begin: {error}\n"));
        FAILED
    })?;
    for warning in &loaded.warnings {
        tracing::warn!(line = warning.place.line, path = warning.path, "{}", warning.message);
    }
    let workers = args.workers.unwrap_or_else(app::default_workers);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let served = runtime
        .map_err(app::StartError::Runtime)
        .and_then(|runtime| runtime.block_on(serve(config, workers)));
    served.map_err(|error| {
        tracing::error!(%error, "cannot serve");
        FAILED
    })
}

async fn serve(config: Config, workers: NonZeroUsize) -> Result<(), app::StartError> {
    let stop = app::stop_signal().map_err(app::StartError::Runtime)?;
    let running = app::start(config, workers).await?;
    running.announce();
    running.until(stop).await;
    Ok(())
}
