//! Services: those that lead to an injected pod lead to the sidecar from then on.

use super::change::{Change, Where, item, join};
use super::object::Object;
use super::pod::{name, nested};
use super::sidecar::PORT;
use super::status::Status;
use super::wish::{STATUS, Wish};
use crate::config::error::Problem;
use crate::config::tree::{Kind, Node};
use serde_json::{Value, json};

/// A pod that was injected, as a Service sees it.
pub(super) struct Backend<'m> {
    pub namespace: &'m str,
    pub template: &'m Node,
    pub upstream_port: Option<u16>,
}

impl Backend<'_> {
    /// Whether this Service selects the pod.
    fn is_selected_by(&self, service: &Object<'_>) -> bool {
        let Some(Kind::Map(selector)) = service.below(&["spec", "selector"]).map(|node| &node.kind) else {
            return false;
        };
        let labels = self.template.below(&["metadata", "labels"]);
        let has = |key: &str| labels.and_then(|labels| labels.below(&[key])).and_then(Node::text);
        self.namespace == service.namespace
            && !selector.is_empty()
            && selector
                .iter()
                .all(|wanted| wanted.value.text().is_some_and(|text| has(&wanted.key) == Some(text)))
    }

    /// The number of a container's port by its name.
    fn port_named(&self, wanted: &str) -> Option<&str> {
        let containers = self.template.below(&["spec", "containers"]).map(Node::items).unwrap_or_default();
        let ports =
            containers.iter().flat_map(|it| it.below(&["ports"]).map(Node::items).unwrap_or_default());
        let found = ports.filter(|port| name(port) == wanted).find_map(|port| port.below(&["containerPort"]));
        if let Kind::Int(raw) = &found?.kind { Some(raw) } else { None }
    }
}

/// Plans what changes in a Service; nothing, where it does not concern us.
pub(super) fn plan(
    service: &Object<'_>,
    wish: &Wish<'_>,
    backends: &[Backend<'_>],
    root: &Node,
) -> Result<Vec<Change>, Problem> {
    let selected: Vec<_> = backends.iter().filter(|backend| backend.is_selected_by(service)).collect();
    let asked = wish.inject.unwrap_or(!selected.is_empty());
    let ports = service.node.below(&["spec", "ports"]);
    let all = ports.map(Node::items).unwrap_or_default();
    if !asked || all.is_empty() {
        return Ok(Vec::new());
    }
    let of_pods = selected.iter().find_map(|backend| backend.upstream_port);
    let turned = match (wish.upstream_port.or(of_pods), all) {
        (Some(app), _) => leading_to(app, all, &selected),
        (None, [_]) => vec![0],
        (None, _) if all.iter().any(leads_to_us) => Vec::new(),
        (None, _) => {
            let place = ports.map(|ports| ports.place).unwrap_or_default();
            let message = "which of these ports leads to the app? Say where it listens: \
                           pandium-sidecar.io/upstream-port: \"3000\"";
            return Err(Problem::error(place, "spec.ports", message));
        }
    };
    let mut changes = Vec::new();
    let mut status = Status::default();
    for index in turned {
        let Some(port) = all.get(index).filter(|port| !leads_to_us(port)) else { continue };
        let at = item(&service.at(&["spec", "ports"]), index);
        let before = port.below(&["targetPort"]).map(super::change::value_of);
        changes.push(match before {
            Some(_) => Change::Set { at: join(&at, &["targetPort"]), value: json!(PORT) },
            None => Change::Entry { map: at, key: "targetPort", value: json!(PORT), place: Where::Last },
        });
        status.target_ports.insert(number(port), before.unwrap_or(Value::Null));
    }
    if !changes.is_empty() {
        changes.push(nested(
            root,
            &service.path,
            &["metadata", "annotations"],
            STATUS,
            status.written(),
            Where::Last,
        ));
    }
    Ok(changes)
}

fn leads_to_us(port: &Node) -> bool {
    port.below(&["targetPort"]).and_then(Node::text) == Some(PORT)
}

/// The number by which a Service knows a port.
pub(super) fn number(port: &Node) -> String {
    match port.below(&["port"]).map(|node| &node.kind) {
        Some(Kind::Int(raw)) => raw.clone(),
        _ => String::new(),
    }
}

/// The positions of the ports that lead to the app.
fn leading_to(app: u16, ports: &[Node], selected: &[&Backend<'_>]) -> Vec<usize> {
    let app = app.to_string();
    let leads = |port: &Node| match port.below(&["targetPort"]).map(|node| &node.kind) {
        Some(Kind::Int(raw)) => *raw == app,
        Some(Kind::Text { text, .. }) => {
            *text == app || selected.iter().any(|backend| backend.port_named(text) == Some(&app))
        }
        _ => number(port) == app,
    };
    ports.iter().enumerate().filter(|(_, port)| leads(port)).map(|(index, _)| index).collect()
}
