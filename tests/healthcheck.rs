//! `healthcheck`: what a container hears of the instance that runs in it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod harness;

use harness::child::{Ended, Scratch, Serving, program, run};
use harness::{SECRET, changed, fixture};
use pandium_sidecar::config;
use pandium_sidecar::config::model::Endpoint;
use std::io::{Read, Write};
use std::net::TcpListener;

fn ask(scratch: &Scratch, text: &str) -> Ended {
    let file = scratch.write("asked.yaml", text);
    run(&mut program(&["healthcheck", "--config", file.to_str().unwrap()]))
}

/// The fixture with the operator at this address.
fn operated(admin: &str) -> String {
    changed(&fixture("127.0.0.1:1".parse().unwrap()), &[("admin: off", &format!("admin: {admin}"))])
}

/// A program that takes one connection, and says this.
fn speaker(words: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.write_all(words.as_bytes());
        // To the end of whoever asks, which is at its own deadline where nothing is said.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    port
}

#[test]
fn a_running_instance_is_ready_wherever_its_admin_is() {
    let scratch = Scratch::new("healthy");
    let socket = scratch.path("admin.sock");
    let unix = format!("unix:{}", socket.display());
    let _over_unix = {
        let file = scratch.write("unix.yaml", operated(&unix));
        let mut serving = Serving::start(&file, &[], &[("FIXTURE_SECRET", SECRET)]);
        serving.line(&["health"]);
        serving
    };
    let file = scratch.write("tcp.yaml", operated("127.0.0.1:0"));
    let mut over_tcp = Serving::start(&file, &[], &[("FIXTURE_SECRET", SECRET)]);
    let port = over_tcp.admin().port();
    let tcp = format!("127.0.0.1:{port}");
    for admin in
        [&unix, &tcp, &format!("0.0.0.0:{port}"), &format!("\"[::]:{port}\""), &format!("localhost:{port}")]
    {
        // The secret is not at hand, and nobody asks for it.
        let ended = ask(&scratch, &operated(admin));
        assert_eq!((ended.code, ended.all().as_str()), (Some(0), ""), "{admin}");
    }
    // It serves on with what it read: a file that was broken since is no reason to end it.
    let broken = format!("admin: {tcp}\nlisten: nonsense\nno_such_key: 1\nclaims: ${{env.NOT_THERE}}\n");
    let ended = ask(&scratch, &broken);
    assert_eq!((ended.code, ended.all().as_str()), (Some(0), ""));
    let file = scratch.write("asked.yaml", operated("${env.ADMIN}"));
    let ended = run(program(&["healthcheck"]).env("PANDIUM_SIDECAR_CONFIG", &file).env("ADMIN", &tcp));
    assert_eq!((ended.code, ended.all().as_str()), (Some(0), ""));
}

#[test]
fn what_is_not_ready_ends_in_1_with_the_reason() {
    let scratch = Scratch::new("unhealthy");
    let at = |port| operated(&format!("127.0.0.1:{port}"));
    for (text, reason) in [
        (at(speaker("HTTP/1.1 503 Service Unavailable\r\n\r\nnot ready\n")), "not ready: it says so itself"),
        (at(speaker("HTTP/1.1 404 Not Found\r\n\r\n")), "is no pandium-sidecar"),
        (at(speaker("220 mail.test ESMTP\r\n")), "is no pandium-sidecar"),
        (at(speaker("")), "timed out"),
        (at(1), "Connection refused"),
        (at(0), "the system chose its port"),
        (operated("off"), "`admin` is off"),
        (operated("unix:/nowhere/admin.sock"), "No such file"),
        (operated("nonsense"), "asked.yaml:4:8: admin: an address is wanted here"),
        (operated("${env.NOT_THERE}"), "asked.yaml:4:8: admin: the environment has no NOT_THERE"),
    ] {
        let ended = ask(&scratch, &text);
        assert_eq!(ended.code, Some(1), "{reason}: {}", ended.all());
        assert!(ended.stderr.contains(reason) && ended.stdout.is_empty(), "{reason}: {}", ended.all());
    }
    let ended = run(&mut program(&["healthcheck", "--config", "/nowhere/c.yaml"]));
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("/nowhere/c.yaml: the configuration cannot be read"), "{}", ended.stderr);
}

/// Of a text that no tree can be made of, nothing is known: what is most likely has to do.
#[test]
fn a_file_that_cannot_be_told_has_the_address_that_most_have() {
    let scratch = Scratch::new("untold");
    for text in ["admin: 127.0.0.1:1\nlisten: [\n", "", "- a list\n"] {
        let file = scratch.write("c.yaml", text);
        let admin = config::admin(&file, &|_| None).unwrap();
        assert_eq!(admin, Some(Endpoint::Tcp { host: "127.0.0.1".to_owned(), port: 8711 }), "{text:?}");
    }
}
