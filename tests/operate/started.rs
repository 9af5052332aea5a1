//! What is said at the start: who serves what, and why nobody does.

use crate::harness::child::{Scratch, Serving, program, run};
use crate::harness::{App, SECRET, changed, fixture};
use serde_json::Value;
use std::net::TcpListener;

#[tokio::test]
async fn the_start_names_program_file_and_key() {
    let app = App::start().await;
    let scratch = Scratch::new("started");
    let file = scratch.write("config.yaml", fixture(app.address));
    let mut serving = Serving::start(&file, &["--log-format", "json"], &[("FIXTURE_SECRET", SECRET)]);
    let line = serving.line(&["\"started\""]);
    let told: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(told["version"], env!("CARGO_PKG_VERSION"), "{line}");
    assert_eq!(told["config"], file.to_str().unwrap(), "{line}");
    let fingerprint = told["keys"].as_str().unwrap().strip_prefix("acme ").unwrap();
    assert!(fingerprint.len() == 8 && u32::from_str_radix(fingerprint, 16).is_ok(), "{line}");
}

#[tokio::test]
async fn an_address_that_is_taken_is_told_with_its_key() {
    let app = App::start().await;
    let scratch = Scratch::new("taken");
    for (key, free) in [("listen", "listen: 127.0.0.1:0"), ("admin", "admin: off")] {
        let holder = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = holder.local_addr().unwrap();
        let text = changed(&fixture(app.address), &[(free, &format!("{key}: {at}"))]);
        let file = scratch.write("config.yaml", text);
        let mut command = program(&["serve", "--config", file.to_str().unwrap()]);
        let ended = run(command.env("FIXTURE_SECRET", SECRET));
        let advice = format!("; end what listens there, or give `{key}` another address");
        assert_eq!(ended.code, Some(1));
        for words in [format!("{key}: cannot listen at {at}: Address already in use"), advice] {
            assert!(ended.all().contains(&words), "{words} in {}", ended.all());
        }
    }
}
