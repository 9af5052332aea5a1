//! A Pandium that speaks HTTP/2, and breaks off what it has begun.

use crate::harness::http2::{CANCEL, INTERNAL_ERROR, NO_ERROR};
use crate::harness::script::{Sign, until};
use crate::harness::{Message, Reader, TRUSTED, connect};
use crate::kit::{Browser, Mount};
use crate::standin::{Asked, Deed, Standin, data, goaway, head, page, reset};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;

const MOUNT: Mount = Mount::Path;
/// RFC 9113 §7.
const REFUSED_STREAM: u32 = 7;
const HTTP_1_1_REQUIRED: u32 = 13;
/// `SETTINGS_MAX_CONCURRENT_STREAMS`: one at a time.
const ONE_STREAM: &[u8] = b"\0\x03\0\0\0\x01";

async fn send(browser: &mut Browser, method: &str, path: &str) -> Message {
    let body = if method == "POST" { "a=b" } else { "" };
    let length = format!("Content-Length: {}", body.len());
    let lines: &[&str] = if body.is_empty() { &[] } else { &[&length] };
    let request = browser.request(method, &MOUNT.at(path), lines);
    browser.send("/", &format!("{request}{body}")).await
}

/// The first time on a path one thing, and then another.
fn once(first: Vec<Deed>, then: Vec<Deed>, count: &AtomicUsize) -> Vec<Deed> {
    if count.fetch_add(1, Ordering::Relaxed) == 0 { first } else { then }
}

#[tokio::test]
async fn a_request_that_nobody_looked_at_goes_once_more() {
    for method in ["GET", "POST"] {
        for (what, close) in [("refused", false), ("left", false), ("left", true)] {
            let count = AtomicUsize::new(0);
            let pandium = Standin::misbehaving(move |asked| {
                let unseen = match what {
                    "refused" => reset(asked, REFUSED_STREAM),
                    _ => goaway(asked.stream.saturating_sub(2), NO_ERROR),
                };
                let mut first = vec![Deed::Say(unseen)];
                first.extend(close.then_some(Deed::Close));
                once(first, vec![Deed::Body, Deed::Say(page(asked, "taken"))], &count)
            })
            .await;
            let (_app, _sidecar, mut browser) = pandium.opened(MOUNT, &[]).await;
            let answer = send(&mut browser, method, "/form").await;
            assert_eq!((answer.status(), &*answer.text()), (200, "taken"), "{method} {what} {close}");
            let asked = pandium.asked("/form");
            assert_eq!(asked.len(), 2, "{method} {what} {close}");
            assert!(what == "refused" || asked[0].connection != asked[1].connection, "{asked:?}");
        }
    }
}

/// And not a third time.
#[tokio::test]
async fn what_is_refused_again_is_told_so() {
    let pandium = Standin::misbehaving(|asked| vec![Deed::Say(reset(asked, REFUSED_STREAM))]).await;
    let (_app, _sidecar, mut browser) = pandium.opened(MOUNT, &[]).await;
    for (method, most) in [("GET", 2), ("POST", 4)] {
        let answer = send(&mut browser, method, "/form").await;
        assert_eq!((answer.status(), &*answer.code()), (502, "upstream-unreachable"));
        assert_eq!(pandium.asked("/form").len(), most);
    }
}

/// Nor was looked at what is wanted in HTTP/1.1: it goes once more, and so do all others for a while.
#[tokio::test]
async fn whoever_requires_http1_is_asked_in_http1() {
    for (method, echoed) in [("GET", "nothing"), ("POST", "a=b")] {
        for leaves in [false, true] {
            let pandium = Standin::fond_of_http1(move |asked| {
                let unwanted = if leaves {
                    goaway(asked.stream.saturating_sub(2), HTTP_1_1_REQUIRED)
                } else {
                    reset(asked, HTTP_1_1_REQUIRED)
                };
                vec![Deed::Body, Deed::Say(unwanted)]
            })
            .await;
            let (_app, _sidecar, mut browser) = pandium.opened(MOUNT, &[]).await;
            let (http1, http2) = pandium.connections();
            assert!(http1 == 0 && http2 > 0);
            for _ in 0..3 {
                let answer = send(&mut browser, method, "/form").await;
                assert_eq!((answer.status(), &*answer.text()), (200, echoed), "{method} {leaves}");
            }
            assert_eq!(pandium.asked("/form").len(), 1, "{method} {leaves}");
            assert_eq!(pandium.connections(), (1, http2), "{method} {leaves}");
        }
    }
}

