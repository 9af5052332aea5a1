//! Files that change, go, come back, and are caught in the middle of it.

use crate::harness::{
    App, OTHER_SECRET, SECRET, STRANGER, TRUSTED, assert_minted, assert_refused, changed, claims,
    claims_under,
};
use crate::kit::{Living, Volume, filed, trio};
use serde_json::json;
use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

const TENANT: &str = "X-Tenant-Id: 42";
const OTHER_CLAIM: (&str, &str) = ("uem: ${session.user_email}", "uem: ${session.tenant_id}@new.example");

/// J1: a changed template stays old nowhere. However the file comes to be another.
#[tokio::test]
async fn a_changed_file_serves() {
    let (app, mut volume, living) = trio("changed").await;
    let text = filed(app.address);
    let new = changed(&text, &[OTHER_CLAIM]);
    let mut visitor = living.sidecar.visitor(TRUSTED);
    assert_eq!(claims(&visitor.install(&[TENANT]).await)["ti"]["uem"], json!(null));
    volume.rename("config.yaml", &new);
    living.serves(2).await;
    assert_eq!(claims(&visitor.install(&[TENANT]).await)["ti"]["uem"], "42@new.example");
    volume.swap(&[("config.yaml", &text)]);
    living.serves(3).await;
    assert_eq!(claims(&visitor.install(&[TENANT]).await)["ti"]["uem"], json!(null));
    volume.write("config.yaml", &new);
    living.serves(4).await;
    assert_eq!(claims(&visitor.install(&[TENANT]).await)["ti"]["uem"], "42@new.example");
    assert!(visitor.is_connected());
}

/// J2, the secret: and with it the fingerprint.
#[tokio::test]
async fn a_changed_secret_signs() {
    let (_app, mut volume, living) = trio("rotated").await;
    let before = living.serves(1).await.accounts[0].fingerprint.clone();
    volume.swap(&[("secret", OTHER_SECRET)]);
    let after = living.serves(2).await.accounts[0].fingerprint.clone();
    assert!(before.is_some() && after.is_some() && before != after);
    let minted = living.sidecar.install(TRUSTED, &[TENANT]).await;
    assert!(claims_under(OTHER_SECRET, &minted).is_some());
    volume.rename("secret", SECRET);
    assert_eq!(living.serves(3).await.accounts[0].fingerprint, before);
    assert!(claims_under(SECRET, &living.sidecar.install(TRUSTED, &[TENANT]).await).is_some());
}

/// One swap changes two files at once; neither serves without the other.
#[tokio::test]
async fn what_is_swapped_together_serves_together() {
    let (app, mut volume, living) = trio("together").await;
    let new = changed(&filed(app.address), &[OTHER_CLAIM, ("file: secret", "file: other")]);
    volume.swap(&[("config.yaml", &new), ("other", OTHER_SECRET)]);
    // A new file of a ConfigMap gets its link after the swap.
    symlink("..data/other", volume.path("other")).unwrap();
    living.serves(2).await;
    let minted = living.sidecar.install(TRUSTED, &[TENANT]).await;
    assert_eq!(claims_under(OTHER_SECRET, &minted).unwrap()["ti"]["uem"], "42@new.example");
}

/// J3: the old generation serves on, and says what is wrong and where; the next good file serves.
#[tokio::test]
async fn a_broken_file_changes_nothing_but_what_the_operator_is_told() {
    let (app, volume, living) = trio("broken").await;
    let text = filed(app.address);
    let broken = changed(&text, &[("from: headers", "from: header"), OTHER_CLAIM]);
    volume.rename("config.yaml", &broken);
    let told = living.stands(|standing| standing.failed.is_some()).await;
    assert_eq!((told.generation.number(), told.ready), (1, true));
    let why = told.failed.unwrap();
    let line = broken.lines().position(|line| line.contains("from: header")).unwrap() + 1;
    assert!(why.contains(&format!("config.yaml:{line}:")) && why.contains("session.from"), "{why}");
    assert_eq!(claims(&living.sidecar.install(TRUSTED, &[TENANT]).await)["ti"]["uem"], json!(null));
    volume.rename("config.yaml", &changed(&text, &[OTHER_CLAIM]));
    living.serves(2).await;
    assert_eq!(claims(&living.sidecar.install(TRUSTED, &[TENANT]).await)["ti"]["uem"], "42@new.example");
    volume.remove("config.yaml");
    let told = living.stands(|standing| standing.failed.is_some()).await;
    assert!(told.failed.unwrap().contains("cannot be read"));
    assert_minted(&living.sidecar.install(TRUSTED, &[TENANT]).await, "without a file");
}

/// The old file is no change, but it is what the operator should hear of: all is well again.
#[tokio::test]
async fn the_old_file_in_place_of_a_broken_one_is_well_again() {
    let (app, volume, living) = trio("mended").await;
    volume.rename("config.yaml", "version: 1\n");
    living.stands(|standing| standing.failed.is_some()).await;
    volume.rename("config.yaml", &filed(app.address));
    living.stands(|standing| standing.failed.is_none()).await;
    assert_minted(&living.sidecar.install(TRUSTED, &[TENANT]).await, "the old file");
}

