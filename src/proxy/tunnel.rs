//! What is left of a connection after HTTP: bytes, both ways (RFC 9110 §7.8).

use crate::stream::{Stream, Watch, Watched};
use bytes::Bytes;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead as _, AsyncWriteExt as _, ReadBuf, copy_bidirectional};

/// Where a request leaves the app's side, for the visitor's connection to take up.
#[derive(Clone, Default)]
pub struct Switch(Arc<Mutex<Option<Switched>>>);

/// A connection to the app that has switched protocols.
pub struct Switched {
    /// Its bytes.
    pub stream: Stream,
    /// Those that came with the head.
    pub said: Bytes,
}

impl Switch {
    /// Leaves it.
    pub fn leave(&self, switched: Switched) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(switched);
    }

    /// Takes it up.
    pub fn take(&self) -> Option<Switched> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Carries bytes both ways, until both sides have ended, or neither has sent any for so long.
pub async fn carry(visitor: Stream, said: Bytes, mut app: Switched, idle: Duration) -> io::Result<()> {
    let moved = Arc::<AtomicBool>::default();
    let watched = |stream| Watched::new(stream, Heard(Arc::clone(&moved)));
    let mut visitor = watched(visitor);
    let both = async {
        visitor.write_all(&app.said).await?;
        app.stream.write_all(&said).await?;
        // What is encrypted may wait within us, and whoever copies flushes what they wrote themselves.
        visitor.flush().await?;
        app.stream.flush().await?;
        copy_bidirectional(&mut visitor, &mut watched(app.stream)).await.map(drop)
    };
    tokio::select! {
        carried = both => carried,
        () = silence(&moved, idle) => Ok(()),
    }
}

/// Returns when nothing has moved for as long as `idle`, or up to an eighth longer.
async fn silence(moved: &AtomicBool, idle: Duration) {
    const STEPS: u32 = 8;
    let mut still = 0;
    while still < STEPS {
        tokio::time::sleep(idle / STEPS).await;
        still = if moved.swap(false, Ordering::Relaxed) { 0 } else { still + 1 };
    }
}

/// Tells when a side of the tunnel is read from.
struct Heard(Arc<AtomicBool>);

impl Watch for Heard {
    fn poll_read(
        &mut self,
        stream: Pin<&mut Stream>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = stream.poll_read(cx, buf);
        if read.is_ready() {
            self.0.store(true, Ordering::Relaxed);
        }
        read
    }
}
