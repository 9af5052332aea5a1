//! The objects in the documents of a file, and where in each of them a pod is described.

use super::change::{Path, Step, find, item, join};
use super::documents::Manifests;
use crate::config::tree::Node;

/// The kinds that hold a pod, with the group of their API and the way to it.
const WORKLOADS: [(&str, &str, &[&str]); 8] = [
    ("", "Pod", &[]),
    ("", "ReplicationController", &["spec", "template"]),
    ("apps", "Deployment", &["spec", "template"]),
    ("apps", "StatefulSet", &["spec", "template"]),
    ("apps", "DaemonSet", &["spec", "template"]),
    ("apps", "ReplicaSet", &["spec", "template"]),
    ("batch", "Job", &["spec", "template"]),
    ("batch", "CronJob", &["spec", "jobTemplate", "spec", "template"]),
];

/// An object of Kubernetes', somewhere in the file.
pub(super) struct Object<'m> {
    /// The document that it is in.
    pub document: usize,
    /// Where in the document it is: at its root, or among the items of a list.
    pub path: Path,
    /// The object.
    pub node: &'m Node,
    pub kind: &'m str,
    pub name: &'m str,
    pub namespace: &'m str,
    group: &'m str,
}

impl<'m> Object<'m> {
    /// All objects of a file, those in lists too.
    pub fn all(manifests: &'m Manifests<'_>) -> Vec<Self> {
        let mut found = Vec::new();
        for (document, read) in manifests.documents.iter().enumerate() {
            if let Some(root) = &read.tree {
                Self::collect(document, root, Vec::new(), &mut found);
            }
        }
        found
    }

    fn collect(document: usize, node: &'m Node, path: Path, found: &mut Vec<Self>) {
        let text = |keys: &[&str]| node.below(keys).and_then(Node::text).unwrap_or_default();
        let kind = text(&["kind"]);
        if kind.ends_with("List") {
            let items = node.below(&["items"]).map(Node::items).unwrap_or_default();
            for (index, object) in items.iter().enumerate() {
                Self::collect(document, object, item(&join(&path, &["items"]), index), found);
            }
            return;
        }
        let group = text(&["apiVersion"]).split_once('/').map_or("", |(group, _)| group);
        let (name, namespace) = (text(&["metadata", "name"]), text(&["metadata", "namespace"]));
        found.push(Self { document, path, node, kind, name, namespace, group });
    }

    /// The way from the object to what describes its pods; none where it describes none.
    pub fn pod(&self) -> Option<&'static [&'static str]> {
        let known = WORKLOADS.iter().find(|(group, kind, _)| *group == self.group && *kind == self.kind);
        known.map(|(_, _, keys)| *keys)
    }

    /// Whether this is a Service, and not something of that name of somebody else's.
    pub fn is_service(&self) -> bool {
        self.group.is_empty() && self.kind == "Service"
    }

    /// Whether this is the `ConfigMap` of that name.
    pub fn is_config(&self, name: &str, namespace: &str) -> bool {
        let own = (self.group, self.kind, self.name, self.namespace);
        own == ("", "ConfigMap", name, namespace)
    }

    /// What stands below these keys.
    pub fn below(&self, keys: &[&str]) -> Option<&'m Node> {
        self.node.below(keys)
    }

    /// What describes its pods.
    pub fn template(&self) -> Option<&'m Node> {
        self.below(self.pod()?)
    }

    /// The path of what stands below these keys of the object, in its document.
    pub fn at(&self, keys: &[&str]) -> Path {
        join(&self.path, keys)
    }

    /// The path of what stands below these keys of what describes its pods.
    pub fn at_pod(&self, keys: &[&str]) -> Path {
        join(&self.at(self.pod().unwrap_or_default()), keys)
    }

    /// What it is called in messages.
    pub fn title(&self) -> String {
        format!("{} {}", self.kind, self.name)
    }
}

/// The kinds that can be injected, for a message.
pub(super) fn known_kinds() -> String {
    WORKLOADS.map(|(_, kind, _)| kind).join(", ")
}

/// The longest part of a path that is there.
pub(super) fn existing(root: &Node, path: &[Step]) -> usize {
    (0..=path.len())
        .rev()
        .find(|&length| path.get(..length).is_some_and(|path| find(root, path).is_some()))
        .unwrap_or(0)
}
