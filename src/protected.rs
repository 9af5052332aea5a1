//! Identity hygiene: which header names carry identity, and every other way to spell them.
//!
//! Apps and gateways fold header names in their own ways (CGI turns `-` into `_`, and PHP, WSGI and
//! Rack with it; others fold `.`), so a header that we would not read can still be read as one that
//! we protect. An *alias* of a protected name is any other spelling of it after folding every
//! character that is not a letter or a digit to `-`.

use crate::http1::lines::{Lines, is_named, mark};
use http::header::{CONNECTION, FORWARDED, HeaderMap, HeaderName};

/// The request's id, on requests to the app and on answers of our own.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Whom a proxy asks for.
pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// By which protocol it was asked.
pub const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// At which host.
pub const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// At which port.
pub const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
/// The trace that a request belongs to.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// What others have noted of that trace.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// What only a trusted peer may say of a request, and the app is told.
pub const DESCRIPTION: [HeaderName; 8] = [
    FORWARDED,
    X_FORWARDED_FOR,
    X_FORWARDED_PROTO,
    X_FORWARDED_HOST,
    X_FORWARDED_PORT,
    X_REQUEST_ID,
    TRACEPARENT,
    TRACESTATE,
];

/// Our own header names: what they say, nobody else may say.
pub const OWN: [HeaderName; 2] =
    [HeaderName::from_static("x-pandium-token"), HeaderName::from_static("x-pandium-url")];

/// What a header name is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing<'p> {
    /// Nothing special.
    Free,
    /// A protected name, as configured.
    Protected(&'p HeaderName),
    /// Another spelling of this protected name.
    Alias(&'p HeaderName),
}

/// The protected header names of a configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Protected {
    names: Vec<HeaderName>,
    /// How each of them is found.
    spelled: Vec<Spelled>,
    /// A bit for each mark that a protected name has: folding keeps the mark, so this answers for nearly
    /// every header of a request without comparing anything.
    marks: Marks,
    /// Those that are for us alone: they go to nobody, whoever sent them.
    withheld: Vec<HeaderName>,
}

/// A name in lower case, and as apps may fold it. All that are alike then have one mark.
#[derive(Clone, Debug, PartialEq)]
struct Spelled {
    mark: u8,
    text: Box<[u8]>,
    folded: Box<[u8]>,
}

impl Spelled {
    fn new(name: &HeaderName) -> Self {
        let text = name.as_str().as_bytes();
        Self { mark: mark(text), text: text.into(), folded: text.iter().copied().map(fold).collect() }
    }

    fn is_folded(&self, name: &[u8]) -> bool {
        self.folded.len() == name.len()
            && self.folded.iter().zip(name).all(|(own, &other)| *own == fold(other))
    }
}

