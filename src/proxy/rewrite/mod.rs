//! What is rewritten between a visitor and Pandium's pages, where these have an address of ours. Each
//! rule is a function of its own, with a table of cases.

mod address;
mod answer;
mod cookies;
mod policy;
mod request;

pub use address::{Origin, View};
pub use answer::{Dressed, dress_answer};
pub use cookies::{Jar, Manner, Mismatch, Seal, is_shared_with};
pub use request::dress_request;
