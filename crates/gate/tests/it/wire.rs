//! Bytes on the wire: framing, limits, slow and silent clients, plain HTTP.

use std::time::Duration;

use gate::Limits;
use model::access::Role;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::house::House;

fn small() -> Limits {
    Limits {
        handshake: Duration::from_millis(300),
        header_read: Duration::from_millis(300),
        idle: Duration::from_millis(400),
        connections_per_address_max: 4,
        ..Limits::default()
    }
}

#[tokio::test]
async fn ambiguous_framing_is_refused_and_nothing_after_it_is_read() {
    let house = House::new().await;
    let cookie = house.session("ann", Role::Editor).await;
    let head = format!(
        "Host: {}\r\nCookie: {cookie}\r\nOrigin: {}\r\n",
        &house.origin[8..],
        house.origin
    );
    let smuggled = format!("GET /flows HTTP/1.1\r\n{head}\r\n");
    for framing in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        "Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
        "Content-Length: 0\r\nContent-Length: 1\r\n\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "Content-Length: +0\r\n\r\n",
        "X: a\r\n b\r\nContent-Length: 0\r\n\r\n",
        "Content-Length: 0\n\n",
        "X: a\nContent-Length: 0\r\n\r\n",
    ] {
        let answer = house
            .raw(format!("POST /inject/i1 HTTP/1.1\r\n{head}{framing}{smuggled}").as_bytes())
            .await;
        assert!(
            answer.starts_with("HTTP/1.1 400"),
            "{framing:?} gave {answer}"
        );
        assert_eq!(
            answer.matches("HTTP/1.1 ").count(),
            1,
            "{framing:?}: {answer}"
        );
    }
    assert!(
        house.node_red.seen().is_empty(),
        "{:?}",
        house.node_red.seen()
    );
}

#[tokio::test]
async fn after_a_chunked_request_the_connection_ends() {
    let house = House::new().await;
    let cookie = house.session("ann", Role::Editor).await;
    let head = format!(
        "Host: {}\r\nCookie: {cookie}\r\nOrigin: {}\r\n",
        &house.origin[8..],
        house.origin
    );
    let request = format!(
        "POST /api/pump/1 HTTP/1.1\r\n{head}Transfer-Encoding: chunked\r\n\r\n2\r\non\r\n0\r\n\r\nGET /flows HTTP/1.1\r\n{head}\r\n"
    );
    let answer = house.raw(request.as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 1, "{answer}");
    assert_eq!(house.node_red.seen().len(), 1);
    assert_eq!(house.node_red.last().body, "on");
}

#[tokio::test]
async fn huge_heads_are_refused() {
    let house = House::new().await;
    let host = &house.origin[8..];
    let long = format!(
        "GET / HTTP/1.1\r\nHost: {host}\r\nX: {}\r\n\r\n",
        "a".repeat(100_000)
    );
    let answer = house.raw(long.as_bytes()).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
    let many = format!(
        "GET / HTTP/1.1\r\nHost: {host}\r\n{}\r\n",
        "X: 1\r\n".repeat(200)
    );
    let answer = house.raw(many.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn silent_and_slow_clients_are_let_go() {
    let house = House::with(small()).await;
    // Says nothing at all.
    let mut silent = TcpStream::connect(house.address).await.unwrap();
    assert_eq!(silent.read(&mut [0; 1]).await.unwrap_or(0), 0);
    // Begins a TLS handshake and stops.
    let mut stuck = TcpStream::connect(house.address).await.unwrap();
    stuck.write_all(&[0x16, 3, 1]).await.unwrap();
    assert_eq!(stuck.read(&mut [0; 1]).await.unwrap_or(0), 0);
    // Begins a head and stops.
    let answer = house.raw(b"GET / HTTP/1.1\r\nHost:").await;
    assert!(!answer.contains(" 200 "), "{answer}");
    // Finishes nothing after the handshake, over HTTP/1.1 and HTTP/2.
    for alpn in [&b"http/1.1"[..], b"h2"] {
        let mut idle = house.connect(alpn).await;
        let mut rest = Vec::new();
        idle.read_to_end(&mut rest).await.ok();
    }
}

#[tokio::test]
async fn one_address_takes_no_more_than_its_share() {
    let house = House::with(Limits {
        connections_per_address_max: 2,
        ..Limits::default()
    })
    .await;
    let first = house.connect(b"http/1.1").await;
    let _second = house.connect(b"http/1.1").await;
    let mut third = TcpStream::connect(house.address).await.unwrap();
    assert_eq!(
        third.read(&mut [0; 1]).await.unwrap_or(0),
        0,
        "the third is closed at once"
    );
    drop(first);
    crate::house::eventually("there is room again", async || {
        let mut next = TcpStream::connect(house.address).await.unwrap();
        next.write_all(b"GET / HTTP/1.1\r\n\r\n").await.ok();
        let mut byte = [0; 1];
        next.read(&mut byte).await.unwrap_or(0) == 1
    })
    .await;
}

#[tokio::test]
async fn plain_http_is_sent_to_https_and_nothing_else() {
    let house = House::new().await;
    let ask = async |text: String| {
        let mut stream = TcpStream::connect(house.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let host = &house.origin[8..];
    let answer = ask(format!("GET /a?b=1 HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
    assert!(
        answer.starts_with("HTTP/1.1 308")
            && answer.contains(&format!("Location: https://{host}/a?b=1\r\n")),
        "{answer}"
    );
    let answer = ask("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_owned()).await;
    assert!(
        answer.starts_with("HTTP/1.1 400") && !answer.contains("evil"),
        "{answer}"
    );
    assert!(house.node_red.seen().is_empty());
}

#[tokio::test]
async fn http2_paths_are_read_alike() {
    let house = House::new().await;
    let cookie = house.session("ann", Role::Editor).await;
    let mut sender = house.http2().await;
    for path in [
        "/flows/", "/%66lows", "//flows", "/flows;x", "/FLOWS", "/./flows", "/flow%2f",
    ] {
        let request = http::Request::builder()
            .method("POST")
            .uri(format!("{}{path}", house.origin))
            .header("cookie", &cookie)
            .header("origin", &house.origin)
            .header("content-type", "application/json")
            .body(http_body_util::Full::from("{}"))
            .unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert!(
            answer.status().is_client_error(),
            "{path} gave {}",
            answer.status()
        );
    }
    assert!(house.node_red.seen().is_empty());
}

#[tokio::test]
async fn who_reads_nothing_is_let_go() {
    let limits = Limits {
        stall: Duration::from_millis(300),
        connections_per_address_max: 1,
        ..Limits::default()
    };
    let house = House::with(limits).await;
    let cookie = house.session("ann", Role::Editor).await;
    let host = &house.origin[8..];
    let mut stalled = house.connect(b"http/1.1").await;
    let ask = format!("GET /red/huge.js HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n");
    stalled.write_all(ask.as_bytes()).await.unwrap();
    // The only place is free again once the gate has given the stalled client up.
    crate::house::eventually("there is room again", async || {
        let mut next = TcpStream::connect(house.address).await.unwrap();
        next.write_all(b"GET / HTTP/1.1\r\n\r\n").await.ok();
        next.read(&mut [0; 1]).await.unwrap_or(0) == 1
    })
    .await;
    let mut got = Vec::new();
    stalled.read_to_end(&mut got).await.ok();
    assert!(
        got.len() < 30_000_000,
        "{} bytes came all the same",
        got.len()
    );
}
