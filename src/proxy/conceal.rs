//! Finding a token in what goes to the visitor, and overwriting it.
//!
//! Looked for are the token as a whole, its payload and its signature: either of the last two is as good
//! as told. A body is looked through as it passes, each byte once for each of the three (Knuth, Morris
//! and Pratt). What could be the beginning of one is held back until the next byte tells, so at most one
//! token's length; all else goes on at once. Found, it is overwritten: the length stays what was said.

use crate::route::decode_fully;
use bytes::{Bytes, BytesMut};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What stands in its place. It means nothing in HTML, JSON, scripts and addresses alike.
const FILLER: u8 = b'x';

/// A token to look for.
#[derive(Clone)]
pub struct Wanted(Arc<[Pattern]>);

/// Bytes, and for each how far back to go where the next one does not fit.
struct Pattern {
    bytes: Box<[u8]>,
    fallback: Box<[u32]>,
}

/// Drops every line of a header that has something in it which the visitor must not see, also where
/// that is percent-encoded.
pub fn drop_lines(headers: &mut HeaderMap, is_told: impl Fn(&str) -> bool) {
    let tells = |value: &HeaderValue| {
        let text = String::from_utf8_lossy(value.as_bytes());
        is_told(&text) || text.contains('%') && is_told(&decode_fully(&text))
    };
    let telling: BTreeSet<String> =
        headers.iter().filter(|(_, value)| tells(value)).map(|(name, _)| name.as_str().to_owned()).collect();
    for name in telling {
        let kept: Vec<HeaderValue> =
            headers.get_all(&name).iter().filter(|value| !tells(value)).cloned().collect();
        let Ok(name) = HeaderName::try_from(name) else { continue };
        headers.remove(&name);
        for value in kept {
            headers.append(name.clone(), value);
        }
    }
}

/// Looks through a body.
pub struct Scan {
    wanted: Wanted,
    /// How much of each pattern the last bytes are the beginning of.
    matched: Vec<usize>,
    held: BytesMut,
}

impl Wanted {
    /// The token, its payload and its signature.
    pub fn new(token: &str) -> Self {
        let parts = token.split('.').skip(1).filter(|part| !part.is_empty());
        Self([token].into_iter().chain(parts).map(Pattern::new).collect())
    }

    /// Whether a header's value has any of it, percent-encoded or not.
    pub fn is_in(&self, value: &HeaderValue) -> bool {
        self.is_in_text(&String::from_utf8_lossy(value.as_bytes()))
    }

    /// Whether a text has any of it, percent-encoded or not.
    pub fn is_in_text(&self, text: &str) -> bool {
        self.is_told(text) || text.contains('%') && self.is_told(&decode_fully(text))
    }

    /// Whether a header's name has any of it, in whatever case.
    pub fn is_in_name(&self, name: &str) -> bool {
        let text = decode_fully(name);
        let mut wanted = self.0.iter().map(|pattern| &pattern.bytes);
        wanted.any(|bytes| text.as_bytes().windows(bytes.len()).any(|part| part.eq_ignore_ascii_case(bytes)))
    }

    /// Whether a text has any of it as it is.
    pub fn is_told(&self, text: &str) -> bool {
        self.0.iter().any(|pattern| pattern.is_in(text.as_bytes()))
    }

    /// A scan for it.
    pub fn scan(&self) -> Scan {
        Scan { wanted: self.clone(), matched: vec![0; self.0.len()], held: BytesMut::new() }
    }
}

impl Pattern {
    fn new(text: &str) -> Self {
        let bytes: Box<[u8]> = text.as_bytes().into();
        let mut pattern = Self { fallback: Box::default(), bytes };
        let mut fallback = Vec::with_capacity(pattern.bytes.len() + 1);
        fallback.extend([0, 0]);
        let mut matched = 0;
        for &byte in pattern.bytes.iter().skip(1) {
            matched = pattern.step(&fallback, matched, byte);
            fallback.push(u32::try_from(matched).unwrap_or_default());
        }
        pattern.fallback = fallback.into();
        pattern
    }

    /// How much is matched with one more byte.
    fn step(&self, fallback: &[u32], mut matched: usize, byte: u8) -> usize {
        while self.bytes.get(matched) != Some(&byte) {
            if matched == 0 {
                return 0;
            }
            matched = fallback.get(matched).map_or(0, |&back| back as usize);
        }
        matched + 1
    }

    fn is_in(&self, text: &[u8]) -> bool {
        let mut matched = 0;
        text.iter().any(|&byte| {
            matched = self.step(&self.fallback, matched, byte);
            matched == self.bytes.len()
        })
    }
}

impl Scan {
    /// Takes a piece in, and lets go of all that cannot be the beginning of one.
    pub fn push(&mut self, piece: &[u8]) -> Bytes {
        let start = self.held.len();
        self.held.extend_from_slice(piece);
        for (at, &byte) in piece.iter().enumerate() {
            self.look(byte, start + at + 1);
        }
        let kept = self.matched.iter().copied().max().unwrap_or(0);
        self.held.split_to(self.held.len() - kept).freeze()
    }

