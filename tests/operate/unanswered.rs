//! What the log says of an app that gives no answer: enough to find it, and nothing of the visitor's.

use crate::harness::child::{Scratch, Serving};
use crate::harness::{App, INSTALL, Reader, SECRET, TRUSTED, changed, connect, fixture, nobody, request};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const TRACE: &str = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

fn start(scratch: &Scratch, file: String) -> Serving {
    let config = scratch.write("config.yaml", file);
    Serving::start(&config, &["--log-format", "json"], &[("FIXTURE_SECRET", SECRET)])
}

/// Asks, and finds the line under the request's id.
async fn line(
    serving: &mut Serving,
    visitor: &mut Reader<TcpStream>,
    method: &str,
    path: &str,
    word: &str,
) -> Value {
    let id = format!("asked-{}", method.len());
    let named = format!("X-Request-Id: {id}");
    let bytes = request(method, path, &[&named, TRACE, "Cookie: kanarie=kanarie"]);
    visitor.stream().write_all(&bytes).await.unwrap();
    assert!(matches!(visitor.answer().await.unwrap().status(), 502 | 504));
    let line = serving.line(&[&format!("\"{id}\""), &format!("\"{word}\"")]);
    assert!(!line.contains("kanarie") && !line.contains("KANARIE"), "{line}");
    serde_json::from_str(&line).unwrap()
}

fn assert_told(line: &Value, told: &[(&str, &str)]) {
    for (key, value) in told {
        assert_eq!(line[key], *value, "{line:#}");
    }
    assert_eq!(line["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736", "{line:#}");
}

#[tokio::test]
async fn an_app_that_is_down_is_named() {
    let (_held, gone) = nobody();
    let app = gone.to_string();
    let scratch = Scratch::new("unanswered-down");
    let mut serving = start(&scratch, fixture(gone));
    let mut visitor = Reader::new(connect(TRUSTED, serving.address()).await);
    for (method, named) in [("GET", "GET"), ("DELETE", "DELETE"), ("KANARIE", "another")] {
        let line = line(&mut serving, &mut visitor, method, "/kanarie?kanarie", "not passed").await;
        assert_told(
            &line,
            &[("app", &app), ("method", named), ("route", "app"), ("code", "upstream-unreachable")],
        );
        assert!(line["error"].as_str().unwrap().starts_with("no connection: Connection refused"), "{line:#}");
    }
}

/// Over a connection that was used before.
#[tokio::test]
async fn so_is_one_that_breaks_later() {
    let broken = App::answering(|asked| {
        let said = if asked.values("cookie").is_empty() {
            "HTTP/1.1 204 Nothing\r\n\r\n"
        } else {
            "no HTTP\r\n\r\n"
        };
        Some(said.as_bytes().to_vec())
    })
    .await;
    let scratch = Scratch::new("unanswered-warm");
    let mut serving = start(&scratch, fixture(broken.address));
    let mut visitor = Reader::new(connect(TRUSTED, serving.address()).await);
    visitor.stream().write_all(&request("GET", "/", &[])).await.unwrap();
    assert_eq!(visitor.answer().await.unwrap().status(), 204);
    let line = line(&mut serving, &mut visitor, "GET", "/kanarie", "not passed").await;
    let app = broken.address.to_string();
    assert_told(
        &line,
        &[("app", &app), ("method", "GET"), ("route", "app"), ("code", "upstream-unreachable")],
    );
}

#[tokio::test]
async fn so_is_one_that_should_have_said_who_it_is() {
    let (_held, gone) = nobody();
    let app = gone.to_string();
    let scratch = Scratch::new("unanswered-handoff");
    let file = changed(&fixture(gone), &[("from: headers", "from: handoff")]);
    let mut serving = start(&scratch, file);
    let mut visitor = Reader::new(connect(TRUSTED, serving.address()).await);
    let line = line(&mut serving, &mut visitor, "GET", INSTALL, "not handed off").await;
    assert_told(&line, &[("app", &app), ("method", "GET"), ("route", "/pandium/install/:integration")]);
}
