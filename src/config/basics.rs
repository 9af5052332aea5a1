//! The parts of the file that are the same for every visitor: bounds, waits, the log.

use super::leaf::{self, Wrong};
use super::model::{Limits, Log, LogFormat, Shutdown, Timeouts};
use super::reader::{MapReader, Reader};
use super::tree::{Kind, Node, Style};
use crate::place::Place;
use crate::token::Life;
use std::time::Duration;

/// A key's value, or its default where it is not there; `None` where it is wrong.
pub(super) fn or<T>(
    reader: Option<Reader<'_>>,
    default: T,
    leaf: impl FnOnce(&Node) -> Result<T, Wrong>,
) -> Option<T> {
    reader.map_or(Some(default), |reader| reader.read(leaf))
}

/// `limits`, and `limits.url_bytes`, which is a matter of deciding and not of listening.
pub(super) fn limits(reader: Option<Reader<'_>>) -> Option<(Limits, usize)> {
    let map = section(reader)?;
    let get = |key| map.as_ref().and_then(|map| map.get(key));
    let header_bytes = or(get("header_bytes"), 64 << 10, |node| sized(node, 8 << 10, 1 << 20));
    let headers = or(get("headers"), 100, |node| number(node, 10, 1000));
    let url_bytes = or(get("url_bytes"), 8000, |node| sized(node, 500, 64 << 10));
    let connections = or(get("connections"), 10_000, |node| number(node, 1, 1_000_000));
    let limits = Limits { header_bytes: header_bytes?, headers: headers?, connections: connections? };
    Some((limits, url_bytes?))
}

fn number(node: &Node, least: u64, most: u64) -> Result<usize, Wrong> {
    leaf::integer(node, least..=most).map(|number| usize::try_from(number).unwrap_or(usize::MAX))
}

fn sized(node: &Node, least: usize, most: usize) -> Result<usize, Wrong> {
    let size = leaf::size(node)?;
    if (least..=most).contains(&size) {
        return Ok(size);
    }
    Err(format!("a size from {least} to {most} bytes is wanted here").into())
}

/// `timeouts`
pub(super) fn timeouts(reader: Option<Reader<'_>>) -> Option<Timeouts> {
    let map = section(reader)?;
    let get =
        |key, seconds| or(map.as_ref().and_then(|map| map.get(key)), Duration::from_secs(seconds), some_time);
    let (header, body, idle) = (get("header", 10), get("body", 30), get("idle", 75));
    let (connect, response, stall) = (get("connect", 2), get("response", 60), get("stall", 60));
    let (tunnel, tls) = (get("tunnel", 3600), get("tls", 10));
    Some(Timeouts {
        header: header?,
        body: body?,
        idle: idle?,
        connect: connect?,
        response: response?,
        stall: stall?,
        tunnel: tunnel?,
        tls: tls?,
    })
}

/// Every wait has an end, and lasts at all.
pub(super) fn some_time(node: &Node) -> Result<Duration, Wrong> {
    match leaf::duration(node)? {
        Duration::ZERO => Err("no time at all is no time to wait; write at least 1ms".into()),
        time => Ok(time),
    }
}

/// `shutdown`
pub(super) fn shutdown(reader: Option<Reader<'_>>) -> Option<Shutdown> {
    let map = section(reader)?;
    let get = |key| map.as_ref().and_then(|map| map.get(key));
    let grace = or(get("grace"), Duration::from_secs(25), leaf::duration);
    let delay = or(get("delay"), Duration::ZERO, leaf::duration);
    Some(Shutdown { grace: grace?, delay: delay? })
}

/// The words for `log.format`.
pub(super) const FORMATS: [(&str, LogFormat); 2] = [("json", LogFormat::Json), ("text", LogFormat::Text)];

/// The words for `log.level`.
const LEVELS: [(&str, tracing::Level); 5] = [
    ("error", tracing::Level::ERROR),
    ("warn", tracing::Level::WARN),
    ("info", tracing::Level::INFO),
    ("debug", tracing::Level::DEBUG),
    ("trace", tracing::Level::TRACE),
];

/// `log`
pub(super) fn log(reader: Option<Reader<'_>>) -> Option<Log> {
    let map = section(reader)?;
    let get = |key| map.as_ref().and_then(|map| map.get(key));
    let format = or(get("format"), None, |node| leaf::word(node, &FORMATS).map(Some));
    let level = or(get("level"), tracing::Level::INFO, |node| leaf::word(node, &LEVELS));
    let access = or(get("access"), true, leaf::boolean);
    Some(Log { format: format?, level: level?, access: access? })
}

/// `token`
pub(super) fn life(reader: Option<Reader<'_>>) -> Option<Life> {
    let map = section(reader)?;
    let get = |key| map.as_ref().and_then(|map| map.get(key));
    let ttl = or(get("ttl"), None, |node| seconds(node, 1, u64::MAX).map(Some));
    let backdate = or(get("backdate"), Duration::from_secs(5), |node| seconds(node, 0, 60));
    Some(Life { ttl: ttl?, backdate: backdate? })
}

/// A token's times are whole seconds (RFC 7519 §2).
fn seconds(node: &Node, least: u64, most: u64) -> Result<Duration, Wrong> {
    let time = leaf::duration(node)?;
    if time.subsec_nanos() != 0 {
        return Err("a token's times are whole seconds".into());
    }
    match time.as_secs() {
        few if few < least => Err(format!("at least {least}s is wanted here").into()),
        many if many > most => Err(format!("at most {most}s is allowed here").into()),
        _ => Ok(time),
    }
}

/// A part of the file that may be missing as a whole; the outer `None` is one that is no map.
pub(super) fn section(reader: Option<Reader<'_>>) -> Option<Option<MapReader<'_>>> {
    match reader {
        Some(reader) => reader.map().map(Some),
        None => Some(None),
    }
}

/// A log format as a flag gives it: the same words as in the file.
pub fn parse_log_format(text: &str) -> Result<LogFormat, String> {
    let kind = Kind::Text { text: text.to_owned(), style: Style::Quoted };
    leaf::word(&Node { place: Place::default(), kind }, &FORMATS).map_err(|wrong| wrong.message)
}
