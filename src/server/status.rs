//! What the operator is told: whether requests should be sent here, which generation of the
//! configuration serves, and why it is not the newest.

use crate::config::Config;
use crate::config::model::Account;
use std::fmt;
use std::sync::Arc;
use tokio::sync::watch;

/// Which of the configurations that were served, one after the other, is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Generation(u64);

impl Generation {
    /// The one that the program started with.
    pub const FIRST: Self = Self(1);

    /// The one after it.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Its number, counted from 1.
    pub fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// An account of the generation that serves, and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountKey {
    /// The account's key in the file.
    pub account: String,
    /// What names the signing key; none where there is no key, and nothing is minted.
    pub fingerprint: Option<String>,
    /// Where the key is kept.
    pub source: String,
}

/// How things stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether requests should be sent here.
    pub ready: bool,
    /// What serves.
    pub generation: Generation,
    /// Why the newest files do not serve; none where they do.
    pub failed: Option<Arc<str>>,
    /// The keys of the newest file that count after a restart alone.
    pub restart: Vec<&'static str>,
    /// The accounts, in the order of the file.
    pub accounts: Vec<AccountKey>,
}

impl Standing {
    /// The accounts that have no key.
    pub fn without_key(&self) -> impl Iterator<Item = &AccountKey> {
        self.accounts.iter().filter(|account| account.fingerprint.is_none())
    }
}

/// In the words of `/-/ready`: one line where all is well.
impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.ready { "ready\n" } else { "not ready\n" })?;
        if let Some(why) = &self.failed {
            writeln!(f, "the newest files are not served, generation {} serves on:", self.generation)?;
            why.lines().try_for_each(|line| writeln!(f, "  {line}"))?;
        }
        if !self.restart.is_empty() {
            writeln!(f, "after a restart alone count: {}", self.restart.join(", "))?;
        }
        for AccountKey { account, source, .. } in self.without_key() {
            writeln!(f, "no key for {account}, from {source}: its visitors get 503 key-unavailable")?;
        }
        Ok(())
    }
}

/// How things stand, for all who tell the operator. Nobody asks for it on the way of a request.
#[derive(Clone)]
pub struct Status(Arc<watch::Sender<Standing>>);

impl Status {
    /// The first generation serves soon.
    pub fn new(config: &Config) -> Self {
        Self(Arc::new(watch::Sender::new(Standing {
            ready: false,
            generation: Generation::FIRST,
            failed: None,
            restart: Vec::new(),
            accounts: accounts(config),
        })))
    }

    /// How things stand now.
    pub fn now(&self) -> Standing {
        self.0.borrow().clone()
    }

    /// To wait for a change.
    pub fn subscribe(&self) -> watch::Receiver<Standing> {
        self.0.subscribe()
    }

    /// Says whether requests should be sent here.
    pub fn set_ready(&self, ready: bool) {
        self.0.send_modify(|standing| standing.ready = ready);
    }

    /// A generation serves that has the newest files, but for what needs a restart.
    pub fn serves(&self, generation: Generation, config: &Config, restart: Vec<&'static str>) {
        self.0.send_modify(|standing| {
            let ready = standing.ready;
            *standing = Standing { ready, generation, failed: None, restart, accounts: accounts(config) };
        });
    }

    /// The newest files cannot be served.
    pub fn failed(&self, why: &str) {
        self.0.send_modify(|standing| standing.failed = Some(why.into()));
    }
}

fn accounts(config: &Config) -> Vec<AccountKey> {
    let named = |account: &Account| AccountKey {
        account: account.key.to_string(),
        fingerprint: account.secret.signer.as_ref().map(|signer| signer.fingerprint().to_owned()),
        source: account.secret.source.clone(),
    };
    config.policy.pandium.accounts.iter().map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::{AccountKey, Generation, Standing};

    fn account(name: &str, fingerprint: Option<&str>) -> AccountKey {
        let source = format!("/run/secrets/{name}");
        AccountKey { account: name.to_owned(), fingerprint: fingerprint.map(str::to_owned), source }
    }

    fn good() -> Standing {
        let accounts = vec![account("acme", Some("0123abcd")), account("globex", Some("4567cdef"))];
        let generation = Generation::FIRST.next();
        Standing { ready: true, generation, failed: None, restart: Vec::new(), accounts }
    }

    #[test]
    fn one_word_is_enough_where_all_is_well() {
        assert_eq!(good().to_string(), "ready\n");
        assert_eq!(Standing { ready: false, ..good() }.to_string(), "not ready\n");
    }

    #[test]
    fn all_that_is_not_well_is_named() {
        let failed = Some("config.yaml:3:1: no\nconfig.yaml:4:1: no".into());
        let accounts = vec![account("acme", None), account("globex", Some("4567cdef"))];
        let told = Standing { failed, restart: vec!["listen", "admin"], accounts, ..good() }.to_string();
        let lines = [
            "ready",
            "the newest files are not served, generation 2 serves on:",
            "  config.yaml:3:1: no",
            "  config.yaml:4:1: no",
            "after a restart alone count: listen, admin",
            "no key for acme, from /run/secrets/acme: its visitors get 503 key-unavailable",
        ];
        assert_eq!(told.lines().collect::<Vec<_>>(), lines);
    }
}
