//! Whom we believe: the peers whose word about a visitor counts.
//!
//! Trust looks at the other end of the socket, at the certificate that it has shown there, and at a
//! secret that it may have to show; at nothing else that a message says. Whoever wants to read a session from request headers has to show a
//! [`TrustedPeer`], and only [`Trust::admit`] hands one out.

use crate::http1::lines::Lines;
use crate::redact::Secret;
use crate::tls::San;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

/// The other end of the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Over TCP.
    Ip(IpAddr),
    /// Over a unix socket, with the user id that the kernel tells, where it does.
    Unix(Option<u32>),
}

impl Peer {
    /// The address, where there is one. IPv4-mapped IPv6 addresses count as IPv4 (RFC 4291 §2.5.5.2).
    pub fn ip(address: IpAddr) -> Self {
        Self::Ip(address.to_canonical())
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => write!(f, "{ip}"),
            Self::Unix(Some(uid)) => write!(f, "unix:{uid}"),
            Self::Unix(None) => f.write_str("unix"),
        }
    }
}

/// Whoever sends a request: the other end of the connection, and what its certificate calls it.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'c> {
    /// The other end of the socket.
    pub peer: Peer,
    /// The names in a certificate that it has shown, and that was good.
    pub names: &'c [San],
}

impl From<Peer> for Caller<'_> {
    fn from(peer: Peer) -> Self {
        Self { peer, names: &[] }
    }
}

/// One entry of `trust.peers`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerRule {
    /// An address or a network.
    Net(IpNet),
    /// Anybody on a unix socket: its mode says who may connect.
    Unix,
    /// One user on a unix socket.
    UnixUid(u32),
}

impl PeerRule {
    fn admits(&self, peer: Peer) -> bool {
        match (self, peer) {
            (Self::Net(net), Peer::Ip(ip)) => net.contains(&ip),
            (Self::Unix, Peer::Unix(_)) => true,
            (Self::UnixUid(want), Peer::Unix(Some(uid))) => *want == uid,
            _ => false,
        }
    }

    /// A peer that this rule admits, to rehearse with.
    fn example(&self) -> Peer {
        match self {
            Self::Net(net) => Peer::ip(net.addr()),
            Self::Unix => Peer::Unix(None),
            Self::UnixUid(uid) => Peer::Unix(Some(*uid)),
        }
    }
}

impl fmt::Display for PeerRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Net(net) if net.prefix_len() == net.max_prefix_len() => write!(f, "{}", net.addr()),
            Self::Net(net) => write!(f, "{net}"),
            Self::Unix => f.write_str("unix"),
            Self::UnixUid(uid) => write!(f, "unix:{uid}"),
        }
    }
}

/// The proof that a request came from a peer we believe.
#[derive(Clone, Copy, Debug)]
pub struct TrustedPeer {
    _only_from_trust: (),
}

/// `trust`, as it was checked at load.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trust {
    peers: Vec<PeerRule>,
    header: Option<SharedHeader>,
    names: Vec<San>,
    complete: bool,
}

/// `trust.header`: a secret that a trusted peer shows with each request.
#[derive(Clone, Debug, PartialEq)]
pub struct SharedHeader {
    /// The header's name.
    pub name: HeaderName,
    /// What it has to hold.
    pub value: Secret,
    /// Where that is kept, for people.
    pub source: String,
}

impl SharedHeader {
    /// Whether it was shown. Every line of that name is compared, each in constant time: a second one
    /// is refused as such, once the first is known to be a friend's.
    fn is_shown(&self, headers: Lines<'_>) -> bool {
        let equal = |line: &[u8]| verify_slices_are_equal(line, self.value.expose()).is_ok();
        headers.all(&self.name).fold(false, |shown, line| equal(line) | shown)
    }
}

/// Why a list of peers is no trust at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooWide {
    /// One network that is most of the internet.
    #[error("{0} is wider than /{1}: that trusts strangers; name the addresses of the proxy in front")]
    Net(IpNet, u8),
    /// Networks that together are everything.
    #[error(
        "these networks together cover every address: that trusts everybody; name the addresses of the proxy in front"
    )]
    Everything,
}

impl Trust {
    /// Trust in these peers, if they show the header where there is one, and a certificate with one of
    /// the names where there are any, unless that would be trust in everybody.
    pub fn new(peers: Vec<PeerRule>, header: Option<SharedHeader>, names: Vec<San>) -> Result<Self, TooWide> {
        let nets: Vec<IpNet> = peers.iter().filter_map(PeerRule::net).collect();
        if covers_everything(&nets) {
            return Err(TooWide::Everything);
        }
        let alone = header.is_none() && names.is_empty();
        match nets.iter().find(|net| alone && net.prefix_len() < narrowest_allowed(net)) {
            Some(net) => Err(TooWide::Net(*net, narrowest_allowed(net))),
            None => Ok(Self { peers, header, names, complete: false }),
        }
    }

