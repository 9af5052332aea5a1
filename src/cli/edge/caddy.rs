//! The lines for Caddy.

use super::{Header, Part, every_spelling, headers, is_plain};
use crate::config::Config;

const HEAD: &str = "\
# Inside `route { … }`, before reverse_proxy to the sidecar; `route` keeps this order.
# Caddy drops what a visitor names in `Connection`, even where the edge has set it since.";
/// What `reverse_proxy` does not do by itself.
const DESCRIBES: &str = "\
# X-Forwarded-For, -Proto and -Host are set by reverse_proxy, in place of the visitor's own.
request_header X-Forwarded-Port {http.request.port}
request_header -Forwarded
request_header X-Request-Id {http.request.uuid}";
const ASKS: &str = "\
# The app, and the address at which it says who the visitor is.
forward_auth 127.0.0.1:3000 {
\turi /internal/session";
const EMPTIES: &str = "\
# What the app leaves out, some versions of Caddy fill with the name of a placeholder.";
const COMPLETE: &str = "\
# trust.complete: newer versions send nothing for what the app leaves out. Let it answer `-`.";

/// Deletes first, then copies: `copy_headers` alone leaves a visitor's own where the answer has none.
/// What only the sidecar may hear is set last, so that the app is not told it.
pub(super) fn lines(config: &Config) -> String {
    let all = headers(config);
    let mut lines = vec![HEAD.to_owned()];
    let spellings: Vec<_> = all.iter().map(|header| every_spelling(header.name)).collect();
    lines.push(format!("@nominating header_regexp Connection (?i)({})", spellings.join("|")));
    lines.push("respond @nominating 400".to_owned());
    lines.extend(
        all.iter().map(|header| format!("request_header {}", word(&format!("-{}", header.spelling)))),
    );
    lines.push(DESCRIBES.to_owned());
    let copied: Vec<_> = all.iter().filter(|it| it.field().is_some()).map(|it| word(&it.spelling)).collect();
    if !copied.is_empty() {
        lines.extend([ASKS.to_owned(), format!("\tcopy_headers {}", copied.join(" ")), "}".to_owned()]);
        lines.extend(config.policy.trust.is_complete().then(|| COMPLETE.to_owned()));
        lines.push(EMPTIES.to_owned());
        let empty = |name| format!("request_header {name} ^[{{]http[.]reverse_proxy[.].* $none");
        lines.extend(copied.iter().map(empty));
    }
    lines.extend(all.iter().flat_map(told));
    lines.join("\n") + "\n"
}

/// What the edge says by itself.
fn told(header: &Header<'_>) -> Vec<String> {
    let name = word(&header.spelling);
    match header.part {
        Part::Secret(source) => vec![
            format!("# From the environment of Caddy: SIDECAR_SECRET holds what {source} holds."),
            format!("request_header {name} {{env.SIDECAR_SECRET}}"),
        ],
        Part::Override(what, value) => {
            vec![format!("# Which {what} this route is for."), format!("request_header {name} {value}")]
        }
        Part::Field(_) | Part::Ours => Vec::new(),
    }
}

fn word(name: &str) -> String {
    if is_plain(name) { name.to_owned() } else { format!("\"{name}\"") }
}
