//! What has come on a connection and is not read yet.

use crate::stream::Stream;
use bytes::{Bytes, BytesMut};
use std::future::Future as _;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, ready};
use tokio::io::AsyncReadExt as _;

/// How much is read at once, to begin with: most heads fit. It is also the most that a connection at rest
/// holds for it.
pub(super) const USUAL: usize = 8 << 10;

/// Bytes, and how many more to ask for.
pub struct Incoming {
    /// Those that have come.
    pub bytes: BytesMut,
    pub(super) next: usize,
    /// The most that is read at once.
    most: usize,
    /// Whether there is more room than a connection at rest should hold.
    pub(super) roomy: bool,
}

impl Incoming {
    /// So much was read already.
    pub fn new(said: Bytes, most: usize) -> Self {
        Self { bytes: BytesMut::from(said), next: USUAL, most, roomy: false }
    }

    /// Reads more, and how much; nothing at the end. So much is `left` of what is being read, where that
    /// was told.
    pub fn poll(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut Stream,
        left: Option<u64>,
    ) -> Poll<io::Result<usize>> {
        let size = self.size(left);
        if self.bytes.capacity() - self.bytes.len() < size / 2 {
            self.roomy |= self.bytes.len() + size > USUAL;
            self.bytes.reserve(size);
        }
        let read = ready!(pin!(stream.read_buf(&mut self.bytes)).poll(cx))?;
        if self.bytes.len() == self.bytes.capacity() {
            self.next = (4 * self.next).min(self.most);
        }
        Poll::Ready(Ok(read))
    }

    /// How much to read at once: more where as much has come before, and no more than is left, but for
    /// a byte that shows that this was all.
    pub(super) fn size(&self, left: Option<u64>) -> usize {
        match left {
            Some(left @ 1..) if self.next > USUAL => {
                usize::try_from(left.saturating_add(1)).unwrap_or(self.most).clamp(USUAL, self.most)
            }
            _ => self.next,
        }
    }

    /// Gives up the room that was made for much, where nothing is in it.
    pub fn rest(&mut self) {
        if std::mem::take(&mut self.roomy) {
            self.bytes = BytesMut::new();
        }
        self.next = USUAL;
    }

    /// Gives up all room that nothing is in.
    pub fn shrink(&mut self) {
        // A copy, as the rest is a part of all the room that there was for more.
        self.bytes = BytesMut::from(&*self.bytes);
        (self.next, self.roomy) = (USUAL, false);
    }
}
