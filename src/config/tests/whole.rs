//! What only shows when the whole file is read.

use crate::config::{Options, load_text, parse_listen};

pub(super) const FILE: &str = "\
version: 1
trust: { peers: [10.0.0.1] }
pandium: { account: acme, environment: sandbox, secret: { env: KEY } }
session:
  from: headers
  fields: { account_id: X-Account-Id }
claims:
  sub: ${session.account_id}
  ti: { xti: { connector_name: a, integration_name: b } }
integrations:
  gwt2hs: { id: 1121 }
";

fn environment(name: &str) -> Option<String> {
    let value = match name {
        "KEY" => "0123456789abcdef0123456789abcdef",
        "OTHER_KEY" => "0123456789abcdef0123456789abcdeg",
        "THIRD_KEY" => "0123456789abcdef0123456789abcdefg",
        "PADDED_KEY" => "0123456789abcdef0123456789abcdef\n",
        "HEX_KEY" => "3031323334353637383961626364656630313233343536373839616263646566",
        "PORT" => "8710",
        "CANARY" => "canary",
        "CANARY_PORT" => "31337",
        "CANARY_NET" => "192.0.2.77/24",
        "CANARY_SIZE" => "31337k",
        "CANARY_HEADER" => "X-Canary:",
        "CANARY_WIDE" => "0.0.0.0/1",
        "HOST_HEADER" => "HoSt",
        "OWN_HEADER" => "X-Pandium-Url",
        _ => return None,
    };
    Some(value.to_owned())
}

const OPTIONS: Options<'_> = Options { env: &environment, without_secrets: false, listen: None };

/// The headlines of all problems of the file with some of it changed.
pub(super) fn problems(from: &str, to: &str, listen: Option<&str>) -> Vec<String> {
    assert!(FILE.contains(from), "{from}");
    let text = FILE.replace(from, to);
    let listen = listen.map(|listen| parse_listen(listen).unwrap());
    let options = Options { listen: listen.as_ref(), ..OPTIONS };
    match load_text("f", &text, &options) {
        Ok(loaded) => loaded.warnings.iter().map(|warning| warning.headline("f")).collect(),
        Err(invalid) => {
            invalid.to_string().lines().filter(|line| line.starts_with("f:")).map(str::to_owned).collect()
        }
    }
}

#[test]
fn the_app_is_not_where_we_listen() {
    const LOOP: &str = "this is where we listen ourselves";
    for (settings, listen, says) in [
        ("listen: 0.0.0.0:3000\nupstream: http://127.0.0.1:3000", None, Some("it is our `listen`")),
        ("upstream: http://localhost:8710", None, Some(LOOP)),
        ("upstream: http://LOCALHOST:8710", None, Some(LOOP)),
        ("upstream: http://localhost:8711", None, Some("it is our `admin`")),
        ("upstream: http://0.0.0.0:8710", None, Some(LOOP)),
        ("listen: \"[::]:3000\"\nupstream: http://127.0.0.1:3000", None, Some(LOOP)),
        ("listen: \"[::]:3000\"\nupstream: \"http://[::ffff:127.0.0.1]:3000\"", None, Some(LOOP)),
        ("listen: localhost:3000\nupstream: \"http://[::1]:3000\"", None, Some(LOOP)),
        ("listen: a.internal:3000\nupstream: http://A.internal:3000", None, Some(LOOP)),
        ("listen: unix:/a\nupstream: unix:/a\ntrust: { peers: [unix] }", None, Some(LOOP)),
        ("listen: 0.0.0.0:3000\nupstream: http://10.0.0.2:3000", None, None),
        ("listen: 0.0.0.0:3000\nupstream: \"http://[::1]:3000\"", None, None),
        ("listen: 127.0.0.2:3000\nupstream: http://127.0.0.1:3000", None, None),
        ("listen: 10.0.0.2:3000\nupstream: http://127.0.0.1:3000", None, None),
        ("upstream: http://localhost:3000", None, None),
        ("upstream: http://127.0.0.1:3000", Some("0.0.0.0:3000"), Some(LOOP)),
        ("listen: 127.0.0.1:3000\nupstream: http://127.0.0.1:3000", Some("127.0.0.1:4000"), None),
        ("upstream: http://127.0.0.1:${env.PORT}", None, Some(LOOP)),
    ] {
        let all = problems("trust: { peers: [10.0.0.1] }", &with_trust(settings), listen);
        match says {
            Some(says) => {
                assert!(matches!(all.as_slice(), [one] if one.contains(says)), "{settings}: {all:#?}");
            }
            None => assert_eq!(all, [""; 0], "{settings}"),
        }
        assert!(!all.iter().any(|problem| problem.contains(":8710")), "{all:#?}");
    }
}

