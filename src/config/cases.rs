//! Cases of `test`: what is given and what is expected, read as the configuration is, with the place of
//! everything that is wrong.

use super::disk::Disk;
use super::error::Problems;
use super::leaf::{self, Wrong};
use super::load::{Invalid, fetch};
use super::model::{From, Policy};
use super::presence::json;
use super::reader::{MapReader, Reader};
use super::source::Source;
use super::tree::{Kind, Node};
use super::{basics::or, file};
use crate::place::Place;
use crate::refusal::Code;
use crate::strict::{self, Fault};
use http::header::{COOKIE, HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use std::path::Path;

/// One case.
pub struct Case {
    /// `name`
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// `integration`, or the path that `route` has.
    pub wanted: String,
    /// `given`
    pub given: Given,
    /// `expect`
    pub expect: Expect,
}

/// `given`: a request, or the app's answer to it.
pub struct Given {
    /// `headers` and `cookies`.
    pub headers: HeaderMap,
    /// `query`, without its question mark.
    pub query: Option<String>,
    /// Whether `peer` is `trusted`.
    pub trusted: bool,
    /// `status` of the app's answer.
    pub status: u16,
    /// `body` of the app's answer.
    pub body: Option<Value>,
    /// `jwt`: the claims of the token on the request.
    pub jwt: Option<Value>,
}

/// `expect`
pub enum Expect {
    /// A token.
    Token {
        /// `claims` that are in it; a null is not there.
        claims: Value,
        /// `exact`: no others are.
        exact: bool,
        /// `url`, with `TOKEN` in place of the token.
        url: Option<String>,
    },
    /// None, with this code.
    Refusal(Code),
}

/// Reads a file of cases for this configuration.
pub fn cases(path: &Path, policy: &Policy) -> Result<Vec<Case>, Invalid> {
    let name = path.display().to_string();
    let bytes = fetch(path, &Disk::default()).map_err(|error| Invalid::unread(path, "the cases", &error))?;
    let source = Source::new(name, &bytes);
    let problems = Problems::default();
    let context = Context { policy, dir: path.parent().unwrap_or(Path::new("")) };
    let cases =
        file::parse(&source, &problems).and_then(|tree| context.file(&Reader::root(&tree, &problems)));
    let failed = problems.errors() > 0;
    cases.filter(|_| !failed).ok_or_else(|| Invalid::of(problems, &source))
}

struct Context<'a> {
    policy: &'a Policy,
    dir: &'a Path,
}

impl Context<'_> {
    fn file(&self, root: &Reader<'_>) -> Option<Vec<Case>> {
        let map = root.map()?;
        let listed = map.required("cases")?;
        let items = listed.items();
        if items.is_empty() {
            listed.error("at least one case is wanted here");
        }
        let cases: Vec<_> = items.iter().map(|item| self.case(item)).collect();
        cases.into_iter().collect()
    }

    fn case(&self, item: &Reader<'_>) -> Option<Case> {
        let map = item.map()?;
        let name =
            map.required("name").and_then(|name| name.read(|node| leaf::filled(node).map(str::to_owned)));
        let wanted = wanted(&map);
        let given = match map.get("given") {
            Some(given) => self.given(&given),
            None => Some(Given::nothing()),
        };
        let expect = map.required("expect").and_then(|it| expect(&it));
        Some(Case { name: name?, place: item.place(), wanted: wanted?, given: given?, expect: expect? })
    }

    fn given(&self, reader: &Reader<'_>) -> Option<Given> {
        let map = reader.map()?;
        let headers = map.get("headers").map_or(Some(HeaderMap::new()), |headers| self::headers(&headers));
        let cookies = map.get("cookies").map_or(Some(None), |cookies| self::cookies(&cookies).map(Some));
        let query = or(map.get("query"), None, |node| query(node).map(Some));
        let trusted =
            or(map.get("peer"), true, |node| leaf::word(node, &[("trusted", true), ("untrusted", false)]));
        let status = map.get("status").map_or(Some(200), |status| self.status(&status));
        let body = map.get("body").map_or(Some(None), |body| self.body(&body).map(Some));
        let jwt = map.get("jwt").map_or(Some(None), |jwt| self.jwt(&jwt).map(Some));
        let (mut headers, cookies) = (headers?, cookies?);
        headers.extend(cookies.flatten().map(|cookies| (COOKIE, cookies)));
        Some(Given { headers, query: query?, trusted: trusted?, status: status?, body: body?, jwt: jwt? })
    }

    fn status(&self, reader: &Reader<'_>) -> Option<u16> {
        if !matches!(self.policy.from, From::Probe(_) | From::Handoff) {
            reader.error("the app is not asked with the `session.from` of this configuration: drop the key");
            return None;
        }
        let status = reader.read(|node| leaf::integer(node, 100..=599))?;
        u16::try_from(status).ok()
    }

    /// JSON as it is written here, or the name of a file of it.
    fn body(&self, reader: &Reader<'_>) -> Option<Value> {
        if !matches!(self.policy.from, From::Probe(_)) {
            let message =
                "the app's body is read with `session.from: probe` alone, which this configuration has not";
            reader.error(message);
            return None;
        }
        let Kind::Text { .. } = &reader.node().kind else { return reader.read(json) };
        let path = reader.read(|node| leaf::filled(node).map(str::to_owned))?;
        reader.read(|_| {
            let text = fetch(&self.dir.join(&path), &Disk::default())
                .map_err(|error| format!("cannot read this file: {error}"))?;
            strict::value(&text).map_err(|fault| match fault {
                Fault::Broken => Wrong::from("this file is no JSON"),
                Fault::Twice => Wrong::from("a name stands twice in this file's JSON"),
            })
        })
    }

    fn jwt(&self, reader: &Reader<'_>) -> Option<Value> {
        if !matches!(self.policy.from, From::Jwt(_)) {
            reader.error("no token is read with the `session.from` of this configuration: drop the key");
            return None;
        }
        reader.map()?.entries().for_each(drop);
        reader.read(json)
    }
}

