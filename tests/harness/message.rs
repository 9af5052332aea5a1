//! HTTP/1.1 messages, read as a plain reader would.

use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Longer than any wait of a test that holds; a test that does not would never end.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A message.
#[derive(Clone, Debug)]
pub struct Message {
    /// The first line and the header lines, as they came; bytes that are no UTF-8 became U+FFFD.
    pub head: String,
    /// The body, without its framing.
    pub body: Vec<u8>,
    /// The trailer lines of a chunked body.
    pub trailers: String,
    /// Whether the message came to its own end.
    pub whole: bool,
}

impl Message {
    /// A head alone.
    pub fn bare(head: String) -> Self {
        Self { head, body: Vec::new(), trailers: String::new(), whole: true }
    }

    pub fn first_line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    pub fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    /// The values of a header, by its name in any case.
    pub fn values(&self, name: &str) -> Vec<&str> {
        values(&self.head, name)
    }

    /// The header names as they came.
    pub fn names(&self) -> Vec<&str> {
        self.head.lines().skip(1).filter_map(|line| line.split_once(':')).map(|(name, _)| name).collect()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The refusal's code, where the answer is a problem.
    pub fn code(&self) -> String {
        let problem: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        problem["code"].as_str().unwrap_or_default().to_owned()
    }

    /// How many tokens of ours are in it.
    pub fn tokens(&self) -> usize {
        let whole = format!("{}{}{}", self.head, self.text(), self.trailers);
        whole.matches("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.").count()
    }

    /// Whether anything in it resembles a piece of a token.
    pub fn resembles_token(&self) -> bool {
        self.head.contains("eyJ") || self.text().contains("eyJ") || self.trailers.contains("eyJ")
    }
}

pub fn values<'h>(head: &'h str, name: &str) -> Vec<&'h str> {
    head.lines()
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .filter(|(own, _)| own.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
        .collect()
}

/// Reads messages from a connection, one after the other.
pub struct Reader<S> {
    stream: S,
    buffer: Vec<u8>,
    /// How long it waits for the next piece before the test has failed.
    patience: Duration,
}

impl<S: AsyncRead + Unpin> Reader<S> {
    pub fn new(stream: S) -> Self {
        Self { stream, buffer: Vec::new(), patience: PATIENCE }
    }

    /// One that waits as long as the test runs.
    pub fn patient(stream: S) -> Self {
        Self { patience: Duration::MAX, ..Self::new(stream) }
    }

    /// The connection itself, to write to.
    pub fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// A request: without a length it has no body.
    pub async fn request(&mut self) -> Option<Message> {
        let head = self.head().await?;
        Some(self.request_with(head).await)
    }

    /// The rest of a request, whose head was read before.
    pub async fn request_with(&mut self, head: String) -> Message {
        self.message(head, Framing::None).await
    }

    /// An answer: without a length its body ends with the connection.
    pub async fn answer(&mut self) -> Option<Message> {
        let head = self.head().await?;
        // These have none, whatever they say of a length.
        let status = head.split(' ').nth(1).unwrap_or_default();
        if matches!(status, "204" | "304") || status.starts_with('1') {
            return Some(Message::bare(head));
        }
        Some(self.message(head, Framing::ToEnd).await)
    }

    /// An answer to `HEAD`.
    pub async fn bare_answer(&mut self) -> Option<Message> {
        self.head().await.map(Message::bare)
    }

    /// Whether the connection ends here, with nothing more.
    pub async fn ends(&mut self) -> bool {
        self.buffer.is_empty() && !self.more().await
    }

    async fn message(&mut self, head: String, otherwise: Framing) -> Message {
        let mut message = Message::bare(head);
        match framing(&message).unwrap_or(otherwise) {
            Framing::None => {}
            Framing::Length(length) => message.whole = self.exactly(length, &mut message.body).await,
            Framing::Chunked => message.whole = self.chunks(&mut message).await.is_some(),
            Framing::ToEnd => {
                while self.more().await {}
                message.body = std::mem::take(&mut self.buffer);
            }
        }
        message
    }

    /// The head of the next message.
    pub async fn head(&mut self) -> Option<String> {
        let head = self.until(b"\r\n\r\n").await?;
        Some(String::from_utf8_lossy(&head).into_owned())
    }

    async fn chunks(&mut self, message: &mut Message) -> Option<()> {
        loop {
            let line = String::from_utf8_lossy(&self.until(b"\r\n").await?).into_owned();
            let size = usize::from_str_radix(line.trim().split(';').next()?, 16).ok()?;
            if size == 0 {
                break;
            }
            if !self.exactly(size, &mut message.body).await {
                return None;
            }
            self.until(b"\r\n").await?;
        }
        loop {
            let line = String::from_utf8_lossy(&self.until(b"\r\n").await?).into_owned();
            if line == "\r\n" {
                return Some(());
            }
            message.trailers.push_str(&line);
        }
    }

    /// Reads up to a mark, and the mark.
    async fn until(&mut self, mark: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.buffer.windows(mark.len()).position(|piece| piece == mark) {
                return Some(self.buffer.drain(..at + mark.len()).collect());
            }
            if !self.more().await {
                return None;
            }
        }
    }

    /// Reads so many bytes; false where the connection ends before.
    pub async fn exactly(&mut self, length: usize, out: &mut Vec<u8>) -> bool {
        while self.buffer.len() < length && self.more().await {}
        let there = length.min(self.buffer.len());
        out.extend(self.buffer.drain(..there));
        there == length
    }

    /// What comes next, as it comes; nothing where nothing more does.
    pub async fn some(&mut self) -> Option<Vec<u8>> {
        let there = !self.buffer.is_empty() || self.more().await;
        there.then(|| std::mem::take(&mut self.buffer))
    }

    /// Reads on; false where nothing more comes.
    pub async fn more(&mut self) -> bool {
        let read = tokio::time::timeout(self.patience, self.stream.read_buf(&mut self.buffer)).await;
        let read = read.expect("nothing came, and the connection did not end");
        matches!(read, Ok(n) if n > 0)
    }
}

enum Framing {
    None,
    Length(usize),
    Chunked,
    ToEnd,
}

fn framing(message: &Message) -> Option<Framing> {
    if message.values("transfer-encoding").iter().any(|coding| coding.contains("chunked")) {
        return Some(Framing::Chunked);
    }
    let length = message.values("content-length").first()?.parse().ok()?;
    Some(Framing::Length(length))
}
