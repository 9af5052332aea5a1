//! Whom we believe: the peers whose word about a visitor counts.
//!
//! Trust looks at the other end of the socket and at nothing that a message says. Whoever wants to
//! read a session from request headers has to show a [`TrustedPeer`], and only [`Trust::admit`]
//! hands one out.

use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;

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
    /// Trust in these peers, unless that would be trust in everybody.
    pub fn new(peers: Vec<PeerRule>) -> Result<Self, TooWide> {
        let nets: Vec<IpNet> = peers.iter().filter_map(PeerRule::net).collect();
        if covers_everything(&nets) {
            return Err(TooWide::Everything);
        }
        match nets.iter().find(|net| net.prefix_len() < narrowest_allowed(net)) {
            Some(net) => Err(TooWide::Net(*net, narrowest_allowed(net))),
            None => Ok(Self { peers }),
        }
    }

    /// The proof of trust, for a peer that has it.
    pub fn admit(&self, peer: Peer) -> Option<TrustedPeer> {
        let admitted = self.peers.iter().any(|rule| rule.admits(peer));
        admitted.then_some(TrustedPeer { _only_from_trust: () })
    }

    /// What was configured.
    pub fn peers(&self) -> &[PeerRule] {
        &self.peers
    }

    /// A peer that would be admitted, for a rehearsal through the same doors.
    pub fn example(&self) -> Option<Peer> {
        self.peers.first().map(PeerRule::example)
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
    use super::{Peer, PeerRule, TooWide, Trust};

    fn rules(nets: &[&str]) -> Vec<PeerRule> {
        nets.iter().map(|net| PeerRule::Net(net.parse().unwrap())).collect()
    }

    fn ip(text: &str) -> Peer {
        Peer::ip(text.parse().unwrap())
    }

    #[test]
    fn believes_those_named_and_nobody_else() {
        let trust = Trust::new(rules(&["127.0.0.2/32", "10.1.0.0/16", "::1/128"])).unwrap();
        for (peer, believed) in [
            ("127.0.0.2", true),
            ("127.0.0.1", false),
            ("10.1.255.1", true),
            ("10.2.0.1", false),
            ("::1", true),
            ("::ffff:127.0.0.2", true),
            ("::ffff:127.0.0.1", false),
        ] {
            assert_eq!(trust.admit(ip(peer)).is_some(), believed, "{peer}");
        }
        assert!(trust.admit(Peer::Unix(Some(0))).is_none());
        assert!(Trust::default().admit(ip("127.0.0.1")).is_none());
    }

    #[test]
    fn a_unix_peer_is_known_by_its_user() {
        let trust = Trust::new(vec![PeerRule::UnixUid(33)]).unwrap();
        assert!(trust.admit(Peer::Unix(Some(33))).is_some());
        assert!(trust.admit(Peer::Unix(Some(0))).is_none());
        assert!(trust.admit(Peer::Unix(None)).is_none());
        assert!(Trust::new(vec![PeerRule::Unix]).unwrap().admit(Peer::Unix(None)).is_some());
    }

    #[test]
    fn trust_in_everybody_is_an_error() {
        for nets in [&["0.0.0.0/0"][..], &["::/0"], &["0.0.0.0/1", "128.0.0.0/1"], &["::/1", "8000::/1"]] {
            assert_eq!(Trust::new(rules(nets)), Err(TooWide::Everything), "{nets:?}");
        }
        for nets in [&["0.0.0.0/1"][..], &["10.0.0.0/7"], &["fd00::/8"], &["::/15"]] {
            assert!(matches!(Trust::new(rules(nets)), Err(TooWide::Net(..))), "{nets:?}");
        }
        for nets in [&["10.0.0.0/8"][..], &["fd00::/16"], &[]] {
            assert!(Trust::new(rules(nets)).is_ok(), "{nets:?}");
        }
    }

    #[test]
    fn the_example_is_admitted() {
        let trust = Trust::new(rules(&["192.168.3.0/24"])).unwrap();
        assert!(trust.admit(trust.example().unwrap()).is_some());
    }
}