/// But for a body of which more has gone than is kept: who comes next is better off.
#[tokio::test]
async fn what_cannot_go_again_in_http1_is_told_so() {
    let pandium =
        Standin::fond_of_http1(|asked| vec![Deed::Body, Deed::Say(reset(asked, HTTP_1_1_REQUIRED))]).await;
    let (_app, _sidecar, mut browser) = pandium.opened(MOUNT, &[]).await;
    let put = browser.request("PUT", &MOUNT.at("/file"), &["Content-Length: 300000"]);
    let put = format!("{put}{}", "x".repeat(300_000));
    let answer = browser.send("/", &put).await;
    assert_eq!((answer.status(), &*answer.code()), (502, "upstream-unreachable"));
    let answer = browser.send("/", &put).await;
    assert_eq!((answer.status(), answer.text().len()), (200, 300_000));
    assert_eq!((pandium.asked("/file").len(), pandium.connections().0), (1, 1));
}

/// Whatever happens to a form behind its first byte, it goes once.
#[tokio::test]
async fn a_form_that_somebody_may_have_looked_at_goes_once() {
    type Misdeed = fn(&Asked) -> Vec<Deed>;
    let misdeeds: [(&str, Misdeed); 6] = [
        ("broken off", |asked| vec![Deed::Say(reset(asked, INTERNAL_ERROR))]),
        ("cancelled", |asked| vec![Deed::Say(reset(asked, CANCEL))]),
        ("let go", |asked| vec![Deed::Say(reset(asked, NO_ERROR))]),
        ("closed", |_| vec![Deed::Close]),
        ("closed behind a farewell", |asked| vec![Deed::Say(goaway(asked.stream, NO_ERROR)), Deed::Close]),
        ("closed behind its body", |_| vec![Deed::Body, Deed::Close]),
    ];
    for (what, misdeed) in misdeeds {
        let pandium = Standin::misbehaving(misdeed).await;
        let (_app, _sidecar, mut browser) = pandium.opened(MOUNT, &[]).await;
        let answer = send(&mut browser, "POST", "/form").await;
        assert_eq!((answer.status(), &*answer.code()), (502, "upstream-unreachable"), "{what}");
        assert_eq!(pandium.asked("/form").len(), 1, "{what}");
    }
}

#[tokio::test]
async fn a_connection_that_died_unseen_costs_a_page_nothing() {
    let count = AtomicUsize::new(0);
    let pandium = Standin::misbehaving(move |asked| {
        once(vec![Deed::Close], vec![Deed::Say(page(asked, "page"))], &count)
    })
    .await;
    let (_app, _sidecar, mut browser) = pandium.opened(MOUNT, &[]).await;
    assert_eq!(send(&mut browser, "GET", "/page").await.text(), "page");
    assert_eq!(pandium.asked("/page").len(), 2);
}

/// Slow is not dead: it is asked, and says so.
#[tokio::test]
async fn a_connection_that_is_only_slow_stays() {
    let pandium = Standin::misbehaving(|asked| {
        vec![Deed::Linger(Duration::from_secs(3)), Deed::Say(page(asked, "page"))]
    })
    .await;
    let waits = ("log:", "timeouts: { response: 4s }\nlog:");
    let (_app, _sidecar, mut browser) = pandium.opened(MOUNT, &[waits]).await;
    assert_eq!(send(&mut browser, "GET", "/page").await.text(), "page");
    assert_eq!(pandium.asked("/page").len(), 1);
}

