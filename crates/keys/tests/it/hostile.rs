//! The other end of a lane is taken by somebody who says what they like.

use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use sandbox::apart;

use crate::house::{PROGRAM, setup};

/// Statuses of refusals, as the wire has them.
const TOO_LONG: u8 = 1;
const UNREADABLE: u8 = 2;
const UNKNOWN_REQUEST: u8 = 3;
const UNKNOWN_PURPOSE: u8 = 4;
const UNKNOWN_CERTIFICATE: u8 = 5;
const NOT_A_HANDSHAKE: u8 = 7;
const DAMAGED: u8 = 100;

struct Raw {
    lanes: [UnixStream; 2],
    child: std::process::Child,
    _dir: tempfile::TempDir,
}

fn raw() -> Raw {
    let dir = tempfile::tempdir().unwrap();
    let started = apart::start(Path::new(PROGRAM), "__keys").unwrap();
    let lanes = started.lanes;
    for lane in &lanes {
        lane.set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
    }
    let told = serde_json::to_vec(&setup(dir.path())).unwrap();
    let [_, secrets] = &lanes;
    assert_eq!(ask(secrets, &[&[0], &told[..]].concat()).0, 0);
    let apart::Process::Own(child) = started.process else {
        unreachable!("it is our own");
    };
    Raw {
        lanes,
        child,
        _dir: dir,
    }
}

/// Says a kind and its fields; the answer's status and text.
fn ask(lane: &UnixStream, said: &[u8]) -> (u8, Vec<u8>) {
    let length = u32::try_from(said.len() + 1).unwrap();
    let text = [&length.to_be_bytes()[..], &[1], said].concat();
    (&mut &*lane).write_all(&text).unwrap();
    answer(lane)
}

fn answer(mut lane: &UnixStream) -> (u8, Vec<u8>) {
    let mut head = [0; 6];
    lane.read_exact(&mut head).unwrap();
    let length = u32::from_be_bytes(head[..4].try_into().unwrap());
    let mut text = vec![0; usize::try_from(length).unwrap() - 2];
    lane.read_exact(&mut text).unwrap();
    (head[5], text)
}

fn named(kind: u8, purpose: &str, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(purpose.len()).unwrap().to_be_bytes();
    [&[kind], &length[..], purpose.as_bytes(), rest].concat()
}

fn handshake(id: [u8; 32], scheme: u16, message: &[u8]) -> Vec<u8> {
    [&[7], &id[..], &scheme.to_be_bytes(), message].concat()
}

#[test]
fn whatever_is_asked_wrongly_is_refused_and_the_next_is_answered() {
    let mut raw = raw();
    let [handshakes, secrets] = &raw.lanes;
    let good = || ask(secrets, &named(3, "login-limit", b"x"));
    assert_eq!(good().0, 0);
    for (what, said, status) in [
        ("an unknown kind", vec![99], UNKNOWN_REQUEST),
        ("a key is asked for", vec![0], UNKNOWN_REQUEST),
        ("a request of the other lane", vec![6], UNKNOWN_REQUEST),
        ("nothing", vec![], UNREADABLE),
        ("no fields", vec![1], UNREADABLE),
        ("a purpose cut off", vec![3, 0, 9, b'x'], UNREADABLE),
        ("no text", vec![3, 0, 2, 0xff, 0xfe], UNREADABLE),
        (
            "an unknown purpose",
            named(3, "backup", b"x"),
            UNKNOWN_PURPOSE,
        ),
        (
            "another's purpose",
            named(1, "login-limit", b"x"),
            UNKNOWN_PURPOSE,
        ),
        ("no signing purpose", vec![4, 3, b'x'], UNKNOWN_PURPOSE),
        ("no public purpose", vec![5, 200], UNKNOWN_PURPOSE),
        ("two purposes", vec![5, 0, 1], UNREADABLE),
        (
            "what is no secret",
            named(2, "console-factor", b"\x01xx"),
            DAMAGED,
        ),
        ("too long", [&[5][..], &[0; 4096]].concat(), TOO_LONG),
    ] {
        assert_eq!(ask(secrets, &said).0, status, "{what}");
        assert_eq!(good().0, 0, "after {what}");
    }
    refuses_wrong_handshakes(handshakes);
    // Cut off within a request: that lane ends, the other goes on.
    (&mut &*handshakes)
        .write_all(&[0, 0, 1, 0, 1, 7, 1])
        .unwrap();
    handshakes.shutdown(std::net::Shutdown::Both).unwrap();
    assert_eq!(good().0, 0);
    secrets.shutdown(std::net::Shutdown::Both).unwrap();
    assert!(raw.child.wait().unwrap().success(), "it ends in order");
}

fn refuses_wrong_handshakes(handshakes: &UnixStream) {
    let (status, chain) = ask(handshakes, &[6]);
    assert_eq!(status, 0);
    let id: [u8; 32] = chain[..32].try_into().unwrap();
    let verify = crate::house::message();
    for (what, said, status) in [
        (
            "a secret's request",
            named(3, "login-limit", b"x"),
            UNKNOWN_REQUEST,
        ),
        (
            "what is no handshake",
            handshake(id, 0x0403, b"pay"),
            NOT_A_HANDSHAKE,
        ),
        ("another scheme", handshake(id, 0x0807, &verify), 6),
        ("no scheme at all", handshake(id, 0xffff, &verify), 6),
        (
            "another certificate",
            handshake([0; 32], 0x0403, &verify),
            UNKNOWN_CERTIFICATE,
        ),
        ("too long", handshake(id, 0x0403, &[b' '; 300]), TOO_LONG),
    ] {
        assert_eq!(ask(handshakes, &said).0, status, "{what}");
        assert_eq!(
            ask(handshakes, &handshake(id, 0x0403, &verify)).0,
            0,
            "{what}"
        );
    }
}

#[test]
fn a_length_that_is_never_filled_takes_no_memory() {
    let mut raw = raw();
    let [handshakes, secrets] = &raw.lanes;
    // Half a gigabyte is announced to be signed, and some of it comes.
    let text = [&(500_u32 << 20).to_be_bytes()[..], &[1, 4], &[0; 1000]].concat();
    (&mut &*secrets).write_all(&text).unwrap();
    assert_eq!(ask(handshakes, &[6]).0, 0, "the other lane is answered");
    let status = std::fs::read_to_string(format!("/proc/{}/status", raw.child.id())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(kilobytes < 100 << 10, "{line}");
    raw.child.kill().unwrap();
    raw.child.wait().unwrap();
}
