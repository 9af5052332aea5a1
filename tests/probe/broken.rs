//! An app that answers a probe in every wrong way: a code, no token, and the next visitor is served.

use crate::harness::{Sidecar, TRUSTED, assert_minted, assert_refused, changed, claims, nobody};
use crate::{answer, app, install, json, known, probing, probing_json, say};

const COOKIES: [&str; 2] = ["sid=new; Path=/; HttpOnly", "theme=dark"];
const SETS: [&str; 2] = ["Set-Cookie: sid=new; Path=/; HttpOnly", "Set-Cookie: theme=dark"];
const JSON: &str = "Content-Type: application/json";

struct Case {
    name: &'static str,
    said: String,
    status: u16,
    code: &'static str,
}

fn case(name: &'static str, said: impl Into<String>, status: u16, code: &'static str) -> Case {
    Case { name, said: said.into(), status, code }
}

/// An answer that names its cookies, a status and the body's framing apart.
fn raw(lines: &[&str], body: &str) -> String {
    let lines = crate::harness::joined(&[lines, &SETS].concat());
    format!("HTTP/1.1 200 OK\r\n{lines}\r\n{body}")
}

fn with_cookies(status: &str, lines: &[&str], body: &str) -> String {
    answer(status, &[lines, &SETS].concat(), body)
}

/// Each case, then a whole answer over the same connection, and over another.
async fn play(sidecar: &Sidecar, good: &str, cases: &[Case]) {
    for Case { name, said, status, code } in cases {
        let mut visitor = sidecar.visitor(TRUSTED);
        let refused = visitor.install(&[&say(said)]).await;
        assert_refused(&refused, *status, code, name);
        assert_eq!(refused.values("set-cookie"), COOKIES, "{name}");
        assert!(visitor.is_connected(), "{name}");
        assert_minted(&visitor.install(&[&say(good)]).await, name);
        assert_minted(&install(sidecar, good).await, name);
    }
}

#[tokio::test]
async fn answers_in_headers() {
    let app = app().await;
    let sidecar = Sidecar::start(&probing(&app)).await;
    let tenant = "X-Tenant-Id: acme";
    let of = |value: &str| with_cookies("200 OK", &[&format!("X-Tenant-Id: {value}")], "ok");
    let mut cases = vec![
        case("twice", with_cookies("200 OK", &[tenant, tenant], "ok"), 400, "duplicate-header"),
        case(
            "twice, in two cases",
            with_cookies("200 OK", &[tenant, "x-TENANT-id: evil"], "ok"),
            400,
            "duplicate-header",
        ),
        case("another spelling", with_cookies("200 OK", &["X_Tenant_Id: acme"], "ok"), 401, "signed-out"),
        case("bidi", of("acme\u{202e}evil"), 400, "invalid-value"),
        case("5 KB", of(&"a".repeat(5000)), 400, "invalid-value"),
        case("nothing", of(""), 401, "signed-out"),
        case(
            "incomplete by nothing required",
            with_cookies("200 OK", &["X-User-Email: a@b"], ""),
            401,
            "signed-out",
        ),
        case(
            "truncated",
            raw(&[tenant, "Content-Length: 99", "Connection: close"], "short"),
            502,
            "session-unavailable",
        ),
        case(
            "garbage in chunks",
            raw(&[tenant, "Transfer-Encoding: chunked"], "zz\r\nok\r\n0\r\n\r\n"),
            502,
            "session-unavailable",
        ),
        case(
            "chunks that end",
            raw(&[tenant, "Transfer-Encoding: chunked", "Connection: close"], "ff\r\nok"),
            502,
            "session-unavailable",
        ),
    ];
    for word in ["-", "null", "(null)", "undefined", "  "] {
        cases.push(case("a word for none", of(word), 401, "signed-out"));
    }
    for status in [
        "201 Created",
        "202 Accepted",
        "203 Other",
        "301 Moved",
        "302 Found",
        "401 No",
        "403 No",
        "404 No",
        "429 Later",
        "500 Broken",
        "503 Later",
    ] {
        let lines = [tenant, "Location: http://evil.test/"];
        cases.push(case("not 200", with_cookies(status, &lines, "no"), 401, "signed-out"));
    }
    for status in ["204 Nothing", "304 Same"] {
        let said = format!("HTTP/1.1 {status}\r\n{tenant}\r\n{}\r\n\r\n", SETS.join("\r\n"));
        cases.push(case("not 200", said, 401, "signed-out"));
    }
    play(&sidecar, &known(&[tenant]), &cases).await;
}

