//! A client of HTTP/2 that sends frames as it is told, good or bad, and reads what comes as a plain
//! reader would.

mod request;

use self::request::Request;
use super::message::{Message, PATIENCE};
use httlib_hpack::Decoder;
use std::collections::VecDeque;
use std::fmt::Write as _;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Types of frames (RFC 9113 §6).
pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 1;
pub const ACK: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// Error codes (RFC 9113 §7).
pub const NO_ERROR: u32 = 0;
pub const PROTOCOL_ERROR: u32 = 1;
pub const INTERNAL_ERROR: u32 = 2;
pub const CANCEL: u32 = 8;
pub const ENHANCE_YOUR_CALM: u32 = 11;

const LARGEST: usize = 16_384;

/// A frame's bytes.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Header fields as they are, without any compression: whatever they hold arrives.
pub fn block<N: AsRef<[u8]>, V: AsRef<[u8]>>(fields: &[(N, V)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name.as_ref(), value.as_ref()] {
            integer(&mut block, text.len());
            block.extend_from_slice(text);
        }
    }
    block
}

/// RFC 7541 §5.1, with a prefix of seven bits.
fn integer(out: &mut Vec<u8>, mut value: usize) {
    if value < 127 {
        return out.push(u8::try_from(value).unwrap());
    }
    out.push(127);
    value -= 127;
    while value >= 128 {
        out.push(u8::try_from(value % 128).unwrap() | 128);
        value /= 128;
    }
    out.push(u8::try_from(value).unwrap());
}

/// The frames of a head: one, and its continuations.
pub fn head(stream: u32, block: &[u8], end_stream: bool) -> Vec<u8> {
    let pieces: Vec<&[u8]> = if block.is_empty() { vec![block] } else { block.chunks(LARGEST).collect() };
    let mut frames = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        let (kind, end) = if at == 0 { (HEADERS, u8::from(end_stream)) } else { (CONTINUATION, 0) };
        let last = if at + 1 == pieces.len() { END_HEADERS } else { 0 };
        frames.extend(frame(kind, end | last, stream, piece));
    }
    frames
}

/// A usual `GET`, with more fields behind.
pub fn get<'f>(path: &'f str, more: &[(&'f str, &'f str)]) -> Vec<(&'f str, &'f str)> {
    let usual = [(":method", "GET"), (":scheme", "http"), (":authority", "app.test"), (":path", path)];
    [&usual[..], more].concat()
}

/// A frame that came.
#[derive(Clone, Debug)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    /// The error code of a reset, or of a farewell.
    pub fn code(&self) -> u32 {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }
}

/// What became of a request.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// An answer, whole or broken off with that code.
    Answer(Message, Option<u32>),
    /// The stream was reset before there was one.
    Reset(u32),
    /// The whole connection ended; with that code, where it said so.
    Left(Option<u32>),
}

/// A connection.
pub struct Client<S> {
    pub stream: S,
    buffer: VecDeque<u8>,
    decoder: Decoder<'static>,
    next: u32,
    /// How much may be sent, on the connection and on the stream.
    window: (i64, i64),
    /// The code of the farewell that came.
    farewell: Option<u32>,
    /// Whether room is made for what has come.
    pub reads: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// Begins as a client has to.
    pub async fn new(stream: S) -> Self {
        let mut client = Self::silent(stream);
        client.send(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await;
        client
    }

    /// The other end of one, which begins with these settings.
    pub async fn accept(mut stream: S, settings: &[u8]) -> Self {
        let mut preface = [0; PREFACE.len()];
        // Where there is none, no frame comes either.
        let _ = stream.read_exact(&mut preface).await;
        let mut client = Self::silent(stream);
        client.send(&frame(SETTINGS, 0, 0, settings)).await;
        client
    }

    /// One that says nothing by itself at the beginning.
    pub fn silent(stream: S) -> Self {
        let (buffer, decoder, window) = (VecDeque::new(), Decoder::default(), (65_535, 65_535));
        Self { stream, buffer, decoder, next: 1, window, farewell: None, reads: true }
    }

    /// Sends bytes; false where nobody takes them any more.
    pub async fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok() && self.stream.flush().await.is_ok()
    }

