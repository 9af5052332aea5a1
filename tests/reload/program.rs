//! The real program, its signals, and what it logs.

use crate::harness::child::Serving;
use crate::harness::{
    App, Message, OTHER_SECRET, Reader, SECRET, STRANGER, TRUSTED, changed, claims, claims_under, connect,
    request,
};
use crate::kit::{Volume, filed};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;

const OTHER_CLAIM: (&str, &str) = ("uem: ${session.user_email}", "uem: ${session.tenant_id}@new.example");
const QUIET: (&str, &str) = ("access: true, level: trace", "access: false, level: info");
const ADMIN: (&str, &str) = ("admin: off", "admin: 127.0.0.1:0");

async fn ask(to: SocketAddr, path: &str) -> Message {
    let mut visitor = Reader::new(connect(TRUSTED, to).await);
    visitor.stream().write_all(&request("GET", path, &["X-Tenant-Id: 42"])).await.unwrap();
    visitor.answer().await.unwrap()
}

async fn install(to: SocketAddr) -> Message {
    ask(to, crate::harness::INSTALL).await
}

/// Something that is no request, which is worth a line at the level `debug` alone.
async fn babble(to: SocketAddr) {
    let mut visitor = Reader::new(connect(STRANGER, to).await);
    visitor.stream().write_all(b"no request\r\n\r\n").await.unwrap();
    visitor.answer().await;
}

