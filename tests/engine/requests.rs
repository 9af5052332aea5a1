//! Raw requests that somebody in front of us or behind could read in another way: refused, with the
//! connection closed, or one clean request and no second one.

use crate::harness::{INSTALL, STRANGER, TRUSTED};
use crate::raw::{MANNERS, Manner, Played, SMUGGLED, app_and_sidecar, body_for};

/// Framing that is refused, behind `POST` and `Host`.
const REFUSED_FRAMING: &[&str] = &[
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\ntransfer-encoding: x",
    "Transfer-Encoding: identity, chunked",
    "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked, gzip",
    "Transfer-Encoding: gzip",
    "Transfer-Encoding: identity",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: chunkedx",
    "Transfer-Encoding: x chunked",
    "Transfer-Encoding: chunked;x=1",
    "Transfer-Encoding: \"chunked\"",
    "Transfer-Encoding: 'chunked'",
    "Transfer-Encoding: ,chunked",
    "Transfer-Encoding: chunked,",
    "Transfer-Encoding: [chunked]",
    "Transfer-Encoding:",
    "Transfer-Encoding: \x0bchunked",
    "Transfer-Encoding: chunked\x0c",
    "Transfer-Encoding: chunked\0",
    "Transfer-Encoding: chu\rnked",
    "Transfer-Encoding: \u{a0}chunked",
    "Transfer-Encoding : chunked",
    "Transfer-Encoding\t: chunked",
    "Transfer-Encoding\x0b: chunked",
    "Transfer-Encoding\r\n: chunked",
    " Transfer-Encoding: chunked",
    "Transfer-Encoding:\r\n chunked",
    "Transfer-Encoding: chunked\r\n , identity",
    "X: y\rTransfer-Encoding: chunked",
    "Content-Length: 5\r\nContent-Length: 6",
    "Content-Length: 6\r\nContent-Length: 5",
    "Content-Length: 5\r\ncontent-length: 0",
    "Content-Length: 5\r\nContent-Length:",
    "Content-Length: 5, 5",
    "Content-Length: 5,5",
    "Content-Length: 5, 6",
    "Content-Length: 5,",
    "Content-Length: ,5",
    "Content-Length: +5",
    "Content-Length: -1",
    "Content-Length: -5",
    "Content-Length: 5 5",
    "Content-Length: 0x5",
    "Content-Length: 5.0",
    "Content-Length: 5e0",
    "Content-Length: 5;",
    "Content-Length: \"5\"",
    "Content-Length: five",
    "Content-Length: \u{ff15}",
    "Content-Length: \u{665}",
    "Content-Length:",
    "Content-Length: 18446744073709551616",
    "Content-Length: 18446744073709551621",
    "Content-Length: 99999999999999999999",
    "Content-Length: 100000000000000000000000000000000005",
    "Content-Length : 5",
    "Content-Length\t: 5",
    "Content-Length:\r\n 5",
    "Content-Length: 1\r\n 5",
    "Content-Length: 5\0",
    "Content-Length: \x0b5",
    "Content-\rLength: 5",
    "Content-Length: 5, chunked\r\nTransfer-Encoding: 5",
];

/// Lines that are refused wherever they stand.
const REFUSED_LINES: &[&str] = &[
    "X-Nul: a\0b",
    "X-Nul\0: a",
    "X-Cr: a\rb",
    "X-Cr: a\r",
    "X-C\rr: a",
    "X-Folded: a\r\n b",
    "X-Folded: a\r\n\tb",
    "X-Folded:\r\n b",
    "X-Space : a",
    "X-Tab\t: a",
    "X Inner: a",
    " X-Leading: a",
    "\tX-Leading: a",
    ": no name",
    "no colon",
    "X(Comment): a",
    "X-\u{e9}: a",
    "X@Y: a",
    "{x}: a",
    "\"x\": a",
    "GET /smuggled HTTP/1.1",
];