/// The settings, with the usual trust unless they have their own.
fn with_trust(settings: &str) -> String {
    let trust = if settings.contains("trust") { "" } else { "\ntrust: { peers: [10.0.0.1] }" };
    format!("{settings}{trust}")
}

#[test]
fn admin_is_not_a_listener() {
    for (settings, listen, wrong) in [
        ("admin: 127.0.0.1:8710", None, true),
        ("admin: localhost:8710", None, true),
        ("admin: 0.0.0.0:8710", None, true),
        ("listen: 0.0.0.0:8711", None, true),
        ("listen: [127.0.0.1:1, 127.0.0.1:8711]", None, true),
        ("listen: unix:/a\nadmin: unix:/a\ntrust: { peers: [unix] }", None, true),
        ("log: { access: false }", Some("127.0.0.1:8711"), true),
        ("listen: 10.0.0.2:8711", None, false),
        ("listen: 127.0.0.1:0\nadmin: 127.0.0.1:0", None, false),
        ("listen: 127.0.0.1:8711\nadmin: off", None, false),
        ("listen: 127.0.0.1:8711", Some("127.0.0.1:8710"), false),
    ] {
        let all = problems("trust: { peers: [10.0.0.1] }", &with_trust(settings), listen);
        let found = all.iter().any(|problem| problem.contains("`admin` and `listen` are one address"));
        assert!(found == wrong && all.len() == usize::from(wrong), "{settings}: {all:#?}");
    }
}

#[test]
fn trust_fits_the_listeners() {
    const MESH: &str = "loopback peers alone are believed";
    const NOBODY: &str = "nobody whom this believes can come in";
    for (settings, listen, says) in [
        ("listen: 0.0.0.0:1\ntrust: { peers: [127.0.0.1] }", None, Some(MESH)),
        ("listen: 0.0.0.0:1\ntrust: { peers: [127.0.0.1, unix] }", None, Some(MESH)),
        ("listen: 0.0.0.0:1\ntrust: { peers: [127.0.0.0/8, \"unix:33\"] }", None, Some(MESH)),
        ("trust: { peers: [127.0.0.1] }", Some("0.0.0.0:1"), Some(MESH)),
        ("listen: unix:/a\ntrust: { peers: [127.0.0.1] }", None, Some(NOBODY)),
        ("trust: { peers: [unix] }", None, Some(NOBODY)),
        ("trust: { peers: [\"unix:33\"] }", None, Some(NOBODY)),
        ("trust: { peers: [10.0.0.1] }", Some("unix:/a"), Some(NOBODY)),
        ("listen: 0.0.0.0:1\ntrust: { peers: [127.0.0.1, 10.0.0.2] }", None, None),
        ("listen: [unix:/a, 127.0.0.1:1]\ntrust: { peers: [127.0.0.1, unix] }", None, None),
        ("listen: unix:/a\ntrust: { peers: [unix] }", None, None),
    ] {
        let all = problems("trust: { peers: [10.0.0.1] }", settings, listen);
        match says {
            Some(says) => {
                assert!(matches!(all.as_slice(), [one] if one.contains(says)), "{settings}: {all:#?}");
            }
            None => assert_eq!(all, [""; 0], "{settings}"),
        }
    }
}

/// Each with all that is said of it, in order.
fn all_say(cases: &[(&str, &str, &[&str])]) {
    for (from, to, says) in cases {
        let all = problems(from, to, None);
        assert_eq!(all.len(), says.len(), "{to}: {all:#?}");
        for (problem, says) in all.iter().zip(*says) {
            assert!(problem.contains(says), "{to}: {problem} lacks {says}");
        }
    }
}

const ID: &str = "{ id: 1121 }";

