//! What the tests of this crate share.

use crate::harness::script::{Call, Scripted, Step};
use crate::harness::{Message, Sidecar, Visitor, changed, fixture};
use std::time::Duration;

/// A sidecar in front of this app, with more in its file.
pub async fn in_front_of(app: &Scripted, more: &str) -> Sidecar {
    Sidecar::start(&changed(&fixture(app.address), &[("log:", &format!("{more}\nlog:"))])).await
}

/// An app that plays this, and a sidecar in front of it.
pub async fn playing(
    more: &str,
    play: impl Fn(&Call) -> Vec<Step> + Send + Sync + 'static,
) -> (Scripted, Sidecar) {
    let app = Scripted::start(play).await;
    let sidecar = in_front_of(&app, more).await;
    (app, sidecar)
}

/// A request with a body of this length by its head, and no body yet.
pub fn post(path: &str, length: usize) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: app.test\r\nContent-Length: {length}\r\n\r\n")
}

/// Sends bytes, and reads one answer; none where the connection ends without, or nothing comes.
pub async fn ask(visitor: &mut Visitor, bytes: impl AsRef<[u8]>) -> Option<Message> {
    tokio::time::timeout(Duration::from_secs(8), visitor.try_send(bytes)).await.ok()?
}

/// Status, code or body, and whether it is whole: what most assertions are about.
pub fn gist(answer: Option<&Message>) -> String {
    let Some(answer) = answer else { return "no answer".to_owned() };
    let code = answer.code();
    let said = if code.is_empty() { answer.text() } else { code };
    let broken = if answer.whole { "" } else { ", broken off" };
    let said = said.chars().take(80).collect::<String>();
    format!("{} {said}{broken}", answer.status())
}

/// What went wrong in a table, one line each: the whole table is played before it fails.
#[derive(Default)]
pub struct Wrong(Vec<String>);

impl Wrong {
    pub fn expect(&mut self, holds: bool, case: &str, got: impl std::fmt::Display) {
        if !holds {
            self.0.push(format!("{case:?}: {got}"));
        }
    }
}

impl Drop for Wrong {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let some = self.0.iter().take(100).map(String::as_str).collect::<Vec<_>>();
            assert!(self.0.is_empty(), "{} wrong:\n{}", self.0.len(), some.join("\n"));
        }
    }
}