/// Both framings: a length that is dropped, and so one clean request, would do, too.
const BOTH_FRAMINGS: &[&str] = &[
    "Content-Length: 5\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nContent-Length: 5",
    "Content-Length: 0\r\nTransfer-Encoding: chunked",
    "Content-Length: 15\r\nTransfer-Encoding: chunked",
    "content-length: 99\r\nX: y\r\ntransfer-encoding: CHUNKED",
];

/// Plays a list in every manner, to the app and to ourselves.
async fn play_refused(list: impl IntoIterator<Item = String>) {
    let (app, sidecar) = app_and_sidecar().await;
    let mut played = Played::new(&app, &sidecar);
    for lines in list {
        for manner in MANNERS {
            let rest = body_for(&lines);
            let head = format!("POST /row HTTP/1.1\r\nHost: app.test\r\n{lines}\r\n\r\n{rest}");
            played.refused(STRANGER, head.as_bytes(), manner).await;
        }
        let head =
            format!("GET {INSTALL} HTTP/1.1\r\nHost: app.test\r\nX-Tenant-Id: acme\r\n{lines}\r\n\r\n");
        played.refused(TRUSTED, format!("{head}{}", body_for(&lines)).as_bytes(), Manner::Whole).await;
    }
    played.ends();
}

#[tokio::test]
async fn ambiguous_framing_is_refused() {
    play_refused(REFUSED_FRAMING.iter().map(|lines| (*lines).to_owned())).await;
}

/// RFC 9110 §8.6 lets one take a length that is told twice alike for one; to the app it is told once.
#[tokio::test]
async fn a_length_told_twice_alike_is_told_once() {
    let (app, sidecar) = app_and_sidecar().await;
    let head = "POST /row HTTP/1.1\r\nHost: app.test\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(sidecar.send(STRANGER, head).await.status(), 200);
    let seen = app.last();
    assert_eq!((seen.values("content-length").join("; "), seen.text()), ("5".to_owned(), "hello".to_owned()));
    assert_eq!(app.calls().len(), 1);
}

#[tokio::test]
async fn lines_that_are_none_are_refused() {
    play_refused(REFUSED_LINES.iter().map(|lines| (*lines).to_owned())).await;
}

/// What folds to a framing header's name (DESIGN 3) and is spelled otherwise: some apps read it as one.
#[tokio::test]
async fn look_alikes_of_framing_headers_are_refused() {
    let mut list = Vec::new();
    for separator in "_.!~'*+|^#$%&`".chars() {
        for (name, value) in [("Transfer-Encoding", "chunked"), ("Content-Length", "5")] {
            let alike = name.replace('-', &separator.to_string());
            list.push(format!("{alike}: {value}"));
            list.push(format!("{}: {value}", alike.to_ascii_uppercase()));
            list.push(format!("Content-Length: 5\r\n{}: {value}", alike.to_ascii_lowercase()));
        }
    }
    play_refused(list).await;
}

#[tokio::test]
async fn transfer_codings_are_too_new_for_an_old_client() {
    let (app, sidecar) = app_and_sidecar().await;
    let mut played = Played::new(&app, &sidecar);
    for lines in ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nConnection: keep-alive"] {
        for manner in MANNERS {
            let head = format!("POST /row HTTP/1.0\r\nHost: app.test\r\n{lines}\r\n\r\n");
            played.refused(STRANGER, format!("{head}{}", body_for(lines)).as_bytes(), manner).await;
            let both = head.replace("\r\n\r\n", "\r\nContent-Length: 5\r\n\r\n");
            played.refused(STRANGER, format!("{both}{}", body_for(lines)).as_bytes(), manner).await;
        }
    }
    played.ends();
}

#[tokio::test]
async fn both_framings_are_refused_or_become_one() {
    let (app, sidecar) = app_and_sidecar().await;
    let mut played = Played::new(&app, &sidecar);
    for lines in BOTH_FRAMINGS {
        for manner in MANNERS {
            let head = format!("POST /row HTTP/1.1\r\nHost: app.test\r\n{lines}\r\n\r\n");
            let request = format!("{head}5\r\nhello\r\n0\r\n\r\n{SMUGGLED}");
            played.refused_or_one(STRANGER, request.as_bytes(), manner, b"hello").await;
        }
    }
    played.ends();
}
