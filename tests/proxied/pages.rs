//! The first page and those that follow.

use crate::harness::{INSTALL, Message, TRUSTED, assert_refused, request};
use crate::kit::{EACH, HOST, Mount, Spoken, said, scene, tenant, token_in};

/// A set-up page that keeps its visitor in a cookie, and says whom it knows.
fn pandium(asked: &Message) -> Option<Vec<u8>> {
    if token_in(asked).is_some() {
        let cookies = ["Set-Cookie: session=s1; Path=/; HttpOnly; Secure", "Location: /acme/tenants/1121"];
        return Some(said("302 Found", &cookies, ""));
    }
    let cookies = asked.values("cookie").join(", ");
    let body = format!("{} knows {cookies}", asked.first_line());
    Some(said("200 OK", &["Content-Type: text/html"], &body))
}

#[tokio::test]
async fn a_token_opens_a_page_and_the_cookie_that_it_left_opens_the_next() {
    for (mount, spoken) in EACH {
        let scene = scene(mount, spoken, pandium).await;
        let mut browser = scene.browser("42");
        let opened = browser.install().await;
        assert_eq!(opened.status(), 302, "{mount:?} {}", opened.text());
        assert_eq!(opened.values("location"), [mount.at("/acme/tenants/1121")]);
        assert_eq!(opened.values("cache-control"), ["no-store"]);
        assert!(!opened.resembles_token());
        let asked = scene.pandium.last();
        assert!(asked.first_line().starts_with("GET /acme/tenants/create/1121?tenant=eyJ"), "{}", asked.head);
        let page = browser.page("/acme/tenants/1121?display=list").await;
        assert_eq!(page.status(), 200, "{}", page.text());
        assert_eq!(page.text(), "GET /acme/tenants/1121?display=list HTTP/1.1 knows session=s1");
        assert_eq!(page.values("cache-control"), ["private"]);
        assert_eq!((scene.pandium.count(), scene.app.count()), (2, 0), "{mount:?}");
        assert_eq!(scene.pandium.last().values("host"), [scene.base().strip_prefix("https://").unwrap()]);
    }
}

#[tokio::test]
async fn an_install_on_another_host_leads_to_pandiums_without_a_token() {
    let scene = scene(Mount::Host, Spoken::Http1, pandium).await;
    for (host, port) in [("app.test", ""), ("app.test:8443", ":8443"), ("[::1]:1", ":1")] {
        for proto in ["https", "http", "gopher"] {
            let lines = [&*tenant("42"), &*format!("X-Forwarded-Proto: {proto}")].map(str::to_owned);
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let asked = String::from_utf8(request("GET", &format!("{INSTALL}?x=1"), &lines)).unwrap();
            let answer =
                scene.sidecar.send(TRUSTED, asked.replace("Host: app.test", &format!("Host: {host}"))).await;
            assert_eq!(answer.status(), 303, "{}", answer.text());
            assert_eq!(answer.values("location"), [format!("//{HOST}{port}{INSTALL}")]);
            assert!(!answer.resembles_token() && answer.values("set-cookie").is_empty());
        }
    }
    assert_eq!(scene.pandium.count(), 0);
    let signed_out = scene.sidecar.get(TRUSTED, INSTALL, &[]).await;
    assert_eq!((signed_out.status(), signed_out.code().as_str()), (401, "signed-out"));
}

/// Whether a cookie is for TLS alone goes by the scheme that a trusted peer tells, first of a list.
#[tokio::test]
async fn the_tie_is_secure_where_the_visitor_came_by_tls() {
    let scene = scene(Mount::Path, Spoken::Http1, pandium).await;
    let mut browser = scene.browser("42");
    for (proto, secure) in [
        ("https", true),
        ("HTTPS", true),
        ("https, http", true),
        ("http", false),
        ("Http,https", false),
        ("gopher", false),
    ] {
        browser.lines[1] = format!("X-Forwarded-Proto: {proto}");
        let page = browser.install().await;
        let lines = page.values("set-cookie");
        let tie = lines.iter().find(|line| line.starts_with("pandium-sidecar=")).unwrap();
        assert_eq!(tie.contains("Secure"), secure, "{proto}: {tie}");
    }
}

