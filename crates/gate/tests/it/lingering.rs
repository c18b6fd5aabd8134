//! Requests answered before their body has come: whoever is still sending reads the answer, and the
//! connection goes on; whoever sends without end is cut off.

use std::time::Duration;

use http::StatusCode;
use http_body_util::StreamBody;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt as _;

use crate::{
    frames::{DATA, END_HEADERS, END_STREAM, Fate, HEADERS, Raw, fields, frame},
    house::House,
};

/// Long enough that a gate that does not wait has answered.
const PAUSE: Duration = Duration::from_millis(200);

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
    let house = House::new().await;
    let mut raw = Raw::open(&house, &[]).await;
    raw.send(&frame(HEADERS, END_HEADERS, 1, &head(&house)))
        .await;
    tokio::time::sleep(PAUSE).await;
    raw.send(&frame(DATA, END_STREAM, 1, b"[]")).await;
    raw.until(|raw| raw.fates.contains_key(&1)).await;
    assert_eq!(raw.fates.get(&1), Some(&Fate::Answered(401)));
    raw.get(&house, 3, "/favicon.ico", "").await;
    raw.until(|raw| raw.fates.contains_key(&3)).await;
    assert!(!raw.resets.contains(&1), "the stream was reset");
}

#[tokio::test]
async fn over_http1_the_connection_goes_on_after_a_late_body() {
    let house = House::new().await;
    let io = TokioIo::new(house.connect(b"http/1.1").await);
    let (mut sender, connection) = http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    for _ in 0..2 {
        let pieces = futures_util::stream::unfold(0, |piece| async move {
            tokio::time::sleep(PAUSE).await;
            let data = http_body::Frame::data(bytes::Bytes::from_static(&[b'x'; 5]));
            (piece < 2).then(|| (Ok::<_, std::convert::Infallible>(data), piece + 1))
        });
        let body = StreamBody::new(Box::pin(pieces));
        let request = house
            .request("POST", "/flows")
            .header("content-length", "10");
        sender.ready().await.expect("the connection goes on");
        let answer = sender
            .send_request(request.body(body).unwrap())
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert!(!answer.headers().contains_key("connection"));
    }
}

#[tokio::test]
async fn a_body_without_end_is_cut_off() {
    let house = House::new().await;
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
