//! Whom we believe: the peers whose word about a visitor counts.
//!
//! Trust looks at the other end of the socket, and at a secret that it may have to show; at nothing
//! else that a message says. Whoever wants to read a session from request headers has to show a
//! [`TrustedPeer`], and only [`Trust::admit`] hands one out.

use crate::redact::Secret;
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
    fn is_shown(&self, headers: &HeaderMap) -> bool {
        let equal =
            |line: &HeaderValue| verify_slices_are_equal(line.as_bytes(), self.value.expose()).is_ok();
        headers.get_all(&self.name).iter().fold(false, |shown, line| equal(line) | shown)
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
    /// Trust in these peers, if they show the header where there is one, unless that would be trust
    /// in everybody.
    pub fn new(peers: Vec<PeerRule>, header: Option<SharedHeader>) -> Result<Self, TooWide> {
        let nets: Vec<IpNet> = peers.iter().filter_map(PeerRule::net).collect();
        if covers_everything(&nets) {
            return Err(TooWide::Everything);
        }
        let wide = nets.iter().find(|net| header.is_none() && net.prefix_len() < narrowest_allowed(net));
        match wide {
            Some(net) => Err(TooWide::Net(*net, narrowest_allowed(net))),
            None => Ok(Self { peers, header, complete: false }),
        }
    }

    /// The same with `trust.complete`.
    #[must_use]
    pub fn completed(self, complete: bool) -> Self {
        Self { complete, ..self }
    }

    /// The proof of trust, for a peer that has it: all that is asked for must hold.
    pub fn admit(&self, peer: Peer, headers: &HeaderMap) -> Option<TrustedPeer> {
        let shown = self.header.as_ref().is_none_or(|shared| shared.is_shown(headers));
        (self.is_given() && self.has(peer) && shown).then_some(TrustedPeer { _only_from_trust: () })
    }

    /// Why this peer is not believed.
    pub fn doubt(&self, peer: Peer) -> String {
        match &self.header {
            Some(shared) if self.has(peer) => {
                format!("no header {} with the secret of trust.header", shared.name)
            }
            _ => format!("trust.peers does not have {peer}"),
        }
    }

    fn has(&self, peer: Peer) -> bool {
        self.peers.is_empty() || self.peers.iter().any(|rule| rule.admits(peer))
    }

    /// Whether anybody is believed at all.
    pub fn is_given(&self) -> bool {
        !self.peers.is_empty() || self.header.is_some()
    }

    /// `trust.peers`
    pub fn peers(&self) -> &[PeerRule] {
        &self.peers
    }

    /// `trust.header`
    pub fn header(&self) -> Option<&SharedHeader> {
        self.header.as_ref()
    }

    /// `trust.complete`: whether a header that is not there is a header that the edge forgot.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Makes these the headers of a peer that would be admitted, for a rehearsal through the same
    /// doors.
    pub fn rehearse(&self, headers: &mut HeaderMap) -> Option<Peer> {
        let shared = self.header.as_ref();
        if let Some((shared, mut value)) =
            shared.and_then(|shared| Some((shared, HeaderValue::from_bytes(shared.value.expose()).ok()?)))
        {
            value.set_sensitive(true);
            headers.insert(shared.name.clone(), value);
        }
        let anybody = shared.map(|_| Peer::ip(Ipv4Addr::LOCALHOST.into()));
        self.peers.first().map(PeerRule::example).or(anybody)
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
mod tests {
    use super::{Peer, PeerRule, SharedHeader, TooWide, Trust};
    use crate::redact::Secret;
    use http::{HeaderMap, HeaderValue};

    fn rules(nets: &[&str]) -> Vec<PeerRule> {
        nets.iter().map(|net| PeerRule::Net(net.parse().unwrap())).collect()
    }

    fn ip(text: &str) -> Peer {
        Peer::ip(text.parse().unwrap())
    }

    #[test]
    fn believes_those_named_and_nobody_else() {
        let trust = Trust::new(rules(&["127.0.0.2/32", "10.1.0.0/16", "::1/128"]), None).unwrap();
        for (peer, believed) in [
            ("127.0.0.2", true),
            ("127.0.0.1", false),
            ("10.1.255.1", true),
            ("10.2.0.1", false),
            ("::1", true),
            ("::ffff:127.0.0.2", true),
            ("::ffff:127.0.0.1", false),
        ] {
            assert_eq!(trust.admit(ip(peer), &HeaderMap::new()).is_some(), believed, "{peer}");
        }
        assert!(trust.admit(Peer::Unix(Some(0)), &HeaderMap::new()).is_none());
        assert!(Trust::default().admit(ip("127.0.0.1"), &HeaderMap::new()).is_none());
    }

    #[test]
    fn a_unix_peer_is_known_by_its_user() {
        let trust = Trust::new(vec![PeerRule::UnixUid(33)], None).unwrap();
        assert!(trust.admit(Peer::Unix(Some(33)), &HeaderMap::new()).is_some());
        assert!(trust.admit(Peer::Unix(Some(0)), &HeaderMap::new()).is_none());
        assert!(trust.admit(Peer::Unix(None), &HeaderMap::new()).is_none());
        assert!(
            Trust::new(vec![PeerRule::Unix], None)
                .unwrap()
                .admit(Peer::Unix(None), &HeaderMap::new())
                .is_some()
        );
    }

    #[test]
    fn trust_in_everybody_is_an_error() {
        for nets in [&["0.0.0.0/0"][..], &["::/0"], &["0.0.0.0/1", "128.0.0.0/1"], &["::/1", "8000::/1"]] {
            assert_eq!(Trust::new(rules(nets), None), Err(TooWide::Everything), "{nets:?}");
        }
        for nets in [&["0.0.0.0/1"][..], &["10.0.0.0/7"], &["fd00::/8"], &["::/15"]] {
            assert!(matches!(Trust::new(rules(nets), None), Err(TooWide::Net(..))), "{nets:?}");
        }
        for nets in [&["10.0.0.0/8"][..], &["fd00::/16"], &[]] {
            assert!(Trust::new(rules(nets), None).is_ok(), "{nets:?}");
        }
    }

    fn shared() -> SharedHeader {
        let name = "x-edge".parse().unwrap();
        SharedHeader { name, value: Secret::new(b"correct horse".to_vec()), source: String::new() }
    }

    fn shown(lines: &[&'static str]) -> HeaderMap {
        lines.iter().map(|line| ("x-edge".parse().unwrap(), HeaderValue::from_static(line))).collect()
    }

    #[test]
    fn all_that_is_asked_for_must_hold() {
        let both = Trust::new(rules(&["127.0.0.2/32"]), Some(shared())).unwrap();
        let alone = Trust::new(vec![], Some(shared())).unwrap();
        for (lines, right) in [
            (&["correct horse"][..], true),
            (&["correct hors"], false),
            (&["Correct horse"], false),
            (&[""], false),
            (&[], false),
            // The second one is refused as such, whichever of the two is right.
            (&["correct horse", "wrong"], true),
            (&["wrong", "correct horse"], true),
            (&["wrong", "wrong"], false),
        ] {
            assert_eq!(both.admit(ip("127.0.0.2"), &shown(lines)).is_some(), right, "{lines:?}");
            assert_eq!(alone.admit(ip("192.0.2.1"), &shown(lines)).is_some(), right, "{lines:?}");
            assert!(both.admit(ip("127.0.0.3"), &shown(lines)).is_none(), "{lines:?}");
        }
    }

    #[test]
    fn a_header_allows_a_wide_network_but_never_everything() {
        for nets in [&["0.0.0.0/1"][..], &["10.0.0.0/7"], &["::/15"]] {
            assert!(Trust::new(rules(nets), Some(shared())).is_ok(), "{nets:?}");
        }
        for nets in [&["0.0.0.0/0"][..], &["0.0.0.0/1", "128.0.0.0/1"], &["::/0"]] {
            assert_eq!(Trust::new(rules(nets), Some(shared())), Err(TooWide::Everything), "{nets:?}");
        }
    }

    #[test]
    fn a_rehearsal_is_admitted() {
        for (nets, header) in
            [(&["192.168.3.0/24"][..], None), (&["192.168.3.0/24"], Some(shared())), (&[], Some(shared()))]
        {
            let trust = Trust::new(rules(nets), header).unwrap();
            let mut headers = HeaderMap::new();
            let peer = trust.rehearse(&mut headers).unwrap();
            assert!(trust.admit(peer, &headers).is_some());
        }
        assert!(Trust::default().rehearse(&mut HeaderMap::new()).is_none());
    }
}
