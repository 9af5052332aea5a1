//! `serve`

use super::load::{Wanted, environment, load};
use super::out::complain;
use super::{ConfigArg, FAILED};
use crate::app::{self, StartError};
use crate::config::model::{Listen, LogFormat};
use crate::config::{self, Config, Invalid, Loaded, Options, Seen};
use crate::reload::{self, Reloader};
use crate::telemetry::log::{self, Level};
use clap::Args;
use std::num::NonZeroUsize;

#[derive(Args, Clone)]
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
    let mut loaded = load(&args.config.config, Wanted::Everything, args.listen.as_ref())?;
    args.settle(&mut loaded.config);
    let json = loaded.config.log.format.map(|format| format == LogFormat::Json);
    let log = log::init(loaded.config.log.level.into(), json).map_err(|error| {
        complain(&format!("the log cannot begin: {error}\n"));
        FAILED
    })?;
    app::warn(&loaded.warnings);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let served = runtime
        .map_err(StartError::Runtime)
        .and_then(|runtime| runtime.block_on(serve(args, loaded, log.level.clone())));
    served.map_err(|error| {
        tracing::error!(%error, "cannot serve");
        FAILED
    })
}

async fn serve(args: &ServeArgs, loaded: Loaded, level: Level) -> Result<(), StartError> {
    let stop = app::stop_signal().map_err(StartError::Runtime)?;
    let workers = args.workers.unwrap_or_else(app::default_workers);
    let again = args.clone();
    let reloads = Reloader::start(loaded.files, reload::EVERY, move |served| again.load_again(served));
    let (reloader, coming) = reloads.map_err(StartError::Runtime)?;
    app::reload_signal(move || reloader.now()).map_err(StartError::Runtime)?;
    let running = app::start(loaded.config, workers).await?;
    running.announce();
    running.until(stop, coming, |config| level.set(config.log.level.into())).await;
    Ok(())
}

impl ServeArgs {
    /// Loads what the program serves already once more.
    fn load_again(&self, served: &[Seen]) -> Result<Loaded, Invalid> {
        let options = Options { env: &environment, without_secrets: false, listen: self.listen.as_ref() };
        let mut loaded = config::load_again(&self.config.config, &options, served)?;
        self.settle(&mut loaded.config);
        Ok(loaded)
    }

    /// A flag stands before the file, whatever that comes to say.
    fn settle(&self, config: &mut Config) {
        config.log.level = self.log.unwrap_or(config.log.level);
        config.log.format = self.log_format.or(config.log.format);
    }
}