/// J2 at the pace that people get: within five seconds, whoever swaps what.
#[tokio::test]
async fn a_swap_serves_within_five_seconds() {
    let app = App::start().await;
    let text = changed(&filed(app.address), &[QUIET]);
    let mut volume = Volume::new("pace", &[("config.yaml", &text), ("secret", SECRET)]);
    let mut serving = Serving::start(&volume.path("config.yaml"), &[], &[]);
    let to = serving.address();
    let new = changed(&text, &[OTHER_CLAIM]);
    for (file, content, secret) in
        [("config.yaml", new.as_str(), SECRET), ("secret", OTHER_SECRET, OTHER_SECRET)]
    {
        volume.swap(&[(file, content)]);
        let swapped = Instant::now();
        let serves = async || {
            claims_under(secret, &install(to).await)
                .is_some_and(|claims| claims["ti"]["uem"] == "42@new.example")
        };
        while !serves().await {
            assert!(swapped.elapsed() < Duration::from_secs(5), "{file}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn a_hangup_loads_at_once_and_the_level_and_the_end_are_the_newest() {
    let app = App::start().await;
    let text = changed(&filed(app.address), &[QUIET]);
    let volume = Volume::new("hangup", &[("config.yaml", &text), ("secret", SECRET)]);
    let mut serving = Serving::start(&volume.path("config.yaml"), &["--log-format", "json"], &[]);
    let to = serving.address();
    babble(to).await;
    let new = [OTHER_CLAIM, ("level: info }", "level: debug }\nshutdown: { grace: 7s, delay: 1ms }")];
    volume.rename("config.yaml", &changed(&text, &new));
    serving.signal("HUP");
    serving.line(&["the newest files are served", "\"generation\":2"]);
    assert_eq!(claims(&install(to).await)["ti"]["uem"], "42@new.example");
    babble(to).await;
    serving.line(&["connection ended"]);
    serving.terminate();
    let ended = serving.end();
    assert_eq!(ended.stdout.matches("connection ended").count(), 1, "{}", ended.stdout);
    assert!(ended.stdout.contains("\"delay\":\"1ms\",\"grace\":\"7s\""), "{}", ended.stdout);
    assert_eq!(ended.code, Some(0));
}

/// Pandium knows a tenant by `sub` alone.
#[tokio::test]
async fn another_sub_is_logged_with_both_places() {
    let app = App::start().await;
    let text = changed(&filed(app.address), &[QUIET]);
    let volume = Volume::new("sub", &[("config.yaml", &text), ("secret", SECRET)]);
    let mut serving = Serving::start(&volume.path("config.yaml"), &["--log-format", "json"], &[]);
    serving.address();
    let sub = "sub: ${session.tenant_id}";
    let place = |text: &str| {
        let (at, line) = text.lines().enumerate().find(|(_, line)| line.contains("sub: ")).unwrap();
        format!("{}:{}", at + 1, line.find("${").unwrap() + 1)
    };
    let moved =
        changed(&text, &[("claims:", "# a line more\nclaims:"), (sub, "sub: ${session.tenant_id | upper}")]);
    assert_ne!(place(&text), place(&moved));
    for (newest, generation) in [(&moved, 2), (&changed(&moved, &[OTHER_CLAIM]), 3)] {
        volume.rename("config.yaml", newest);
        serving.signal("HUP");
        serving.line(&["the newest files are served", &format!("\"generation\":{generation}")]);
    }
    serving.terminate();
    let log = serving.end().stdout;
    let said: Vec<_> = log.lines().filter(|line| line.contains("`sub` is made of something else")).collect();
    let [said] = said.as_slice() else { panic!("{log}") };
    for part in [
        "WARN",
        &format!("\"was\":\"{}\"", place(&text)),
        &format!("config.yaml:{}\"", place(&moved)),
        "gwt2hs",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[tokio::test]
async fn a_flag_stands_before_the_newest_file_too() {
    let app = App::start().await;
    let text = changed(&filed(app.address), &[QUIET]);
    let volume = Volume::new("flag", &[("config.yaml", &text), ("secret", SECRET)]);
    let mut serving = Serving::start(&volume.path("config.yaml"), &["--log", "info"], &[]);
    let to = serving.address();
    volume.rename("config.yaml", &changed(&text, &[("level: info", "level: debug"), OTHER_CLAIM]));
    serving.signal("HUP");
    serving.line(&["the newest files are served"]);
    assert_eq!(claims(&install(to).await)["ti"]["uem"], "42@new.example");
    babble(to).await;
    serving.terminate();
    let ended = serving.end();
    assert!(!ended.stdout.contains("connection ended"), "{}", ended.stdout);
}

/// Every problem has its line, as at the start, and no secret is in any.
#[tokio::test]
async fn what_is_wrong_is_logged_and_served_to_the_operator_alone() {
    let app = App::start().await;
    let text = changed(&filed(app.address), &[QUIET, ADMIN]);
    let volume = Volume::new("logged", &[("config.yaml", &text), ("secret", SECRET)]);
    let mut serving = Serving::start(&volume.path("config.yaml"), &[], &[]);
    let (to, admin) = (serving.address(), serving.admin());
    let inline = format!("secret: {SECRET}");
    let broken = [("secret: { file: secret }", inline.as_str()), ("id: 1121", "id: \"11 21\"")];
    volume.rename("config.yaml", &changed(&text, &broken));
    let line =
        |text: &str| changed(&filed(app.address), &[]).lines().position(|it| it.contains(text)).unwrap() + 1;
    serving.line(&["ERROR", &format!("config.yaml:{}:", line("secret: {")), "does not belong in this file"]);
    serving.line(&["ERROR", &format!("config.yaml:{}:", line("id: 1121"))]);
    serving.line(&["ERROR", "this generation serves on"]);
    let told = ask(admin, "/-/ready").await;
    assert_eq!(told.status(), 200);
    assert!(told.text().starts_with("ready\n") && told.text().contains("does not belong"), "{}", told.text());
    assert_eq!(install(to).await.status(), 302);
    volume.remove("secret");
    volume.rename("config.yaml", &text);
    serving.line(&["no key", "account"]);
    assert_eq!(install(to).await.status(), 503);
    let keyless = ask(admin, "/-/ready").await;
    assert!(keyless.status() == 200 && keyless.text().contains("key-unavailable"), "{}", keyless.text());
    serving.terminate();
    let ended = serving.end();
    assert!(!ended.all().contains("canary") && !told.text().contains("canary"), "{}", ended.all());
}
