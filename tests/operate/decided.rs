//! `/-/decisions`: what is told, to whom, and how much of it is kept.

use crate::ask::ADMIN;
use crate::harness::{Message, Reader, STRANGER, Sidecar, TRUSTED, connect, pair_with, request};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

const OWN: &str = "X-Tenant-Id: acme";

async fn decisions(sidecar: &Sidecar) -> Value {
    let answer = ask(sidecar, "127.0.0.1", "Host: localhost\r\n").await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(answer.values("content-type"), ["application/json"]);
    serde_json::from_slice(&answer.body).unwrap()
}

/// `GET /-/decisions` with these lines and no others.
async fn ask(sidecar: &Sidecar, from: &str, lines: &str) -> Message {
    let mut reader = Reader::new(connect(from, sidecar.admin()).await);
    let bytes = format!("GET /-/decisions HTTP/1.1\r\n{lines}\r\n");
    reader.stream().write_all(bytes.as_bytes()).await.unwrap();
    reader.answer().await.unwrap()
}

#[tokio::test]
async fn a_mint_is_told_with_its_fields_presence() {
    let (_app, sidecar) = pair_with(&[ADMIN]).await;
    sidecar.install(TRUSTED, &["X-Tenant-Id: acme-42", "X-User-Groups: a,b,c", "X-Request-Id: mint-1"]).await;
    let told = decisions(&sidecar).await;
    let mint = &told["mints"][0];
    for (name, value) in [
        ("route", "/pandium/install/:integration"),
        ("integration", "gwt2hs"),
        ("outcome", "minted"),
        ("code", "minted"),
        ("account", "acme"),
        ("request_id", "mint-1"),
    ] {
        assert_eq!(mint[name], value, "{mint:#}");
    }
    assert_eq!(mint["generation"], 1);
    assert_eq!(mint["jti"].as_str().unwrap().len(), 36);
    assert_eq!(mint["key"].as_str().unwrap().len(), 8);
    assert_eq!(mint["time"].as_str().unwrap().len(), "2026-01-01T00:00:00Z".len());
    let states: Vec<_> = mint["findings"].as_array().unwrap().iter().map(|found| &found["state"]).collect();
    assert_eq!(states, ["present, 7 bytes", "absent", "present, 3 items"]);
    sidecar.install(TRUSTED, &["X-Tenant-Id: a"]).await;
    let defaulted = decisions(&sidecar).await["mints"][0]["findings"].clone();
    assert_eq!(
        (&defaulted[0]["state"], &defaulted[2]["state"]),
        (&json!("present, 1 byte"), &json!("the default"))
    );
    assert_eq!(mint["findings"][0]["source"], "header x-tenant-id");
    assert_eq!(mint["findings"][0]["config_line"], 14);
    assert_eq!(told["refusals"], json!([]));
}

#[tokio::test]
async fn a_refusal_is_told_with_what_it_is_about() {
    let (_app, sidecar) = pair_with(&[ADMIN]).await;
    sidecar.install(TRUSTED, &["X-Tenant-Id: a\u{202e}b", "X-Request-Id: refused-1"]).await;
    let told = decisions(&sidecar).await;
    let refusal = &told["refusals"][0];
    assert_eq!((&refusal["code"], &refusal["outcome"]), (&json!("invalid-value"), &json!("refused")));
    assert_eq!((&refusal["integration"], &refusal["request_id"]), (&json!("gwt2hs"), &json!("refused-1")));
    let found = json!([{
        "field": "tenant_id", "source": "header x-tenant-id", "state": "U+202E at byte 1", "config_line": 14,
    }]);
    assert_eq!(refusal["findings"], found);
    assert!(refusal["explain"].as_str().unwrap().starts_with("pandium-sidecar mint gwt2hs "), "{refusal:#}");
    assert_eq!(told["mints"], json!([]));
    // Also where it ends before anybody has looked for the integration; one that is not listed has no name.
    for (path, name) in
        [("/pandium/install/acme-crm", json!("acme-crm")), ("/pandium/install/nobodys", json!(null))]
    {
        sidecar.get(STRANGER, path, &[OWN]).await;
        let refusal = &decisions(&sidecar).await["refusals"][0];
        assert_eq!((&refusal["code"], &refusal["integration"]), (&json!("untrusted-peer"), &name));
    }
}

