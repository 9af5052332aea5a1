//! What the tests of this crate share.

use crate::harness::child::{Scratch, Serving};
use crate::harness::http2::{Client, Outcome};
use crate::harness::script::{Call, Scripted, Step};
use crate::harness::{SECRET, Sidecar, changed, connect, fixture};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;

pub const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Beyond a timeout itself: what a busy machine may need.
pub const SLACK: Duration = ms(2000);

/// The fixture in front of an app, on a listener that speaks HTTP/2 to whoever begins with it.
pub fn file(app: SocketAddr, more: &str) -> String {
    let listen = "listen: { address: \"127.0.0.1:0\", http2: true }";
    changed(&fixture(app), &[("listen: 127.0.0.1:0", listen), ("log:", &format!("{more}\nlog:"))])
}

/// An app that plays this, and a sidecar in front of it.
pub async fn playing(
    more: &str,
    play: impl Fn(&Call) -> Vec<Step> + Send + Sync + 'static,
) -> (Scripted, Sidecar) {
    let app = Scripted::start(play).await;
    let sidecar = Sidecar::start(&file(app.address, more)).await;
    (app, sidecar)
}

/// The same in a process of its own.
pub struct Stage {
    pub app: Scripted,
    pub serving: Serving,
    pub address: SocketAddr,
    _scratch: Scratch,
}

pub async fn stage(
    name: &str,
    more: &str,
    play: impl Fn(&Call) -> Vec<Step> + Send + Sync + 'static,
) -> Stage {
    let app = Scripted::start(play).await;
    let scratch = Scratch::new(name);
    let config =
        scratch.write("c.yaml", changed(&file(app.address, more), &[("level: trace", "level: info")]));
    let mut serving = Serving::start(&config, &["--log-format", "json"], &[("FIXTURE_SECRET", SECRET)]);
    let address = serving.address();
    Stage { app, serving, address, _scratch: scratch }
}

/// A connection that has begun.
pub async fn client(from: &str, to: SocketAddr) -> Client<TcpStream> {
    Client::new(connect(from, to).await).await
}

/// Status, code or body, and how it ended: what most assertions are about.
pub fn gist(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Answer(answer, end) => {
            let code = answer.code();
            let said = if code.is_empty() { answer.text() } else { code };
            let said: String = said.chars().take(80).collect();
            let end = end.map(|code| format!(", reset {code}")).unwrap_or_default();
            format!("{} {said}{end}", answer.status())
        }
        Outcome::Reset(code) => format!("reset {code}"),
        Outcome::Left(code) => format!("left {code:?}"),
    }
}
