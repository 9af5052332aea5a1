//! The decisions as a page: nothing but HTML and its own style.

use super::told::Decision;
use crate::evidence::Finding;
use std::fmt::Write as _;

/// Nothing may run, load, frame or leave.
pub const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

const STYLE: &str = "\
    :root{color-scheme:light dark;--line:#d9dee3;--dim:#5b6673;--back:#fff;--soft:#f4f6f8;--no:#a3261b;--yes:#146b3a}\
    @media(prefers-color-scheme:dark){:root{--line:#38414b;--dim:#9aa6b2;--back:#14181c;--soft:#1d2329;--no:#ff9b8f;--yes:#7fdca4}}\
    body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:70rem;padding:1.5rem;background:var(--back)}\
    h1{font-size:1.4rem;margin:0}h2{font-size:1.05rem;margin:2rem 0 .5rem}p{margin:.25rem 0;color:var(--dim)}\
    details{border:1px solid var(--line);border-bottom:0}details:last-of-type{border-bottom:1px solid var(--line)}\
    summary{display:grid;grid-template-columns:10.5rem 11.5rem 10rem 1fr;gap:1rem;padding:.4rem .75rem;cursor:pointer}\
    summary::marker,summary::-webkit-details-marker{display:none;content:''}\
    summary:hover,details[open]>summary{background:var(--soft)}summary>*{overflow-wrap:anywhere}\
    time,.dim{color:var(--dim);font-variant-numeric:tabular-nums}time{white-space:nowrap}.no{color:var(--no);font-weight:600}.yes{color:var(--yes);font-weight:600}\
    dl{display:grid;grid-template-columns:9rem 1fr;gap:.25rem 1rem;margin:0;padding:.75rem;border-top:1px solid var(--line)}\
    dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}code{font:13px/1.5 ui-monospace,monospace}\
    dd>code{display:block;background:var(--soft);border-radius:4px;padding:.4rem .6rem}\
    table{border-collapse:collapse}td{padding:0 1.5rem 0 0;white-space:nowrap}dd:has(table){overflow-x:auto}\
    @media(max-width:50rem){summary{grid-template-columns:10.5rem 1fr;gap:0 1rem}dl{grid-template-columns:1fr;gap:0}dt{margin-top:.4rem}}";

/// The page. All that it says is names, states and codes; it is escaped all the same.
pub(super) fn write(refusals: &[Decision], mints: &[Decision]) -> String {
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>Decisions · pandium-sidecar</title><style>{STYLE}</style>\
         <h1>Decisions</h1><p>The newest first; open one for more. Times are UTC. Values are told by their presence and \
         length alone. The log has each under the same request id.</p>"
    );
    section(&mut html, "Refused", refusals, "Nobody was refused a token yet.");
    section(&mut html, "Minted", mints, "No token was minted yet.");
    html.push_str("</html>\n");
    html
}

fn section(html: &mut String, title: &str, decisions: &[Decision], none: &str) {
    let count = decisions.len();
    // Writing to a `String` cannot fail.
    let _ = write!(html, "<h2>{title} <span class=\"dim\">{count}</span></h2>");
    if decisions.is_empty() {
        let _ = write!(html, "<p>{none}</p>");
    }
    html.push_str("<div>");
    for decision in decisions {
        entry(html, decision);
    }
    html.push_str("</div>");
}

fn entry(html: &mut String, decision: &Decision) {
    let minted = decision.jti.is_some();
    let class = if minted { "yes" } else { "no" };
    let whither = decision.integration.as_deref().unwrap_or("–");
    let about = if minted { decision.request_id.clone() } else { headline(decision) };
    let _ = write!(
        html,
        "<details><summary><time>{}</time><span class=\"{class}\">{}</span><span>{}</span><span>{}</span></summary><dl>",
        escape(&decision.time.replace(['T', 'Z'], " ")),
        escape(decision.code),
        escape(whither),
        escape(&about),
    );
    item(html, "why", Some(&decision.detail).filter(|detail| !detail.is_empty()));
    if !decision.findings.is_empty() {
        let rows: String = decision.findings.iter().map(row).collect();
        let _ = write!(html, "<dt>found</dt><dd><table>{rows}</table></dd>");
    }
    if let Some(again) = &decision.again {
        let _ = write!(html, "<dt>play it again</dt><dd><code>{}</code></dd>", escape(again));
    }
    item(html, "account", decision.account.as_ref());
    item(html, "key", decision.key.as_ref());
    item(html, "jti", decision.jti.as_ref());
    item(html, "route", Some(&decision.route));
    item(html, "request id", Some(&decision.request_id));
    item(html, "trace id", Some(&decision.trace_id));
    item(html, "generation", Some(&decision.generation.to_string()));
    html.push_str("</dl></details>");
}

/// What a refusal is about, in a few words.
fn headline(decision: &Decision) -> String {
    let found = decision.findings.first().and_then(|finding| Some((finding, finding.state?)));
    found.map_or_else(|| decision.detail.clone(), |(finding, state)| format!("{}: {state}", finding.source))
}

fn item(html: &mut String, name: &str, text: Option<&String>) {
    if let Some(text) = text {
        let _ = write!(html, "<dt>{name}</dt><dd>{}</dd>", escape(text));
    }
}

fn row(finding: &Finding) -> String {
    let field = finding.field.as_ref().map(|field| format!("session.{field}")).unwrap_or_default();
    let state = finding.state.map(|state| state.to_string()).unwrap_or_default();
    let line = finding.place.map(|place| format!("line {}", place.line)).unwrap_or_default();
    let cells = [&field, &finding.source, &state, &line].map(|cell| format!("<td>{}</td>", escape(cell)));
    format!("<tr>{}</tr>", cells.concat())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
