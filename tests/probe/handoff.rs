//! `session.from: handoff`: the visitor's own request goes to the app, whose answer decides.

use crate::harness::{INSTALL, STRANGER, Sidecar, assert_minted, assert_refused, changed, claims};
use crate::{answer, app, handing_off, install, known, say};

const FIELDS: [&str; 3] = ["x-tenant-id", "x-user-email", "x-user-groups"];

#[tokio::test]
async fn a_200_that_names_somebody_becomes_the_delivery() {
    let app = app().await;
    let sidecar = Sidecar::start(&handing_off(&app)).await;
    let lines =
        ["X-Tenant-Id: acme", "X-User-Groups: a,b", "Set-Cookie: sid=new", "ETag: \"a\"", "X-Other: 1"];
    let mut visitor = sidecar.visitor(STRANGER);
    let minted = visitor.install(&[&say(answer("200 OK", &lines, "the app's own page"))]).await;
    assert_minted(&minted, "named");
    assert_eq!((&claims(&minted)["sub"], &claims(&minted)["ti"]["ili"][1]), (&"acme".into(), &"b".into()));
    assert!(minted.body.is_empty());
    assert_eq!(minted.values("set-cookie"), ["sid=new"]);
    for name in FIELDS.iter().chain(&["etag", "x-other"]) {
        assert!(minted.values(name).is_empty(), "{name}");
    }
    assert_minted(&visitor.install(&[&say(known(&["X-Tenant-Id: acme"]))]).await, "again");
}

/// Whoever takes trailers gets none from a request that is handed over: a session could be in them.
#[tokio::test]
async fn no_field_of_the_session_is_shown_in_trailers() {
    let app = app().await;
    let sidecar = Sidecar::start(&handing_off(&app)).await;
    let said = "HTTP/1.1 302 Found\r\nLocation: /login\r\nTrailer: X-Tenant-Id, X-Sum\r\n\
        Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Tenant-Id: acme\r\nX-Sum: 1\r\n\r\n";
    let mut visitor = sidecar.visitor(STRANGER);
    let passed = visitor.install(&["TE: trailers", "Connection: TE", &say(said)]).await;
    assert_eq!((passed.status(), passed.text().as_str(), passed.trailers.as_str()), (302, "ok", ""));
    assert!(passed.values("trailer").is_empty(), "{}", passed.head);
}

#[tokio::test]
async fn any_other_answer_is_the_visitors() {
    let app = app().await;
    let sidecar = Sidecar::start(&handing_off(&app)).await;
    let fields = ["X-Tenant-Id: acme", "X-User-Email: a@b", "X-User-Groups: a"];
    let own =
        ["Location: /login", "Set-Cookie: a=b", "Set-Cookie: c=d", "ETag: \"a\"", "Content-Type: text/html"];
    for status in [
        "201 Created",
        "206 Partial",
        "301 Moved",
        "302 Found",
        "303 Other",
        "401 No",
        "403 No",
        "404 No",
        "418 Tea",
        "500 Broken",
    ] {
        let said = answer(status, &[&fields[..], &own].concat(), "the app's own");
        let passed = install(&sidecar, said).await;
        assert_eq!(passed.first_line().split(' ').nth(1), status.split(' ').next());
        assert_eq!(passed.text(), "the app's own", "{status}");
        assert_eq!(passed.values("location"), ["/login"], "{status}");
        assert_eq!(passed.values("set-cookie"), ["a=b", "c=d"], "{status}");
        assert!(FIELDS.iter().all(|name| passed.values(name).is_empty()), "{status}");
    }
    for status in ["204 Nothing", "304 Same"] {
        let said = format!("HTTP/1.1 {status}\r\n{}\r\nETag: \"a\"\r\n\r\n", fields.join("\r\n"));
        let passed = install(&sidecar, said).await;
        assert_eq!(passed.values("etag"), ["\"a\""], "{status}");
        assert!(FIELDS.iter().all(|name| passed.values(name).is_empty()), "{status}");
        assert!(!passed.resembles_token() && passed.values("location").is_empty(), "{status}");
    }
}

/// A 200 with nobody in it is the app's own page, such as its login form.
#[tokio::test]
async fn a_200_that_names_nobody_is_the_visitors() {
    let app = app().await;
    let sidecar = Sidecar::start(&handing_off(&app)).await;
    for lines in [
        &["X-Other: 1"][..],
        &["X-Other: 1", "X-Tenant-Id: -"],
        &["X-Other: 1", "X-Tenant-Id:", "X-User-Email: null"],
        &["X-Other: 1", "X_Tenant_Id: acme"],
        // Meant for one connection, and gone with it (RFC 9110 §7.6.1).
        &["X-Other: 1", "X-Tenant-Id: acme", "Connection: x-tenant-id"],
    ] {
        let passed = install(&sidecar, answer("200 OK", lines, "sign in")).await;
        assert_eq!((passed.status(), passed.text().as_str()), (200, "sign in"), "{lines:?}");
        assert_eq!(passed.values("x-other"), ["1"], "{lines:?}");
        assert!(FIELDS.iter().all(|name| passed.values(name).is_empty()), "{lines:?}");
        assert!(!passed.resembles_token(), "{lines:?}");
    }
}

