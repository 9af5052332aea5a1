//! Keys from an address: fetched, changed, away, and wrong.

use crate::harness::certs::Authority;
use crate::harness::child::Scratch;
use crate::harness::{App, Message, STRANGER, Sidecar, assert_minted, assert_refused, changed, load};
use crate::issuer::{Issuer, jwks};
use crate::requests::{good_claims, now, with_token};
use pandium_sidecar::config::model::From;
use pandium_sidecar::session::jwks::Source;
use pandium_sidecar::token::verify::JwtFault;
use serde_json::json;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// What the issuer of each path answers: an app's answer is a plain function.
static ANSWERS: Mutex<Vec<(&str, Vec<u8>)>> = Mutex::new(Vec::new());

pub fn say(path: &'static str, status: &str, body: &str) {
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes();
    let mut answers = ANSWERS.lock().unwrap();
    answers.retain(|(own, _)| *own != path);
    answers.push((path, answer));
}

#[allow(clippy::unnecessary_wraps, reason = "it is one answer of many")]
pub fn answer(asked: &Message) -> Option<Vec<u8>> {
    let path = asked.first_line().split(' ').nth(1).unwrap().to_owned();
    let answers = ANSWERS.lock().unwrap();
    let found = answers.iter().find(|(own, _)| *own == path).map(|(_, answer)| answer.clone());
    Some(found.unwrap_or_else(|| b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec()))
}

/// An issuer's server, and a sidecar that goes by its keys.
async fn pair(path: &'static str) -> (App, Sidecar) {
    let server = App::answering(answer).await;
    let sidecar = Sidecar::start(&text(&server, path)).await;
    (server, sidecar)
}

fn text(server: &App, path: &str) -> String {
    let text = with_token("127.0.0.1:1".parse().unwrap(), Path::new("KEYS"));
    let url = format!("{{ url: \"http://{}{path}\" }}", server.address);
    changed(&text, &[("{ file: KEYS }", &url)])
}

async fn install(sidecar: &Sidecar, issuer: &Issuer, kid: &str) -> Message {
    let token = issuer.plain("ES256", Some(kid), &good_claims());
    sidecar.install(STRANGER, &[&format!("X-Assertion: {token}")]).await
}

#[tokio::test]
async fn keys_are_fetched_once_and_tokens_make_us_ask_seldom() {
    let (one, two) = (Issuer::p256(), Issuer::p256());
    say("/once?a=b", "200 OK", &jwks(&[one.jwk(Some("1"))]));
    let (server, sidecar) = pair("/once?a=b").await;
    assert_minted(&install(&sidecar, &one, "1").await, "the first waits for the keys");
    assert_eq!(server.count(), 1);
    let asked = server.last();
    assert_eq!(asked.first_line(), "GET /once?a=b HTTP/1.1");
    assert_eq!(asked.values("host"), [server.address.to_string()]);
    assert!(asked.values("x-assertion").is_empty());
    // Just asked: a kid of somebody's own making is no reason to ask again.
    say("/once?a=b", "200 OK", &jwks(&[one.jwk(Some("1")), two.jwk(Some("2"))]));
    for kid in ["2", "3", "4"] {
        assert_refused(&install(&sidecar, &two, kid).await, 401, "signed-out", kid);
    }
    assert_minted(&install(&sidecar, &one, "1").await, "the known");
    assert_eq!(server.count(), 1);
}

/// A reload asks nobody for what is there, and another address before anybody needs it.
#[tokio::test]
async fn keys_outlive_a_reload_that_leaves_their_source() {
    let (one, two) = (Issuer::p256(), Issuer::p256());
    say("/outlive", "200 OK", &jwks(&[one.jwk(Some("1"))]));
    say("/moved", "200 OK", &jwks(&[two.jwk(Some("2"))]));
    let (server, mut sidecar) = pair("/outlive").await;
    assert_minted(&install(&sidecar, &one, "1").await, "before");
    let mut kept = text(&server, "/outlive");
    kept.push_str("limits: { url_bytes: 7000 }\n");
    sidecar.adopt(&kept).await;
    assert_minted(&install(&sidecar, &one, "1").await, "after");
    assert_eq!(server.count(), 1, "nobody had to be asked again");
    sidecar.adopt(&text(&server, "/moved")).await;
    assert_eq!((server.count(), server.last().first_line()), (2, "GET /moved HTTP/1.1"));
    assert_minted(&install(&sidecar, &two, "2").await, "the new");
    assert_refused(&install(&sidecar, &one, "1").await, 401, "signed-out", "the old");
    // By other algorithms other keys are of use.
    sidecar.adopt(&changed(&text(&server, "/moved"), &[("ES256", "ES256, ES384")])).await;
    assert_eq!(server.count(), 3);
}

