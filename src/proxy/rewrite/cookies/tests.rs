use super::{Jar, Manner, Mismatch, Seal};
use crate::config::model::Mount;
use crate::proxy::rewrite::{Origin, View};
use crate::redact::Secret;
use crate::token::Signer;
use http::HeaderValue;
use http::header::{COOKIE, HeaderMap};

const NUMBER: &str = "0123456789abcdef0123456789abcdef";
const LATER: &str = "fedcba98765432100123456789abcdef";

fn bond(subject: &str) -> crate::token::bond::Bond {
    Signer::new(&Secret::new(b"0123456789abcdef0123456789abcdef".to_vec())).bond("acme", subject)
}

fn seal(subject: &str, number: &str) -> Seal {
    Seal::new(bond(subject), number.to_owned(), "gwt2hs")
}

fn view(mount: &Mount) -> View<'_> {
    View { base: Origin::new("https://imp.pandium.com"), mount, at: "/acme/x", own: "app.test" }
}

fn path() -> Mount {
    Mount::Path("/p".to_owned())
}

/// The pair that a browser keeps of a line of Pandium's.
fn kept(seal: &Seal, line: &str) -> String {
    let mount = Mount::Host("h.test".to_owned());
    let line = seal.set_cookie(&HeaderValue::from_str(line).unwrap(), &view(&mount)).unwrap();
    line.to_str().unwrap().split(';').next().unwrap().to_owned()
}

fn jar(cookies: &str) -> (Jar, HeaderMap) {
    let mut headers = HeaderMap::new();
    headers.insert(COOKIE, HeaderValue::from_str(cookies).unwrap());
    (Jar::take(&mut headers), headers)
}

fn tie(seal: &Seal) -> String {
    let (mount, manner) = (path(), Manner { secure: true, framed_elsewhere: false });
    let line = seal.tie(&view(&mount), manner).unwrap();
    line.to_str().unwrap().split(';').next().unwrap().to_owned()
}

#[test]
fn set_cookie_keeps_what_it_promises_under_another_name_and_path() {
    let seal = seal("42", NUMBER);
    let host = Mount::Host("h.test".to_owned());
    for (line, name, at_host, below_path) in [
        ("a=b", "pandium-sidecar.01234567.a", "Path=/acme", "Path=/p/acme"),
        ("a=b; Path=/; Domain=imp.pandium.com", "pandium-sidecar.01234567.a", "Path=/", "Path=/p"),
        ("a=b; domain=.PANDIUM.com; path=/x", "pandium-sidecar.01234567.a", "Path=/x", "Path=/p/x"),
        (
            "a=b; Path=/; Secure; HttpOnly; SameSite=None; Partitioned; Max-Age=60",
            "pandium-sidecar.01234567.a",
            "HttpOnly; SameSite=None; Partitioned; Secure; Path=/; Max-Age=60",
            "HttpOnly; SameSite=None; Partitioned; Secure; Path=/p; Max-Age=60",
        ),
        (
            "a=b; SameSite=Strict; Path=/",
            "pandium-sidecar.01234567.a",
            "SameSite=Strict; Path=/",
            "SameSite=Strict; Path=/p",
        ),
        (
            "__Secure-a=b; Secure; Path=/",
            "__Secure-pandium-sidecar.01234567.__Secure-a",
            "Secure; Path=/",
            "Secure; Path=/p",
        ),
    ] {
        let line = HeaderValue::from_static(line);
        for (mount, rest) in [(&host, at_host), (&path(), below_path)] {
            let set = seal.set_cookie(&line, &view(mount)).unwrap();
            let (pair, attributes) = set.to_str().unwrap().split_once("; ").unwrap();
            let (own, value) = pair.split_once('=').unwrap();
            assert_eq!((own, attributes), (name, rest), "{line:?}");
            assert_eq!(
                value.split_once('.').map(|(tag, value)| (tag.len(), value)),
                Some((43, "b")),
                "{value}"
            );
        }
    }
    let of_host = HeaderValue::from_static("__Host-a=b; Secure; Path=/");
    for (mount, guard) in [(&host, "__Host-"), (&path(), "__Secure-")] {
        let set = seal.set_cookie(&of_host, &view(mount)).unwrap();
        assert!(set.to_str().unwrap().starts_with(&format!("{guard}pandium-sidecar.01234567.__Host-a=")));
    }
    for not_its_own in
        ["a=b; Domain=evil.test", "a=b; Domain=ndium.com", "a=b; Domain=x.imp.pandium.com", "=b", ""]
    {
        let line = HeaderValue::from_static(not_its_own);
        assert!(seal.set_cookie(&line, &view(&host)).is_none(), "{not_its_own}");
    }
}

