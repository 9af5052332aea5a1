//! `pandium.proxy`: where Pandium's pages are shown by us.

use super::beside;
use super::leaf::{self, Wrong};
use super::model::{Delivery, Mount, Pandium, Proxied};
use super::net;
use super::reader::{MapReader, Reader};
use super::root::Surroundings;
use super::routes::Routes;
use super::tree::Node;
use crate::route::{Door, Pattern, PatternError, Route};
use crate::tls::Authorities;
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, HOST, HeaderName, HeaderValue, ORIGIN,
    PROXY_AUTHORIZATION, REFERER, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};

/// What `deliver: proxy` needs.
pub(super) const NEEDED: &str = "`proxy` shows Pandium's page under an address of ours, and `pandium.proxy` does not \
    say under which: `{ mount: host, host: integrations.example.com }`";

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Host,
    Path,
}

/// `proxy`
pub(super) fn read(reader: Option<Reader<'_>>) -> Option<Option<Proxied>> {
    let Some(reader) = reader else { return Some(None) };
    let map = reader.map()?;
    let words = [("host", Kind::Host), ("path", Kind::Path)];
    let kind = map.required("mount").and_then(|mount| mount.read(|node| leaf::word(node, &words)));
    let (host, prefix, same_origin) = (map.get("host"), map.get("prefix"), map.get("same_origin"));
    let frame_ancestors = map.get("frame_ancestors").map(|sources| ancestors(&sources));
    let send = map.get("send").map_or(Some(Vec::new()), |send| send.list(sent));
    let mount = match kind {
        Some(Kind::Host) => at_host(host, &[prefix, same_origin], &map),
        Some(Kind::Path) => below_path(prefix, same_origin, host, &map),
        None => None,
    };
    let frame_ancestors = match frame_ancestors {
        Some(read) => Some(read?),
        None => None,
    };
    Some(Some(Proxied { mount: mount?, frame_ancestors, send: send?, place: reader.key_place() }))
}

fn at_host(host: Option<Reader<'_>>, stray: &[Option<Reader<'_>>; 2], map: &MapReader<'_>) -> Option<Mount> {
    for stray in stray.iter().flatten() {
        stray.error_at(
            stray.key_place(),
            stray.path(),
            "this is for `mount: path`; a host has all its paths",
        );
    }
    let Some(host) = host else {
        map.missing(
            &["host"],
            "`host` is required by `mount: host`: a name that leads here, and is Pandium's alone",
        );
        return None;
    };
    host.read(net::host_name).map(Mount::Host)
}

fn below_path(
    prefix: Option<Reader<'_>>,
    same_origin: Option<Reader<'_>>,
    stray: Option<Reader<'_>>,
    map: &MapReader<'_>,
) -> Option<Mount> {
    if let Some(stray) = stray {
        stray.error_at(stray.key_place(), stray.path(), "this is for `mount: host`; a path is on every host");
    }
    if same_origin.is_none() {
        map.missing(&["same_origin"], NOT_ACCEPTED);
    }
    let accepted = same_origin.and_then(|word| word.read(|node| leaf::word(node, &[("accepted", ())])));
    let Some(prefix) = prefix else {
        map.missing(&["prefix"], "`prefix` is required by `mount: path`, such as /pandium/app");
        return None;
    };
    let prefix = prefix.read(plain_path);
    accepted?;
    prefix.map(Mount::Path)
}

const NOT_ACCEPTED: &str = "below a path of the app's, Pandium's script runs in the app's own origin, and may do there \
    whatever the visitor may: write `same_origin: accepted`, or `mount: host`";

fn plain_path(node: &Node) -> Result<String, Wrong> {
    let text = leaf::filled(node)?;
    let wanted = "a path is wanted here such as /pandium/app: plain segments, none of them `:integration`, without \
        a slash behind";
    match Pattern::parse(text) {
        Ok(pattern) if !pattern.is_named() => Ok(text.to_owned()),
        Err(PatternError::Root) => Err("everything would be Pandium's and nothing the app's".into()),
        _ => Err(wanted.into()),
    }
}

