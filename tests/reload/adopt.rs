//! What changes with another configuration, for whom, and what stays.

use crate::harness::script::{Scripted, Sign, Step, ok};
use crate::harness::{
    App, INSTALL, Reader, STRANGER, Sidecar, TRUSTED, assert_minted, assert_refused, changed, claims,
    connect, fixture, request,
};
use serde_json::json;
use tokio::io::AsyncWriteExt;

const TENANT: &str = "X-Tenant-Id: 42";

/// Another claim in the fixture.
const OTHER_CLAIM: (&str, &str) = ("uem: ${session.user_email}", "uem: ${session.tenant_id}@new.example");

#[tokio::test]
async fn the_next_token_is_made_by_the_new_file_over_connections_that_stay() {
    let app = App::start().await;
    let text = fixture(app.address);
    let mut sidecar = Sidecar::start(&text).await;
    let mut visitor = sidecar.visitor(TRUSTED);
    assert_eq!(visitor.get("/", &[]).await.status(), 200);
    assert_eq!(claims(&visitor.install(&[TENANT]).await)["ti"]["uem"], json!(null));
    assert_eq!(sidecar.standing().generation.number(), 1);

    sidecar.adopt(&changed(&text, &[OTHER_CLAIM])).await;
    assert_eq!(sidecar.standing().generation.number(), 2);
    assert!(visitor.is_connected());
    assert_eq!(claims(&visitor.install(&[TENANT]).await)["ti"]["uem"], "42@new.example");
    assert_eq!(visitor.get("/", &[]).await.status(), 200);
    assert_eq!(app.connections(), 1, "the connection to the app stays, too");

    sidecar.adopt(&text).await;
    assert_eq!(sidecar.standing().generation.number(), 3);
    assert_eq!(claims(&visitor.install(&[TENANT]).await)["ti"]["uem"], json!(null));
}

#[tokio::test]
async fn another_app_gets_what_comes_from_now_on() {
    let (one, two) = (App::start().await, App::start().await);
    let text = fixture(one.address);
    let mut sidecar = Sidecar::start(&text).await;
    let mut visitor = sidecar.visitor(STRANGER);
    visitor.get("/one", &[]).await;
    sidecar.adopt(&changed(&text, &[(&one.address.to_string(), &two.address.to_string())])).await;
    visitor.get("/two", &[]).await;
    assert_eq!((one.count(), two.count()), (1, 1));
    sidecar.adopt(&changed(&text, &[(&format!("upstream: http://{}\n", one.address), "")])).await;
    assert_refused(&visitor.get("/none", &[]).await, 404, "not-found", "no app");
}

/// One request waits for the app before the change and after it.
#[tokio::test]
async fn what_is_under_way_ends_by_the_file_that_it_began_with() {
    let (asked, answer) = (Sign::default(), Sign::default());
    let (tell, wait) = (asked.clone(), answer.clone());
    let app = Scripted::start(move |call| match call.path() {
        "/who" if call.nth == 0 && call.connection == 0 => {
            let who = "HTTP/1.1 200 OK\r\nX-Tenant-Id: 42\r\nContent-Length: 0\r\n\r\n";
            vec![Step::Tell(tell.clone()), Step::Await(wait.clone()), Step::Say(who.into())]
        }
        _ => vec![ok("app")],
    })
    .await;
    let probing = [("from: headers", "from: probe\n  probe: { path: /who }")];
    let text = changed(&fixture(app.address), &probing);
    let mut sidecar = Sidecar::start(&text).await;
    let mut early = sidecar.visitor(STRANGER);
    let first = tokio::spawn(async move { early.send(request("GET", INSTALL, &[])).await });
    asked.wait().await;
    sidecar
        .adopt(&changed(&text, &[OTHER_CLAIM, ("probe: { path: /who }", "probe: { path: /other }")]))
        .await;
    // Nobody is there by the new file, and nobody's connection waits for the first.
    assert_refused(&sidecar.install(STRANGER, &[]).await, 401, "signed-out", "by the new file");
    answer.give();
    let minted = first.await.unwrap();
    assert_minted(&minted, "by the old file");
    assert_eq!(claims(&minted)["ti"]["uem"], json!(null));
}

#[tokio::test]
async fn what_needs_a_restart_is_named_and_the_rest_counts() {
    let app = App::start().await;
    let text = changed(&fixture(app.address), &[("admin: off", "admin: 127.0.0.1:0")]);
    let mut sidecar = Sidecar::start(&text).await;
    assert_eq!(ready(&sidecar).await, (200, "ready\n".to_owned()));
    let moved = [
        ("listen: 127.0.0.1:0", "listen: 127.0.0.3:0"),
        ("admin: 127.0.0.1:0", "admin: off"),
        ("log: {", "limits: { connections: 7 }\nlog: { format: json,"),
        OTHER_CLAIM,
    ];
    sidecar.adopt(&changed(&text, &moved)).await;
    let told = "ready\nafter a restart alone count: listen, admin, limits.connections, log.format\n";
    assert_eq!(ready(&sidecar).await, (200, told.to_owned()));
    assert_eq!(claims(&sidecar.install(TRUSTED, &[TENANT]).await)["ti"]["uem"], "42@new.example");
    sidecar.adopt(&text).await;
    assert_eq!(ready(&sidecar).await, (200, "ready\n".to_owned()));
}

async fn ready(sidecar: &Sidecar) -> (u16, String) {
    let mut operator = Reader::new(connect(STRANGER, sidecar.admin()).await);
    operator.stream().write_all(&request("GET", "/-/ready", &[])).await.unwrap();
    let answer = operator.answer().await.unwrap();
    (answer.status(), answer.text())
}

#[tokio::test]
async fn bounds_count_for_connections_that_begin_after_them() {
    let app = App::start().await;
    let text = fixture(app.address);
    let mut sidecar = Sidecar::start(&text).await;
    let many: Vec<String> = (0..30).map(|n| format!("X-{n}: 1")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let mut early = sidecar.visitor(STRANGER);
    assert_eq!(early.get("/", &many).await.status(), 200);
    sidecar.adopt(&format!("{text}limits: {{ headers: 20 }}\n")).await;
    assert_eq!(early.get("/", &many).await.status(), 200);
    assert_eq!(sidecar.visitor(STRANGER).get("/", &many).await.status(), 431);
}
