//! Started as root: the process that parses the network has no rights, what kept them does only what
//! is on its list, and neither lives without the other.

use std::{
    collections::BTreeSet,
    fs,
    io::{IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, OwnedFd},
        unix::{
            fs::{MetadataExt as _, chown},
            process::CommandExt as _,
        },
    },
    path::Path,
    process::{Command, Stdio},
};

use rustix::{
    net::{
        RecvAncillaryBuffer, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
        SocketType, recvmsg, sendmsg, sockopt,
    },
    process::{Pid, PidfdFlags, PidfdGetfdFlags, Signal, kill_process, pidfd_getfd, pidfd_open},
};
use serde_json::{Value, json};
use testkit::{Redkeep, flows, processes::Kernel, until};

/// The user of the process that parses the network, and that of the keys.
const REDKEEP: u32 = 65_533;
const KEYS: u32 = 65_532;

fn as_root() {
    assert!(
        rustix::process::geteuid().is_root(),
        "rights can only be left by who has them: run these tests as root"
    );
}

/// The processes that hold a TCP socket that listens.
fn listening(family: &BTreeSet<u32>) -> BTreeSet<u32> {
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let sockets: BTreeSet<String> = table
        .lines()
        .filter_map(|row| {
            let fields: Vec<&str> = row.split_whitespace().collect();
            (fields.get(3) == Some(&"0A")).then(|| format!("socket:[{}]", fields[9]))
        })
        .collect();
    let holds = |pid: &u32| {
        let open = fs::read_dir(format!("/proc/{pid}/fd"))
            .into_iter()
            .flatten();
        let mut links = open.filter_map(|fd| fs::read_link(fd.ok()?.path()).ok());
        links.any(|link| link.to_str().is_some_and(|link| sockets.contains(link)))
    };
    family.iter().copied().filter(holds).collect()
}

fn of_verb(redkeep: &Redkeep, verb: &str) -> u32 {
    let is_it = |pid: &u32| {
        let said = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        said.split(|byte| *byte == 0).nth(1) == Some(verb.as_bytes())
    };
    redkeep.family().into_iter().find(is_it).unwrap()
}

/// Whether a command succeeds as the user of the process that parses the network.
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

#[tokio::test(flavor = "multi_thread")]
async fn what_holds_the_doors_has_no_rights_and_reaches_neither_keys_nor_what_guards_them() {
    as_root();
    let redkeep = Redkeep::up().await;
    let family = redkeep.family();
    let main = redkeep.main_pid();
    assert_eq!(listening(&family), BTreeSet::from([main]));
    let kernel = Kernel::of(main);
    assert_eq!((kernel.uid(), kernel.field("Groups")), (REDKEEP, ""));
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(kernel.field(set), "0000000000000000", "{set}");
    }
    assert_eq!(kernel.field("NoNewPrivs"), "1");
    // What nobody but root may trace or dump belongs to root here.
    assert_eq!(fs::metadata(format!("/proc/{main}/mem")).unwrap().uid(), 0);

    let data = redkeep.path();
    let file = |name: &str| data.join(name).display().to_string();
    for secret in ["keys/master.key", "tls/authority.json"] {
        assert!(!can(REDKEEP, &["cat", &file(secret)]), "{secret}");
        assert!(can(0, &["cat", &file(secret)]), "the control: {secret}");
    }
    assert!(!can(REDKEEP, &["ls", &file("keys")]) && !can(REDKEEP, &["ls", &file("tls")]));
    assert!(can(REDKEEP, &["ls", &file("instances")]), "the control");
    let (broker, keys) = (redkeep.pid(), of_verb(&redkeep, "__keys"));
    assert_eq!(
        (Kernel::of(broker).uid(), Kernel::of(keys).uid()),
        (0, KEYS)
    );
    let mut others = vec![broker, keys, of_verb(&redkeep, "__jail")];
    others.extend(redkeep.node_pids());
    for pid in others {
        for look in ["mem", "environ", "maps", "syscall"] {
            let path = format!("/proc/{pid}/{look}");
            assert!(!can(REDKEEP, &["head", "-c1", &path]), "{path}");
        }
        assert!(!can(REDKEEP, &["ls", &format!("/proc/{pid}/fd")]), "{pid}");
        assert!(!can(REDKEEP, &["kill", "-0", &pid.to_string()]), "{pid}");
    }
    let nodes: BTreeSet<u32> = redkeep.node_pids().into_iter().collect();
    assert!(nodes.iter().all(|pid| Kernel::of(*pid).uid() == 65_520));
    let status = redkeep.cli(&["status"]).await.ok().json();
    let layers = status["instances"][0]["enforcement"].as_array().unwrap();
    for layer in [
        "user",
        "mount-namespace",
        "pid-namespace",
        "seccomp",
        "landlock",
    ] {
        let found = layers.iter().find(|it| it["layer"] == layer).unwrap();
        assert_eq!(found["state"], "enforced", "{layer}: {status}");
    }
    assert!(redkeep.stop().await.path().exists(), "exit code 0");
}

