//! The way back: what was injected goes, and nothing else.

use super::change::{Change, Path, Step, find, item, join};
use super::object::Object;
use super::pod::name;
use super::service::number;
use super::sidecar::{NAME, VOLUMES};
use super::status::Status;
use super::wish::{LABEL, STATUS};
use crate::config::tree::{Kind, Node};
use serde_json::Value;

/// Plans how an object loses what its status tells of. Removals come last to first.
pub(super) fn plan(object: &Object<'_>, status: &Status, home: &[&str], root: &Node) -> Vec<Change> {
    let was_empty = |name: &str| status.empty.iter().any(|empty| empty == name);
    let mut changes = restored(object, status);
    let mut remove = |path: Path, keeps: usize| {
        if find(root, &path).is_some() {
            changes.push(Change::Remove { at: widened(root, path, keeps) });
        }
    };
    let spec = object.at_pod(&["spec"]);
    let containers = join(&spec, &["containers"]);
    if object.pod().is_some() {
        let volumes = join(&spec, &["volumes"]);
        items(root, &volumes, was_empty("volumes"), |it| VOLUMES.contains(&name(it)), &mut remove);
        let inits = join(&spec, &["initContainers"]);
        items(root, &inits, was_empty("initContainers"), |it| name(it) == NAME, &mut remove);
        for (index, container) in
            find(root, &containers).map(Node::items).unwrap_or_default().iter().enumerate()
        {
            let name = name(container);
            if status.pre_stop.iter().any(|held| held == name) {
                let at = join(&item(&containers, index), &["lifecycle", "preStop"]);
                let keeps = at.len() - usize::from(!was_empty(&format!("lifecycle/{name}")));
                remove(at, keeps);
            }
        }
        let label = object.at_pod(&["metadata", "labels", LABEL]);
        let goes = if was_empty("labels") { 0 } else { 2 - usize::from(was_empty("metadata")) };
        let keeps = label.len() - goes;
        remove(label, keeps);
    }
    let status = join(&object.at(home), &[STATUS]);
    remove(status, 0);
    changes
}

/// The ports of a Service lead again where they led.
fn restored(object: &Object<'_>, status: &Status) -> Vec<Change> {
    let ports = object.below(&["spec", "ports"]).map(Node::items).unwrap_or_default();
    let mut changes = Vec::new();
    for (index, port) in ports.iter().enumerate() {
        let at = join(&item(&object.at(&["spec", "ports"]), index), &["targetPort"]);
        match status.target_ports.get(&number(port)).filter(|_| port.entry("targetPort").is_some()) {
            Some(Value::Null) => changes.push(Change::Remove { at }),
            Some(before) => changes.push(Change::Set { at, value: before.clone() }),
            None => {}
        }
    }
    changes
}

/// The items of a list that are ours go; the list itself, where nothing else is in it and it was not
/// there before.
fn items(
    root: &Node,
    path: &Path,
    stays: bool,
    ours: impl Fn(&Node) -> bool,
    remove: &mut impl FnMut(Path, usize),
) {
    let all = find(root, path).map(Node::items).unwrap_or_default();
    let found: Vec<_> = (0..all.len()).rev().filter(|&index| all.get(index).is_some_and(&ours)).collect();
    if !stays && !found.is_empty() && found.len() == all.len() {
        return remove(path.clone(), path.len());
    }
    for index in found {
        remove(item(path, index), path.len() + 1);
    }
}

/// The path, or the shortest above it, not shorter than `least`, that leads to nothing else.
fn widened(root: &Node, mut path: Path, least: usize) -> Path {
    while let Some((Step::Key(_), parent)) = path.split_last().filter(|_| path.len() > least) {
        let alone = find(root, parent)
            .is_some_and(|map| matches!(&map.kind, Kind::Map(entries) if entries.len() == 1));
        if !alone || parent.is_empty() {
            break;
        }
        path.pop();
    }
    path
}
