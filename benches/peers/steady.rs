//! A visitor who does not wait: `steady ADDRESS REQUEST RATE COUNT CONNECTIONS`.
//!
//! Sends the bytes of the file `REQUEST`, `RATE` times a second at fixed times and `COUNT` times in
//! all, spread evenly over the connections, and prints the median and the 99th percentile of the
//! waits in microseconds. A wait begins when the request is due and not when it is sent: an answer
//! that is late makes the next request late, and that counts. The first tenth is not counted.
#![allow(clippy::print_stdout, reason = "a tool prints what it has measured")]

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const USAGE: &str = "usage: steady ADDRESS REQUEST RATE COUNT CONNECTIONS";

struct Plan {
    request: Vec<u8>,
    /// Between two requests, whatever their connections.
    interval: Duration,
    count: u32,
    connections: u32,
}

impl Plan {
    /// The waits of one connection.
    fn follow(&self, mut stream: TcpStream, start: Instant, first: u32) -> io::Result<Vec<Duration>> {
        let (mut piece, mut answer, mut waits) = (vec![0; 32 * 1024], Vec::new(), Vec::new());
        for number in (first..self.count).step_by(self.connections as usize) {
            let due = start + self.interval * number;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            stream.write_all(&self.request)?;
            answer.clear();
            while !complete(&answer)? {
                let read = stream.read(&mut piece)?;
                if read == 0 {
                    return Err(bad("the connection is closed"));
                }
                answer.extend_from_slice(piece.get(..read).unwrap_or_default());
            }
            if number >= self.count / 10 {
                waits.push(due.elapsed());
            }
        }
        Ok(waits)
    }
}

/// Whether a good answer, whose body has a length, is there to its end.
fn complete(answer: &[u8]) -> io::Result<bool> {
    let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(false) };
    let text = String::from_utf8_lossy(answer.get(..head).unwrap_or_default());
    if !text.starts_with("HTTP/1.1 200 ") {
        return Err(bad("an answer is not 200"));
    }
    let headers = text.lines().filter_map(|line| line.split_once(':'));
    let length = headers.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length: Option<usize> = length.and_then(|(_, value)| value.trim().parse().ok());
    Ok(answer.len() >= head + 4 + length.ok_or_else(|| bad("an answer has no length"))?)
}

fn measure(address: &str, plan: &Arc<Plan>) -> io::Result<Vec<Duration>> {
    let connect = |_| {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(stream)
    };
    let streams: Vec<TcpStream> = (0..plan.connections).map(connect).collect::<io::Result<_>>()?;
    let start = Instant::now() + Duration::from_millis(50);
    let begin = |(stream, first)| {
        let plan = Arc::clone(plan);
        thread::spawn(move || plan.follow(stream, start, first))
    };
    let threads: Vec<_> = streams.into_iter().zip(0..).map(begin).collect();
    let mut waits = Vec::new();
    for thread in threads {
        waits.extend(thread.join().map_err(|_| bad("a thread is gone"))??);
    }
    waits.sort_unstable();
    Ok(waits)
}

/// The wait that so many of a thousand do not exceed.
fn quantile(waits: &[Duration], thousandths: usize) -> io::Result<u128> {
    let at = waits.len().saturating_sub(1) * thousandths / 1000;
    waits.get(at).map(Duration::as_micros).ok_or_else(|| bad("nothing was counted"))
}

fn bad(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, request, numbers @ ..] = arguments.as_slice() else { return Err(bad(USAGE)) };
    let numbers = numbers.iter().map(|text| text.parse()).collect::<Result<Vec<u32>, _>>();
    let Ok(&[rate, count, connections]) = numbers.as_deref() else { return Err(bad(USAGE)) };
    // The kernel rounds a sleep up by 50 µs where it is not told otherwise; threads inherit it.
    std::fs::write("/proc/self/timerslack_ns", "1")?;
    let plan = Plan {
        request: std::fs::read(request)?,
        interval: Duration::from_secs(1).checked_div(rate).ok_or_else(|| bad(USAGE))?,
        count,
        connections,
    };
    let waits = measure(address, &Arc::new(plan))?;
    println!("{} {}", quantile(&waits, 500)?, quantile(&waits, 990)?);
    Ok(())
}
