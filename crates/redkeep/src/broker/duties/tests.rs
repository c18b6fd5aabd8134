use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

use keys::Source;
use model::{id::Hash, instance::Network};

use super::*;

/// A broker of a data directory with one instance, in a folder that root alone enters.
fn list(dir: &Path) -> List {
    let data_dir = dir.join("d");
    fs::create_dir_all(data_dir.join("instances/main")).unwrap();
    let keys = keys::Setup {
        data_dir: data_dir.clone(),
        user: None,
        source: Source::own(&["localhost".to_owned()]),
    };
    let setup = Setup {
        data_dir,
        instances: vec!["main".parse().unwrap()],
        keys,
    };
    List { setup, pids: [7] }
}

fn wish(change: impl FnOnce(&mut JailWish)) -> Request {
    let mut wish = JailWish {
        run: Run::Program,
        instance: "main".parse().unwrap(),
        tree: Hash::of(b"a tree"),
        network: Network::None,
        commands: Vec::new(),
        memory: None,
        cpu_percent: None,
    };
    change(&mut wish);
    Request::Jail(wish)
}

fn decided(list: &mut List, request: &Request) -> Decision {
    list.decide(&serde_json::to_vec(request).unwrap())
}

fn spec(decision: Decision) -> sandbox::JailSpec {
    let Decision::Start(Order {
        arguments,
        input: Input::Orders(said),
    }) = decision
    else {
        panic!("it is not started: {decision:?}");
    };
    assert_eq!(arguments, ["__jail"]);
    serde_json::from_slice(&said).unwrap()
}

#[test]
fn a_jail_is_built_of_the_brokers_own_paths_and_users_whatever_the_message() {
    let dir = tempfile::tempdir().unwrap();
    let mut list = list(dir.path());
    let data = dir.path().join("d");
    let built = spec(decided(&mut list, &wish(|_| {})));
    let user = built.become_user.unwrap();
    assert_eq!((user.uid, user.gid), (65_520, 65_520));
    assert_eq!(built.writable, [data.join("instances/main/work")]);
    let tree = data.join("trees").join(Hash::of(b"a tree").to_string());
    assert!(built.program().starts_with(tree));
    assert_eq!(built.below, Some(data.clone()));
    assert!(built.hidden_pids.contains(&7) && built.namespaces);
    assert!(built.hidden.contains(&data.join("keys")));
    let tried = spec(decided(&mut list, &wish(|it| it.run = Run::Rehearsal)));
    assert_eq!(tried.become_user, Some(REHEARSAL));
    assert_eq!(tried.writable, [data.join("rehearsal/work")]);
    assert_eq!(tried.network, sandbox::Network::None);
    assert!(tried.observed, "nothing else is tried");
}

#[test]
fn a_command_is_shown_only_if_everybody_could_run_it_and_root_alone_could_change_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut list = list(dir.path());
    let closed = dir.path().join("closed");
    fs::copy("/bin/true", &closed).unwrap();
    let by_link = dir.path().join("link");
    symlink("/bin/true", &by_link).unwrap();
    let mut ask = |command: &Path| {
        let commands = vec![command.display().to_string()];
        matches!(
            decided(&mut list, &wish(|it| it.commands = commands)),
            Decision::Start(_)
        )
    };
    assert!(ask(Path::new("/bin/true")), "the control");
    // The folder above is root's alone: whatever lies in it is not everybody's.
    assert!(!ask(&closed));
    // A folder that everybody writes: what is there now may be a link in a moment.
    assert!(!ask(&by_link));
    for other in ["/usr/bin", "/etc/shadow", "/no/such", "/proc/self/exe"] {
        assert!(!ask(Path::new(other)), "{other}");
    }
}

#[test]
fn folders_are_given_to_their_user_and_no_link_is_followed() {
    assert!(
        sandbox::process::is_root(),
        "folders are given away by root alone: run these tests as root"
    );
    let dir = tempfile::tempdir().unwrap();
    let mut list = list(dir.path());
    let main = dir.path().join("d/instances/main");
    let outside = dir.path().join("outside");
    let request = Request::HandOver {
        instance: "main".parse().unwrap(),
        is_rehearsal: false,
    };
    let owned = |path: &Path| {
        let found = fs::symlink_metadata(path).unwrap();
        (found.uid(), found.gid(), found.mode() & 0o7777)
    };
    for name in ["work", "run"] {
        fs::create_dir(main.join(name)).unwrap();
        chown(main.join(name), Some(REDKEEP.uid), Some(REDKEEP.gid)).unwrap();
    }
    assert!(matches!(decided(&mut list, &request), Decision::Say(_)));
    assert_eq!(owned(&main.join("work")), (65_520, 65_520, 0o700));
    assert_eq!(owned(&main.join("run")), (65_520, REDKEEP.gid, 0o2770));
    // Again, as at each start.
    assert!(matches!(decided(&mut list, &request), Decision::Say(_)));

    fs::create_dir(&outside).unwrap();
    chown(&outside, Some(REDKEEP.uid), Some(REDKEEP.gid)).unwrap();
    let before = owned(&outside);
    // In the place of the folder, and on the way to it.
    fs::remove_dir(main.join("work")).unwrap();
    symlink(&outside, main.join("work")).unwrap();
    assert!(matches!(decided(&mut list, &request), Decision::Refuse(_)));
    fs::remove_file(main.join("work")).unwrap();
    fs::create_dir(outside.join("work")).unwrap();
    fs::rename(&main, dir.path().join("aside")).unwrap();
    symlink(&outside, &main).unwrap();
    let clear = Request::Clear {
        instance: "main".parse().unwrap(),
    };
    for request in [&request, &clear] {
        assert!(matches!(decided(&mut list, request), Decision::Refuse(_)));
    }
    assert_eq!(owned(&outside), before);
    // Root's own, or the keys', is nobody's to give.
    fs::remove_file(&main).unwrap();
    fs::create_dir_all(main.join("work")).unwrap();
    fs::create_dir_all(main.join("run")).unwrap();
    for owner in [0, users::KEYS.uid] {
        chown(main.join("work"), Some(owner), Some(owner)).unwrap();
        assert!(matches!(decided(&mut list, &request), Decision::Refuse(_)));
        assert_eq!(owned(&main.join("work")).0, owner);
    }
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn what_is_not_on_the_list_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut list = list(dir.path());
    let refused: [&[u8]; 9] = [
        b"",
        b"\xff\xfe",
        b"[]",
        b"\"keys\"",
        br#"{"keys":{},"key-files":{}}"#,
        br#"{"keys":{"data_dir":"/etc"}}"#,
        br#"{"clear":{"instance":"../main"}}"#,
        br#"{"clear":{"instance":"other"}}"#,
        br#"{"hand-over":{"instance":"main","is_rehearsal":false,"path":"/etc"}}"#,
    ];
    for message in refused {
        let decision = list.decide(message);
        let shown = String::from_utf8_lossy(message);
        assert!(matches!(decision, Decision::Refuse(_)), "{shown}");
    }
    assert!(matches!(list.decide(br#"{"keys":{}}"#), Decision::Start(_)));
}