/// J3 and J4: no key, no token, whatever became of the key; and nothing but minting ends.
#[tokio::test]
async fn without_its_key_nothing_is_minted_until_it_is_back() {
    let (app, volume, living) = trio("keyless").await;
    let mut generation = 1;
    let placements: [(&str, &dyn Fn()); 4] = [
        ("gone", &|| volume.remove("secret")),
        ("empty", &|| volume.write("secret", "")),
        ("blank", &|| volume.write("secret", " \n")),
        ("a directory", &|| {
            volume.remove("secret");
            fs::create_dir(volume.path("..data/secret")).unwrap();
        }),
    ];
    for (case, place) in placements {
        place();
        generation += 1;
        let told = living.serves(generation).await;
        assert_eq!(told.accounts[0].fingerprint, None, "{case}");
        assert!(told.ready && told.to_string().contains("no key for acme, from secret:"), "{case}: {told}");
        let refused = living.sidecar.install(TRUSTED, &[TENANT]).await;
        assert_refused(&refused, 503, "key-unavailable", case);
        assert_eq!(living.sidecar.get(STRANGER, "/any", &[]).await.status(), 200, "{case}");
        assert_eq!(app.last().first_line(), "GET /any HTTP/1.1");
        let _ = fs::remove_dir(volume.path("..data/secret"));
        volume.write("secret", SECRET);
        generation += 1;
        living.serves(generation).await;
        assert_minted(&living.sidecar.install(TRUSTED, &[TENANT]).await, case);
    }
}

/// A key that was never there is a slip of the pen, and costs nobody a token.
#[tokio::test]
async fn a_new_file_that_names_a_key_that_is_not_there_is_not_served() {
    let (app, volume, living) = trio("misnamed").await;
    let text = filed(app.address);
    for wrong in ["{ file: secrte }", "{ env: UNSET }"] {
        volume.rename("config.yaml", &changed(&text, &[("{ file: secret }", wrong), OTHER_CLAIM]));
        let told = living.stands(|standing| standing.failed.is_some()).await;
        assert!(told.failed.unwrap().contains("pandium.secret"), "{wrong}");
        assert_eq!(claims(&living.sidecar.install(TRUSTED, &[TENANT]).await)["ti"]["uem"], json!(null));
        volume.rename("config.yaml", &text);
        living.stands(|standing| standing.failed.is_none()).await;
    }
}

/// Whom to believe is in that secret: nobody is believed without it, and nobody on old terms who
/// would not be on new ones.
#[tokio::test]
async fn a_trusted_headers_secret_that_goes_leaves_the_old_generation() {
    let app = App::start().await;
    let shown = "trust: { header: { name: X-Edge, value: { file: edge } } }";
    let text = changed(&filed(app.address), &[("trust: { peers: 127.0.0.2 }", shown)]);
    let files = [("config.yaml", text.as_str()), ("secret", SECRET), ("edge", "one-secret-0123456789")];
    let volume = Volume::new("edge", &files);
    let living = Living::start(&volume).await;
    let install = |edge: &'static str| living.sidecar.install(STRANGER, Box::leak(Box::new([TENANT, edge])));
    assert_minted(&install("X-Edge: one-secret-0123456789").await, "the first");
    volume.remove("edge");
    living.stands(|standing| standing.failed.as_deref().is_some_and(|why| why.contains("trust"))).await;
    assert_minted(&install("X-Edge: one-secret-0123456789").await, "the old one stays");
    assert_refused(&install("X-Edge: ").await, 403, "untrusted-peer", "none");
    volume.write("edge", "two-secret-0123456789");
    living.serves(2).await;
    assert_refused(&install("X-Edge: one-secret-0123456789").await, 403, "untrusted-peer", "the old one");
    assert_minted(&install("X-Edge: two-secret-0123456789").await, "the new one");
}

/// Somebody writes a key slowly, in place. What has not stood still from one look to the next signs
/// nothing, and an empty moment is no missing key.
#[tokio::test]
async fn half_a_key_signs_nothing() {
    const EVERY: Duration = Duration::from_millis(100);
    let app = App::start().await;
    let volume = Volume::new("half", &[("config.yaml", &filed(app.address)), ("secret", SECRET)]);
    let living = Living::start_looking(&volume, EVERY).await;
    let mut visitor = living.sidecar.visitor(TRUSTED);
    let mut before = SECRET;
    for new in [OTHER_SECRET, SECRET, OTHER_SECRET, SECRET] {
        for end in 0..=new.len() {
            let written = Instant::now();
            volume.write("secret", &new[..end]);
            tokio::time::sleep(EVERY / 20).await;
            let answer = visitor.install(&[TENANT]).await;
            let still = written.elapsed() >= EVERY;
            let whole = || [before, new].iter().any(|secret| claims_under(secret, &answer).is_some());
            assert!(still || answer.status() == 302 && whole(), "{end} bytes of a key");
        }
        while claims_under(new, &visitor.install(&[TENANT]).await).is_none() {
            tokio::time::sleep(EVERY / 20).await;
        }
        before = new;
    }
}

/// At once, and whether anything has changed or not.
#[tokio::test]
async fn whoever_asks_for_it_does_not_wait() {
    let (app, volume, living) = trio("asked").await;
    living.reloader.now();
    living.serves(2).await;
    volume.rename("config.yaml", &changed(&filed(app.address), &[OTHER_CLAIM]));
    living.reloader.now();
    living.serves(3).await;
    assert_eq!(claims(&living.sidecar.install(TRUSTED, &[TENANT]).await)["ti"]["uem"], "42@new.example");
}