#[tokio::test]
async fn a_200_that_is_wrong_is_refused() {
    let app = app().await;
    let email = ("user_email: { header: X-User-Email, optional: true }", "user_email: X-User-Email");
    let sidecar = Sidecar::start(&changed(&handing_off(&app), &[email])).await;
    for (lines, status, code) in [
        (&["X-Tenant-Id: acme"][..], 403, "incomplete-session"),
        (&["X-User-Email: a@b", "X-Tenant-Id: -"], 403, "incomplete-session"),
        (&["X-User-Groups: a"], 401, "signed-out"),
        (&["X-User-Email: a@b", "X-Tenant-Id: acme", "X-Tenant-Id: evil"], 400, "duplicate-header"),
        (&["X-Tenant-Id: -", "X-Tenant-Id: evil"], 400, "duplicate-header"),
        (&["X-User-Email: a@b", "X-Tenant-Id: a\u{202e}b"], 400, "invalid-value"),
    ] {
        let mut visitor = sidecar.visitor(STRANGER);
        let lines = [&["Set-Cookie: sid=new"], lines].concat();
        let refused = visitor.install(&[&say(known(&lines))]).await;
        assert_refused(&refused, status, code, code);
        assert_eq!(refused.values("set-cookie"), ["sid=new"], "{code}");
        let good = say(known(&["X-Tenant-Id: acme", "X-User-Email: a@b"]));
        assert_minted(&visitor.install(&[&good]).await, code);
        assert_minted(&sidecar.install(STRANGER, &[&good]).await, code);
    }
}

/// With these the app could answer 304 or 206 where a 200 is needed.
#[tokio::test]
async fn the_app_gets_the_request_without_conditions_and_ranges() {
    let app = app().await;
    let sidecar = Sidecar::start(&handing_off(&app)).await;
    let conditions =
        ["If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Range"];
    let lines: Vec<String> = conditions.iter().map(|name| format!("{name}: \"a\"")).collect();
    let acme = say(known(&["X-Tenant-Id: acme"]));
    let own =
        [acme.as_str(), "Accept: text/html", "Authorization: Basic YTpi", "X-Tenant-Id: evil", "X-Other: 1"];
    let lines: Vec<&str> = lines.iter().map(String::as_str).chain(own).collect();
    let minted = sidecar.get(STRANGER, &format!("{INSTALL}?display=x"), &lines).await;
    assert_eq!(claims(&minted)["sub"], "acme");
    let asked = app.last();
    assert_eq!(asked.first_line(), format!("GET {INSTALL}?display=x HTTP/1.1"));
    for name in &conditions {
        assert!(asked.values(name).is_empty(), "{name}");
    }
    for (name, value) in [
        ("host", "app.test"),
        ("accept", "text/html"),
        ("authorization", "Basic YTpi"),
        ("x-other", "1"),
        ("x-forwarded-for", STRANGER),
    ] {
        assert_eq!(asked.values(name), [value], "{name}");
    }
    // The app's own requests keep theirs.
    sidecar.get(STRANGER, "/page", &lines).await;
    assert!(conditions.iter().all(|name| app.last().values(name) == ["\"a\""]));
}

#[tokio::test]
async fn an_app_that_does_not_answer() {
    let app = app().await;
    let file = changed(&handing_off(&app), &[("log:", "timeouts: { response: 1s }\nlog:")]);
    let sidecar = Sidecar::start(&file).await;
    let mut visitor = sidecar.visitor(STRANGER);
    let good = say(known(&["X-Tenant-Id: acme"]));
    let silent = visitor.install(&["Cookie: a=b"]).await;
    assert_refused(&silent, 504, "session-unavailable", "silent");
    for said in ["nonsense\r\n\r\n", "HTTP/1.1 101 Switching\r\nX-Tenant-Id: acme\r\n\r\n"] {
        assert_refused(&visitor.install(&[&say(said)]).await, 502, "session-unavailable", said);
    }
    assert_minted(&visitor.install(&[&good]).await, "after all that");
}

/// It is the visitor who is wrong then, and not the app.
#[tokio::test]
async fn a_visitors_broken_body_is_the_visitors_fault() {
    let app = app().await;
    let sidecar = Sidecar::start(&handing_off(&app)).await;
    let good = say(known(&["X-Tenant-Id: acme"]));
    let mut bytes = crate::harness::request("GET", INSTALL, &[&good, "Transfer-Encoding: chunked"]);
    bytes.extend_from_slice(b"zz\r\nGET /smuggled HTTP/1.1\r\nHost: app.test\r\n\r\n");
    let mut visitor = sidecar.visitor(STRANGER);
    let refused = visitor.send(&bytes).await;
    assert_eq!((refused.status(), refused.code().as_str()), (400, "bad-request"), "{}", refused.head);
    assert!(!refused.resembles_token());
    assert!(!visitor.is_connected());
    assert_eq!(app.count(), 0);
}
