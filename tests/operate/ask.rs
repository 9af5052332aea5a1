//! Asking the operator's listener.

use crate::harness::{Message, Reader, Sidecar, connect, request};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use tokio::io::AsyncWriteExt;

/// What turns the operator's listener on in the fixture.
pub const ADMIN: (&str, &str) = ("admin: off", "admin: 127.0.0.1:0");

/// `GET path` at the operator's listener.
pub async fn get(at: SocketAddr, path: &str, lines: &[&str]) -> Message {
    let mut reader = Reader::new(connect("127.0.0.1", at).await);
    reader.stream().write_all(&request("GET", path, lines)).await.unwrap();
    reader.answer().await.unwrap()
}

/// The samples of `/metrics`, by name and labels as they are written.
pub async fn samples(sidecar: &Sidecar) -> BTreeMap<String, f64> {
    let answer = get(sidecar.admin(), "/metrics", &[]).await;
    assert_eq!(answer.status(), 200);
    read(&answer.text())
}

/// The samples in a text.
pub fn read(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
        (name.strip_prefix("pandium_sidecar_").unwrap().to_owned(), value.parse().unwrap())
    };
    lines.map(sample).collect()
}
