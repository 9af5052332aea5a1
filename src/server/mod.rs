//! HTTP in: listeners, the visitor's requests, the operator's.

pub mod admin;
pub mod certificate;
pub mod connection;
pub mod decisions;
pub mod edition;
pub mod guest;
pub mod handler;
pub mod http1;
pub mod http2;
pub mod listener;
pub mod metrics;
pub mod page;
pub mod record;
mod rehearse;
pub mod reply;
pub mod room;
pub mod service;
pub mod socket;
pub mod status;
pub mod verdict;
pub mod worker;
