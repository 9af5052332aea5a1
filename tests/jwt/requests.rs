//! Tokens on requests, over real sockets: what mints, what is refused, and what the app sees.

use crate::harness::child::Scratch;
use crate::harness::way::{Way, over_each_transport};
use crate::harness::{
    App, Message, SECRET, STRANGER, Sidecar, TRUSTED, assert_minted, assert_refused, changed, claims, fixture,
};
use crate::issuer::{Issuer, jwks};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

over_each_transport! {
    a_token_that_holds_says_who_the_visitor_is,
    a_token_that_does_not_hold_is_nobodys,
    nothing_that_a_token_names_is_fetched,
    some_tokens_are_of_nobody,
    the_header_is_ours_on_our_routes_and_the_apps_elsewhere,
    what_a_claim_holds_is_read_as_a_header_is,
    a_token_may_come_in_a_cookie,
    authorization_can_carry_it_and_a_secret_can_check_it,
    a_token_of_ours_is_no_session,
}

const SESSION: &str = "session:
  from: jwt
  jwt:
    header: X-Assertion
    jwks: { file: JWKS }
    algorithms: [ES256, RS256]
    issuer: https://id.example
    audience: [sidecar, other]
  fields:
    tenant_id: { claim: /org/id }
    user_email: { claim: /email, optional: true }
    groups: { claim: /groups, type: list, default: [] }
claims:";

/// The fixture with a token as the session, and keys in this file.
pub fn with_token(app: SocketAddr, jwks: &std::path::Path) -> String {
    let text = fixture(app);
    let start = text.find("session:").unwrap();
    let end = text.find("claims:").unwrap() + "claims:".len();
    text.replace(&text[start..end], SESSION).replace("JWKS", jwks.to_str().unwrap())
}

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// What an issuer says of somebody of Acme.
pub fn good_claims() -> Value {
    json!({
        "iss": "https://id.example", "aud": ["sidecar"], "iat": now(), "nbf": now(), "exp": now() + 300,
        "sub": "user-7", "email": "zoe@acme.example", "groups": ["a", 2, ""], "org": {"id": 42},
    })
}

