//! The demo's configuration, and the folder in which it stands with its secret while the demo runs.

use super::site::Site;
use crate::redact::Secret;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// The configuration, with addresses and a path as one would choose them.
pub const TEMPLATE: &str = include_str!("demo.yaml");

/// A folder of our own, which only this user reads, and which goes when it is dropped.
#[derive(Debug)]
pub struct Files {
    folder: PathBuf,
}

impl Files {
    /// Makes the folder.
    pub fn new() -> io::Result<Self> {
        let name = format!("pandium-sidecar-demo-{}", Uuid::new_v4().simple());
        let folder = std::env::temp_dir().join(name);
        DirBuilder::new().mode(0o700).create(&folder)?;
        Ok(Self { folder })
    }

    /// Where the configuration stands.
    pub fn config(&self) -> PathBuf {
        self.folder.join("config.yaml")
    }

    /// Makes up a secret, and writes it and the configuration; gives both.
    pub fn write(&self, app: SocketAddr, site: &Site) -> io::Result<(Secret, String)> {
        let key = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let path = self.folder.join("shared-secret");
        write(&path, key.as_bytes())?;
        let config = config(app, site, &path);
        write(&self.config(), config.as_bytes())?;
        Ok((Secret::new(key.into_bytes()), config))
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // What cannot be removed lies in the folder for temporary files, unreadable to others.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(content)
}

/// The template with what the operating system gave.
fn config(app: SocketAddr, site: &Site, secret: &Path) -> String {
    // YAML reads JSON's strings, whatever is in the path.
    let secret = serde_json::Value::from(secret.to_string_lossy()).to_string();
    TEMPLATE
        .replace("listen: 127.0.0.1:8710", "listen: 127.0.0.1:0")
        .replace("http://127.0.0.1:8701", &format!("http://{app}"))
        .replace("http://127.0.0.1:8702", &site.pandium)
        .replace("\"/run/secrets/pandium/shared-secret\"", &secret)
}

#[cfg(test)]
mod tests {
    use super::{Files, TEMPLATE, config};
    use crate::cli::demo::catalog::{ACCOUNT, INTEGRATIONS};
    use crate::cli::demo::site::{Setup, Site};
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    fn site() -> Site {
        let [front, pandium, partner] = [0, 2, 3].map(|port| ([127, 0, 0, 1], port).into());
        Setup { listen: front, name: None, tls: None }.site(front, pandium, partner)
    }

    #[test]
    fn every_address_and_the_path_are_filled_in() {
        let config = config("127.0.0.1:1".parse().unwrap(), &site(), Path::new("/tmp/a \"b\"/c"));
        assert!(!config.contains(":87") && !config.contains("/run/secrets"), "{config}");
        let lines = [
            "listen: 127.0.0.1:0\n",
            "upstream: http://127.0.0.1:1 ",
            "base_url: http://127.0.0.1:2 ",
            r#"{ file: "/tmp/a \"b\"/c" }"#,
        ];
        assert!(lines.iter().all(|line| config.contains(line)), "{config}");
    }

    #[test]
    fn the_configuration_names_what_the_pages_show() {
        assert!(TEMPLATE.contains(&format!("  account: {ACCOUNT}\n")));
        for one in &INTEGRATIONS {
            let line = format!("  {}: {{ id: {}, connector_name: {} }}\n", one.name, one.id, one.connector);
            assert!(TEMPLATE.contains(&line), "{line}");
        }
    }

    #[test]
    fn the_files_are_ours_alone_and_go_at_the_end() {
        let files = Files::new().unwrap();
        let (key, text) = files.write("127.0.0.1:1".parse().unwrap(), &site()).unwrap();
        assert_eq!(std::fs::read(files.folder.join("shared-secret")).unwrap(), key.expose());
        assert_eq!(std::fs::read_to_string(files.config()).unwrap(), text);
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&files.folder), mode(&files.config())), (0o700, 0o600));
        let folder = files.folder.clone();
        drop(files);
        assert!(!folder.exists());
    }
}
