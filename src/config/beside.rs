//! Files that the configuration names, and that are no secrets: the keys and certificates of others.

use super::disk;
use super::leaf;
use super::reader::Reader;
use super::root::Surroundings;
use crate::tls::Authorities;
use std::io;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The largest file of certificates: all of the web's are 230 KiB.
pub(super) const PEM_BYTES: usize = 1 << 20;

/// What came of looking for a file.
pub(super) enum Found {
    /// What is in it.
    Bytes(Zeroizing<Vec<u8>>),
    /// Where secrets are not at hand, what lies beside them is not, either.
    LeftAlone,
}

/// Reads the file that is named here, up to a size.
pub(super) fn read(reader: &Reader<'_>, around: &Surroundings<'_>, most: usize) -> Option<Found> {
    let path = reader.read(|node| leaf::filled(node).map(PathBuf::from))?;
    let path = around.dir.join(path);
    match fetch(&path, around, most) {
        Ok(bytes) => Some(Found::Bytes(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound && around.options.without_secrets => {
            Some(Found::LeftAlone)
        }
        Err(error) => {
            reader.error(format!("cannot read this file: {}", disk::explain(&path, &error)));
            None
        }
    }
}

/// A file of authorities.
pub(super) fn authorities(file: &Reader<'_>, around: &Surroundings<'_>) -> Option<Authorities> {
    let found = read(file, around, PEM_BYTES)?;
    let shown = file.read(|node| leaf::text(node).map(str::to_owned))?;
    match found {
        Found::LeftAlone => Some(Authorities::nobody(format!("{shown}, which was not read"))),
        Found::Bytes(text) => {
            Authorities::from_pem(&text, shown).map_err(|fault| file.error(fault.to_string())).ok()
        }
    }
}

fn fetch(path: &Path, around: &Surroundings<'_>, most: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let bytes = around.disk.read(path, most)?;
    if bytes.len() > most {
        return Err(io::Error::other(format!("it is larger than {}KiB", most >> 10)));
    }
    Ok(bytes)
}