/// The same but for some of it.
pub fn but(changes: &Value) -> Value {
    let mut claims = good_claims();
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

struct Room {
    app: App,
    sidecar: Sidecar,
    issuer: Issuer,
    _scratch: Scratch,
}

async fn room(way: Way, name: &str, changes: &[(&str, &str)]) -> Room {
    let (scratch, issuer) = (Scratch::new(name), Issuer::p256());
    let keys = [issuer.jwk(Some("1")), Issuer::rsa().jwk(Some("2"))];
    let file = scratch.write("jwks.json", jwks(&keys));
    let app = App::start().await;
    let sidecar = way.start(&changed(&with_token(app.address, &file), changes)).await;
    Room { app, sidecar, issuer, _scratch: scratch }
}

impl Room {
    fn token(&self, claims: &Value) -> String {
        self.issuer.plain("ES256", Some("1"), claims)
    }

    async fn install(&self, lines: &[String]) -> Message {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        self.sidecar.install(STRANGER, &lines).await
    }
}

async fn a_token_that_holds_says_who_the_visitor_is(way: Way) {
    let room = room(way, "jwt-good", &[]).await;
    for peer in [STRANGER, TRUSTED] {
        for spelling in ["X-Assertion: ", "x-assertion: bearer ", "X-ASSERTION: BEARER  "] {
            let line = format!("{spelling}{}", room.token(&good_claims()));
            let answer = room.sidecar.install(peer, &[&line]).await;
            assert_minted(&answer, spelling);
            let minted = claims(&answer);
            assert_eq!(minted["sub"], "42");
            assert_eq!(minted["ti"]["uem"], "zoe@acme.example");
            assert_eq!(minted["ti"]["ili"], json!(["a", "2"]));
        }
    }
    let bare = but(&json!({"email": null, "groups": null}));
    let answer = room.install(&[format!("X-Assertion: {}", room.token(&bare))]).await;
    assert_minted(&answer, "without what is optional");
    assert_eq!(claims(&answer)["ti"], json!({"ili": [], "xti": claims(&answer)["ti"]["xti"]}));
    assert_eq!(room.app.count(), 0);
}

async fn a_token_that_does_not_hold_is_nobodys(way: Way) {
    let room = room(way, "jwt-bad", &[]).await;
    let good = room.token(&good_claims());
    let (header, rest) = good.split_once('.').unwrap();
    let (body, signature) = rest.split_once('.').unwrap();
    let forged = Issuer::p256().plain("ES256", Some("1"), &good_claims());
    let own = |header: Value| room.issuer.token(&header.to_string(), &good_claims().to_string());
    let mut cases: Vec<(String, String)> = vec![
        ("nothing".into(), String::new()),
        ("the scheme alone".into(), "Bearer".into()),
        ("another scheme".into(), format!("Basic {good}")),
        ("no token".into(), "x".into()),
        ("two segments".into(), format!("{header}.{body}")),
        ("five segments".into(), format!("{good}.{body}.{signature}")),
        ("two tokens".into(), format!("{good}, {good}")),
        ("another's signature".into(), forged),
        ("no signature".into(), format!("{header}.{body}.")),
        ("crit".into(), own(json!({"alg": "ES256", "kid": "1", "crit": ["exp"]}))),
        ("a kid that climbs".into(), own(json!({"alg": "ES256", "kid": "../../x"}))),
        ("a kid of nobody".into(), own(json!({"alg": "ES256", "kid": "3"}))),
        ("another's kid".into(), own(json!({"alg": "ES256", "kid": "2"}))),
        ("a name twice".into(), room.issuer.token(r#"{"alg":"ES256","kid":"1","kid":"1"}"#, "{}")),
        ("claims twice".into(), {
            let text = good_claims().to_string().replacen('{', r#"{"org":{"id":43},"#, 1);
            room.issuer.token(r#"{"alg":"ES256","kid":"1"}"#, &text)
        }),
    ];
    for alg in ["none", "None", "HS256", "ES384", "RS512"] {
        let header = json!({"alg": alg, "kid": "1"}).to_string();
        cases.push((alg.into(), crate::issuer::joined(&header, &good_claims().to_string(), b"")));
    }
    for changes in [
        json!({"exp": now() - 31}),
        json!({"exp": "1"}),
        json!({"exp": "9999999999"}),
        json!({"nbf": now() + 3600}),
        json!({"nbf": "9999999999"}),
        json!({"iss": "https://evil.example"}),
        json!({"aud": "somebody-else"}),
        json!({"aud": null}),
        json!({"org": null, "email": null}),
    ] {
        cases.push((changes.to_string(), room.token(&but(&changes))));
    }
    for (case, token) in &cases {
        let answer = room.install(&[format!("X-Assertion: {token}")]).await;
        assert_refused(&answer, 401, "signed-out", case);
    }
    assert_refused(&room.install(&[]).await, 401, "signed-out", "no header");
    // The next one is not the worse for it.
    assert_minted(&room.install(&[format!("X-Assertion: {good}")]).await, "the next");
}

async fn some_tokens_are_of_nobody(way: Way) {
    let signed_in = "  signed_in: { field: tenant_id, not: [\"0\", guest] }\nclaims:";
    let room = room(way, "jwt-nobody", &[("claims:", signed_in)]).await;
    for nobody in [json!(0), json!("0"), json!("guest"), json!(null)] {
        let token = room.token(&but(&json!({"org": {"id": nobody}})));
        let answer = room.install(&[format!("X-Assertion: {token}")]).await;
        assert_refused(&answer, 401, "signed-out", &nobody.to_string());
    }
    assert_minted(&room.install(&[format!("X-Assertion: {}", room.token(&good_claims()))]).await, "somebody");
}

async fn nothing_that_a_token_names_is_fetched(way: Way) {
    let room = room(way, "jwt-fetch", &[]).await;
    let elsewhere = App::start().await;
    let at = format!("http://{}/keys", elsewhere.address);
    let thief = Issuer::p256();
    for name in ["jku", "x5u", "kid", "iss", "jwk", "x5c"] {
        let mut header = json!({"alg": "ES256", "kid": "1"});
        header[name] = if name == "jwk" { thief.jwk(Some("1")) } else { at.clone().into() };
        for issuer in [&thief, &room.issuer] {
            let token = issuer.token(&header.to_string(), &good_claims().to_string());
            let answer = room.install(&[format!("X-Assertion: {token}")]).await;
            // `iss` is a claim; in a header it is a word among others.
            if name == "iss" && std::ptr::eq(issuer, &raw const room.issuer) {
                assert_minted(&answer, name);
            } else {
                assert_refused(&answer, 401, "signed-out", name);
            }
        }
    }
    assert_eq!((elsewhere.connections(), room.app.connections()), (0, 0));
}

async fn the_header_is_ours_on_our_routes_and_the_apps_elsewhere(way: Way) {
    let room = room(way, "jwt-header", &[]).await;
    let token = room.token(&good_claims());
    let line = |name: &str| format!("{name}: {token}");
    for peer in [STRANGER, TRUSTED] {
        let doubled = [line("X-Assertion"), line("x-assertion")];
        let aliased = [line("X-Assertion"), line("X_Assertion")];
        let alias_alone = [line("X.Assertion")];
        for (lines, code) in [
            (doubled.as_slice(), "duplicate-header"),
            (aliased.as_slice(), "alias-header"),
            (alias_alone.as_slice(), "alias-header"),
        ] {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            assert_refused(&room.sidecar.install(peer, &lines).await, 400, code, code);
            assert_eq!(room.app.count(), 0);
        }
    }
    // The app may be the one that the token is for.
    for peer in [STRANGER, TRUSTED] {
        let lines = [line("X-Assertion"), line("x-assertion"), line("X_Assertion")];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(room.sidecar.get(peer, "/app", &lines).await.status(), 200);
        let seen = room.app.last();
        assert_eq!(seen.values("x-assertion"), [token.as_str(), token.as_str()]);
        assert_eq!(seen.values("x_assertion"), [token.as_str()]);
    }
}

async fn what_a_claim_holds_is_read_as_a_header_is(way: Way) {
    let room = room(way, "jwt-values", &[]).await;
    for (id, status, code) in [
        (json!("acme\u{202e}"), 400, "invalid-value"),
        (json!("acme\n"), 302, ""),
        (json!("ac\nme"), 400, "invalid-value"),
        (json!("x".repeat(5000)), 400, "invalid-value"),
        (json!(1.5), 400, "invalid-value"),
        (json!(true), 400, "invalid-value"),
        (json!({"id": 1}), 400, "invalid-value"),
        (json!(["acme"]), 400, "invalid-value"),
        (json!("  "), 401, "signed-out"),
        (json!("null"), 401, "signed-out"),
        (json!(null), 401, "signed-out"),
    ] {
        let claims = but(&json!({"org": {"id": id}, "email": null}));
        let answer = room.install(&[format!("X-Assertion: {}", room.token(&claims))]).await;
        if status == 302 {
            assert_minted(&answer, &id.to_string());
        } else {
            assert_refused(&answer, status, code, &id.to_string());
        }
    }
}

async fn a_token_may_come_in_a_cookie(way: Way) {
    let changes = [("header: X-Assertion", "cookie: app_session")];
    let room = room(way, "jwt-cookie", &changes).await;
    let token = room.token(&good_claims());
    let good = room.install(&[format!("Cookie: a=b; app_session={token}; c=d")]).await;
    assert_minted(&good, "cookie");
    for (lines, status, code) in [
        (vec![format!("Cookie: app_session={token}; app_session={token}")], 400, "duplicate-header"),
        (
            vec![format!("Cookie: app_session={token}"), format!("Cookie: app_session={token}")],
            400,
            "duplicate-header",
        ),
        (vec![format!("Cookie: App_Session={token}")], 401, "signed-out"),
        (vec![format!("X-Assertion: {token}")], 401, "signed-out"),
        (vec!["Cookie: app_session=".to_owned()], 401, "signed-out"),
        (vec!["Cookie: app_session=x.y.z".to_owned()], 401, "signed-out"),
    ] {
        assert_refused(&room.install(&lines).await, status, code, code);
    }
}

async fn authorization_can_carry_it_and_a_secret_can_check_it(way: Way) {
    let scratch = Scratch::new("jwt-secret");
    let secret = "issuer-secret-0123456789abcdef0123456789";
    let file = scratch.write("secret", secret);
    let jwks = format!("jwks: {{ file: {} }}", scratch.path("none").display());
    let app = App::start().await;
    let text = changed(
        &with_token(app.address, &scratch.path("none")),
        &[
            ("header: X-Assertion", "header: Authorization"),
            (&jwks, &format!("secret: {{ file: {} }}", file.display())),
            ("[ES256, RS256]", "HS256"),
        ],
    );
    let sidecar = way.start(&text).await;
    let signed = |by: &str, alg: &str| Issuer::secret(by).plain(alg, None, &good_claims());
    let good =
        sidecar.install(STRANGER, &[&format!("Authorization: Bearer {}", signed(secret, "HS256"))]).await;
    assert_minted(&good, "HS256");
    for (by, alg) in [(SECRET, "HS256"), ("", "HS256"), (secret, "HS384"), (secret, "none")] {
        let answer =
            sidecar.install(STRANGER, &[&format!("Authorization: Bearer {}", signed(by, alg))]).await;
        assert_refused(&answer, 401, "signed-out", alg);
    }
}

async fn a_token_of_ours_is_no_session(way: Way) {
    let room = room(way, "jwt-own", &[]).await;
    let minted = room.install(&[format!("X-Assertion: {}", room.token(&good_claims()))]).await;
    let location = minted.values("location")[0].to_owned();
    let token = location.split("tenant=").nth(1).unwrap().split('&').next().unwrap();
    let answer = room.install(&[format!("X-Assertion: {token}")]).await;
    assert_refused(&answer, 401, "signed-out", "our own token");
}
