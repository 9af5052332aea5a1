//! The demo over real sockets: a raw client in the browser's place, and a stand-in sidecar.

// What fails here fails the test, as it should.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod sidecar;

use pandium_sidecar::cli::demo::{Delivery, Demo, Error, Setup};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

fn at(listen: SocketAddr) -> Setup {
    Setup { listen, delivery: Delivery::Redirect, name: None, tls: None }
}

async fn demo() -> Demo {
    let verify = Arc::new(|_: &_, token: &str| sidecar::verify(token));
    Demo::start(&at(ANY), verify, sidecar::start).await.unwrap()
}

/// One request on a connection of its own: head and body of the answer.
async fn ask(to: SocketAddr, line: &str, headers: &[&str], body: &str) -> (String, String) {
    let mut stream = TcpStream::connect(to).await.unwrap();
    let mut request = format!("{line} HTTP/1.1\r\nHost: {to}\r\nContent-Length: {}\r\n", body.len());
    for header in headers.iter().chain(&["Connection: close", ""]) {
        request.extend([header, "\r\n"]);
    }
    stream.write_all((request + body).as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let (head, body) = std::str::from_utf8(&answer).unwrap().split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

async fn get(to: SocketAddr, path: &str, headers: &[&str]) -> (String, String) {
    ask(to, &format!("GET {path}"), headers, "").await
}

fn status(head: &str) -> &str {
    &head[9..12]
}

fn header<'h>(head: &'h str, name: &str) -> &'h str {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).unwrap_or_else(|| panic!("no {name} in {head}")).1
}

/// Signs in by that form: the line that sends the cookie back.
async fn sign_in(to: SocketAddr, form: &str) -> String {
    let (head, _) = ask(to, "POST /login", &[], form).await;
    assert_eq!((status(&head), header(&head, "location")), ("303", "/"), "{head}");
    let cookie = header(&head, "set-cookie");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{cookie}");
    format!("Cookie: {}", cookie.split(';').next().unwrap())
}

/// What Pandium shows where the install route sends this visitor.
async fn pandium(to: SocketAddr, integration: &str, headers: &[&str]) -> String {
    arrive(to, integration, headers).await.2
}

/// Pandium, the line that sends its session back, and the page.
async fn arrive(to: SocketAddr, integration: &str, headers: &[&str]) -> (SocketAddr, String, String) {
    let (head, _) = get(to, &format!("/pandium/install/{integration}"), headers).await;
    assert_eq!(status(&head), "302", "{head}");
    let (host, path) = header(&head, "location").strip_prefix("http://").unwrap().split_once('/').unwrap();
    let host = host.parse().unwrap();
    let (head, _) = get(host, &format!("/{path}"), &[]).await;
    assert_eq!(status(&head), "303", "{head}");
    let session = format!("Cookie: {}", header(&head, "set-cookie").split(';').next().unwrap());
    let (head, body) = get(host, header(&head, "location"), &[&session]).await;
    assert_eq!(status(&head), "200", "{head}\n{body}");
    (host, session, body)
}

/// The head of the answer to that form, or to a question by an absolute address.
async fn at_address(method: &str, address: &str, headers: &[&str], form: &str) -> String {
    let (host, path) = address.strip_prefix("http://").unwrap().split_once('/').unwrap();
    ask(host.parse().unwrap(), &format!("{method} /{path}"), headers, form).await.0
}

#[tokio::test]
async fn a_visitor_signs_in_and_stands_on_pandiums_page() {
    let demo = demo().await;
    let cookie = sign_in(demo.address(), "person=0").await;
    let (head, home) = get(demo.address(), "/", &[&cookie]).await;
    assert_eq!(status(&head), "200");
    assert!(home.contains("src=\"/pandium/install/gwt2hs\"") && home.contains("Zoë Müller"), "{home}");
    let page = pandium(demo.address(), "gwt2hs", &[&cookie]).await;
    for text in ["Pandium understood this", "Zoë Müller", "Northwind GmbH", "known as 42", "Connect HubSpot"]
    {
        assert!(page.contains(text), "{text}: {page}");
    }
}

