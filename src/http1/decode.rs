//! Bodies as they come, piece by piece.

use super::framing::Length;
use super::head::read_fields;
use bytes::{Buf as _, Bytes, BytesMut};
use http::HeaderMap;
use http_body::Frame;

/// The most bytes of chunk extensions in a body: nobody reads them.
const MOST_EXTENSIONS: usize = 16 << 10;
/// The most bytes of trailer fields.
const MOST_TRAILERS: usize = 16 << 10;

/// Tells a body apart from what follows.
#[derive(Debug)]
pub enum Decoder {
    /// So many bytes are left.
    Length(u64),
    /// Chunks (RFC 9112 §7.1).
    Chunked(Chunked),
    /// All that comes.
    UntilEnd,
    /// What came was no body, and nobody can tell where it ends.
    Broken,
}

/// Where we are in a chunked body.
#[derive(Debug)]
pub struct Chunked {
    state: State,
    extensions: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A line with a length is next.
    Size,
    /// So much of a chunk.
    Data(u64),
    /// The end of a chunk's line.
    DataEnd,
    /// Trailer fields, and an empty line.
    Trailers,
    /// Nothing.
    Over,
}

/// Something of a body.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// Bytes of it.
    Data(Bytes),
    /// The fields behind it.
    Trailers(HeaderMap),
}

impl From<Piece> for Frame<Bytes> {
    fn from(piece: Piece) -> Self {
        match piece {
            Piece::Data(data) => Self::data(data),
            Piece::Trailers(trailers) => Self::trailers(trailers),
        }
    }
}

/// What comes is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadBody {
    /// A chunk's length or end, or a trailer, cannot be read.
    #[error("a chunk that cannot be read")]
    Malformed,
    /// Extensions or trailers beyond all use.
    #[error("chunk extensions or trailers that are too large")]
    TooLarge,
    /// The connection ended before it.
    #[error("broken off before its end")]
    CutOff,
}

impl Decoder {
    /// Of a body that ends so.
    pub fn new(length: Length) -> Self {
        match length {
            Length::Exactly(length) => Self::Length(length),
            Length::Chunked => Self::Chunked(Chunked { state: State::Size, extensions: 0 }),
            Length::UntilEnd => Self::UntilEnd,
        }
    }

    /// Whether the body has ended.
    pub fn is_over(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(chunked) => chunked.state == State::Over,
            Self::UntilEnd | Self::Broken => false,
        }
    }

    /// How many bytes are left, where that was told.
    pub fn left(&self) -> Option<u64> {
        match self {
            Self::Length(left) => Some(*left),
            Self::Chunked(_) | Self::UntilEnd | Self::Broken => None,
        }
    }

    /// Takes the next piece from the front of what came; none where more has to come first, or where
    /// the body is over.
    ///
    /// An error stays one: what follows it may look like the end of the body, and be something else to
    /// whoever sent it.
    pub fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Piece>, BadBody> {
        let decoded = match self {
            Self::Length(left) => Ok(take(buffer, left).map(Piece::Data)),
            Self::Chunked(chunked) => chunked.decode(buffer),
            Self::UntilEnd => Ok(take(buffer, &mut u64::MAX.clone()).map(Piece::Data)),
            Self::Broken => Err(BadBody::Malformed),
        };
        if decoded.is_err() {
            *self = Self::Broken;
        }
        decoded
    }

    /// The connection has ended: an error, where the body has not.
    pub fn end(&mut self) -> Result<(), BadBody> {
        match self {
            Self::UntilEnd => {
                *self = Self::Length(0);
                Ok(())
            }
            _ if self.is_over() => Ok(()),
            _ => Err(BadBody::CutOff),
        }
    }
}

/// Takes what there is, up to what is left.
fn take(buffer: &mut BytesMut, left: &mut u64) -> Option<Bytes> {
    let most = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
    *left -= most as u64;
    (most > 0).then(|| buffer.split_to(most).freeze())
}

impl Chunked {
    fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Piece>, BadBody> {
        loop {
            self.state = match &mut self.state {
                State::Size => match self.size(buffer)? {
                    None => return Ok(None),
                    Some(0) => State::Trailers,
                    Some(size) => State::Data(size),
                },
                State::Data(left) => {
                    let piece = take(buffer, left).map(Piece::Data);
                    if *left == 0 {
                        self.state = if skip_end(buffer) { State::Over } else { State::DataEnd };
                    }
                    return Ok(piece);
                }
                State::DataEnd if line_end(buffer)? => State::Size,
                State::Trailers => match trailers(buffer)? {
                    None => return Ok(None),
                    Some(trailers) => {
                        self.state = State::Over;
                        return Ok(Some(trailers).filter(|fields| !fields.is_empty()).map(Piece::Trailers));
                    }
                },
                State::DataEnd | State::Over => return Ok(None),
            };
        }
    }

