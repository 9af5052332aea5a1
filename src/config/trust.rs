//! `trust`: whom we believe.

use super::leaf::{self, WrittenHeader, Wrong};
use super::net;
use super::reader::Reader;
use super::root::Surroundings;
use super::secret::{self, Lack};
use super::session::{self, Guarded};
use super::tree::Node;
use crate::protected::{DESCRIPTION, Protected, Standing};
use crate::redact::Secret;
use crate::tls::San;
use crate::trust::{PeerRule, SharedHeader, TooWide, Trust};
use uuid::Uuid;

/// `trust`
pub(super) fn read(
    reader: Option<Reader<'_>>,
    around: &Surroundings<'_>,
    guarded: &mut Vec<Guarded>,
) -> Option<Trust> {
    let Some(reader) = reader else { return Some(Trust::default()) };
    let map = reader.map_as("{ peers: [127.0.0.1] }")?;
    let peers = map.get("peers");
    let rules = match &peers {
        Some(peers) if peers.items().is_empty() => {
            peers.error(
                "at least one address is wanted here: that of the proxy that sets the session headers",
            );
            None
        }
        Some(peers) => peers.list(peer_rule),
        None => Some(Vec::new()),
    };
    let header = map.get("header").map(|header| shared(&header, around, guarded));
    let names = match map.get("client_cert") {
        Some(wanted) => names(&wanted),
        None => Some(Vec::new()),
    };
    let complete = map.get("complete").map_or(Some(false), |complete| complete.read(leaf::boolean));
    let header = match header {
        Some(header) => Some(header?),
        None => None,
    };
    let from_outside = peers.iter().flat_map(Reader::items).any(|item| item.node().is_resolved());
    let wide = |error: TooWide| match error {
        TooWide::Net(..) if from_outside => {
            "a network from the environment is too wide: name the addresses of the proxy in front".to_owned()
        }
        error => error.to_string(),
    };
    let trust = Trust::new(rules?, header, names?);
    let trust = trust.map_err(|error| peers.unwrap_or(reader).error(wide(error))).ok()?;
    Some(trust.completed(complete?))
}

fn peer_rule(node: &Node) -> Result<PeerRule, Wrong> {
    let text = leaf::filled(node)?;
    if text == "unix" {
        return Ok(PeerRule::Unix);
    }
    match text.strip_prefix("unix:") {
        Some(uid) => uid
            .parse()
            .map(PeerRule::UnixUid)
            .map_err(|_| "behind `unix:` a user id is wanted here, such as unix:33".into()),
        None => net::network(node).map(PeerRule::Net),
    }
}

/// `client_cert`
fn names(reader: &Reader<'_>) -> Option<Vec<San>> {
    let san = reader.map_as("{ san: [edge.internal] }")?.required("san")?;
    let names = san.list(|node| San::parse(leaf::filled(node)?).map_err(|fault| fault.to_string().into()))?;
    if names.is_empty() {
        san.error("at least one name is wanted here: that of the proxy that sets the session headers");
        return None;
    }
    Some(names)
}

/// `header`
fn shared(
    reader: &Reader<'_>,
    around: &Surroundings<'_>,
    guarded: &mut Vec<Guarded>,
) -> Option<SharedHeader> {
    // The likeliest text here is the secret itself.
    let shape = if reader.is_map() { reader.clone() } else { reader.clone().hiding() };
    let map = shape.map_as("{ name: X-Edge-Secret, value: { file: /path/of/it } }")?;
    let at = map.required("name");
    let name = at.as_ref().and_then(|name| name.read(secret_name)).map(|header| header.name);
    if let (Some(at), Some(name)) = (at, &name) {
        guarded.push(Guarded {
            name: name.clone(),
            path: "trust.header.name",
            place: at.place(),
            withheld: true,
        });
    }
    let at = map.required("value")?;
    let fetched = secret::read(&at, around, Lack::Error)?;
    let value = fetched.bytes.unwrap_or_else(unknown_to_all);
    if !can_be_sent(value.expose()) {
        at.error("a header can hold printable ASCII alone, without spaces at its ends: no peer could send this secret");
        return None;
    }
    Some(SharedHeader { name: name?, value, source: fetched.source })
}

/// A header for a secret: none that tells apps of a request.
fn secret_name(node: &Node) -> Result<WrittenHeader, Wrong> {
    let header = session::identity(node)?;
    if Protected::of_each(DESCRIPTION).standing(&header.name) == Standing::Free {
        return Ok(header);
    }
    Err(format!("{} tells the app of a request, and cannot stand here", leaf::shown(node)).into())
}

/// Where the secret is not there, nobody can show it: only a rehearsal knows what stands in for it.
fn unknown_to_all() -> Secret {
    let random = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    Secret::new(random.into_bytes())
}

fn can_be_sent(value: &[u8]) -> bool {
    value.iter().all(|byte| (b' '..=b'~').contains(byte)) && value.trim_ascii().len() == value.len()
}

#[cfg(test)]
mod tests {
    use super::{can_be_sent, unknown_to_all};

    #[test]
    fn only_what_a_header_can_hold_is_a_secret_between_two() {
        for value in [&b"s3cret, with a space"[..], b"a", b"~!"] {
            assert!(can_be_sent(value), "{value:?}");
        }
        for value in [&b" a"[..], b"a ", b"a\nb", b"\x00", b"\xff", "é".as_bytes(), b"\x7f"] {
            assert!(!can_be_sent(value), "{value:?}");
        }
        assert!(can_be_sent(unknown_to_all().expose()));
        assert_ne!(unknown_to_all(), unknown_to_all());
    }
}
