//! The lines for Envoy.

use super::{Header, headers};
use crate::config::Config;

/// Where the mutations belong, and what makes the other spellings go.
const HEAD: &str = "\
# In the HttpConnectionManager. Early mutation comes before any filter, and so before ext_authz sets
# the session headers; what has an underscore in its name is refused.
common_http_protocol_options:
  headers_with_underscores_action: REJECT_REQUEST
early_header_mutation_extensions:
- name: envoy.http.early_header_mutation.header_mutation
  typed_config:
    \"@type\": type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation
    mutations:
";

/// Which headers of the app's answer the request takes over.
const ALLOWED: &str = "\
# In the ext_authz filter, as http_service.authorization_response.
authorization_response:
  allowed_upstream_headers:
    patterns:
";

/// Removed first; then those of the fields taken over from the answer.
pub(super) fn lines(config: &Config) -> String {
    let all = headers(config);
    let removed: String =
        all.iter().fold(String::new(), |text, it| text + "    - remove: " + it.name.as_str() + "\n");
    let fields = all.iter().filter(|header: &&Header<'_>| header.field.is_some());
    let taken = fields.fold(String::new(), |text, it| text + "    - exact: " + it.name.as_str() + "\n");
    let allowed = if taken.is_empty() { "" } else { ALLOWED };
    [HEAD, &removed, allowed, &taken].concat()
}
