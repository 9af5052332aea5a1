//! Planning: what changes in an object whose pods get the sidecar.

use super::budget::{self, Budget};
use super::change::{Change, Path, Where, item};
use super::object::{Object, existing};
use super::sidecar::{self, NAME, VOLUMES};
use super::status::Status;
use super::wish::{LABEL, PORTS, STATUS, Wish};
use crate::config::error::Problem;
use crate::config::tree::{Kind, Node};
use serde_json::{Map, Value, json};

/// What is to be done with an object.
pub(super) enum Plan {
    /// Change it so.
    Change(Vec<Change>),
    /// Leave it, because it has a sidecar that is not ours.
    HasOne,
}

/// Plans the changes of one object. Problems are in the places of its document.
pub(super) fn plan(
    object: &Object<'_>,
    wish: &Wish<'_>,
    budget: &Budget,
    root: &Node,
) -> Result<Plan, Problem> {
    let spec = object.template().and_then(|pod| pod.below(&["spec"]));
    let place = wish.home.as_ref().map(|(_, place)| *place).unwrap_or_default();
    let containers = spec.and_then(|spec| spec.below(&["containers"])).map(Node::items).unwrap_or_default();
    let Some(spec) = spec.filter(|_| !containers.is_empty()) else {
        return Err(Problem::error(
            place,
            "",
            format!("{} has no containers to stand beside", object.title()),
        ));
    };
    let others = spec.below(&["initContainers"]).map(Node::items).unwrap_or_default();
    if containers.iter().chain(others).any(|container| name(container) == NAME) {
        return Ok(Plan::HasOne);
    }
    conflicts(spec, containers.iter().chain(others))?;
    let seconds = budget::pre_stop(budget, spec)?;
    let mut status = Status { empty: empty(object, spec), ..Status::default() };
    let mut changes = Vec::new();
    for (index, container) in containers.iter().enumerate() {
        if seconds > 0 && container.below(&["lifecycle", "preStop"]).is_none() {
            let at = item(&object.at_pod(&["spec", "containers"]), index);
            changes.push(nested(
                root,
                &at,
                &["lifecycle"],
                "preStop",
                sidecar::pre_stop(seconds),
                Where::Last,
            ));
            status.pre_stop.push(name(container).to_owned());
        }
    }
    let pod_spec = object.at_pod(&["spec"]);
    let inits = vec![sidecar::container(wish)];
    changes.push(listed(spec, &pod_spec, "initContainers", inits, Where::Before("containers")));
    changes.push(listed(spec, &pod_spec, "volumes", sidecar::volumes(wish), Where::After("containers")));
    if let Some((home, _)) = &wish.home {
        let (map, place) = (object.at(home), Where::After("pandium-sidecar.io/inject"));
        changes.push(Change::Entry { map, key: STATUS, value: status.written(), place });
    }
    // Behind the annotations, where both end in one line.
    changes.push(nested(
        root,
        &object.at_pod(&[]),
        &["metadata", "labels"],
        LABEL,
        json!("true"),
        Where::Last,
    ));
    Ok(Plan::Change(changes))
}

/// What is there and holds nothing: when the sidecar goes, it stays.
fn empty(object: &Object<'_>, spec: &Node) -> Vec<String> {
    let metadata = object.template().and_then(|pod| pod.below(&["metadata"]));
    let mut found = Vec::new();
    let mut note = |node: Option<&Node>, name: &str| {
        if node.is_some_and(is_empty) {
            found.push(name.to_owned());
        }
    };
    note(metadata, "metadata");
    note(metadata.and_then(|metadata| metadata.below(&["labels"])), "labels");
    note(spec.below(&["initContainers"]), "initContainers");
    note(spec.below(&["volumes"]), "volumes");
    for container in spec.below(&["containers"]).map(Node::items).unwrap_or_default() {
        note(container.below(&["lifecycle"]), &format!("lifecycle/{}", name(container)));
    }
    found
}

fn is_empty(node: &Node) -> bool {
    match &node.kind {
        Kind::Null => true,
        Kind::List(items) => items.is_empty(),
        Kind::Map(entries) => entries.is_empty(),
        _ => false,
    }
}

pub(super) fn name(container: &Node) -> &str {
    container.below(&["name"]).and_then(Node::text).unwrap_or_default()
}

/// What of the app's stands where the sidecar's has to.
fn conflicts<'n>(spec: &Node, containers: impl Iterator<Item = &'n Node>) -> Result<(), Problem> {
    for volume in spec.below(&["volumes"]).map(Node::items).unwrap_or_default() {
        if VOLUMES.contains(&name(volume)) {
            return Err(Problem::error(
                volume.place,
                "",
                format!("the volume {} is the sidecar's", name(volume)),
            ));
        }
    }
    for container in containers {
        for port in container.below(&["ports"]).map(Node::items).unwrap_or_default() {
            let Some(entry) = port.entry("containerPort") else { continue };
            if PORTS.iter().any(|own| entry.value.kind == Kind::Int(own.to_string())) {
                let message = "the sidecar listens at 8710 and 8711, which the app has to leave to it";
                return Err(Problem::error(entry.place, "containerPort", message));
            }
        }
    }
    Ok(())
}

/// New items of a list, which is made where there is none.
fn listed(spec: &Node, path: &Path, key: &'static str, items: Vec<Value>, place: Where) -> Change {
    if spec.entry(key).is_some() {
        return Change::Items { list: super::change::join(path, &[key]), items };
    }
    Change::Entry { map: path.clone(), key, value: Value::Array(items), place }
}

/// A new entry of a map below these keys, which are made where they are not there.
pub(super) fn nested(
    root: &Node,
    path: &Path,
    keys: &[&'static str],
    key: &'static str,
    value: Value,
    place: Where,
) -> Change {
    let whole = super::change::join(path, keys);
    let missing = keys.len() - (existing(root, &whole).saturating_sub(path.len())).min(keys.len());
    let (there, made) = keys.split_at(keys.len() - missing);
    let Some((first, rest)) = made.split_first() else {
        return Change::Entry { map: whole, key, value, place };
    };
    let wrap = |value, key: &str| Value::Object(Map::from_iter([(key.to_owned(), value)]));
    let value = rest.iter().rev().fold(wrap(value, key), |value, key| wrap(value, key));
    let place = if *first == "metadata" { Where::Before("spec") } else { place };
    Change::Entry { map: super::change::join(path, there), key: first, value, place }
}