#[test]
fn ids_by_place_are_all_read() {
    all_say(&[
        (ID, "{ id: { acme: 1, beta: 2, production: 3 } }", &[]),
        (ID, "{ id: { production: 3, sandbox: 4 } }", &[]),
        (ID, "{ id: { sandbox: 4, acme: 1 } }", &["gwt2hs.id: two of these ids fit"]),
        (ID, "{ id: { acme: 1, production: a/b } }", &["gwt2hs.id.production: `a/b` is not a name"]),
        (
            ID,
            "{ id: { acme: 1, production: x } }",
            &["warning: integrations.gwt2hs.id.production: Pandium's ids"],
        ),
        (
            ID,
            "{ id: { acme: 1, \"a b\": 2 } }",
            &["an environment (production, sandbox, demo) or an account"],
        ),
        (
            ID,
            "{ id: { beta: 2 } }",
            &["there is no id for the account in `pandium.account`, nor for environment"],
        ),
    ]);
    let settings = "account: acme, base_url: \"https://pandium.test\"";
    let by_place = FILE.replace("account: acme, environment: sandbox", settings);
    assert_ne!(by_place, FILE);
    for (id, says) in [("acme: 1", None), ("sandbox: 1", Some("nor for its environment"))] {
        let text = by_place.replace(ID, &format!("{{ id: {{ {id} }} }}"));
        let said = load_text("f", &text, &OPTIONS).err().map(|invalid| invalid.to_string());
        assert!(
            said.as_deref().map(|said| said.contains(says.unwrap_or("?"))) == says.map(|_| true),
            "{said:?}"
        );
    }
}

#[test]
fn one_slip_hides_no_other() {
    all_say(&[
        (
            ID,
            "{ id: 1, integration_name: [], connector_name: [], vars: { \"a b\": 1, c: null } }",
            &["integration_name: text", "connector_name: text", "vars.\"a b\"", "vars.c: text, a number"],
        ),
        (
            ID,
            "{ id: 1, connector_nam: \"${\" }",
            &["connector_nam: there is no such key", "`${` without `}`"],
        ),
    ]);
}

#[test]
fn two_flaws_at_one_place_are_said_once_for_all_integrations() {
    let text = FILE.replace(ID, "{ id: 1 }\n  b: { id: 2 }\n  c: { id: 3 }");
    let text = text.replace("sub: ${session.account_id}", "sub: ${integration.key | default(a)}");
    let said = load_text("f", &text, &OPTIONS).err().unwrap().to_string();
    assert_eq!(said.matches("all tenants would share").count(), 1, "{said}");
    assert_eq!(said.matches("`default` in `sub`").count(), 1, "{said}");
}

#[test]
fn defaults_are_what_a_visitor_could_send() {
    let field = |field: &str| format!("X-Account-Id, other: {{ header: X-Other, {field} }} ");
    let many = |count: usize| format!("type: list, default: [{}]", vec!["a"; count].join(", "));
    let deep = |levels: usize| format!("type: json, default: {}{}", "[".repeat(levels), "]".repeat(levels));
    for (written, says) in [
        ("default: \"a\\u0007\"".to_owned(), Some("other.default: this holds a control character")),
        ("default: \"a\\u202e\"".to_owned(), Some("this holds a bidi override")),
        ("type: list, default: [a, \"\\u202e\"]".to_owned(), Some("this holds a bidi override")),
        ("type: json, default: { a: \"\\u202e\" }".to_owned(), Some("JSON of at most 16 levels")),
        (deep(17), Some("JSON of at most 16 levels")),
        (deep(16), None),
        (many(101), Some("a list of more than 100 items")),
        (many(100), None),
        ("max_bytes: 3, default: four".to_owned(), Some("this is longer than its max_bytes, 3")),
        ("max_bytes: 3, type: list, default: [ab, cd]".to_owned(), Some("longer than its max_bytes")),
        ("max_bytes: 4, default: four".to_owned(), None),
    ] {
        let all = problems("X-Account-Id ", &field(&written), None);
        assert_eq!(all.len(), usize::from(says.is_some()), "{written}: {all:#?}");
        assert!(all.iter().all(|problem| problem.contains(says.unwrap_or("?"))), "{written}: {all:#?}");
    }
}

#[test]
fn the_environment_is_not_repeated() {
    for (from, to) in [
        ("trust:", "listen: ${env.CANARY_PORT}\ntrust:"),
        ("trust:", "limits: { header_bytes: \"${env.CANARY_SIZE}\" }\ntrust:"),
        ("10.0.0.1", "\"${env.CANARY_NET}\""),
        ("10.0.0.1", "\"${env.CANARY_WIDE}\""),
        ("X-Account-Id", "\"${env.CANARY_HEADER}\""),
        ("X-Account-Id", "\"${env.HOST_HEADER}\""),
        ("X-Account-Id", "\"${env.OWN_HEADER}\""),
        ("environment: sandbox", "base_url: \"${env.CANARY}\""),
        ("sandbox", "\"${env.CANARY}\""),
    ] {
        let all = problems(from, to, None).join("\n");
        assert!(!all.is_empty(), "{to}");
        for canary in ["31337", "192.0.2", "anary\u{60}", "X-Canary", "HoSt", "Pandium-Url", "0.0.0.0"] {
            assert!(!all.contains(canary), "{to}: {all}");
        }
    }
}

