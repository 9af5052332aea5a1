//! `session.signed_out.redirect`: the way to the login, whatever the visitor's address holds.

use crate::harness::way::{Way, over_each_transport};
use crate::harness::{App, INSTALL, Message, STRANGER, Sidecar, assert_refused, changed};
use crate::{answer, app, handing_off, known, probing, say};

over_each_transport! {
    what_was_asked_for_comes_percent_encoded,
    only_listed_parameters_come_back,
    odd_paths_get_no_address_at_all,
    no_other_refusal_leads_to_the_login,
    an_iframe_gets_a_page_that_leads_out_of_it,
    a_handoff_leads_to_the_login_too,
}

async fn with(way: Way, redirect: &str) -> (App, Sidecar) {
    let app = app().await;
    let line = format!("signed_out: {{ redirect: \"{redirect}\" }}\n  fields:");
    let file = changed(&probing(&app), &[("fields:", &line), ("id: 1121,", "id: 1121, query: [display],")]);
    let sidecar = way.start(&file).await;
    (app, sidecar)
}

fn nobody() -> String {
    say(answer("302 Found", &["Location: http://evil.test/", "Set-Cookie: a=b"], ""))
}

/// Where a signed-out visitor is sent.
#[track_caller]
fn location(answer: &Message) -> String {
    assert_eq!(answer.status(), 302, "{}", answer.head);
    assert_eq!(answer.values("cache-control"), ["no-store"]);
    assert_eq!(answer.values("set-cookie"), ["a=b"]);
    assert!(!answer.resembles_token());
    let locations = answer.values("location");
    assert_eq!(locations.len(), 1);
    locations[0].to_owned()
}

async fn what_was_asked_for_comes_percent_encoded(way: Way) {
    for (redirect, target, expected) in [
        ("/login", INSTALL, "/login"),
        (
            "/login?next=${request.path}",
            "/pandium/install/gwt2hs?display=x",
            "/login?next=%2Fpandium%2Finstall%2Fgwt2hs",
        ),
        ("/${request.path}", INSTALL, "/%2Fpandium%2Finstall%2Fgwt2hs"),
        (
            "https://sso.example/in?a=1&to=${request.path}&b=2",
            INSTALL,
            "https://sso.example/in?a=1&to=%2Fpandium%2Finstall%2Fgwt2hs&b=2",
        ),
    ] {
        let (_app, sidecar) = with(way, redirect).await;
        assert_eq!(location(&sidecar.get(STRANGER, target, &[&nobody()]).await), expected, "{redirect}");
    }
}

async fn only_listed_parameters_come_back(way: Way) {
    let (_app, sidecar) = with(way, "/login?next=${request.path_and_query}").await;
    let path = "/login?next=%2Fpandium%2Finstall%2Fgwt2hs";
    for (query, carried) in [
        ("", ""),
        ("?", ""),
        ("?x=1&tenant=evil&next=//evil.test", ""),
        ("?display=settings", "%3Fdisplay%3Dsettings"),
        ("?x=1&display=a&display=b", "%3Fdisplay%3Da"),
        ("?display=//evil.test", "%3Fdisplay%3D%252F%252Fevil.test"),
        ("?display=\\\\evil", "%3Fdisplay%3D%255C%255Cevil"),
        ("?display=%0d%0aSet-Cookie:a=b", "%3Fdisplay%3D%250D%250ASet-Cookie%253Aa%253Db"),
        ("?display=%00%1b", "%3Fdisplay%3D%2500%251B"),
        ("?display=a%26next%3Db", "%3Fdisplay%3Da%2526next%253Db"),
        ("?display=%ff", ""),
    ] {
        let answer = sidecar.get(STRANGER, &format!("{INSTALL}{query}"), &[&nobody()]).await;
        assert_eq!(location(&answer), format!("{path}{carried}"), "{query}");
    }
}

/// Paths that would be ours only in one reading never come so far.
async fn odd_paths_get_no_address_at_all(way: Way) {
    let (app, sidecar) = with(way, "/login?next=${request.path}").await;
    for path in [
        "//evil.test/pandium/install/gwt2hs",
        "//pandium/install/gwt2hs",
        "/pandium/install//evil",
        "/pandium/install/..//evil",
        "/pandium/install/\\evil",
        "/pandium\\install\\gwt2hs",
        "/pandium/install/%5cevil",
        "/pandium/install/%0d%0aSet-Cookie:a=b",
        "/pandium/install/%00",
        "/pandium/install/gwt2hs%0a",
    ] {
        let app_saw = app.count();
        let answer = sidecar.get(STRANGER, path, &[&say(known(&[]))]).await;
        assert!(answer.values("location").is_empty() && !answer.resembles_token(), "{path}\n{}", answer.head);
        assert!(answer.status() >= 400 || app.last().first_line().contains(path), "{path}\n{}", answer.head);
        assert!(answer.status() == 200 || app.count() == app_saw, "{path}: the app was asked");
    }
}

/// Only for somebody who is signed out; all else is refused as ever.
async fn no_other_refusal_leads_to_the_login(way: Way) {
    let (_app, sidecar) = with(way, "/login").await;
    let twice = say(known(&["X-Tenant-Id: a", "X-Tenant-Id: b"]));
    assert_refused(&sidecar.install(STRANGER, &[&twice]).await, 400, "duplicate-header", "twice");
    let garbage = say("nonsense\r\n\r\n");
    assert_refused(&sidecar.install(STRANGER, &[&garbage]).await, 502, "session-unavailable", "garbage");
    let elsewhere = sidecar.get(STRANGER, "/pandium/install/other", &[&nobody()]).await;
    assert_refused(&elsewhere, 404, "unknown-integration", "other");
    assert_eq!(location(&sidecar.install(STRANGER, &[&nobody()]).await), "/login");
}

/// Login pages refuse to be framed.
async fn an_iframe_gets_a_page_that_leads_out_of_it(way: Way) {
    let (_app, sidecar) = with(way, "/login?a=1&next=${request.path_and_query}").await;
    let target = format!("{INSTALL}?display=%22%3E%3Cscript%3E");
    let lines = [nobody(), "Sec-Fetch-Dest: iframe".to_owned(), "Sec-Fetch-Site: same-origin".to_owned()];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let page = sidecar.get(STRANGER, &target, &lines).await;
    assert_eq!(page.status(), 401);
    assert!(page.values("location").is_empty());
    assert_eq!(page.values("content-type"), ["text/html; charset=utf-8"]);
    assert_eq!(page.values("cache-control"), ["no-store"]);
    assert_eq!(page.values("set-cookie"), ["a=b"]);
    let link = "<a href=\"/login?a=1&amp;next=%2Fpandium%2Finstall%2Fgwt2hs%3Fdisplay%3D%2522%253E%253Cscript%253E\" target=\"_top\">";
    assert!(page.text().contains(link), "{}", page.text());
    assert!(!page.text().contains("<script") && !page.resembles_token());
}

/// An app that knows nobody says so in its own words with a handoff; in ours where it names nobody.
async fn a_handoff_leads_to_the_login_too(way: Way) {
    let app = app().await;
    let changes = [(
        "  fields:",
        "  signed_out: { redirect: \"/login\" }\n  signed_in: { field: tenant_id, not: [0] }\n  fields:",
    )];
    let sidecar = way.start(&changed(&handing_off(&app), &changes)).await;
    let said = say(known(&["X-Tenant-Id: 0", "Set-Cookie: a=b"]));
    assert_eq!(location(&sidecar.install(STRANGER, &[&said]).await), "/login");
}
