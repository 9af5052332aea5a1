//! The header fields of a request, for whoever only reads them.
//!
//! What is passed on has its fields in a [`HeaderMap`], which takes over each name and value. Whoever
//! only wants to know who a visitor is need not pay for that: the lines of a head of HTTP/1.1 can be
//! asked where they stand. Both are asked in the same way, so that no rule could be read in two.

use http::header::{HeaderMap, HeaderName, HeaderValue, ValueIter};
use httparse::Header;

/// Header fields, however they are kept.
#[derive(Clone, Copy)]
pub struct Lines<'h>(Kept<'h>);

#[derive(Clone, Copy)]
enum Kept<'h> {
    Map(&'h HeaderMap),
    Here(&'h [Header<'h>], &'h [u8]),
}

impl<'h> From<&'h HeaderMap> for Lines<'h> {
    fn from(headers: &'h HeaderMap) -> Self {
        Self(Kept::Map(headers))
    }
}

/// Something of a name that does not depend on its case, and tells most names apart: all lines are held
/// against it in a few steps.
fn mark(name: &[u8]) -> u8 {
    let letter = |byte: Option<&u8>| byte.copied().unwrap_or_default() | 0x20;
    let length = name.len().to_le_bytes()[0];
    length ^ letter(name.first()).rotate_left(3) ^ letter(name.last()).rotate_left(6)
}

impl<'h> Lines<'h> {
    /// The lines of a head as they stand. There is a mark for each, for which room is given.
    pub(super) fn here(lines: &'h [Header<'h>], room: &'h mut [u8]) -> Option<Self> {
        let marks = room.get_mut(..lines.len())?;
        for (mark_of_line, line) in marks.iter_mut().zip(lines) {
            *mark_of_line = mark(line.name.as_bytes());
        }
        Some(Self(Kept::Here(lines, marks)))
    }

    /// The values of all lines of this name, in their order.
    pub fn all<'n>(self, name: &'n HeaderName) -> All<'h, 'n> {
        match self.0 {
            Kept::Map(headers) => All::Map(headers.get_all(name).iter()),
            Kept::Here(lines, marks) => {
                let wanted = name.as_str().as_bytes();
                All::Here { lines, marks, wanted, mark: mark(wanted) }
            }
        }
    }

    /// The value of the first line of this name.
    pub fn get(self, name: &HeaderName) -> Option<&'h [u8]> {
        self.all(name).next()
    }

    /// The value of a line that is there once. Of two nobody can say which one counts.
    pub fn one(self, name: &HeaderName) -> Option<&'h [u8]> {
        let mut values = self.all(name);
        values.next().filter(|_| values.next().is_none())
    }

    /// Whether there is a line of this name.
    pub fn has(self, name: &HeaderName) -> bool {
        self.get(name).is_some()
    }

    /// The names, in any case, and in any number.
    pub fn names(self) -> impl Iterator<Item = &'h [u8]> {
        let (map, here) = match self.0 {
            Kept::Map(headers) => (Some(headers), None),
            Kept::Here(lines, _) => (None, Some(lines)),
        };
        let of_map = map.into_iter().flat_map(HeaderMap::keys).map(|name| name.as_str().as_bytes());
        of_map.chain(here.into_iter().flatten().map(|line| line.name.as_bytes()))
    }
}

/// The values of the lines of one name.
pub enum All<'h, 'n> {
    /// Of a map.
    Map(ValueIter<'h, HeaderValue>),
    /// Of lines where they stand: those that are not looked at yet.
    Here {
        /// The lines.
        lines: &'h [Header<'h>],
        /// Their marks.
        marks: &'h [u8],
        /// The name, in lower case.
        wanted: &'n [u8],
        /// Its mark.
        mark: u8,
    },
}

impl<'h> Iterator for All<'h, '_> {
    type Item = &'h [u8];

    fn next(&mut self) -> Option<&'h [u8]> {
        match self {
            Self::Map(values) => values.next().map(HeaderValue::as_bytes),
            Self::Here { lines, marks, wanted, mark } => loop {
                let at = marks.iter().position(|other| other == mark)?;
                let line = lines.get(at)?;
                (*lines, *marks) = (lines.get(at + 1..)?, marks.get(at + 1..)?);
                if line.name.as_bytes().eq_ignore_ascii_case(wanted) {
                    return Some(line.value);
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Lines;
    use http::{HeaderMap, HeaderName, HeaderValue};
    use httparse::Header;

    const FIELDS: &[(&str, &str)] = &[
        ("Host", "a"),
        ("X-Tenant-Id", "1"),
        ("x-tenant-id", "2"),
        ("Most", "no host"),
        ("X_Tenant_Id", "3"),
        ("x-renant-id", "4"),
        ("Connection", ""),
        ("X-TENANT-ID", "5"),
    ];

    #[test]
    fn lines_are_found_as_in_a_map() {
        let here: Vec<_> =
            FIELDS.iter().map(|(name, value)| Header { name, value: value.as_bytes() }).collect();
        let map: HeaderMap = FIELDS
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_static(value)))
            .collect();
        let mut room = [0; 8];
        let (here, map) = (Lines::here(&here, &mut room).unwrap(), Lines::from(&map));
        let names = ["host", "x-tenant-id", "most", "x_tenant_id", "connection", "cookie", "tenant", "x"];
        for name in names.map(HeaderName::from_static) {
            assert!(here.all(&name).eq(map.all(&name)), "{name}");
            assert_eq!((here.get(&name), here.one(&name)), (map.get(&name), map.one(&name)), "{name}");
            assert_eq!(here.has(&name), map.has(&name), "{name}");
        }
        let tenant = HeaderName::from_static("x-tenant-id");
        assert_eq!(here.all(&tenant).collect::<Vec<_>>(), [b"1", b"2", b"5"]);
        assert_eq!(here.one(&tenant), None);
        assert_eq!(here.one(&HeaderName::from_static("connection")), Some(&b""[..]));
        let lower = |lines: Lines<'_>| -> Vec<_> {
            let mut names: Vec<_> = lines.names().map(<[u8]>::to_ascii_lowercase).collect();
            names.sort();
            names.dedup();
            names
        };
        assert_eq!(lower(here), lower(map));
        assert_eq!(here.names().count(), FIELDS.len());
    }

    #[test]
    fn there_is_a_mark_for_each_line_or_nothing_is_read() {
        let line = [Header { name: "a", value: b"b" }; 2];
        assert!(Lines::here(&line, &mut [0]).is_none());
    }
}
