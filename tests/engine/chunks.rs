//! Chunked bodies of visitors: a client's fault is 400, and what the app took of it is never whole.

use crate::harness::script::{Step, ok, until};
use crate::harness::{STRANGER, TRUSTED};
use crate::kit::{Wrong, gist, playing};
use crate::raw::{MANNERS, Played, SMUGGLED, app_and_sidecar, is_refusal};

const HEAD: &str = "POST /row HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Bodies that are none; a second request follows each.
const REFUSED: &[&str] = &[
    "xyz\r\nhello\r\n0\r\n\r\n",
    "\r\nhello\r\n0\r\n\r\n",
    ";x=1\r\nhello\r\n0\r\n\r\n",
    "+5\r\nhello\r\n0\r\n\r\n",
    "-5\r\nhello\r\n0\r\n\r\n",
    "0x5\r\nhello\r\n0\r\n\r\n",
    "5h\r\nhello\r\n0\r\n\r\n",
    "5 5\r\nhello\r\n0\r\n\r\n",
    "5,5\r\nhello\r\n0\r\n\r\n",
    "\u{ff15}\r\nhello\r\n0\r\n\r\n",
    "5\0\r\nhello\r\n0\r\n\r\n",
    "10000000000000000\r\nhello\r\n0\r\n\r\n",
    "10000000000000005\r\nhello\r\n0\r\n\r\n",
    "fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "fffffffffffffffffffffffffffffffffffffff5\r\nhello\r\n0\r\n\r\n",
    "5\r\nhelloo\r\n0\r\n\r\n",
    "5\r\nhello0\r\n\r\n",
    "5\r\nhello\r0\r\n\r\n",
    "5\r\nhello\rX0\r\n\r\n",
    "5;x=1\nhello\r\n0\r\n\r\n",
    "5;x\ny\r\nhello\r\n0\r\n\r\n",
    "5\rhello\r\n0\r\n\r\n",
    "5\r\rhello\r\n0\r\n\r\n",
    "5\r\nhello\r\n0\r\nno colon\r\n\r\n",
    "5\r\nhello\r\n0\r\nX-Nul: a\0b\r\n\r\n",
    "5\r\nhello\r\n0\r\nX-Space : a\r\n\r\n",
    "5\r\nhello\r\n0\r\n folded: a\r\n\r\n",
];

/// What RFC 9112 lets a recipient take or refuse.
const ODD: &[&str] = &[
    "5\nhello\n0\n\n",
    "5\nhello\r\n0\r\n\r\n",
    "5\r\nhello\n0\r\n\r\n",
    "5\r\nhello\r\n0\r\n\n",
    " 5\r\nhello\r\n0\r\n\r\n",
    "5 \r\nhello\r\n0\r\n\r\n",
    "5\t\r\nhello\r\n0\r\n\r\n",
    "000000000000000000005\r\nhello\r\n0\r\n\r\n",
];

/// Unusual, and fine.
const GOOD: &[&str] = &[
    "5\r\nhello\r\n0\r\n\r\n",
    "05\r\nhello\r\n00\r\n\r\n",
    "0000000000000005\r\nhello\r\n0\r\n\r\n",
    "5;x\r\nhello\r\n0\r\n\r\n",
    "5;x=1;y=\"z\"\r\nhello\r\n0;end\r\n\r\n",
    "1\r\nh\r\n1\r\ne\r\n3\r\nllo\r\n0\r\n\r\n",
    "5\r\nhello\r\n0\r\nX-Trailer: a\r\n\r\n",
    "5\r\nhello\r\n0\r\nContent-Length: 99\r\nTransfer-Encoding: x\r\n\r\n",
];

#[tokio::test]
async fn a_body_that_is_none_is_the_visitors_fault() {
    let (app, sidecar) = app_and_sidecar().await;
    let mut played = Played::new(&app, &sidecar);
    for body in REFUSED {
        for manner in MANNERS {
            let got = played.send(STRANGER, format!("{HEAD}{body}{SMUGGLED}").as_bytes(), manner).await;
            let refused = got.answer.as_ref().is_some_and(|answer| answer.status() == 400);
            let case = format!("{manner:?} {body}");
            played.wrong.expect(refused && got.ended, &case, got.gist());
        }
    }
    until("the app has all it gets", || app.open() == 0).await;
    let whole = app.calls().iter().filter(|call| call.path() == "/row" && call.message.whole).count();
    played.wrong.expect(whole == 0, "all rows", format!("the app took {whole} for whole"));
    played.ends();
}

