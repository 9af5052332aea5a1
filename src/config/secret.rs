//! Secrets: named in the file, read from elsewhere, and never shown.

use super::disk::{self, Disk};
use super::leaf::{self, Wrong};
use super::model::{Kept, Key};
use super::reader::{MapReader, Reader};
use super::root::Surroundings;
use super::source::Source;
use super::spoiled;
use super::tree::Node;
use crate::redact::Secret;
use crate::suggest::closest;
use crate::variable::is_name;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The largest secret: what is larger is another file.
const MAX_BYTES: usize = 64 << 10;

/// HMAC-SHA256 wants a key as long as its output (RFC 7518 §3.2).
const ADVISED_BYTES: usize = 32;

/// What people write until they know better.
const PLACEHOLDERS: [&str; 17] = [
    "dummy",
    "changeit",
    "your-secret-here",
    "changeme",
    "change-me",
    "change_me",
    "changethis",
    "replaceme",
    "replace-me",
    "replace_me",
    "placeholder",
    "secret",
    "password",
    "todo",
    "example",
    "your-secret",
    "shared-secret",
];

/// How the bytes of a key are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Utf8,
    Base64,
    Base64Url,
    Hex,
}

const ENCODINGS: [(&str, Encoding); 4] = [
    ("utf8", Encoding::Utf8),
    ("base64", Encoding::Base64),
    ("base64url", Encoding::Base64Url),
    ("hex", Encoding::Hex),
];

impl Encoding {
    /// Its word in the file.
    pub(super) fn word(self) -> &'static str {
        ENCODINGS.iter().find(|(_, encoding)| *encoding == self).map_or("", |(word, _)| word)
    }
}

/// `secret`, read.
pub(super) struct Fetched {
    pub(super) bytes: Option<Secret>,
    pub(super) encoding: Encoding,
    pub(super) source: String,
    pub(super) kept: Kept,
}

/// What may stand under `secret`.
const KEYS: [&str; 4] = ["file", "env", "encoding", "required"];

/// What the names of keys have in them behind which a secret is told of.
const CALLED: [&str; 2] = ["secret", "value"];

/// Whether a line may hold a secret that was written inline, where only a reference belongs: by the
/// look of the text, since this is asked of files that no tree can be made of, too.
pub(super) fn may_hold(source: &Source, number: u32) -> bool {
    let Some(line) = source.line(number) else { return false };
    if is_in_pem(source, number) {
        return true;
    }
    if is_keyless(line) {
        return true;
    }
    if let Some(refers) = refers(line) {
        return !refers;
    }
    let mut indent = indentation(line);
    for above in (1..number).rev().filter_map(|number| source.line(number)) {
        let text = above.trim();
        if text.is_empty() || text.starts_with('#') || indentation(above) >= indent {
            continue;
        }
        indent = indentation(above);
        if refers(above).is_some() {
            return !is_reference(line);
        }
    }
    false
}

/// Whether a line has something behind the name of a secret, as behind a key that lacks its colon.
fn is_keyless(line: &str) -> bool {
    let line = line.split(" #").next().unwrap_or_default().to_ascii_lowercase();
    let is_bare = |behind: &str| {
        let behind = behind.trim_start_matches(['"', '\'']);
        let value = behind.trim_start();
        value.len() < behind.len() && !value.is_empty() && !value.starts_with([':', '=', '#', ',', ']', '}'])
    };
    CALLED.iter().any(|word| line.split(word).skip(1).any(is_bare))
}

/// Whether a line stands in a block of PEM, which may be a private key.
fn is_in_pem(source: &Source, number: u32) -> bool {
    let above = (1..=number).rev().filter_map(|number| source.line(number));
    let mut marks = above.enumerate().filter_map(|(up, line)| {
        let end = up > 0 && line.contains("-----END ");
        (end || line.contains("-----BEGIN ")).then_some(end)
    });
    marks.next() == Some(false)
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Whether what is written behind the key `secret`, one with it in its name, or `value` says where a
/// secret is; none where no such key is there.
fn refers(line: &str) -> Option<bool> {
    let lower = line.to_ascii_lowercase();
    let behind = |word| line.get(lower.find(word)?..)?.split_once([':', '=']).map(|(_, value)| value.trim());
    CALLED.into_iter().filter_map(behind).map(is_reference).reduce(|one, other| one && other)
}

/// Whether this is one of the keys that say where a secret is, or several in braces.
fn is_reference(text: &str) -> bool {
    text.trim().trim_matches(['{', '}']).split(',').all(|entry| {
        let entry = entry.trim_matches(['{', '}', ' ']);
        let Some((key, value)) = entry.split_once(':') else {
            return entry.is_empty() || entry.starts_with('#');
        };
        let key = closest(key.trim().trim_matches(['"', '\'']), KEYS);
        key.is_some_and(|key| key != "env" || is_name(value.trim().trim_matches(['"', '\''])))
    })
}

/// Where a secret is kept, and how that is called.
struct Place {
    kept: Kept,
    shown: String,
}

/// What is done about a secret that the file has elsewhere, and that is not there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lack {
    /// It is an error, unless `required: false`.
    Error,
    /// The same at the start. Once the program serves, the file of a key may go: then its owner wants
    /// no more tokens made with it, and the rest goes on. A file that was never there is an error.
    EndsMinting,
}

