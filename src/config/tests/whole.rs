//! What only shows when the whole file is read.

use crate::config::{Options, load_text, parse_listen};

const FILE: &str = "\
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
        "PORT" => "8710",
        "CANARY" => "canary",
        "CANARY_PORT" => "31337",
        "CANARY_NET" => "192.0.2.77/24",
        "CANARY_SIZE" => "31337k",
        "CANARY_HEADER" => "X-Canary:",
        "HOST_HEADER" => "HoSt",
        _ => return None,
    };
    Some(value.to_owned())
}

/// The headlines of all problems of the file with some of it changed.
fn problems(from: &str, to: &str, listen: Option<&str>) -> Vec<String> {
    assert!(FILE.contains(from), "{from}");
    let text = FILE.replace(from, to);
    let listen = listen.map(|listen| parse_listen(listen).unwrap());
    let options = Options { env: &environment, without_secrets: false, listen: listen.as_ref() };
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
                assert!(matches!(all.as_slice(), [one] if one.contains(says)), "{settings}: {all:#?}")
            }
            None => assert_eq!(all, [""; 0], "{settings}"),
        }
    }
}
