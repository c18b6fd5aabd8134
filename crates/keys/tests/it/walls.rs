//! Who can reach what the process holds: nobody.

use std::{
    fs::{self, File},
    os::unix::{
        fs::{FileExt as _, MetadataExt as _, PermissionsExt as _},
        process::CommandExt as _,
    },
    path::Path,
    process::{Command, Stdio},
};

use keys::Signing;

use crate::house::{House, KEYS_USER, SCHEME, message};

/// The mask a secret is read under, byte by byte: whoever searches must not hold what they seek.
const MASK: u8 = 0x5a;

/// A file of that many bytes, masked; it is read byte by byte.
fn masked(file: &Path, bytes: u64) -> Vec<u8> {
    let file = File::open(file).unwrap();
    let byte = |at| {
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        byte[0] ^ MASK
    };
    (0..bytes).map(byte).collect()
}

/// Whether a process has these bytes in its memory, read as root may.
fn memory_holds(pid: u32, masked: &[u8]) -> bool {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let memory = File::open(format!("/proc/{pid}/mem")).unwrap();
    let first = masked[0] ^ MASK;
    maps.lines().any(|line| {
        let (range, rest) = line.split_once(' ').unwrap();
        let (from, to) = range.split_once('-').unwrap();
        let at = |text| u64::from_str_radix(text, 16).unwrap();
        let (from, to) = (at(from), at(to));
        // Only what can be written can hold a secret.
        if !rest.starts_with("rw") || to - from > 1 << 28 {
            return false;
        }
        let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
        let is_it = |found: &[u8]| std::iter::zip(found, masked).all(|(a, b)| a ^ MASK == *b);
        memory.read_exact_at(&mut bytes, from).is_ok()
            && bytes
                .windows(masked.len())
                .any(|it| it[0] == first && is_it(it))
    })
}

/// Whether a command succeeds as this user.
fn can(user: u32, command: &[&str]) -> bool {
    let ended = Command::new(command[0])
        .args(&command[1..])
        .uid(user)
        .gid(user)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    ended.unwrap().success()
}

fn as_root() {
    assert!(
        sandbox::process::is_root(),
        "another user can only be had by root: run these tests as root"
    );
}

#[test]
fn as_root_files_and_memory_are_its_users_alone() {
    as_root();
    let house = House::new();
    let dir = house.dir.path();
    for (name, mode) in [
        ("keys", 0o700),
        ("keys/master.key", 0o600),
        ("tls", 0o700),
        ("tls/authority.json", 0o600),
        ("tls/ca.pem", 0o600),
        ("tls/leaf.pem", 0o600),
    ] {
        let found = fs::metadata(dir.join(name)).unwrap();
        let expected = (KEYS_USER, KEYS_USER, mode);
        assert_eq!(
            (found.uid(), found.gid(), found.mode() & 0o7777),
            expected,
            "{name}"
        );
    }
    let status = fs::read_to_string(format!("/proc/{}/status", house.pid())).unwrap();
    let line = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace()
            .skip(1)
            .collect::<Vec<_>>()
            .join(" ")
    };
    let user = [KEYS_USER; 4].map(|it| it.to_string()).join(" ");
    assert_eq!((line("Uid:"), line("Gid:")), (user.clone(), user));
    assert_eq!(line("Groups:"), "");
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        assert_eq!(line(set), "0000000000000000", "{set}");
    }
    assert_eq!(
        (line("NoNewPrivs:"), line("Seccomp:")),
        ("1".into(), "2".into())
    );
    // What nobody but root may trace or read belongs to root here.
    let memory = fs::metadata(format!("/proc/{}/mem", house.pid())).unwrap();
    assert_eq!(memory.uid(), 0, "it can be dumped");
    let network = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/net")).unwrap();
    assert_ne!(network(&house.pid().to_string()), network("self"));
}

#[test]
fn no_other_user_opens_its_files_or_its_memory_and_its_own_only_the_files() {
    as_root();
    let house = House::new();
    // Not even with the directories above open to all.
    fs::set_permissions(house.dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let pid = house.pid();
    let files = [
        "keys/master.key",
        "tls/authority.json",
        "tls/leaf.pem",
        "tls/ca.pem",
    ]
    .map(|name| house.dir.path().join(name).display().to_string());
    let looks = ["mem", "environ", "maps", "syscall", "auxv"].map(|it| format!("/proc/{pid}/{it}"));
    let ls = |what: &str| ["ls".to_owned(), format!("/proc/{pid}/{what}")];
    for user in [65_520, 1000, 65_534, KEYS_USER] {
        for file in &files {
            let is_owner = user == KEYS_USER;
            assert_eq!(can(user, &["cat", file]), is_owner, "{user}: {file}");
        }
        for look in &looks {
            assert!(!can(user, &["head", "-c1", look]), "{user}: {look}");
        }
        for what in ["fd", "root/", "cwd/"] {
            let [ls, path] = ls(what);
            assert!(!can(user, &[&ls, &path]), "{user}: {path}");
        }
    }
    assert!(
        !can(65_520, &["kill", "-9", &pid.to_string()]),
        "it is signalled"
    );
    // The controls: the same commands succeed for whoever may.
    assert!(can(0, &["cat", &files[0]]) && can(0, &["head", "-c1", &looks[1]]));
}

#[test]
fn its_sockets_have_no_name_anybody_could_connect_to() {
    as_root();
    let house = House::new();
    let fds = fs::read_dir(format!("/proc/{}/fd", house.pid())).unwrap();
    let links = fds.map(|fd| fs::read_link(fd.unwrap().path()).unwrap());
    let sockets: Vec<String> = links
        .filter_map(|link| {
            let link = link.to_str()?.to_owned();
            Some(link.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
        })
        .collect();
    assert!(sockets.len() >= 2, "{sockets:?}");
    let unix = fs::read_to_string("/proc/net/unix").unwrap();
    for socket in sockets {
        let line = unix.lines().find(|line| {
            let mut fields = line.split_whitespace();
            fields.nth(6) == Some(&socket)
        });
        let line = line.expect("only Unix sockets");
        assert_eq!(line.split_whitespace().count(), 7, "it has a name: {line}");
    }
}

#[test]
fn the_keys_are_in_its_memory_and_not_in_that_of_whoever_asks() {
    as_root();
    let house = House::new();
    let presented = house.handshakes().present().unwrap();
    presented.sign(SCHEME, &message()).unwrap();
    house.keyring.sign(Signing::Audit, b"head").unwrap();
    let sealed = house.keyring.seal("console-factor", b"plain").unwrap();
    house.keyring.unseal("console-factor", &sealed).unwrap();
    let master = masked(&house.master(), 32);
    assert_eq!(master.len(), 32);
    assert!(
        memory_holds(house.pid(), &master),
        "the control: it holds it"
    );
    assert!(!memory_holds(std::process::id(), &master), "it came out");
}