/// `secret`: `{file: path}` or `{env: NAME}`.
///
/// The likeliest slip is the secret itself in the wrong place, so no word is repeated, and no line
/// shown, that could be one.
pub(super) fn read(reader: &Reader<'_>, around: &Surroundings<'_>, lack: Lack) -> Option<Fetched> {
    if !reader.is_map() || reader.has_bare_word(&KEYS) {
        let key = reader.path().rsplit('.').next().unwrap_or_default();
        reader.clone().hiding().error(format!(
            "a secret does not belong in this file; write `{key}: {{ file: /path/of/it }}` or `{key}: {{ env: NAME }}`",
        ));
        return None;
    }
    let map = reader.map()?;
    let place = place(&map, around);
    let encoding =
        map.get("encoding").map_or(Some(Encoding::Utf8), |it| it.read(|node| leaf::word(node, &ENCODINGS)));
    let required = map.get("required").map_or(Some(true), |it| it.read(leaf::boolean));
    let (place, at) = place?;
    let (encoding, required) = (encoding?, required?);
    let Place { kept, shown: source } = place;
    if around.options.without_secrets {
        return Some(Fetched { bytes: None, encoding, source, kept });
    }
    let served = |kept: &Kept| matches!(kept, Kept::File(path) if around.disk.serves(path));
    let bytes = match fetch(&kept, &source, around.options.env, around.disk) {
        Ok(raw) => Some(key(&raw, encoding, &at)?),
        Err(missing) if !required || (lack == Lack::EndsMinting && served(&kept)) => {
            at.warn(format!("{missing}; until it is there nothing is minted"));
            None
        }
        Err(missing) => {
            at.error(missing);
            return None;
        }
    };
    Some(Fetched { bytes, encoding, source, kept })
}

fn place<'t>(map: &MapReader<'t>, around: &Surroundings<'_>) -> Option<(Place, Reader<'t>)> {
    match (map.get("file"), map.get("env")) {
        (Some(file), None) => {
            let path = file.read(path)?;
            let at = around.dir.join(&path);
            let named = path.components().count() > 1 || at.exists() || around.disk.serves(&at);
            let shown =
                if named { path.display().to_string() } else { "the file that is named here".to_owned() };
            Some((Place { kept: Kept::File(at), shown }, if named { file } else { file.hiding() }))
        }
        (None, Some(env)) => {
            let name = env.read(variable)?;
            let named = !name.bytes().any(|byte| byte.is_ascii_lowercase());
            let shown = if named {
                format!("environment variable {name}")
            } else {
                "the variable that is named here".to_owned()
            };
            Some((Place { kept: Kept::Env(name), shown }, if named { env } else { env.hiding() }))
        }
        (Some(_), Some(env)) => {
            env.error("a secret has one place: `file` or `env`");
            None
        }
        (None, None) => {
            map.missing(&["file", "env"], "`file` or `env` is required here: where the secret is kept");
            None
        }
    }
}

fn path(node: &Node) -> Result<PathBuf, Wrong> {
    leaf::filled(node).map(PathBuf::from)
}

fn variable(node: &Node) -> Result<String, Wrong> {
    let name = leaf::filled(node)?;
    if is_name(name) {
        return Ok(name.to_owned());
    }
    Err("the name of an environment variable is wanted here: letters, digits and `_`".into())
}

/// The raw text of a secret, or why it is missing.
fn fetch(
    kept: &Kept,
    shown: &str,
    env: &dyn Fn(&str) -> Option<String>,
    disk: &Disk<'_>,
) -> Result<Zeroizing<Vec<u8>>, String> {
    let raw = match kept {
        Kept::File(path) => fetch_file(path, shown, disk)?,
        Kept::Env(name) => env(name)
            .map(String::into_bytes)
            .map(Zeroizing::new)
            .ok_or_else(|| format!("{shown} is not set"))?,
    };
    let line = match raw.strip_suffix(b"\n") {
        Some(line) => line.strip_suffix(b"\r").unwrap_or(line),
        None => &raw,
    };
    if line.trim_ascii().is_empty() {
        return Err("the secret is empty".to_owned());
    }
    Ok(Zeroizing::new(line.to_vec()))
}

