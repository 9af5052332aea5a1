//! The annotation that `inject` leaves, so that `--uninject` finds the way back.

use serde_json::{Map, Value, json};

/// What cannot be seen afterwards.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Status {
    /// The containers that were given a `preStop`.
    pub pre_stop: Vec<String>,
    /// What was there and held nothing.
    pub empty: Vec<String>,
    /// What the ports of a Service, by their numbers, led to before; null where they did not say.
    pub target_ports: Map<String, Value>,
}

impl Status {
    /// As it stands in the annotation.
    pub fn written(&self) -> Value {
        let mut status = Map::from_iter([("version".to_owned(), json!(env!("CARGO_PKG_VERSION")))]);
        for (key, names) in [("preStop", &self.pre_stop), ("empty", &self.empty)] {
            if !names.is_empty() {
                status.insert(key.to_owned(), json!(names));
            }
        }
        if !self.target_ports.is_empty() {
            status.insert("targetPort".to_owned(), Value::Object(self.target_ports.clone()));
        }
        Value::String(Value::Object(status).to_string())
    }

    /// Reads the annotation.
    pub fn parse(text: &str) -> Option<Self> {
        let Value::Object(status) = serde_json::from_str(text).ok()? else { return None };
        status.get("version")?;
        let names = |key: &str| match status.get(key) {
            Some(names) => serde_json::from_value(names.clone()).ok(),
            None => Some(Vec::new()),
        };
        let mut read = Self { pre_stop: names("preStop")?, empty: names("empty")?, ..Self::default() };
        if let Some(ports) = status.get("targetPort") {
            read.target_ports.clone_from(ports.as_object()?);
        }
        Some(read)
    }
}
