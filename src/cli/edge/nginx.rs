//! The lines for nginx.

use super::{Header, Part, headers};
use crate::config::Config;
use http::HeaderName;

/// What nginx needs whatever the file says.
const NGINX_HEAD: &str = "\
# In every location that leads to the sidecar: a location with a proxy_set_header line of its own
# inherits none.";
/// What it needs where the session headers are its to set.
const NGINX_ASKS: &str = "\
# The values come from the answer to auth_request; an empty one deletes the header, and so the
# visitor's own.";
/// What it needs where they are not.
const NGINX_DELETES: &str = "\
# What is empty deletes the header, and so the visitor's own.";
/// What nginx needs for `trust.complete`.
const NGINX_COMPLETE: &str = "\
# trust.complete: what has no value has to be `-`, since nginx sends no header that is empty. Let the
# app answer so.";
const NGINX_TAIL: &str = "\
# What the app is told of the visitor is ours to say, and never the visitor's own.
proxy_set_header X-Forwarded-For $remote_addr;
proxy_set_header X-Forwarded-Proto $scheme;
proxy_set_header X-Forwarded-Host $http_host;
proxy_set_header X-Forwarded-Port $server_port;
proxy_set_header Forwarded \"\";
proxy_set_header X-Request-Id $request_id;
proxy_set_header Host $http_host;
proxy_set_header Connection \"\";
proxy_http_version 1.1;
";

/// Variables first, then one line for each protected header: a field is set, what is no field is
/// deleted.
pub(super) fn lines(config: &Config) -> String {
    let (mut variables, mut lines) = (Vec::new(), Vec::new());
    for Header { name, spelling, part } in headers(config) {
        match part {
            Part::Secret(source) => lines.extend([
                format!("# From a file that nobody else reads: set $sidecar_secret to what {source} holds."),
                format!("proxy_set_header {spelling} $sidecar_secret;"),
            ]),
            Part::Override(what, value) => lines.extend([
                format!("# Which {what} this location is for."),
                format!("proxy_set_header {spelling} \"{value}\";"),
            ]),
            Part::Ours => lines.push(format!("proxy_set_header {spelling} \"\";")),
            Part::Field(field) => {
                variables.extend(variable(field, name, &spelling));
                if spelling.contains('_') {
                    lines.push(format!(
                        "# {spelling}: nginx sends it, but drops it where it comes in, unless underscores_in_headers is on"
                    ));
                }
                lines.push(format!("proxy_set_header {spelling} $session_{field};"));
            }
        }
    }
    let complete = config.policy.trust.is_complete().then(|| NGINX_COMPLETE.to_owned());
    let values = if variables.is_empty() { NGINX_DELETES } else { NGINX_ASKS };
    let lines =
        [NGINX_HEAD, values].map(str::to_owned).into_iter().chain(complete).chain(variables).chain(lines);
    format!("{}\n{NGINX_TAIL}{}", lines.collect::<Vec<_>>().join("\n"), room(config.policy.url_bytes))
}

/// Room for the head of an answer with the longest address; nginx counts in pages of memory.
fn room(url_bytes: usize) -> String {
    let kib = (url_bytes + 4096).next_power_of_two() / 1024;
    format!(
        "# A token is in the answer's Location. Longer than the usual 4 KiB it would be a 502.\n\
         proxy_buffer_size {kib}k;\nproxy_buffers 8 {kib}k;\n"
    )
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
