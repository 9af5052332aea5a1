//! Where the lines of the log go out: a thread of its own writes them, whole and in their order.
//!
//! Whoever logs copies a line into a buffer and goes on. An output that blocks costs lines, once
//! 1 MiB of them wait, and so does one that is closed or full: never a request, and never the
//! program, at its end neither. Lines that are lost are counted.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::mem;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use tracing_subscriber::fmt::MakeWriter;

/// The most bytes that wait for a slow reader.
const MOST: usize = 1 << 20;
/// What of a buffer is kept when its lines are gone.
const KEPT: usize = 64 << 10;
/// How long the end of the program waits for the last lines.
const LAST_WAIT: Duration = Duration::from_secs(1);
/// How long to wait for more lines behind the first: to be woken and to write costs the core as much as
/// a request does, and under load many lines may come at that price.
const GATHER: Duration = Duration::from_millis(1);
/// How long to wait for an output that says that it would block.
const PAUSE: Duration = Duration::from_millis(5);

static DROPPED: AtomicU64 = AtomicU64::new(0);

/// How many lines were lost.
pub fn dropped() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

/// Standard output, without the buffer that the standard library puts before it: after an error that
/// would hold on to half of a line.
pub fn stdout() -> io::Result<File> {
    io::stdout().as_fd().try_clone_to_owned().map(File::from)
}

/// Takes lines.
#[derive(Clone)]
pub struct Outlet(Arc<Shared>);

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    more: Condvar,
}

#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    /// Whether the thread has nothing to do.
    asleep: bool,
    /// Whether no more lines will come.
    ended: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Swaps an empty buffer for one with lines in it; false at the end.
    fn take(&self, lines: &mut Vec<u8>) -> bool {
        let mut waiting = self.lock();
        while waiting.lines.is_empty() {
            if waiting.ended {
                return false;
            }
            waiting.asleep = true;
            waiting = self.more.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            waiting.asleep = false;
            drop(waiting);
            thread::sleep(GATHER);
            waiting = self.lock();
        }
        mem::swap(&mut waiting.lines, lines);
        true
    }
}

impl Outlet {
    /// Starts the thread.
    pub fn start(output: impl Write + Send + 'static) -> io::Result<(Self, Flush)> {
        let shared = Arc::<Shared>::default();
        let (done, ended) = channel();
        let own = Arc::clone(&shared);
        thread::Builder::new().name("log".to_owned()).spawn(move || run(&own, output, &done))?;
        Ok((Self(Arc::clone(&shared)), Flush { shared, ended }))
    }
}

/// Waits a moment for the last lines when it is dropped.
pub struct Flush {
    shared: Arc<Shared>,
    ended: Receiver<()>,
}

impl Drop for Flush {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.more.notify_one();
        // Whoever does not read now will never.
        let _ = self.ended.recv_timeout(LAST_WAIT);
    }
}

impl<'a> MakeWriter<'a> for Outlet {
    type Writer = &'a Outlet;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

/// A line is written in one piece.
impl Write for &Outlet {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut waiting = self.0.lock();
        if waiting.lines.len() + line.len() > MOST {
            DROPPED.fetch_add(1, Ordering::Relaxed);
            return Ok(line.len());
        }
        waiting.lines.extend_from_slice(line);
        let wake = mem::take(&mut waiting.asleep);
        drop(waiting);
        if wake {
            self.0.more.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn run(shared: &Shared, mut output: impl Write, done: &Sender<()>) {
    let mut lines = Vec::new();
    let mut torn = false;
    while shared.take(&mut lines) {
        let lost = write_lines(&mut output, &lines, &mut torn);
        DROPPED.fetch_add(lost, Ordering::Relaxed);
        lines.clear();
        lines.shrink_to(KEPT);
    }
    let _ = done.send(());
}

/// Writes lines, and counts those that could not be written whole. What comes behind half of a line
/// begins one of its own.
fn write_lines(output: &mut impl Write, lines: &[u8], torn: &mut bool) -> u64 {
    let mut rest = lines;
    if !*torn || write(output, b"\n").is_empty() {
        rest = write(output, lines);
        *torn = rest.len() < lines.len() && !lines.strip_suffix(rest).is_some_and(|out| out.ends_with(b"\n"));
    }
    let lost = rest.split(|byte| *byte == b'\n').count() - 1;
    u64::try_from(lost).unwrap_or(u64::MAX)
}

/// Writes what it can, and returns the rest.
fn write<'b>(output: &mut impl Write, bytes: &'b [u8]) -> &'b [u8] {
    let mut rest = bytes;
    while !rest.is_empty() {
        match output.write(rest) {
            Ok(0) => break,
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(PAUSE),
            Err(_) => break,
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::{MOST, Outlet, dropped, write_lines};
    use std::io::{self, ErrorKind, Write};
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// Takes so many bytes of each write, in turn; 0 stands for an error.
    struct Faulty {
        turns: Vec<usize>,
        taken: Vec<u8>,
    }

    impl Write for Faulty {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let most = if self.turns.is_empty() { usize::MAX } else { self.turns.remove(0) };
            if most == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            let taken = &bytes[..bytes.len().min(most)];
            self.taken.extend_from_slice(taken);
            Ok(taken.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What an output with these turns has after three batches, and how many lines were lost.
    fn written(turns: &[usize]) -> (String, u64) {
        let mut output = Faulty { turns: turns.to_vec(), taken: Vec::new() };
        let mut torn = false;
        let batches = ["one\ntwo\n", "three\n", "four\n"];
        let lost = batches.map(|batch| write_lines(&mut output, batch.as_bytes(), &mut torn)).iter().sum();
        (String::from_utf8(output.taken).unwrap(), lost)
    }

    #[test]
    fn a_lost_line_is_counted_and_tears_no_other() {
        for (turns, text, lost) in [
            (&[][..], "one\ntwo\nthree\nfour\n", 0),
            (&[2, 1, 3], "one\ntwo\nthree\nfour\n", 0),
            (&[0], "three\nfour\n", 2),
            (&[4, 0], "one\nthree\nfour\n", 1),
            (&[2, 0], "on\nthree\nfour\n", 2),
            (&[2, 0, 0], "on\nfour\n", 3),
            (&[2, 0, 1, 0], "on\nfour\n", 3),
        ] {
            assert_eq!(written(turns), (text.to_owned(), lost), "{turns:?}");
        }
    }

    /// An output that takes nothing until it is told to.
    struct Blocked {
        begun: Sender<()>,
        go: Receiver<()>,
        taken: Sender<Vec<u8>>,
    }

    impl Write for Blocked {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.begun.send(());
            let _ = self.go.recv();
            let _ = self.taken.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_output_that_blocks_costs_lines_and_nobody_waits() {
        let ((begun, begins), (go, gone), (taken, pieces)) = (channel(), channel(), channel());
        let (outlet, flush) = Outlet::start(Blocked { begun, go: gone, taken }).unwrap();
        let mut outlet = &outlet;
        outlet.write_all(b"first\n").unwrap();
        begins.recv().unwrap();
        let line = [&[b'x'; 1023][..], b"\n"].concat();
        let before = dropped();
        for _ in 0..MOST / line.len() + 3 {
            outlet.write_all(&line).unwrap();
        }
        assert_eq!(dropped() - before, 3);
        drop(go);
        drop(flush);
        assert_eq!(pieces.iter().map(|piece| piece.len()).sum::<usize>(), MOST + 6);
    }
}