/// The other end of the broker's only line, as whoever took the process over would hold it.
fn line_of(main: u32) -> OwnedFd {
    let pid = Pid::from_raw(main.cast_signed()).unwrap();
    let process = pidfd_open(pid, PidfdFlags::empty()).unwrap();
    let numbers = fs::read_dir(format!("/proc/{main}/fd")).unwrap();
    let numbers = numbers.filter_map(|it| it.ok()?.file_name().to_str()?.parse().ok());
    let taken = numbers.filter_map(|fd| pidfd_getfd(&process, fd, PidfdGetfdFlags::empty()).ok());
    let is_line =
        |fd: &OwnedFd| sockopt::socket_type(fd).is_ok_and(|it| it == SocketType::SEQPACKET);
    let mut lines: Vec<_> = taken.filter(is_line).collect();
    assert_eq!(lines.len(), 1);
    lines.remove(0)
}

/// Says something to the broker, with a file or without, and gives its answer.
fn say(line: &OwnedFd, text: &[u8], file: Option<&OwnedFd>) -> Vec<u8> {
    let files: Vec<_> = file.iter().map(|it| it.as_fd()).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !files.is_empty() {
        assert!(control.push(SendAncillaryMessage::ScmRights(&files)));
    }
    // The number that its answer repeats.
    let parts = [IoSlice::new(&[0; 4]), IoSlice::new(text)];
    sendmsg(line, &parts, &mut control, SendFlags::empty()).unwrap();
    let mut answer = vec![0; 1 << 16];
    let mut none = RecvAncillaryBuffer::default();
    let mut parts = [IoSliceMut::new(&mut answer)];
    let got = recvmsg(line, &mut parts, &mut none, RecvFlags::empty()).unwrap();
    answer.truncate(got.bytes);
    answer
}

fn jail(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut wish = json!({"run": "program", "instance": "main", "tree": "0".repeat(64),
        "network": "any", "commands": [], "memory": null, "cpu_percent": null});
    change(&mut wish);
    json!({"jail": wish}).to_string().into_bytes()
}

/// What whoever took the process over might say. `other` is a file of another's.
fn refused(other: &Path) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("no JSON", b"\0\xff{".to_vec()),
        ("nothing asked", b"{}".to_vec()),
        (
            "not on the list",
            br#"{"run":{"argv":["/bin/sh"]}}"#.to_vec(),
        ),
        (
            "a path",
            br#"{"hand-over":{"instance":"../keys","is_rehearsal":false}}"#.to_vec(),
        ),
        (
            "another instance",
            br#"{"clear":{"instance":"other"}}"#.to_vec(),
        ),
        (
            "one field more",
            br#"{"clear":{"instance":"main","as":0}}"#.to_vec(),
        ),
        ("longer than any", vec![b' '; 20 << 10]),
        ("nested", [b"[".repeat(9000), b"]".repeat(7000)].concat()),
        (
            "a tree by path",
            jail(|it| it["tree"] = "../../keys".into()),
        ),
        ("a tree by path", jail(|it| it["tree"] = json!(other))),
        (
            "a secret as command",
            jail(|it| it["commands"] = json!([other])),
        ),
        (
            "a folder as command",
            jail(|it| it["commands"] = json!(["/usr/bin"])),
        ),
        (
            "a closed command",
            jail(|it| it["commands"] = json!(["/proc/1/exe"])),
        ),
        ("not configured", jail(|it| it["instance"] = "other".into())),
        ("a user of its choice", jail(|it| it["user"] = 0.into())),
    ]
}

