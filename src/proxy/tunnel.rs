//! What is left of a connection after HTTP: bytes, both ways (RFC 9110 §7.8).

use crate::stream::Stream;
use bytes::Bytes;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf, copy_bidirectional};

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
pub async fn carry<V>(visitor: V, said: Bytes, mut app: Switched, idle: Duration) -> io::Result<()>
where
    V: AsyncRead + AsyncWrite + Unpin,
{
    let moved = Arc::<AtomicBool>::default();
    let mut visitor = Heard { inner: visitor, moved: Arc::clone(&moved) };
    let both = async {
        visitor.write_all(&app.said).await?;
        app.stream.write_all(&said).await?;
        let mut app = Heard { inner: app.stream, moved: Arc::clone(&moved) };
        copy_bidirectional(&mut visitor, &mut app).await.map(drop)
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

/// A side of the tunnel that tells when it is read from.
struct Heard<S> {
    inner: S,
    moved: Arc<AtomicBool>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Heard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.inner).poll_read(cx, buf);
        if read.is_ready() {
            self.moved.store(true, Ordering::Relaxed);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Heard<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
