//! Threads that serve, each with a runtime of its own: a request never leaves its core, and what a
//! worker keeps nobody else waits for.

use super::connection::Phase;
use super::handler::Handler;
use super::listener::{self, Shared};
use super::room::Room;
use std::convert::Infallible;
use std::io;
use std::thread;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};

/// A thread that serves.
pub struct Worker {
    thread: thread::JoinHandle<()>,
    ended: mpsc::Receiver<Infallible>,
}

impl Worker {
    /// Serves on these sockets until the phase says to end, with a permit for each connection.
    /// `handler` is made within the worker.
    pub fn start<M, H>(
        sockets: Vec<Shared>,
        room: Room,
        handler: M,
        phase: watch::Receiver<Phase>,
    ) -> io::Result<Self>
    where
        M: FnOnce() -> H + Send + 'static,
        H: Handler,
    {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (alive, ended) = mpsc::channel(1);
        let run = move || {
            run(&runtime, sockets, &room, handler, phase);
            runtime.shutdown_background();
            drop(alive);
        };
        let thread = thread::Builder::new().name("worker".to_owned()).spawn(run)?;
        Ok(Self { thread, ended })
    }

    /// Waits for its end.
    pub async fn end(mut self) {
        let _ = self.ended.recv().await;
        if self.thread.join().is_err() {
            tracing::error!("a worker panicked");
        }
    }
}

fn run<M, H>(
    runtime: &Runtime,
    sockets: Vec<Shared>,
    room: &Room,
    handler: M,
    mut phase: watch::Receiver<Phase>,
) where
    M: FnOnce() -> H,
    H: Handler,
{
    runtime.block_on(async {
        let handler = handler();
        let (open, mut closed) = mpsc::channel(1);
        for socket in sockets {
            tokio::spawn(listener::accept(
                socket,
                room.clone(),
                handler.clone(),
                phase.clone(),
                open.clone(),
            ));
        }
        drop(open);
        tokio::select! {
            // Every listener and connection has ended.
            _ = closed.recv() => {}
            _ = phase.wait_for(|phase| *phase == Phase::Cut) => {}
        }
    });
}
