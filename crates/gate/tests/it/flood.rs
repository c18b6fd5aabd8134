//! HTTP/2 abuse, frame by frame: each ends with GOAWAY after so many frames, by the gate's own
//! count, and somebody else is answered all the while.

use gate::Limits;
use model::access::Role;

use crate::{
    frames::{
        CONTINUATION, DATA, END_HEADERS, END_STREAM, Fate, HEADERS, PING, PRIORITY, RST_STREAM,
        Raw, SETTINGS, WINDOW_UPDATE, fields, frame, get,
    },
    house::House,
};

const PROTOCOL_ERROR: u32 = 1;
const REFUSED_STREAM: u32 = 7;
const ENHANCE_YOUR_CALM: u32 = 11;

/// A gate, its attacker's cookie, and somebody else's.
async fn house() -> (House, String, String) {
    let limits = Limits {
        frames_max: 100,
        streams_max: 8,
        ..Limits::default()
    };
    let house = House::with(limits).await;
    let attacker = house.session("ann", Role::Editor).await;
    let other = house.session("bob", Role::Viewer).await;
    (house, attacker, other)
}

/// Somebody else is answered.
async fn others_are_served(house: &House, cookie: &str) {
    let answer = house.get("/flow/t1", cookie).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["node_red"], "/flow/t1");
}

/// Sends until the gate closes; why it says it does.
async fn closed(mut raw: Raw, house: &House, other: &str) -> Option<u32> {
    others_are_served(house, other).await;
    raw.until(|_| false).await;
    assert!(raw.is_closed);
    others_are_served(house, other).await;
    raw.goaway
}

#[tokio::test]
async fn frames_that_carry_nothing_run_out() {
    let (house, _, other) = house().await;
    for (kind, stream, payload) in [
        (PING, 0, &[0; 8][..]),
        (SETTINGS, 0, &[]),
        (SETTINGS, 0, &[0, 4, 0, 0, 255, 255]),
        (PRIORITY, 1, &[0, 0, 0, 0, 1]),
        (WINDOW_UPDATE, 0, &[0, 0, 0, 1]),
        (0xbb, 0, b"no such frame"),
    ] {
        let mut raw = Raw::open(&house, &[]).await;
        // As many as there are: the connection goes on. Its SETTINGS counted, and the answer to ours.
        raw.send(&frame(kind, 0, stream, payload).repeat(90)).await;
        raw.get(&house, 3, "/auth/login", "a=1").await;
        raw.until(|raw| raw.fates.contains_key(&3)).await;
        assert_eq!(raw.fates[&3], Fate::Answered(200), "frame {kind}");
        raw.send(&frame(kind, 0, stream, payload).repeat(110)).await;
        let why = closed(raw, &house, &other).await;
        assert_eq!(why, Some(PROTOCOL_ERROR), "frame {kind}");
    }
}

/// CVE-2023-44487, all at once: h2's own count of requests that were reset before anybody saw them.
#[tokio::test]
async fn a_burst_of_reset_requests_ends_the_connection() {
    let (house, attacker, other) = house().await;
    let mut raw = Raw::open(&house, &[]).await;
    let block = get(&house, "/flow/reset", &attacker);
    let mut bytes = Vec::new();
    for stream in (1..4000).step_by(2) {
        bytes.extend(frame(HEADERS, END_HEADERS | END_STREAM, stream, &block));
        bytes.extend(frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]));
    }
    raw.send(&bytes).await;
    assert!(closed(raw, &house, &other).await.is_some());
    assert!(reached(&house, "/flow/reset") <= 100);
}

/// The same, each request let in before it is reset, so that h2's count stays at nothing.
#[tokio::test]
async fn requests_reset_one_by_one_run_out_too() {
    let (house, attacker, other) = house().await;
    let mut raw = Raw::open(&house, &[]).await;
    let mut rounds = 0;
    for stream in (1..2000).step_by(2) {
        raw.get(&house, stream, "/flow/reset", &attacker).await;
        raw.send(&frame(PING, 0, 0, &[0; 8])).await;
        let before = raw.pongs;
        raw.until(|raw| raw.pongs > before).await;
        raw.send(&frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])).await;
        if raw.is_closed {
            break;
        }
        rounds += 1;
    }
    // A reset costs four, a ping one.
    assert!((15..=20).contains(&rounds), "{rounds} rounds");
    assert_eq!(closed(raw, &house, &other).await, Some(PROTOCOL_ERROR));
    assert!(reached(&house, "/flow/reset") <= 21);
}