#[test]
fn neither_side_sees_the_others_cookies() {
    let seal = seal("42", NUMBER);
    let (one, other) = (kept(&seal, "a=b"), kept(&seal, "__Secure-c=d=e; Secure"));
    let of_app = "sid=1; pandium=x; pandium-sidecarx=2; xpandium-sidecar.3=4; \"odd\"; =; v=\"a b\"";
    let (jar, headers) = jar(&format!("{one}; {of_app}; {};{other}", tie(&seal)));
    assert_eq!(headers.get(COOKIE).unwrap(), of_app);
    assert_eq!(jar.integrations().collect::<Vec<_>>(), ["gwt2hs"]);
    let opened = jar.seal(bond("42"), "gwt2hs").unwrap();
    assert_eq!(jar.opened(&opened).unwrap().unwrap(), "a=b; __Secure-c=d=e");
    let (_, alone) = self::jar(&one);
    assert!(!alone.contains_key(COOKIE));
}

#[test]
fn the_apps_cookies_stay_byte_for_byte_where_none_is_ours() {
    for cookies in ["a=b;c=d;;", " a = b ;", "pandium=1", ";"] {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_str(cookies).unwrap());
        headers.append(COOKIE, HeaderValue::from_bytes(b"x=\xff").unwrap());
        let before = headers.clone();
        Jar::take(&mut headers);
        assert_eq!(headers, before);
    }
}

#[test]
fn nobody_elses_tie_fits_and_no_planted_cookie_passes() {
    let own = seal("42", NUMBER);
    let (ours, theirs) = (tie(&own), tie(&seal("43", NUMBER)));
    let cookie = kept(&own, "a=b");
    let (other_name, other_value) = (cookie.replacen(".a=", ".z=", 1), format!("{cookie}c"));
    for (cookies, opens) in [
        (format!("{ours}; {cookie}"), Some(Ok(Some("a=b")))),
        (ours.clone(), Some(Ok(None))),
        // Two ties, one of them planted.
        (format!("{theirs}; {ours}; {cookie}"), Some(Ok(Some("a=b")))),
        (format!("{theirs}; {cookie}"), None),
        (cookie.clone(), None),
        (ours.replace("gwt2hs", "acme-crm"), None),
        (ours.replace(NUMBER, LATER), None),
        (format!("{ours}; {other_name}"), Some(Err(()))),
        (format!("{ours}; {other_value}"), Some(Err(()))),
        (format!("{ours}; pandium-sidecar.01234567.a=b"), Some(Err(()))),
        (format!("{ours}; {}", kept(&seal("43", NUMBER), "a=b")), Some(Err(()))),
        // Of another minting, whoever's: not Pandium's any more.
        (format!("{ours}; {}; {cookie}", kept(&seal("43", LATER), "a=evil")), Some(Ok(Some("a=b")))),
        (format!("{ours}; pandium-sidecar..a=b; pandium-sidecar.x; {cookie}"), Some(Ok(Some("a=b")))),
    ] {
        let (jar, _) = jar(&cookies);
        let opened =
            jar.integrations().find_map(|name| jar.seal(bond("42"), name)).map(|seal| jar.opened(&seal));
        let told = opened.map(|opened| {
            opened.map(|line| line.map(|line| line.to_str().unwrap().to_owned())).map_err(|Mismatch(_)| ())
        });
        assert_eq!(told, opens.map(|opens| opens.map(|line| line.map(str::to_owned))), "{cookies}");
    }
}

