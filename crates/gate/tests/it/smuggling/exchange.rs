//! Sends a case's bytes or frames as they are, and a decent request behind them.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::case::{self, Case};
use crate::{
    frames::{self, Fate, Raw},
    house::House,
};

/// What the client saw.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) answers: Vec<String>,
    pub(super) is_served: bool,
}

/// The decent request's path: a route the gate answers by itself, so that the upstream hears of the
/// case alone.
const BEHIND: &str = "/auth/login";
/// The stream of the decent request.
const BEHIND_STREAM: u32 = 99;

pub(super) async fn http1(house: &House, case: &Case, login: &str) -> Seen {
    let mut stream = house.connect(b"http/1.1").await;
    let mut sent: Vec<u8> = case
        .sent
        .iter()
        .flat_map(|line| case::bytes(line, house, login))
        .collect();
    if !case.is_last {
        let host = &house.origin["https://".len()..];
        sent.extend(
            format!("GET {BEHIND} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").bytes(),
        );
    }
    // The gate may hang up before it has read all.
    stream.write_all(&sent).await.ok();
    stream.flush().await.ok();
    if case.is_last {
        stream.shutdown().await.ok();
    }
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes));
    read.await
        .unwrap_or_else(|_| panic!("{}: the connection stays open", case.name))
        .ok();
    let mut answers = Vec::new();
    let mut is_served = false;
    let mut rest = &bytes[..];
    while let Some((status, body, behind)) = response(rest) {
        // Who is not known is told how to log in: the request has not got anybody's cookie.
        is_served = String::from_utf8_lossy(body).contains("loginMessage");
        if !is_served {
            answers.push(status);
        }
        rest = behind;
    }
    assert!(rest.is_empty(), "{}: half an answer", case.name);
    if answers.is_empty() {
        answers.push("closed".to_owned());
    }
    Seen { answers, is_served }
}

/// One response: its status, its body, and what is behind it.
fn response(bytes: &[u8]) -> Option<(String, &[u8], &[u8])> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut rest = &bytes[end + 4..];
    let status = head.strip_prefix("HTTP/1.")?.get(2..5)?.to_owned();
    let mut lengths = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = lengths
        .next()
        .map_or(0, |(_, value)| value.parse().unwrap());
    let body;
    if head.contains("transfer-encoding: chunked") {
        // Only one case is answered so, with nothing in it.
        rest = rest.strip_prefix(b"0\r\n\r\n")?;
    }
    (body, rest) = rest.split_at_checked(length)?;
    Some((status, body, rest))
}

pub(super) async fn http2(house: &House, case: &Case, login: &str) -> Seen {
    let mut raw = Raw::open(house, &[]).await;
    raw.send(&written(house, case, login)).await;
    if !case.is_last {
        raw.get(house, BEHIND_STREAM, BEHIND, "a=1").await;
    }
    let until = raw.until(|raw| {
        let is_settled = |stream| raw.fates.contains_key(&stream);
        is_settled(1) && is_settled(BEHIND_STREAM)
    });
    tokio::time::timeout(Duration::from_secs(20), until)
        .await
        .unwrap_or_else(|_| panic!("{}: neither answered nor closed", case.name));
    let answer = match (raw.fates.get(&1), raw.goaway) {
        (Some(Fate::Answered(status)), _) => status.to_string(),
        (Some(Fate::Reset(reason)), _) => format!("reset {reason}"),
        (None, Some(reason)) => format!("closed {reason}"),
        (None, None) => "closed".to_owned(),
    };
    Seen {
        answers: vec![answer],
        is_served: raw.fates.get(&BEHIND_STREAM) == Some(&Fate::Answered(200)),
    }
}

/// The frames of a case: a line with type, stream and flags, then its lines, then an empty one.
fn written(house: &House, case: &Case, login: &str) -> Vec<u8> {
    let mut sent = Vec::new();
    for block in case.sent.split(String::is_empty) {
        let Some((first, lines)) = block.split_first() else {
            continue;
        };
        let mut words = first.split_whitespace();
        let kind = words.next().unwrap();
        let stream: u32 = words.next().unwrap().parse().unwrap();
        let flags = words.fold(0, |flags, word| {
            flags
                | match word {
                    "end-stream" => frames::END_STREAM,
                    "end-headers" => frames::END_HEADERS,
                    other => panic!("{}: {other}", case.name),
                }
        });
        let kind_number = match kind {
            "HEADERS" => frames::HEADERS,
            "CONTINUATION" => frames::CONTINUATION,
            "DATA" => frames::DATA,
            other => panic!("{}: {other}", case.name),
        };
        let payload = if kind == "DATA" {
            let bytes = lines
                .iter()
                .flat_map(|line| case::bytes(line, house, login));
            bytes.collect()
        } else {
            block_of(lines, house, login)
        };
        sent.extend(frames::frame(kind_number, flags, stream, &payload));
    }
    sent
}

fn block_of(lines: &[String], house: &House, login: &str) -> Vec<u8> {
    let fields: Vec<(Vec<u8>, Vec<u8>)> = lines
        .iter()
        .map(|line| {
            // A pseudo-header's name begins with a colon.
            let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("{line}"));
            (
                case::bytes(name, house, login),
                case::bytes(value, house, login),
            )
        })
        .collect();
    let borrowed: Vec<(&[u8], &[u8])> = fields
        .iter()
        .map(|(name, value)| (&name[..], &value[..]))
        .collect();
    frames::fields(&borrowed)
}
