//! Requests answered before their body has come: whoever is still sending reads the answer, and the
//! connection goes on; whoever sends without end, or nothing, holds nobody up.

use std::time::Duration;

use gate::Limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{
    frames::{DATA, END_HEADERS, END_STREAM, Fate, HEADERS, Raw, fields, frame},
    house::House,
};

/// A gate that waits for longer than any test takes.
async fn patient() -> House {
    let limits = Limits {
        rest: Duration::from_mins(5),
        ..Limits::default()
    };
    House::with(limits).await
}

/// The head of a request nobody without a login may make.
fn head(house: &House) -> Vec<u8> {
    fields(&[
        (b":method", b"POST"),
        (b":scheme", b"https"),
        (b":authority", &house.origin.as_bytes()["https://".len()..]),
        (b":path", b"/flows"),
    ])
}

#[tokio::test]
async fn over_http2_a_late_body_is_not_met_with_a_reset() {
    let house = patient().await;
    let mut raw = Raw::open(&house, &[]).await;
    raw.send(&frame(HEADERS, END_HEADERS, 1, &head(&house)))
        .await;
    // Asked one after the other, and answered as it would be: a gate that does not wait comes to the
    // first meanwhile.
    for stream in (3..43).step_by(2) {
        let whole = END_HEADERS | END_STREAM;
        raw.send(&frame(HEADERS, whole, stream, &head(&house)))
            .await;
        raw.until(|raw| raw.fates.contains_key(&stream)).await;
    }
    assert_eq!(raw.fates.get(&1), None, "it is answered before its body");
    raw.send(&frame(DATA, END_STREAM, 1, b"[]")).await;
    raw.until(|raw| raw.fates.contains_key(&1)).await;
    assert_eq!(raw.fates.get(&1), Some(&Fate::Answered(401)));
    raw.get(&house, 43, "/favicon.ico", "").await;
    raw.until(|raw| raw.fates.contains_key(&43)).await;
    assert!(!raw.resets.contains(&1), "the stream was reset");
}

#[tokio::test]
async fn over_http1_the_connection_goes_on_after_a_late_body() {
    let house = patient().await;
    let mut stream = house.connect(b"http/1.1").await;
    let host = &house.origin["https://".len()..];
    let ask = |more: &str| {
        format!("POST /flows HTTP/1.1\r\nHost: {host}\r\nContent-Length: 10\r\n{more}\r\n")
    };
    stream.write_all(ask("").as_bytes()).await.unwrap();
    stream.write_all(b"01234").await.unwrap();
    // Somebody else's, meanwhile: a gate that does not wait comes to the first.
    for _ in 0..20 {
        let other = house.send(house.request("POST", "/flows"), "").await;
        assert_eq!(other.status, http::StatusCode::UNAUTHORIZED);
    }
    stream.write_all(b"56789").await.unwrap();
    let again = ask("Connection: close\r\n") + "0123456789";
    stream.write_all(again.as_bytes()).await.unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).await.unwrap();
    assert_eq!(answers.matches("HTTP/1.1 401").count(), 2, "{answers}");
}

#[tokio::test]
async fn a_body_without_end_is_cut_off() {
    let house = patient().await;
    let mut stream = house.connect(b"http/1.1").await;
    let host = &house.origin["https://".len()..];
    let length = 64 << 20;
    let head = format!("POST /flows HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let piece = vec![b'x'; 1 << 20];
    let mut is_cut_off = false;
    for _ in 0..64 {
        is_cut_off |= stream.write_all(&piece).await.is_err();
    }
    assert!(is_cut_off, "all of it was taken");
}

#[tokio::test]
async fn a_body_that_never_comes_is_not_waited_for() {
    let limits = Limits {
        rest: Duration::from_millis(20),
        ..Limits::default()
    };
    let house = House::with(limits).await;
    let host = &house.origin["https://".len()..];
    let head = format!("POST /flows HTTP/1.1\r\nHost: {host}\r\nContent-Length: 10\r\n\r\n");
    let answer = house.raw(head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}
