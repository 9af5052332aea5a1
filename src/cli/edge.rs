//! `check --edge`: what the proxy in front has to say for this very file.

use super::Edge;
use crate::config::Config;
use crate::fields::{Field, Source};
use http::HeaderName;

/// The lines to paste.
pub(super) fn lines(edge: Edge, config: &Config) -> String {
    match edge {
        Edge::Nginx => nginx(config),
    }
}

fn nginx(config: &Config) -> String {
    let mut lines = vec![
        "# In every location that leads to the sidecar: proxy_set_header lines are not inherited by a"
            .to_owned(),
        "# location that has one of its own. An empty value deletes the visitor's own header.".to_owned(),
    ];
    for name in config.policy.protected.names() {
        let field = config.policy.fields.iter().find(|field| field.source == Source::Header(name.clone()));
        lines.push(nginx_line(name, field));
    }
    lines.push("proxy_set_header Host $http_host;".to_owned());
    lines.push("proxy_set_header Connection \"\";".to_owned());
    lines.push("proxy_http_version 1.1;".to_owned());
    lines.push(String::new());
    lines.join("\n")
}

/// A field is set from a variable that `auth_request_set` fills; what is no field is deleted.
fn nginx_line(name: &HeaderName, field: Option<&Field>) -> String {
    match field {
        Some(field) => format!(
            "proxy_set_header {name} $session_{};   # auth_request_set $session_{0} $upstream_http_{};",
            field.name,
            name.as_str().replace('-', "_")
        ),
        None => format!("proxy_set_header {name} \"\";"),
    }
}