#[tokio::test]
async fn the_last_hundred_of_both_are_kept_and_the_newest_come_first() {
    let (_app, sidecar) = pair_with(&[ADMIN]).await;
    // Several connections, as each worker keeps its own.
    for visitor in 0..3 {
        let mut visitor_of = sidecar.visitor(TRUSTED);
        for n in 0..60 {
            let id = format!("X-Request-Id: m-{}", visitor * 60 + n);
            visitor_of.install(&[OWN, &id]).await;
            visitor_of.install(&[&id.replace("m-", "r-")]).await;
        }
    }
    let told = decisions(&sidecar).await;
    for (kind, letter) in [("mints", "m"), ("refusals", "r")] {
        let ids: Vec<_> =
            told[kind].as_array().unwrap().iter().map(|one| one["request_id"].clone()).collect();
        let expected: Vec<_> = (80..180).rev().map(|n| json!(format!("{letter}-{n}"))).collect();
        assert_eq!(ids, expected, "{kind}");
    }
}

#[tokio::test]
async fn only_somebody_on_this_machine_is_told() {
    let (_app, sidecar) = pair_with(&[ADMIN]).await;
    for host in ["localhost", "LOCALHOST:8711", "127.0.0.1:8711", "127.9.9.9", "[::1]:8711", "[::1]"] {
        let answer = ask(&sidecar, "127.0.0.1", &format!("Host: {host}\r\n")).await;
        assert_eq!(answer.status(), 200, "{host}");
    }
    for lines in [
        "Host: app.test\r\n",
        "Host: localhost.evil.test\r\n",
        "Host: evil.test:8711\r\n",
        "Host: 127.0.0.1.evil.test\r\n",
        "Host: localhost@evil.test\r\n",
        "Host: 10.0.0.1\r\n",
        "Host: [::2]\r\n",
        "Host: \r\n",
        "Host: localhost\r\nHost: evil.test\r\n",
        "Host: localhost\r\nX-Forwarded-For: 203.0.113.9\r\n",
        "Host: localhost\r\nForwarded: for=203.0.113.9\r\n",
        "Host: localhost\r\nVia: 1.1 edge\r\n",
    ] {
        let answer = ask(&sidecar, "127.0.0.1", lines).await;
        assert_eq!(answer.status(), 403, "{lines}");
    }
}

#[tokio::test]
async fn a_browser_gets_a_page_that_can_do_nothing() {
    let (_app, sidecar) = pair_with(&[ADMIN]).await;
    let empty = ask(&sidecar, "127.0.0.1", "Host: localhost\r\nAccept: text/html\r\n").await;
    assert!(empty.text().contains("No token was minted yet."));
    sidecar.install(TRUSTED, &[OWN]).await;
    sidecar.install(TRUSTED, &[]).await;
    sidecar.install(STRANGER, &[OWN]).await;
    let page = ask(&sidecar, "127.0.0.1", "Host: localhost\r\nAccept: text/html,*/*;q=0.8\r\n").await;
    assert_eq!(page.values("content-type"), ["text/html; charset=utf-8"]);
    assert!(page.values("content-security-policy")[0].starts_with("default-src 'none'; style-src"));
    let text = page.text();
    for word in ["signed-out", "untrusted-peer", "minted", "header x-tenant-id: absent", "present, 4 bytes"] {
        assert!(text.contains(word), "no {word} in {text}");
    }
    assert!(!text.contains("<script") && !text.contains("http://") && !text.contains("https://"), "{text}");
}

#[tokio::test]
async fn nothing_is_told_to_whoever_posts() {
    let (_app, sidecar) = pair_with(&[ADMIN]).await;
    let mut reader = Reader::new(connect("127.0.0.1", sidecar.admin()).await);
    reader.stream().write_all(&request("POST", "/-/decisions", &[])).await.unwrap();
    assert_eq!(reader.answer().await.unwrap().status(), 405);
}