/// Neither an end nor a sign of life: whoever waits there is not left waiting.
#[tokio::test]
async fn a_connection_that_says_nothing_any_more_is_left() {
    let count = AtomicUsize::new(0);
    let pandium = Standin::misbehaving(move |asked| {
        once(vec![Deed::Deaf], vec![Deed::Say(page(asked, "page"))], &count)
    })
    .await;
    let waits = ("log:", "timeouts: { response: 10s }\nlog:");
    let (_app, _sidecar, mut browser) = pandium.opened(MOUNT, &[waits]).await;
    let answer = send(&mut browser, "GET", "/page").await;
    assert_eq!((answer.status(), &*answer.text()), (200, "page"), "{}", answer.text());
    assert_eq!(pandium.asked("/page").len(), 2);
}

#[tokio::test]
async fn what_was_begun_before_a_farewell_comes_to_its_end() {
    let sign = Sign::default();
    let go_on = sign.clone();
    let pandium = Standin::misbehaving(move |asked| {
        if asked.path() != "/slow" {
            return vec![Deed::Say(page(asked, &asked.connection.to_string()))];
        }
        let begun = [head(asked, &[(":status", "200")], false), data(asked, "begun", false)].concat();
        vec![
            Deed::Say([begun, goaway(asked.stream, NO_ERROR)].concat()),
            Deed::Await(go_on.clone()),
            Deed::Say(data(asked, " and ended", true)),
            Deed::Close,
        ]
    })
    .await;
    let (_app, sidecar, browser) = pandium.opened(MOUNT, &[]).await;
    let slow = browser.request("GET", &MOUNT.at("/slow"), &[]);
    let mut reader = Reader::new(connect(TRUSTED, sidecar.address).await);
    reader.stream().write_all(slow.as_bytes()).await.unwrap();
    let mut seen = String::new();
    while !seen.contains("begun") {
        seen.push_str(&String::from_utf8(reader.some().await.unwrap()).unwrap());
    }
    // Meanwhile others go over another one.
    let left = pandium.asked("/slow")[0].connection;
    for _ in 0..10 {
        let mut browser = browser.again(sidecar.visitor(TRUSTED));
        let page = send(&mut browser, "GET", "/page").await;
        assert_eq!(page.status(), 200);
        assert_ne!(page.text(), left.to_string());
    }
    sign.give();
    while !seen.contains("0\r\n\r\n") {
        seen.push_str(&String::from_utf8(reader.some().await.unwrap()).unwrap());
    }
    assert!(seen.contains(" and ended"), "{seen}");
    until("it has ended", || pandium.has_ended(left)).await;
}

/// An answer that breaks off is not whole to the visitor either, whether its length was told or not.
#[tokio::test]
async fn an_answer_that_breaks_off_never_ends_well() {
    for (path, length) in [("/told", Some("9")), ("/untold", None)] {
        for what in ["reset 0", "reset 2", "reset 8", "closed", "farewell", "garbage"] {
            let pandium = Standin::misbehaving(move |asked| {
                let mut fields = vec![(":status", "200")];
                fields.extend(length.map(|length| ("content-length", length)));
                let begun = [head(asked, &fields, false), data(asked, "begun", false)].concat();
                let mut deeds = vec![Deed::Say(begun)];
                deeds.push(match what {
                    "closed" => Deed::Close,
                    "farewell" => Deed::Say(goaway(asked.stream - 2, INTERNAL_ERROR)),
                    "garbage" => Deed::Say(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
                    reset => Deed::Say(self::reset(asked, reset[6..].parse().unwrap())),
                });
                deeds
            })
            .await;
            let (_app, sidecar, browser) = pandium.opened(MOUNT, &[]).await;
            let asked = browser.request("GET", &MOUNT.at(path), &[]);
            let mut reader = Reader::new(connect(TRUSTED, sidecar.address).await);
            reader.stream().write_all(asked.as_bytes()).await.unwrap();
            let answer = reader.answer().await;
            // It may break before there is anything to pass on.
            let well = answer.as_ref().is_some_and(|answer| answer.status() == 200 && answer.whole);
            assert!(!well, "{path} {what}: {answer:?}");
            assert_eq!(pandium.asked(path).len(), 1, "{path} {what}");
        }
    }
}

/// One at a time, and fifty who want something.
#[tokio::test]
async fn no_more_streams_are_opened_than_the_other_end_takes() {
    let too_many = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&too_many);
    let pandium = Standin::set(ONE_STREAM, move |asked| {
        vec![Deed::Alone(Arc::clone(&count)), Deed::Say(page(asked, asked.field("x-csrf-token")))]
    })
    .await;
    let (_app, sidecar, browser) = pandium.opened(MOUNT, &[]).await;
    let mut visitors = JoinSet::new();
    for n in 0..50 {
        let mut browser = browser.again(sidecar.visitor(TRUSTED));
        visitors.spawn(async move {
            for turn in 0..4 {
                let own = format!("{n}-{turn}");
                let page = browser.get(&MOUNT.at("/page"), &[&format!("X-CSRF-Token: {own}")]).await;
                assert_eq!((page.status(), page.text()), (200, own));
            }
        });
    }
    while let Some(done) = visitors.join_next().await {
        done.unwrap();
    }
    assert_eq!(too_many.load(Ordering::Relaxed), 0);
    assert_eq!(pandium.asked("/page").len(), 200, "none was refused and sent again");
}

