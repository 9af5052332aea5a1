//! The file as a whole.

use super::load::Options;
use super::model::{Config, Policy};
use super::reader::{MapReader, Reader};
use super::{basics, check, integrations, leaf, pandium, session};
use std::path::Path;

/// What the file does not say.
pub struct Surroundings<'a> {
    /// What a load may use.
    pub options: &'a Options<'a>,
    /// Where the file is: what it names is named from there.
    pub dir: &'a Path,
}

/// Reads the whole file. Every part is read, whatever is wrong with the others, so that all problems
/// show at once.
pub fn read(root: &Reader<'_>, around: &Surroundings<'_>) -> Option<Config> {
    let map = root.map()?;
    let version = map.required("version").and_then(|version| version.read(|node| leaf::integer(node, 1..=1)));
    let listen = basics::listen(map.get("listen"));
    let admin = basics::admin(map.get("admin"));
    let upstream = basics::upstream(map.get("upstream"));
    let limits = basics::limits(map.get("limits"));
    let timeouts = basics::timeouts(map.get("timeouts"));
    let shutdown = basics::shutdown(map.get("shutdown"));
    let log = basics::log(map.get("log"));
    let url_bytes = limits.map(|(_, url_bytes)| url_bytes);
    let policy = policy(&map, url_bytes.unwrap_or_default(), around);
    version?;
    let config = Config {
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

fn policy(map: &MapReader<'_>, url_bytes: usize, around: &Surroundings<'_>) -> Option<Policy> {
    let trust = session::trust(map.get("trust"));
    let session = map.required("session").and_then(|session| session::read(&session));
    let pandium = map.required("pandium").and_then(|pandium| pandium::read(&pandium, around));
    let life = basics::life(map.get("token"));
    let install = basics::install(map.get("routes"));
    let claims = map.required("claims").and_then(|claims| integrations::written(&claims));
    let listed = map.required("integrations");
    if let (Some(trust), Some(session)) = (&trust, &session) {
        session.need_trust(trust, map);
    }
    let (session, pandium) = (session?, pandium?);
    let context =
        integrations::Context { fields: &session.fields, pandium: &pandium, env: around.options.env };
    let integrations = integrations::read(&listed?, &claims?, &context);
    Some(Policy {
        trust: trust?,
        protected: session.protected?,
        fields: session.fields,
        pandium,
        life: life?,
        install: install?,
        integrations: integrations?,
        url_bytes,
    })
}
