//! Programs that we connect to: where they listen, and how they prove that it is them.

use super::advice;
use super::basics::or;
use super::beside::authorities;
use super::leaf::{self, Wrong};
use super::model::{Endpoint, Remote, Upstream};
use super::net::{self, BaseUrl, PlainHttp};
use super::reader::Reader;
use super::root::Surroundings;
use super::tree::Node;
use crate::tls::{Authorities, ClientTls, Name};
use std::time::Duration;

/// What stands beside an address, and says how its owner proves that it is the one.
#[derive(Default)]
pub(super) struct Proof<'t> {
    pub(super) ca_file: Option<Reader<'t>>,
    pub(super) server_name: Option<Reader<'t>>,
}

/// `upstream`
pub(super) fn upstream(reader: Option<Reader<'_>>, around: &Surroundings<'_>) -> Option<Option<Upstream>> {
    let keepalive = Duration::from_millis(1500);
    let Some(reader) = reader else { return Some(None) };
    if !reader.is_map() {
        let at = app(&reader, Proof::default(), around)?;
        return Some(Some(Upstream { at, keepalive }));
    }
    let map = reader.map()?;
    let proof = Proof { ca_file: map.get("ca_file"), server_name: map.get("server_name") };
    let at = map.required("url").and_then(|url| app(&url, proof, around));
    let keepalive = or(map.get("keepalive"), keepalive, leaf::duration);
    Some(Some(Upstream { at: at?, keepalive: keepalive? }))
}

enum Written {
    Unix(Endpoint),
    Web(BaseUrl),
}

fn app(url: &Reader<'_>, proof: Proof<'_>, around: &Surroundings<'_>) -> Option<Remote> {
    match url.read(written)? {
        Written::Unix(endpoint) => proof.is_none().then_some(Remote { endpoint, tls: None }),
        Written::Web(base) => web(&base, url, proof, around),
    }
}

fn written(node: &Node) -> Result<Written, Wrong> {
    let text = leaf::filled(node)?;
    if text.starts_with("unix:") {
        return net::address(node).map(Endpoint::from).map(Written::Unix);
    }
    if text.starts_with("http://") || text.starts_with("https://") {
        return net::base_url(node, PlainHttp::Anywhere).map(Written::Web);
    }
    let wanted =
        "an address is wanted here, such as http://127.0.0.1:3000, https://app.example or unix:/path";
    let socket = text.starts_with('/').then(|| format!("unix:{text}"));
    let meant = socket.or_else(|| advice::web_address(text, "http"));
    Err(Wrong::from(format!("{wanted}{}", leaf::outside(node))).suggest(node, meant))
}

/// The program at an `http` or `https` address.
pub(super) fn web(
    base: &BaseUrl,
    url: &Reader<'_>,
    proof: Proof<'_>,
    around: &Surroundings<'_>,
) -> Option<Remote> {
    if !base.tls {
        return proof.is_none().then(|| Remote { endpoint: endpoint(base), tls: None });
    }
    let authorities = match proof.ca_file {
        Some(file) => authorities(&file, around),
        None => Some(Authorities::of_the_web()),
    };
    let parsed = |name: &str| Name::parse(name).map_err(|fault| Wrong::from(fault.to_string()));
    let name = match proof.server_name {
        Some(reader) => reader.read(|node| parsed(leaf::filled(node)?)),
        None => url.read(|_| parsed(&base.host)),
    };
    encrypted(base, url, name?, authorities?)
}

/// Pandium at its address, where these say that it is.
pub(super) fn of_pandium(base: &BaseUrl, url: &Reader<'_>, authorities: Authorities) -> Option<Remote> {
    if !base.tls {
        return Some(Remote { endpoint: endpoint(base), tls: None });
    }
    let name = url.read(|_| Name::parse(&base.host).map_err(|fault| Wrong::from(fault.to_string())))?;
    encrypted(base, url, name, authorities)
}

fn endpoint(base: &BaseUrl) -> Endpoint {
    let port = base.port.unwrap_or(if base.tls { 443 } else { 80 });
    Endpoint::Tcp { host: base.host.clone(), port }
}

fn encrypted(base: &BaseUrl, url: &Reader<'_>, name: Name, authorities: Authorities) -> Option<Remote> {
    let tls = ClientTls::new(name, authorities).map_err(|fault| url.error(fault.to_string())).ok()?;
    Some(Remote { endpoint: endpoint(base), tls: Some(tls) })
}

impl Proof<'_> {
    /// Whether nothing has to be proved; what stands there all the same is reported.
    fn is_none(&self) -> bool {
        let stray: Vec<_> = self.ca_file.iter().chain(&self.server_name).collect();
        for key in &stray {
            key.error("only behind https:// is anything proved; write that in the address, or drop this key");
        }
        stray.is_empty()
    }
}
