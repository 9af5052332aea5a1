//! The log at its finest holds nothing of what the app says, or of what it was asked with.

use crate::harness::child::{Scratch, Serving};
use crate::harness::{App, INSTALL, assert_refused, changed};
use crate::harness::{Reader, SECRET, STRANGER, connect, request};
use crate::{answer, app, handing_off, known, probing, probing_json, say};
use tokio::io::AsyncWriteExt;

/// As it is, and as the cookie `say` has it.
const MARKS: [&str; 2] = ["kanarie", "6b616e61726965"];

#[tokio::test]
async fn no_line_holds_what_was_said() {
    let app = app().await;
    let answers = [
        known(&["X-Tenant-Id: kanarie-1", "Set-Cookie: sid=kanarie-2", "X-User-Email: kanarie-3"]),
        known(&["X-Tenant-Id: kanarie-1", "X-Tenant-Id: kanarie-2"]),
        known(&["X-Tenant-Id: kanarie\u{202e}"]),
        known(&["X-User-Email: kanarie"]),
        answer("302 Found", &["Location: /kanarie", "X-Tenant-Id: kanarie"], "kanarie"),
        answer("200 OK", &["Content-Type: application/json"], r#"{"tenant":{"id":"kanarie"}}"#),
        answer("200 OK", &["Content-Type: application/json"], r#"{"tenant":{"id":["kanarie"]}}"#),
        answer("200 OK", &["Content-Type: application/json"], "kanarie"),
        "HTTP/1.1 200 OK\r\nX-Tenant-Id: kanarie\r\nTransfer-Encoding: chunked\r\n\r\nkanarie\r\n".to_owned(),
        "kanarie\r\n\r\n".to_owned(),
    ];
    let scratch = Scratch::new("probe-silent");
    for (n, file) in [probing(&app), probing_json(&app), handing_off(&app)].into_iter().enumerate() {
        let config = scratch.write(&format!("{n}.yaml"), file);
        let mut serving = Serving::start(&config, &["--log", "trace"], &[("FIXTURE_SECRET", SECRET)]);
        let address = serving.address();
        for said in &answers {
            let lines = [&say(said), "Cookie: kanarie=kanarie", "Authorization: Basic kanarie"];
            let mut reader = Reader::new(connect(STRANGER, address).await);
            let target = format!("{INSTALL}?kanarie=kanarie");
            reader
                .stream()
                .write_all(&request("GET", &target, &lines.map(|line| line as &str)))
                .await
                .unwrap();
            reader.answer().await.unwrap();
        }
        serving.terminate();
        let ended = serving.end();
        assert_eq!(ended.code, Some(0));
        let all = ended.all();
        assert!(all.matches("request_id").count() >= answers.len(), "{all}");
        assert!(!MARKS.iter().any(|mark| all.contains(mark)), "{all}");
        assert!(!all.contains("eyJ") && !all.contains(SECRET), "{all}");
    }
}

/// The app may listen on a unix socket.
#[tokio::test]
async fn a_unix_socket_is_asked_too() {
    let scratch = Scratch::new("probe-unix");
    let path = scratch.path("app.sock");
    let app = App::on_unix(&path);
    let file = changed(
        &probing(&app),
        &[("upstream: http://0.0.0.0:0", &format!("upstream: unix:{}", path.display()))],
    );
    let sidecar = crate::harness::Sidecar::start(&file).await;
    let refused = sidecar.install(STRANGER, &["Cookie: a=b"]).await;
    assert_refused(&refused, 401, "signed-out", "the app names nobody");
    assert_eq!(app.last().first_line(), "GET /who-am-i?for=pandium HTTP/1.1");
    assert_eq!((app.last().values("host"), app.last().values("cookie")), (vec!["app.test"], vec!["a=b"]));
}