#[test]
fn trust_is_missed_where_headers_are_asked_for() {
    let all = problems("trust: { peers: [10.0.0.1] }\n", "", None);
    assert!(matches!(all.as_slice(), [one] if one.starts_with("f:4:9: session.from: ")), "{all:#?}");
}

#[test]
fn a_marketplace_that_is_told_nothing_is_warned_of() {
    const CLAIMS: &str =
        "  sub: ${session.account_id}\n  ti: { xti: { connector_name: a, integration_name: b } }";
    let shown = "routes: { marketplace: { path: /m } }\nclaims:\n";
    let nothing = "nothing but `sub` is left of the claims";
    for (ti, warned) in [
        ("{ xti: { connector_name: a, integration_name: b } }", false),
        ("{ xti: { connector_name: \"${integration.key}\", integration_name: b } }", false),
        (
            "{ xti: { connector_name: \"${integration.key}\", integration_name: \"${integration.id}\" } }",
            true,
        ),
        (
            "{ ili: [\"${integration.id}\"], xti: { connector_name: \"${integration.key}\", integration_name: \"x-${integration.id | upper}\" } }",
            true,
        ),
    ] {
        let claims = CLAIMS.replace("{ xti: { connector_name: a, integration_name: b } }", ti);
        let all = problems(&format!("claims:\n{CLAIMS}"), &format!("{shown}{claims}"), None);
        let about = all.iter().filter(|problem| problem.contains(nothing)).count();
        assert_eq!((about, all.len()), (usize::from(warned), usize::from(warned)), "{ti}: {all:#?}");
    }
    // Nothing is lost where nothing was there.
    let bare =
        problems(&format!("claims:\n{CLAIMS}"), &format!("{shown}  sub: ${{session.account_id}}"), None);
    assert!(bare.iter().all(|problem| !problem.contains(nothing)), "{bare:#?}");
}

#[test]
fn who_is_asked_is_not_where_we_listen() {
    for (settings, probe, says) in [
        ("", "url: \"http://127.0.0.1:8710/who\"", Some("it is our `listen`")),
        ("", "url: \"http://localhost:8711/who\"", Some("it is our `admin`")),
        ("listen: 0.0.0.0:3000", "url: \"http://localhost:3000\"", Some("it is our `listen`")),
        ("listen: 0.0.0.0:3000", "url: \"http://10.0.0.2:3000\"", None),
        ("", "url: \"http://127.0.0.1:3000/who\"", None),
        ("upstream: http://127.0.0.1:3000", "path: /who", None),
    ] {
        let asked = format!("from: probe\n  probe: {{ {probe} }}");
        let text =
            FILE.replace("from: headers", &asked).replace("version: 1", &format!("version: 1\n{settings}"));
        let all = match load_text("f", &text, &OPTIONS) {
            Ok(loaded) => loaded.warnings.iter().map(|warning| warning.headline("f")).collect(),
            Err(invalid) => invalid.to_string(),
        };
        match says {
            Some(says) => {
                assert!(all.contains("session.probe.url: this is where we") && all.contains(says), "{all}");
            }
            None => assert_eq!(all, "", "{probe}"),
        }
    }
}

#[test]
fn two_accounts_with_one_secret_are_warned_of() {
    let one = "pandium: { account: acme, environment: sandbox, secret: { env: KEY } }";
    let accounts = |third: &str| {
        let place = "environment: sandbox, secret:";
        format!(
            "pandium:\n  account: acme\n  accounts:\n    acme: {{ {place} {{ env: KEY }} }}\n    \
             globex: {{ {place} {{ env: OTHER_KEY }} }}\n    third: {{ {place} {third} }}"
        )
    };
    for (third, warned) in [
        ("{ env: THIRD_KEY }", false),
        ("{ env: KEY }", true),
        ("{ env: PADDED_KEY }", true),
        ("{ env: HEX_KEY, encoding: hex }", true),
        ("{ env: HEX_KEY }", false),
    ] {
        let mut all = problems(one, &accounts(third), None);
        all.retain(|problem| !problem.contains("the secret looks like hex"));
        let about =
            all.iter().filter(|problem| problem.contains("third: it has the secret of `acme`")).count();
        assert_eq!((about, all.len()), (usize::from(warned), usize::from(warned)), "{third}: {all:#?}");
    }
}
