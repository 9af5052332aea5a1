//! Immunity F5: no token reaches the visitor, and nothing that is the visitor's reaches Pandium. Every
//! byte of both directions is looked at.

use crate::harness::{INSTALL, Message, TRUSTED, request};
use crate::kit::{EACH, Mount, Spoken, said, scene, scene_with, token_in};

/// The parts of a token: none of them may be anywhere.
fn parts(token: &str) -> Vec<String> {
    token.split('.').map(str::to_owned).collect()
}

#[track_caller]
fn assert_hidden(answer: &Message, token: &str, case: &str) {
    let whole = format!("{}\n{}\n{}", answer.head, answer.text(), answer.trailers);
    let decoded = percent(&whole);
    // The name of a header comes in small letters.
    let small = decoded.to_ascii_lowercase();
    for part in parts(token) {
        assert!(!whole.contains(&part) && !decoded.contains(&part), "{case}: {whole}");
        assert!(!small.contains(&part.to_ascii_lowercase()), "{case}: {whole}");
    }
}

fn percent(text: &str) -> String {
    let mut out = text.to_owned();
    while let Some(at) = out.find('%').filter(|at| {
        out.get(at + 1..at + 3).is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
    }) {
        let byte = u8::from_str_radix(&out[at + 1..at + 3], 16).unwrap();
        out.replace_range(at..at + 3, &char::from(byte).to_string());
    }
    out
}

fn encoded(token: &str) -> String {
    token.bytes().fold(String::new(), |text, byte| format!("{text}%{byte:02X}"))
}