    /// What is left when nothing more comes.
    pub fn finish(&mut self) -> Bytes {
        self.matched.fill(0);
        self.held.split().freeze()
    }

    /// How much is held back.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Sees the byte before `end`.
    fn look(&mut self, byte: u8, end: usize) {
        for (pattern, matched) in self.wanted.0.iter().zip(&mut self.matched) {
            *matched = pattern.step(&pattern.fallback, *matched, byte);
            let length = pattern.bytes.len();
            if *matched == length {
                if let Some(found) = self.held.get_mut(end.saturating_sub(length)..end) {
                    found.fill(FILLER);
                }
                *matched = pattern.fallback.get(length).map_or(0, |&back| back as usize);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Scan, Wanted, drop_lines};
    use http::header::{HeaderMap, HeaderValue};

    const TOKEN: &str = "eyJhIjox.eyJzdWIi.c2lnbmF0dXJl";

    fn through(scan: &mut Scan, pieces: &[&[u8]]) -> String {
        let mut out = Vec::new();
        for piece in pieces {
            out.extend_from_slice(&scan.push(piece));
        }
        out.extend_from_slice(&scan.finish());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_token_is_overwritten_wherever_it_is_cut() {
        let body = format!("<a href=\"/x?tenant={TOKEN}&y\">{TOKEN}{TOKEN}</a>");
        let clean = body.replace(TOKEN, &"x".repeat(TOKEN.len()));
        let bytes = body.as_bytes();
        for one in 0..=bytes.len() {
            for other in one..=bytes.len() {
                let pieces = [&bytes[..one], &bytes[one..other], &bytes[other..]];
                assert_eq!(through(&mut Wanted::new(TOKEN).scan(), &pieces), clean, "{one} {other}");
            }
        }
    }

    #[test]
    fn its_parts_are_overwritten_and_what_resembles_them_is_not() {
        for (body, clean) in [
            ("eyJzdWIi", "xxxxxxxx"),
            ("-eyJzdWIi-c2lnbmF0dXJl-", "-xxxxxxxx-xxxxxxxxxxxx-"),
            ("eyJhIjox.eyJzdWI", "eyJhIjox.eyJzdWI"),
            ("eyJhIjox.eyJhIjox.eyJzdWIi.c2lnbmF0dXJl", "eyJhIjox.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
            ("eyJhIjox.eyJzdWIi.c2lnbmF0dXJ", "eyJhIjox.xxxxxxxx.c2lnbmF0dXJ"),
            ("", ""),
        ] {
            let bytes: Vec<&[u8]> = body.as_bytes().chunks(1).collect();
            assert_eq!(through(&mut Wanted::new(TOKEN).scan(), &bytes), clean, "{body}");
            assert_eq!(through(&mut Wanted::new(TOKEN).scan(), &[body.as_bytes()]), clean, "{body}");
        }
    }

    #[test]
    fn patterns_that_repeat_themselves_are_found() {
        let token = "aab.aabaab.aabaaab";
        for body in ["aab.aabaab.aabaabaab.aabaab.aabaaab", "aaaabaaabaab", "aab.aab.aabaab.aabaaab"] {
            for cut in 0..body.len() {
                let (one, other) = body.as_bytes().split_at(cut);
                let out = through(&mut Wanted::new(token).scan(), &[one, other]);
                assert_eq!(out.len(), body.len());
                assert!(!out.contains("aabaab") && !out.contains("aabaaab"), "{out}");
            }
        }
    }

    #[test]
    fn what_cannot_be_one_is_not_held_back() {
        let mut scan = Wanted::new(TOKEN).scan();
        assert_eq!(scan.push(b"hello eyJ"), "hello ");
        assert_eq!(scan.held(), 3);
        assert_eq!(scan.push(b"!"), "eyJ!");
        assert_eq!(scan.held(), 0);
    }

    #[test]
    fn headers_are_looked_through_decoded_too() {
        let wanted = Wanted::new(TOKEN);
        let is_in = |text: &str| wanted.is_in(&HeaderValue::from_str(text).unwrap());
        let mut headers = HeaderMap::new();
        for value in [TOKEN.to_owned(), format!("/x?tenant={TOKEN}"), "a=c2lnbmF0dXJl".to_owned()] {
            let encoded = value.bytes().fold(String::new(), |encoded, byte| format!("{encoded}%{byte:02x}"));
            for value in [encoded.replace('%', "%25"), encoded, value] {
                assert!(is_in(&value), "{value}");
                headers.append("x-one", HeaderValue::try_from(value.as_str()).unwrap());
                headers.append("x-two", HeaderValue::try_from(value).unwrap());
                headers.append("x-two", HeaderValue::from_static("kept"));
            }
        }
        for value in ["/x?tenant=other", "", "%"] {
            assert!(!is_in(value), "{value}");
            headers.append("x-one", HeaderValue::from_static(value));
        }
        drop_lines(&mut headers, |text| wanted.is_told(text));
        let of = |name: &str| {
            headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!((of("x-one"), of("x-two").len()), (vec!["/x?tenant=other", "", "%"], 9));
    }
}
