//! `routes`: which addresses are ours, and what is behind them.

use super::advice;
use super::basics::{or, section};
use super::integrations::params;
use super::leaf::{self, Wrong};
use super::model::{Delivery, Install};
use super::reader::Reader;
use super::tree::Node;
use crate::place::Place;
use crate::route::{Door, Pattern, PatternError, Route};

/// `routes.install.path`
const INSTALL: &str = "/pandium/install/:integration";

/// `routes`
pub(super) struct Routes {
    /// The one that is always there.
    pub(super) install: Install,
    /// Where `install.deliver` stands.
    pub(super) deliver_place: Place,
    /// `marketplace`, where it is on.
    pub(super) marketplace: Option<Marketplace>,
    /// All of them.
    pub(super) all: Vec<Route>,
}

/// `routes.marketplace`, but for its path.
pub(super) struct Marketplace {
    /// Where it stands.
    pub(super) place: Place,
    /// `params`
    pub(super) params: Vec<(String, String)>,
    /// `deliver`, and where it stands.
    pub(super) deliver: (Delivery, Place),
}

/// Reads them. A path need not name the integration where a header may.
pub(super) fn read(reader: Option<Reader<'_>>, overridden: bool) -> Option<Routes> {
    let map = section(reader)?;
    let get = |key| map.as_ref().and_then(|map| map.get(key));
    let installs = install(get("install"), overridden);
    let marketplace = marketplace(get("marketplace"));
    let link = route(get("link"), Door::Link, overridden);
    let decision = route(get("decision"), Door::Decision, overridden);
    let ((install, deliver_place), (shown, marketplace)) = (installs?, marketplace?);
    let first = Route { door: Door::Install, pattern: install.path.clone() };
    let all: Vec<Route> = [Some(first), shown, link?, decision?].into_iter().flatten().collect();
    if let Some((one, other)) = overlapping(&all) {
        let message = format!("{one} and {other} have addresses in common; give each a prefix of its own");
        map.as_ref()?.at().error(message);
        return None;
    }
    Some(Routes { install, deliver_place, marketplace, all })
}

/// A route that is off where the file does not have it.
fn route(reader: Option<Reader<'_>>, door: Door, overridden: bool) -> Option<Option<Route>> {
    let Some(reader) = reader else { return Some(None) };
    let map = reader.map_as("{ path: /… }")?;
    let pattern = map.required("path").and_then(|path| path.read(|node| pattern(node, overridden)));
    Some(Some(Route { door, pattern: pattern? }))
}

/// The marketplace shows all integrations, so its path has a name for none.
fn marketplace(reader: Option<Reader<'_>>) -> Option<(Option<Route>, Option<Marketplace>)> {
    let Some(reader) = reader else { return Some((None, None)) };
    let map = reader.map()?;
    let path = map.required("path").and_then(|path| path.read(nameless));
    let params = params(map.get("params"));
    let deliver = deliver(map.get("deliver"), Delivery::Redirect);
    let (pattern, params, deliver) = (path?, params?, deliver?);
    let route = Route { door: Door::Marketplace, pattern };
    Some((Some(route), Some(Marketplace { place: reader.key_place(), params, deliver })))
}

fn nameless(node: &Node) -> Result<Pattern, Wrong> {
    let pattern = parse(node)?;
    if pattern.is_named() {
        return Err("the marketplace shows all integrations: its path names none".into());
    }
    Ok(pattern)
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

fn install(reader: Option<Reader<'_>>, overridden: bool) -> Option<(Install, Place)> {
    let map = section(reader)?;
    let get = |key| map.as_ref().and_then(|map| map.get(key));
    let path = match get("path") {
        Some(path) => path.read(|node| pattern(node, overridden)),
        None => Pattern::parse(INSTALL).ok(),
    };
    let deliver = deliver(get("deliver"), Delivery::Redirect);
    let cross_site_iframe = or(get("cross_site_iframe"), false, leaf::boolean);
    let (deliver, place) = deliver?;
    Some((Install { path: path?, deliver, cross_site_iframe: cross_site_iframe? }, place))
}

fn pattern(node: &Node, overridden: bool) -> Result<Pattern, Wrong> {
    let pattern = parse(node)?;
    if pattern.is_named() || overridden {
        return Ok(pattern);
    }
    Err(format!("{}, unless `overrides.integration` has a header for it", PatternError::Parameter).into())
}

fn parse(node: &Node) -> Result<Pattern, Wrong> {
    let text = leaf::filled(node)?;
    Pattern::parse(text).map_err(|error| Wrong::from(error.to_string()).suggest(node, advice::pattern(text)))
}

/// `deliver`, and where it stands.
pub(super) fn deliver(reader: Option<Reader<'_>>, default: Delivery) -> Option<(Delivery, Place)> {
    let place = reader.as_ref().map(Reader::place).unwrap_or_default();
    let words = [("redirect", Delivery::Redirect), ("proxy", Delivery::Proxy)];
    or(reader, default, |node| leaf::word(node, &words)).map(|deliver| (deliver, place))
}