impl Given {
    fn nothing() -> Self {
        Self { headers: HeaderMap::new(), query: None, trusted: true, status: 200, body: None, jwt: None }
    }
}

fn wanted(map: &MapReader<'_>) -> Option<String> {
    match (map.get("integration"), map.get("route")) {
        (Some(name), None) => name.read(|node| leaf::filled(node).map(str::to_owned)),
        (None, Some(route)) => route.read(|node| match leaf::filled(node)? {
            path if path.starts_with('/') && !path.contains(['?', '#']) => Ok(path.to_owned()),
            _ => Err("the path of one of our routes is wanted here, such as /pandium/marketplace".into()),
        }),
        (Some(_), Some(route)) => {
            route.error("a case has one destination: `integration` or `route`");
            None
        }
        (None, None) => {
            let message = "`integration` (its name), or `route` (a path) is required here";
            map.missing(&["integration", "route"], message);
            None
        }
    }
}

fn headers(reader: &Reader<'_>) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    let mut sound = true;
    for (name, lines) in reader.map()?.entries() {
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
            lines.error_at(lines.key_place(), lines.path(), "this is not the name of a header");
            sound = false;
            continue;
        };
        let values = lines.list(|node| line(leaf::text(node)?));
        sound &= values.is_some();
        for value in values.unwrap_or_default() {
            headers.append(name.clone(), value);
        }
    }
    sound.then_some(headers)
}

fn line(text: &str) -> Result<HeaderValue, Wrong> {
    HeaderValue::from_bytes(text.as_bytes()).map_err(|_| "no header can have this value".into())
}

fn cookies(reader: &Reader<'_>) -> Option<Option<HeaderValue>> {
    let cookie = |(name, value): (&str, Reader<'_>)| {
        value.read(|node| match leaf::text(node)? {
            text if text.contains(';') => Err("a cookie's value has no semicolon".into()),
            text => line(&format!("{name}={text}")).map(|_| format!("{name}={text}")),
        })
    };
    let read: Vec<_> = reader.map()?.entries().map(cookie).collect();
    let cookies = read.into_iter().collect::<Option<Vec<_>>>()?.join("; ");
    Some(HeaderValue::from_bytes(cookies.as_bytes()).ok().filter(|line| !line.is_empty()))
}

fn query(node: &Node) -> Result<String, Wrong> {
    let text = leaf::text(node)?;
    let text = text.strip_prefix('?').unwrap_or(text);
    if text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        return Ok(text.to_owned());
    }
    Err("a query is made of plain characters; percent-encode the others".into())
}

fn expect(reader: &Reader<'_>) -> Option<Expect> {
    let map = reader.map()?;
    let words = Code::ALL.map(|code| (code.as_str(), code));
    let refusal = map.get("refusal").map(|refusal| refusal.read(|node| leaf::word(node, &words)));
    let (claims, url, exact) = (map.get("claims"), map.get("url"), map.get("exact"));
    let stray = [&claims, &url, &exact].into_iter().flatten().next();
    match (refusal, stray) {
        (Some(refusal), None) => refusal.map(Expect::Refusal),
        (Some(_), Some(stray)) => {
            stray.error("with a refusal there is no token to expect anything of");
            None
        }
        (None, _) => {
            if claims.is_none() && url.is_none() {
                map.missing(&["claims", "refusal", "url"], "`claims`, `refusal` or `url` is required here");
                return None;
            }
            if claims.is_none() && exact.is_some() {
                map.missing(&["claims"], "`exact` is said of `claims`, which are not here");
                return None;
            }
            let claims = match claims {
                Some(claims) => claims.map().is_some().then(|| claims.read(json)).flatten(),
                None => Some(Value::Object(serde_json::Map::new())),
            };
            let exact = or(exact, false, leaf::boolean);
            let url = or(url, None, |node| leaf::filled(node).map(|url| Some(url.to_owned())));
            Some(Expect::Token { claims: claims?, exact: exact?, url: url? })
        }
    }
}