/// Says the token back in every way that it knows.
fn echo(asked: &Message) -> Option<Vec<u8>> {
    let Some(token) = token_in(asked) else {
        let again = asked.values("x-csrf-token").join("");
        let (location, cookie) =
            (format!("Location: /x?tenant={again}"), format!("Set-Cookie: a={}", encoded(&again)));
        let (status, name) = (format!("200 {again}"), format!("X-{again}: 1"));
        return Some(said(&status, &[&location, &cookie, &name, "X-Kept: again"], ""));
    };
    let signature = token.rsplit('.').next().unwrap();
    let body = format!("<a href=\"/acme?tenant={token}\">{token}</a>{token}{token}<i>{signature}</i>");
    let lines = [
        format!("Location: /acme?tenant={token}"),
        format!("Content-Location: /acme?tenant={token}"),
        format!("Set-Cookie: a={token}; Path=/"),
        format!("Set-Cookie: b=1; Path=/{token}"),
        "Set-Cookie: c=3; Path=/".to_owned(),
        format!("Link: </acme?tenant={token}>; rel=canonical"),
        "Link: </kept>; rel=kept".to_owned(),
        format!("Refresh: 0; url=/acme?tenant={}", encoded(&token)),
        format!("X-Debug: {}", encoded(&encoded(&token))),
        format!("X-Signature: {signature}"),
        format!("ETag: \"{token}\""),
        format!("X-{token}: 1"),
        format!("{signature}: 1"),
        "X-Kept: yes".to_owned(),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    if asked.first_line().contains("/1122?") {
        // A byte a chunk, and a trailer.
        let chunks = body.chars().fold(String::new(), |chunks, c| format!("{chunks}1\r\n{c}\r\n"));
        let head = format!("HTTP/1.1 200 OK\r\n{}\r\n", crate::harness::joined(&lines));
        let head = head.replacen("\r\n", "\r\nTransfer-Encoding: chunked\r\nTrailer: X-Token\r\n", 1);
        return Some(format!("{head}{chunks}0\r\nX-Token: {token}\r\n\r\n").into_bytes());
    }
    Some(said(&format!("200 {token}"), &lines, &body))
}

#[tokio::test]
async fn no_token_reaches_the_visitor() {
    for (mount, spoken) in EACH {
        let scene = scene(mount, spoken, echo).await;
        for path in [INSTALL, "/pandium/install/acme-crm"] {
            let mut browser = scene.browser("42");
            let page = browser.get(path, &["TE: trailers"]).await;
            assert_eq!(page.status(), 200, "{}", page.text());
            let token = token_in(&scene.pandium.last()).unwrap();
            assert_hidden(&page, &token, path);
            // All else is there, and the body as long as it was.
            let clean = "x".repeat(token.len());
            let tail = "x".repeat(43);
            let expected = format!("<a href=\"/acme?tenant={clean}\">{clean}</a>{clean}{clean}<i>{tail}</i>");
            assert_eq!(page.text(), expected);
            assert_eq!(page.values("x-kept"), ["yes"]);
            assert_eq!(page.values("link"), [format!("<{}>; rel=kept", mount.at("/kept"))]);
            let names: Vec<_> =
                browser.cookies.iter().map(|(name, ..)| name.rsplit('.').next().unwrap()).collect();
            assert_eq!(names, ["pandium-sidecar", "c"], "{:?}", page.values("set-cookie"));
            assert_eq!(page.values("cache-control"), ["no-store"]);
            // Nor when Pandium remembers it: here, by the header that asks it to say it again.
            let again = format!("X-CSRF-Token: {token}");
            let after = browser.get(&mount.at("/acme"), &[&again]).await;
            assert_eq!(after.values("x-kept"), ["again"]);
            assert_hidden(&Message { body: Vec::new(), ..after }, &token, "the page after");
        }
        // Nor does what is logged of us hold one, by the way: what the app saw is nothing at all.
        assert_eq!(scene.app.count(), 0);
    }
}

/// Redirects with the token in the address, as far as one wants.
fn hops(asked: &Message) -> Option<Vec<u8>> {
    let Some(token) = token_in(asked) else { return Some(said("200 OK", &[], "no token")) };
    let line = asked.first_line().to_owned();
    let cookies = asked.values("cookie").join("|");
    let at = |n: usize| line.starts_with(&format!("GET /acme/hop{n}?"));
    let to = |place: &str, lines: &[&str]| {
        let location = format!("Location: {place}");
        Some(said("302 Found", &[&[location.as_str()], lines].concat(), &token))
    };
    match (0..6).find(|&n| at(n)) {
        _ if line.contains("/create/1122") => to(&format!("https://elsewhere.test/?tenant={token}"), &[]),
        None => to(
            &format!("/acme/hop0?tenant={token}#{token}"),
            &["Set-Cookie: a=1; Path=/", "Set-Cookie: gone=1; Path=/"],
        ),
        Some(0) => {
            to(&format!("hop1?x=y&tenant={}", encoded(&token)), &["Set-Cookie: gone=; Max-Age=0; Path=/"])
        }
        Some(1) => to(
            &format!("//{}/acme/hop2?tenant={token}", asked.values("host")[0]),
            &["Set-Cookie: a=2; Path=/"],
        ),
        Some(2) => to("/acme/tenants/1121?there", &[&format!("X-Cookies: {cookies}")]),
        Some(_) => to(&format!("/acme/hop3?tenant={token}"), &[]),
    }
}

#[tokio::test]
async fn redirects_with_the_token_are_followed_within_pandiums_host() {
    for (mount, spoken) in EACH {
        let scene = scene(mount, spoken, hops).await;
        let mut browser = scene.browser("42");
        let page = browser.install().await;
        let token = token_in(&scene.pandium.seen()[0]).unwrap();
        assert_eq!(page.status(), 302, "{}", page.text());
        assert_eq!(page.values("location"), [mount.at("/acme/tenants/1121?there")]);
        assert_eq!(
            page.values("x-cookies"),
            ["a=2"],
            "cookies go along, and those that were taken back do not"
        );
        assert_eq!(scene.pandium.count(), 4);
        assert_hidden(&page, &token, "the last of them");
        let kept: Vec<_> =
            browser.cookies.iter().map(|(name, ..)| name.rsplit('.').next().unwrap()).collect();
        assert_eq!(kept, ["pandium-sidecar", "a"]);
        let astray = browser.get("/pandium/install/acme-crm", &[]).await;
        assert_eq!((astray.status(), astray.code().as_str()), (502, "upstream-unreachable"));
        assert!(!astray.resembles_token() && astray.values("set-cookie").is_empty());
    }
}

/// Goes on at a path that holds the token, whole or in part; what it says there is relative to it.
fn nested(asked: &Message) -> Option<Vec<u8>> {
    let Some(token) = token_in(asked) else {
        let lines = [
            "Location: next",
            "Content-Location: ./next",
            "Refresh: 0; url=next",
            "Link: <next>; rel=next",
            "Link: </kept>; rel=kept",
            "Set-Cookie: a=1",
            "Set-Cookie: b=1; Path=/",
        ];
        return Some(said("200 OK", &lines, ""));
    };
    let signature = token.rsplit('.').next().unwrap();
    let place = match asked.values("accept-language").join("").as_str() {
        "en" => format!("/sso/{token}/page"),
        "de" => format!("/sso/{}/page?x", encoded(&token)),
        "fr" => format!("./{}/page#x", encoded(&encoded(signature))),
        _ => return Some(said("200 OK", &["Set-Cookie: c=1; Path=/"], "")),
    };
    Some(said("302 Found", &[&format!("Location: {place}"), "Set-Cookie: a=1; Path=/"], ""))
}

#[tokio::test]
async fn nothing_is_relative_to_a_path_that_holds_the_token() {
    for (mount, spoken) in EACH {
        let scene = scene(mount, spoken, nested).await;
        let mut browser = scene.browser("42");
        for language in ["en", "de", "fr"] {
            let refused = browser.get(INSTALL, &[&format!("Accept-Language: {language}")]).await;
            assert_eq!((refused.status(), refused.code().as_str()), (502, "upstream-unreachable"));
            assert_hidden(&refused, &token_in(&scene.pandium.last()).unwrap(), language);
        }
        assert_eq!(
            (scene.pandium.count(), browser.cookies.len()),
            (3, 0),
            "none of these paths is asked for"
        );
        // Nor is it later, where somebody has written one into a path.
        assert_eq!(browser.install().await.status(), 200);
        let token = token_in(&scene.pandium.last()).unwrap();
        let page = browser.page(&format!("/sso/{token}/page")).await;
        assert_eq!(page.status(), 200, "{}", page.text());
        assert_hidden(&page, &token, "the page after");
        assert_eq!(page.values("link"), [format!("<{}>; rel=kept", mount.at("/kept"))]);
        assert!(
            browser.cookies.iter().any(|(name, ..)| name.rsplit('.').next() == Some("b")),
            "{:?}",
            browser.cookies
        );
    }
}

#[tokio::test]
async fn what_cannot_be_looked_through_is_not_shown() {
    fn answer(asked: &Message) -> Option<Vec<u8>> {
        let Some(token) = token_in(asked) else {
            return Some(said("200 OK", &["Content-Encoding: br"], "coded"));
        };
        if asked.first_line().contains("/create/1122") {
            let again = format!("Location: /acme/tenants/create/1122?tenant={token}");
            return Some(said("302 Found", &[&again], ""));
        }
        let coding = asked.values("accept-encoding").join("");
        let lines: &[&str] =
            if asked.values("accept-language") == ["en"] { &[] } else { &["Content-Encoding: gzip"] };
        Some(said("200 OK", lines, &coding))
    }
    for (mount, spoken) in EACH {
        let scene = scene(mount, spoken, answer).await;
        let mut browser = scene.browser("42");
        let coded = browser.get(INSTALL, &["Accept-Encoding: gzip, br"]).await;
        assert_eq!((coded.status(), coded.code().as_str()), (502, "upstream-unreachable"));
        let circles = browser.get("/pandium/install/acme-crm", &[]).await;
        assert_eq!((circles.status(), circles.code().as_str()), (502, "upstream-unreachable"));
        assert_eq!(scene.pandium.count(), 7, "once, and six times until it is enough");
        let plain = browser.get(INSTALL, &["Accept-Encoding: gzip, br", "Accept-Language: en"]).await;
        assert_eq!((plain.status(), plain.text().as_str()), (200, "identity"));
        // All that follows may be compressed.
        let page = browser.page("/acme").await;
        assert_eq!((page.values("content-encoding"), page.text().as_str()), (vec!["br"], "coded"));
    }
}

/// What a visitor and the edge send along, and Pandium must not see.
const OF_VISITOR: &[&str] = &[
    "Cookie: sid=canary-cookie; other=canary-cookie",
    "Authorization: Bearer canary-authorization",
    "Proxy-Authorization: Basic canary-authorization",
    "X-User-Email: canary@app.test",
    "X-User-Groups: canary-group",
    "X-Forwarded-For: 192.0.2.1",
    "X-Forwarded-Host: canary.test",
    "X-Forwarded-User: canary-user",
    "X-Forwarded-Access-Token: canary-access",
    "X-Auth-Request-Email: canary@edge.test",
    "X-Real-IP: 192.0.2.2",
    "Forwarded: for=192.0.2.3",
    "Remote-User: canary-user",
    "X-Request-Id: canary-id",
    "traceparent: 00-canary",
    "tracestate: a=canary",
    "X-Pandium-Token: canary-token",
    "X-Client-Cert: canary-cert",
    "True-Client-IP: 192.0.2.4",
];

#[tokio::test]
async fn nothing_of_the_visitors_reaches_pandium() {
    for (mount, spoken) in EACH {
        let scene = scene(mount, spoken, echo).await;
        let mut browser = scene.browser("canary-tenant");
        let nominated = ["Connection: Accept-Language", "Accept-Language: canary"];
        let page = browser.get(INSTALL, &[OF_VISITOR, &nominated].concat()).await;
        assert_eq!(page.status(), 200, "{}", page.text());
        let token = token_in(&scene.pandium.last()).unwrap();
        let mut lines = OF_VISITOR.to_vec();
        let own = format!("Origin: https://{}", mount.host());
        let referer = format!("Referer: https://{}/secret-page?tenant={token}", mount.host());
        lines.extend([own.as_str(), &referer, "Accept: text/html", "X-CSRF-Token: of-pandium"]);
        // What is for us alone, and what is only named like what browsers send.
        lines.extend(["Connection: Accept-Language, x-requested-with", "Accept-Language: canary"]);
        lines.extend(["X-Requested-With: canary", "Acceptance: canary"]);
        assert_eq!(browser.get(&mount.at("/acme/x"), &lines).await.status(), 200);
        let asked =
            browser.request("POST", &mount.at("/acme/form"), &[&lines[..], &["Content-Length: 3"]].concat());
        assert_eq!(browser.send("/", &format!("{asked}a=b")).await.status(), 200);
        let seen = scene.pandium.seen();
        assert_eq!((seen.len(), seen[2].body.as_slice()), (3, &b"a=b"[..]));
        for asked in &seen {
            // What the first one has in its address is what it is for.
            let told = asked.head.replace(&token, "");
            for canary in [
                "canary",
                "192.0.2",
                "127.0.0",
                "app.test",
                "integrations.test",
                "secret-page?",
                "pandium-sidecar",
            ] {
                assert!(!told.contains(canary), "{canary} in\n{told}");
            }
        }
        assert!(seen[1..].iter().all(|asked| !asked.resembles_token()));
        assert_eq!(seen[1].values("accept"), ["text/html"]);
        assert_eq!(seen[1].values("origin"), [scene.base()]);
        assert_eq!(seen[1].values("x-csrf-token"), ["of-pandium"]);
        assert_eq!(seen[1].values("cookie"), ["c=3"]);
    }
}

#[tokio::test]
async fn the_app_sees_none_of_pandiums_cookies() {
    let scene = scene(Mount::Path, Spoken::Http1, echo).await;
    let mut browser = scene.browser("42");
    browser.install().await;
    let pairs: Vec<String> =
        browser.cookies.iter().map(|(name, value, _)| format!("{name}={value}")).collect();
    assert_eq!(pairs.len(), 2);
    let cookie = format!("Cookie: sid=1; {}; theme=\"a b\"", pairs.join("; "));
    let answer = scene.sidecar.send(TRUSTED, request("GET", "/page", &[&cookie, "X-Tenant-Id: 42"])).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(scene.app.last().values("cookie"), ["sid=1; theme=\"a b\""]);
}

#[tokio::test]
async fn the_file_says_what_else_goes_and_who_may_frame() {
    fn answer(asked: &Message) -> Option<Vec<u8>> {
        let lines = [
            "X-Frame-Options: DENY",
            "Content-Security-Policy: default-src 'self'; frame-ancestors 'none'",
            "Strict-Transport-Security: max-age=1; includeSubDomains",
            "Service-Worker-Allowed: /",
            "Clear-Site-Data: \"*\"",
            "Alt-Svc: h3=\":443\"",
            "X-Accel-Redirect: /internal/secret",
            "X-Accel-Buffering: no",
            "X-Accel-Charset: x",
            "NEL: {}",
            "Report-To: {}",
            "WWW-Authenticate: Basic realm=x",
            "X-Content-Type-Options: nosniff",
            "Referrer-Policy: strict-origin",
        ];
        Some(said("200 OK", &lines, &asked.values("x-tracker").join(",")))
    }
    let more = "frame_ancestors: [\"'self'\", \"https://app.test\"], send: [X-Tracker] }";
    for (mount, change) in [(Mount::Host, "integrations.test }"), (Mount::Path, "accepted }")] {
        let to = change.replace(" }", &format!(", {more}"));
        let scene = scene_with(mount, Spoken::Http2, answer, &[(change, &to)]).await;
        let mut browser = scene.browser("42");
        browser.install().await;
        let page = browser.get(&mount.at("/acme"), &["X-Tracker: 7", "X-Other: 8"]).await;
        assert_eq!(page.text(), "7");
        assert!(!scene.pandium.last().head.to_ascii_lowercase().contains("x-other"));
        let policies = ["default-src 'self'", "frame-ancestors 'self' https://app.test"];
        assert_eq!(page.values("content-security-policy"), policies);
        let gone =
            ["x-frame-options", "strict-transport-security", "service-worker-allowed", "clear-site-data"];
        let nginx = ["x-accel-redirect", "x-accel-buffering", "x-accel-charset"];
        let others = ["alt-svc", "nel", "report-to", "www-authenticate"];
        for name in gone.iter().chain(&others).chain(&nginx) {
            assert!(page.values(name).is_empty(), "{name}");
        }
        assert_eq!(page.values("x-content-type-options"), ["nosniff"]);
        assert_eq!(page.values("referrer-policy"), ["strict-origin"]);
    }
    let scene = scene(Mount::Host, Spoken::Http1, answer).await;
    let mut browser = scene.browser("42");
    browser.install().await;
    let page = browser.page("/acme").await;
    assert_eq!(page.values("x-frame-options"), ["DENY"]);
    assert!(page.values("content-security-policy")[0].ends_with("frame-ancestors 'none'"));
}
