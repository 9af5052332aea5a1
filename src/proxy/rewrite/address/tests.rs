use super::{Origin, View};
use crate::config::model::Mount;

fn view(mount: &Mount) -> View<'_> {
    let base = Origin::new("https://imp.pandium.com");
    View { base, mount, at: "/acme/tenants/create/1121?x=1", own: "app.test:8443" }
}

fn host() -> Mount {
    Mount::Host("integrations.test".to_owned())
}

fn path() -> Mount {
    Mount::Path("/p/app".to_owned())
}

#[test]
fn locations_of_pandiums_own_are_ours_and_others_stay() {
    for (location, at_host, below_path) in [
        ("https://imp.pandium.com/a?b=c#d", "/a?b=c#d", "/p/app/a?b=c#d"),
        ("HTTPS://IMP.Pandium.com/a", "/a", "/p/app/a"),
        ("https://imp.pandium.com", "/", "/p/app/"),
        ("https://imp.pandium.com?b", "/?b", "/p/app/?b"),
        ("https://imp.pandium.com:443/a", "/a", "/p/app/a"),
        ("http://imp.pandium.com/a", "/a", "/p/app/a"),
        ("//imp.pandium.com/a", "/a", "/p/app/a"),
        ("/a", "/a", "/p/app/a"),
        ("/", "/", "/p/app/"),
        ("a/b", "/acme/tenants/create/a/b", "/p/app/acme/tenants/create/a/b"),
        ("./a", "/acme/tenants/create/a", "/p/app/acme/tenants/create/a"),
        ("../a", "/acme/tenants/a", "/p/app/acme/tenants/a"),
        ("..", "/acme/tenants/", "/p/app/acme/tenants/"),
        ("../../../../../install/x", "/install/x", "/p/app/install/x"),
        ("/../../install/x", "/install/x", "/p/app/install/x"),
        ("/%2e%2E/x", "/x", "/p/app/x"),
        ("?y=2", "/acme/tenants/create/1121?y=2", "/p/app/acme/tenants/create/1121?y=2"),
        ("#f", "/acme/tenants/create/1121?x=1#f", "/p/app/acme/tenants/create/1121?x=1#f"),
        ("", "/acme/tenants/create/1121?x=1", "/p/app/acme/tenants/create/1121?x=1"),
        ("/a/../b?c=/../d", "/b?c=/../d", "/p/app/b?c=/../d"),
        // Two slashes would lead to another host.
        ("https://imp.pandium.com//evil.test/a", "/.//evil.test/a", "/p/app//evil.test/a"),
        ("https://imp.pandium.com/\\evil.test", "/./\\evil.test", "/p/app/\\evil.test"),
        ("/.//evil.test", "/.//evil.test", "/p/app//evil.test"),
        // Elsewhere.
        ("https://evil.test/a", "https://evil.test/a", "https://evil.test/a"),
        ("//evil.test/a", "//evil.test/a", "//evil.test/a"),
        (
            "https://imp.pandium.com.evil.test/",
            "https://imp.pandium.com.evil.test/",
            "https://imp.pandium.com.evil.test/",
        ),
        (
            "https://imp.pandium.com@evil.test/",
            "https://imp.pandium.com@evil.test/",
            "https://imp.pandium.com@evil.test/",
        ),
        ("https://imp.pandium.com:8443/", "https://imp.pandium.com:8443/", "https://imp.pandium.com:8443/"),
        ("mailto:a@imp.pandium.com", "mailto:a@imp.pandium.com", "mailto:a@imp.pandium.com"),
        ("https:/a", "https:/a", "https:/a"),
        ("\u{1}/a", "\u{1}/a", "\u{1}/a"),
    ] {
        assert_eq!(view(&host()).shown(location), at_host, "{location}");
        assert_eq!(view(&path()).shown(location), below_path, "{location}");
    }
}

