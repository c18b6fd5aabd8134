//! Clients that are slow on purpose: each is let go by the gate's own limits, here short ones, and
//! somebody else is answered while they hang on.

use std::time::Duration;

use gate::Limits;
use model::access::Role;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};
use tokio_rustls::client::TlsStream;

use crate::{
    frames::{DATA, END_HEADERS, Fate, HEADERS, Raw, WINDOW_UPDATE, fields, frame, get},
    house::House,
};

/// How often a slow client says something.
const DRIP: Duration = Duration::from_millis(20);
/// How many places one address has.
const PLACES: usize = 12;

async fn house() -> (House, String, String) {
    let limits = Limits {
        header_read: Duration::from_millis(400),
        body_read: Duration::from_millis(400),
        answer: Duration::from_millis(600),
        idle: Duration::from_millis(600),
        stall: Duration::from_millis(400),
        connections_per_address_max: PLACES,
        ..Limits::default()
    };
    let house = House::with(limits).await;
    let attacker = house.session("ann", Role::Editor).await;
    let other = house.session("bob", Role::Viewer).await;
    (house, attacker, other)
}

/// Somebody at another address is answered.
async fn others_are_served(house: &House, cookie: &str) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let stream = socket.connect(house.address).await.unwrap();
    let mut stream = house.greet(stream, b"http/1.1").await;
    let ask = format!(
        "GET /flow/t1 HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n",
        &house.origin[8..]
    );
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with(r#"{"node_red":"/flow/t1"}"#), "{answer}");
}

/// Says a byte at a time for as long as the gate listens; what it answered.
async fn drip(mut stream: TlsStream<TcpStream>, head: &str, drops: &str) -> String {
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut read, mut write) = tokio::io::split(stream);
    let slowly = async {
        for byte in drops.bytes() {
            tokio::time::sleep(DRIP).await;
            if write.write_all(&[byte]).await.is_err() || write.flush().await.is_err() {
                // It hung up; what it said before is still to be read.
                std::future::pending::<()>().await;
            }
        }
        panic!("the gate took all of it");
    };
    let mut answer = Vec::new();
    let listening = async {
        read.read_to_end(&mut answer).await.ok();
    };
    tokio::select! {
        () = listening => {}
        () = slowly => {}
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// As many slow clients as an address may have, all at once.
async fn all_at_once(
    house: &House,
    other: &str,
    head: &str,
    drops: &str,
    answers: impl Fn(&str) -> bool,
) {
    let mut clients = Vec::new();
    for _ in 0..PLACES {
        let stream = house.connect(b"http/1.1").await;
        clients.push(drip(stream, head, drops));
    }
    let clients = futures_util::future::join_all(clients);
    let (all, ()) = tokio::join!(clients, others_are_served(house, other));
    for answer in all {
        assert!(answers(&answer), "{answer}");
    }
    others_are_served(house, other).await;
}

#[tokio::test]
async fn a_slow_head_is_let_go() {
    let (house, _, other) = house().await;
    let head = format!("GET / HTTP/1.1\r\nHost: {}\r\nX: ", &house.origin[8..]);
    // In time for each byte, and never done.
    all_at_once(&house, &other, &head, &"a".repeat(3000), |answer| {
        !answer.contains(" 200 ")
    })
    .await;
    assert!(!house.node_red.seen().iter().any(|seen| seen.path == "/"));
}

#[tokio::test]
async fn a_slow_body_that_is_inspected_is_let_go() {
    let (house, attacker, other) = house().await;
    let head = format!(
        "POST /flows HTTP/1.1\r\nHost: {}\r\nCookie: {attacker}\r\nOrigin: {}\r\n\
         Content-Type: application/json\r\nContent-Length: 3000\r\n\r\n[",
        &house.origin[8..],
        house.origin
    );
    all_at_once(&house, &other, &head, &" ".repeat(2900), |answer| {
        answer.starts_with("HTTP/1.1 4")
    })
    .await;
}

#[tokio::test]
async fn a_slow_body_that_is_passed_on_is_let_go() {
    let (house, attacker, other) = house().await;
    let head = format!(
        "POST /open/door HTTP/1.1\r\nHost: {}\r\nCookie: {attacker}\r\nOrigin: {}\r\n\
         Content-Length: 3000\r\n\r\n[",
        &house.origin[8..],
        house.origin
    );
    all_at_once(&house, &other, &head, &" ".repeat(2900), |answer| {
        answer.starts_with("HTTP/1.1 504")
    })
    .await;
}

#[tokio::test]
async fn a_slow_head_over_http2_is_let_go() {
    let (house, attacker, other) = house().await;
    let mut raw = Raw::open(&house, &[]).await;
    let block = get(&house, "/flow/slow", &attacker);
    raw.send(&frame(HEADERS, 0, 1, &block)).await;
    tokio::join!(raw.until(|_| false), others_are_served(&house, &other));
    assert!(raw.is_closed && raw.fates.is_empty());
}

#[tokio::test]
async fn a_slow_body_over_http2_is_let_go() {
    let (house, attacker, other) = house().await;
    let mut raw = Raw::open(&house, &[]).await;
    let block = fields(&[
        (b":method", b"POST"),
        (b":scheme", b"https"),
        (b":authority", &house.origin.as_bytes()[8..]),
        (b":path", b"/flows"),
        (b"cookie", attacker.as_bytes()),
        (b"origin", house.origin.as_bytes()),
        (b"content-type", b"application/json"),
    ]);
    raw.send(&frame(HEADERS, END_HEADERS, 1, &block)).await;
    raw.send(&frame(DATA, 0, 1, b"[")).await;
    tokio::join!(
        raw.until(|raw| raw.fates.contains_key(&1)),
        others_are_served(&house, &other)
    );
    assert!(matches!(raw.fates[&1], Fate::Answered(400..=499)));
}

#[tokio::test]
async fn who_opens_no_window_over_http2_is_let_go() {
    let (house, attacker, other) = house().await;
    let mut raw = Raw::open(&house, &[(4, 0)]).await;
    for stream in (1..16).step_by(2) {
        raw.get(&house, stream, "/red/big.js", &attacker).await;
    }
    // It answers every ping meanwhile, as `Raw` does.
    tokio::join!(raw.until(|_| false), others_are_served(&house, &other));
    assert!(raw.is_closed);
    assert_eq!((raw.fates.len(), raw.received), (8, 0));
    others_are_served(&house, &other).await;
}

#[tokio::test]
async fn who_opens_a_byte_of_window_at_a_time_is_let_go() {
    let (house, attacker, other) = house().await;
    let mut raw = Raw::open(&house, &[(4, 1)]).await;
    raw.get(&house, 1, "/red/big.js", &attacker).await;
    let mut asked = 0;
    while !raw.is_closed {
        raw.send(&frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1])).await;
        asked += 1;
        assert!(asked < 20_000, "the gate goes on for ever");
        let before = raw.received;
        raw.until(|raw| raw.received > before).await;
    }
    // A byte at a time is not taking: neither does it count as going on, nor does it give a frame back.
    assert!(raw.received <= 1000, "{}", raw.received);
    others_are_served(&house, &other).await;
}
