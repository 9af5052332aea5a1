//! The configuration file: YAML text to a tree with places, the tree to types that cannot be wrong,
//! and every problem found on the way, at once.
//!
//! `file` reads the tree, `env` puts the environment into it, and `reader` with the parsers of
//! `leaf` and `net` takes it apart for those who know what belongs there.

mod acquire;
mod admin;
mod advice;
mod basics;
mod beside;
mod cases;
mod check;
mod disk;
pub mod env;
pub mod error;
pub mod file;
mod frozen;
mod ids;
mod integrations;
pub mod jwt;
mod leaf;
mod listen;
mod load;
mod marketplace;
pub mod model;
pub mod net;
mod outline;
mod overrides;
mod pandium;
mod presence;
mod proxied;
pub mod reader;
mod remote;
mod root;
mod routes;
mod secret;
mod session;
pub mod source;
mod spoiled;
mod traps;
pub mod tree;
mod trust;

pub use admin::admin;
pub use basics::parse_log_format;
pub use cases::{Case, Expect, Given, cases};
pub use disk::{Found, Seen, Stamp};
pub use frozen::{Remade, remade};
pub use listen::parse_listen;
pub use load::{Invalid, Loaded, Options, load, load_again, load_text};
pub use model::Config;
pub use outline::{Outline, outline};

#[cfg(test)]
mod tests;