    /// The number of the next stream.
    pub fn number(&mut self) -> u32 {
        self.next += 2;
        self.next - 2
    }

    /// Sends a head alone.
    pub async fn begin<N: AsRef<[u8]>, V: AsRef<[u8]>>(&mut self, fields: &[(N, V)], end: bool) -> u32 {
        let number = self.number();
        self.send(&head(number, &block(fields), end)).await;
        number
    }

    /// Asks without a body, and tells what became of it.
    pub async fn ask<N: AsRef<[u8]>, V: AsRef<[u8]>>(&mut self, fields: &[(N, V)]) -> Outcome {
        let number = self.begin(fields, true).await;
        self.outcome(number).await
    }

    /// The next frame; nothing where the connection ends.
    pub async fn frame(&mut self) -> Option<Frame> {
        let header = self.exactly(9).await?;
        let length = u32::from_be_bytes([0, header[0], header[1], header[2]]);
        let stream = u32::from_be_bytes(header[5..9].try_into().unwrap());
        let payload = self.exactly(usize::try_from(length).unwrap()).await?;
        Some(Frame { kind: header[3], flags: header[4], stream, payload })
    }

    async fn exactly(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < length {
            let mut some = vec![0; LARGEST];
            let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut some)).await;
            match read.expect("no frame came, and the connection did not end") {
                Ok(n) if n > 0 => self.buffer.extend(&some[..n]),
                _ => return None,
            }
        }
        Some(self.buffer.drain(..length).collect())
    }

    /// The next frame that is not about the connection alone: those are answered as they should be.
    pub async fn next(&mut self) -> Option<Frame> {
        loop {
            let frame = self.frame().await?;
            match frame.kind {
                SETTINGS if frame.flags & ACK == 0 => self.settle().await,
                PING if frame.flags & ACK == 0 => {
                    self.send(&self::frame(PING, ACK, 0, &frame.payload)).await;
                }
                SETTINGS | PING => {}
                GOAWAY => self.farewell = Some(frame.code()),
                WINDOW_UPDATE => {
                    let more = i64::from(u32::from_be_bytes(frame.payload[..4].try_into().unwrap()));
                    if frame.stream == 0 {
                        self.window.0 += more;
                    } else {
                        self.window.1 += more;
                    }
                    return Some(frame);
                }
                _ => return Some(frame),
            }
        }
    }

    /// Accepts the other's settings, whatever they are.
    async fn settle(&mut self) {
        self.send(&frame(SETTINGS, ACK, 0, &[])).await;
    }

    /// Whether the connection ends, and with which code.
    pub async fn farewell(&mut self) -> Option<u32> {
        while self.next().await.is_some() {}
        self.farewell
    }

    /// What becomes of a stream; what comes on others is lost.
    pub async fn outcome(&mut self, stream: u32) -> Outcome {
        let mut answer: Option<Message> = None;
        loop {
            let Some(frame) = self.next().await else { return Outcome::Left(self.farewell) };
            if frame.stream != stream {
                // What is in the table of one head is named in the next.
                if frame.kind == HEADERS {
                    self.head(&frame).await;
                }
                continue;
            }
            match (frame.kind, &mut answer) {
                (RST_STREAM, None) => return Outcome::Reset(frame.code()),
                (RST_STREAM, Some(answer)) => {
                    answer.whole = false;
                    return Outcome::Answer(answer.clone(), Some(frame.code()));
                }
                (HEADERS, None) => answer = Some(Message::bare(self.head(&frame).await)),
                (HEADERS, Some(answer)) => {
                    let head = self.head(&frame).await;
                    head.split_once("\r\n").unwrap().1.clone_into(&mut answer.trailers);
                }
                (DATA, Some(answer)) => {
                    answer.body.extend(&frame.payload);
                    if self.reads && !frame.payload.is_empty() {
                        self.make_room(stream, frame.payload.len()).await;
                    }
                }
                _ => continue,
            }
            if frame.flags & END_STREAM != 0 {
                return Outcome::Answer(answer.unwrap(), None);
            }
        }
    }

    /// Lets so much more come.
    pub async fn make_room(&mut self, stream: u32, bytes: usize) {
        let more = u32::try_from(bytes).unwrap().to_be_bytes();
        let both = [frame(WINDOW_UPDATE, 0, 0, &more), frame(WINDOW_UPDATE, 0, stream, &more)].concat();
        self.send(&both).await;
    }

    /// A head in the words of HTTP/1.1; a status has no phrase.
    pub async fn head(&mut self, first: &Frame) -> String {
        let mut block = first.payload.clone();
        let mut flags = first.flags;
        while flags & END_HEADERS == 0 {
            let more = self.frame().await.unwrap();
            block.extend(more.payload);
            flags = more.flags;
        }
        let mut fields = Vec::new();
        self.decoder.decode(&mut block, &mut fields).unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut line = String::from("trailers\r\n");
        let mut lines = String::new();
        for (name, value, _) in &fields {
            match &name[..] {
                b":status" => line = format!("HTTP/2 {} -\r\n", text(value)),
                _ => write!(lines, "{}: {}\r\n", text(name), text(value)).unwrap(),
            }
        }
        format!("{line}{lines}\r\n")
    }

    /// Sends a body as room is made for it, and its trailers.
    pub async fn body(&mut self, stream: u32, body: &[u8], trailers: &[(Vec<u8>, Vec<u8>)]) {
        self.window.1 = 65_535;
        let mut rest = body;
        while !rest.is_empty() {
            let room = usize::try_from(self.window.0.min(self.window.1).max(0)).unwrap();
            if room == 0 {
                assert!(self.next().await.is_some(), "no room was made for a body");
                continue;
            }
            let (piece, later) = rest.split_at(room.min(LARGEST).min(rest.len()));
            self.send(&frame(DATA, 0, stream, piece)).await;
            let sent = i64::try_from(piece.len()).unwrap();
            self.window = (self.window.0 - sent, self.window.1 - sent);
            rest = later;
        }
        if trailers.is_empty() {
            self.send(&frame(DATA, END_STREAM, stream, &[])).await;
        } else {
            self.send(&head(stream, &block(trailers), true)).await;
        }
    }

    /// Sends a request that is written in HTTP/1.1, and reads the answer. What the parser of HTTP/1.1
    /// refuses with a bare 400, HTTP/2 ends with the stream or the connection.
    pub async fn converse(&mut self, bytes: &[u8]) -> Option<Message> {
        let request = Request::parse(bytes);
        let number =
            self.begin(&request.fields, request.body.is_empty() && request.trailers.is_empty()).await;
        if !request.body.is_empty() || !request.trailers.is_empty() {
            self.body(number, &request.body, &request.trailers).await;
        }
        match self.outcome(number).await {
            // Whoever answers early wants no more of the body.
            Outcome::Answer(answer, None | Some(NO_ERROR)) => Some(answer),
            Outcome::Answer(answer, Some(_)) => Some(Message { whole: false, ..answer }),
            Outcome::Reset(PROTOCOL_ERROR) => Some(refused("")),
            Outcome::Left(Some(PROTOCOL_ERROR)) => Some(refused("connection: close\r\n")),
            Outcome::Left(Some(ENHANCE_YOUR_CALM)) => None,
            other => panic!("{other:?}"),
        }
    }
}

fn refused(line: &str) -> Message {
    Message::bare(format!("HTTP/2 400 ended\r\n{line}\r\n"))
}
