//! `session`: what is known of a visitor, and where it stands.

use super::acquire;
use super::advice;
use super::error::Problem;
use super::leaf::{self, WrittenHeader, Wrong};
use super::model::{From, SignedIn, SignedOut};
use super::presence::presence;
use super::reader::{MapReader, Reader};
use super::root::Surroundings;
use super::tree::Node;
use crate::claims::KnownField;
use crate::fields::{Decode, Field, Presence, Source};
use crate::place::Place;
use crate::protected::{OWN, Protected};
use crate::trust::Trust;
use crate::value::Kind;
use http::HeaderName;

/// Values that mean "none", unless the file says otherwise.
const ABSENT: [&str; 5] = ["", "-", "null", "(null)", "undefined"];

/// A header that is protected, though no field: who said so.
pub(super) struct Guarded {
    pub(super) name: HeaderName,
    pub(super) path: &'static str,
    pub(super) place: Place,
    /// Whether it is for us alone.
    pub(super) withheld: bool,
}

/// `session`, and the header names that follow from it.
pub(super) struct Read {
    declared: Vec<Declared>,
    /// None where two of the names are one to many apps.
    protected: Option<Protected>,
    /// Where the value of `from` stands.
    place: Place,
    /// None where it does not hold.
    from: Option<From>,
    signed_in: Option<Option<SignedIn>>,
    signed_out: Option<SignedOut>,
}

/// All of `session` that holds.
pub(super) struct Held {
    pub(super) from: From,
    pub(super) fields: Vec<Field>,
    pub(super) protected: Protected,
    pub(super) signed_in: Option<SignedIn>,
    pub(super) signed_out: SignedOut,
}

/// A field by its name: whatever uses it knows that it is there, even if something is wrong with it.
struct Declared {
    name: String,
    place: Place,
    field: Option<Field>,
}

/// `session`
pub(super) fn read(reader: &Reader<'_>, guarded: &[Guarded], around: &Surroundings<'_>) -> Option<Read> {
    let map = reader.map()?;
    let from = acquire::from(&map, around);
    let signed_out = acquire::signed_out(&map);
    let signed_in = map.get("signed_in");
    let fields = map.required("fields")?;
    let entries: Vec<_> = fields.map_as("account_id: X-Account-Id")?.entries().collect();
    if entries.is_empty() {
        fields.error("at least one field is wanted here, such as `account_id: X-Account-Id`");
    }
    let declared: Vec<_> = entries
        .iter()
        .map(|(name, entry)| Declared {
            name: (*name).to_owned(),
            place: entry.key_place(),
            field: field(name, entry),
        })
        .collect();
    let names: Vec<&str> = declared.iter().map(|it| it.name.as_str()).collect();
    let signed_in = acquire::signed_in(signed_in, &names);
    let good: Vec<&Field> = declared.iter().filter_map(|it| it.field.as_ref()).collect();
    for field in &good {
        acquire::check_source(field, from.as_ref(), reader);
    }
    // An answer of the app's is nobody else's word: what a visitor sends under these names is not read.
    let protecting = if matches!(from, Some(From::Probe(_) | From::Handoff)) { &[] } else { good.as_slice() };
    let protected = protect(protecting, guarded, reader);
    let place = map.get("from").map_or(reader.key_place(), |from| from.place());
    (!declared.is_empty()).then_some(Read { declared, protected, place, from, signed_in, signed_out })
}

impl Read {
    /// All of it, if all of it holds.
    pub(super) fn finish(self) -> Option<Held> {
        let fields = self.declared.into_iter().map(|declared| declared.field).collect::<Option<_>>()?;
        Some(Held {
            from: self.from?,
            fields,
            protected: self.protected?,
            signed_in: self.signed_in?,
            signed_out: self.signed_out?,
        })
    }

    /// What a template knows of them.
    pub(super) fn known<'k>(&'k self) -> Vec<KnownField<'k>> {
        let known = |declared: &'k Declared| KnownField {
            name: &declared.name,
            source: declared.field.as_ref().map_or("", |field| field.source.name()),
            kind: declared.field.as_ref().map_or(Kind::Text, |field| field.kind),
            required: declared.field.as_ref().is_none_or(|field| field.presence == Presence::Required),
            place: declared.place,
            broken: declared.field.is_none(),
        };
        self.declared.iter().map(known).collect()
    }

    /// Request headers are anybody's word, unless somebody is trusted to set them.
    pub(super) fn need_trust(&self, trust: &Trust, root: &MapReader<'_>) {
        if !trust.is_given() && self.from == Some(From::Headers) {
            root.at().error_at(
                self.place,
                "session.from",
                "`headers` needs `trust.peers`: the addresses of the proxy that sets these headers, and nobody else's",
            );
        }
    }
}

fn protect(fields: &[&Field], guarded: &[Guarded], reader: &Reader<'_>) -> Option<Protected> {
    let own = OWN.into_iter();
    let named = || {
        fields.iter().filter_map(|field| match &field.source {
            Source::Header { name, .. } => {
                Some((name, format!("session.fields.{}", field.name), field.place))
            }
            Source::Cookie(_) | Source::Json(_) | Source::Claim(_) => None,
        })
    };
    let others = || guarded.iter().map(|other| (&other.name, other.path.to_owned(), other.place));
    let all = own.chain(others().chain(named()).map(|(name, ..)| name.clone()));
    let protected = Protected::new(all.collect())
        .map_err(|(one, other)| {
            let (path, place) = named()
                .chain(others())
                .find(|(name, ..)| **name == other)
                .map_or(("session.fields".to_owned(), reader.place()), |(_, path, place)| (path, place));
            let message = format!("`{other}` and `{one}` are the same header to many apps; keep one of them");
            reader.error_at(place, &path, message);
        })
        .ok()?;
    let Some(secret) = guarded.iter().find(|other| other.withheld) else { return Some(protected) };
    let mut rest = named().chain(others().filter(|(_, path, _)| path != secret.path));
    if let Some((_, path, place)) = rest.find(|(name, ..)| **name == secret.name) {
        reader.error_at(place, &path, "`trust.header` has this header for its secret");
        return None;
    }
    Some(protected.withholding(secret.name.clone()))
}

