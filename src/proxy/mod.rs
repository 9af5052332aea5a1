//! HTTP out: what passes through to the app.

pub mod alarm;
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
pub mod incoming;
pub mod line;
pub mod onward;
pub mod overtaken;
pub mod pandium;
pub mod place;
pub mod pool;
pub mod rewrite;
pub mod tunnel;
pub mod visitor;
