//! `routes`: which addresses are ours, and what is behind them.

use super::basics::{or, section};
use super::leaf::{self, Wrong};
use super::model::Install;
use super::reader::Reader;
use super::tree::Node;
use crate::route::{Door, Pattern, PatternError, Route};

/// `routes.install.path`
const INSTALL: &str = "/pandium/install/:integration";

/// `routes`: the one that is always there, and all of them. A path need not name the integration
/// where a header may.
pub(super) fn read(reader: Option<Reader<'_>>, overridden: bool) -> Option<(Install, Vec<Route>)> {
    let map = section(reader)?;
    let get = |key| map.as_ref().and_then(|map| map.get(key));
    let install = install(get("install"), overridden);
    let link = route(get("link"), Door::Link, overridden);
    let decision = route(get("decision"), Door::Decision, overridden);
    let install = install?;
    let first = Route { door: Door::Install, pattern: install.path.clone() };
    let routes: Vec<Route> = std::iter::once(first).chain(link?).chain(decision?).collect();
    if let Some((one, other)) = overlapping(&routes) {
        let message = format!("{one} and {other} have addresses in common; give each a prefix of its own");
        map.as_ref()?.at().error(message);
        return None;
    }
    Some((install, routes))
}

/// A route that is off where the file does not have it.
fn route(reader: Option<Reader<'_>>, door: Door, overridden: bool) -> Option<Option<Route>> {
    let Some(reader) = reader else { return Some(None) };
    let map = reader.map()?;
    let pattern = map.required("path").and_then(|path| path.read(|node| pattern(node, overridden)));
    Some(Some(Route { door, pattern: pattern? }))
}

fn overlapping(routes: &[Route]) -> Option<(&Pattern, &Pattern)> {
    let pairs = routes
        .iter()
        .enumerate()
        .flat_map(|(at, one)| routes.iter().skip(at + 1).map(move |other| (one, other)));
    pairs
        .map(|(one, other)| (&one.pattern, &other.pattern))
        .find(|(one, other)| one.owns(other.prefix()) || other.owns(one.prefix()))
}

fn install(reader: Option<Reader<'_>>, overridden: bool) -> Option<Install> {
    let map = section(reader)?;
    let get = |key| map.as_ref().and_then(|map| map.get(key));
    let path = match get("path") {
        Some(path) => path.read(|node| pattern(node, overridden)),
        None => Pattern::parse(INSTALL).ok(),
    };
    let delivered = deliver(get("deliver"));
    let cross_site_iframe = or(get("cross_site_iframe"), false, leaf::boolean);
    delivered?;
    Some(Install { path: path?, cross_site_iframe: cross_site_iframe? })
}

fn pattern(node: &Node, overridden: bool) -> Result<Pattern, Wrong> {
    let pattern = Pattern::parse(leaf::text(node)?).map_err(|error| Wrong::from(error.to_string()))?;
    if pattern.is_named() || overridden {
        return Ok(pattern);
    }
    Err(format!("{}, unless `overrides.integration` has a header for it", PatternError::Parameter).into())
}

/// `deliver`: by redirect alone, so far.
pub(super) fn deliver(reader: Option<Reader<'_>>) -> Option<()> {
    or(reader, (), |node| leaf::word(node, &[("redirect", ())]))
}
