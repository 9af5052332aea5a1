//! The file of a unix socket: nobody connects before its mode is set, and nobody else's is removed.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use tokio::net::{UnixListener, UnixStream};
use uuid::Uuid;

/// The file of a socket of ours; it goes when this is dropped.
pub struct SocketFile {
    /// Where it is.
    pub path: PathBuf,
    identity: Option<(u64, u64)>,
}

impl SocketFile {
    /// Binds in a directory that only we may enter, and moves the socket to its place once its mode
    /// is right.
    pub fn bind(path: &Path, mode: Option<u32>) -> io::Result<(UnixListener, Self)> {
        let mut name = Uuid::new_v4().simple().to_string();
        name.truncate(8);
        let room = path.with_file_name(format!(".{name}"));
        DirBuilder::new().mode(0o700).create(&room)?;
        let bound = bind_within(&room, path, mode);
        // An empty directory that stays is untidy, and no reason not to serve.
        let _ = fs::remove_dir_all(&room);
        Ok((bound?, Self { path: path.to_owned(), identity: identity(path) }))
    }
}

fn bind_within(room: &Path, path: &Path, mode: Option<u32>) -> io::Result<UnixListener> {
    let inside = room.join("s");
    let listener = UnixListener::bind(&inside)?;
    if let Some(mode) = mode {
        fs::set_permissions(&inside, Permissions::from_mode(mode))?;
    }
    fs::rename(&inside, path)?;
    Ok(listener)
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|data| (data.dev(), data.ino()))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.identity.is_some() && self.identity == identity(&self.path) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A socket file that nobody answers may be replaced; a live one, or anything else, may not.
pub async fn refuse_live_socket(path: &Path) -> io::Result<()> {
    let Ok(data) = fs::symlink_metadata(path) else { return Ok(()) };
    if !data.file_type().is_socket() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "there is a file in its place, and it is no socket",
        ));
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Ok(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "another program answers on this socket")),
        Err(error) => Err(error),
    }
}