    /// The length of the next chunk, once its line is there.
    fn size(&mut self, buffer: &mut BytesMut) -> Result<Option<u64>, BadBody> {
        let Some(end) = memchr::memchr(b'\n', buffer) else {
            // What can become no length is not waited for.
            let begun = buffer.strip_suffix(b"\r").unwrap_or(buffer);
            if begun.is_empty() {
                return Ok(None);
            }
            let (_, extension) = read_size(begun)?;
            let bounded = self.extensions + extension <= MOST_EXTENSIONS && begun.len() <= MOST_EXTENSIONS;
            return if bounded { Ok(None) } else { Err(BadBody::TooLarge) };
        };
        let line = buffer.split_to(end + 1);
        let (size, extension) = read_size(line.strip_suffix(b"\r\n").ok_or(BadBody::Malformed)?)?;
        self.extensions += extension;
        if self.extensions > MOST_EXTENSIONS {
            return Err(BadBody::TooLarge);
        }
        Ok(Some(size))
    }
}

/// The length of a chunk, and that of what stands behind it.
fn read_size(line: &[u8]) -> Result<(u64, usize), BadBody> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (digits, rest) = line.split_at_checked(digits).ok_or(BadBody::Malformed)?;
    let size = hexadecimal(digits).filter(|_| is_extension(rest)).ok_or(BadBody::Malformed)?;
    Ok((size, rest.len()))
}

/// Whether this is nothing, or what nobody reads: RFC 9112 §7.1.1, with white space before it.
fn is_extension(rest: &[u8]) -> bool {
    let printable = |&byte: &u8| matches!(byte, b'\t' | b' '..=b'~' | 0x80..);
    rest.iter().all(printable) && rest.trim_ascii_start().first().is_none_or(|first| *first == b';')
}

fn hexadecimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        value.checked_mul(16)?.checked_add(u64::from(digit))
    })
}

/// Takes all that is behind the last bytes, where it has come with them in the usual way: then they are
/// known to be the last, and nobody has to ask.
fn skip_end(buffer: &mut BytesMut) -> bool {
    const END: &[u8] = b"\r\n0\r\n\r\n";
    let ends = buffer.starts_with(END);
    if ends {
        buffer.advance(END.len());
    }
    ends
}

/// Takes the end of a line; false where it has not come.
fn line_end(buffer: &mut BytesMut) -> Result<bool, BadBody> {
    match (buffer.first(), buffer.get(1)) {
        (Some(b'\r'), Some(b'\n')) => {
            buffer.advance(2);
            Ok(true)
        }
        (None, _) | (Some(b'\r'), None) => Ok(false),
        _ => Err(BadBody::Malformed),
    }
}

/// Takes the trailer fields with the empty line behind them; none where that has not come.
fn trailers(buffer: &mut BytesMut) -> Result<Option<HeaderMap>, BadBody> {
    match buffer.first() {
        Some(b'\r') => return Ok(line_end(buffer)?.then(HeaderMap::new)),
        // An empty line without its first half.
        Some(b'\n') => return Err(BadBody::Malformed),
        _ => {}
    }
    let end = super::head::end(buffer);
    if end.unwrap_or(buffer.len()) > MOST_TRAILERS {
        return Err(BadBody::TooLarge);
    }
    // As with chunks, a line ends in one way: to others what follows half an end is one more trailer.
    let block = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or_default();
    let half = |at: usize| at.checked_sub(1).and_then(|before| block.get(before)) != Some(&b'\r');
    if memchr::memchr_iter(b'\n', block).any(half) {
        return Err(BadBody::Malformed);
    }
    let Some(end) = end else { return Ok(None) };
    read_fields(&buffer.split_to(end).freeze()).map(Some).map_err(|_| BadBody::Malformed)
}

#[cfg(test)]
mod tests {
    use super::{BadBody, Decoder, Piece};
    use crate::http1::framing::Length;
    use bytes::BytesMut;

    /// The body and what is left, however it comes: whole, or byte by byte.
    fn decoded(length: Length, bytes: &str) -> Result<(String, String, String), BadBody> {
        let run = |step: usize| {
            let (mut decoder, mut buffer) = (Decoder::new(length), BytesMut::new());
            let (mut body, mut trailers) = (Vec::new(), String::new());
            for piece in bytes.as_bytes().chunks(step) {
                buffer.extend_from_slice(piece);
                while let Some(piece) = decoder.decode(&mut buffer)? {
                    match piece {
                        Piece::Data(data) => body.extend_from_slice(&data),
                        Piece::Trailers(fields) => trailers = format!("{fields:?}"),
                    }
                }
            }
            decoder.end()?;
            Ok((String::from_utf8(body).unwrap(), trailers, String::from_utf8(buffer.to_vec()).unwrap()))
        };
        let (whole, dripped) = (run(bytes.len().max(1)), run(1));
        assert_eq!(whole, dripped, "{bytes:?}");
        whole
    }

