//! A stand-in sidecar: it makes a token that the tests' `verify` takes, and passes the rest on.

use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::time::SystemTime;
use tokio::net::TcpListener;

type Answer = Response<Either<Incoming, Full<Bytes>>>;

/// Starts it on the configuration's addresses.
pub async fn start(config: String) -> Result<SocketAddr, String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let (app, pandium) = (after(&config, "upstream: "), after(&config, "base_url: "));
    tokio::spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            let (app, pandium) = (app.clone(), pandium.clone());
            let service = service_fn(move |request| {
                let (app, pandium) = (app.clone(), pandium.clone());
                async move { Ok::<_, Infallible>(answer(peer.ip(), request, &app, &pandium).await) }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    Ok(address)
}

fn after(config: &str, key: &str) -> String {
    let (_, rest) = config.split_once(key).expect("the key is there");
    rest.split_whitespace().next().expect("it has a value").to_owned()
}

async fn answer(peer: IpAddr, mut request: Request<Incoming>, app: &str, pandium: &str) -> Answer {
    assert_eq!(peer.to_string(), "127.0.0.1");
    if let Some(name) = request.uri().path().strip_prefix("/pandium/install/") {
        let id = if name == "gwt2hs" { 1121 } else { 1122 };
        let Some(claims) = claims(request.headers(), name) else { return status(401) };
        let address = format!("{pandium}/acme/tenants/create/{id}?tenant={}", token(&claims));
        let mut answer = status(302);
        answer.headers_mut().insert("location", address.parse().unwrap());
        return answer;
    }
    *request.uri_mut() = format!("{app}{}", request.uri().path_and_query().unwrap()).parse().unwrap();
    let client = Client::builder(TokioExecutor::new()).build::<_, Incoming>(HttpConnector::new());
    client.request(request).await.unwrap().map(Either::Left)
}

fn status(code: u16) -> Answer {
    Response::builder().status(code).body(Either::Right(Full::default())).unwrap()
}

fn claims(headers: &HeaderMap, name: &str) -> Option<Value> {
    let text = |header: &str| Some(String::from_utf8(headers.get(header)?.as_bytes().to_vec()).unwrap());
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let installed = text("x-installed").unwrap_or_default();
    let installed: Vec<_> = installed.split(',').filter(|item| !item.is_empty()).collect();
    Some(json!({
        "iat": now - 5, "jti": "00000000-0000-4000-8000-000000000001", "sub": text("x-account-id")?,
        "ti": {
            "udn": text("x-account-name")?, "ufn": text("x-user-name")?, "uem": text("x-user-email")?,
            "ili": installed, "aid": "", "adn": "",
            "xti": { "connector_name": "gwt", "integration_name": name },
        },
    }))
}

fn token(claims: &Value) -> String {
    let payload = base64_simd::URL_SAFE_NO_PAD.encode_to_string(claims.to_string());
    format!("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.{payload}.good")
}

/// What the token holds, where its signature is `good`.
pub fn verify(token: &str) -> Result<Value, String> {
    let segments: Vec<_> = token.split('.').collect();
    if segments[2] != "good" {
        return Err("the signature does not fit".to_owned());
    }
    let payload = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(segments[1]).map_err(|e| e.to_string())?;
    serde_json::from_slice(&payload).map_err(|error| error.to_string())
}
