//! HTTP/1.1 as bytes (RFC 9112): heads, bodies, and nothing of where they come from or go to.
//!
//! ```text
//! bytes ──head──▶ request or response ──framing──▶ how its body is told apart from what follows
//! bytes ──decode──▶ pieces of a body          message ──encode, outgoing──▶ bytes
//! ```
//!
//! What can be read in two ways is an error here, before anybody acts on it. The lines of a head are
//! httparse's to read; where a body ends is ours to say.

pub mod decode;
pub mod encode;
pub mod framing;
pub mod head;
pub mod lines;
pub mod outgoing;
pub mod spelling;
pub mod target;
