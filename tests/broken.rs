//! Broken configuration files: each `tests/broken/NAME.yaml` with the whole output of `check` for it
//! in `NAME.txt`. All of them end with exit code 2.
//!
//! Run with `BROKEN=write` to write the outputs anew, and read every line of the difference.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, process};

const BIN: &str = env!("CARGO_BIN_EXE_pandium-sidecar");
const GOOD_SECRET: &str = "0123456789abcdef0123456789abcdef-canary\n";
/// What stands where a secret was written into a file: no output may hold it.
const INLINE_SECRETS: [&str; 2] = ["aReal", "canary"];

/// A directory with what the files refer to; gone with its owner.
struct Room(PathBuf);

impl Room {
    fn new(name: &str) -> Self {
        let room = Self(env::temp_dir().join(format!("pandium-sidecar-{name}-{}", process::id())));
        fs::create_dir_all(room.0.join("directory")).unwrap();
        fs::set_permissions(&room.0, Permissions::from_mode(0o755)).unwrap();
        for (file, text) in [
            ("secret", GOOD_SECRET),
            ("locked", GOOD_SECRET),
            ("empty", "\n"),
            ("changeme", "changeme\n"),
            ("large", &"x".repeat(70_000)),
        ] {
            fs::write(room.0.join(file), text).unwrap();
        }
        fs::set_permissions(room.0.join("locked"), Permissions::from_mode(0o000)).unwrap();
        room
    }

    /// `check` of this file, with its name as the only path in the output.
    fn check(&self, file: &str, bytes: &[u8]) -> Output {
        fs::write(self.0.join(file), bytes).unwrap();
        let mut command = Command::new(BIN);
        if file == "secret-permission.yaml" && fs::metadata("/proc/self").unwrap().uid() == 0 {
            // Root may read everything, so somebody else looks.
            let copy = self.0.join("program");
            fs::copy(BIN, &copy).unwrap();
            command = Command::new(copy);
            command.uid(65_534);
        }
        command.args(["check", "--config", file]).current_dir(&self.0).env_clear();
        command.env("SECRET", GOOD_SECRET).output().unwrap()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What the program printed, with users' ids made equal everywhere.
fn printed(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    let mut pieces = text.split("uid ");
    let mut masked = pieces.next().unwrap().to_owned();
    for piece in pieces {
        masked.push_str("uid N");
        masked.push_str(piece.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    masked
}

/// Too large, too odd or too long a line to be kept as files.
fn generated() -> Vec<(String, Vec<u8>)> {
    let named = |name: &str, bytes: Vec<u8>| (name.to_owned(), bytes);
    let mut huge = b"version: 1\n".to_vec();
    huge.extend(b"# a line of no use\n".repeat(100_000));
    vec![
        named("file-huge", huge),
        named("file-binary", b"\x7fELF\x02\x01\x01\x00\x00\x00".to_vec()),
        named("file-control-character", b"version: 1\nlisten: \"a\x00b\"\n".to_vec()),
        named("file-latin1", b"version: 1\npandium: # Z\xFCrich\n".to_vec()),
        named(
            "file-utf16",
            [&b"\xFF\xFE"[..], &"version: 1\n".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()]
                .concat(),
        ),
        named("trap-deep-brackets", ["claims: ".as_bytes(), &b"[".repeat(100_000)].concat()),
        named("trap-deep-dashes", b"- ".repeat(10_000)),
    ]
}

fn kept(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let yaml = files.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    let case =
        |path: PathBuf| (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap());
    yaml.map(case).collect()
}

#[test]
fn every_broken_file_is_told_where_and_what_to_write() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    let room = Room::new("broken");
    let write = env::var_os("BROKEN").is_some_and(|word| word == "write");
    let mut wrong = Vec::new();
    let mut names = BTreeSet::new();
    for (name, bytes) in kept(&dir).into_iter().chain(generated()) {
        let output = room.check(&format!("{name}.yaml"), &bytes);
        let got = printed(&output);
        assert_eq!(output.status.code(), Some(2), "{name}: {got}");
        assert!(output.stdout.is_empty(), "{name} prints what was understood");
        for secret in INLINE_SECRETS {
            assert!(!got.contains(secret), "{name} shows a secret");
        }
        let golden = dir.join(format!("{name}.txt"));
        if write {
            fs::write(&golden, &got).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        if expected != got {
            wrong.push(format!("{name}\nexpected:\n{expected}\ngot:\n{got}"));
        }
        names.insert(format!("{name}.txt"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(names.len() >= 100, "only {} cases were found", names.len());
    let files = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path());
    let texts = files.filter(|path| path.extension().is_some_and(|extension| extension == "txt"));
    let texts = texts.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
    let lonely: Vec<_> = texts.filter(|name| !names.contains(name)).collect();
    assert!(lonely.is_empty(), "no file for {lonely:?}");
}