/// A body that we answer ourselves is no next request either.
#[tokio::test]
async fn a_body_that_is_none_is_none_on_our_routes() {
    let (app, sidecar) = app_and_sidecar().await;
    let mut wrong = Wrong::default();
    for body in REFUSED {
        let head = HEAD.replace("POST /row", "GET /pandium/install/gwt2hs");
        let head = head.replace("Host", "X-Tenant-Id: acme\r\nHost");
        let mut visitor = sidecar.visitor(TRUSTED);
        // The answer may be ours or a refusal; what counts is what is taken for the next request.
        let answer = crate::kit::ask(&mut visitor, format!("{head}{body}{SMUGGLED}")).await;
        wrong.expect(answer.is_some(), body, "no answer");
        wrong.expect(visitor.hung_up().await, body, "the connection goes on");
    }
    wrong.expect(app.count("/smuggled") == 0, "all rows", "smuggled");
}

#[tokio::test]
async fn odd_chunks_are_refused_or_mended() {
    let (app, sidecar) = app_and_sidecar().await;
    let mut played = Played::new(&app, &sidecar);
    for body in ODD {
        for manner in MANNERS {
            let head = HEAD.replace("Transfer", "Connection: close\r\nTransfer");
            let got = played.send(STRANGER, format!("{head}{body}{SMUGGLED}").as_bytes(), manner).await;
            let refused = got.answer.as_ref().is_some_and(is_refusal);
            let one = got.seen.len() == 1 && got.seen[0].body == b"hello" && got.seen[0].whole;
            played.wrong.expect((refused || one) && got.ended, &format!("{manner:?} {body}"), got.gist());
        }
    }
    played.ends();
}

#[tokio::test]
async fn unusual_chunks_pass() {
    let (app, sidecar) = app_and_sidecar().await;
    let mut played = Played::new(&app, &sidecar);
    for body in GOOD {
        for manner in MANNERS {
            let head = HEAD.replace("Transfer", "Connection: close\r\nTransfer");
            let got = played.send(STRANGER, format!("{head}{body}").as_bytes(), manner).await;
            let one =
                got.seen.len() == 1 && crate::raw::is_clean(&got.seen[0]) && got.seen[0].body == b"hello";
            let plain = got.seen.iter().all(|seen| seen.trailers.is_empty());
            let fine = gist(got.answer.as_ref()) == "200 /row";
            played.wrong.expect(fine && one && plain && got.ended, &format!("{manner:?} {body}"), got.gist());
        }
    }
}

/// What nobody counts as a body has its bounds, too.
#[tokio::test]
async fn extensions_and_trailers_have_their_bounds() {
    let (app, sidecar) = playing("", |call| vec![Step::Body, ok(call.path())]).await;
    let mut played = Played::new(&app, &sidecar);
    let long = "x".repeat(1 << 20);
    let lines = "X-Trailer: x\r\n".repeat(20_000);
    let many = format!("1;{}\r\nx\r\n", "x".repeat(100)).repeat(2_000);
    for (case, body) in [
        ("one extension of 1 MiB", format!("5;{long}\r\nhello\r\n0\r\n\r\n{SMUGGLED}")),
        ("2,000 extensions", format!("{many}0\r\n\r\n{SMUGGLED}")),
        ("a trailer of 1 MiB", format!("5\r\nhello\r\n0\r\nX: {long}\r\n\r\n{SMUGGLED}")),
        ("20,000 trailers", format!("5\r\nhello\r\n0\r\n{lines}\r\n{SMUGGLED}")),
    ] {
        let bytes = format!("{HEAD}{body}");
        let got = played.send(STRANGER, bytes.as_bytes(), crate::raw::Manner::Whole).await;
        let refused = got.answer.as_ref().is_some_and(|answer| matches!(answer.status(), 400 | 431));
        played.wrong.expect(refused && got.ended, case, got.gist());
    }
    played.ends();
}
