//! A data directory with a keys process of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use keys::{Handshakes, Keeper, Keyring, KeysError, Setup, Source};
use rustls::SignatureScheme;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_keeper");
/// Users nobody else has on a test machine.
pub(crate) const KEYS_USER: u32 = 65_532;

pub(crate) struct House {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) keyring: Keyring,
}

/// Its own user as root; none otherwise.
pub(crate) fn user() -> Option<(u32, u32)> {
    sandbox::process::is_root().then_some((KEYS_USER, KEYS_USER))
}

pub(crate) fn setup(dir: &Path) -> Setup {
    Setup {
        data_dir: dir.to_owned(),
        user: user(),
        source: Source::own(&["localhost".to_owned()]),
    }
}

impl House {
    pub(crate) fn new() -> Self {
        Self::at(tempfile::tempdir().unwrap()).unwrap()
    }

    pub(crate) fn at(dir: tempfile::TempDir) -> Result<Self, KeysError> {
        let setup = setup(dir.path());
        let keeper = Keeper::start(Path::new(PROGRAM), setup)?;
        let keyring = Keyring::kept(keeper.clone())?;
        Ok(Self {
            dir,
            keeper,
            keyring,
        })
    }

    pub(crate) fn handshakes(&self) -> Handshakes {
        Handshakes::kept(self.keeper.clone())
    }

    /// The process, by its parent and verb.
    pub(crate) fn pid(&self) -> u32 {
        self.pids()[0]
    }

    pub(crate) fn pids(&self) -> Vec<u32> {
        keys_processes()
            .into_iter()
            .filter(|pid| self.is_ours(*pid))
            .collect()
    }

    /// Other tests have processes of their own: ours is the one with our folder open.
    fn is_ours(&self, pid: u32) -> bool {
        let Ok(open) = fs::read_dir(format!("/proc/{pid}/fd")) else {
            // It has just ended, or without root nobody may look.
            return !sandbox::process::is_root();
        };
        let ours = self.dir.path().join("tls");
        open.filter_map(|fd| fs::read_link(fd.ok()?.path()).ok())
            .any(|path| path == ours)
    }

    pub(crate) fn master(&self) -> PathBuf {
        self.dir.path().join("keys/master.key")
    }
}

/// Every keys process that this test program started.
fn keys_processes() -> Vec<u32> {
    let me = std::process::id();
    let all = fs::read_dir("/proc").unwrap();
    let pids = all.filter_map(|it| it.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid| {
        let read = |what| fs::read_to_string(format!("/proc/{pid}/{what}")).unwrap_or_default();
        let parent = read("stat");
        let parent = parent.rsplit(") ").next().unwrap_or_default();
        let parent = parent.split(' ').nth(1).and_then(|it| it.parse().ok());
        parent == Some(me) && read("cmdline").contains("__keys")
    })
    .collect()
}

/// What a TLS 1.3 server signs.
pub(crate) fn message() -> Vec<u8> {
    let context = b"TLS 1.3, server CertificateVerify\0";
    [&[b' '; 64][..], context, &[7; 32]].concat()
}

pub(crate) const SCHEME: SignatureScheme = SignatureScheme::ECDSA_NISTP256_SHA256;