/// An event stream keeps its place for hours: nobody waits behind it.
#[tokio::test]
async fn whoever_finds_no_room_goes_over_another_connection() {
    let sign = Sign::default();
    let go_on = sign.clone();
    let pandium = Standin::set(ONE_STREAM, move |asked| match asked.path() {
        "/events" => {
            let begun = [head(asked, &[(":status", "200")], false), data(asked, "begun", false)].concat();
            vec![Deed::Say(begun), Deed::Await(go_on.clone()), Deed::Say(data(asked, "ended", true))]
        }
        _ => vec![Deed::Say(page(asked, "page"))],
    })
    .await;
    let (_app, sidecar, browser) = pandium.opened(MOUNT, &[]).await;
    let asked = browser.request("GET", &MOUNT.at("/events"), &[]);
    let mut streams = Vec::new();
    for _ in 0..5 {
        let mut reader = Reader::new(connect(TRUSTED, sidecar.address).await);
        reader.stream().write_all(asked.as_bytes()).await.unwrap();
        let mut seen = String::new();
        while !seen.contains("begun") {
            seen.push_str(&String::from_utf8(reader.some().await.unwrap()).unwrap());
        }
        streams.push(reader);
        for _ in 0..3 {
            let page = browser.again(sidecar.visitor(TRUSTED)).page("/acme").await;
            assert_eq!(page.text(), "page");
        }
    }
    for mut reader in streams {
        sign.give();
        let mut seen = String::new();
        while !seen.contains("0\r\n\r\n") {
            seen.push_str(&String::from_utf8(reader.some().await.unwrap()).unwrap());
        }
        assert!(seen.contains("ended"), "{seen}");
    }
    assert!(pandium.connections().1 > 5, "{:?}", pandium.connections());
}

/// Enough said: the answer is whole, and nobody need send the rest (RFC 9113 §8.1).
#[tokio::test]
async fn an_early_answer_is_whole_though_the_rest_is_not_wanted() {
    for (length, last) in [(Some("6"), "enough"), (None, "enough"), (None, "")] {
        let pandium = Standin::misbehaving(move |asked| {
            let mut fields = vec![(":status", "413")];
            fields.extend(length.map(|length| ("content-length", length)));
            let begun = if last.is_empty() { data(asked, "enough", false) } else { Vec::new() };
            let answer = [head(asked, &fields, false), begun, data(asked, last, true)].concat();
            vec![Deed::Say([answer, reset(asked, NO_ERROR)].concat())]
        })
        .await;
        let (_app, sidecar, browser) = pandium.opened(MOUNT, &[]).await;
        let asked = browser.request("POST", &MOUNT.at("/form"), &["Content-Length: 9000000"]);
        let mut reader = Reader::new(connect(TRUSTED, sidecar.address).await);
        reader.stream().write_all(format!("{asked}{}", "x".repeat(300_000)).as_bytes()).await.unwrap();
        let answer = reader.answer().await.unwrap();
        let got = (answer.status(), &*answer.text(), answer.whole);
        assert_eq!(got, (413, "enough", true), "{length:?} {last:?}");
        assert_eq!(pandium.asked("/form").len(), 1);
        assert!(reader.ends().await, "nobody reads on");
    }
}
