//! Frames without end (immunity I4): memory is bounded, and others are served meanwhile.
//!
//! Each flood comes over several connections at once, for as long as somebody takes it, and no longer
//! than its bound. The program is a process of its own, so that its memory can be told from ours.

use crate::harness::http2::{
    CONTINUATION, Client, DATA, HEADERS, PING, PREFACE, RST_STREAM, SETTINGS, WINDOW_UPDATE, block, frame,
    get, head,
};
use crate::harness::script::{Step, ok, say, until};
use crate::harness::{STRANGER, connect, message, request};
use crate::kit::{Stage, client, gist, ms, stage};
use std::net::SocketAddr;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const MIB: usize = 1 << 20;
const CONNECTIONS: usize = 4;

/// What is sent again and again, by its number; and how often at most.
struct Flood {
    name: &'static str,
    most: u32,
    piece: fn(u32) -> Vec<u8>,
}

fn ask(stream: u32, path: &str, end: bool) -> Vec<u8> {
    head(stream, &block(&get(path, &[])), end)
}

/// The number of the nth stream.
fn stream(n: u32) -> u32 {
    2 * n + 1
}

const FLOODS: &[Flood] = &[
    Flood {
        name: "rapid reset (CVE-2023-44487)",
        most: 20_000,
        piece: |n| [ask(stream(n), "/hang", true), frame(RST_STREAM, 0, stream(n), &[0, 0, 0, 8])].concat(),
    },
    Flood {
        name: "streams that break a rule, and are reset by us (CVE-2025-8671)",
        most: 20_000,
        piece: |n| {
            let broken = frame(WINDOW_UPDATE, 0, stream(n), &[0; 4]);
            [ask(stream(n), "/hang", false), broken].concat()
        },
    },
    Flood {
        name: "malformed heads",
        most: 20_000,
        piece: |n| head(stream(n), &block(&get("/", &[("connection", "close")])), true),
    },
    Flood {
        name: "continuations without end (CVE-2024-27316)",
        most: 20_000,
        piece: |n| match n {
            0 => frame(HEADERS, 1, 1, &block(&get("/", &[]))),
            n => frame(CONTINUATION, 0, 1, &block(&[(format!("x-{n}"), "a".repeat(1000))])),
        },
    },
    Flood {
        name: "empty continuations",
        most: 100_000,
        piece: |n| match n {
            0 => frame(HEADERS, 1, 1, &block(&get("/", &[]))),
            _ => frame(CONTINUATION, 0, 1, &[]),
        },
    },
    Flood {
        name: "pings whose answers nobody reads (CVE-2019-9512)",
        most: 200_000,
        piece: |_| frame(PING, 0, 0, &[1; 8]),
    },
    Flood {
        name: "settings (CVE-2019-9515)",
        most: 100_000,
        piece: |_| frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]),
    },
    Flood {
        name: "priorities (CVE-2019-9513)",
        most: 200_000,
        piece: |n| frame(2, 0, stream(n % 50_000), &[0, 0, 0, 0, 16]),
    },
    Flood {
        name: "empty pieces of a body (CVE-2019-9518)",
        most: 200_000,
        piece: |n| if n == 0 { post(1) } else { frame(DATA, 0, 1, &[]) },
    },
    Flood {
        name: "a body byte by byte that the app does not take",
        most: 65_000,
        piece: |n| if n == 0 { post(1) } else { frame(DATA, 0, 1, b"x") },
    },
    Flood {
        name: "a list of headers that is small on the wire alone",
        most: 2000,
        // One large field is put into the table, and named again 15,000 times (RFC 7541 §6.1).
        piece: |n| {
            let mut fields = block(&get("/hang", &[]));
            if n == 0 {
                fields.extend([0x40, 1, b'x', 0x7F, 0xA1, 0x1E]);
                fields.extend([b'a'; 4000]);
            }
            fields.extend([0xBE; 15_000]);
            head(stream(n), &fields, true)
        },
    },
    Flood {
        name: "room for more than there is (CVE-2019-9511)",
        most: 200_000,
        piece: |_| frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]),
    },
    Flood {
        name: "answers that nobody makes room for",
        most: 100,
        piece: |n| ask(stream(n), "/large", true),
    },
    Flood {
        name: "answers that nobody takes off the wire (CVE-2019-9517)",
        most: 100,
        piece: |n| {
            let settings = frame(SETTINGS, 0, 0, &[0, 4, 0x7F, 0xFF, 0xFF, 0xFF]);
            let room = frame(WINDOW_UPDATE, 0, 0, &[0x7F, 0, 0, 0]);
            let before = if n == 0 { [settings, room].concat() } else { Vec::new() };
            [before, ask(stream(n), "/large", true)].concat()
        },
    },
    Flood { name: "requests without an end", most: 20_000, piece: |n| ask(stream(n), "/hang", false) },
    Flood { name: "unknown frames", most: 20_000, piece: |_| frame(200, 255, 7, &[0; 1000]) },
];

