//! The lines for Envoy.

use super::{Header, Part, headers, is_plain};
use crate::config::Config;

/// Where the mutations belong, where the session headers are its to set.
const ASKS: &str = "\
# In the HttpConnectionManager. Early mutation comes before any filter, and so before ext_authz sets
# the session headers; what has an underscore in its name is refused.
";
/// Where they are not.
const DELETES: &str = "\
# In the HttpConnectionManager. Early mutation comes before any filter; what has an underscore in its
# name is refused.
";
/// What makes the other spellings go.
const HEAD: &str = "\
common_http_protocol_options:
  headers_with_underscores_action: REJECT_REQUEST
# What the app is told of the visitor is ours to say: Envoy sets anew what is removed below.
use_remote_address: true
append_x_forwarded_port: true
early_header_mutation_extensions:
- name: envoy.http.early_header_mutation.header_mutation
  typed_config:
    \"@type\": type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation
    mutations:
";

/// What a visitor may not say of the request.
const DESCRIPTION: &str = "    - remove: x-forwarded-for
    - remove: x-forwarded-proto
    - remove: x-forwarded-port
    - remove: forwarded
    - remove: x-request-id
    - append:
        header: { key: x-forwarded-host, value: \"%REQ(:AUTHORITY)%\" }
        append_action: OVERWRITE_IF_EXISTS_OR_ADD
";

/// Which headers of the app's answer the request takes over.
const ALLOWED: &str = "\
# In the ext_authz filter, as http_service.authorization_response.
authorization_response:
  allowed_upstream_headers:
    patterns:
";
const COMPLETE: &str = "\
# trust.complete: what has no value has to be `-`. Let the app answer so.
";

/// What the edge says by itself, to the sidecar alone.
const TOLD: &str = "\
# In the route to the sidecar.
request_headers_to_add:
";

/// Removed first; then those of the fields taken over from the answer.
pub(super) fn lines(config: &Config) -> String {
    let all = headers(config);
    let name = |header: &Header<'_>| word(header.name.as_str());
    let removed = all.iter().fold(String::new(), |text, it| text + "    - remove: " + &name(it) + "\n");
    let fields = all.iter().filter(|header| header.field().is_some());
    let taken = fields.fold(String::new(), |text, it| text + "    - exact: " + &name(it) + "\n");
    let complete = if config.policy.trust.is_complete() { COMPLETE } else { "" };
    let allowed = if taken.is_empty() { String::new() } else { format!("{complete}{ALLOWED}") };
    let told: String = all.iter().filter_map(|header| added(header, &name(header))).collect();
    let head_of_told = if told.is_empty() { "" } else { TOLD };
    let place = if taken.is_empty() { DELETES } else { ASKS };
    [place, HEAD, &removed, DESCRIPTION, &allowed, &taken, head_of_told, &told].concat()
}

fn added(header: &Header<'_>, name: &str) -> Option<String> {
    let (comment, value) = match header.part {
        Part::Secret(source) => {
            let comment = format!("From the environment of Envoy: SIDECAR_SECRET holds what {source} holds.");
            (comment, "%ENVIRONMENT(SIDECAR_SECRET)%")
        }
        Part::Override(what, value) => (format!("Which {what} this route is for."), value),
        Part::Field(_) | Part::Ours => return None,
    };
    Some(format!(
        "# {comment}\n- header: {{ key: {name}, value: \"{value}\" }}\n  append_action: OVERWRITE_IF_EXISTS_OR_ADD\n"
    ))
}

fn word(name: &str) -> String {
    if is_plain(name) { name.to_owned() } else { format!("\"{name}\"") }
}
