//! By what a request is found again, in every log.

use http::HeaderValue;
use std::fmt;
use uuid::Uuid;
use uuid::fmt::Hyphenated;

/// What a request is called, and the trace that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// What it is called.
    pub id: RequestId,
    /// The trace that it belongs to.
    pub trace: Trace,
}

impl Mark {
    /// Takes over what is given, and makes what is not.
    pub fn of(id: Option<&[u8]>, trace: Option<&[u8]>) -> Self {
        match (id.and_then(RequestId::parse), trace.and_then(Trace::parse)) {
            (Some(id), Some(trace)) => Self { id, trace },
            (id, trace) => {
                // One number for both: whoever has one of the two finds the other.
                let fresh = Uuid::new_v4();
                let id = id.unwrap_or_else(|| RequestId::of(fresh));
                Self { id, trace: trace.unwrap_or(Trace::Made(fresh)) }
            }
        }
    }
}

/// The id by which a request is found again in every log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(Id);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Id {
    /// A UUID, as it is written.
    Made([u8; Hyphenated::LENGTH]),
    /// Somebody else's.
    Taken(Box<str>),
}

impl RequestId {
    /// Takes over an id of 1 to 128 characters of `[A-Za-z0-9._-]`.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let text = std::str::from_utf8(text).ok().filter(|text| text.bytes().all(|byte| plain(&byte)))?;
        (1..=128).contains(&text.len()).then(|| Self(Id::Taken(text.into())))
    }

    fn of(number: Uuid) -> Self {
        let mut text = [0; Hyphenated::LENGTH];
        number.hyphenated().encode_lower(&mut text);
        Self(Id::Made(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Id::Made(text) => std::str::from_utf8(text).unwrap_or_default(),
            Id::Taken(text) => text,
        }
    }

    /// As a header's value.
    pub fn to_value(&self) -> HeaderValue {
        // There is nothing in it that no header may hold.
        HeaderValue::from_str(self.as_str()).unwrap_or(HeaderValue::from_static("unknown"))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The trace that a request belongs to (W3C Trace Context), as `traceparent` says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trace {
    /// Somebody else's. It goes on as it is: we record no span that could be a parent.
    Taken(Box<str>),
    /// Of our own.
    Made(Uuid),
}

impl Trace {
    /// Takes over a valid `traceparent`: version, trace, parent and flags in lower-case hexadecimal,
    /// neither id of zeros alone. Versions to come may have more behind these.
    pub fn parse(text: &[u8]) -> Option<Self> {
        // Whatever versions to come have behind the flags, it is ASCII.
        let text = std::str::from_utf8(text).ok().filter(|text| text.is_ascii())?;
        let mut parts = text.splitn(5, '-');
        let mut hex = |digits: usize| {
            let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            parts.next().filter(|part| part.len() == digits && part.bytes().all(is_digit))
        };
        let (version, trace, parent) = (hex(2)?, hex(32)?, hex(16)?);
        hex(2)?;
        let is_zero = |id: &str| id.bytes().all(|byte| byte == b'0');
        let more = parts.next().is_some();
        let invalid = version == "ff" || version == "00" && more || is_zero(trace) || is_zero(parent);
        (!invalid).then(|| Self::Taken(text.into()))
    }

    /// Whether it is of our own.
    pub fn is_made(&self) -> bool {
        matches!(self, Self::Made(_))
    }

    /// As `traceparent` says it, where it is our own. It says that the request is recorded, as it is, in
    /// our log: an app that records what its parent does would otherwise record nothing any more.
    pub fn made(&self) -> Option<[u8; MADE.len()]> {
        let Self::Made(number) = self else { return None };
        let (mut text, mut digits) = (MADE, Uuid::encode_buffer());
        let trace = number.simple().encode_lower(&mut digits).as_bytes();
        let (own, parent) = (text.get_mut(3..35)?, trace.get(16..)?);
        own.copy_from_slice(trace);
        text.get_mut(36..52)?.copy_from_slice(parent);
        Some(text)
    }
}

/// What is filled in for one of our own.
const MADE: [u8; 55] = *b"00-................................-................-01";

/// The trace's id.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken(text) => f.write_str(text.get(3..35).unwrap_or_default()),
            Self::Made(number) => f.write_str(number.simple().encode_lower(&mut Uuid::encode_buffer())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Mark, Trace};

    fn parse(text: &str) -> Option<Trace> {
        Trace::parse(text.as_bytes())
    }

    #[test]
    fn only_a_valid_trace_is_taken_over() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        for valid in [
            good,
            &good.replace("-01", "-00"),
            &format!("cc{}-more", &good[2..]),
            &format!("01{}", &good[2..]),
        ] {
            let trace = parse(valid).unwrap_or_else(|| panic!("{valid}"));
            assert_eq!(trace.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
            assert_eq!(trace.made(), None, "it goes on as it is");
        }
        for invalid in [
            "",
            &good.to_uppercase(),
            &format!("ff{}", &good[2..]),
            &format!("{good}-more"),
            &format!("{good}-"),
            &format!("{good} "),
            &good[..54],
            &good.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            &good.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &good.replace("00f0", "00g0"),
            &good.replacen('-', "_", 1),
            "00-4bf9-00f067aa0ba902b7-01",
            "\u{e9}0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            &format!("01{}-\u{e9}", &good[2..]),
        ] {
            assert_eq!(parse(invalid), None, "{invalid}");
        }
    }

    #[test]
    fn what_is_made_is_valid_and_named_as_the_request_is() {
        let mark = Mark::of(None, None);
        let made = mark.trace.made().unwrap();
        assert_eq!(Trace::parse(&made).unwrap().to_string(), mark.trace.to_string());
        assert_eq!(mark.id.as_str().replace('-', ""), mark.trace.to_string());
        assert_ne!(Mark::of(None, None), mark);
    }
}
