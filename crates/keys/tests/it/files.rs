//! The operator's own files, which only a process that has not yet given up its rights can read.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use keys::{Handshakes, Keeper, Presented, Source};

use crate::house::{PROGRAM, SCHEME, message, setup};

struct Files {
    dir: tempfile::TempDir,
    handshakes: Handshakes,
}

/// A certificate and its key, in one text.
fn made() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let clock = std::sync::Arc::new(model::clock::FixedClock::new(model::clock::Timestamp(
        1_800_000_000_000,
    )));
    Handshakes::own(dir.path(), &["localhost".to_owned()], clock).unwrap();
    fs::read(dir.path().join("leaf.pem")).unwrap()
}

/// Puts a file in the place of another, as whoever renews it should.
fn lay(path: &Path, bytes: &[u8]) {
    let fresh = path.with_extension("new");
    fs::write(&fresh, bytes).unwrap();
    sandbox::process::set_mode(&fresh, 0o600).unwrap();
    fs::rename(&fresh, path).unwrap();
}

impl Files {
    /// With a keeper whose program notes each start of it.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let [certificate, key, data, program] =
            ["chain.pem", "key.pem", "data", "program"].map(|it| dir.path().join(it));
        let starts = dir.path().join("starts");
        let script = format!(
            "#!/bin/sh\necho >> '{}'\nexec '{PROGRAM}' \"$@\"\n",
            starts.display()
        );
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        // Its own user must find the way to its folders.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(&data).unwrap();
        let pair = made();
        lay(&certificate, &pair);
        lay(&key, &pair);
        let mut setup = setup(&data);
        setup.source = Source::Files { certificate, key };
        // A child that another test just starts may still hold the program open for writing.
        let started = (0..200).find_map(|_| match Keeper::start(&program, setup.clone()) {
            Err(error) if error.to_string().contains("busy") => {
                std::thread::yield_now();
                None
            }
            started => Some(started),
        });
        let keeper = started.expect("it is not busy for ever").unwrap();
        Self {
            dir,
            handshakes: Handshakes::kept(keeper),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn renewed(&self) {
        let pair = made();
        lay(&self.path("chain.pem"), &pair);
        lay(&self.path("key.pem"), &pair);
    }

    fn starts(&self) -> usize {
        fs::read(self.path("starts")).unwrap().len()
    }

    fn presented(&self) -> Presented {
        self.handshakes.present().unwrap()
    }
}

#[test]
fn the_operators_files_are_read_by_it_alone_and_anew_when_they_change() {
    let files = Files::new();
    let first = files.presented();
    first.sign(SCHEME, &message()).unwrap();
    assert_eq!(files.presented().chain, first.chain);
    assert_eq!(files.starts(), 1, "nothing changed");
    files.renewed();
    let second = files.presented();
    assert_ne!(second.chain.id, first.chain.id);
    assert_eq!(files.starts(), 2);
    second.sign(SCHEME, &message()).unwrap();
    first.sign(SCHEME, &message()).unwrap();
}

#[test]
fn files_that_cannot_be_used_start_one_process_and_the_one_there_is_stays() {
    let files = Files::new();
    let first = files.presented();
    let refused = |starts: usize, why: &str| {
        for _ in 0..20 {
            let error = files.handshakes.present().unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        assert_eq!(files.starts(), starts, "{why}");
        first.sign(SCHEME, &message()).unwrap();
    };
    lay(&files.path("chain.pem"), b"nothing");
    refused(2, "chain.pem");
    // Half of a new pair: the key belongs to another certificate.
    lay(&files.path("chain.pem"), &made());
    refused(3, "");
    // None at all: nothing needs to be started to know it.
    fs::remove_file(files.path("key.pem")).unwrap();
    refused(3, "key.pem");
    files.renewed();
    assert_ne!(files.presented().chain.id, first.chain.id, "taken at once");
    assert_eq!(files.starts(), 4);
}
