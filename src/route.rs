//! Which addresses are ours.
//!
//! A path is ours byte for byte or not at all. Anything that *becomes* ours only once somebody
//! decodes or tidies it is refused, because the proxy in front, this program and the app could each
//! read it otherwise, and a rule that one of them holds would be lost on the next.

use crate::slug::is_slug;
use std::fmt;

/// The parameter of a route's path.
const PARAMETER: &str = ":integration";

/// A route's path, such as `/pandium/install/:integration`, or `/pandium/install` where the
/// integration is named in another way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Up to the parameter, or the whole path where there is none.
    prefix: String,
    /// What follows the parameter; none where there is no parameter.
    suffix: Option<String>,
}

/// What a path below a route's prefix asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked<'p> {
    /// The integration of this name.
    Named(&'p str),
    /// One that the path does not name.
    Unnamed,
    /// Nothing that there is.
    Nothing,
}

/// Why a text is no route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Relative.
    #[error("a route's path begins with `/`")]
    Relative,
    /// Two parameters, or one inside a segment.
    #[error("a route's path names `:integration` once, as a whole segment")]
    Parameter,
    /// The prefix would be the whole app.
    #[error("everything below `/` would be ours and nothing the app's; put a word before `:integration`")]
    Root,
    /// Characters that would need encoding, `//`, or dots.
    #[error("a route's path is made of plain segments: letters, digits, `-`, `_`, `.`, `~`")]
    Segment,
}

impl Pattern {
    /// Reads a route's path.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if !text.starts_with('/') {
            return Err(PatternError::Relative);
        }
        let Some((prefix, suffix)) = text.split_once(PARAMETER) else { return Self::unnamed(text) };
        if !prefix.ends_with('/') || !(suffix.is_empty() || suffix.starts_with('/')) || suffix.contains(':') {
            return Err(PatternError::Parameter);
        }
        if prefix == "/" {
            return Err(PatternError::Root);
        }
        let mut segments = prefix.split('/').chain(suffix.split('/')).filter(|segment| !segment.is_empty());
        if text.contains("//") || suffix.ends_with('/') || !segments.all(is_plain) {
            return Err(PatternError::Segment);
        }
        Ok(Self { prefix: prefix.to_owned(), suffix: Some(suffix.to_owned()) })
    }

    fn unnamed(text: &str) -> Result<Self, PatternError> {
        if text == "/" {
            return Err(PatternError::Root);
        }
        if text.contains(':') {
            return Err(PatternError::Parameter);
        }
        if text.contains("//") || text.ends_with('/') || !text.split('/').all(is_plain) {
            return Err(PatternError::Segment);
        }
        Ok(Self { prefix: text.to_owned(), suffix: None })
    }

    /// What stands for a whole host in a list of routes. No path is its own: that says the host.
    pub fn of_host(host: &str) -> Self {
        Self { prefix: host.to_owned(), suffix: None }
    }

    /// Whether the path itself names the integration.
    pub fn is_named(&self) -> bool {
        self.suffix.is_some()
    }

    /// What all of its addresses begin with.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Whether the path lies below this route's literal prefix, or is it.
    pub fn owns(&self, path: &str) -> bool {
        let rest = path.strip_prefix(&self.prefix);
        rest.is_some_and(|rest| self.suffix.is_some() || rest.is_empty() || rest.starts_with('/'))
    }

    /// What the path asks for.
    pub fn asked<'p>(&self, path: &'p str) -> Asked<'p> {
        let Some(rest) = path.strip_prefix(self.prefix.as_str()) else { return Asked::Nothing };
        match &self.suffix {
            None if rest.is_empty() => Asked::Unnamed,
            None => Asked::Nothing,
            Some(suffix) => match rest.strip_suffix(suffix.as_str()) {
                Some(name) if is_slug(name) => Asked::Named(name),
                _ => Asked::Nothing,
            },
        }
    }

    /// The path for an integration.
    pub fn path(&self, integration: &str) -> String {
        match &self.suffix {
            Some(suffix) => format!("{}{integration}{suffix}", self.prefix),
            None => self.prefix.clone(),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.suffix {
            Some(suffix) => write!(f, "{}{PARAMETER}{suffix}", self.prefix),
            None => f.write_str(&self.prefix),
        }
    }
}

fn is_plain(segment: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    segment.bytes().all(plain) && segment != "." && segment != ".."
}

/// What is behind a route: how the token is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// The visitor is sent to an integration at Pandium.
    Install,
    /// The visitor is sent to Pandium's marketplace.
    Marketplace,
    /// A page's script gets the address.
    Link,
    /// The proxy in front gets the address and the token.
    Decision,
    /// Pandium's pages, as we show them.
    Pandium,
}

/// How a token is handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The visitor is led to Pandium.
    Leading,
    /// The address is told to a script.
    Link,
    /// The address and the token are told to a proxy.
    Decision,
}

impl Door {
    /// How a token is handed over behind it, where one is.
    pub fn hands_over(self) -> Option<By> {
        match self {
            Self::Install | Self::Marketplace => Some(By::Leading),
            Self::Link => Some(By::Link),
            Self::Decision => Some(By::Decision),
            Self::Pandium => None,
        }
    }
}

/// One of `routes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// What is behind it.
    pub door: Door,
    /// Where it is.
    pub pattern: Pattern,
}

