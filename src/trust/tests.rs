//! Who is believed, and who is not.

use super::{Caller, Peer, PeerRule, SharedHeader, TooWide, Trust};
use crate::redact::Secret;
use crate::tls::San;
use http::{HeaderMap, HeaderValue};

fn rules(nets: &[&str]) -> Vec<PeerRule> {
    nets.iter().map(|net| PeerRule::Net(net.parse().unwrap())).collect()
}

fn ip(text: &str) -> Peer {
    Peer::ip(text.parse().unwrap())
}

#[test]
fn believes_those_named_and_nobody_else() {
    let trust = Trust::new(rules(&["127.0.0.2/32", "10.1.0.0/16", "::1/128"]), None, vec![]).unwrap();
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
    let trust = Trust::new(vec![PeerRule::UnixUid(33)], None, vec![]).unwrap();
    assert!(trust.admit(Peer::Unix(Some(33)), &HeaderMap::new()).is_some());
    assert!(trust.admit(Peer::Unix(Some(0)), &HeaderMap::new()).is_none());
    assert!(trust.admit(Peer::Unix(None), &HeaderMap::new()).is_none());
    assert!(
        Trust::new(vec![PeerRule::Unix], None, vec![])
            .unwrap()
            .admit(Peer::Unix(None), &HeaderMap::new())
            .is_some()
    );
}

#[test]
fn trust_in_everybody_is_an_error() {
    for nets in [&["0.0.0.0/0"][..], &["::/0"], &["0.0.0.0/1", "128.0.0.0/1"], &["::/1", "8000::/1"]] {
        assert_eq!(Trust::new(rules(nets), None, vec![]), Err(TooWide::Everything), "{nets:?}");
    }
    for nets in [&["0.0.0.0/1"][..], &["10.0.0.0/7"], &["fd00::/8"], &["::/15"]] {
        assert!(matches!(Trust::new(rules(nets), None, vec![]), Err(TooWide::Net(..))), "{nets:?}");
    }
    for nets in [&["10.0.0.0/8"][..], &["fd00::/16"], &[]] {
        assert!(Trust::new(rules(nets), None, vec![]).is_ok(), "{nets:?}");
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
    let both = Trust::new(rules(&["127.0.0.2/32"]), Some(shared()), vec![]).unwrap();
    let alone = Trust::new(vec![], Some(shared()), vec![]).unwrap();
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
        assert!(Trust::new(rules(nets), Some(shared()), vec![]).is_ok(), "{nets:?}");
    }
    for nets in [&["0.0.0.0/0"][..], &["0.0.0.0/1", "128.0.0.0/1"], &["::/0"]] {
        assert_eq!(Trust::new(rules(nets), Some(shared()), vec![]), Err(TooWide::Everything), "{nets:?}");
    }
}

#[test]
fn a_rehearsal_is_admitted() {
    for (nets, header, names) in [
        (&["192.168.3.0/24"][..], None, vec![]),
        (&["192.168.3.0/24"], Some(shared()), vec![san("a")]),
        (&[], Some(shared()), vec![]),
        (&[], None, vec![san("a"), san("b")]),
    ] {
        let trust = Trust::new(rules(nets), header, names).unwrap();
        let mut headers = HeaderMap::new();
        let peer = trust.rehearse(&mut headers).unwrap();
        assert!(trust.admit(peer, &headers).is_some());
    }
    assert!(Trust::default().rehearse(&mut HeaderMap::new()).is_none());
}

fn san(text: &str) -> San {
    San::parse(text).unwrap()
}

#[test]
fn a_certificate_counts_by_one_of_its_names() {
    let wanted = vec![san("edge.internal"), san("spiffe://cluster/edge"), san("10.0.0.1"), san("ops@a.test")];
    let nets = rules(&["127.0.0.2/32"]);
    let both = Trust::new(nets.clone(), None, wanted.clone()).unwrap();
    let alone = Trust::new(vec![], None, wanted.clone()).unwrap();
    let all = Trust::new(nets, Some(shared()), wanted).unwrap();
    let uri = |text: &str| San::Uri(text.to_owned());
    for (names, right) in [
        (vec![san("edge.internal")], true),
        (vec![san("other.internal"), san("edge.internal")], true),
        (vec![san("spiffe://cluster/edge")], true),
        (vec![san("10.0.0.1")], true),
        (vec![san("ops@a.test")], true),
        (vec![], false),
        (vec![san("internal")], false),
        (vec![san("a.edge.internal")], false),
        (vec![San::Dns("*.internal".to_owned())], false),
        (vec![san("spiffe://cluster/edge/2")], false),
        (vec![san("OPS@a.test")], false),
        // The same text as a name of another kind is another name.
        (vec![uri("edge.internal"), uri("10.0.0.1"), uri("ops@a.test")], false),
        (vec![San::Dns("10.0.0.1".to_owned()), San::Dns("spiffe://cluster/edge".to_owned())], false),
    ] {
        let caller = |peer: &str| Caller { peer: ip(peer), names: &names };
        let nothing = HeaderMap::new();
        assert_eq!(both.admit(caller("127.0.0.2"), &nothing).is_some(), right, "{names:?}");
        assert_eq!(alone.admit(caller("192.0.2.1"), &nothing).is_some(), right, "{names:?}");
        assert!(both.admit(caller("127.0.0.3"), &nothing).is_none(), "{names:?}");
        assert!(all.admit(caller("127.0.0.2"), &nothing).is_none(), "{names:?}");
        assert_eq!(all.admit(caller("127.0.0.2"), &shown(&["correct horse"])).is_some(), right, "{names:?}");
    }
}

#[test]
fn a_certificate_allows_a_wide_network_but_never_everything() {
    let wanted = || vec![san("edge.internal")];
    assert!(Trust::new(rules(&["10.0.0.0/7"]), None, wanted()).is_ok());
    assert_eq!(Trust::new(rules(&["0.0.0.0/0"]), None, wanted()), Err(TooWide::Everything));
}

#[test]
fn a_doubt_says_what_is_missing() {
    let trust = Trust::new(rules(&["127.0.0.2/32"]), Some(shared()), vec![san("edge.internal")]).unwrap();
    let doubt = |peer, names| trust.doubt(Caller { peer: ip(peer), names });
    let (right, wrong) = ([san("edge.internal")], [san("other.internal")]);
    for (peer, names, words) in [
        ("127.0.0.3", &right[..], "trust.peers does not have 127.0.0.3"),
        ("127.0.0.2", &[], "no client certificate"),
        ("127.0.0.2", &wrong, "trust.client_cert has no name of this"),
        ("127.0.0.2", &right, "no header x-edge with the secret"),
    ] {
        assert!(doubt(peer, names).contains(words), "{}", doubt(peer, names));
    }
    assert!(Trust::default().doubt(ip("127.0.0.1")).contains("trust.peers does not have 127.0.0.1"));
}
