//! The leaves that name peers and addresses.

use super::advice;
use super::leaf::{Wrong, filled, outside, shown};
use super::tree::Node;
use ipnet::IpNet;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;

/// Where something listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `host:port`; an IPv6 host without its brackets.
    Tcp(String, u16),
    /// `unix:/path`
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) => write!(f, "{}:{port}", bracketed(host)),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

/// `host:port` or `unix:/path`.
pub fn address(node: &Node) -> Result<Address, Wrong> {
    let text = filled(node)?;
    let wanted = |suggestion| {
        let message = format!("an address is wanted here, host:port or unix:/path, not {}", shown(node));
        Wrong::from(message).suggest(node, suggestion)
    };
    if let Some(path) = text.strip_prefix("unix:") {
        let absolute = path.starts_with('/') && !path.ends_with('/') && !path.contains('\0');
        let too_relative = || wanted((!path.starts_with('/')).then(|| "unix:/path".to_owned()));
        return if absolute { Ok(Address::Unix(path.into())) } else { Err(too_relative()) };
    }
    if let Ok(port) = text.trim_start_matches(':').parse::<u16>() {
        return Err(wanted(Some(format!("127.0.0.1:{port}"))));
    }
    match host_and_port(text) {
        Some((host, Some(port))) => Ok(Address::Tcp(host, port)),
        _ => Err(wanted(advice::listen(text))),
    }
}

/// Splits `host`, `host:port`, `[v6]` or `[v6]:port`.
pub(super) fn host_and_port(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            let host: Ipv6Addr = host.parse().ok()?;
            (host.to_string(), if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host.to_owned(), Some(port)),
            None => (text.to_owned(), None),
        },
    };
    let port = match port {
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => Some(port.parse().ok()?),
        Some(_) => return None,
        None => None,
    };
    (host.contains(':') || is_host(&host)).then_some((host, port))
}

fn is_host(host: &str) -> bool {
    let label = |label: &str| {
        let inner = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        (1..=63).contains(&label.len()) && inner && !label.starts_with('-') && !label.ends_with('-')
    };
    let numeric = host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    host.len() <= 253 && host.split('.').all(label) && (!numeric || host.parse::<IpAddr>().is_ok())
}

/// The name of a host, and nothing else, in lower case.
pub fn host_name(node: &Node) -> Result<String, Wrong> {
    let text = filled(node)?;
    let wanted =
        |why: &str| Err(Wrong::from(format!("a host's name is wanted here, not {}{why}", shown(node))));
    if text.contains("://") || text.contains('/') {
        return wanted(": it has neither a scheme nor a path");
    }
    if text.parse::<IpAddr>().is_ok() || text.starts_with('[') {
        return wanted(": an address is no name that could be Pandium's alone");
    }
    match host_and_port(text) {
        Some((host, None)) if host.contains(|c: char| c.is_ascii_alphabetic()) => {
            Ok(host.to_ascii_lowercase())
        }
        Some((_, Some(_))) => wanted(": without a port, which is the one that the visitor came by"),
        _ => wanted(""),
    }
}

/// A web address without a path: `https://host` or `https://host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    /// Whether it is `https`.
    pub tls: bool,
    /// The host, in lower case; IPv6 without brackets.
    pub host: String,
    /// The port, where one was written.
    pub port: Option<u16>,
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}", bracketed(&self.host))?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// Where plain `http` may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainHttp {
    /// To hosts on this machine.
    Loopback,
    /// Anywhere: the network between is the operator's own.
    Anywhere,
}

/// The base of an `http` or `https` address.
pub fn base_url(node: &Node, plain: PlainHttp) -> Result<BaseUrl, Wrong> {
    let text = filled(node)?;
    let (tls, rest) = if let Some(rest) = text.strip_prefix("https://") {
        (true, rest)
    } else if let Some(rest) = text.strip_prefix("http://") {
        (false, rest)
    } else {
        let wanted =
            format!("an address is wanted here that begins with https:// or http://{}", outside(node));
        let scheme = if plain == PlainHttp::Anywhere { "http" } else { "https" };
        return Err(Wrong::from(wanted).suggest(node, advice::web_address(text, scheme)));
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.contains('@') {
        return Err(Wrong::from("no user or password belongs in this address"));
    }
    if rest.contains(['/', '?', '#', '\\']) {
        let host = rest.split('/').next().filter(|host| !host.is_empty() && !host.contains(['?', '#', '\\']));
        let scheme = if tls { "https" } else { "http" };
        let base =
            host.filter(|_| tls || plain == PlainHttp::Anywhere).map(|host| format!("{scheme}://{host}"));
        return Err(Wrong::from("no path, query or fragment belongs in this address").suggest(node, base));
    }
    let (host, port) = host_and_port(rest)
        .ok_or_else(|| Wrong::from(format!("{} has no host that could be, or no such port", shown(node))))?;
    if !tls && plain == PlainHttp::Loopback && !is_loopback(&host) {
        return Err(Wrong::from(
            "a token would go in the clear: write https:// (http:// is for loopback hosts)",
        ));
    }
    Ok(BaseUrl { tls, host: host.to_ascii_lowercase(), port })
}

/// Whether it can only be this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

/// An address or a CIDR. IPv4-mapped addresses are IPv4.
pub fn network(node: &Node) -> Result<IpNet, Wrong> {
    let text = filled(node)?;
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address.to_canonical()));
    }
    let written: IpNet = text.parse().map_err(|_| {
        let name = text.starts_with(|c: char| c.is_ascii_alphabetic()) && is_host(text);
        let why = if name { ": a name is not looked up" } else { "" };
        let wanted =
            format!("an address or CIDR is wanted here, such as 10.0.0.0/8, not {}{why}", shown(node));
        Wrong::from(wanted).suggest(node, advice::network(text))
    })?;
    if written.trunc() != written {
        let message = format!("{} has bits behind its prefix", shown(node));
        return Err(Wrong::from(message).suggest(node, Some(written.trunc().to_string())));
    }
    Ok(unmapped(written))
}

fn unmapped(net: IpNet) -> IpNet {
    let v4 = match (net.addr().to_canonical(), net.prefix_len().checked_sub(96)) {
        (address @ IpAddr::V4(_), Some(prefix)) if net.addr().is_ipv6() => IpNet::new(address, prefix).ok(),
        _ => None,
    };
    v4.unwrap_or(net)
}