#[tokio::test]
async fn a_visitor_signs_in_elsewhere_and_comes_back_connected() {
    let demo = demo().await;
    let cookie = sign_in(demo.address(), "person=0").await;
    let (pandium, session, _) = arrive(demo.address(), "gwt2hs", &[&cookie]).await;
    let connected = async || get(pandium, "/api/installs/1121", &[&session]).await.1;
    for (answer, expected) in [("no", "\"connected\":false"), ("yes", "\"connected\":true")] {
        let (head, _) = get(pandium, "/oauth/start/1121", &[&session]).await;
        let (partner, query) = header(&head, "location").split_once('?').unwrap();
        let ask = at_address("GET", &format!("{partner}?{query}"), &[], "").await;
        assert_eq!(status(&ask), "200", "{ask}");
        let head = at_address("POST", partner, &[], &format!("{query}&allow={answer}")).await;
        let back = header(&head, "location");
        assert!(back.starts_with(&format!("http://{pandium}/oauth/callback?")), "{back}");
        assert_eq!(status(&at_address("GET", back, &[], "").await), "200");
        assert!(connected().await.contains(expected), "{answer}: {}", connected().await);

        let elsewhere = query.replace("callback", "elsewhere");
        let refused = [elsewhere.as_str(), "", &query.replace("&state=", "&state=%0d%0a")];
        for form in refused {
            assert_eq!(status(&at_address("POST", partner, &[], form).await), "400", "{form}");
        }
    }
}

#[tokio::test]
async fn each_visitor_is_shown_as_themselves() {
    let demo = demo().await;
    let people = [
        ("person=1", "Jonas Weber", "known as 42", "(none)"),
        ("person=3", "Łukasz Nowak", "known as 77", "crm-export, mailer"),
        ("name=Ada+%3CL%3E&company=Caf%C3%A9+%26+Co", "Ada &lt;L&gt;", "known as 1001", "Café &amp; Co"),
        ("name=%E6%9C%A8&company=Bright+Harbor+Ltd", "木", "known as 77", "Bright Harbor Ltd"),
    ];
    for (form, name, account, text) in people {
        let cookie = sign_in(demo.address(), form).await;
        let page = pandium(demo.address(), "gwt2slack", &[&cookie]).await;
        for text in [name, account, text, "Pandium understood this", "Connect Slack"] {
            assert!(page.contains(text), "{form}, {text}: {page}");
        }
    }
}

#[tokio::test]
async fn a_visitors_own_session_headers_never_pass() {
    let demo = demo().await;
    let forged = [
        "X-Account-Id: 1",
        "X-Account-Name: Evil",
        "X-User-Name: Evil",
        "X-User-Email: e@v",
        "X_User_Email: e@v",
    ];
    let (head, _) = get(demo.address(), "/pandium/install/gwt2hs", &forged).await;
    assert_eq!(status(&head), "401");
    let (_, seen) = get(demo.address(), "/headers", &forged).await;
    assert!(
        !seen.contains("<code>x-account") && !seen.contains("<code>x_") && !seen.contains("<code>x-user"),
        "{seen}"
    );

    let cookie = sign_in(demo.address(), "person=0").await;
    let nominated = "Connection: x-account-id, x-user-name";
    let page = pandium(
        demo.address(),
        "gwt2hs",
        &[&forged[..], &["X-Installed: evil", &cookie, nominated]].concat(),
    )
    .await;
    assert!(page.contains("known as 42") && page.contains("Zoë Müller"), "{page}");
    assert!(!page.to_lowercase().contains("evil"), "{page}");
}

#[tokio::test]
async fn the_app_shows_what_it_saw_but_no_value_that_says_who() {
    let demo = demo().await;
    let cookie = sign_in(demo.address(), "person=2").await;
    let own = ["User-Agent: raw", "X-Own: canary", "Authorization: Basic canary", &cookie];
    let (_, seen) = get(demo.address(), "/headers?q=canary", &own).await;
    for text in
        ["GET /headers<", "<td>raw</td>", "x-own", "present, 6 bytes", "x-account-id", "x-forwarded-proto"]
    {
        assert!(seen.contains(text), "{text}: {seen}");
    }
    // Ports and other numbers of the page may well hold a 77.
    assert!(!seen.contains("canary") && !seen.contains("<td>77</td>"), "{seen}");
}

