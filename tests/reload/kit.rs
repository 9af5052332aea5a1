//! Files as Kubernetes mounts them, and a program that watches them.

use crate::harness::child::Scratch;
use crate::harness::{App, SECRET, Sidecar, changed, fixture};
use pandium_sidecar::app;
use pandium_sidecar::config::{self, Options};
use pandium_sidecar::reload::Reloader;
use pandium_sidecar::server::listener::Bound;
use pandium_sidecar::server::status::{Standing, Status};
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::oneshot;

/// Time enough for all that has to come.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// How often the files are looked at, in a test.
const EVERY: Duration = Duration::from_millis(20);

/// A directory in which each file is a link through `..data`, as where Kubernetes mounts it.
pub struct Volume {
    scratch: Scratch,
    version: usize,
}

impl Volume {
    pub fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let mut volume = Self { scratch: Scratch::new(name), version: 0 };
        volume.swap(files);
        for (file, _) in files {
            symlink(format!("..data/{file}"), volume.path(file)).unwrap();
        }
        volume
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.scratch.path(file)
    }

    /// All files anew, or changed, in one go: a directory beside the old one, and a link over the link.
    pub fn swap(&mut self, files: &[(&str, &str)]) {
        let old = format!("..{}", self.version);
        self.version += 1;
        let new = format!("..{}", self.version);
        fs::create_dir(self.path(&new)).unwrap();
        for entry in fs::read_dir(self.path(&old)).into_iter().flatten() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), self.path(&new).join(entry.file_name())).unwrap();
        }
        for (file, text) in files {
            fs::write(self.path(&new).join(file), text).unwrap();
        }
        symlink(&new, self.path("..next")).unwrap();
        fs::rename(self.path("..next"), self.path("..data")).unwrap();
        let _ = fs::remove_dir_all(self.path(&old));
    }

    /// One file by a rename, as an editor does it.
    pub fn rename(&self, file: &str, text: &str) {
        fs::write(self.path("..data/next"), text).unwrap();
        fs::rename(self.path("..data/next"), self.path("..data").join(file)).unwrap();
    }

    /// One file, written where it is.
    pub fn write(&self, file: &str, text: &str) {
        fs::write(self.path("..data").join(file), text).unwrap();
    }

    pub fn remove(&self, file: &str) {
        fs::remove_file(self.path("..data").join(file)).unwrap();
    }
}

/// The fixture with its key in a file beside it.
pub fn filed(app: SocketAddr) -> String {
    changed(&fixture(app), &[("{ env: FIXTURE_SECRET }", "{ file: secret }")])
}

/// An app, the fixture's files, and a program that serves by them.
pub async fn trio(name: &str) -> (App, Volume, Living) {
    let app = App::start().await;
    let volume = Volume::new(name, &[("config.yaml", &filed(app.address)), ("secret", SECRET)]);
    let living = Living::start(&volume).await;
    (app, volume, living)
}

/// The program within the test, as `serve` has it but for the pace.
pub struct Living {
    pub sidecar: Sidecar,
    pub status: Status,
    pub reloader: Reloader,
    _stop: oneshot::Sender<()>,
}

impl Living {
    pub async fn start(volume: &Volume) -> Self {
        Self::start_looking(volume, EVERY).await
    }

    pub async fn start_looking(volume: &Volume, every: Duration) -> Self {
        let path = volume.path("config.yaml");
        let options = Options { env: &|_| None, without_secrets: false, listen: None };
        let loaded = config::load(&path, &options).unwrap_or_else(|invalid| panic!("{invalid}"));
        let again = move |served: &[config::Seen]| {
            let options = Options { env: &|_| None, without_secrets: false, listen: None };
            config::load_again(&path, &options, served)
        };
        let (reloader, coming) = Reloader::start(loaded.files, every, again).unwrap();
        let running = app::start(loaded.config, app::default_workers()).await.unwrap();
        let Bound::Tcp(address) = running.bound[0] else { panic!("not on TCP") };
        let status = running.status.clone();
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(running.until(async { drop(stopped.await) }, coming, |_| {}));
        Self { sidecar: Sidecar::at(address), status, reloader, _stop: stop }
    }

    /// Waits until things stand like this.
    pub async fn stands(&self, like: impl FnMut(&Standing) -> bool) -> Standing {
        let mut standing = self.status.subscribe();
        let waited = tokio::time::timeout(PATIENCE, standing.wait_for(like)).await;
        waited.unwrap_or_else(|_| panic!("for ever {:?}", self.status.now())).unwrap().clone()
    }

    /// Waits until a generation serves, and all is well.
    pub async fn serves(&self, generation: u64) -> Standing {
        self.stands(|standing| standing.generation.number() >= generation && standing.failed.is_none()).await
    }
}
