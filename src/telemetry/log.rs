//! Logging: one line for each thing worth knowing, none with a value in it.

use super::line::JsonLines;
use super::outlet::{self, Flush, Outlet};
use std::io::{self, IsTerminal};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;

pub use outlet::dropped;

/// The target of every line of ours. The libraries below us log heads and frames with the values in
/// them, so theirs are never written, whatever the level.
const OURS: &str = "pandium_sidecar";

/// The log, which has begun.
pub struct Log {
    /// To say anew what is written.
    pub level: Level,
    /// Writes what is left when it is dropped.
    _flush: Flush,
}

/// The least severe level that is written. It can change while the program runs.
#[derive(Clone)]
pub struct Level(reload::Handle<Targets, Registry>);

impl Level {
    /// From now on.
    pub fn set(&self, level: LevelFilter) {
        // It fails where there is no log any more, and then nobody would read it.
        let _ = self.0.reload(targets(level));
    }
}

fn targets(level: LevelFilter) -> Targets {
    Targets::new().with_target(OURS, level)
}

/// Starts logging to standard output.
pub fn init(level: LevelFilter, json: Option<bool>) -> io::Result<Log> {
    let (outlet, flush) = Outlet::start(outlet::stdout()?)?;
    let json = json.unwrap_or_else(|| !io::stdout().is_terminal());
    let (filter, handle) = reload::Layer::new(targets(level));
    tracing_subscriber::registry().with(layer(outlet, json).with_filter(filter)).init();
    Ok(Log { level: Level(handle), _flush: flush })
}

fn layer<S>(outlet: Outlet, json: bool) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    if json {
        return Box::new(JsonLines(outlet));
    }
    Box::new(tracing_subscriber::fmt::layer().with_writer(outlet).with_ansi(io::stdout().is_terminal()))
}
