//! Values that are not what they seem: bytes, blanks, lists, and text that looks like a template.

use crate::harness::way::{Way, each_way};
use crate::harness::{INSTALL, TRUSTED, assert_minted, assert_refused, claims};
use serde_json::json;

each_way! {
    no_byte_slips_into_a_subject,
    characters_that_control_or_reorder_text_are_refused,
    broken_utf8_is_refused_and_whole_utf8_kept,
    what_means_nobody_is_nobody,
    a_value_has_a_length,
    a_value_is_one_json_string_and_is_never_read_again,
    a_list_is_split_trimmed_and_bounded,
}

fn with_value(value: &[u8]) -> Vec<u8> {
    let head = format!("GET {INSTALL} HTTP/1.1\r\nHost: app.test\r\nX-Tenant-Id: ");
    [head.as_bytes(), value, b"\r\n\r\n"].concat()
}

async fn no_byte_slips_into_a_subject(way: Way) {
    let (_app, sidecar) = way.pair().await;
    let mut visitor = sidecar.visitor(TRUSTED);
    for byte in 0..=255_u8 {
        let case = format!("byte {byte:#04x}");
        let answer = visitor.send(with_value(&[b'a', b'c', byte, b'm', b'e'])).await;
        if (0x20..0x7F).contains(&byte) {
            assert_minted(&answer, &case);
            assert_eq!(claims(&answer)["sub"], format!("ac{}me", char::from(byte)), "{case}");
        } else {
            assert_eq!(answer.status(), 400, "{case}");
            assert!(!answer.resembles_token(), "{case}");
            // What the parser itself refuses has no body.
            assert!(matches!(answer.code().as_str(), "invalid-value" | ""), "{case}");
        }
    }
}

async fn characters_that_control_or_reorder_text_are_refused(way: Way) {
    let (_app, sidecar) = way.pair().await;
    let mut visitor = sidecar.visitor(TRUSTED);
    let bidi = ('\u{202A}'..='\u{202E}').chain('\u{2066}'..='\u{2069}');
    for c in ('\u{80}'..='\u{9F}').chain(bidi) {
        let inside = [format!("ac{c}me"), format!("acme{c}{c}x")];
        // U+0085 is a space to Unicode, and trimmed at the ends.
        let outside = [format!("{c}acme"), format!("acme{c}")].into_iter().filter(|_| c != '\u{85}');
        for value in inside.into_iter().chain(outside) {
            let answer = visitor.send(with_value(value.as_bytes())).await;
            assert_refused(&answer, 400, "invalid-value", &format!("{value:?}"));
        }
    }
}

async fn broken_utf8_is_refused_and_whole_utf8_kept(way: Way) {
    let (_app, sidecar) = way.pair().await;
    for broken in [&b"acme\xff"[..], b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"a\xc3", b"\xe2\x80"]
    {
        let answer = sidecar.send(TRUSTED, with_value(broken)).await;
        assert_refused(&answer, 400, "invalid-value", &format!("{broken:?}"));
    }
    for whole in ["Zoë", "株式会社", "🦀", "a\u{2028}b", "e\u{301}"] {
        let answer = sidecar.send(TRUSTED, with_value(whole.as_bytes())).await;
        assert_eq!(claims(&answer)["sub"], whole);
    }
}

async fn what_means_nobody_is_nobody(way: Way) {
    let (_app, sidecar) = way.pair().await;
    for blank in ["", " ", "\t", " \t  ", "-", "null", "(null)", "undefined", " - ", "\u{A0}", "\u{3000}"] {
        let answer = sidecar.send(TRUSTED, with_value(blank.as_bytes())).await;
        assert_refused(&answer, 401, "signed-out", &format!("{blank:?}"));
    }
    let answer = sidecar.install(TRUSTED, &["X-User-Email: a@b"]).await;
    assert_refused(&answer, 401, "signed-out", "no header at all");
}

async fn a_value_has_a_length(way: Way) {
    let (_app, sidecar) = way.pair().await;
    for (length, minted) in [(4096, true), (4097, false), (10_240, false), (60_000, false)] {
        let answer = sidecar.send(TRUSTED, with_value(&vec![b'a'; length])).await;
        if minted {
            assert_minted(&answer, "4096 bytes");
        } else {
            assert_refused(&answer, 400, "invalid-value", &length.to_string());
        }
    }
    let huge = sidecar.visitor(TRUSTED).try_send(with_value(&vec![b'a'; 200_000])).await;
    if let Some(answer) = huge {
        assert_eq!((answer.status(), answer.resembles_token()), (431, false));
    }
}

/// oauth2-proxy, Oathkeeper, heimdall: values that were pasted into templates.
async fn a_value_is_one_json_string_and_is_never_read_again(way: Way) {
    let (_app, sidecar) = way.pair().await;
    let mut visitor = sidecar.visitor(TRUSTED);
    for value in [
        r#"a@b","role":"admin"#,
        r#"a@b"},"sub":"evil","x":{"y":"#,
        r"a\",
        r"a\u0022b",
        r"a\\",
        "${session.tenant_id}",
        "$${session.tenant_id}",
        "${env.FIXTURE_SECRET}",
        "${integration.id | upper}",
        "{{x}}",
        "{% raw %}",
        "<%= x %>",
        "#{x}",
        "%{x}",
        "a\u{2028}b\u{2029}c",
        "</script><script>alert(1)</script>",
        "%22%7d",
        "&quot;",
        "'",
        "`id`",
        "$(id)",
    ] {
        let email = format!("X-User-Email: {value}");
        let groups = format!("X-User-Groups: {value}");
        let answer = visitor.install(&["X-Tenant-Id: acme", &email, &groups]).await;
        assert_minted(&answer, value);
        let claims = claims(&answer);
        let items: Vec<&str> = value.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
        let ti = json!({
            "uem": value, "ili": items,
            "xti": { "connector_name": "gwt", "integration_name": "gwt2hs" },
        });
        assert_eq!(claims["ti"], ti, "{value}");
        assert_eq!(claims["sub"], "acme");
        let names: Vec<_> = claims.as_object().unwrap().keys().collect();
        assert_eq!(names, ["iat", "jti", "sub", "ti"], "{value}");
    }
}

async fn a_list_is_split_trimmed_and_bounded(way: Way) {
    let (_app, sidecar) = way.pair().await;
    let most = (0..100).map(|n| n.to_string()).collect::<Vec<_>>();
    for (value, items) in [
        ("a,,b, c", json!(["a", "b", "c"])),
        (",", json!([])),
        (" , , ,", json!([])),
        ("a", json!(["a"])),
        ("a b,c", json!(["a b", "c"])),
        (r#"["a","b"]"#, json!([r#"["a""#, r#""b"]"#])),
        ("a;b|c", json!(["a;b|c"])),
        (&most.join(","), json!(most)),
        (&format!("{},,,", most.join(",")), json!(most)),
    ] {
        let answer = sidecar.install(TRUSTED, &["X-Tenant-Id: a", &format!("X-User-Groups: {value}")]).await;
        assert_eq!(claims(&answer)["ti"]["ili"], items, "{value}");
    }
    for value in [format!("{},100", most.join(",")), "a,".repeat(2000)] {
        let answer = sidecar.install(TRUSTED, &["X-Tenant-Id: a", &format!("X-User-Groups: {value}")]).await;
        assert_refused(&answer, 400, "invalid-value", &value);
    }
}
