//! Logging: one line for each thing worth knowing, none with a value in it.

use http::HeaderValue;
use std::fmt;
use std::io::IsTerminal;
use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use uuid::Uuid;

/// The target of every line of ours. The libraries below us log heads and frames with the values in
/// them, so theirs are never written, whatever the level.
const OURS: &str = "pandium_sidecar";

/// The most lines that wait for a slow reader. Their places are allocated at the start.
const WAITING_LINES: usize = 8192;

/// Starts logging to standard output. Lines are written by a thread of their own: a reader that
/// blocks costs lines and no request. The guard writes what is left when it is dropped.
pub fn init(level: LevelFilter, json: Option<bool>) -> WorkerGuard {
    let (writer, guard) =
        NonBlockingBuilder::default().buffered_lines_limit(WAITING_LINES).finish(std::io::stdout());
    let json = json.unwrap_or_else(|| !std::io::stdout().is_terminal());
    let filter = Targets::new().with_target(OURS, level);
    tracing_subscriber::registry().with(layer(writer, json).with_filter(filter)).init();
    guard
}

fn layer<S>(writer: NonBlocking, json: bool) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    if json {
        Box::new(layer.json().flatten_event(true).with_current_span(false).with_span_list(false))
    } else {
        Box::new(layer.with_ansi(std::io::stdout().is_terminal()))
    }
}

/// The id by which a request is found again in every log. Kept as the header value that it becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// Takes over an id of 1 to 128 characters of `[A-Za-z0-9._-]`.
    pub fn parse(value: &HeaderValue) -> Option<Self> {
        let text = value.as_bytes();
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        ((1..=128).contains(&text.len()) && text.iter().all(plain)).then(|| Self(value.clone()))
    }

    /// A fresh one.
    pub fn fresh() -> Self {
        let mut buffer = Uuid::encode_buffer();
        let text = Uuid::new_v4().hyphenated().encode_lower(&mut buffer);
        // A UUID has nothing in it that no header may hold.
        Self(HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("unknown")))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// As a header's value.
    pub fn to_value(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
