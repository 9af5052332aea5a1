//! The page's WebSocket (RFC 6455): it tells how far a first synchronisation is, and echoes.
//!
//! As much of the protocol as one page needs: whole text messages of up to 4 KiB, pings, and an end.

use super::{Pandium, Trouble, api};
use crate::cli::demo::catalog::Integration;
use crate::cli::demo::pages::Answer;
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use bytes::{Buf, BytesMut};
use http::StatusCode;
use http::header::{CONNECTION, HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use http::request::Parts;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The longest message that is taken.
const MAX: usize = 4096;
/// How long a hundredth takes.
const STEP: Duration = Duration::from_millis(30);

const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Whether a request wants to be one.
pub fn is_wanted(headers: &HeaderMap) -> bool {
    headers.get(UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

impl Pandium {
    /// `/live/<id>`: agrees, where it is a visitor's own page that asks.
    pub(super) fn live(&self, _: &Integration, head: &Parts) -> Result<Answer, Trouble> {
        let refused = |status, text: &str| (status, "No WebSocket", text.to_owned());
        let key = head.headers.get(SEC_WEBSOCKET_KEY).filter(|_| is_wanted(&head.headers));
        let key =
            key.ok_or_else(|| refused(StatusCode::UPGRADE_REQUIRED, "This is a WebSocket’s address."))?;
        self.visit(head)?;
        if !self.knows(api::origin(head)) {
            return Err(refused(
                StatusCode::FORBIDDEN,
                "The page that asks is of an origin that is not known.",
            ));
        }
        let mut answer = Answer::default();
        *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
        answer.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
        if let Ok(value) = HeaderValue::try_from(accepted(key.as_bytes())) {
            answer.headers_mut().insert(SEC_WEBSOCKET_ACCEPT, value);
        }
        Ok(answer)
    }
}

fn accepted(key: &[u8]) -> String {
    let text = [key, b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"].concat();
    base64_simd::STANDARD.encode_to_string(digest(&SHA1_FOR_LEGACY_USE_ONLY, &text))
}

/// Talks until one side has had enough.
pub async fn talk(socket: OnUpgrade) {
    if let Ok(socket) = socket.await {
        // A visitor who goes away in the middle concerns nobody.
        let _ = converse(TokioIo::new(socket)).await;
    }
}

async fn converse(mut socket: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    let mut heard = BytesMut::new();
    let mut steps = tokio::time::interval(STEP);
    let mut done = 0;
    loop {
        tokio::select! {
            _ = steps.tick(), if done < 100 => {
                done += 1;
                socket.write_all(&frame(TEXT, format!("{{\"done\":{done}}}").as_bytes())).await?;
            }
            read = socket.read_buf(&mut heard) => if read? == 0 { return Ok(()) },
        }
        while let Some((kind, payload)) = take(&mut heard)? {
            match kind {
                TEXT => socket.write_all(&frame(TEXT, &payload)).await?,
                PING => socket.write_all(&frame(PONG, &payload)).await?,
                PONG => {}
                _ => return socket.write_all(&frame(CLOSE, &[])).await,
            }
        }
    }
}

/// A frame as a server sends it: whole, and not masked.
fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | kind];
    if let Ok(short @ 0..126) = u8::try_from(payload.len()) {
        frame.push(short);
    } else {
        frame.push(126);
        frame.extend(u16::try_from(payload.len()).unwrap_or(u16::MAX).to_be_bytes());
    }
    frame.extend(payload);
    frame
}

/// Takes one frame of a client's off what was heard, when all of it is there.
fn take(heard: &mut BytesMut) -> io::Result<Option<(u8, Vec<u8>)>> {
    let [first, second, rest @ ..] = heard.as_ref() else { return Ok(None) };
    let (length, rest) = match (second & 0x7f, rest) {
        (short @ 0..126, rest) => (usize::from(short), rest),
        (126, [high, low, rest @ ..]) => (usize::from(u16::from_be_bytes([*high, *low])), rest),
        (126, _) => return Ok(None),
        _ => return Err(io::ErrorKind::InvalidData.into()),
    };
    // Each is whole, masked, and short; one that ends here may be any.
    if first & 0xf0 != 0x80 || second & 0x80 == 0 || length > MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let Some((mask, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
    let Some(payload) = rest.get(..length) else { return Ok(None) };
    let payload = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    let kind = first & 0x0f;
    let taken = heard.len() - rest.len() + length;
    heard.advance(taken);
    Ok(Some((kind, payload)))
}

#[cfg(test)]
mod tests {
    use super::{MAX, accepted, frame, take};
    use bytes::BytesMut;

    #[test]
    fn the_key_of_the_rfc_is_answered_as_there() {
        assert_eq!(accepted(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn frames_are_taken_when_they_are_whole() {
        // "Hello", as the RFC masks it; then a ping without a payload.
        let sent = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58, 0x89, 0x80, 1, 2, 3, 4];
        let mut heard = BytesMut::new();
        let mut taken = Vec::new();
        for byte in sent {
            heard.extend_from_slice(&[byte]);
            taken.extend(take(&mut heard).unwrap());
        }
        assert_eq!(taken, [(1, b"Hello".to_vec()), (9, Vec::new())]);
        assert!(heard.is_empty());
    }

    #[test]
    fn long_payloads_have_their_length_in_two_bytes() {
        let payload = vec![b'x'; 300];
        let mut heard = BytesMut::from(&[0x81, 0xfe, 1, 44, 0, 0, 0, 0][..]);
        heard.extend_from_slice(&payload);
        assert_eq!(take(&mut heard).unwrap(), Some((1, payload.clone())));
        let sent = frame(1, &payload);
        assert_eq!(sent.get(..4), Some(&[0x81, 126, 1, 44][..]));
        assert_eq!(frame(8, &[]), [0x88, 0]);
    }

    #[test]
    fn what_the_page_never_sends_is_refused() {
        let long = u16::try_from(MAX + 1).unwrap().to_be_bytes();
        let cases: [&[u8]; 5] = [
            &[0x81, 0x01, b'x'],
            &[0x01, 0x81, 0, 0, 0, 0, b'x'],
            &[0xc1, 0x81, 0, 0, 0, 0, b'x'],
            &[0x81, 0xff, 0, 0, 0, 0, 0, 0, 0, 0],
            &[&[0x81, 0xfe][..], &long].concat(),
        ];
        for case in cases {
            assert!(take(&mut BytesMut::from(case)).is_err(), "{case:?}");
        }
    }
}
