//! HTTP out: what passes through to the app.

mod alarm;
pub mod arriving;
pub mod body;
pub mod client;
pub mod conceal;
pub mod connect;
pub mod download;
pub mod forward;
pub mod headers;
pub mod http2;
pub mod inbound;
pub mod line;
pub mod pandium;
pub mod place;
pub mod pool;
pub mod rewrite;
mod spare;
pub mod tunnel;
