//! Who the visitor is is asked with every page, whoever says it.

use crate::harness::script::{Call, Scripted, ok};
use crate::harness::{App, INSTALL, Message, OTHER_SECRET, STRANGER, Sidecar, changed};
use crate::kit::{BOTH, Browser, Mount, plain, said};

/// Two for the app's own host, and one for the hosts beside it.
const TURNS: &[&str] = &[
    "Set-Cookie: turn=1; Path=/",
    "Set-Cookie: other=1; Path=/; Domain=app.test",
    "Set-Cookie: wide=1; Path=/; Domain=.test",
];

/// What of these goes onto an answer: at Pandium's host its scripts could read those of the app's.
#[track_caller]
fn assert_turns(mount: Mount, answer: &Message) {
    let lines = answer.values("set-cookie");
    let has = |name: &str| lines.iter().any(|line| line.starts_with(&format!("{name}=1; ")));
    let at_app = mount == Mount::Path;
    assert_eq!((has("turn"), has("other"), has("wide")), (at_app, at_app, true), "{}", answer.head);
    assert!(answer.values("cache-control")[0].ends_with("no-store"), "{}", answer.head);
}

/// An app that knows two visitors by its own cookie, and gives them a new one with each answer.
fn app(asked: &Message) -> Option<Vec<u8>> {
    let cookies = asked.values("cookie").join("; ");
    let who = ["one", "two"].into_iter().find(|who| cookies.contains(&format!("sid={who}")));
    Some(match who {
        Some(who) => said("200 OK", &[&[&*format!("X-Tenant-Id: {who}")], TURNS].concat(), ""),
        None => said("401 Unauthorized", TURNS, ""),
    })
}

#[tokio::test]
async fn the_app_is_asked_for_each_page() {
    for mount in BOTH {
        let pandium = Scripted::start(|call: &Call| vec![ok(&call.message.values("cookie").join("|"))]).await;
        let app = App::answering(app).await;
        let probe = "from: probe\n  probe: { path: /session, send: [cookie] }";
        let text = changed(&plain(mount, app.address, pandium.address), &[("from: headers", probe)]);
        let sidecar = Sidecar::start(&text).await;
        let mut browser = Browser::new(mount, sidecar.visitor(STRANGER), "nobody");
        browser.lines.clear();
        let sid = |who: &str| ("sid".to_owned(), who.to_owned(), "/".to_owned());
        browser.cookies.push(sid("one"));
        let opened = browser.install().await;
        assert_eq!(opened.status(), 200);
        assert_turns(mount, &opened);
        let page = browser.page("/acme").await;
        assert_eq!((page.status(), app.count()), (200, 2), "{}", page.text());
        assert_eq!(page.text(), "", "the app's cookies are the app's");
        assert_turns(mount, &page);
        assert_eq!(page.values("cache-control"), ["private, no-store"]);
        let asked = app.last().values("cookie").join("; ");
        assert!(asked.contains("sid=one") && !asked.contains("pandium-sidecar"), "{asked}");
        // Signed out in between, and somebody else in.
        let seen = pandium.calls().len();
        browser.cookies.retain(|(name, ..)| name != "sid");
        for refused in [browser.page("/acme").await, browser.install().await] {
            assert_eq!(refused.status(), 401);
            assert_turns(mount, &refused);
        }
        browser.cookies.push(sid("two"));
        let refused = browser.page("/acme").await;
        assert_eq!((refused.status(), refused.code().as_str()), (403, "incomplete-session"));
        assert_eq!(pandium.calls().len(), seen);
    }
}

/// An app's own cookie that holds the token of its visitor.
#[tokio::test]
async fn a_visitors_own_token_is_no_business_of_pandiums() {
    let pandium = Scripted::start(|_: &Call| vec![ok("page")]).await;
    let app = App::start().await;
    let jwt = "from: jwt\n  jwt: { header: X-Sso, secret: { env: OTHER_SECRET }, algorithms: [HS256] }";
    let claim = ("tenant_id: X-Tenant-Id", "tenant_id: { claim: /sub }");
    let rest = ("    user_email: { header: X-User-Email, optional: true }\n", "");
    let groups = (
        "groups: { header: X-User-Groups, type: list, default: [] }",
        "groups: { claim: /g, type: list, default: [] }",
    );
    let uem = ("    uem: ${session.user_email}\n", "");
    let text = plain(Mount::Path, app.address, pandium.address);
    let sidecar = Sidecar::start(&changed(&text, &[("from: headers", jwt), claim, rest, groups, uem])).await;
    let signed = |sub: &str| {
        let claims = serde_json::json!({ "sub": sub, "exp": 4_000_000_000_u64 });
        let key = jsonwebtoken::EncodingKey::from_secret(OTHER_SECRET.as_bytes());
        format!("X-Sso: {}", jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap())
    };
    let mut browser = Browser::new(Mount::Path, sidecar.visitor(STRANGER), "nobody");
    browser.lines = vec![signed("one")];
    assert_eq!(browser.get(INSTALL, &[]).await.status(), 200);
    assert_eq!(browser.page("/acme").await.status(), 200);
    for call in pandium.calls() {
        assert!(!call.message.head.to_ascii_lowercase().contains("x-sso"), "{}", call.message.head);
    }
    browser.lines = vec![signed("two")];
    assert_eq!(browser.page("/acme").await.status(), 403);
    browser.lines.clear();
    assert_eq!(browser.page("/acme").await.status(), 401);
    assert_eq!((pandium.calls().len(), app.count()), (2, 0));
}