/// A link, or another's folder, in the place of the instance's own.
fn links_are_refused(redkeep: &Redkeep, line: &OwnedFd, outside: &Path) {
    let work = redkeep.path().join("instances/main/work");
    let aside = redkeep.path().join("instances/main/aside");
    let hand_over = br#"{"hand-over":{"instance":"main","is_rehearsal":false}}"#;
    let clear = br#"{"clear":{"instance":"main"}}"#;
    fs::rename(&work, &aside).unwrap();
    std::os::unix::fs::symlink(outside, &work).unwrap();
    for message in [&hand_over[..], clear] {
        assert_eq!(say(line, message, None).first(), Some(&b'-'), "a link");
    }
    fs::remove_file(&work).unwrap();
    fs::create_dir(&work).unwrap();
    assert_eq!(
        say(line, hand_over, None).first(),
        Some(&b'-'),
        "root's own"
    );
    let owners = [outside, work.as_path()].map(|it| fs::metadata(it).unwrap().uid());
    assert_eq!(owners, [0, 0], "nothing was given away");
    fs::remove_dir(&work).unwrap();
    fs::rename(&aside, &work).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_on_the_list_or_names_anothers_is_refused_and_the_next_is_done() {
    as_root();
    let redkeep = Redkeep::up().await;
    let author = redkeep.author().await;
    let line = line_of(redkeep.main_pid());
    let outside = redkeep.data().beside("outside");
    fs::create_dir(&outside).unwrap();
    let before: BTreeSet<u32> = redkeep.family();
    let null = fs::File::open("/dev/null").unwrap().into();
    let refused = refused(&redkeep.path().join("keys/master.key"));
    for (what, text) in &refused {
        assert_eq!(say(&line, text, None).first(), Some(&b'-'), "{what}");
    }
    let keys = br#"{"key-files":{}}"#;
    let with_file = say(&line, keys, Some(&null));
    assert_eq!(with_file.first(), Some(&b'-'), "a file is brought along");
    assert_eq!(say(&line, keys, None).first(), Some(&b'='), "the control");

    links_are_refused(&redkeep, &line, &outside);
    assert_eq!(redkeep.family(), before, "nothing was started");
    drop(line);

    // It lives on: another jail is built as if nothing had been said.
    redkeep
        .run_flows(&author, &flows::greeting("/hello", "still here"))
        .await;
    let node = redkeep.node_pids()[0];
    kill_process(Pid::from_raw(node.cast_signed()).unwrap(), Signal::KILL).unwrap();
    until("Node-RED is back", || async {
        let fresh = redkeep.node_pids().into_iter().find(|pid| *pid != node)?;
        let said = author
            .ask("GET", redkeep.gate_url("/hello"))
            .try_send()
            .await;
        said.ok()
            .filter(|it| it.text() == "still here")
            .map(|_| fresh)
    })
    .await;
    redkeep.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_data_directory_of_roots_is_taken_over_and_a_verb_of_roots_locks_nobody_out() {
    as_root();
    let redkeep = Redkeep::up().await;
    let author = redkeep.author().await;
    redkeep
        .run_flows(&author, &flows::greeting("/hello", "before"))
        .await;
    let options = redkeep.options();
    let data = redkeep.stop().await;
    let path = data.path();
    // As one process left it that was root: all but what was the jail's.
    let ours = format!("( -uid {REDKEEP} -o -uid {KEYS} ) ( -type d -o -not -path */trees/* )");
    let given = Command::new("find")
        .arg(&path)
        .args(ours.split(' '))
        .args(["-exec", "chown", "-h", "0:0", "{}", "+"])
        .status();
    assert!(given.unwrap().success());
    assert_eq!(fs::metadata(path.join("redkeep.db")).unwrap().uid(), 0);
    let run = path.join("instances/main/run");
    chown(&run, Some(65_520), Some(65_520)).unwrap();

    let redkeep = Redkeep::again(data, options.clone()).await;
    let author = redkeep.author().await;
    assert_eq!(redkeep.endpoint(&author, "/hello").await, "before");
    assert_eq!(owners(&path), BTreeSet::from([REDKEEP, KEYS]));
    redkeep.assert_record_whole().await;
    let data = redkeep.stop().await;

    // Root's verb on the stopped installation, then the next start.
    let added = Command::new(testkit::built::binary())
        .args(["user", "add", "rita", "--role", "reviewer", "--data-dir"])
        .arg(&path)
        .output();
    let added = added.unwrap();
    assert!(added.status.success(), "{added:?}");
    let redkeep = Redkeep::again(data, options).await;
    assert_eq!(owners(&path), BTreeSet::from([REDKEEP, KEYS]));
    redkeep.assert_record_whole().await;
    redkeep.stop().await;
}

/// Who owns what lies in the data directory, but for the lock, which the next start opens as root.
fn owners(data: &Path) -> BTreeSet<u32> {
    let all = fs::read_dir(data).unwrap().map(|it| it.unwrap());
    let all = all.filter(|it| it.file_name() != "redkeep.lock");
    all.map(|it| it.metadata().unwrap().uid()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_is_killed_nothing_runs_on_and_the_next_start_works() {
    as_root();
    let mut redkeep = Redkeep::up().await;
    let pids: [fn(&Redkeep) -> u32; 2] = [Redkeep::main_pid, Redkeep::pid];
    for pid in pids {
        let family = redkeep.family();
        let pid = Pid::from_raw(pid(&redkeep).cast_signed()).unwrap();
        kill_process(pid, Signal::KILL).unwrap();
        until("all of it is gone", || async {
            let lives = |pid: &u32| {
                let status = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
                // One that only waits to be buried by this test is gone.
                status
                    .rsplit(") ")
                    .next()
                    .is_some_and(|it| !it.starts_with('Z') && !it.is_empty())
            };
            (!family.iter().any(lives)).then_some(())
        })
        .await;
        let options = redkeep.options();
        let data = redkeep.kill().await;
        redkeep = Redkeep::again(data, options).await;
    }
    redkeep.assert_record_whole().await;
    redkeep.stop().await;
}
