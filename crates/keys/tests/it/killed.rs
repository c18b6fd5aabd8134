//! The process ends in the middle of everything.

use std::{
    fs,
    time::{Duration, Instant},
};

use keys::{KeysError, Signing, is_signed_by};

use crate::house::{House, SCHEME, message};

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[test]
fn whoever_asks_for_a_secret_waits_and_a_handshake_fails_until_it_is_back() {
    let house = House::new();
    let presented = house.handshakes().present().unwrap();
    let sealed = house.keyring.seal("console-factor", b"plain").unwrap();
    let public = house.keyring.public_key(Signing::Audit);
    for _ in 0..3 {
        kill(house.pid());
        // Asked at once, and answered by the process that takes its place.
        let opened = house.keyring.unseal("console-factor", &sealed).unwrap();
        assert_eq!(opened.expose(), b"plain");
        let signature = house.keyring.sign(Signing::Audit, b"head").unwrap();
        assert!(is_signed_by(&public, b"head", &signature), "other keys");
        // The certificate that was presented before is signed for by the new process.
        presented.sign(SCHEME, &message()).unwrap();
    }
    kill(house.pid());
    let handshake = presented.sign(SCHEME, &message());
    assert!(
        matches!(handshake, Err(KeysError::Unavailable(_))),
        "nothing is signed by nobody: {handshake:?}"
    );
}

#[test]
fn what_cannot_come_back_is_told_with_the_way_out() {
    let house = House::new();
    let master = house.master();
    let kept = fs::read(&master).unwrap();
    fs::write(&master, b"short").unwrap();
    kill(house.pid());
    let refused = house.keyring.seal("console-factor", b"plain").unwrap_err();
    assert!(refused.to_string().contains("does not answer"), "{refused}");
    assert!(house.keyring.digest("login-limit", b"x").is_err());
    fs::write(&master, kept).unwrap();
    // It is tried again for as long as it takes.
    let until = Instant::now() + Duration::from_secs(30);
    while house.keyring.digest("login-limit", b"x").is_err() {
        assert!(Instant::now() < until, "it does not come back");
    }
}

#[test]
fn it_ends_with_whoever_started_it() {
    let house = House::new();
    let pid = house.pid();
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    let process = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
    // Who started it lets go of the lanes, as it would by dying.
    drop(house);
    let mut ended = [rustix::event::PollFd::new(
        &process,
        rustix::event::PollFlags::IN,
    )];
    let time = rustix::time::Timespec {
        tv_sec: 30,
        tv_nsec: 0,
    };
    assert_eq!(rustix::event::poll(&mut ended, Some(&time)), Ok(1));
}
