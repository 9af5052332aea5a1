//! What `inject` puts into a pod: the same as the Component in `deploy/kubernetes/component`, which a
//! test holds it to.

use super::wish::{PORTS, Wish};
use serde_json::{Value, json};

/// The name of the container, and what the names of its volumes begin with.
pub(super) const NAME: &str = "pandium-sidecar";
/// The name of the port for visitors.
pub(super) const PORT: &str = "pandium";
/// The names of the volumes.
pub(super) const VOLUMES: [&str; 2] = ["pandium-sidecar-config", "pandium-sidecar-secret"];
/// The file in the `ConfigMap`.
pub(super) const FILE: &str = "config.yaml";

/// The name of the `ConfigMap` that a pod asks for.
pub(super) fn config<'w>(wish: &Wish<'w>) -> &'w str {
    wish.config.unwrap_or(NAME)
}

/// The container: a native sidecar, which starts before the app and ends after it.
pub(super) fn container(wish: &Wish<'_>) -> Value {
    let image = wish.image.map_or_else(|| format!("{NAME}:{}", env!("CARGO_PKG_VERSION")), str::to_owned);
    let [visitors, operator] = PORTS;
    let probe = |path: &str| json!({ "path": path, "port": "pandium-admin" });
    let mut container = json!({
        "name": NAME,
        "image": image,
        "restartPolicy": "Always",
        "args": ["serve", "--config", format!("/etc/pandium-sidecar/{FILE}")],
        "ports": [
            { "name": PORT, "containerPort": visitors },
            { "name": "pandium-admin", "containerPort": operator },
        ],
        "startupProbe": { "httpGet": probe("/-/ready"), "periodSeconds": 1, "failureThreshold": 60 },
        "readinessProbe": { "httpGet": probe("/-/ready"), "periodSeconds": 5 },
        "livenessProbe": { "httpGet": probe("/-/live") },
        "resources": {
            "requests": { "cpu": "10m", "memory": "16Mi" },
            "limits": { "memory": "256Mi" },
        },
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "capabilities": { "drop": ["ALL"] },
            "readOnlyRootFilesystem": true,
            "runAsNonRoot": true,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "seccompProfile": { "type": "RuntimeDefault" },
        },
        "volumeMounts": [
            { "name": VOLUMES[0], "mountPath": "/etc/pandium-sidecar", "readOnly": true },
            { "name": VOLUMES[1], "mountPath": "/run/secrets/pandium", "readOnly": true },
        ],
    });
    if let (Some(port), Some(map)) = (wish.upstream_port, container.as_object_mut()) {
        let env = json!([{ "name": "UPSTREAM_PORT", "value": port.to_string() }]);
        map.insert("env".to_owned(), env);
    }
    container
}

/// The volumes: the whole `ConfigMap` and the whole Secret, so that both are renewed while the pod runs.
pub(super) fn volumes(wish: &Wish<'_>) -> Vec<Value> {
    vec![
        json!({ "name": VOLUMES[0], "configMap": { "name": config(wish) } }),
        json!({ "name": VOLUMES[1], "secret": { "secretName": wish.secret.unwrap_or(NAME) } }),
    ]
}

/// How the app's container is held until no new visitors are sent to its pod.
pub(super) fn pre_stop(seconds: u64) -> Value {
    json!({ "sleep": { "seconds": seconds } })
}
