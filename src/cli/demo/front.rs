//! The stand-in front: what nginx with `auth_request` does. It looks the session up, and puts
//! session headers on the request; a visitor's own never pass.

use super::pages::{self, Policy};
use super::people::Sessions;
use bytes::Bytes;
use http::header::{CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, UPGRADE};
use http::{Request, Response, StatusCode, Uri, Version};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::upgrade::{self, OnUpgrade};
use hyper_util::rt::TokioIo;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// The peer that the sidecar sees, and trusts by its `trust.peers`.
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The front.
#[derive(Debug)]
pub struct Front {
    sessions: Arc<Sessions>,
    sidecar: SocketAddr,
    /// How its visitors come: `http`, or `https`.
    scheme: &'static str,
}

impl Front {
    /// A front before the sidecar at that address.
    pub fn new(sessions: Arc<Sessions>, sidecar: SocketAddr, scheme: &'static str) -> Self {
        Self { sessions, sidecar, scheme }
    }

    /// Passes one request on to the sidecar.
    pub async fn answer(
        &self,
        peer: SocketAddr,
        mut request: Request<Incoming>,
    ) -> Response<Either<Incoming, Full<Bytes>>> {
        let visitor = upgrade::on(&mut request);
        let Some(request) = self.passed_on(peer, request) else {
            return failed(StatusCode::BAD_REQUEST, "That is no address that could be passed on.");
        };
        match self.ask(request).await {
            Some(mut answer) => {
                if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
                    tokio::spawn(join(visitor, upgrade::on(&mut answer)));
                }
                hop_by_hop(answer.headers_mut());
                answer.map(Either::Left)
            }
            None => failed(StatusCode::BAD_GATEWAY, "The sidecar did not answer."),
        }
    }

    /// No connection is kept, as in nginx: none can turn out to be closed when it is needed.
    async fn ask(&self, request: Request<Incoming>) -> Option<Response<Incoming>> {
        let connected = timeout(Duration::from_secs(2), connect(self.sidecar)).await;
        let stream = TokioIo::new(connected.ok()?.ok()?);
        let (mut sender, connection) = http1::handshake(stream).await.ok()?;
        tokio::spawn(connection.with_upgrades());
        sender.send_request(request).await.ok()
    }

    fn passed_on(&self, peer: SocketAddr, request: Request<Incoming>) -> Option<Request<Incoming>> {
        let (mut parts, body) = request.into_parts();
        parts.uri = Uri::from(parts.uri.path_and_query()?.clone());
        parts.version = Version::HTTP_11;
        let person = self.sessions.of(&parts.headers);
        hop_by_hop(&mut parts.headers);
        cleaned(&mut parts.headers);
        forwarded(&mut parts.headers, peer, self.scheme);
        for (name, value) in person.into_iter().flat_map(|person| person.headers) {
            parts.headers.insert(name, value);
        }
        Some(Request::from_parts(parts, body))
    }
}

/// Carries what two sides of a WebSocket say, until both are silent.
async fn join(visitor: OnUpgrade, sidecar: OnUpgrade) {
    if let (Ok(visitor), Ok(sidecar)) = (visitor.await, sidecar.await) {
        // Whoever breaks off in the middle knows it.
        let _ = copy_bidirectional(&mut TokioIo::new(visitor), &mut TokioIo::new(sidecar)).await;
    }
}

async fn connect(sidecar: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(PEER, 0))?;
    socket.connect(sidecar).await
}

fn failed(status: StatusCode, text: &str) -> Response<Either<Incoming, Full<Bytes>>> {
    let policy = Policy { script: "", directives: "frame-ancestors 'self'" };
    pages::notice(status, "The demo's front", text, policy).map(Either::Right)
}

/// Takes out what concerns one connection, and what a client says does (RFC 9110 §7.6.1). The wish
/// for a WebSocket is made anew.
fn hop_by_hop(headers: &mut HeaderMap) {
    let socket =
        headers.get(UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
    let nominated: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        // The length of a body, and the host, are nobody's to take away.
        .filter(|name| *name != http::header::CONTENT_LENGTH && *name != HOST)
        .collect();
    for name in nominated {
        headers.remove(name);
    }
    for name in ["connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"] {
        headers.remove(name);
    }
    if socket {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    }
}

/// Takes out a visitor's own session headers, and as nginx does every name that an app might take
/// for another, having a character other than a letter, a digit or `-`.
fn cleaned(headers: &mut HeaderMap) {
    let foreign: Vec<HeaderName> = headers.keys().filter(|name| is_foreign(name.as_str())).cloned().collect();
    for name in foreign {
        headers.remove(name);
    }
}

fn is_foreign(name: &str) -> bool {
    name.starts_with("x-account-")
        || name.starts_with("x-user-")
        || name == "x-installed"
        || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn forwarded(headers: &mut HeaderMap, peer: SocketAddr, scheme: &'static str) {
    headers.remove("forwarded");
    headers.insert("x-forwarded-proto", HeaderValue::from_static(scheme));
    if let Ok(peer) = HeaderValue::try_from(peer.ip().to_canonical().to_string()) {
        headers.insert("x-forwarded-for", peer);
    }
    match headers.get(HOST).cloned() {
        Some(host) => headers.insert("x-forwarded-host", host),
        None => headers.remove("x-forwarded-host"),
    };
}

#[cfg(test)]
mod tests {
    use super::{cleaned, hop_by_hop};
    use http::{HeaderMap, HeaderName, HeaderValue};

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| {
            (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
        };
        lines.iter().map(pair).collect()
    }

    #[test]
    fn a_visitors_session_headers_and_odd_names_are_taken_out() {
        let odd = "!#$%&'*+.^_`|~".chars().map(|c| format!("X{c}Account{c}Id"));
        let named = ["X-Account-Id", "x-account-anything", "X-User-Email", "X-INSTALLED", "X-User-"];
        for name in odd.chain(named.map(str::to_owned)) {
            let mut headers = headers(&[(&name, "evil"), ("Accept", "text/html"), ("X-Accounting", "1")]);
            cleaned(&mut headers);
            assert_eq!(headers.len(), 2, "{name}");
        }
    }

    #[test]
    fn what_concerns_one_connection_is_taken_out() {
        let mut headers = headers(&[
            ("Connection", "close, X-Mine"),
            ("Connection", "\tx-other , Content-Length, host"),
            ("X-Mine", "1"),
            ("X-Other", "1"),
            ("Keep-Alive", "timeout=5"),
            ("Upgrade", "h2c"),
            ("TE", "gzip"),
            ("Content-Length", "0"),
            ("Host", "app.test"),
        ]);
        hop_by_hop(&mut headers);
        let left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["content-length", "host"]);
    }

    #[test]
    fn the_wish_for_a_websocket_stays() {
        let mut headers = headers(&[
            ("Connection", "keep-alive, Upgrade, X-Mine"),
            ("Upgrade", "WebSocket"),
            ("X-Mine", "1"),
        ]);
        hop_by_hop(&mut headers);
        let left: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!(left, [("connection", &b"upgrade"[..]), ("upgrade", b"websocket")]);
    }
}
