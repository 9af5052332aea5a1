//! What a request is for (RFC 9112 §3.2), in its parts.

use http::Uri;
use http::uri::Authority;

/// The parts of a request's target, as they came.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Up to the query.
    pub path: &'a str,
    /// Behind the `?`.
    pub query: Option<&'a str>,
    /// The host that is named, where one is.
    pub authority: Option<&'a Authority>,
}

impl<'a> From<&'a Uri> for Target<'a> {
    fn from(uri: &'a Uri) -> Self {
        Self { path: uri.path(), query: uri.query(), authority: uri.authority() }
    }
}

impl<'a> Target<'a> {
    /// The parts of a path and a query that have nothing but what they may have by RFC 3986 §3.3; others,
    /// which a [`Uri`] may be more patient with, are not looked at.
    pub fn plain(text: &'a str) -> Option<Self> {
        // Of all of it, as that is done for many bytes at once.
        let is_plain = text.bytes().fold(text.starts_with('/'), |plain, byte| plain & may_be_there(byte));
        let (path, query) = match text.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (text, None),
        };
        is_plain.then_some(Self { path, query, authority: None })
    }
}

/// `pchar`, `/` and `?`.
fn may_be_there(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        | matches!(byte, b'!' | b'$'..=b'/' | b':' | b';' | b'=' | b'?' | b'@' | b'_' | b'~')
}

#[cfg(test)]
mod tests {
    use super::Target;
    use http::Uri;

    fn parts<'a>(target: &Target<'a>) -> (&'a str, Option<&'a str>) {
        (target.path, target.query)
    }

    #[test]
    fn what_is_plain_is_read_as_a_uri_is() {
        let mut plain = 0;
        for byte in 0..128 {
            let c = char::from(byte);
            for text in
                [format!("/{c}"), format!("{c}/"), format!("/a?{c}"), format!("/{c}?b?c"), format!("/a{c}b")]
            {
                let Some(target) = Target::plain(&text) else { continue };
                let uri: Uri = text.parse().unwrap();
                assert_eq!(parts(&target), parts(&(&uri).into()), "{text:?}");
                assert!(target.authority.is_none() && uri.authority().is_none(), "{text:?}");
                plain += usize::from(text.len() == 2);
            }
        }
        // Letters and digits, `!$%&'()*+,-./:;=?@_~` and twice `/`.
        assert_eq!(plain, 62 + 20 + 1);
        for text in ["", "*", "a", "http://a/", "a:1", "/a b", "/a#b", "/\u{e9}", "/a\\b", "/a\"", "/a|b"] {
            assert!(Target::plain(text).is_none(), "{text:?}");
        }
    }
}
