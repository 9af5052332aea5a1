//! Where visitors are sent: the accounts with Pandium, and the integrations that they can ask for.

use super::Remote;
use crate::claims::{Owner, Template};
use crate::place::Place;
use crate::slug::Slug;
use crate::token::Signer;
use http::{HeaderName, HeaderValue};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

/// `pandium`: where visitors are sent, and with whose key.
pub struct Pandium {
    /// All there are, at least one.
    pub accounts: Vec<Account>,
    /// Which of them it is.
    pub choice: Choice,
    /// `proxy`: where its page is shown by us, where it is.
    pub proxy: Option<Proxied>,
}

/// How a visitor gets to Pandium.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// The visitor is sent there, with the token.
    #[default]
    Redirect,
    /// We go there with the token, and show what we get.
    Proxy,
}

/// `pandium.proxy`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxied {
    /// `mount`: under which addresses Pandium's are shown.
    pub mount: Mount,
    /// `frame_ancestors`, as its directive of a policy; none leaves it to Pandium.
    pub frame_ancestors: Option<HeaderValue>,
    /// `send`: headers of a visitor's that go to Pandium, besides those that every page needs.
    pub send: Vec<HeaderName>,
    /// Where the file has it.
    pub place: Place,
}

/// Where Pandium's pages are, under an address of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mount {
    /// All that is at this host, in lower case.
    Host(String),
    /// All below this path of the app's.
    Path(String),
}

/// An account with Pandium.
pub struct Account {
    /// Its position among the accounts, and among the addresses of an integration.
    pub index: usize,
    /// Its key in `pandium.accounts`.
    pub key: Slug,
    /// The slug in Pandium's addresses.
    pub slug: Slug,
    /// Scheme, host and port, without a slash behind.
    pub base_url: String,
    /// The way there, where anything is proxied.
    pub remote: Option<Remote>,
    /// The same of the marketplace, where that is known.
    pub marketplace_url: Option<String>,
    /// The environment, where it has a name.
    pub environment: Option<&'static str>,
    /// What its tokens are signed with.
    pub secret: Key,
}

/// `pandium.account`: whose a request is, unless the header of `overrides` says so.
pub enum Choice {
    /// Always that of this position.
    One(usize),
    /// The one whose key the session leads to.
    Session(Owner),
    /// The one that this header names; there is no other way.
    Header(HeaderName),
}

impl Pandium {
    /// The account of this key.
    pub fn account(&self, key: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.key.as_str() == key)
    }
}

/// `pandium.secret`
pub struct Key {
    /// Ready to sign; none with `required: false` and no secret, or where secrets were left alone.
    pub signer: Option<Signer>,
    /// `encoding`
    pub encoding: &'static str,
    /// Where it is kept, for people.
    pub source: String,
    /// Where it is kept.
    pub kept: Kept,
}

/// Where a secret is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// In this file.
    File(PathBuf),
    /// In this environment variable.
    Env(String),
}

/// `integrations`: by name, and the one that stands for all others.
#[derive(Default)]
pub struct Integrations {
    /// The listed ones.
    pub named: HashMap<Slug, Integration>,
    /// `"*"`
    pub any: Option<Integration>,
}

impl Integrations {
    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Integration> {
        self.named.values().chain(&self.any)
    }
}

/// One integration.
pub struct Integration {
    /// Its name, or `*`.
    pub name: Arc<str>,
    /// Where it was declared.
    pub place: Place,
    /// What its visitors get.
    pub target: Target,
}

/// Where a visitor may want to go, ready to mint for.
pub struct Target {
    /// Its position: the integrations in the order of the file, and the marketplace behind them.
    pub index: usize,
    /// Its address for each account, in their order.
    pub addresses: Vec<Address>,
    /// The visitor's query parameters that are carried over.
    pub query: Vec<String>,
    /// The claims.
    pub template: Template,
    /// How visitors get there.
    pub deliver: Delivery,
}

/// The constant parts of the address of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// The id is known: `https://…/tenants/create/1121?tenant=` and `&display=settings`.
    Fixed {
        /// Pandium's id.
        id: String,
        /// Up to the token.
        before: String,
        /// Behind it.
        after: String,
    },
    /// The id is the name that the visitor asked for.
    Named {
        /// Up to the id.
        before: String,
        /// Behind the token.
        after: String,
    },
}