/// What is wrong with a request from a trusted peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breach<'p> {
    /// Named in `Connection`: a proxy on the way would drop it (RFC 9110 §7.6.1).
    Nominated(&'p HeaderName),
    /// Present in another spelling.
    Aliased(&'p HeaderName),
    /// Present twice.
    Doubled(&'p HeaderName),
}

impl Protected {
    /// Protects these names. Two that fold alike are returned as the error.
    pub fn new(names: Vec<HeaderName>) -> Result<Self, (HeaderName, HeaderName)> {
        let mut protected = Self::default();
        for name in names {
            match protected.standing(&name) {
                Standing::Alias(twin) => return Err((twin.clone(), name)),
                Standing::Protected(_) => {}
                Standing::Free => protected.add(name),
            }
        }
        Ok(protected)
    }

    /// Protects these names, whether or not some of them fold alike.
    pub fn of_each(names: impl IntoIterator<Item = HeaderName>) -> Self {
        let mut protected = Self::default();
        for name in names {
            protected.add(name);
        }
        protected
    }

    fn add(&mut self, name: HeaderName) {
        let spelled = Spelled::new(&name);
        self.marks.add(spelled.mark);
        self.spelled.push(spelled);
        self.names.push(name);
    }

    /// The same, and this name is for us alone.
    #[must_use]
    pub fn withholding(mut self, name: HeaderName) -> Self {
        self.withheld.push(name);
        self
    }

    /// The names that are for us alone.
    pub fn withheld(&self) -> &[HeaderName] {
        &self.withheld
    }

    /// Whether a name, in any case, is for us alone.
    pub fn withholds(&self, name: &[u8]) -> bool {
        self.withheld.iter().any(|own| is_named(name, own.as_str().as_bytes()))
    }

    /// The protected names.
    pub fn names(&self) -> &[HeaderName] {
        &self.names
    }

    /// What this name is to us.
    pub fn standing(&self, name: &HeaderName) -> Standing<'_> {
        let name = name.as_str().as_bytes();
        self.standing_of(mark(name), name)
    }

    /// The same of a name in any case, with its mark.
    pub fn standing_of(&self, mark: u8, name: &[u8]) -> Standing<'_> {
        match self.found(mark, name) {
            None => Standing::Free,
            Some((_, own, true)) => Standing::Protected(own),
            Some((_, own, false)) => Standing::Alias(own),
        }
    }

    /// The protected name that this one folds to, with its position, and whether it is that.
    fn found(&self, mark: u8, name: &[u8]) -> Option<(usize, &HeaderName, bool)> {
        if !self.marks.have(mark) {
            return None;
        }
        let alike =
            || self.spelled.iter().zip(&self.names).enumerate().filter(|(_, (own, _))| own.mark == mark);
        if let Some((at, (_, own))) = alike().find(|(_, (own, _))| is_named(name, &own.text)) {
            return Some((at, own, true));
        }
        alike().find(|(_, (own, _))| own.is_folded(name)).map(|(at, (_, own))| (at, own, false))
    }

    /// The first breach in a trusted peer's headers, in the order of the refusals' precedence.
    pub fn breach<'h>(&self, headers: impl Into<Lines<'h>>) -> Option<Breach<'_>> {
        let headers = headers.into();
        if let Some(name) = self.nominated(headers) {
            return Some(Breach::Nominated(name));
        }
        let (mut seen, mut doubled) = (0_u128, None);
        let aliased = headers.find(|mark, name, _| {
            let (at, own, is_itself) = self.found(mark, name)?;
            if !is_itself {
                return Some(own);
            }
            let again = match u32::try_from(at).ok().and_then(|at| 1_u128.checked_shl(at)) {
                Some(bit) => {
                    let again = seen & bit != 0;
                    seen |= bit;
                    again
                }
                None => headers.one(own).is_none(),
            };
            doubled = doubled.or(again.then_some(own));
            None
        });
        aliased.map(Breach::Aliased).or(doubled.map(Breach::Doubled))
    }

    fn nominated(&self, headers: Lines<'_>) -> Option<&HeaderName> {
        headers
            .all(&CONNECTION)
            .flat_map(|value| value.split(|&byte| byte == b','))
            .map(<[u8]>::trim_ascii)
            .find_map(|option| self.found(mark(option), option))
            .map(|(_, own, _)| own)
    }

    /// Removes every protected header, in every spelling.
    pub fn strip(&self, headers: &mut HeaderMap) {
        strip_where(headers, |name| self.standing(name) != Standing::Free);
    }
}

/// Removes each header whose name goes.
pub fn strip_where(headers: &mut HeaderMap, goes: impl Fn(&HeaderName) -> bool) {
    let found: Vec<HeaderName> = headers.keys().filter(|name| goes(name)).cloned().collect();
    for name in found {
        headers.remove(name);
    }
}

/// A set of marks.
#[derive(Clone, Debug, Default, PartialEq)]
struct Marks([u64; 4]);

impl Marks {
    fn add(&mut self, mark: u8) {
        if let Some(bits) = self.0.get_mut(usize::from(mark >> 6)) {
            *bits |= 1 << (mark & 63);
        }
    }

    fn have(&self, mark: u8) -> bool {
        self.0.get(usize::from(mark >> 6)).is_some_and(|bits| bits & 1 << (mark & 63) != 0)
    }
}

/// A name as apps may fold it: two names that are equal then are one header to some of them.
pub fn fold_name(name: &str) -> String {
    name.bytes().map(|byte| char::from(fold(byte))).collect()
}

