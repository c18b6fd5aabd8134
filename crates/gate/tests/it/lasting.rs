//! Sockets for the web over HTTP/2 live as long as they are wanted, whatever else their connection does. Time
//! is counted by the gate's own pings: four make the time that a connection may be idle.

use std::time::Duration;

use gate::Limits;
use model::access::Role;

use crate::{
    frames::{DATA, END_HEADERS, Fate, HEADERS, Raw, WINDOW_UPDATE, fields, frame},
    house::House,
};

/// More pings than idle time and what follows it would let a connection live.
const LONG: usize = 24;
/// A WebSocket's message "hi", masked with nothing.
const HI: [u8; 8] = [0x81, 0x82, 0, 0, 0, 0, b'h', b'i'];
/// Its echo.
const ECHO_BYTES: usize = 4;

async fn house() -> (House, String) {
    let limits = Limits {
        idle: Duration::from_millis(200),
        stall: Duration::from_millis(200),
        ..Limits::default()
    };
    let house = House::with(limits).await;
    let cookie = house.session("ann", Role::Editor).await;
    (house, cookie)
}

/// Asks for a WebSocket on stream 1 (RFC 8441, 5) and waits until it is there.
async fn socket(house: &House, cookie: &str, path: &str, settings: &[(u16, u32)]) -> Raw {
    let mut raw = Raw::open(house, settings).await;
    let block = fields(&[
        (b":method", b"CONNECT"),
        (b":protocol", b"websocket"),
        (b":scheme", b"https"),
        (b":authority", &house.origin.as_bytes()[8..]),
        (b":path", path.as_bytes()),
        (b"cookie", cookie.as_bytes()),
        (b"origin", house.origin.as_bytes()),
        (b"sec-websocket-version", b"13"),
    ]);
    raw.send(&frame(HEADERS, END_HEADERS, 1, &block)).await;
    raw.until(|raw| raw.fates.contains_key(&1)).await;
    assert_eq!(raw.fates.get(&1), Some(&Fate::Answered(200)));
    raw
}

/// Lives through the time of so many pings.
async fn pings(raw: &mut Raw, count: usize) {
    let until = raw.pings + count;
    raw.until(|raw| raw.pings >= until || raw.goaway.is_some())
        .await;
}

async fn is_echoed(raw: &mut Raw) {
    let before = raw.received;
    raw.send(&frame(DATA, 0, 1, &HI)).await;
    raw.until(|raw| raw.received >= before + ECHO_BYTES).await;
    assert_eq!(raw.received, before + ECHO_BYTES, "it answers");
}

#[tokio::test]
async fn a_quiet_websocket_over_http2_outlives_the_idle_time() {
    let (house, cookie) = house().await;
    let mut live = socket(&house, &cookie, "/ws/live", &[]).await;
    for _ in 0..3 {
        pings(&mut live, LONG).await;
        assert_eq!((live.goaway, live.is_closed), (None, false));
        is_echoed(&mut live).await;
    }
    let mut comms = socket(&house, &cookie, "/comms", &[]).await;
    pings(&mut comms, LONG).await;
    assert_eq!((comms.goaway, comms.is_closed), (None, false));
    // Once it has ended, the connection is as idle as any.
    live.send(&frame(DATA, 1, 1, &[])).await;
    live.until(|_| false).await;
    assert!(live.is_closed);
}

#[tokio::test]
async fn an_answer_that_is_not_taken_ends_without_the_websocket_beside_it() {
    let (house, cookie) = house().await;
    // Nothing may be sent on a stream before its window is opened.
    let mut raw = socket(&house, &cookie, "/ws/live", &[(4, 0)]).await;
    raw.send(&frame(WINDOW_UPDATE, 0, 1, &10_000_u32.to_be_bytes()))
        .await;
    for stream in [3, 5] {
        raw.get(&house, stream, "/red/big.js", &cookie).await;
    }
    raw.until(|raw| raw.resets.len() == 2).await;
    assert!(!raw.resets.contains(&1) && raw.fates[&3] == Fate::Answered(200));
    pings(&mut raw, LONG).await;
    is_echoed(&mut raw).await;
    assert_eq!((raw.goaway, raw.is_closed), (None, false));
}

#[tokio::test]
async fn a_websocket_over_http2_that_is_not_taken_ends() {
    let (house, cookie) = house().await;
    let mut raw = socket(&house, &cookie, "/ws/live", &[(4, 0)]).await;
    let mut said = 0;
    while !raw.is_closed {
        raw.send(&frame(DATA, 0, 1, &HI)).await;
        said += 1;
        assert!(said < 400, "it is held for ever");
        let before = raw.pings;
        raw.until(|raw| raw.pings > before).await;
    }
    assert_eq!(raw.received, 0);
}
