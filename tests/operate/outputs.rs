//! A log output that is closed, full, or read by nobody: requests are answered, lines are counted, and
//! the program ends when it is asked to.

use crate::ask::read;
use crate::harness::child::{PROGRAM, Scratch};
use crate::harness::{App, Message, Reader, SECRET, changed, fixture, request};
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// The program, with sockets whose places need no line of the log.
struct Mute {
    child: Child,
    visitors: PathBuf,
    operator: PathBuf,
    _scratch: Scratch,
    _app: App,
}

impl Mute {
    async fn start(name: &str, stdout: Stdio) -> Self {
        let (app, scratch) = (App::start().await, Scratch::new(name));
        let (visitors, operator) = (scratch.path("v.sock"), scratch.path("o.sock"));
        let text = changed(
            &fixture(app.address),
            &[
                ("listen: 127.0.0.1:0", &format!("listen: unix:{}", visitors.display())),
                ("admin: off", &format!("admin: unix:{}", operator.display())),
                ("peers: 127.0.0.2", "peers: unix"),
                ("level: trace", "level: info"),
            ],
        );
        let file = scratch.write("c.yaml", text);
        let mut command = Command::new(PROGRAM);
        command.arg("serve").arg("--config").arg(file).env_clear().env("FIXTURE_SECRET", SECRET);
        let child = command.stdin(Stdio::null()).stdout(stdout).stderr(Stdio::piped()).spawn().unwrap();
        let mute = Self { child, visitors, operator, _scratch: scratch, _app: app };
        let start = Instant::now();
        while UnixStream::connect(&mute.operator).await.is_err() {
            assert!(start.elapsed() < PATIENCE, "it does not serve");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        mute
    }

    async fn dropped(&self) -> f64 {
        let answer = ask(&self.operator, &mut None, &request("GET", "/metrics", &[])).await;
        read(&answer.text())["log_lines_dropped_total"]
    }

    /// Requests until so many lines are lost; each is answered.
    async fn lose(&self, lines: f64) {
        let start = Instant::now();
        let mut kept = None;
        while self.dropped().await < lines {
            assert!(start.elapsed() < PATIENCE, "no line is lost");
            for _ in 0..200 {
                let bytes = request("GET", "/pandium/install/gwt2hs", &["X-Tenant-Id: acme"]);
                assert_eq!(ask(&self.visitors, &mut kept, &bytes).await.status(), 302);
            }
            assert_eq!(ask(&self.visitors, &mut kept, &request("GET", "/", &[])).await.status(), 200);
        }
    }

    /// Ends as it should.
    fn end(mut self) {
        let asked = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status();
        assert!(asked.unwrap().success());
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(start.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        };
        let mut said = String::new();
        std::io::Read::read_to_string(&mut self.child.stderr.take().unwrap(), &mut said).unwrap();
        assert_eq!((status.code(), said.as_str()), (Some(0), ""));
    }
}

impl Drop for Mute {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A request over a connection that is kept.
async fn ask(at: &Path, kept: &mut Option<Reader<UnixStream>>, bytes: &[u8]) -> Message {
    if kept.is_none() {
        *kept = Some(Reader::new(UnixStream::connect(at).await.unwrap()));
    }
    let reader = kept.as_mut().unwrap();
    reader.stream().write_all(bytes).await.unwrap();
    reader.answer().await.expect("no answer")
}

#[tokio::test]
async fn an_output_that_nobody_reads_costs_lines_alone() {
    let mut mute = Mute::start("blocked", Stdio::piped()).await;
    let pipe = mute.child.stdout.take();
    mute.lose(100.0).await;
    mute.end();
    drop(pipe);
}

#[tokio::test]
async fn an_output_that_is_closed_costs_lines_alone() {
    let mut mute = Mute::start("closed", Stdio::piped()).await;
    drop(mute.child.stdout.take());
    mute.lose(100.0).await;
    mute.end();
}

#[tokio::test]
async fn an_output_that_is_full_costs_lines_alone() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mute = Mute::start("full", Stdio::from(full)).await;
    mute.lose(100.0).await;
    mute.end();
}

#[tokio::test]
async fn an_output_that_takes_all_loses_nothing() {
    let scratch = Scratch::new("taken");
    let file = scratch.path("log");
    let mute = Mute::start("taking", Stdio::from(File::create(&file).unwrap())).await;
    let mut kept = None;
    for n in 0..500 {
        let id = format!("X-Request-Id: kept-{n}");
        let bytes = request("GET", "/pandium/install/gwt2hs", &["X-Tenant-Id: acme", &id]);
        assert_eq!(ask(&mute.visitors, &mut kept, &bytes).await.status(), 302);
    }
    assert_eq!(mute.dropped().await, 0.0);
    drop(kept);
    mute.end();
    let text = std::fs::read_to_string(&file).unwrap();
    let minted = |n: usize| {
        text.lines().any(|line| line.contains(&format!("\"kept-{n}\"")) && line.contains("\"minted\""))
    };
    assert!((0..500).all(minted), "a line is missing");
    assert!(text.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
    assert!(text.lines().last().unwrap().contains("\"stopped\""));
}
