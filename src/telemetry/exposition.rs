//! Metrics as text: Prometheus' format 0.0.4, and OpenMetrics 1.0 for whoever prefers it.
//!
//! The two differ in little: where a counter's `_total` belongs, what a constant with labels is
//! called, units, and an end that shows that nothing is missing.

use super::count::Bound;
use std::fmt::{Display, Write as _};

/// What all names begin with.
const OURS: &str = "pandium_sidecar_";

/// How metrics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The text format of Prometheus, version 0.0.4.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// The one that is asked for by these `Accept` headers; in doubt the older, which everybody reads.
    pub fn asked<'a>(accepts: impl Iterator<Item = &'a str>) -> Self {
        let (mut open, mut text) = (0, 0);
        for range in accepts.flat_map(|accept| accept.split(',')) {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default();
            let (mut weight, mut known) = (1000, true);
            for (name, value) in parts.filter_map(|part| part.split_once('=')) {
                match name.trim().to_ascii_lowercase().as_str() {
                    "q" => weight = thousandths(value.trim()),
                    "version" => known = value.trim().trim_matches('"') == "1.0.0",
                    _ => {}
                }
            }
            match kind.to_ascii_lowercase().as_str() {
                "application/openmetrics-text" if known => open = weight.max(open),
                "text/plain" | "text/*" | "*/*" => text = weight.max(text),
                _ => {}
            }
        }
        if open > 0 && open >= text { Self::OpenMetrics } else { Self::Text }
    }

    /// As `Content-Type` says it.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// A weight of RFC 9110 §12.4.2 in thousandths; what cannot be read weighs nothing.
fn thousandths(weight: &str) -> u16 {
    let (whole, rest) = weight.split_once('.').unwrap_or((weight, ""));
    let digits = format!("{whole}{rest:0<3}");
    digits.parse().ok().filter(|thousandths| *thousandths <= 1000).unwrap_or(0)
}

/// What kind of numbers a family has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// They only go up.
    Counter,
    /// They go up and down.
    Gauge,
    /// Always 1; the labels are what counts.
    Info,
    /// How many were how long, in seconds.
    Histogram,
}

/// A text that grows family by family.
pub struct Exposition {
    format: Format,
    text: String,
    /// The family's name, as its samples begin.
    name: &'static str,
    kind: Kind,
}

impl Exposition {
    /// An empty one.
    pub fn new(format: Format) -> Self {
        Self { format, text: String::new(), name: "", kind: Kind::Gauge }
    }

    /// Begins a family. Its name is that of its samples, but for a counter's `_total` and an info's
    /// `_info`, which are added.
    pub fn family(&mut self, name: &'static str, kind: Kind, help: &str) {
        (self.name, self.kind) = (name, kind);
        let kind = match (kind, self.format) {
            (Kind::Counter, _) => "counter",
            (Kind::Histogram, _) => "histogram",
            (Kind::Info, Format::OpenMetrics) => "info",
            (Kind::Gauge | Kind::Info, _) => "gauge",
        };
        // The older format names the samples, the newer what they have in common.
        let suffix = if self.format == Format::Text { self.suffix() } else { "" };
        let _ = writeln!(self.text, "# HELP {OURS}{name}{suffix} {help}");
        let _ = writeln!(self.text, "# TYPE {OURS}{name}{suffix} {kind}");
        if self.kind == Kind::Histogram && self.format == Format::OpenMetrics {
            let _ = writeln!(self.text, "# UNIT {OURS}{name} seconds");
        }
    }

    fn suffix(&self) -> &'static str {
        match self.kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        }
    }

    /// A sample of the family, with these labels, which are in their final form already.
    pub fn sample(&mut self, labels: &str, value: impl Display) {
        self.line(self.suffix(), labels, value);
    }

    fn line(&mut self, suffix: &str, labels: &str, value: impl Display) {
        let braced = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        // Writing to a `String` cannot fail.
        let _ = writeln!(self.text, "{OURS}{}{suffix}{braced} {value}", self.name);
    }

    /// A histogram: what its cells have come to.
    pub fn histogram(&mut self, bounds: &[Bound], cells: &[u64]) {
        let (buckets, nanos) = cells.split_at_checked(bounds.len() + 1).unwrap_or_default();
        let mut count = 0;
        let les = bounds.iter().map(|bound| bound.le).chain(["+Inf"]);
        for (le, bucket) in les.zip(buckets) {
            count += bucket;
            self.line("_bucket", &label("le", le), count);
        }
        let nanos = nanos.first().copied().unwrap_or_default();
        let seconds = format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
        self.line("_sum", "", seconds);
        self.line("_count", "", count);
    }

    /// The whole text.
    pub fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }
}

