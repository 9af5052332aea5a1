//! The one place where a load opens files. Each is noted with what was found in it, so that none is
//! forgotten when somebody watches them, and so that a later look tells whether a load had read what
//! is there now.

use aws_lc_rs::digest::{SHA256, digest};
use std::cell::RefCell;
use std::fs::{self, File, FileType};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A file, as a load found it.
#[derive(Clone, PartialEq, Eq)]
pub struct Seen {
    /// Where it is.
    pub path: PathBuf,
    /// How much of it is read at most.
    most: usize,
    /// As it was just before it was read.
    pub stamp: Stamp,
    /// What was in it.
    pub found: Found,
}

/// What tells that a file was not written, of the one that a path leads to in the end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Stamp(Result<Written, io::ErrorKind>);

#[derive(Clone, Copy, PartialEq, Eq)]
struct Written {
    place: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// As it is now.
    pub fn of(path: &Path) -> Self {
        let written = |data: fs::Metadata| Written {
            place: (data.dev(), data.ino()),
            size: data.size(),
            modified: (data.mtime(), data.mtime_nsec()),
            changed: (data.ctime(), data.ctime_nsec()),
        };
        Self(fs::metadata(path).map(written).map_err(|error| error.kind()))
    }
}

/// What is in a file, as far as two looks at it can be compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The hash of its bytes.
    Bytes([u8; 32]),
    /// It could not be read.
    Nothing(io::ErrorKind),
    /// A pipe or a device: what was read is gone, and who looks again takes what is not theirs.
    Stream,
}

impl Found {
    fn of(read: &io::Result<Zeroizing<Vec<u8>>>) -> Self {
        match read {
            Ok(bytes) => digest(&SHA256, bytes).as_ref().try_into().map_or(Self::Stream, Self::Bytes),
            Err(error) => Self::Nothing(error.kind()),
        }
    }
}

impl Seen {
    /// Looks again.
    pub fn look(&self) -> Found {
        match fs::metadata(&self.path) {
            Ok(data) if is_stream(data.file_type()) => Found::Stream,
            _ => Found::of(&read(&self.path, self.most)),
        }
    }
}

fn is_stream(kind: FileType) -> bool {
    kind.is_fifo() || kind.is_char_device() || kind.is_socket()
}

/// Where a load reads files.
#[derive(Default)]
pub(super) struct Disk<'a> {
    seen: RefCell<Vec<Seen>>,
    /// The files of the configuration that serves, where there is one.
    served: &'a [Seen],
}

impl<'a> Disk<'a> {
    pub(super) fn new(served: &'a [Seen]) -> Self {
        Self { seen: RefCell::default(), served }
    }

    /// Reads a file up to a size, and one byte more where there is more.
    pub(super) fn read(&self, path: &Path, most: usize) -> io::Result<Zeroizing<Vec<u8>>> {
        let stamp = Stamp::of(path);
        let stream = fs::metadata(path).is_ok_and(|data| is_stream(data.file_type()));
        let read = read(path, most);
        let found = if stream { Found::Stream } else { Found::of(&read) };
        let seen = Seen { path: path.to_owned(), most, stamp, found };
        let mut all = self.seen.borrow_mut();
        if !all.contains(&seen) {
            all.push(seen);
        }
        read
    }

    /// Whether the configuration that serves has this file, too.
    pub(super) fn serves(&self, path: &Path) -> bool {
        self.served.iter().any(|seen| seen.path == path)
    }

    /// All that was read.
    pub(super) fn into_seen(self) -> Vec<Seen> {
        self.seen.into_inner()
    }
}

fn read(path: &Path, most: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    File::open(path)?.take(most as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Why a file could not be read, in the words of whoever can mend it.
pub(super) fn explain(path: &Path, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => permissions(path),
        _ => error.to_string(),
    }
}

/// Whose the file is, and who we are: what somebody needs to mend it.
fn permissions(path: &Path) -> String {
    let we = fs::metadata("/proc/self")
        .map_or_else(|_| "this user".to_owned(), |own| format!("uid {}", own.uid()));
    match fs::metadata(path) {
        Ok(file) => {
            format!("we are {we}; it belongs to uid {}, mode {:04o}", file.uid(), file.mode() & 0o7777)
        }
        Err(_) => format!("we are {we}, and may not enter its directory"),
    }
}
