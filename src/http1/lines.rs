//! The header fields of a request, for whoever only reads them.
//!
//! A request that is taken over has its fields in a [`HeaderMap`], which takes over each name and value.
//! Whoever only wants to know who a visitor is, or has lines to pass on as they are, need not pay for
//! that: the lines of a head of HTTP/1.1 can be asked where they stand. Both are asked in the same way, so
//! that no rule could be read in two.

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

/// What tells most names apart at a glance: all lines are held against it in a few steps. Names that are
/// one to some apps, which fold case and punctuation, have the same.
pub fn mark(name: &[u8]) -> u8 {
    let letter = |byte: Option<&u8>| match byte {
        Some(byte) if byte.is_ascii_alphanumeric() => byte | 0x20,
        _ => b'-',
    };
    name.len().to_le_bytes()[0] ^ letter(name.first()).rotate_left(3) ^ letter(name.last()).rotate_left(6)
}

/// How many bytes are looked at in one step.
pub(super) const STEP: usize = 8;

/// A one in each of so many bytes.
const ONES: u64 = 0x0101_0101_0101_0101;

/// Whether a name in any case is this one, which is in lower case.
pub fn is_named(name: &[u8], lower: &[u8]) -> bool {
    if name.len() != lower.len() {
        return false;
    }
    let (Some(ends), Some(lower_ends)) = (ends(name), ends(lower)) else {
        return name.eq_ignore_ascii_case(lower);
    };
    // Nearly all names are told by their first bytes and their last.
    let same = |at: usize| ends.get(at).copied().map(lowered) == lower_ends.get(at).copied();
    same(0) && same(1) && (name.len() <= 2 * STEP || name.eq_ignore_ascii_case(lower))
}

/// The first bytes of a name and the last, if there are as many; some may be both.
fn ends(name: &[u8]) -> Option<[u64; 2]> {
    let (first, last) = (name.first_chunk::<STEP>()?, name.last_chunk::<STEP>()?);
    Some([u64::from_le_bytes(*first), u64::from_le_bytes(*last)])
}

/// The same bytes, with letters in lower case; a step at a time.
fn lowered(bytes: u64) -> u64 {
    let low = bytes & (ONES * 0x7f);
    // Their highest bits: at least `A`, and more than `Z`.
    let (least, more) = (low + ONES * (0x80 - 0x41), low + ONES * (0x80 - 0x5b));
    let upper = least & !more & !bytes & (ONES * 0x80);
    bytes | upper >> 2
}

/// The first place of a mark, from here on.
fn find(marks: &[u8], from: usize, mark: u8) -> Option<usize> {
    let mut at = from;
    while let Some(step) = marks.get(at..at + STEP).and_then(|step| step.try_into().ok()) {
        // The lowest byte of zero has the lowest of these bits; those above it may be wrong.
        let differs = u64::from_le_bytes(step) ^ (ONES * u64::from(mark));
        let zeros = differs.wrapping_sub(ONES) & !differs & (ONES << 7);
        if zeros != 0 {
            return Some(at + (zeros.trailing_zeros() / u8::BITS) as usize);
        }
        at += STEP;
    }
    marks.get(at..)?.iter().position(|other| *other == mark).map(|more| at + more)
}

impl<'h> Lines<'h> {
    /// The lines of a head as they stand. There is a mark for each, for which room is given.
    pub(super) fn here(lines: &'h [Header<'h>], room: &'h mut [u8]) -> Option<Self> {
        // What is behind the last leads to no line.
        let marks = room.get_mut(..lines.len().next_multiple_of(STEP))?;
        for (mark_of_line, line) in marks.iter_mut().zip(lines) {
            *mark_of_line = mark(line.name.as_bytes());
        }
        Some(Self(Kept::Here(lines, marks)))
    }

    /// The values of all lines of this name, in their order.
    #[inline]
    pub fn all<'n>(self, name: &'n HeaderName) -> All<'h, 'n> {
        match self.0 {
            Kept::Map(headers) => All::Map(headers.get_all(name).iter()),
            Kept::Here(lines, marks) => {
                let wanted = name.as_str().as_bytes();
                All::Here { lines, marks, from: 0, wanted, mark: mark(wanted) }
            }
        }
    }

    /// The value of the first line of this name.
    #[inline]
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

    /// Shows each line: the mark of its name, the name in any case, and the value.
    #[inline]
    pub fn each(self, mut show: impl FnMut(u8, &'h [u8], &'h [u8])) {
        let _: Option<()> = self.find(|mark, name, value| {
            show(mark, name, value);
            None
        });
    }

    /// What is found first in a line: in the mark of its name, the name in any case, and the value.
    #[inline]
    pub fn find<T>(self, mut find: impl FnMut(u8, &'h [u8], &'h [u8]) -> Option<T>) -> Option<T> {
        match self.0 {
            Kept::Map(headers) => headers.iter().find_map(|(name, value)| {
                let name = name.as_str().as_bytes();
                find(mark(name), name, value.as_bytes())
            }),
            Kept::Here(lines, marks) => {
                lines.iter().zip(marks).find_map(|(line, mark)| find(*mark, line.name.as_bytes(), line.value))
            }
        }
    }
}

