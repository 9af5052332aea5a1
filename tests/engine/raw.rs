//! Raw bytes to the sidecar, and what comes of them on both sides of it.

use crate::harness::script::{Scripted, Step, drip, ok};
use crate::harness::{Message, Reader, Sidecar, connect};
use crate::kit::{Wrong, gist, playing};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

/// A second request, which nobody sent as one.
pub const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: app.test\r\n\r\n";

/// In which way a row is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Manner {
    Whole,
    Dripped,
    /// Behind a request that is fine, on the same connection.
    Second,
}

pub const MANNERS: [Manner; 3] = [Manner::Whole, Manner::Dripped, Manner::Second];

/// A table being played.
pub struct Played<'s> {
    pub app: &'s Scripted,
    pub sidecar: &'s Sidecar,
    pub wrong: Wrong,
}

/// What came of a row.
pub struct Outcome {
    pub answer: Option<Message>,
    /// The connection ended behind the answer.
    pub ended: bool,
    /// What the app saw of it.
    pub seen: Vec<Message>,
}

impl<'s> Played<'s> {
    pub fn new(app: &'s Scripted, sidecar: &'s Sidecar) -> Self {
        Self { app, sidecar, wrong: Wrong::default() }
    }

    pub async fn send(&self, from: &str, bytes: &[u8], manner: Manner) -> Outcome {
        let mut reader = Reader::new(connect(from, self.sidecar.address).await);
        reader.stream().set_nodelay(true).unwrap();
        if manner == Manner::Second {
            reader.stream().write_all(&crate::harness::request("GET", "/fine", &[])).await.unwrap();
            assert_eq!(reader.answer().await.unwrap().status(), 200);
        }
        let before = self.app.calls().len();
        // The other end may have had enough before all is sent.
        if manner == Manner::Dripped {
            drip(reader.stream(), bytes).await;
        } else {
            drop(reader.stream().write_all(bytes).await);
        }
        let outcome = async {
            let answer = reader.answer().await;
            (answer, reader.ends().await)
        };
        let waited = tokio::time::timeout(Duration::from_secs(3), outcome).await;
        let (answer, ended) = waited.unwrap_or((None, false));
        let calls = self.app.calls().split_off(before);
        Outcome { answer, ended, seen: calls.into_iter().map(|call| call.message).collect() }
    }

    /// Whatever came late, nothing was smuggled.
    pub fn ends(&mut self) {
        let smuggled = self.app.count("/smuggled");
        self.wrong.expect(smuggled == 0, "all rows", format!("{smuggled} smuggled"));
    }

    /// Refused, closed, and nothing seen by the app.
    pub async fn refused(&mut self, from: &str, bytes: &[u8], manner: Manner) {
        let case = short(bytes, manner);
        let got = self.send(from, bytes, manner).await;
        let refused = got.answer.as_ref().is_some_and(is_refusal);
        self.wrong.expect(refused && got.ended && got.seen.is_empty(), &case, got.gist());
    }

    /// Refused, or one clean request with this body; closed all the same.
    pub async fn refused_or_one(&mut self, from: &str, bytes: &[u8], manner: Manner, body: &[u8]) {
        let case = short(bytes, manner);
        let got = self.send(from, bytes, manner).await;
        let refused = got.answer.as_ref().is_some_and(is_refusal) && got.seen.is_empty();
        let one = got.seen.len() == 1 && is_clean(&got.seen[0]) && got.seen[0].body == body;
        self.wrong.expect((refused || one) && got.ended, &case, got.gist());
    }
}

impl Outcome {
    pub fn gist(&self) -> String {
        let end = if self.ended { "closed" } else { "left open" };
        let seen: Vec<_> = self.seen.iter().map(Message::first_line).collect();
        format!("{}, {end}, the app saw {seen:?}", gist(self.answer.as_ref()))
    }
}

pub fn is_refusal(answer: &Message) -> bool {
    (400..500).contains(&answer.status()) || matches!(answer.status(), 501 | 505)
}

/// A row by what is its own.
fn short(bytes: &[u8], manner: Manner) -> String {
    let text = String::from_utf8_lossy(bytes);
    let (first, own) = text.split_once("\r\nHost: app.test\r\n").unwrap_or(("", &text));
    let own = own.split("\r\n\r\n").next().unwrap_or_default();
    format!("{manner:?} {} {own}", first.split(' ').next().unwrap_or_default())
}

/// A request that can be read in one way alone.
pub fn is_clean(seen: &Message) -> bool {
    let framing: Vec<_> =
        seen.names().into_iter().filter(|name| is_framing(&name.replace('_', "-"))).collect();
    let by_length =
        seen.values("content-length").iter().all(|value| value.bytes().all(|b| b.is_ascii_digit()));
    let by_chunks = seen.values("transfer-encoding").iter().all(|value| *value == "chunked");
    framing.len() <= 1 && by_length && by_chunks && seen.whole && !seen.head.contains("\r\n ")
}

fn is_framing(name: &str) -> bool {
    ["content-length", "transfer-encoding"].iter().any(|framing| name.eq_ignore_ascii_case(framing))
}

pub async fn app_and_sidecar() -> (Scripted, Sidecar) {
    playing("", |call| vec![Step::Body, ok(call.path())]).await
}

/// What one reader takes for a body, and another for a body and a second request.
pub fn body_for(lines: &str) -> String {
    let body = if lines.to_lowercase().contains("hunked") { "5\r\nhello\r\n0\r\n\r\n" } else { "hello" };
    format!("{body}{SMUGGLED}")
}
