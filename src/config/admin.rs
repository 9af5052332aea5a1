//! `admin` alone, however the rest of the file fares.
//!
//! Whoever asks a running program whether it is ready has to know this one key. The file may have been
//! broken since that program read it: it serves on, and is not to be restarted for that.

use super::disk::Disk;
use super::error::Problems;
use super::load::{Invalid, read};
use super::model::Endpoint;
use super::reader::Reader;
use super::source::Source;
use super::{env, file, listen};
use std::path::Path;

/// Where the operator is served by a program with this file; none where nowhere.
pub fn admin(path: &Path, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Option<Endpoint>, Invalid> {
    let name = path.display().to_string();
    let source = Source::new(&name, &read(path, &Disk::default())?);
    let problems = Problems::default();
    let read = match file::parse(&source, &problems) {
        Some(mut tree) => {
            env::resolve(&mut tree, lookup, &problems);
            let root = Reader::root(&tree, &problems);
            let map = if root.is_map() { root.map() } else { None };
            listen::admin(
                map.and_then(|map| map.entries().find(|(key, _)| *key == "admin")).map(|(_, it)| it),
            )
        }
        // What it says cannot be told, so what is most likely has to do.
        None => listen::admin(None),
    };
    read.map(|admin| admin.map(|admin| admin.at)).ok_or_else(|| {
        let found = problems.into_sorted(&source).into_iter().filter(|problem| problem.path == "admin");
        Invalid::new(found.collect(), &source)
    })
}
