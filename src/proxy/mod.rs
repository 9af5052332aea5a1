//! HTTP out: what passes through to the app.

pub mod body;
pub mod client;
pub mod forward;
pub mod headers;
