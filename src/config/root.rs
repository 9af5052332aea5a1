//! The file as a whole.

use super::disk::Disk;
use super::leaf::{self, Wrong};
use super::load::Options;
use super::model::{Config, Policy};
use super::reader::{MapReader, Reader};
use super::tree::Node;
use super::{
    basics, check, integrations, listen, marketplace, overrides, pandium, proxied, remote, routes, session,
    trust,
};
use crate::claims::{Tree, Written};
use crate::place::Place;
use std::path::Path;

/// What the file does not say.
pub struct Surroundings<'a> {
    /// What a load may use.
    pub options: &'a Options<'a>,
    /// What the file is called.
    pub name: &'a str,
    /// Where the file is: what it names is named from there.
    pub dir: &'a Path,
    /// Where files are read.
    pub(super) disk: &'a Disk<'a>,
}

/// Reads the whole file. Every part is read, whatever is wrong with the others, so that all problems
/// show at once.
pub fn read(root: &Reader<'_>, around: &Surroundings<'_>) -> Option<Config> {
    let map = root.map()?;
    let version = map.required("version").and_then(|version| version.read(one));
    let listen = listen::listen(map.get("listen"), around);
    let admin = listen::admin(map.get("admin"));
    let upstream = remote::upstream(map.get("upstream"), around);
    let limits = basics::limits(map.get("limits"));
    let timeouts = basics::timeouts(map.get("timeouts"));
    let shutdown = basics::shutdown(map.get("shutdown"));
    let log = basics::log(map.get("log"));
    let url_bytes = limits.map(|(_, url_bytes)| url_bytes);
    let policy = policy(&map, url_bytes.unwrap_or_default(), around);
    version?;
    let listen = listen.map(|of_file| around.options.listen.map_or(of_file, |flag| vec![flag.clone()]));
    let config = Config {
        file: around.name.into(),
        listen: listen?,
        admin: admin?,
        upstream: upstream?,
        policy: policy?,
        limits: limits?.0,
        timeouts: timeouts?,
        shutdown: shutdown?,
        log: log?,
    };
    check::whole(&config, root);
    Some(config)
}

/// The only form of the file that there is.
fn one(node: &Node) -> Result<(), Wrong> {
    match leaf::integer(node, 1..=1) {
        Ok(_) => Ok(()),
        Err(_) if node.text() == Some("1") => {
            Err("the form of this file is a number: write 1, without quotes".into())
        }
        Err(_) => {
            Err(format!("the form of this file is wanted here, which is 1, not {}", leaf::shown(node)).into())
        }
    }
}

fn policy(map: &MapReader<'_>, url_bytes: usize, around: &Surroundings<'_>) -> Option<Policy> {
    let mut guarded = Vec::new();
    let trust = trust::read(map.get("trust"), around, &mut guarded);
    let overrides = overrides::read(map.get("overrides"), trust.as_ref(), &mut guarded);
    let session = map.required("session").and_then(|session| session::read(&session, &guarded, around));
    let known = session.as_ref().map(session::Read::known);
    let header = overrides.as_ref().map(|overrides| overrides.account.as_ref());
    let named = guarded.iter().find(|guarded| guarded.path == "overrides.account");
    let header_place = named.map(|guarded| guarded.place).unwrap_or_default();
    // Where something is wrong with them, a path that leaves its integration to them is not.
    let overridden = overrides.as_ref().is_none_or(|overrides| overrides.integration.is_some());
    let routes = routes::read(map.get("routes"), overridden);
    let offered = routes.as_ref().and_then(|routes| routes.marketplace.as_ref());
    let marketplace = offered.is_some();
    let fields = known.as_deref();
    let accounts = pandium::Context { around, fields, header, header_place, marketplace, authorities: None };
    let pandium = map.required("pandium").and_then(|pandium| pandium::read(&pandium, &accounts));
    let deliver = routes.as_ref().map(|routes| routes.install.deliver).unwrap_or_default();
    let life = basics::life(map.get("token"));
    let claims = map.required("claims").filter(|claims| claims.map().is_some());
    let claims = claims.map(|claims| integrations::written(&claims));
    let listed = map.required("integrations");
    if let (Some(trust), Some(session)) = (&trust, &session) {
        session.need_trust(trust, map);
    }
    let context = integrations::Context {
        fields: known.as_deref().filter(|_| claims.is_some()),
        pandium: pandium.as_ref(),
        overridden: overrides.as_ref().is_some_and(|overrides| overrides.account.is_some()),
        deliver,
        env: around.options.env,
    };
    let claims = claims.unwrap_or(Written { place: Place::default(), tree: Tree::Broken });
    let integrations = listed.and_then(|listed| integrations::read(&listed, &claims, &context));
    let index = integrations.as_ref().map_or(0, |integrations| integrations.iter().count());
    let marketplace = offered.map(|offered| marketplace::read(index, offered, &claims, &context, map.at()));
    let routes = routes.and_then(|routes| proxied::join(routes, pandium.as_ref(), map.at()));
    let held = session?.finish()?;
    let marketplace = match marketplace {
        Some(target) => Some(target?),
        None => None,
    };
    let routes = routes?;
    Some(Policy {
        trust: trust?,
        protected: held.protected,
        fields: held.fields,
        from: held.from,
        signed_in: held.signed_in,
        signed_out: held.signed_out,
        pandium: pandium?,
        overrides: overrides?,
        life: life?,
        install: routes.install,
        routes: routes.all,
        integrations: integrations?,
        marketplace,
        url_bytes,
    })
}