/// The values of the lines of one name.
pub enum All<'h, 'n> {
    /// Of a map.
    Map(ValueIter<'h, HeaderValue>),
    /// Of lines where they stand.
    Here {
        /// The lines.
        lines: &'h [Header<'h>],
        /// Their marks.
        marks: &'h [u8],
        /// The first that is not looked at yet.
        from: usize,
        /// The name, in lower case.
        wanted: &'n [u8],
        /// Its mark.
        mark: u8,
    },
}

impl<'h> Iterator for All<'h, '_> {
    type Item = &'h [u8];

    #[inline]
    fn next(&mut self) -> Option<&'h [u8]> {
        match self {
            Self::Map(values) => values.next().map(HeaderValue::as_bytes),
            Self::Here { lines, marks, from, wanted, mark } => loop {
                let at = find(marks, *from, *mark)?;
                let line = lines.get(at)?;
                *from = at + 1;
                if is_named(line.name.as_bytes(), wanted) {
                    return Some(line.value);
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Lines, find, is_named, mark};
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
        let mut room = [0; 16];
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
            let mut names = Vec::new();
            lines.find(|of_name, name, _| {
                assert_eq!(of_name, mark(name));
                names.push(name.to_ascii_lowercase());
                None::<()>
            });
            names.sort();
            names
        };
        assert_eq!(lower(here), lower(map));
        let second =
            |lines: Lines<'_>| lines.find(|_, name, _| (name[0] | 0x20 == b'm').then_some(name.len()));
        assert_eq!((second(here), second(map)), (Some(4), Some(4)));
    }

    #[test]
    fn a_mark_is_found_wherever_it_stands() {
        for length in 0..40 {
            for at in 0..length {
                // Beside it what comes nearest to it.
                for other in [0, 1, 6, 8, 0x87, 0xff] {
                    let mut marks = vec![other; length];
                    marks[at] = 7;
                    for from in 0..=length {
                        assert_eq!(find(&marks, from, 7), (from <= at).then_some(at), "{at} of {length}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_name_is_itself_in_any_case_and_no_other() {
        let alphabet: Vec<u8> = (0..=255).collect();
        for length in [1, 2, 7, 8, 9, 12, 15, 16, 17, 18, 30] {
            let lower = &b"x-tenant-id-of-some-other-thing"[..length];
            assert!(is_named(lower, lower) && is_named(&lower.to_ascii_uppercase(), lower));
            assert!(!is_named(&lower[1..], lower) && !is_named(lower, &lower[1..]));
            for at in 0..length {
                for &byte in &alphabet {
                    let mut name = lower.to_vec();
                    name[at] = byte;
                    assert_eq!(is_named(&name, lower), name.eq_ignore_ascii_case(lower), "{byte} at {at}");
                }
            }
        }
    }

    #[test]
    fn names_that_fold_alike_have_one_mark() {
        for (one, other) in [("X-Tenant-Id", "x_tenant_iD"), ("-x-", "_X_"), ("a", "A"), ("1-", "1.")] {
            assert_eq!(mark(one.as_bytes()), mark(other.as_bytes()), "{one}");
        }
        assert_ne!(mark(b"host"), mark(b"most"));
    }

    #[test]
    fn there_is_a_mark_for_each_line_or_nothing_is_read() {
        let line = [Header { name: "a", value: b"b" }; 2];
        assert!(Lines::here(&line, &mut [0; 7]).is_none());
    }
}