fn fetch_file(path: &Path, shown: &str, disk: &Disk<'_>) -> Result<Zeroizing<Vec<u8>>, String> {
    let failed = |error| format!("cannot read {shown}: {}", disk::explain(path, &error));
    let raw = disk.read(path, MAX_BYTES).map_err(failed)?;
    if raw.len() > MAX_BYTES {
        return Err(format!("{shown} is larger than 64KiB, which is no secret"));
    }
    Ok(raw)
}

/// The key in the raw text. Nothing of the text is repeated in an error.
fn key(raw: &[u8], encoding: Encoding, at: &Reader<'_>) -> Option<Secret> {
    if is_placeholder(raw) {
        let giver = match owner(at) {
            "pandium" => "the one that Pandium's support gave you",
            "session" => "the one that the issuer of the tokens gave you",
            _ => "a real one",
        };
        at.error(format!("the secret is a placeholder; put {giver} in its place"));
        return None;
    }
    let odd = spoiled::oddity(raw);
    let Some(bytes) = decode(raw, encoding) else {
        let why = odd.map(|odd| format!(": it {odd}")).unwrap_or_default();
        at.error(format!("the secret is not {}, as `encoding` says it is{why}", encoding.word()));
        return None;
    };
    if bytes.len() < ADVISED_BYTES {
        at.warn(format!("the secret has {} bytes; 32 or more are advised (RFC 7518 §3.2)", bytes.len()));
    }
    if encoding == Encoding::Utf8 {
        let message = odd.map(|odd| format!("the secret {odd}")).or_else(|| encoded(raw, at));
        if let Some(message) = message {
            at.warn(message);
        }
    }
    Some(Secret::new(bytes))
}

/// What is said of a text that looks like bytes in writing; a header's is sent as it is.
fn encoded(raw: &[u8], at: &Reader<'_>) -> Option<String> {
    let giver = match owner(at) {
        "pandium" => "Pandium",
        "session" => "the issuer",
        _ => return None,
    };
    spoiled::looks_like_base64(raw).then(|| {
        format!("the secret looks like base64; if {giver} means the bytes behind it, set `encoding: base64`")
    })
}

/// The part of the file that a secret belongs to.
fn owner<'r>(at: &'r Reader<'_>) -> &'r str {
    at.path().split('.').next().unwrap_or_default()
}

/// The bytes that are meant; there are some.
fn decode(raw: &[u8], encoding: Encoding) -> Option<Vec<u8>> {
    let digits = raw.trim_ascii();
    let decoded = match encoding {
        Encoding::Utf8 => Some(raw.to_vec()),
        Encoding::Base64 => decode_base64(digits, &base64_simd::STANDARD, &base64_simd::STANDARD_NO_PAD),
        Encoding::Base64Url => decode_base64(digits, &base64_simd::URL_SAFE, &base64_simd::URL_SAFE_NO_PAD),
        Encoding::Hex => decode_hex(digits),
    };
    decoded.filter(|bytes| !bytes.is_empty())
}

impl Key {
    /// The secret as every encoding reads it that can, for whoever asks which one was meant; or why it
    /// is not there.
    pub fn readings(
        &self,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Vec<(&'static str, Secret)>, String> {
        let raw = fetch(&self.kept, &self.source, env, &Disk::default())?;
        let read =
            |(word, encoding): (&'static str, Encoding)| Some((word, Secret::new(decode(&raw, encoding)?)));
        Ok(ENCODINGS.into_iter().filter_map(read).collect())
    }
}

fn is_placeholder(raw: &[u8]) -> bool {
    let text = String::from_utf8_lossy(raw).trim().to_ascii_lowercase();
    let bare = text.trim_matches(|c| matches!(c, '<' | '>' | '"' | '\'' | '{' | '}' | '$' | '!'));
    let bare = bare.trim_end_matches(|c: char| c.is_ascii_digit());
    PLACEHOLDERS.contains(&bare)
        || (!bare.is_empty() && bare.bytes().all(|byte| byte == b'x' || byte == b'*'))
}

fn decode_base64(digits: &[u8], padded: &base64_simd::Base64, bare: &base64_simd::Base64) -> Option<Vec<u8>> {
    padded.decode_to_vec(digits).or_else(|_| bare.decode_to_vec(digits)).ok()
}

fn decode_hex(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pair = |pair: &[u8]| match pair {
        [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
        _ => None,
    };
    digits.chunks(2).map(pair).collect()
}
