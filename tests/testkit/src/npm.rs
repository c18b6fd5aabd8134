//! npm packages the tests need and Redkeep does not: fetched once by the npm of this machine, held
//! against a hash that stands here, kept in `target/test-data`. Nothing of them is installed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use model::id::Hash;

use crate::built::target_dir;

/// A package, of one version, by its tarball's SHA-256.
#[derive(Debug)]
pub struct Package {
    name: &'static str,
    version: &'static str,
    sha256: &'static str,
}

/// Deque's accessibility checks (MPL-2.0; used by the tests, no part of Redkeep).
pub const AXE: Package = Package {
    name: "axe-core",
    version: "4.14.0",
    sha256: "2277b0a3ef47af9b52497faa3e71598e86e0a0e5e6eb295207a5657ede4709af",
};

/// An SMTP server (MIT-0; used by the tests, no part of Redkeep), and what it needs.
pub const SMTP_SERVER: [Package; 4] = [
    Package {
        name: "smtp-server",
        version: "3.21.1",
        sha256: "aaec32d926f5d6036d43134aa45d903aef076b86bc764e604c88239e531fb0b3",
    },
    Package {
        name: "nodemailer",
        version: "10.2.1",
        sha256: "8b6a42d20e8f50a07d75e156f24f9ebbfe2933139c59ab2532099870acf3830d",
    },
    Package {
        name: "punycode.js",
        version: "2.3.1",
        sha256: "8768d89aa6359164220014ba575e1464e3ddff11bedff1cc268e39a21f7324a8",
    },
    Package {
        name: "ipv6-normalize",
        version: "1.0.1",
        sha256: "57cb04a8b6cd3e58ad302a19587e3f2df63db5ce70634b62de511c43f1a6f768",
    },
];

/// Packages with all they need, as `tests/data/<name>/package-lock.json` names them with their hashes:
/// installed once, no script of theirs run. Gives the folder `node_modules`.
pub fn installed(name: &str) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("data")
        .join(name);
    let lock = fs::read(source.join("package-lock.json")).expect("a lock file");
    let folder = target_dir().join("test-data");
    fs::create_dir_all(&folder).expect("target/test-data");
    let place = folder.join(format!("{name}-{}", Hash::of(&lock).short()));
    if !place.exists() {
        let partial = tempfile::tempdir_in(&folder).expect("a folder");
        for file in ["package.json", "package-lock.json"] {
            fs::copy(source.join(file), partial.path().join(file)).expect("a file");
        }
        let done = Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(partial.path())
            .output()
            .expect("npm is not installed: install Debian's package npm");
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(
            done.status.success(),
            "{name} could not be installed: {said}"
        );
        // Another test may have been first: what it installed is the same.
        if fs::rename(partial.path(), &place).is_ok() {
            let _moved = partial.keep();
        }
    }
    place.join("node_modules")
}

impl Package {
    /// Puts it where Node.js finds it by its name.
    pub fn unpack(&self, modules: &Path) {
        let folder = modules.join(self.name);
        fs::create_dir_all(&folder).expect("node_modules");
        let done = Command::new("tar")
            .arg("-xzf")
            .arg(self.tarball())
            .args(["--strip-components=1", "-C"])
            .arg(&folder)
            .status();
        assert!(done.expect("tar").success(), "{} unpacks", self.name);
    }

    /// One file of it.
    pub fn file(&self, path: &str) -> String {
        let tarball = self.tarball();
        let file = format!("package/{path}");
        let read = Command::new("tar")
            .arg("-xzOf")
            .arg(&tarball)
            .arg(&file)
            .output();
        let read = read.expect("tar");
        assert!(
            read.status.success(),
            "{file} is not in {}",
            tarball.display()
        );
        String::from_utf8(read.stdout).expect("a text")
    }

    fn tarball(&self) -> PathBuf {
        let folder = target_dir().join("test-data");
        fs::create_dir_all(&folder).expect("target/test-data");
        let tarball = folder.join(format!("{}-{}.tgz", self.name, self.version));
        if !self.is_right(&tarball) {
            let partial = tempfile::tempdir_in(&folder).expect("a folder");
            let wanted = format!("{}@{}", self.name, self.version);
            let fetched = Command::new("npm")
                .args(["pack", &wanted, "--ignore-scripts", "--pack-destination"])
                .arg(partial.path())
                .current_dir(partial.path())
                .output()
                .expect("npm is not installed: install Debian's package npm");
            let said = String::from_utf8_lossy(&fetched.stderr);
            assert!(
                fetched.status.success(),
                "{wanted} could not be fetched: {said}"
            );
            let name = tarball.file_name().expect("a file");
            fs::rename(partial.path().join(name), &tarball).expect("the tarball");
        }
        assert!(
            self.is_right(&tarball),
            "{} is not what it was",
            tarball.display()
        );
        tarball
    }

    fn is_right(&self, tarball: &PathBuf) -> bool {
        fs::read(tarball).is_ok_and(|bytes| Hash::of(&bytes).to_string() == self.sha256)
    }
}