impl Route {
    /// Whether the path is this route's: it lies below the literal prefix, or is it. A proxy that asks
    /// for a decision takes the app's own 200 for a yes, so that one without a name is no app's, either.
    pub fn owns(&self, path: &str) -> bool {
        let nameless = || self.pattern.prefix.strip_suffix('/') == Some(path);
        self.pattern.owns(path) || self.door == Door::Decision && nameless()
    }

    /// What of the path decides: all of it, but for the visitor's own behind that of a decision, and for
    /// Pandium's own behind our prefix.
    fn own_part<'p>(&self, path: &'p str) -> &'p str {
        let rest = path.get(self.pattern.prefix.len()..).unwrap_or_default();
        match self.door {
            Door::Decision => {}
            Door::Pandium => return path.get(..self.pattern.prefix.len()).unwrap_or(path),
            Door::Install | Door::Marketplace | Door::Link => return path,
        }
        let named = rest.find('/').unwrap_or(rest.len());
        path.get(..self.pattern.prefix.len() + named).unwrap_or(path)
    }

    /// What the path asks for. Envoy puts the path of the visitor's own request behind that of the
    /// decision route.
    pub fn asked<'p>(&self, path: &'p str) -> Asked<'p> {
        let rest = path.strip_prefix(self.pattern.prefix.as_str()).filter(|_| self.door == Door::Decision);
        match (rest.and_then(|rest| rest.split_once('/')), self.pattern.suffix.as_deref()) {
            (Some((name, _)), Some("")) if is_slug(name) => Asked::Named(name),
            (Some(("", _)), None) => Asked::Unnamed,
            _ => self.pattern.asked(path),
        }
    }
}

/// Whose a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner<'r> {
    /// Not ours, in any reading.
    App,
    /// Ours, byte for byte.
    Ours(&'r Route),
    /// Ours in one reading, and the app's in another.
    Ambiguous(&'r Route),
}

/// Whose this path is, for routes with these prefixes.
pub fn owner<'r>(path: &str, routes: &'r [Route]) -> Owner<'r> {
    let owned = |path: &str| routes.iter().find(|route| route.owns(path));
    match owned(path) {
        Some(route) if is_canonical(route.own_part(path)) => Owner::Ours(route),
        Some(route) => Owner::Ambiguous(route),
        None if is_canonical(path) => Owner::App,
        None => readings(path).iter().find_map(|reading| owned(reading)).map_or(Owner::App, Owner::Ambiguous),
    }
}

/// Whether nobody could read the path otherwise: the answer for nearly every request.
fn is_canonical(path: &str) -> bool {
    let bytes = path.as_bytes();
    // Of all of it, as that is done for many bytes at once.
    let coded = bytes.iter().fold(false, |odd, byte| odd | matches!(byte, b'%' | b'\\' | b';'));
    let pairs = bytes.iter().zip(bytes.iter().skip(1));
    !pairs.fold(coded, |odd, (first, next)| odd | ((*first == b'/') & matches!(next, b'/' | b'.')))
}

/// A path of somebody else's as it is read once it is decoded to a fixed point; none where it could be
/// read in two ways: with a `\`, an encoded slash, an empty segment, dots, or what no path has.
pub fn settled(path: &str) -> Option<String> {
    let decoded = decode_fully(path);
    let slashes = |text: &str| text.bytes().filter(|&byte| byte == b'/').count();
    let odd = |c: char| c == '\\' || c == char::REPLACEMENT_CHARACTER || c.is_control();
    let dots = |segment: &str| matches!(without_parameters(segment), "." | "..");
    let settled = decoded.starts_with('/')
        && slashes(&decoded) == slashes(path)
        && !decoded.contains(odd)
        && !decoded.contains("//")
        && !decoded.split('/').any(dots);
    settled.then_some(decoded)
}

/// Every way in which the path is commonly tidied: decoded to a fixed point, `\` as `/`, and then
/// with `//` folded or not, `;…` cut or not, dots resolved.
fn readings(path: &str) -> Vec<String> {
    let slashed = decode_fully(path).replace('\\', "/");
    let cut: String = slashed.split('/').map(without_parameters).collect::<Vec<_>>().join("/");
    let mut readings = Vec::with_capacity(8);
    for text in [slashed, cut] {
        let folded = fold_slashes(&text);
        readings.push(fold_slashes(&resolve_dots(&text)));
        readings.push(resolve_dots(&folded));
        readings.push(resolve_dots(&text));
        readings.push(folded);
    }
    readings
}

/// Decodes a text until nothing is left to decode, in one pass: a decoded byte may complete an escape that
/// began before it (`%2%35`), so each byte is looked at together with the two kept before it.
pub fn decode_fully(path: &str) -> String {
    let mut kept: Vec<u8> = Vec::with_capacity(path.len());
    for &byte in path.as_bytes() {
        kept.push(byte);
        while let [.., b'%', high, low] = kept.as_slice()
            && let Some(decoded) = hex_pair(*high, *low)
        {
            kept.truncate(kept.len() - 3);
            kept.push(decoded);
        }
    }
    String::from_utf8_lossy(&kept).into_owned()
}

fn hex_pair(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// A segment up to its `;`.
pub fn without_parameters(segment: &str) -> &str {
    segment.split(';').next().unwrap_or(segment)
}

fn fold_slashes(path: &str) -> String {
    let mut folded = String::with_capacity(path.len());
    for c in path.chars() {
        if c != '/' || !folded.ends_with('/') {
            folded.push(c);
        }
    }
    folded
}

/// RFC 3986 §5.2.4, on an absolute path.
fn resolve_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/').skip(1) {
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            other => kept.push(other),
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests;