/// CVE-2025-8671 (MadeYouReset): the client has the gate itself reset, which no limit of streams
/// counts.
#[tokio::test]
async fn requests_the_gate_is_made_to_reset_run_out() {
    let (house, attacker, other) = house().await;
    let post = fields(&[
        (b":method", b"POST"),
        (b":scheme", b"https"),
        (b":authority", &house.origin.as_bytes()[8..]),
        (b":path", b"/open/door"),
        (b"cookie", attacker.as_bytes()),
        (b"origin", house.origin.as_bytes()),
        (b"content-length", b"1"),
    ]);
    for (kind, flags, payload, wanted) in [
        (WINDOW_UPDATE, 0, &[0, 0, 0, 0][..], PROTOCOL_ERROR),
        (
            WINDOW_UPDATE,
            0,
            &[0x7f, 0xff, 0xff, 0xff],
            ENHANCE_YOUR_CALM,
        ),
        (DATA, END_STREAM, b"more than the length", ENHANCE_YOUR_CALM),
    ] {
        let mut raw = Raw::open(&house, &[]).await;
        for stream in (1..400).step_by(2) {
            raw.send(&frame(HEADERS, END_HEADERS, stream, &post)).await;
            raw.send(&frame(kind, flags, stream, payload)).await;
        }
        let why = closed(raw, &house, &other).await;
        assert_eq!(why, Some(wanted), "{payload:?}");
        assert!(reached(&house, "/open/door") == 0);
    }
}

/// CVE-2024-27316 and its kin.
#[tokio::test]
async fn a_head_without_an_end_ends_the_connection() {
    let (house, attacker, other) = house().await;
    for piece in [&b""[..], b"\0\x01x\x01y"] {
        let mut raw = Raw::open(&house, &[]).await;
        let block = get(&house, "/flow/endless", &attacker);
        raw.send(&frame(HEADERS, END_STREAM, 1, &block)).await;
        raw.send(&frame(CONTINUATION, 0, 1, piece).repeat(5000))
            .await;
        assert!(closed(raw, &house, &other).await.is_some());
    }
    assert_eq!(reached(&house, "/flow/endless"), 0);
}

/// A head that grows in memory: small on the wire, large by references to the table.
#[tokio::test]
async fn a_head_cannot_grow_out_of_the_table() {
    let (house, attacker, other) = house().await;
    let mut raw = Raw::open(&house, &[]).await;
    let mut block = get(&house, "/flow/grown", &attacker);
    // Kept as the table's newest entry (62), and referred to 2000 times: 6 MB.
    let value = [b'a'; 3000];
    block.extend([0x40, 1, b'x', 0x7f]);
    block.extend([0xb9, 0x16]);
    block.extend(value);
    block.extend([0xbe; 2000]);
    raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &block))
        .await;
    raw.get(&house, 3, "/auth/login", "a=1").await;
    raw.until(|raw| raw.fates.contains_key(&1)).await;
    assert_ne!(raw.fates.get(&1), Some(&Fate::Answered(200)));
    others_are_served(&house, &other).await;
    assert_eq!(reached(&house, "/flow/grown"), 0);
    // The table itself grows no further than it was allowed to.
    let mut raw = Raw::open(&house, &[]).await;
    let mut block = vec![0x3f, 0xe2, 0x1f];
    block.extend(get(&house, "/flow/grown", &attacker));
    raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &block))
        .await;
    let why = closed(raw, &house, &other).await;
    assert_eq!(why, Some(PROTOCOL_ERROR));
    // A client that offers four gigabytes of table for our answers makes us hold none of it.
    let mut raw = Raw::open(&house, &[(1, u32::MAX)]).await;
    raw.get(&house, 1, "/auth/login", "a=1").await;
    raw.until(|raw| raw.fates.contains_key(&1)).await;
    assert_eq!(raw.fates[&1], Fate::Answered(200));
}

#[tokio::test]
async fn empty_bodies_without_an_end_run_out() {
    let (house, attacker, other) = house().await;
    let mut raw = Raw::open(&house, &[]).await;
    let mut block = get(&house, "/open/door", &attacker);
    // POST, from the static table, in the place of GET.
    block.splice(
        ..=block.iter().position(|byte| *byte == b'T').unwrap(),
        [0x83],
    );
    block.extend(fields(&[(b"origin", house.origin.as_bytes())]));
    raw.send(&frame(HEADERS, END_HEADERS, 1, &block)).await;
    raw.send(&frame(DATA, 0, 1, b"").repeat(500)).await;
    assert!(closed(raw, &house, &other).await.is_some());
}

#[tokio::test]
async fn more_streams_than_allowed_are_refused_one_by_one() {
    let (house, attacker, other) = house().await;
    // No window: nothing that is answered with a body ends.
    let mut raw = Raw::open(&house, &[(4, 0)]).await;
    for stream in (1..=17).step_by(2) {
        raw.get(&house, stream, "/red/big.js", &attacker).await;
    }
    raw.until(|raw| raw.fates.len() == 9).await;
    assert_eq!(raw.fates[&17], Fate::Reset(REFUSED_STREAM));
    assert_eq!(raw.fates[&15], Fate::Answered(200));
    assert_eq!(raw.received, 0);
    others_are_served(&house, &other).await;
}

fn reached(house: &House, path: &str) -> usize {
    let seen = house.node_red.seen();
    seen.iter().filter(|seen| seen.path == path).count()
}
