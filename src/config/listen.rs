//! `listen` and `admin`: where we are connected to.

use super::basics::or;
use super::beside::{self, Found, PEM_BYTES};
use super::leaf::{self, Wrong};
use super::model::{Endpoint, Listen};
use super::net::{self, Address};
use super::reader::Reader;
use super::root::Surroundings;
use super::tree::{Kind, Node, Style};
use crate::place::Place;
use crate::tls::{Chain, PrivateKey, ServerTls};
use std::time::SystemTime;

/// Where visitors are served, unless the file says otherwise.
const LISTEN: (&str, u16) = ("127.0.0.1", 8710);
/// Where the operator is served, unless the file says otherwise.
const ADMIN: (&str, u16) = ("127.0.0.1", 8711);

/// Words that say `off`, and are not it.
const OFF: [&str; 5] = ["off", "no", "none", "false", "disabled"];

impl Listen {
    /// One that takes whoever comes, and speaks HTTP/1.1.
    fn plain(at: Endpoint) -> Self {
        Self { at, mode: None, http2: false, tls: None }
    }
}

impl From<Address> for Endpoint {
    fn from(address: Address) -> Self {
        match address {
            Address::Tcp(host, port) => Self::Tcp { host, port },
            Address::Unix(path) => Self::Unix(path),
        }
    }
}

fn tcp((host, port): (&str, u16)) -> Endpoint {
    Endpoint::Tcp { host: host.to_owned(), port }
}

/// Where visitors are served, where the file does not say it.
pub(super) fn default() -> Endpoint {
    tcp(LISTEN)
}

/// `listen`
pub(super) fn listen(reader: Option<Reader<'_>>, around: &Surroundings<'_>) -> Option<Vec<Listen>> {
    let Some(reader) = reader else { return Some(vec![Listen::plain(default())]) };
    let items = reader.items();
    if items.is_empty() {
        reader.error("at least one address is wanted here, such as 127.0.0.1:8710");
        return None;
    }
    let read: Vec<_> = items.iter().map(|item| listen_one(item, around)).collect();
    let listens: Vec<Listen> = read.into_iter().collect::<Option<_>>()?;
    for (index, item) in items.iter().enumerate() {
        if listens.iter().take(index).any(|other| Some(&other.at) == listens.get(index).map(|own| &own.at)) {
            item.error("this address is listed twice");
            return None;
        }
    }
    Some(listens)
}

fn listen_one(item: &Reader<'_>, around: &Surroundings<'_>) -> Option<Listen> {
    if !item.is_map() {
        return Some(Listen::plain(item.read(net::address)?.into()));
    }
    let map = item.map()?;
    let at: Option<Address> = map.required("address").and_then(|address| address.read(net::address));
    let mode = or(map.get("mode"), None, |node| mode(node).map(Some));
    let http2 = or(map.get("http2"), false, leaf::boolean);
    let tls = match map.get("tls") {
        Some(tls) => self::tls(&tls, http2.unwrap_or_default(), around).map(Some),
        None => Some(None),
    };
    let (at, mode) = (at?, mode?);
    if let (Address::Tcp(..), Some(_)) = (&at, mode) {
        item.error("`mode` is for unix sockets alone");
        return None;
    }
    Some(Listen { at: at.into(), mode, http2: http2?, tls: tls? })
}

/// `"0660"`: YAML would read the digits as a decimal number, or as text, depending on the reader.
fn mode(node: &Node) -> Result<u32, Wrong> {
    let wanted = "a mode is wanted here, three or four octal digits in quotes, such as \"0660\"";
    let text = leaf::text(node)?;
    let octal = (3..=4).contains(&text.len()) && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    u32::from_str_radix(text, 8).ok().filter(|_| octal).ok_or_else(|| wanted.into())
}

/// `tls`
fn tls(reader: &Reader<'_>, http2: bool, around: &Surroundings<'_>) -> Option<ServerTls> {
    let map = reader.map()?;
    let cert = map.required("cert").map(|cert| (chain(&cert, around), cert));
    let key = map.required("key").map(|key| (private_key(&key, around), key));
    let clients = match map.get("client_ca") {
        Some(file) => beside::authorities(&file, around).map(Some),
        None => Some(None),
    };
    let ((chain, _), (key, said)) = (cert?, key?);
    let made = match (chain?, key?) {
        (Some(chain), Some(key)) => {
            ServerTls::new(chain, key, clients?, http2).map_err(|fault| fault.to_string())
        }
        _ => ServerTls::nobody(clients?).map_err(|fault| fault.to_string()),
    };
    made.map_err(|fault| said.error(fault)).ok()
}

/// `cert`; none inside where it was left alone.
fn chain(file: &Reader<'_>, around: &Surroundings<'_>) -> Option<Option<Chain>> {
    let Found::Bytes(text) = beside::read(file, around, PEM_BYTES)? else { return Some(None) };
    let chain = Chain::from_pem(&text).map_err(|fault| file.error(fault.to_string())).ok()?;
    if let Some(objection) = chain.objection(SystemTime::now()) {
        file.warn(objection);
    }
    Some(Some(chain))
}

/// `key`; none inside where it was left alone.
fn private_key(file: &Reader<'_>, around: &Surroundings<'_>) -> Option<Option<PrivateKey>> {
    if matches!(&file.node().kind, Kind::Text { text, .. } if text.contains("-----BEGIN")) {
        file.clone().hiding().error("a key does not belong in this file; write `key: /path/of/it`");
        return None;
    }
    if around.options.without_secrets {
        return file.read(|node| leaf::filled(node).map(|_| None));
    }
    let Found::Bytes(text) = beside::read(file, around, PEM_BYTES)? else { return Some(None) };
    let key = PrivateKey::from_pem(&text);
    key.map_err(|fault| file.error(fault.to_string())).ok().map(Some)
}

/// `admin`
pub(super) fn admin(reader: Option<Reader<'_>>) -> Option<Option<Listen>> {
    or(reader, Some(Listen::plain(tcp(ADMIN))), |node| match &node.kind {
        Kind::Bool(false) => Ok(None),
        Kind::Text { text, .. } if text == "off" => Ok(None),
        Kind::Text { text, .. } if OFF.iter().any(|word| word.eq_ignore_ascii_case(text)) => {
            Err("to turn it off, write off".into())
        }
        _ => net::address(node).map(|address| Some(Listen::plain(address.into()))),
    })
}

/// An address as a flag gives it: the same words as in the file.
pub fn parse_listen(text: &str) -> Result<Listen, String> {
    let kind = Kind::Text { text: text.to_owned(), style: Style::Quoted };
    let address = net::address(&Node { place: Place::default(), kind }).map_err(|wrong| wrong.message)?;
    Ok(Listen::plain(address.into()))
}