/// A label in its final form.
pub fn label(name: &str, value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("{name}=\"{value}\"")
}

#[cfg(test)]
mod tests {
    use super::{Exposition, Format, Kind, label};
    use crate::telemetry::count::Bound;

    #[test]
    fn the_newer_format_is_for_whoever_prefers_it() {
        let prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
            application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1";
        for (accept, format) in [
            ("", Format::Text),
            ("*/*", Format::Text),
            ("text/html, */*;q=0.8", Format::Text),
            ("text/plain", Format::Text),
            ("application/openmetrics-text", Format::OpenMetrics),
            ("Application/OpenMetrics-Text; Version=\"1.0.0\"; Q=1.0", Format::OpenMetrics),
            (prometheus, Format::OpenMetrics),
            ("application/openmetrics-text;q=0.3, text/plain;q=0.9", Format::Text),
            ("application/openmetrics-text;q=0.305, text/plain;q=0.3", Format::OpenMetrics),
            ("application/openmetrics-text;q=0", Format::Text),
            ("application/openmetrics-text;q=9", Format::Text),
            ("application/openmetrics-text;version=2.0.0", Format::Text),
        ] {
            assert_eq!(Format::asked([accept].into_iter()), format, "{accept}");
        }
        let two = ["text/plain;q=0.1", "application/openmetrics-text;q=0.2"];
        assert_eq!(Format::asked(two.into_iter()), Format::OpenMetrics);
    }

    #[test]
    fn nothing_in_a_label_ends_it() {
        assert_eq!(label("a", "b\\c\"d\ne"), r#"a="b\\c\"d\ne""#);
    }

    fn written(format: Format) -> String {
        let mut text = Exposition::new(format);
        text.family("mints", Kind::Counter, "Mints.");
        text.sample(&label("integration", "gwt2hs"), 3);
        text.family("config", Kind::Info, "What is served.");
        text.sample(&label("account", "acme"), 1);
        text.family("connections", Kind::Gauge, "Connections.");
        text.sample("", 7);
        text.family("mint_duration_seconds", Kind::Histogram, "How long.");
        text.histogram(&[Bound::at(10, "1e-05"), Bound::at(1000, "0.001")], &[2, 1, 4, 1_000_000_123]);
        text.finish()
    }

    #[test]
    fn the_older_format_names_its_samples() {
        let text = written(Format::Text);
        for line in [
            "# TYPE pandium_sidecar_mints_total counter",
            "pandium_sidecar_mints_total{integration=\"gwt2hs\"} 3",
            "# TYPE pandium_sidecar_config_info gauge",
            "pandium_sidecar_config_info{account=\"acme\"} 1",
            "pandium_sidecar_connections 7",
            "pandium_sidecar_mint_duration_seconds_bucket{le=\"1e-05\"} 2",
            "pandium_sidecar_mint_duration_seconds_bucket{le=\"0.001\"} 3",
            "pandium_sidecar_mint_duration_seconds_bucket{le=\"+Inf\"} 7",
            "pandium_sidecar_mint_duration_seconds_sum 1.000000123",
            "pandium_sidecar_mint_duration_seconds_count 7",
        ] {
            assert!(text.lines().any(|written| written == line), "no {line} in\n{text}");
        }
        assert!(!text.contains("EOF") && !text.contains("UNIT"));
    }

    #[test]
    fn the_newer_format_names_families_units_and_its_end() {
        let text = written(Format::OpenMetrics);
        for line in [
            "# TYPE pandium_sidecar_mints counter",
            "# TYPE pandium_sidecar_config info",
            "# TYPE pandium_sidecar_mint_duration_seconds histogram",
            "# UNIT pandium_sidecar_mint_duration_seconds seconds",
            "pandium_sidecar_mints_total{integration=\"gwt2hs\"} 3",
            "pandium_sidecar_config_info{account=\"acme\"} 1",
        ] {
            assert!(text.lines().any(|written| written == line), "no {line} in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
