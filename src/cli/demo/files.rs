//! The demo's configuration, and the folder in which it stands with its secret while the demo runs.

use super::site::{Delivery, PREFIX, Setup, Site, host_beside};
use crate::redact::Secret;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// The configuration, with addresses and a path as one would choose them.
const TEMPLATE: &str = include_str!("demo.yaml");

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
    pub fn write(&self, setup: &Setup, app: SocketAddr, site: &Site) -> io::Result<(Secret, String)> {
        let key = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let path = self.folder.join("shared-secret");
        write(&path, key.as_bytes())?;
        let config = config(setup, app, site, &path);
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

/// The configuration for that delivery, with a name as one would choose it.
pub fn printed(setup: &Setup) -> String {
    let mount = match setup.delivery {
        Delivery::Redirect => return TEMPLATE.to_owned(),
        Delivery::BelowPath => format!("{{ mount: path, prefix: {PREFIX}, same_origin: accepted }}"),
        Delivery::AtHost => {
            format!("{{ mount: host, host: {} }}", host_beside(setup.name().unwrap_or_default()))
        }
    };
    let lines = format!("  proxy: {mount}\nroutes:\n  install: {{ deliver: proxy }}\nsession:\n");
    TEMPLATE.replacen("session:\n", &lines, 1)
}

/// The configuration with what the operating system gave.
fn config(setup: &Setup, app: SocketAddr, site: &Site, secret: &Path) -> String {
    // YAML reads JSON's strings, whatever is in a path.
    let quoted = |path: &Path| serde_json::Value::from(path.to_string_lossy()).to_string();
    let config = printed(setup)
        .replace("listen: 127.0.0.1:8710", "listen: 127.0.0.1:0")
        .replace("http://127.0.0.1:8701", &format!("http://{app}"))
        .replace("http://127.0.0.1:8702", &site.pandium)
        .replace("\"/run/secrets/pandium/shared-secret\"", &quoted(secret));
    // A certificate that nobody knows has to be named to whoever connects to Pandium.
    match &setup.tls {
        Some(file) => config.replacen("  proxy: ", &format!("  ca_file: {}\n  proxy: ", quoted(file)), 1),
        None => config,
    }
}

#[cfg(test)]
mod tests {
    use super::{Files, TEMPLATE, config, printed};
    use crate::cli::demo::catalog::{ACCOUNT, INTEGRATIONS};
    use crate::cli::demo::site::{Delivery, Setup, Site};
    use std::net::SocketAddr;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

    fn setup(delivery: Delivery, tls: Option<&str>) -> Setup {
        Setup { listen: ANY, delivery, name: None, tls: tls.map(Into::into) }
    }

    fn site(setup: &Setup) -> Site {
        setup.site(ANY, "127.0.0.1:2".parse().unwrap(), "127.0.0.1:3".parse().unwrap())
    }

    #[test]
    fn every_address_and_the_path_are_filled_in() {
        let plain = [
            "listen: 127.0.0.1:0\n",
            "upstream: http://127.0.0.1:1 ",
            "base_url: http://127.0.0.1:2 ",
            r#"{ file: "/tmp/a \"b\"/c" }"#,
        ];
        let (redirect, proxy) = (Delivery::Redirect, Delivery::BelowPath);
        let encrypted = ["base_url: https://127.0.0.1:2 "];
        let proxied = [encrypted[0], "  ca_file: \"/tmp/both.pem\"\n  proxy: "];
        let cases = [
            (redirect, None, &plain[..]),
            (redirect, Some("/tmp/both.pem"), &encrypted),
            (proxy, Some("/tmp/both.pem"), &proxied),
        ];
        for (delivery, tls, lines) in cases {
            let setup = setup(delivery, tls);
            let app = "127.0.0.1:1".parse().unwrap();
            let config = config(&setup, app, &site(&setup), Path::new("/tmp/a \"b\"/c"));
            assert!(!config.contains(":87") && !config.contains("/run/secrets"), "{config}");
            assert!(lines.iter().all(|line| config.contains(line)), "{config}");
        }
    }

    #[test]
    fn each_delivery_has_its_lines() {
        let cases = [
            (Delivery::BelowPath, "  proxy: { mount: path, prefix: /pandium/app, same_origin: accepted }\n"),
            (Delivery::AtHost, "  proxy: { mount: host, host: integrations.gantry.localhost }\n"),
        ];
        assert!(!printed(&setup(Delivery::Redirect, None)).contains("proxy"));
        for (delivery, line) in cases {
            let text = printed(&setup(delivery, None));
            let lines = format!("{line}routes:\n  install: {{ deliver: proxy }}\nsession:\n");
            assert!(text.contains(&lines), "{text}");
        }
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
        let setup = setup(Delivery::Redirect, None);
        let (key, text) = files.write(&setup, ANY, &site(&setup)).unwrap();
        assert_eq!(std::fs::read(files.folder.join("shared-secret")).unwrap(), key.expose());
        assert_eq!(std::fs::read_to_string(files.config()).unwrap(), text);
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&files.folder), mode(&files.config())), (0o700, 0o600));
        let folder = files.folder.clone();
        drop(files);
        assert!(!folder.exists());
    }
}
