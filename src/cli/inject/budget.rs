//! How long a pod takes to end, and whether Kubernetes gives it that long.
//!
//! Kubernetes stops sending visitors to a pod while it ends it, and not before: for some seconds they
//! still come. So the app is held by `preStop.sleep`; the sidecar, which is native, gets its SIGTERM
//! after the app is gone. The time for all of that runs from the beginning.

use super::object::Object;
use super::sidecar::FILE;
use crate::config::error::Problem;
use crate::config::model::Endpoint;
use crate::config::tree::{Kind, Node};
use crate::config::{Outline, outline};
use crate::place::Place;
use std::time::Duration;

/// What Kubernetes gives a pod where it does not say.
const DEFAULT: u64 = 30;
/// What is left for the end itself.
const MARGIN: u64 = 2;
/// How long an app is held, where there is room for it.
const SLEEP: u64 = 5;

/// What the configuration says of the end, and where it was read.
pub(super) struct Budget {
    delay: Duration,
    grace: Duration,
    source: String,
}

impl Budget {
    /// Without a configuration at hand: the defaults.
    fn unread(name: &str) -> Self {
        let source = format!("the default, as the ConfigMap {name} is not among these documents");
        Self { delay: Duration::ZERO, grace: Duration::from_secs(25), source }
    }

    fn seconds(&self) -> u64 {
        let whole = self.delay + self.grace;
        whole.as_secs() + u64::from(whole.subsec_nanos() > 0) + MARGIN
    }
}

/// Reads the `ConfigMap` that a pod asks for, where it is among the documents. What can be seen of the
/// file that would not work in a pod is a problem, too.
pub(super) fn read(objects: &[Object<'_>], name: &str, namespace: &str) -> Result<Budget, (usize, Problem)> {
    let Some(map) = objects.iter().find(|object| object.is_config(name, namespace)) else {
        return Ok(Budget::unread(name));
    };
    let wrong = |place, message| (map.document, Problem::error(place, "", message));
    let data = map.node.entry("data");
    let place = data.map(|data| data.place).unwrap_or_default();
    let Some(file) = data.and_then(|data| data.value.entry(FILE)) else {
        return Err(wrong(place, format!("the ConfigMap {name} has no text under `{FILE}` in its `data`")));
    };
    let text = file.value.text().unwrap_or_default();
    let read = outline(&format!("ConfigMap {name}, {FILE}"), text);
    match read
        .map_err(|invalid| wrong(file.place, format!("this configuration does not hold:\n{invalid}")))?
    {
        None => Ok(Budget::unread(name)),
        Some(outline) => {
            reachable(&outline).map_err(|message| wrong(file.place, message))?;
            let source = format!("in the ConfigMap {name}");
            Ok(Budget { delay: outline.shutdown.delay, grace: outline.shutdown.grace, source })
        }
    }
}

/// Visitors and the kubelet come from outside the pod.
fn reachable(outline: &Outline) -> Result<(), String> {
    let outside = |at: &Endpoint, wanted: u16| {
        matches!(at, Endpoint::Tcp { host, port } if *port == wanted && host != "localhost"
            && !host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback()))
    };
    if !outline.listen.iter().any(|at| outside(at, 8710)) {
        return Err("`listen` has to be `0.0.0.0:8710` in a pod: visitors come from outside it".to_owned());
    }
    if !outline.admin.as_ref().is_some_and(|at| outside(at, 8711)) {
        return Err(
            "`admin` has to be `0.0.0.0:8711` in a pod: the kubelet asks there for its health".to_owned()
        );
    }
    Ok(())
}

/// How many seconds the app is held, which is what room there is; an error, where there is not enough
/// for the sidecar alone.
pub(super) fn pre_stop(budget: &Budget, spec: &Node) -> Result<u64, Problem> {
    const KEY: &str = "terminationGracePeriodSeconds";
    let needed = budget.seconds();
    let (given, place) = match spec.entry(KEY).map(|entry| (&entry.value.kind, entry.place)) {
        Some((Kind::Int(raw), place)) => (raw.parse().unwrap_or(0), place),
        _ => (DEFAULT, spec.entry("containers").map_or(Place::default(), |entry| entry.place)),
    };
    if given >= needed {
        return Ok(SLEEP.min(given - needed));
    }
    let Budget { delay, grace, source } = budget;
    Err(Problem::error(
        place,
        KEY,
        format!(
            "{given} s is too short for the sidecar: shutdown.delay {} s + shutdown.grace {} s ({source}) + {MARGIN} s; \
             write {KEY}: {} or more, or a shorter shutdown.grace",
            delay.as_secs_f64(),
            grace.as_secs_f64(),
            needed + SLEEP
        ),
    ))
}
