//! The lines for `HAProxy`.

use super::{Header, Part, every_spelling, headers, is_plain};
use crate::config::Config;

const SETS: &str = "# In the frontend, before any rule that sets a session header.";
const DELETES: &str = "# In the frontend.";
const HEAD: &str =
    "# HAProxy has names in lower case, and these expressions take every other spelling away, too.";
const NOBODY_TO_ASK: &str =
    "# HAProxy asks nobody who the visitor is: fill these variables yourself, or use `from: probe`.";
const DESCRIBES: &str = "\
# What the app is told of the visitor is ours to say, and never the visitor's own.
http-request set-header X-Forwarded-For %[src]
http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]
http-request set-header X-Forwarded-Host %[req.hdr(host)]
http-request set-header X-Forwarded-Port %[dst_port]
http-request del-header Forwarded
http-request set-header X-Request-Id %[uuid()]
";

/// Every spelling is deleted; values come from variables that the operator sets.
pub(super) fn lines(config: &Config) -> String {
    let all = headers(config);
    let asked = all.iter().any(|header| header.field().is_some());
    let mut lines = vec![if asked { SETS } else { DELETES }.to_owned(), HEAD.to_owned()];
    let deleted =
        |header: &Header<'_>| format!("http-request del-header ^{}$ -m reg", every_spelling(header.name));
    lines.extend(all.iter().map(deleted));
    if asked {
        lines.push(NOBODY_TO_ASK.to_owned());
    }
    lines.extend(all.iter().flat_map(|header| told(header, config)));
    lines.join("\n") + "\n" + DESCRIBES
}

fn told(header: &Header<'_>, config: &Config) -> Vec<String> {
    let name = word(&header.spelling);
    match header.part {
        Part::Secret(source) => vec![
            format!("# From the environment of HAProxy: SIDECAR_SECRET holds what {source} holds."),
            format!("http-request set-header {name} %[env(SIDECAR_SECRET)]"),
        ],
        Part::Override(what, value) => vec![
            format!("# Which {what} this frontend is for."),
            format!("http-request set-header {name} {value}"),
        ],
        Part::Field(field) => {
            let found = format!("{{ var(txn.{field}) -m found }}");
            let set = format!("http-request set-header {name} %[var(txn.{field})] if {found}");
            let complete = config.policy.trust.is_complete();
            let none = complete.then(|| format!("http-request set-header {name} - unless {found}"));
            std::iter::once(set).chain(none).collect()
        }
        Part::Ours => Vec::new(),
    }
}

fn word(name: &str) -> String {
    match name {
        name if is_plain(name) => name.to_owned(),
        name if name.contains('\'') => format!("\"{}\"", name.replace('$', "\\$")),
        name => format!("'{name}'"),
    }
}
