//! A line of the log as JSON: time, level, message, whatever is told besides, and where it was told.
//!
//! Written straight into a buffer that the thread keeps. tracing-subscriber's own makes a line by way
//! of a serializer, which took a third of the instructions of a whole request.

use super::clock::rfc3339;
use super::outlet::Outlet;
use std::cell::RefCell;
use std::fmt::{self, Debug, Write as _};
use std::io::Write as _;
use std::time::{Duration, SystemTime};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// Writes each event as a line of JSON.
pub struct JsonLines(pub Outlet);

#[derive(Default)]
struct Scratch {
    line: String,
    /// The second that was written last, and how.
    second: u64,
    written: String,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl<S: Subscriber> Layer<S> for JsonLines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        SCRATCH.with(|scratch| match scratch.try_borrow_mut() {
            Ok(mut scratch) => self.write(event, &mut scratch),
            // What is told has something to tell in its turn.
            Err(_) => self.write(event, &mut Scratch::default()),
        });
    }
}

impl JsonLines {
    fn write(&self, event: &Event<'_>, scratch: &mut Scratch) {
        scratch.line.clear();
        scratch.begin(SystemTime::now(), event.metadata().level().as_str());
        event.record(&mut Members(&mut scratch.line));
        member(&mut scratch.line, "target");
        text(&mut scratch.line, event.metadata().target());
        scratch.line.push_str("}\n");
        // It takes what it is given, or counts it as lost.
        let _ = (&self.0).write_all(scratch.line.as_bytes());
    }
}

impl Scratch {
    fn begin(&mut self, now: SystemTime, level: &str) {
        let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        if self.second != since.as_secs() || self.written.is_empty() {
            (self.second, self.written) = (since.as_secs(), rfc3339(now));
        }
        let Self { line, written, .. } = self;
        // Writing to a `String` cannot fail, here and below.
        let _ = write!(line, r#"{{"timestamp":"{written}.{:06}Z","level":"{level}""#, since.subsec_micros());
    }
}

fn member(line: &mut String, name: &str) {
    line.push_str(",\"");
    line.push_str(name);
    line.push_str("\":");
}

fn text(line: &mut String, text: &str) {
    line.push('"');
    let _ = Escaping(line).write_str(text);
    line.push('"');
}

/// What an event tells, as the members of an object.
struct Members<'l>(&'l mut String);

impl Members<'_> {
    /// Ours are plain words.
    fn plain(&mut self, field: &Field, value: impl fmt::Display) {
        member(self.0, field.name());
        let _ = write!(self.0, "{value}");
    }
}

impl Visit for Members<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        member(self.0, field.name());
        text(self.0, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field, value);
    }

    /// Also for all that only shows itself, such as the message.
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        member(self.0, field.name());
        self.0.push('"');
        let _ = write!(Escaping(self.0), "{value:?}");
        self.0.push('"');
    }
}

/// Writes text as the inside of a JSON string, with no control character of any kind in it: a terminal
/// would obey those, those behind ASCII and those that break lines, too.
struct Escaping<'l>(&'l mut String);

impl fmt::Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let plain = |byte: u8| matches!(byte, 0x20..=0x7E) && byte != b'"' && byte != b'\\';
        if text.bytes().all(plain) {
            self.0.push_str(text);
            return Ok(());
        }
        for c in text.chars() {
            match c {
                '"' => self.0.push_str("\\\""),
                '\\' => self.0.push_str("\\\\"),
                '\n' => self.0.push_str("\\n"),
                c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => {
                    write!(self.0, "\\u{:04x}", u32::from(c))?;
                }
                c => self.0.push(c),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Escaping, JsonLines, Scratch};
    use crate::telemetry::outlet::Outlet;
    use serde_json::{Value, json};
    use std::fmt::Write as _;
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};
    use std::time::{Duration, SystemTime};
    use tracing_subscriber::layer::SubscriberExt as _;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The lines that are written of what is logged.
    fn logged(log: impl FnOnce()) -> Vec<Value> {
        let kept = Kept::default();
        let (outlet, flush) = Outlet::start(kept.clone()).unwrap();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(JsonLines(outlet)), log);
        drop(flush);
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
    }

    #[test]
    fn each_kind_of_value_is_told_as_itself() {
        let lines = logged(|| {
            let (none, some): (Option<&str>, _) = (None, Some("there"));
            tracing::info!(text = "a\"b\\c", count = 7u64, less = -7, yes = true, none, some, "all of {}", 6);
            tracing::warn!(shown = %"x\u{1b}[2J\u{9b}\u{2028}\r\n", kept = ?["é"], "second");
        });
        let mut first = lines[0].clone();
        let time = first["timestamp"].take();
        assert_eq!(time.as_str().unwrap().len(), "2026-01-01T00:00:00.000000Z".len());
        let told = json!({
            "timestamp": null, "level": "INFO", "message": "all of 6", "text": "a\"b\\c", "count": 7, "less": -7,
            "yes": true, "some": "there", "target": module_path!(),
        });
        assert_eq!(first, told);
        assert_eq!(
            (&lines[1]["shown"], &lines[1]["kept"]),
            (&json!("x\u{1b}[2J\u{9b}\u{2028}\r\n"), &json!("[\"é\"]"))
        );
    }

    #[test]
    fn no_terminal_obeys_a_line() {
        let mut line = String::new();
        Escaping(&mut line).write_str("\u{1b}[2J\u{7f}\u{9b}2J\r\n\t\u{85}\u{2028}é").unwrap();
        assert!(!line.chars().any(|c| c.is_control() || c == '\u{2028}'), "{line:?}");
        assert_eq!(
            serde_json::from_str::<String>(&format!("\"{line}\"")).unwrap(),
            "\u{1b}[2J\u{7f}\u{9b}2J\r\n\t\u{85}\u{2028}é"
        );
    }

    #[test]
    fn a_second_is_written_anew_when_it_is_another() {
        let mut scratch = Scratch::default();
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (1_999, "1970-01-01T00:00:01.999000Z"),
            (500, "1970-01-01T00:00:00.500000Z"),
        ] {
            scratch.line.clear();
            scratch.begin(SystemTime::UNIX_EPOCH + Duration::from_millis(millis), "INFO");
            assert_eq!(scratch.line, format!("{{\"timestamp\":\"{text}\",\"level\":\"INFO\""));
        }
    }
}