#[test]
fn a_port_of_pandiums_counts() {
    let (mount, base) = (path(), Origin::new("http://127.0.0.1:4000"));
    let view = View { base, mount: &mount, at: "/", own: "app.test" };
    assert_eq!(view.shown("http://127.0.0.1:4000/a"), "/p/app/a");
    assert_eq!(view.shown("//127.0.0.1:4000/a"), "/p/app/a");
    for other in ["http://127.0.0.1:4001/a", "http://127.0.0.1/a", "//127.0.0.1/a"] {
        assert_eq!(view.shown(other), other);
    }
}

#[test]
fn refresh_and_link_lead_where_location_would() {
    for (refresh, shown) in [
        ("5", "5"),
        ("5; url=/a", "5; url=/p/app/a"),
        ("0;URL = 'https://imp.pandium.com/a'", "0; url=/p/app/a"),
        ("0, url=\"/a\"", "0; url=/p/app/a"),
        ("0; /a", "0; url=/p/app/a"),
        ("1;url=https://evil.test/", "1; url=https://evil.test/"),
    ] {
        assert_eq!(view(&path()).refresh(refresh), shown, "{refresh}");
    }
    for (link, shown) in [
        ("</a.css>; rel=preload", "</p/app/a.css>; rel=preload"),
        ("</a>; rel=x, <https://imp.pandium.com/b>; rel=y", "</p/app/a>; rel=x, </p/app/b>; rel=y"),
        ("<https://cdn.test/a>; rel=preload", "<https://cdn.test/a>; rel=preload"),
        ("</a", "</a"),
        ("", ""),
    ] {
        assert_eq!(view(&path()).link(link), shown, "{link}");
    }
}

#[test]
fn pandium_sees_its_own_origin_and_none_of_the_apps_pages() {
    for (origin, told) in [
        ("https://app.test:8443", "https://imp.pandium.com"),
        ("http://app.test:8443", "https://imp.pandium.com"),
        ("https://app.test", "https://app.test"),
        ("https://elsewhere.test", "https://elsewhere.test"),
        ("null", "null"),
    ] {
        assert_eq!(view(&path()).origin(origin), told, "{origin}");
    }
    for (referer, at_host, below_path) in [
        ("https://app.test:8443/p/app/a/b?tenant=x#y", Some("/p/app/a/b"), Some("/a/b")),
        ("https://app.test:8443/p/app", Some("/p/app"), Some("/")),
        ("https://app.test:8443/p/apple/secret", Some("/p/apple/secret"), Some("/")),
        ("https://app.test:8443/customers/42?token=x", Some("/customers/42"), Some("/")),
        ("https://app.test:8443", Some("/"), Some("/")),
        ("https://elsewhere.test/a", None, None),
        ("about:blank", None, None),
        ("/a", None, None),
    ] {
        let of = |path: &str| format!("https://imp.pandium.com{path}");
        assert_eq!(view(&host()).referer(referer), at_host.map(of), "{referer}");
        assert_eq!(view(&path()).referer(referer), below_path.map(of), "{referer}");
    }
    let (mount, own) = (host(), Some("https://app.test:8443"));
    for (allowed, asked, told) in [
        ("https://imp.pandium.com", own, "https://app.test:8443"),
        ("*", own, "*"),
        ("https://other.test", own, "https://other.test"),
        ("https://imp.pandium.com", Some("https://other.test"), "https://imp.pandium.com"),
        ("https://imp.pandium.com", None, "https://imp.pandium.com"),
    ] {
        assert_eq!(view(&mount).allowed_origin(allowed, asked), told, "{allowed} {asked:?}");
    }
}

#[test]
fn the_paths_of_cookies_lie_below_ours() {
    for (path_given, at_host, below_path) in [
        (Some("/"), "/", "/p/app"),
        (Some("/acme"), "/acme", "/p/app/acme"),
        (Some("acme"), "/acme/tenants/create", "/p/app/acme/tenants/create"),
        (None, "/acme/tenants/create", "/p/app/acme/tenants/create"),
    ] {
        assert_eq!(view(&host()).cookie_path(path_given), at_host);
        assert_eq!(view(&path()).cookie_path(path_given), below_path);
    }
    let mount = path();
    for at in ["/", "/page", "/page?x=/a/b"] {
        assert_eq!(View { at, ..view(&mount) }.cookie_path(None), "/p/app", "{at}");
    }
}
