//! The keys are in a process of their own: the one that parses the network has none in its memory,
//! and outlives that one's end.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::Path,
};

use data_encoding::BASE64;
use rustix::process::{Pid, Signal, kill_process};
use testkit::{Redkeep, comms::Comms, flows, processes::Kernel, until};

/// Secrets are looked for under a mask: what is searched is read into memory, too.
const MASK: u8 = 0x5a;

fn keys_pid(redkeep: &Redkeep) -> Option<u32> {
    let is_keys = |pid: &u32| {
        let said = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        said.split(|byte| *byte == 0).any(|word| word == b"__keys")
    };
    redkeep.family().into_iter().find(is_keys)
}

/// The master key, and the number that is the leaf's private key (RFC 5915: after `02 01 01 04 20`),
/// both as they stand in files and as a processor keeps numbers.
fn secrets(data: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let masked = |bytes: Vec<u8>| bytes.into_iter().map(|byte| byte ^ MASK).collect();
    let master = masked(fs::read(data.join("keys/master.key")).unwrap());
    let pem = fs::read_to_string(data.join("tls/leaf.pem")).unwrap();
    let key = pem.split("PRIVATE KEY-----").nth(1).unwrap();
    let key: String = key.lines().filter(|line| !line.starts_with('-')).collect();
    let der = BASE64.decode(key.trim().as_bytes()).unwrap();
    let at = der
        .windows(5)
        .position(|it| it == [2, 1, 1, 4, 32])
        .unwrap();
    let number = der[at + 5..at + 37].to_vec();
    let reversed = number.iter().rev().copied().collect();
    vec![
        ("the master key", master),
        ("the certificate's key", masked(number)),
        ("the certificate's key as a number", masked(reversed)),
    ]
}

/// Whether a process has these bytes in memory that it can write, read as root may.
fn memory_holds(pid: u32, masked: &[u8]) -> bool {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let memory = File::open(format!("/proc/{pid}/mem")).unwrap();
    let first = masked[0] ^ MASK;
    let is_it = |found: &[u8]| std::iter::zip(found, masked).all(|(a, b)| a ^ MASK == *b);
    let mut bytes = vec![0; 1 << 20];
    for line in maps.lines() {
        let (range, rest) = line.split_once(' ').unwrap();
        let (from, to) = range.split_once('-').unwrap();
        let [mut from, to] = [from, to].map(|text| u64::from_str_radix(text, 16).unwrap());
        while rest.starts_with("rw") && from < to {
            let length = usize::try_from(to - from).unwrap().min(bytes.len());
            let part = &mut bytes[..length];
            if memory.read_exact_at(part, from).is_err() {
                break;
            }
            let mut windows = part.windows(masked.len());
            if windows.any(|it| it[0] == first && is_it(it)) {
                return true;
            }
            // The next part begins within this one: nothing is missed on the border.
            from += (length - masked.len().min(length - 1)) as u64;
            if length < bytes.len() {
                break;
            }
        }
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_is_in_the_process_that_parses_the_network_and_all_goes_on_when_theirs_is_killed() {
    let redkeep = Redkeep::up().await;
    let editor = redkeep.author().await;
    let reviewer = redkeep.person("rita", "reviewer").await;
    reviewer.at_console(&redkeep).await;

    let keys = keys_pid(&redkeep).expect("a process for the keys");
    Kernel::of(keys).assert_confined();
    if Kernel::of(redkeep.pid()).uid() == 0 {
        assert_ne!(Kernel::of(keys).uid(), 0, "it has a user of its own");
    }
    let secrets = secrets(&redkeep.path());
    for (what, secret) in &secrets {
        assert!(
            !memory_holds(redkeep.main_pid(), secret),
            "{what} is in the memory of the process that parses the network"
        );
    }
    let (_, master) = &secrets[0];
    assert!(memory_holds(keys, master), "the control: it is in theirs");
    let forms = secrets[1..].iter();
    let found = forms
        .filter(|(_, secret)| memory_holds(keys, secret))
        .count();
    assert!(found > 0, "the control: the certificate's key is in theirs");

    let status = redkeep.cli(&["status"]).await.ok().json();
    assert_eq!(status["keys"][0]["layer"], "user", "{status}");

    // Killed: what is open goes on, what is new is answered as soon as it is back.
    let mut open = Comms::open(&redkeep, &editor).await;
    kill_process(Pid::from_raw(keys.cast_signed()).unwrap(), Signal::KILL).unwrap();
    until("another process holds the keys", || async {
        keys_pid(&redkeep).filter(|pid| *pid != keys)
    })
    .await;
    until("handshakes succeed again", || async {
        let fresh = redkeep.client();
        fresh.ask("GET", redkeep.editor()).try_send().await.ok()
    })
    .await;
    // The connection from before is told what happens after.
    redkeep
        .propose(&editor, &flows::greeting("/hello", "hello"))
        .await;
    open.event("what waits", |event| {
        event["topic"]
            .as_str()
            .is_some_and(|topic| topic.starts_with("notification/"))
    })
    .await;
    // What is sealed with the master key is still read: a login needs the second factor's secret.
    redkeep
        .person("otto", "reviewer")
        .await
        .at_console(&redkeep)
        .await;
    redkeep.cli(&["audit", "verify"]).await.ok();
}
