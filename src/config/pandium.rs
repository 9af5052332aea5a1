//! `pandium`: where visitors are sent, and with whose key.

use super::leaf::{self, Wrong};
use super::model::{Key, Pandium};
use super::net::{self, PlainHttp};
use super::reader::{MapReader, Reader};
use super::root::Surroundings;
use super::secret;
use super::tree::Node;
use crate::slug::Slug;
use crate::token::Signer;

/// Pandium's environments and their addresses.
const ENVIRONMENTS: [(&str, &str); 3] = [
    ("production", "https://imp.pandium.com"),
    ("sandbox", "https://imp.sandbox.pandium.com"),
    ("demo", "https://imp.demo.pandium.com"),
];

/// The words for them, for a message.
pub(super) fn environments() -> String {
    ENVIRONMENTS.map(|(name, _)| name).join(", ")
}

/// `pandium`
pub(super) fn read(reader: &Reader<'_>, around: &Surroundings<'_>) -> Option<Pandium> {
    let map = reader.map()?;
    let account = map.required("account").and_then(|account| account.read(account_slug));
    let place = place(&map);
    let secret = map.required("secret").and_then(|secret| secret::read(&secret, around));
    let (environment, base_url) = place?;
    let secret = secret?;
    let signer = secret.bytes.as_ref().map(Signer::new);
    let key = Key { signer, encoding: secret.encoding.word(), source: secret.source };
    Some(Pandium { account: account?, environment, base_url, key })
}

/// `account`
fn account_slug(node: &Node) -> Result<Slug, Wrong> {
    if leaf::text(node)?.contains("${") {
        return Err("an expression cannot stand here; write the account's slug".into());
    }
    leaf::slug(node)
}

/// `environment` or `base_url`.
fn place(map: &MapReader<'_>) -> Option<(Option<String>, String)> {
    match (map.get("environment"), map.get("base_url")) {
        (Some(environment), None) => {
            let words = ENVIRONMENTS.map(|(name, url)| (name, (name, url)));
            let (name, url) = environment.read(|node| leaf::word(node, &words))?;
            Some((Some(name.to_owned()), url.to_owned()))
        }
        (None, Some(url)) => {
            Some((None, url.read(|node| net::base_url(node, PlainHttp::Loopback))?.to_string()))
        }
        (Some(_), Some(url)) => {
            url.error("`environment` and `base_url` both say where Pandium is; keep one of them");
            None
        }
        (None, None) => {
            let wanted = "`environment` (production, sandbox or demo) or `base_url` is required here";
            map.missing(&["environment", "base_url"], wanted);
            None
        }
    }
}
