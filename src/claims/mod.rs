//! The claim template: compiled at load, so that nothing in it can fail to parse at request time.

mod written;

pub use written::{Flaw, Tree, Written};