    /// The same with `trust.complete`.
    #[must_use]
    pub fn completed(self, complete: bool) -> Self {
        Self { complete, ..self }
    }

    /// The proof of trust, for a caller that has it: all that is asked for must hold.
    pub fn admit<'c, 'h>(
        &self,
        caller: impl Into<Caller<'c>>,
        headers: impl Into<Lines<'h>>,
    ) -> Option<TrustedPeer> {
        let (caller, headers) = (caller.into(), headers.into());
        let shown = self.header.as_ref().is_none_or(|shared| shared.is_shown(headers));
        let all = self.has(caller.peer) && self.knows(caller.names) && shown;
        (self.is_given() && all).then_some(TrustedPeer { _only_from_trust: () })
    }

    /// Why this caller is not believed.
    pub fn doubt<'c>(&self, caller: impl Into<Caller<'c>>) -> String {
        let Caller { peer, names } = caller.into();
        if self.is_given() && self.has(peer) {
            match &self.header {
                _ if !self.knows(names) && names.is_empty() => {
                    return "no client certificate, and trust.client_cert wants one".to_owned();
                }
                _ if !self.knows(names) => {
                    return "trust.client_cert has no name of this client certificate".to_owned();
                }
                Some(shared) => return format!("no header {} with the secret of trust.header", shared.name),
                None => {}
            }
        }
        format!("trust.peers does not have {peer}")
    }

    fn has(&self, peer: Peer) -> bool {
        self.peers.is_empty() || self.peers.iter().any(|rule| rule.admits(peer))
    }

    fn knows(&self, names: &[San]) -> bool {
        self.names.is_empty() || names.iter().any(|name| self.names.contains(name))
    }

    /// Whether anybody is believed at all.
    pub fn is_given(&self) -> bool {
        !self.peers.is_empty() || self.header.is_some() || !self.names.is_empty()
    }

    /// `trust.peers`
    pub fn peers(&self) -> &[PeerRule] {
        &self.peers
    }

    /// `trust.header`
    pub fn header(&self) -> Option<&SharedHeader> {
        self.header.as_ref()
    }

    /// `trust.client_cert`: names of which a certificate has to have one; none where nobody needs any.
    pub fn names(&self) -> &[San] {
        &self.names
    }

    /// `trust.complete`: whether a header that is not there is a header that the edge forgot.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Makes these the headers of a peer that would be admitted, for a rehearsal through the same
    /// doors.
    pub fn rehearse(&self, headers: &mut HeaderMap) -> Option<Caller<'_>> {
        let shared = self.header.as_ref();
        if let Some((shared, mut value)) =
            shared.and_then(|shared| Some((shared, HeaderValue::from_bytes(shared.value.expose()).ok()?)))
        {
            value.set_sensitive(true);
            headers.insert(shared.name.clone(), value);
        }
        let anybody = || Peer::ip(Ipv4Addr::LOCALHOST.into());
        let peer = self.peers.first().map_or_else(anybody, PeerRule::example);
        self.is_given().then_some(Caller { peer, names: &self.names })
    }
}

impl Trust {
    /// Somebody who is not believed, for a rehearsal: from an address that is nobody's (RFC 5737, RFC
    /// 3849), and without a secret or a certificate.
    pub fn stranger(&self) -> Peer {
        let nobodies = ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1"];
        let mut peers = nobodies.iter().filter_map(|address| address.parse().ok()).map(Peer::ip);
        peers.find(|peer| self.peers.is_empty() || !self.has(*peer)).unwrap_or(Peer::Unix(None))
    }
}

impl PeerRule {
    /// The network, where it is one.
    pub fn net(&self) -> Option<IpNet> {
        match self {
            Self::Net(net) => Some(*net),
            Self::Unix | Self::UnixUid(_) => None,
        }
    }
}

fn narrowest_allowed(net: &IpNet) -> u8 {
    match net {
        IpNet::V4(_) => 8,
        IpNet::V6(_) => 16,
    }
}

fn covers_everything(nets: &[IpNet]) -> bool {
    IpNet::aggregate(&nets.to_vec()).iter().any(|net| net.prefix_len() == 0)
}

#[cfg(test)]
mod tests;