/// `frame_ancestors` as a directive (CSP Level 3).
fn ancestors(sources: &Reader<'_>) -> Option<HeaderValue> {
    let read = sources.list(|node| leaf::filled(node).and_then(ancestor))?;
    let alone = read.iter().all(|source| source != "'none'") || read.len() == 1;
    if read.is_empty() || !alone {
        sources.error("pages that may frame it are wanted here, or \"'none'\" alone");
        return None;
    }
    HeaderValue::try_from(format!("frame-ancestors {}", read.join(" "))).ok()
}

fn ancestor(text: &str) -> Result<String, Wrong> {
    let keyword = matches!(text, "'self'" | "'none'");
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:/*[]".contains(&byte);
    let origin = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let fits = |rest: &str| !rest.is_empty() && !rest.contains('/') && rest.bytes().all(plain);
    if keyword || origin.is_some_and(fits) {
        return Ok(text.to_owned());
    }
    Err("an origin is wanted here such as https://app.example.com, or \"'self'\" or \"'none'\"".into())
}

/// `send`
fn sent(node: &Node) -> Result<HeaderName, Wrong> {
    const NEVER: [HeaderName; 12] = [
        AUTHORIZATION,
        CONNECTION,
        CONTENT_LENGTH,
        COOKIE,
        HOST,
        ORIGIN,
        PROXY_AUTHORIZATION,
        REFERER,
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
    ];
    let name = leaf::header(node)?.name;
    if NEVER.contains(&name) {
        return Err(format!(
            "{name} is the visitor's, or the connection's: it never goes to Pandium as it is"
        )
        .into());
    }
    Ok(name)
}

/// `ca_file`: the outer `None` where something is wrong with it, the inner one where nothing is proxied.
pub(super) fn authorities(
    file: Option<Reader<'_>>,
    wanted: bool,
    around: &Surroundings<'_>,
) -> Option<Option<Authorities>> {
    match file {
        Some(file) if !wanted => {
            file.error_at(
                file.key_place(),
                file.path(),
                "nobody here connects to Pandium: this needs `pandium.proxy`",
            );
            None
        }
        Some(file) => beside::authorities(&file, around).map(Some),
        None => Some(wanted.then(Authorities::of_the_web)),
    }
}

/// Reports a `proxy` for which there is no place.
pub(super) fn needed(deliver: &Reader<'_>, pandium: &Pandium) {
    if pandium.proxy.is_none() {
        deliver.error(NEEDED);
    }
}

/// The routes together with the addresses that are Pandium's.
pub(super) fn join(mut routes: Routes, pandium: Option<&Pandium>, root: &Reader<'_>) -> Option<Routes> {
    let Some(pandium) = pandium else { return Some(routes) };
    let Some(proxy) = &pandium.proxy else {
        if routes.install.deliver == Delivery::Proxy {
            root.error_at(routes.deliver_place, "routes.install.deliver", NEEDED);
        }
        return Some(routes);
    };
    let prefix = match &proxy.mount {
        Mount::Path(prefix) => prefix,
        Mount::Host(host) => {
            routes.all.push(Route { door: Door::Pandium, pattern: Pattern::of_host(host) });
            return Some(routes);
        }
    };
    let pattern = Pattern::parse(prefix).ok()?;
    let meets = |route: &&Route| route.owns(prefix) || pattern.owns(route.pattern.prefix());
    if let Some(route) = routes.all.iter().find(meets) {
        let message =
            format!("{prefix} and {} have addresses in common; give each a prefix of its own", route.pattern);
        root.error_at(proxy.place, "pandium.proxy.prefix", message);
        return None;
    }
    routes.all.push(Route { door: Door::Pandium, pattern });
    Some(routes)
}