#[tokio::test]
async fn answers_in_json() {
    let app = app().await;
    let sidecar = Sidecar::start(&probing_json(&app)).await;
    let good = r#"{"tenant":{"id":"acme"}}"#;
    let of = |body: &str| with_cookies("200 OK", &[JSON], body);
    let mut cases = vec![
        case("no such member", of(r#"{"user":{"mail":"a@b"}}"#), 401, "signed-out"),
        case(
            "twice the type",
            with_cookies("200 OK", &["Content-Type: text/html", JSON], good),
            401,
            "signed-out",
        ),
        case(
            "truncated",
            raw(&[JSON, "Content-Length: 99", "Connection: close"], good),
            502,
            "session-unavailable",
        ),
    ];
    for kind in [
        "text/html",
        "text/plain",
        "text/json",
        "application/javascript",
        "application/jsonx",
        "image/x+json",
    ] {
        let said = with_cookies("200 OK", &[&format!("Content-Type: {kind}")], good);
        cases.push(case("another type", said, 401, "signed-out"));
    }
    cases.push(case("no type", with_cookies("200 OK", &[], good), 401, "signed-out"));
    for body in [
        "",
        "{",
        "<p>Sign in</p>",
        "{\"tenant\":{\"id\":\"acme\"}",
        "{\"tenant\":{\"id\":\"acme\"}}x",
        "{'a':1}",
        "NaN",
        "\u{feff}{}",
        "{\"tenant\":{\"id\":\"\\ud800\"}}",
    ] {
        cases.push(case("no JSON", of(body), 502, "session-unavailable"));
    }
    cases.push(case("deep", of(&"[".repeat(3000)), 502, "session-unavailable"));
    for value in [
        "true",
        "1.5",
        "1e3",
        "-0",
        "18446744073709551616",
        "[]",
        "[\"acme\"]",
        "{}",
        r#""a\u0000b""#,
        r#""a\nb""#,
        r#""a\u202eb""#,
    ] {
        cases.push(case("not text", of(&format!(r#"{{"tenant":{{"id":{value}}}}}"#)), 400, "invalid-value"));
    }
    for word in ["null", "\"\"", "\"-\"", "\"null\"", "\"(null)\"", "\" \""] {
        let said = of(&format!(r#"{{"tenant":{{"id":{word}}}}}"#));
        cases.push(case("a word for none", said, 401, "signed-out"));
    }
    play(&sidecar, &json(good), &cases).await;
}

/// Two readers may differ on which of the two counts: the app's and ours, say.
#[tokio::test]
async fn names_that_stand_twice() {
    let app = app().await;
    let sidecar = Sidecar::start(&probing_json(&app)).await;
    let of = |body: &str| with_cookies("200 OK", &[JSON], body);
    let mut cases = Vec::new();
    for body in [
        r#"{"tenant":{"id":"acme"},"tenant":{"id":"acme"}}"#,
        r#"{"tenant":{"id":"acme","id":"evil"}}"#,
        r#"{"tenant":{"id":"acme","\u0069d":"evil"}}"#,
        r#"{"tenant":{"id":"acme"},"other":[{"a":1,"a":1}]}"#,
    ] {
        cases.push(case("a name twice", of(body), 502, "session-unavailable"));
    }
    play(&sidecar, &json(r#"{"tenant":{"id":"acme"}}"#), &cases).await;
}

#[tokio::test]
async fn lists_in_json() {
    let app = app().await;
    let sidecar = Sidecar::start(&probing_json(&app)).await;
    let of = |body: &str| with_cookies("200 OK", &[JSON], body);
    let mut cases = Vec::new();
    let of_groups = |items: &str| of(&format!(r#"{{"tenant":{{"id":"acme"}},"user":{{"groups":{items}}}}}"#));
    let many = format!("[{}]", vec!["\"a\""; 101].join(","));
    for items in
        ["[[\"a\"]]", "[true]", "[null]", "[{}]", "[1.5]", "{}", "true", "7", r#"["a\u0007"]"#, &many]
    {
        cases.push(case("no list of text", of_groups(items), 400, "invalid-value"));
    }
    play(&sidecar, &json(r#"{"tenant":{"id":"acme"}}"#), &cases).await;
}

/// No head of an answer: no cookies either.
#[tokio::test]
async fn answers_that_are_none() {
    let app = app().await;
    let sidecar = Sidecar::start(&probing(&app)).await;
    let good = known(&["X-Tenant-Id: acme"]);
    for said in ["nonsense\r\n\r\n", "HTTP/1.1 200 OK\r\nX-Tenant-Id: acme\u{0}\r\n\r\n", ""] {
        let mut visitor = sidecar.visitor(TRUSTED);
        assert_refused(&visitor.install(&[&say(said)]).await, 502, "session-unavailable", said);
        assert_minted(&visitor.install(&[&say(&good)]).await, said);
    }
}

#[tokio::test]
async fn late_answers() {
    let app = app().await;
    let sidecar = Sidecar::start(&changed(&probing(&app), &[("timeout: 15s", "timeout: 1s")])).await;
    let mut visitor = sidecar.visitor(TRUSTED);
    let silent = visitor.install(&["Cookie: a=b"]).await;
    assert_refused(&silent, 504, "session-unavailable", "silent");
    let half = raw(&["X-Tenant-Id: acme", "Content-Length: 99"], "half");
    let late = visitor.install(&[&say(half)]).await;
    assert_refused(&late, 504, "session-unavailable", "half");
    assert_eq!(late.values("set-cookie"), COOKIES);
    assert!(visitor.is_connected());
}

/// As large as it may be, and larger, with a length and in one chunk.
#[tokio::test]
async fn the_size_of_an_answer_has_an_end() {
    let app = app().await;
    let in_headers = Sidecar::start(&probing(&app)).await;
    let in_json = Sidecar::start(&probing_json(&app)).await;
    let body = r#"{"tenant":{"id":"acme"}}"#;
    let said = |framing: &str| say(raw(&[JSON, "X-Tenant-Id: acme", framing], body));
    for sidecar in [in_headers, in_json] {
        let mut visitor = sidecar.visitor(TRUSTED);
        for (length, fits) in [(65_536, true), (65_537, false), (200_000, false), (65_536, true)] {
            let pad = length - body.len();
            let cookie = format!("{}; pad={pad}", said(&format!("Content-Length: {length}")));
            let answer = visitor.install(&[&cookie]).await;
            assert_eq!(answer.values("set-cookie"), COOKIES, "{length}");
            if fits {
                assert_minted(&answer, "fits");
            } else {
                assert_refused(&answer, 502, "session-unavailable", "too large");
            }
        }
        let chunk = format!("HTTP/1.1 200 OK\r\n{JSON}\r\nTransfer-Encoding: chunked\r\n\r\n20000\r\n");
        let endless = visitor.install(&[&format!("{}; pad=131072", say(chunk))]).await;
        assert_refused(&endless, 502, "session-unavailable", "one chunk");
        assert_minted(&visitor.install(&[&said("Content-Length: 24")]).await, "after all that");
    }
}

#[tokio::test]
async fn an_app_that_is_not_there() {
    let app = app().await;
    let (_held, gone) = nobody();
    let file = changed(&probing(&app), &[(&app.address.to_string(), &gone.to_string())]);
    let sidecar = Sidecar::start(&file).await;
    let mut visitor = sidecar.visitor(TRUSTED);
    for _ in 0..2 {
        let refused = visitor.install(&[&say(known(&["X-Tenant-Id: acme"]))]).await;
        assert_refused(&refused, 502, "session-unavailable", "gone");
    }
    assert_eq!(app.count(), 0);
}

/// A body of the visitor's is no second request, to us or to the app.
#[tokio::test]
async fn a_visitors_body_goes_nowhere() {
    let app = app().await;
    let sidecar = Sidecar::start(&probing(&app)).await;
    let cookie = say(known(&["X-Tenant-Id: acme"]));
    let body = "GET /smuggled HTTP/1.1\r\nHost: app.test\r\n\r\n";
    let length = format!("Content-Length: {}", body.len());
    let mut visitor = sidecar.visitor(TRUSTED);
    let mut bytes = crate::harness::request("GET", crate::harness::INSTALL, &[&cookie, &length]);
    bytes.extend_from_slice(body.as_bytes());
    let minted = visitor.send(&bytes).await;
    assert_minted(&minted, "with a body");
    assert_eq!(claims(&minted)["sub"], "acme");
    assert_minted(&visitor.install(&[&cookie]).await, "behind a body");
    assert!(
        app.seen()
            .iter()
            .all(|asked| asked.first_line().starts_with("GET /who-am-i") && asked.body.is_empty())
    );
}
