//! The real program in a process of its own, and everything it prints.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// The program's file.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_pandium-sidecar");

/// A directory of a test's own, removed at its end.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Self {
        // One test may play in several places at once. Short, as the path of a unix socket has to be.
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let own = format!("ps-{name}-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(own);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The program with these arguments, and nothing of our environment that could change its mind.
pub fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

/// What a command that ends has printed, and how it ended.
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    pub fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Ended {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ended { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

/// `serve`, serving.
pub struct Serving {
    child: Child,
    lines: Receiver<String>,
    printed: Vec<String>,
    stderr: Option<JoinHandle<String>>,
}

impl Serving {
    /// Starts `serve` on a configuration.
    pub fn start(config: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = program(&["serve", "--config", config.to_str().unwrap()]);
        command.args(arguments).envs(environment.iter().copied());
        Self::spawn(command)
    }

    /// The same with at most so many open files.
    pub fn start_with_files(files: usize, config: &Path, environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new("sh");
        let script = format!("ulimit -n {files}; exec \"$0\" serve --config \"$1\" --log-format json");
        command.arg("-c").arg(script).arg(PROGRAM).arg(config);
        command.env_clear().envs(environment.iter().copied()).stdin(Stdio::null());
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
                let _ = sender.send(String::from_utf8_lossy(&line).into_owned());
            }
        });
        let stderr = std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        Self { child, lines, printed: Vec::new(), stderr: Some(stderr) }
    }

    /// Waits for a line that holds all of these words.
    pub fn line(&mut self, words: &[&str]) -> String {
        let holds = |line: &&String| words.iter().all(|word| line.contains(word));
        if let Some(line) = self.printed.iter().find(holds) {
            return line.clone();
        }
        loop {
            let line = self.lines.recv_timeout(Duration::from_secs(20));
            let line = line.unwrap_or_else(|_| panic!("no line with {words:?} in {:#?}", self.printed));
            self.printed.push(line.clone());
            if holds(&&line) {
                return line;
            }
        }
    }

    /// Where it serves.
    pub fn address(&mut self) -> SocketAddr {
        address_in(&self.line(&["serving"]))
    }

    /// Where the operator is.
    pub fn admin(&mut self) -> SocketAddr {
        address_in(&self.line(&["health", "listen"]))
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The processor time it has taken so far.
    pub fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // Behind the name in brackets: user and system time are the 12th and 13th, in hundredths.
        let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        let ticks: u64 = fields[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 10)
    }

    /// How much memory it holds now.
    pub fn memory(&self) -> usize {
        self.status("VmRSS:")
    }

    /// How much it has held at most.
    pub fn most_memory(&self) -> usize {
        self.status("VmHWM:")
    }

    fn status(&self, name: &str) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let status = Command::new("sh").arg("-c").arg(format!("kill -{name} {}", self.child.id())).status();
        assert!(status.unwrap().success());
    }

    /// Waits for its end, and tells all it printed.
    pub fn end(mut self) -> Ended {
        let code = self.child.wait().unwrap().code();
        self.printed.extend(self.lines.iter());
        let stderr = self.stderr.take().unwrap().join().unwrap();
        Ended { code, stdout: self.printed.join("\n"), stderr }
    }
}

impl Drop for Serving {
    /// A test that failed leaves nothing running.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address in a line such as `serving listen=127.0.0.1:4711`.
fn address_in(line: &str) -> SocketAddr {
    let start = line.find("127.0.0.1:").unwrap_or_else(|| panic!("no address in {line}"));
    let end = line[start..].find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':');
    line[start..end.map_or(line.len(), |end| start + end)].parse().unwrap()
}
