//! What the annotations of an object ask for. They are text, and there are six.

use super::object::Object;
use crate::config::error::Problem;
use crate::config::tree::{Entry, Kind, Node};
use crate::place::Place;
use crate::suggest::closest;

/// What all of them begin with.
pub(super) const PREFIX: &str = "pandium-sidecar.io/";
/// The annotation that `inject` writes.
pub(super) const STATUS: &str = "pandium-sidecar.io/status";
/// The label by which policies and monitors find the pods.
pub(super) const LABEL: &str = "pandium-sidecar.io/injected";
/// Where the program serves visitors in a pod, and the operator.
pub(super) const PORTS: [u16; 2] = [8710, 8711];

const NAMES: [&str; 6] = ["inject", "config", "secret", "upstream-port", "image", "status"];

/// What an object asks for.
#[derive(Default)]
pub(super) struct Wish<'m> {
    /// `inject`, where it is said.
    pub inject: Option<bool>,
    /// The `ConfigMap`.
    pub config: Option<&'m str>,
    /// The Secret.
    pub secret: Option<&'m str>,
    /// Where the app listens.
    pub upstream_port: Option<u16>,
    /// The image of the sidecar.
    pub image: Option<&'m str>,
    /// What was injected before, and the keys below which that stands.
    pub status: Option<(&'m str, Vec<&'static str>)>,
    /// The keys below which `inject` stands, and its place.
    pub home: Option<(Vec<&'static str>, Place)>,
}

impl<'m> Wish<'m> {
    /// Reads the annotations of the object, and those of its pods: either will do, and where both
    /// speak of one thing they have to agree. Problems are in the places of the document.
    pub fn read(object: &Object<'m>, problems: &mut Vec<Problem>) -> Self {
        let mut wish = Self::default();
        // A kind that is not known may describe pods all the same, where most do.
        let pod = object.pod().unwrap_or(&["spec", "template"]);
        let mut homes = vec![vec!["metadata", "annotations"]];
        if !pod.is_empty() {
            homes.push(pod.iter().copied().chain(["metadata", "annotations"]).collect());
        }
        for home in homes {
            let Some(Kind::Map(entries)) = object.below(&home).map(|node| &node.kind) else { continue };
            for entry in entries {
                let Some(name) = entry.key.strip_prefix(PREFIX) else { continue };
                if let Err(problem) = wish.take(name, entry, &home) {
                    problems.push(problem);
                }
            }
        }
        wish
    }

    fn take(&mut self, name: &str, entry: &'m Entry, home: &[&'static str]) -> Result<(), Problem> {
        let wrong = |message: String| Problem::error(entry.value.place, entry.key.as_str(), message);
        if !NAMES.contains(&name) {
            let message = format!("there is no such annotation; known are {PREFIX}{{{}}}", NAMES.join(", "));
            let meant = closest(name, NAMES).map(|name| format!("{PREFIX}{name}"));
            return Err(Problem::error(entry.place, entry.key.as_str(), message).suggest(meant));
        }
        let text = entry.value.text().ok_or_else(|| wrong(no_text(name, &entry.value)))?;
        match name {
            "inject" => {
                let said = switch(text).ok_or_else(|| wrong(format!("write {SWITCH}, not `{text}`")))?;
                self.home = Some((home.to_vec(), entry.value.place));
                agree(&mut self.inject, said).map_err(wrong)
            }
            "status" => {
                self.status = Some((text, home.to_vec()));
                Ok(())
            }
            "upstream-port" => {
                let port = port(text).map_err(wrong)?;
                agree(&mut self.upstream_port, port).map_err(wrong)
            }
            "image" if text.trim() != text || text.is_empty() || text.contains(char::is_whitespace) => Err(
                wrong("an image is wanted here, such as registry.example/pandium-sidecar:0.1.0".to_owned()),
            ),
            "image" => agree(&mut self.image, text).map_err(wrong),
            _ if !is_name(text) => {
                let kind = if name == "config" { "ConfigMap" } else { "Secret" };
                Err(wrong(format!(
                    "the name of a {kind} is wanted here: lower-case letters, digits, `-` and `.`"
                )))
            }
            "config" => agree(&mut self.config, text).map_err(wrong),
            _ => agree(&mut self.secret, text).map_err(wrong),
        }
    }
}

const SWITCH: &str = "\"enabled\" or \"disabled\"";

fn switch(text: &str) -> Option<bool> {
    match text {
        "enabled" => Some(true),
        "disabled" => Some(false),
        _ => None,
    }
}

/// YAML reads `true` and `3000` as something else than text, and Kubernetes refuses them.
fn no_text(name: &str, node: &Node) -> String {
    let (written, shape) = match &node.kind {
        Kind::Bool(value) => (value.to_string(), "a boolean"),
        Kind::Int(raw) | Kind::Float(raw) => (raw.clone(), "a number"),
        _ => return format!("an annotation is text, not {}", node.shape()),
    };
    let instead = if name == "inject" { SWITCH.to_owned() } else { format!("\"{written}\"") };
    format!(
        "an annotation is text, and YAML reads `{written}` as {shape}, which wants quotes: write {instead}"
    )
}

fn agree<T: PartialEq>(said: &mut Option<T>, now: T) -> Result<(), String> {
    if said.as_ref().is_some_and(|before| *before != now) {
        return Err("the object's own annotation says otherwise than that of its pods; keep one".to_owned());
    }
    *said = Some(now);
    Ok(())
}

fn port(text: &str) -> Result<u16, String> {
    let port = text.parse::<u16>().ok().filter(|port| *port > 0 && port.to_string() == text);
    match port {
        None => {
            Err("the number of the port at which the app listens is wanted here, such as \"3000\"".to_owned())
        }
        Some(port) if PORTS.contains(&port) => {
            Err(format!("{port} is the sidecar's own port; where does the app listen?"))
        }
        Some(port) => Ok(port),
    }
}

/// A name as Kubernetes has it (RFC 1123).
fn is_name(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let plain = text.bytes().all(|byte| inner(byte) || b"-.".contains(&byte));
    let ends = text.bytes().next().is_some_and(inner) && text.bytes().last().is_some_and(inner);
    plain && ends && text.len() <= 253
}
