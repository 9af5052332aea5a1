//! Loading the configuration for a command, and saying what is wrong with it.

use super::INVALID;
use super::out::complain;
use crate::config::model::Listen;
use crate::config::{self, Loaded, Options};
use std::path::Path;

/// What a command needs of the configuration.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it.
    Everything,
    /// All but the secrets.
    WithoutSecrets,
}

/// Loads it, or prints every problem. `listen` stands before the one in the file.
pub(super) fn load(path: &Path, wanted: Wanted, listen: Option<&Listen>) -> Result<Loaded, u8> {
    let options = Options { env: &environment, without_secrets: wanted == Wanted::WithoutSecrets, listen };
    config::load(path, &options).map_err(|invalid| {
        complain(&invalid.to_string());
        if matches!(path.try_exists(), Ok(false)) {
            complain(NO_FILE);
        }
        INVALID
    })
}

const NO_FILE: &str = "`pandium-sidecar init` prints one to start from; --config FILE says where yours is\n";

/// Whether it would load but for its secrets.
pub(super) fn lacks_secrets_alone(path: &Path) -> bool {
    let options = Options { env: &environment, without_secrets: true, listen: None };
    config::load(path, &options).is_ok()
}

/// What the environment has.
pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
