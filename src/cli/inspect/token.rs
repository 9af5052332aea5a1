//! Finding a token in what was given, and decoding it.

use crate::query::TOKEN;
use crate::strict::{self, Fault};
use base64_simd::URL_SAFE_NO_PAD;
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// A token, decoded.
pub(super) struct Found {
    /// As it was given.
    pub(super) token: String,
    /// The header's bytes.
    pub(super) header: Vec<u8>,
    /// The payload.
    pub(super) claims: Value,
    /// Whether a name stands twice in the payload, of which the last counts here.
    pub(super) doubled: bool,
    /// Whether it stands in the address of an install page; none where it stands in no address.
    pub(super) for_install: Option<bool>,
}

impl Found {
    /// Decodes the token that was given, alone or in an address; or says why there is none.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let (token, for_install) = located(text.trim())?;
        let segments: Vec<&str> = token.split('.').collect();
        let [header, payload, _signature] = segments.as_slice() else {
            return Err(format!("this is no token: it has {} segments, and not three", segments.len()));
        };
        let decoded = |name: &str, segment: &str| {
            let bytes = URL_SAFE_NO_PAD.decode_to_vec(segment);
            bytes.map_err(|_| format!("this is no token: its {name} is not base64url without padding"))
        };
        let (header, payload) = (decoded("header", header)?, decoded("payload", payload)?);
        let (claims, doubled) = match strict::value(&payload) {
            Ok(claims) => (claims, false),
            Err(Fault::Twice) => (serde_json::from_slice(&payload).unwrap_or_default(), true),
            Err(Fault::Broken) => return Err("this is no token: its payload is not JSON".to_owned()),
        };
        Ok(Self { token, header, claims, doubled, for_install })
    }
}

/// The token, and whether it stands in the address of an install page.
fn located(text: &str) -> Result<(String, Option<bool>), String> {
    let Some((address, query)) = text.split_once('?') else {
        if text.contains("://") {
            return Err(format!("this address has no parameter `{TOKEN}`"));
        }
        return Ok((text.to_owned(), None));
    };
    let query = query.split(|c: char| c == '#' || c.is_whitespace()).next().unwrap_or_default();
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let mut tokens = pairs.filter(|(name, _)| *name == TOKEN).map(|(_, value)| value);
    match (tokens.next(), tokens.next()) {
        (Some(token), None) => {
            let token = percent_decode_str(token).decode_utf8_lossy().into_owned();
            Ok((token, Some(address.contains("/tenants/create/"))))
        }
        (Some(_), Some(_)) => Err(format!("this address has more than one parameter `{TOKEN}`")),
        (None, _) => Err(format!("this address has no parameter `{TOKEN}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Found, located};

    #[test]
    fn a_token_is_found_alone_or_in_an_address() {
        for (text, expected) in [
            ("a.b.c", Ok(("a.b.c", None))),
            ("https://p.test/acme/tenants/create/1?tenant=a.b.c", Ok(("a.b.c", Some(true)))),
            ("https://p.test/acme?x=1&tenant=a.b.c&display=list#top", Ok(("a.b.c", Some(false)))),
            ("location: https://p.test/acme?tenant=a.b%2Ec\r\nfoo: bar", Ok(("a.b.c", Some(false)))),
            ("?tenant=a.b.c", Ok(("a.b.c", Some(false)))),
            ("https://p.test/acme", Err("this address has no parameter `tenant`")),
            ("https://p.test/acme?tenants=a", Err("this address has no parameter `tenant`")),
            ("https://p.test/?tenant=a&tenant=b", Err("this address has more than one parameter `tenant`")),
        ] {
            let expected =
                expected.map(|(token, page): (&str, _)| (token.to_owned(), page)).map_err(str::to_owned);
            assert_eq!(located(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_token_is_told_apart() {
        for (text, expected) in [
            ("", "it has 1 segments"),
            ("a.b", "it has 2 segments"),
            ("a.b.c.d", "it has 4 segments"),
            ("e30=.e30.x", "its header is not base64url without padding"),
            ("e30.e+0.x", "its payload is not base64url without padding"),
            ("e30.e3.x", "its payload is not base64url without padding"),
            ("e30.YQ.x", "its payload is not JSON"),
        ] {
            let why = Found::read(text).err().unwrap();
            assert!(why.starts_with("this is no token: ") && why.contains(expected), "{text}: {why}");
        }
        // {"a":1,"a":2}
        let doubled = Found::read(" e30.eyJhIjoxLCJhIjoyfQ.x\n").unwrap();
        assert!(doubled.doubled && doubled.header == b"{}" && doubled.claims["a"] == 2);
    }
}