fn field(name: &str, entry: &Reader<'_>) -> Option<Field> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let named = !name.is_empty() && name.len() <= 64 && name.bytes().all(plain);
    if !named {
        let wanted = "a field's name is 1 to 64 letters, digits and `_`";
        let meant: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let meant = Some(meant).filter(|meant| (1..=64).contains(&meant.len()));
        entry.push_problem(Problem::error(entry.key_place(), entry.path(), wanted).suggest(meant));
    }
    let field = if entry.is_map() {
        long_form(name, entry)
    } else {
        entry.read(header).map(|source| plain_field(name, source, entry.key_place()))
    };
    field.filter(|_| named)
}

fn plain_field(name: &str, source: Source, place: Place) -> Field {
    Field {
        name: name.to_owned(),
        source,
        kind: Kind::Text,
        separator: ",".to_owned(),
        presence: Presence::Required,
        decode: Decode::Utf8,
        absent: ABSENT.map(str::to_owned).to_vec(),
        max_bytes: 4096,
        sensitive: false,
        place,
    }
}

const KINDS: [(&str, Kind); 5] = [
    ("string", Kind::Text),
    ("list", Kind::List),
    ("int", Kind::Int),
    ("bool", Kind::Bool),
    ("json", Kind::Json),
];

const DECODINGS: [(&str, Decode); 5] = [
    ("utf8", Decode::Utf8),
    ("latin1", Decode::Latin1),
    ("percent", Decode::Percent),
    ("base64", Decode::Base64),
    ("base64url", Decode::Base64Url),
];

fn long_form(name: &str, entry: &Reader<'_>) -> Option<Field> {
    let map = entry.map()?;
    let source = source(&map);
    let kind = read_or(&map, "type", Kind::Text, |node| leaf::word(node, &KINDS));
    let separator = read_or(&map, "separator", ",".to_owned(), |node| separator(node).map(str::to_owned));
    let optional = read_or(&map, "optional", false, leaf::boolean);
    let decode = read_or(&map, "decode", Decode::Utf8, |node| leaf::word(node, &DECODINGS));
    let absent = match map.get("absent") {
        Some(absent) => absent.list(|node| leaf::text(node).map(str::to_owned)),
        None => Some(ABSENT.map(str::to_owned).to_vec()),
    };
    let max_bytes = read_or(&map, "max_bytes", 4096, |node| match leaf::size(node)? {
        size @ 1..=65_536 => Ok(size),
        _ => Err("from 1 to 64KiB are allowed here".into()),
    });
    let presence = presence(&map, optional.unwrap_or_default(), kind, max_bytes);
    let sensitive = read_or(&map, "sensitive", false, leaf::boolean);
    optional?;
    Some(Field {
        kind: kind?,
        separator: separator?,
        presence: presence?,
        decode: decode?,
        absent: absent?,
        max_bytes: max_bytes?,
        sensitive: sensitive?,
        ..plain_field(name, source?, entry.key_place())
    })
}

fn read_or<T>(
    map: &MapReader<'_>,
    key: &'static str,
    default: T,
    leaf: impl FnOnce(&Node) -> Result<T, Wrong>,
) -> Option<T> {
    map.get(key).map_or(Some(default), |reader| reader.read(leaf))
}

fn source(map: &MapReader<'_>) -> Option<Source> {
    let sources = ["header", "cookie", "json", "claim"];
    let mut given = sources.into_iter().filter_map(|key| map.get(key).map(|reader| (key, reader)));
    let (first, another) = (given.next(), given.last());
    match (first, another) {
        (Some(_), Some((_, another))) => {
            another.error("a field has one source: `header`, `cookie`, `json` or `claim`");
            None
        }
        (Some(("header", name)), None) => name.read(header),
        (Some(("cookie", name)), None) => name.read(|node| acquire::cookie_name(node).map(Source::Cookie)),
        (Some(("json", at)), None) => at.read(|node| pointer(node).map(Source::Json)),
        (Some((_, at)), None) => at.read(|node| pointer(node).map(Source::Claim)),
        (None, _) => {
            map.missing(&sources, "`header`, `cookie`, `json` or `claim` is required here");
            None
        }
    }
}

fn header(node: &Node) -> Result<Source, Wrong> {
    identity(node).map(|header| Source::Header { name: header.name, written: header.written })
}

/// A header that may carry identity, or trust.
pub(super) fn identity(node: &Node) -> Result<WrittenHeader, Wrong> {
    let header = leaf::header(node)?;
    acquire::may_identify(node, &header, "stand here")?;
    Ok(header)
}

/// RFC 6901: empty for the whole, or segments behind slashes.
fn pointer(node: &Node) -> Result<String, Wrong> {
    let pointer = leaf::text(node)?;
    let escapes = pointer.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    if pointer.starts_with('/') && escapes {
        return Ok(pointer.to_owned());
    }
    let wanted = "a JSON pointer is wanted here, such as /user/id";
    Err(Wrong::from(wanted).suggest(node, advice::pointer(pointer)))
}

fn separator(node: &Node) -> Result<&str, Wrong> {
    match leaf::text(node)? {
        "" => Err("a separator is at least one character".into()),
        text => Ok(text),
    }
}
