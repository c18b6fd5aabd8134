//! A data directory from before: the files belong to whoever started Redkeep then.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, chown},
    path::Path,
};

use keys::{Keeper, Keyring, Signing};

use crate::house::{House, KEYS_USER, PROGRAM, setup};

/// What an earlier version left: one process held everything.
fn before() -> (tempfile::TempDir, Vec<u8>, [u8; 32]) {
    let dir = tempfile::tempdir().unwrap();
    let keyring = Keyring::open(&dir.path().join("keys")).unwrap();
    let clock = std::sync::Arc::new(model::clock::FixedClock::new(model::clock::Timestamp(
        1_800_000_000_000,
    )));
    let names = ["localhost".to_owned()];
    keys::Handshakes::own(&dir.path().join("tls"), &names, clock).unwrap();
    let sealed = keyring.seal("console-factor", b"plain").unwrap();
    (dir, sealed, keyring.public_key(Signing::Audit))
}

/// The order in which things are given to their new owner.
const STEPS: [&str; 6] = [
    "keys/master.key",
    "keys",
    "tls/authority.json",
    "tls/ca.pem",
    "tls/leaf.pem",
    "tls",
];

#[test]
fn killed_between_any_two_steps_the_next_start_goes_on_with_the_same_secrets() {
    assert!(
        sandbox::process::is_root(),
        "files are given away by root alone: run these tests as root"
    );
    for done in 0..=STEPS.len() {
        let (dir, sealed, public) = before();
        let root = fs::read(dir.path().join("tls/ca.pem")).unwrap();
        let leaf = fs::read(dir.path().join("tls/leaf.pem")).unwrap();
        // A draft that a kill left, too.
        fs::write(dir.path().join("keys/master.key.new"), b"half").unwrap();
        fs::write(dir.path().join("tls/leaf.pem.new"), b"half").unwrap();
        for step in &STEPS[..done] {
            chown(dir.path().join(step), Some(KEYS_USER), Some(KEYS_USER)).unwrap();
        }
        let house = House::at(dir).unwrap();
        let opened = house.keyring.unseal("console-factor", &sealed).unwrap();
        assert_eq!(opened.expose(), b"plain");
        assert_eq!(house.keyring.public_key(Signing::Audit), public);
        house.handshakes().present().unwrap();
        for step in STEPS {
            let owner = fs::metadata(house.dir.path().join(step)).unwrap().uid();
            assert_eq!(owner, KEYS_USER, "{step} after {done} steps");
        }
        let tls = house.dir.path().join("tls");
        assert_eq!(fs::read(tls.join("ca.pem")).unwrap(), root);
        assert_eq!(fs::read(tls.join("leaf.pem")).unwrap(), leaf);
        // A verb on the stopped installation still reads them.
        let dir = house.dir.path().join("keys");
        house.keeper.close();
        let keyring = Keyring::open(&dir).unwrap();
        assert!(keyring.unseal("console-factor", &sealed).is_ok());
    }
}

#[test]
fn a_link_to_anothers_file_is_not_given_away() {
    assert!(sandbox::process::is_root(), "run these tests as root");
    let (dir, ..) = before();
    let outside = dir.path().join("shadow");
    fs::write(&outside, b"secret").unwrap();
    let planted = dir.path().join("tls/ca.pem.old");
    let plants: [fn(&Path, &Path) -> std::io::Result<()>; 2] = [
        |from, to| fs::hard_link(from, to),
        |from, to| std::os::unix::fs::symlink(from, to),
    ];
    for plant in plants {
        plant(&outside, &planted).unwrap();
        let refused = Keeper::start(Path::new(PROGRAM), setup(dir.path()));
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("tls"), "{refused}");
        assert_eq!(fs::metadata(&outside).unwrap().uid(), 0);
        fs::remove_file(&planted).unwrap();
    }
}