    #[test]
    fn a_body_ends_where_it_was_told_to() {
        let plain = |body: &str, rest: &str| Ok((body.to_owned(), String::new(), rest.to_owned()));
        assert_eq!(decoded(Length::Exactly(5), "helloGET"), plain("hello", "GET"));
        assert_eq!(decoded(Length::Exactly(0), "GET"), plain("", "GET"));
        assert_eq!(decoded(Length::Exactly(6), "hello"), Err(BadBody::CutOff));
        assert_eq!(decoded(Length::UntilEnd, "hello"), plain("hello", ""));
        assert_eq!(decoded(Length::Chunked, "5\r\nhello\r\n0\r\n\r\nGET"), plain("hello", "GET"));
        assert_eq!(
            decoded(Length::Chunked, "05;x=\"y\"\r\nhello\r\n1 \r\n!\r\n00\r\n\r\n"),
            plain("hello!", "")
        );
        let (body, trailers, rest) = decoded(Length::Chunked, "1\r\nx\r\n0\r\nX-Sum: 7\r\n\r\nGET").unwrap();
        assert_eq!((body.as_str(), trailers.as_str(), rest.as_str()), ("x", "{\"x-sum\": \"7\"}", "GET"));
    }

    #[test]
    fn chunks_that_can_be_read_in_two_ways_are_none() {
        for bytes in [
            "\r\nhello\r\n0\r\n\r\n",
            "5\nhello\r\n0\r\n\r\n",
            "5\rhello\r\n0\r\n\r\n",
            "5 5\r\nhello\r\n0\r\n\r\n",
            "0x5\r\nhello\r\n0\r\n\r\n",
            "5 \r\r\nhello\r\n0\r\n\r\n",
            "5\0\r\nhello\r\n0\r\n\r\n",
            "5;\x01\r\nhello\r\n0\r\n\r\n",
            "5\r\nhello\n0\r\n\r\n",
            "5\r\nhelloo\r\n0\r\n\r\n",
            "10000000000000000\r\nhello\r\n0\r\n\r\n",
            "0\r\n\n",
            "0\r\nA: b\n\r\n",
            "0\r\nA: b\r\n\n",
            "0\r\nA: b\nC: d\r\n\r\n",
            "0\r\nno colon\r\n\r\n",
            "0\r\n folded: x\r\n\r\n",
        ] {
            assert_eq!(decoded(Length::Chunked, bytes), Err(BadBody::Malformed), "{bytes:?}");
        }
        for bytes in [
            "5\r\nhell",
            "5\r\nhello",
            "5\r\nhello\r\n",
            "5\r\nhello\r\n0\r\n",
            "5\r\nhello\r\n0\r\nX: y\r\n",
        ] {
            assert_eq!(decoded(Length::Chunked, bytes), Err(BadBody::CutOff), "{bytes:?}");
        }
    }

    #[test]
    fn the_last_piece_is_known_for_the_last_where_all_has_come() {
        for (bytes, over) in [
            ("2\r\nok\r\n0\r\n\r\n", true),
            ("2\r\nok\r\n0\r\n\r\nrest", true),
            ("2\r\nok\r\n0\r\n", false),
            ("2\r\nok\r\n0\r\nX: y\r\n\r\n", false),
        ] {
            let (mut decoder, mut buffer) = (Decoder::new(Length::Chunked), BytesMut::from(bytes));
            assert_eq!(decoder.decode(&mut buffer), Ok(Some(Piece::Data("ok".into()))), "{bytes:?}");
            assert_eq!(decoder.is_over(), over, "{bytes:?}");
        }
    }

    #[test]
    fn what_broke_once_is_never_over() {
        for bad in ["zz\r\n", "5\n", "5 5\r\n", "0\r\nno colon\r\n\r\n", "0\r\nA: b\n"] {
            let (mut decoder, mut buffer) = (Decoder::new(Length::Chunked), BytesMut::from(bad));
            assert!(decoder.decode(&mut buffer).is_err(), "{bad:?}");
            buffer.extend_from_slice(b"0\r\n\r\n");
            assert!(decoder.decode(&mut buffer).is_err() && !decoder.is_over(), "{bad:?}");
            assert_eq!(decoder.end(), Err(BadBody::CutOff), "{bad:?}");
        }
    }

    #[test]
    fn what_can_become_no_chunk_is_not_waited_for() {
        for (bytes, bad) in [
            ("5", false),
            ("5\r", false),
            ("\r", false),
            ("5;x=", false),
            ("x", true),
            ("5 x", true),
            ("5\r\r", true),
        ] {
            let (mut decoder, mut buffer) = (Decoder::new(Length::Chunked), BytesMut::from(bytes));
            assert_eq!(decoder.decode(&mut buffer).is_err(), bad, "{bytes:?}");
        }
    }

    #[test]
    fn what_nobody_reads_has_its_bounds() {
        let extension = "1;".to_owned() + &"x".repeat(100) + "\r\nx\r\n";
        let long = "x".repeat(20_000);
        for bytes in [
            extension.repeat(200),
            // As a length it may be as long as it likes, and is zero.
            "0".repeat(20_000),
            format!("1;{long}"),
            format!("0\r\nX: {long}"),
            format!("0\r\nX: {long}\r\n\r\n"),
        ] {
            assert_eq!(decoded(Length::Chunked, &bytes), Err(BadBody::TooLarge));
        }
    }
}