/// Immunity G7: visitor A out, B in, on the same browser.
#[tokio::test]
async fn the_next_visitor_of_a_browser_is_not_the_last() {
    for (mount, spoken) in EACH {
        let scene = scene(mount, spoken, pandium).await;
        let mut browser = scene.browser("A");
        browser.install().await;
        assert!(browser.page("/acme").await.text().ends_with("knows session=s1"), "{mount:?}");
        let asked = scene.pandium.count();
        let of_a = browser.cookies.clone();
        browser.becomes("B");
        let refused = browser.page("/acme").await;
        assert_refused(&refused, 403, "incomplete-session", "B with the cookies of A");
        assert!(browser.cookies.is_empty(), "{:?}", browser.cookies);
        let page = browser.get(&mount.at("/acme"), &["Accept: text/html"]).await;
        assert!(page.text().contains("Open it again from within the application"), "{}", page.text());
        // Without any there is nothing to see either.
        assert_refused(&browser.page("/acme").await, 403, "incomplete-session", "nobody asked for a page");
        // B's own page, with what A had left somewhere: it does not go to Pandium, and is cleared away.
        browser.cookies.clone_from(&of_a);
        browser.install().await;
        assert_eq!(scene.pandium.count(), asked + 1, "nothing of what was refused went there");
        assert!(scene.pandium.last().values("cookie").is_empty());
        browser.cookies.extend(of_a.iter().filter(|(name, ..)| name.contains(".session")).cloned());
        assert_eq!(browser.page("/acme").await.text(), "GET /acme HTTP/1.1 knows session=s1");
        assert_eq!(browser.cookies.iter().filter(|(name, ..)| name.contains(".session")).count(), 1);
        // And A again, with what B has now.
        browser.becomes("A");
        assert_refused(&browser.page("/acme").await, 403, "incomplete-session", "A with the cookies of B");
    }
}

/// Immunity G7: what a link could bring along.
#[tokio::test]
async fn a_link_brings_neither_a_token_nor_another_account() {
    for (mount, spoken) in EACH {
        let scene = scene(mount, spoken, pandium).await;
        let mut browser = scene.browser("42");
        browser.install().await;
        let asked = scene.pandium.count();
        for path in [
            "/acme?tenant=eyJ.eyJ.x",
            "/acme/tenants/create/1121?a=b&%74enant=x",
            "/acme?%2574enant=x",
            "/acme?TENANT=x",
            "/acme?next=%2Facme%3Ftenant%3Dx",
            "/globex/tenants/create/1",
            "/globex/tenants",
            "/glob%65x/%74enants/1",
            "/Acme/tenants/1",
        ] {
            assert_refused(&browser.page(path).await, 403, "cross-site", path);
        }
        for path in
            ["/a/../b", "/a%2Fb", "//a", "/a//b", "/a\\b", "/%2e%2e/a", "/a/%252e%252e/b", "/a%00", "/./a"]
        {
            assert_refused(&browser.page(path).await, 400, "ambiguous-path", path);
        }
        let trace = browser.request("TRACE", &mount.at("/acme"), &[]);
        assert_refused(&browser.send("/", &trace).await, 405, "method-not-allowed", "TRACE");
        assert_eq!((scene.pandium.count(), scene.app.count()), (asked, 0), "{mount:?}");
        assert_eq!(browser.page("/acme/tenants/create/1121").await.status(), 200);
    }
}

/// What a browser sends without cookies: a preflight, and a form that another site posts.
#[tokio::test]
async fn what_comes_without_cookies_does_not_get_to_pandium() {
    for (mount, spoken) in EACH {
        let scene = scene(mount, spoken, pandium).await;
        let mut browser = scene.browser("42");
        browser.install().await;
        let asked = scene.pandium.count();
        let (kept, edge) = (std::mem::take(&mut browser.cookies), browser.lines.clone());
        let lines = ["Origin: https://elsewhere.test", "Sec-Fetch-Site: cross-site", "Content-Length: 0"];
        let preflight = ["Access-Control-Request-Method: POST", "Sec-Fetch-Mode: cors"];
        for (method, more) in [("OPTIONS", &preflight[..]), ("POST", &["Sec-Fetch-Mode: navigate"])] {
            let path = mount.at("/oauth/callback");
            let request = browser.request(method, &path, &[&lines, more].concat());
            let refused = browser.send(&path, &request).await;
            assert_refused(&refused, 403, "incomplete-session", method);
            browser.lines.clear();
            let request = browser.request(method, &path, &[&lines, more].concat());
            assert_refused(&browser.send(&path, &request).await, 401, "signed-out", method);
            browser.lines.clone_from(&edge);
        }
        assert_eq!(scene.pandium.count(), asked);
        // A link of another site's brings them.
        browser.cookies = kept;
        let callback = ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"];
        assert_eq!(browser.get(&mount.at("/oauth/callback?code=1"), &callback).await.status(), 200);
    }
}
