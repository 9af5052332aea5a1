//! What the log and the operator's list say of an app that answered, and named nobody: what it answered.

use crate::harness::child::{Scratch, Serving};
use crate::harness::{INSTALL, Reader, SECRET, STRANGER, connect, nobody, request};
use crate::{answer, app, changed, handing_off, probing, probing_json, say};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

const ACME: &str = r#"{"tenant":{"id":"acme"}}"#;
const JSON: &str = "Content-Type: application/json";

/// The line in the log, which has what the operator's list has.
async fn refused(serving: &mut Serving, lines: &[&str]) -> Value {
    let mut visitor = Reader::new(connect(STRANGER, serving.address()).await);
    let bytes = request("GET", INSTALL, lines);
    visitor.stream().write_all(&bytes).await.unwrap();
    let named = visitor.answer().await.unwrap().values("x-request-id")[0].to_owned();
    let line: Value = serde_json::from_str(&serving.line(&[&named, "\"refused\""])).unwrap();
    // What `mint` is told of an answer are its fields alone.
    assert_eq!(line.get("explain").is_none(), line["source"] == "probe", "{line:#}");
    let mut operator = Reader::new(connect("127.0.0.1", serving.admin()).await);
    operator.stream().write_all(b"GET /-/decisions HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let told: Value = serde_json::from_slice(&operator.answer().await.unwrap().body).unwrap();
    for key in ["code", "detail"] {
        assert_eq!(told["refusals"][0][key], line[key], "{told:#}");
    }
    line
}

fn start(scratch: &Scratch, file: &str) -> Serving {
    let config = scratch.write("config.yaml", changed(file, &[("admin: off", "admin: 127.0.0.1:0")]));
    Serving::start(&config, &["--log-format", "json"], &[("FIXTURE_SECRET", SECRET)])
}

#[tokio::test]
async fn what_the_app_answered_is_named() {
    let app = app().await;
    let scratch = Scratch::new("probe-told");
    let mut serving = start(&scratch, &probing_json(&app));
    let of = |status: &str, lines: &[&str]| answer(status, lines, ACME);
    for (said, code, words) in [
        (of("500 Broken", &[]), "signed-out", "the app answered 500; only a 200 says who it is"),
        (of("404 No", &[JSON]), "signed-out", "the app answered 404; only"),
        (of("405 No", &[JSON]), "signed-out", "the app answered 405; only"),
        (of("201 Made", &[JSON]), "signed-out", "the app answered 201; only"),
        (of("302 Found", &["Location: /login"]), "signed-out", "the app answered 302; only"),
        (
            of("200 OK", &["Content-Type: text/kanarie"]),
            "signed-out",
            "Content-Type has to be application/json",
        ),
        (of("200 OK", &[]), "signed-out", "Content-Type has to be application/json, or application/…+json"),
        (of("200 OK", &[JSON]).replace("acme", "null"), "signed-out", "no required field has a value"),
        (
            of("200 OK", &[JSON, "Connection: close"]).replace("Length: ", "Length: 9"),
            "session-unavailable",
            "the answer broke off",
        ),
    ] {
        let line = refused(&mut serving, &[&say(&said)]).await;
        assert_eq!((line["code"].as_str(), line["level"].as_str()), (Some(code), Some("WARN")), "{line:#}");
        assert!(line["detail"].as_str().unwrap().contains(words), "{words} in {line:#}");
        assert!(!line.to_string().contains("kanarie"), "{line:#}");
    }
    let large = say(format!("HTTP/1.1 200 OK\r\n{JSON}\r\nContent-Length: 65537\r\n\r\n"));
    let line = refused(&mut serving, &[&format!("{large}; pad=65537")]).await;
    assert_eq!(line["detail"], "the answer is larger than 64KiB", "{line:#}");
}

/// Nobody listens there, nobody is called that, and nobody speaks TLS.
#[tokio::test]
async fn why_the_app_gave_no_answer_is_said() {
    let app = app().await;
    let (_held, gone) = nobody();
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let https = plain.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = plain.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 What\r\n\r\n").await;
        }
    });
    let scratch = Scratch::new("probe-unanswered");
    for (upstream, words) in [
        (format!("http://{gone}"), format!("no answer of {gone}: no connection: Connection refused")),
        ("http://nobody.invalid:80".to_owned(), "no answer of nobody.invalid:80: no connection: ".to_owned()),
        (format!("https://{https}"), format!("no answer of {https}: no connection: TLS: ")),
    ] {
        for file in [probing(&app), handing_off(&app)] {
            let own = format!("http://{}", app.address);
            let mut serving = start(&scratch, &changed(&file, &[(&own, &upstream)]));
            let line = refused(&mut serving, &[&say("no HTTP\r\n\r\n")]).await;
            assert_eq!(line["code"], "session-unavailable", "{line:#}");
            assert!(line["detail"].as_str().unwrap().starts_with(&words), "{words} in {line:#}");
        }
    }
}