fn fold(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' }
}

#[cfg(test)]
mod tests {
    use super::{Breach, Protected, Standing};
    use http::{HeaderMap, HeaderName, HeaderValue};

    fn name(text: &str) -> HeaderName {
        text.parse().unwrap()
    }

    fn protected(names: &[&str]) -> Protected {
        Protected::new(names.iter().map(|text| name(text)).collect()).unwrap()
    }

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        lines.iter().map(|(n, value)| (name(n), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn every_legal_character_in_place_of_a_dash_is_an_alias() {
        let guard = protected(&["X-Tenant-Id"]);
        for c in "_.!~'*+|^#$%&`".chars() {
            for spelling in [format!("x{c}tenant{c}id"), format!("x-tenant{c}id"), format!("X{c}TENANT-ID")] {
                let standing = guard.standing(&name(&spelling));
                assert!(matches!(standing, Standing::Alias(_)), "{spelling}");
            }
        }
        assert!(matches!(guard.standing(&name("X-TENANT-ID")), Standing::Protected(_)));
        for other in ["x-tenant-ids", "x-tenantid", "x-tenant-ix", "tenant-id", "cookie"] {
            assert_eq!(guard.standing(&name(other)), Standing::Free, "{other}");
        }
    }

    #[test]
    fn an_odd_configured_spelling_makes_the_usual_one_its_alias() {
        let guard = protected(&["SM_USER"]);
        assert!(matches!(guard.standing(&name("sm_user")), Standing::Protected(_)));
        assert!(matches!(guard.standing(&name("SM-USER")), Standing::Alias(_)));
    }

    #[test]
    fn each_of_very_many_names_may_be_there_once() {
        let names: Vec<_> = (0..140).map(|number| format!("x-{number}-id")).collect();
        let guard = protected(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let mut lines: Vec<_> = names.iter().map(|name| (name.as_str(), "a")).collect();
        assert_eq!(guard.breach(&headers(&lines)), None);
        for twice in [0, 1, 126, 127, 128, 129, 139] {
            lines.push((&names[twice], "b"));
            assert_eq!(guard.breach(&headers(&lines)), Some(Breach::Doubled(&name(&names[twice]))));
            lines.pop();
        }
    }

    #[test]
    fn two_configured_names_that_fold_alike_are_an_error() {
        assert!(Protected::new(vec![name("X-User"), name("X_User")]).is_err());
        assert_eq!(protected(&["X-User", "x-user"]).names().len(), 1);
    }

    #[test]
    fn breaches_are_found_in_their_order() {
        let guard = protected(&["X-Tenant-Id", "X-User"]);
        let tenant = name("x-tenant-id");
        let doubled = [("x-tenant-id", "a"), ("x-tenant-id", "a")];
        assert_eq!(guard.breach(&headers(&doubled)), Some(Breach::Doubled(&tenant)));
        let aliased = [doubled[0], doubled[1], ("x_tenant_id", "b")];
        assert_eq!(guard.breach(&headers(&aliased)), Some(Breach::Aliased(&tenant)));
        for nomination in ["x-tenant-id", "close, X-TENANT-ID", "\tX-Tenant-Id\t", "x_tenant_id"] {
            let all = [aliased[0], aliased[1], aliased[2], ("connection", nomination)];
            assert_eq!(guard.breach(&headers(&all)), Some(Breach::Nominated(&tenant)), "{nomination}");
        }
        let second_line = [("connection", "close"), ("connection", "x-tenant-id")];
        assert_eq!(guard.breach(&headers(&second_line)), Some(Breach::Nominated(&tenant)));
        assert_eq!(guard.breach(&headers(&[("x-tenant-id", "a"), ("connection", "close")])), None);
    }

    #[test]
    fn stripping_leaves_no_spelling() {
        let guard = protected(&["X-Tenant-Id"]);
        let mut all =
            headers(&[("x-tenant-id", "a"), ("x_tenant_id", "b"), ("x.tenant.id", "c"), ("x-b", "d")]);
        all.append("x-tenant-id", HeaderValue::from_static("e"));
        guard.strip(&mut all);
        assert_eq!(all.len(), 1);
    }
}
