//! The lines for Caddy.

use super::{Header, headers};
use crate::config::Config;

/// Deletes first, then copies: `copy_headers` alone leaves a visitor's own where the answer has none.
pub(super) fn lines(config: &Config) -> String {
    let all = headers(config);
    let mut lines = vec![
        "# Inside `route { … }`, before reverse_proxy to the sidecar; `route` keeps this order.".to_owned(),
    ];
    lines.extend(all.iter().map(|Header { spelling, .. }| format!("request_header -{spelling}")));
    let copied: Vec<&str> =
        all.iter().filter(|it| it.field.is_some()).map(|it| it.spelling.as_str()).collect();
    if !copied.is_empty() {
        lines.push("# The app, and the address at which it says who the visitor is.".to_owned());
        lines.push("forward_auth 127.0.0.1:3000 {".to_owned());
        lines.push("\turi /internal/session".to_owned());
        lines.push(format!("\tcopy_headers {}", copied.join(" ")));
        lines.push("}".to_owned());
    }
    lines.join("\n") + "\n"
}
