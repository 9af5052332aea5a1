//! An app that speaks HTTP/2, as a library does it; what it is asked and says is put in the words of
//! HTTP/1.1.

use super::message::{Message, Reader};
use bytes::Bytes;
use h2::server::{SendResponse, handshake};
use h2::{RecvStream, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use std::fmt::Write as _;
use std::future::poll_fn;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};

/// Answers every stream of a connection, each in a task of its own, until it ends.
pub async fn serve<S, H, F>(stream: S, handler: H)
where
    S: AsyncRead + AsyncWrite + Unpin,
    H: Fn(Request<RecvStream>, SendResponse<Bytes>) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let handler = Arc::new(handler);
    let Ok(mut connection) = handshake(stream).await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        tokio::spawn(handler(request, respond));
    }
}

/// A request's head in the words of HTTP/1.1.
pub fn head<B>(request: &Request<B>) -> Message {
    let uri = request.uri();
    let target = uri.path_and_query().unwrap();
    let mut head =
        format!("{} {target} HTTP/1.1\r\nhost: {}\r\n", request.method(), uri.authority().unwrap());
    for (name, value) in request.headers() {
        write!(head, "{name}: {}\r\n", String::from_utf8_lossy(value.as_bytes())).unwrap();
    }
    Message::bare(head + "\r\n")
}

/// A request, with its body.
pub async fn read(request: Request<RecvStream>) -> Message {
    let mut message = head(&request);
    let mut body = request.into_body();
    while let Some(piece) = body.data().await {
        let Ok(piece) = piece else {
            message.whole = false;
            return message;
        };
        body.flow_control().release_capacity(piece.len()).unwrap();
        message.body.extend_from_slice(&piece);
    }
    message
}

/// A head with this status and these lines; what is for one connection is left out.
pub fn answer(status: u16, lines: &str) -> Response<()> {
    let mut answer = Response::builder().status(status).body(()).unwrap();
    *answer.headers_mut() = fields(lines);
    for name in ["connection", "transfer-encoding", "keep-alive"] {
        answer.headers_mut().remove(name);
    }
    answer
}

fn fields(lines: &str) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for (name, value) in lines.lines().filter_map(|line| line.split_once(':')) {
        fields.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value.trim()).unwrap());
    }
    fields
}

/// Says what is written in HTTP/1.1. Whoever wants no more of it need not take it.
pub async fn say(mut respond: SendResponse<Bytes>, asked: &Message, said: &[u8]) {
    let mut reader = Reader::new(said);
    let bare = asked.first_line().starts_with("HEAD ");
    let message = if bare { reader.bare_answer().await } else { reader.answer().await }.unwrap();
    let lines = message.head.split_once("\r\n").unwrap().1;
    let empty = message.body.is_empty() && message.trailers.is_empty();
    let Ok(mut stream) = respond.send_response(answer(message.status(), lines), empty) else { return };
    if empty || !pour(&mut stream, &message.body).await {
        return;
    }
    // An error is the other end's, which has gone.
    let _ = if message.trailers.is_empty() {
        stream.send_data(Bytes::new(), true)
    } else {
        stream.send_trailers(fields(&message.trailers))
    };
}

/// Sends a piece as room is made for it; false where nobody wants it any more.
pub async fn pour(stream: &mut SendStream<Bytes>, piece: &[u8]) -> bool {
    let mut rest = Bytes::copy_from_slice(piece);
    while !rest.is_empty() {
        stream.reserve_capacity(rest.len());
        while stream.capacity() == 0 {
            if !matches!(poll_fn(|cx| stream.poll_capacity(cx)).await, Some(Ok(_))) {
                return false;
            }
        }
        let some = stream.capacity().min(rest.len());
        if stream.send_data(rest.split_to(some), false).is_err() {
            return false;
        }
    }
    true
}
