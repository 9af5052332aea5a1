//! How the names of header fields are spelled. To HTTP that means nothing, and to some old apps much.

use bytes::Bytes;
use http::{HeaderMap, HeaderName};

/// The spellings of a message's names that are not As-Is-Usual. It is an extension of the message where
/// there are any.
#[derive(Clone, Debug, Default)]
pub struct Spelling(Vec<Unusual>);

#[derive(Clone, Debug)]
struct Unusual {
    name: HeaderName,
    /// How many fields of that name stand before this one.
    nth: usize,
    spelled: Bytes,
}

impl Spelling {
    /// Notes how the name of a field is spelled in a head, which is to come behind these, if that is worth
    /// noting.
    pub fn note(&mut self, before: &HeaderMap, name: &HeaderName, head: &Bytes, spelled: &[u8]) {
        if !is_usual(spelled) {
            let nth = before.get_all(name).iter().count();
            self.0.push(Unusual { name: name.clone(), nth, spelled: head.slice_ref(spelled) });
        }
    }

    /// Forgets how a field was spelled, in whose place another stands.
    pub fn forget(&mut self, name: &HeaderName) {
        self.0.retain(|unusual| unusual.name != name);
    }

    /// Whether there is nothing unusual.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How the name of this field is spelled, where that is unusual.
    pub(super) fn of(&self, name: &HeaderName, nth: usize) -> Option<&Bytes> {
        self.0
            .iter()
            .find(|unusual| unusual.nth == nth && unusual.name == name)
            .map(|unusual| &unusual.spelled)
    }
}

fn is_usual(name: &[u8]) -> bool {
    let mut initial = true;
    name.iter().all(|byte| {
        let usual = if initial { !byte.is_ascii_lowercase() } else { !byte.is_ascii_uppercase() };
        initial = *byte == b'-';
        usual
    })
}

/// Writes a name as most spell it.
pub(super) fn write_usual(out: &mut Vec<u8>, name: &str) {
    let mut initial = true;
    out.extend(name.bytes().map(|byte| {
        let spelled = if initial { byte.to_ascii_uppercase() } else { byte };
        initial = byte == b'-';
        spelled
    }));
}

#[cfg(test)]
mod tests {
    use super::Spelling;
    use crate::http1::encode::write_fields;
    use bytes::Bytes;
    use http::{HeaderMap, HeaderName, HeaderValue};

    #[test]
    fn names_go_out_as_they_came_or_as_is_usual() {
        let (mut headers, mut spelling) = (HeaderMap::new(), Spelling::default());
        let came = [
            "Host",
            "X-Real-IP",
            "sec-ch-ua",
            "ETag",
            "X-1a-b",
            "-x",
            "Cookie",
            "COOKIE",
            "cookie",
            "Cookie",
        ];
        for name in came {
            let known = HeaderName::from_bytes(name.as_bytes()).unwrap();
            let head = Bytes::from_static(name.as_bytes());
            spelling.note(&headers, &known, &head, &head);
            headers.append(known, HeaderValue::from_static("v"));
        }
        headers.append("x-request-id", HeaderValue::from_static("v"));
        let mut out = Vec::new();
        write_fields(&mut out, &headers, Some(&spelling));
        let text = String::from_utf8(out).unwrap();
        let names: Vec<_> = text.lines().map(|line| line.strip_suffix(": v").unwrap()).collect();
        assert_eq!(names, [&came[..], &["X-Request-Id"]].concat());
        assert_eq!(spelling.0.len(), 7);
    }
}