#[test]
fn the_tie_is_for_our_paths_alone_and_no_script_reads_it() {
    let seal = seal("42", NUMBER);
    let mount = path();
    for (secure, framed_elsewhere, attributes) in [
        (false, false, "HttpOnly; SameSite=Lax; Path=/p"),
        (false, true, "HttpOnly; SameSite=Lax; Path=/p"),
        (true, false, "HttpOnly; SameSite=Lax; Secure; Path=/p"),
        (true, true, "HttpOnly; SameSite=None; Partitioned; Secure; Path=/p"),
    ] {
        let line = seal.tie(&view(&mount), Manner { secure, framed_elsewhere }).unwrap();
        assert_eq!(line.to_str().unwrap().split_once("; ").unwrap().1, attributes);
    }
}

#[test]
fn what_is_expired_is_what_is_not_of_this_minting_at_every_path_where_it_can_lie() {
    let (own, mount) = (seal("42", LATER), path());
    let (old, new) = (kept(&seal("41", NUMBER), "a=b"), kept(&own, "a=b"));
    let (jar, _) = jar(&format!("{old}; {new}; {}", tie(&own)));
    let expired = |but: Option<&Seal>, secure| {
        let manner = Manner { secure, framed_elsewhere: false };
        let lines = jar.expired(but, "/p/acme/x", &view(&mount), manner);
        lines.iter().map(|line| line.to_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let stale = expired(Some(&own), false);
    let at = |path| format!("pandium-sidecar.01234567.a=; Path={path}; Max-Age=0");
    let paths = ["/p", "/", "/p/", "/p/acme", "/p/acme/", "/p/acme/x"];
    assert_eq!(stale, paths.map(at));
    let all = expired(None, true);
    assert!(all.iter().all(|line| line.contains("; Secure")));
    for name in ["pandium-sidecar=;", "pandium-sidecar.01234567.a=;", "pandium-sidecar.fedcba98.a=;"] {
        assert_eq!(all.iter().filter(|line| line.starts_with(name)).count(), 2 * paths.len(), "{name}");
    }
    assert_eq!(all.iter().filter(|line| line.contains("Partitioned")).count(), 3 * paths.len());
}

#[test]
fn a_path_of_many_parts_costs_no_more_than_an_answer_has_room_for() {
    let (own, mount) = (seal("42", LATER), path());
    let manner = Manner { secure: true, framed_elsewhere: false };
    let deep = "/a".repeat(32_000);
    let of_app = jar("sid=1").0;
    assert!(of_app.expired(None, &deep, &view(&mount), manner).is_empty());
    let old = kept(&seal("41", NUMBER), "a=b");
    let guarded =
        (0..100).fold(String::new(), |all, n| format!("{all}; __Host-pandium-sidecar.01234567.{n}=x"));
    for (cookies, asked, lines) in [
        (format!("{old}; {}", tie(&own)), deep.as_str(), 64),
        (format!("{old}{guarded}; {}", tie(&own)), "/p/acme", 64),
        // No browser keeps a path as long as that; a semicolon would begin an attribute.
        (format!("{old}; {}", tie(&own)), &*format!("/{}", "a".repeat(64_000)), 8),
        (format!("{old}; {}", tie(&own)), "/p;Domain=x/acme", 8),
    ] {
        let expired = jar(&cookies).0.expired(None, asked, &view(&mount), manner);
        let text: Vec<_> = expired.iter().map(|line| line.to_str().unwrap()).collect();
        assert_eq!(text.len(), lines, "{text:?}");
        assert_eq!(text[0], "pandium-sidecar=; Path=/p; Max-Age=0; Secure");
        assert!(text.iter().all(|line| line.len() < 1200 && !line.contains("Domain")), "{text:?}");
    }
    assert_eq!(super::paths("/p", &deep).count(), 32);
}

#[test]
fn two_thousand_ties_are_no_more_work_than_a_few() {
    let own = seal("42", NUMBER);
    let planted = |n: usize| tie(&Seal::new(bond("43"), NUMBER.to_owned(), &format!("of-{n}")));
    let many = (0..2_000).map(planted).collect::<Vec<_>>().join("; ");
    let (full, headers) = jar(&many);
    assert_eq!((full.integrations().count(), headers.len()), (8, 0));
    let same = [tie(&seal("43", NUMBER)), tie(&own)].join("; ");
    let (same, _) = jar(&format!("{same}; {many}"));
    assert_eq!(same.integrations().filter(|name| *name == "gwt2hs").count(), 1);
    assert!(same.seal(bond("42"), "gwt2hs").is_some());
}
