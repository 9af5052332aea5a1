//! What a pod has to know of the file: where the program listens, and how long it takes to end.
//!
//! For tools that read a file away from the machine that it is for: nothing that it names is opened.

use super::basics;
use super::error::Problems;
use super::file;
use super::load::Invalid;
use super::model::{Endpoint, Shutdown};
use super::net;
use super::reader::{MapReader, Reader};
use super::source::Source;
use super::{env, listen};

/// The outline of a configuration.
#[derive(Debug, PartialEq, Eq)]
pub struct Outline {
    /// The addresses of `listen`.
    pub listen: Vec<Endpoint>,
    /// `admin`, unless it is off.
    pub admin: Option<Endpoint>,
    /// `shutdown`
    pub shutdown: Shutdown,
}

/// Reads the outline of a file's text; none, where that hangs on an environment that is not at hand.
/// What else is wrong with the file, it does not see.
pub fn outline(name: &str, text: &str) -> Result<Option<Outline>, Invalid> {
    let source = Source::new(name, text.as_bytes());
    let problems = Problems::default();
    let read = file::parse(&source, &problems).and_then(|mut tree| {
        // What the environment lacks here, it may have there.
        env::resolve(&mut tree, &|_| None, &Problems::default());
        let root = Reader::root(&tree, &problems).map()?;
        let outline = read(&root);
        root.entries().for_each(drop);
        outline
    });
    if problems.errors() > 0 { Err(Invalid::of(problems, &source)) } else { Ok(read) }
}

fn read(root: &MapReader<'_>) -> Option<Outline> {
    let shutdown = basics::shutdown(root.get("shutdown"));
    let admin = listen::admin(root.get("admin"));
    let listen = root
        .get("listen")
        .map_or_else(|| Some(vec![listen::default()]), |listen| listen.items().iter().map(address).collect());
    let admin = admin?.map(|admin| admin.at);
    Some(Outline { listen: listen?, admin, shutdown: shutdown? })
}

fn address(item: &Reader<'_>) -> Option<Endpoint> {
    let node = item.node().entry("address").map_or(item.node(), |entry| &entry.value);
    net::address(node).map(Endpoint::from).map_err(|wrong| item.error(wrong.message)).ok()
}