#[tokio::test]
async fn signing_out_ends_the_session() {
    let demo = demo().await;
    let cookie = sign_in(demo.address(), "person=0").await;
    let (head, _) = ask(demo.address(), "POST /logout", &[&cookie], "").await;
    assert_eq!((status(&head), header(&head, "location")), ("303", "/login"));
    assert!(header(&head, "set-cookie").contains("Max-Age=0"));
    let (head, _) = get(demo.address(), "/", &[&cookie]).await;
    assert_eq!((status(&head), header(&head, "location")), ("303", "/login"));
    let (head, _) = get(demo.address(), "/pandium/install/gwt2hs", &[&cookie]).await;
    assert_eq!(status(&head), "401");
}

#[tokio::test]
async fn a_form_that_is_no_sign_in_is_shown_again() {
    let demo = demo().await;
    let long = format!("name={}&company=a", "x".repeat(17_000));
    for form in ["", "person=4", "person=-1", "name=a", "name=+&company=a", "name=a%0d%0ab&company=a", &long]
    {
        let (head, page) = ask(demo.address(), "POST /login", &[], form).await;
        assert_eq!(status(&head), "400", "{form:.40}");
        assert!(page.contains("role=\"alert\"") && page.contains("Zoë Müller"), "{page}");
    }
}

#[tokio::test]
async fn every_page_is_whole_and_has_a_strict_policy() {
    let demo = demo().await;
    let cookie = sign_in(demo.address(), "person=0").await;
    let pages = [
        ("/login", "200"),
        ("/", "200"),
        ("/?integration=gwt2slack", "200"),
        ("/headers", "200"),
        ("/x", "404"),
    ];
    for (path, code) in pages {
        let (head, page) = get(demo.address(), path, &[&cookie]).await;
        assert_eq!(status(&head), code, "{path}");
        assert!(header(&head, "content-security-policy").starts_with("default-src 'none'; "), "{path}");
        assert!(header(&head, "content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(header(&head, "cache-control"), "no-store");
        assert!(!page.contains("{{") && page.ends_with("</html>\n"), "{path}: {page}");
    }
    let (head, _) = ask(demo.address(), "DELETE /", &[], "").await;
    assert_eq!(status(&head), "405");
}

#[tokio::test]
async fn the_demo_says_why_it_cannot_start() {
    let taken = TcpListener::bind(ANY).await.unwrap();
    let busy = taken.local_addr().unwrap();
    let verify = Arc::new(|_: &_, token: &str| sidecar::verify(token));
    let refuse = async |_: String| Err("line 3: no".to_owned());
    let cases = [
        (
            busy,
            format!(
                "{busy} is in use by another program; choose another with --listen 127.0.0.1:PORT (0: any)"
            ),
        ),
        (
            "0.0.0.0:0".parse().unwrap(),
            "0.0.0.0:0 is not a loopback address: the demo lets everybody in, so it stays on this machine"
                .to_owned(),
        ),
        (ANY, "the sidecar did not start: line 3: no".to_owned()),
    ];
    for (listen, expected) in cases {
        let error: Error = Demo::start(&at(listen), verify.clone(), refuse).await.unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    for (file, why) in [("/nowhere/both.pem", "No such file"), (manifest, "there is no certificate in it")] {
        let setup = Setup { tls: Some(file.into()), ..at(ANY) };
        let error = Demo::start(&setup, verify.clone(), refuse).await.unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot use {file} for TLS: {why}")), "{error}");
    }
}

#[tokio::test]
async fn the_configuration_is_there_while_the_demo_runs() {
    let demo = demo().await;
    let config = demo.config();
    assert!(std::fs::read_to_string(&config).unwrap().contains("listen: 127.0.0.1:0\n"));
    assert!(demo.to_string().contains(&format!("Open http://{}/", demo.address())));
    assert!(demo.to_string().contains(&config.display().to_string()));
    drop(demo);
    assert!(!config.exists());
}
