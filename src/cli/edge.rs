//! `check --edge`: what the proxy in front has to say for this very file.

use super::Edge;
use crate::config::Config;
use crate::fields::Source;
use http::HeaderName;

/// What nginx needs whatever the file says.
const NGINX_HEAD: &str = "\
# In every location that leads to the sidecar: a location with a proxy_set_header line of its own
# inherits none. The values come from the answer to auth_request; an empty one deletes the header,
# and so the visitor's own.";
const NGINX_TAIL: &str = "\
proxy_set_header Host $http_host;
proxy_set_header Connection \"\";
proxy_http_version 1.1;
";

/// The lines to paste.
pub(super) fn lines(edge: Edge, config: &Config) -> String {
    match edge {
        Edge::Nginx => nginx(config),
    }
}

/// Variables first, then one line for each protected header: a field is set, what is no field is
/// deleted.
fn nginx(config: &Config) -> String {
    let (mut variables, mut headers) = (Vec::new(), Vec::new());
    for name in config.policy.protected.names() {
        let field = config.policy.fields.iter().find_map(|field| match &field.source {
            Source::Header { name: own, written } if own == name => Some((field.name.as_str(), written)),
            _ => None,
        });
        let Some((field, written)) = field else {
            headers.push(format!("proxy_set_header {} \"\";", title(name)));
            continue;
        };
        variables.extend(variable(field, name, written));
        if written.contains('_') {
            headers.push(format!(
                "# {written}: nginx sends it, but drops it where it comes in, unless underscores_in_headers is on"
            ));
        }
        headers.push(format!("proxy_set_header {written} $session_{field};"));
    }
    let lines = [NGINX_HEAD.to_owned()].into_iter().chain(variables).chain(headers);
    format!("{}\n{NGINX_TAIL}", lines.collect::<Vec<_>>().join("\n"))
}

/// How nginx gets at the header of an answer; some names have no variable there.
fn variable(field: &str, name: &HeaderName, written: &str) -> Vec<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if name.as_str().bytes().all(plain) {
        let answered = name.as_str().replace('-', "_");
        return vec![format!("auth_request_set $session_{field} $upstream_http_{answered};")];
    }
    vec![
        format!("# nginx has no variable for {written}: give $session_{field} its value in another way"),
        format!("set $session_{field} \"\";"),
    ]
}

/// The usual spelling of a name of ours.
fn title(name: &HeaderName) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    };
    name.as_str().split('-').map(word).collect::<Vec<_>>().join("-")
}
