//! The lines for `HAProxy`.

use super::{Header, every_spelling, headers};
use crate::config::Config;

const HEAD: &str = "\
# In the frontend, before any rule that sets a session header. HAProxy has names in lower case, and
# these expressions take every other spelling away, too.";
const NOBODY_TO_ASK: &str =
    "# HAProxy asks nobody who the visitor is: fill these variables yourself, or use `from: probe`.";

/// Every spelling is deleted; values come from variables that the operator sets.
pub(super) fn lines(config: &Config) -> String {
    let all = headers(config);
    let mut lines = vec![HEAD.to_owned()];
    let deleted =
        |header: &Header<'_>| format!("http-request del-header ^{}$ -m reg", every_spelling(header.name));
    lines.extend(all.iter().map(deleted));
    let set = |header: &Header<'_>| {
        let Header { field, spelling, .. } = header;
        field.map(|field| {
            format!(
                "http-request set-header {spelling} %[var(txn.{field})] if {{ var(txn.{field}) -m found }}"
            )
        })
    };
    let set: Vec<String> = all.iter().filter_map(set).collect();
    if !set.is_empty() {
        lines.push(NOBODY_TO_ASK.to_owned());
        lines.extend(set);
    }
    lines.join("\n") + "\n"
}