/// Who asked may be gone before the answer is there; it is everybody's all the same.
#[tokio::test]
async fn a_visitor_who_goes_away_takes_no_answer_along() {
    let one = Issuer::p256();
    say("/patient", "200 OK", &jwks(&[one.jwk(Some("1"))]));
    let server = App::answering(answer).await;
    let config = load(&text(&server, "/patient")).unwrap().config;
    let From::Jwt(jwt) = &config.policy.from else { panic!("not by token") };
    let source = Source::of(jwt, &config.timeouts, None).unwrap();
    tokio::select! {
        biased;
        () = source.ask_for_token(Instant::now()) => panic!("nobody was asked"),
        () = std::future::ready(()) => {}
    }
    let token = one.plain("ES256", Some("1"), &good_claims());
    let patience = Instant::now() + Duration::from_secs(20);
    while jwt.verifier.verify(&token, now()).is_err() {
        assert!(Instant::now() < patience, "nobody waited for the answer");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_new_key_counts_once_it_may_be_asked_for_and_an_old_one_while_nobody_answers() {
    let (one, two) = (Issuer::p256(), Issuer::p256());
    say("/rotated", "200 OK", &jwks(&[one.jwk(Some("1"))]));
    let server = App::answering(answer).await;
    let config = load(&text(&server, "/rotated")).unwrap().config;
    let From::Jwt(jwt) = &config.policy.from else { panic!("not by token") };
    let source = Source::of(jwt, &config.timeouts, None).unwrap();
    let verify = |issuer: &Issuer, kid| {
        let token = issuer.plain("ES256", Some(kid), &good_claims());
        jwt.verifier.verify(&token, now()).map(|_| ())
    };
    assert_eq!(verify(&one, "1"), Err(JwtFault::NoKeys));
    let start = Instant::now();
    source.ask_for_token(start).await;
    assert_eq!((verify(&one, "1"), verify(&two, "2")), (Ok(()), Err(JwtFault::UnknownKey)));
    say("/rotated", "200 OK", &jwks(&[two.jwk(Some("2"))]));
    for second in [0, 1, 15, 29] {
        source.ask_for_token(start + Duration::from_secs(second)).await;
        assert_eq!((server.count(), verify(&one, "1")), (1, Ok(())));
    }
    source.ask_for_token(start + Duration::from_secs(30)).await;
    assert_eq!((verify(&one, "1"), verify(&two, "2")), (Err(JwtFault::UnknownKey), Ok(())));
    for (index, (status, body)) in [
        ("503 Service Unavailable", jwks(&[one.jwk(Some("1"))])),
        ("302 Found\r\nLocation: /once", jwks(&[one.jwk(Some("1"))])),
        ("404 Not Found", String::new()),
        ("200 OK", "keys".to_owned()),
        ("200 OK", r#"{"keys":[]}"#.to_owned()),
        ("200 OK", jwks(&[one.jwk(Some("1")), json!({"kty": "oct", "k": "AA"})])),
        ("200 OK", jwks(&[one.jwk(Some("1"))]) + &" ".repeat(300_000)),
    ]
    .iter()
    .enumerate()
    {
        say("/rotated", status, body);
        source.ask_for_token(start + Duration::from_secs(60 + 30 * index as u64)).await;
        assert_eq!(server.count(), 3 + index, "{status}");
        assert_eq!((verify(&one, "1"), verify(&two, "2")), (Err(JwtFault::UnknownKey), Ok(())), "{status}");
    }
}

#[tokio::test]
async fn without_any_keys_nobody_can_say_who_a_visitor_is() {
    let issuer = Issuer::p256();
    say("/broken", "500 Internal Server Error", "");
    let (server, sidecar) = pair("/broken").await;
    assert_refused(&install(&sidecar, &issuer, "1").await, 502, "session-unavailable", "no keys");
    assert!(server.count() >= 1);
    let nobody = sidecar.install(STRANGER, &[]).await;
    assert_refused(&nobody, 401, "signed-out", "and still nobody is nobody");
}

/// Over TLS only the issuer whom the file speaks of has keys for us.
#[tokio::test]
async fn keys_behind_tls_are_those_of_the_issuer_that_is_meant() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let scratch = Scratch::new("jwks-tls");
    let ca = scratch.write("ca.pem", ours.pem());
    let issuer = Issuer::p256();
    say("/encrypted", "200 OK", &jwks(&[issuer.jwk(Some("1"))]));
    for (authority, good) in [(&ours, true), (&theirs, false)] {
        let server = App::encrypted(answer, authority.issue(&["localhost"]).acceptor()).await;
        let port = server.address.port();
        let url = format!("{{ url: \"https://localhost:{port}/encrypted\", ca_file: {} }}", ca.display());
        let text = with_token("127.0.0.1:1".parse().unwrap(), Path::new("KEYS"));
        let sidecar = Sidecar::start(&changed(&text, &[("{ file: KEYS }", &url)])).await;
        let answer = install(&sidecar, &issuer, "1").await;
        if good {
            assert_minted(&answer, "ours");
            assert_eq!(server.last().values("host"), [format!("localhost:{port}")]);
        } else {
            assert_refused(&answer, 502, "session-unavailable", "theirs");
        }
    }
}