fn post(stream: u32) -> Vec<u8> {
    let mut fields = get("/hang", &[]);
    fields[0].1 = "POST";
    head(stream, &block(&fields), false)
}

/// Sends one flood over one connection, and reads nothing of what is said to it.
async fn pour(to: SocketAddr, flood: &'static Flood) -> Client<TcpStream> {
    let mut client = Client::silent(connect(STRANGER, to).await);
    let mut sent = 0;
    let mut bytes = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    while sent < flood.most {
        while bytes.len() < 16_384 && sent < flood.most {
            bytes.extend((flood.piece)(sent));
            sent += 1;
        }
        // A time comes when nothing more is taken, or somebody has had enough.
        let taken = tokio::time::timeout(ms(1000), client.stream.write_all(&bytes));
        if !matches!(taken.await, Ok(Ok(()))) {
            break;
        }
        bytes.clear();
    }
    client
}

/// Asks by HTTP/1.1 while it is poured, and goes on for a while; returns how often it was answered.
async fn others(to: SocketAddr, floods: &mut JoinSet<Client<TcpStream>>) -> usize {
    let (mut answered, mut behind, mut poured) = (0, 0, Vec::new());
    while behind < 25 {
        behind += usize::from(floods.is_empty());
        let mut reader = message::Reader::new(connect(STRANGER, to).await);
        reader.stream().write_all(&request("GET", "/other", &[])).await.unwrap();
        let answer = reader.answer().await.expect("nobody else is served");
        assert_eq!(answer.text(), "/other");
        answered += 1;
        tokio::time::sleep(ms(20)).await;
        while let Some(flood) = floods.try_join_next() {
            poured.push(flood.unwrap());
        }
    }
    answered
}

async fn staged(name: &str) -> Stage {
    let timeouts = "timeouts: { header: 5s, response: 30s, body: 30s, stall: 30s }";
    stage(name, timeouts, |call| match call.path() {
        "/hang" => vec![Step::Hang],
        "/large" => vec![say(format!("HTTP/1.1 200 OK\r\nContent-Length: {MIB}\r\n\r\n{}", "x".repeat(MIB)))],
        path => vec![ok(path)],
    })
    .await
}

/// Each request is with the app before it is taken back, which no counter of frames tells.
#[tokio::test]
async fn whoever_asks_for_nothing_but_trouble_has_to_leave() {
    let stage = staged("h2-vain").await;
    let mut visitor = client(STRANGER, stage.address).await;
    let mut asked = 0;
    let farewell = loop {
        let stream = visitor.begin(&get("/hang", &[]), true).await;
        asked += 1;
        assert!(asked < 1000, "nobody has had enough");
        // The answer to a ping comes behind the frames before it.
        visitor.send(&frame(PING, 0, 0, &[2; 8])).await;
        let answered = loop {
            match visitor.frame().await {
                Some(pong) if pong.kind == PING => break true,
                Some(_) => {}
                None => break false,
            }
        };
        if !answered || !visitor.send(&frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])).await {
            break asked;
        }
    };
    assert!((200..400).contains(&farewell), "{farewell}");
    assert!(stage.app.connections() <= 400, "{}", stage.app.connections());
    let mut other = client(STRANGER, stage.address).await;
    assert_eq!(gist(&other.ask(&get("/other", &[])).await), "200 /other");
}

/// A page that is left takes all of its requests back, and those of a browser are no flood.
#[tokio::test]
async fn whoever_takes_back_a_pageful_may_stay() {
    let stage = staged("h2-left").await;
    let mut visitor = client(STRANGER, stage.address).await;
    for page in 0..5 {
        let mut streams = Vec::new();
        for _ in 0..90 {
            streams.push(visitor.begin(&get("/hang", &[]), true).await);
        }
        until("the app is asked", || stage.app.count("/hang") == 90 * (page + 1)).await;
        for stream in streams {
            visitor.send(&frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])).await;
        }
        for _ in 0..90 {
            assert_eq!(gist(&visitor.ask(&get("/page", &[])).await), "200 /page", "{page}");
        }
    }
}

#[tokio::test]
async fn no_flood_takes_the_memory_or_the_place_of_others() {
    for flood in FLOODS {
        let stage = staged("h2-flood").await;
        let (serving, address) = (&stage.serving, stage.address);
        let mut before: Client<TcpStream> = client(STRANGER, address).await;
        assert_eq!(gist(&before.ask(&get("/before", &[])).await), "200 /before");
        let memory = serving.memory();
        let mut floods = JoinSet::new();
        for _ in 0..CONNECTIONS {
            floods.spawn(pour(address, flood));
        }
        let answered = others(address, &mut floods).await;
        assert!(answered > 0, "{}", flood.name);
        let grown = serving.most_memory().saturating_sub(memory);
        println!("{}: {answered} others, {} KiB more", flood.name, grown >> 10);
        assert!(grown < 64 * MIB, "{}: {} MiB more", flood.name, grown / MIB);
        // A connection that is older than the flood is none the worse for it.
        assert_eq!(gist(&before.ask(&get("/after", &[])).await), "200 /after", "{}", flood.name);
    }
}
