//! Who starts the process: this one, or one that kept rights this one gave up.

use std::{
    fmt::Debug,
    fs,
    io::{self, Write as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use sandbox::apart::{self, Apart};
use serde::{Deserialize, Serialize};

use crate::{KeysError, Setup, Source, process::VERB, wire};

/// Starts the process, and looks at the operator's files, which only root may be able to.
pub trait Starter: Debug + Send + Sync {
    /// Starts it and says what it is for ([`Setup::said`]); its answer waits on the second lane.
    fn start(&self) -> io::Result<Apart>;
    /// What the operator's files are like now; none: there are none. Errors: one is not there.
    fn stamps(&self) -> Result<Option<Stamps>, KeysError>;
}

/// Of the certificate's file and of the key's.
pub type Stamps = [Stamp; 2];

/// What tells that a file is another, or was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
}

/// Starts it as a child of this process.
#[derive(Debug)]
pub(crate) struct Own {
    pub(crate) program: PathBuf,
    pub(crate) setup: Setup,
}

impl Starter for Own {
    fn start(&self) -> io::Result<Apart> {
        let apart = apart::start(&self.program, VERB)?;
        // One that died at once gives no answer, which says so.
        (&apart.lanes[1]).write_all(&self.setup.said()?).ok();
        Ok(apart)
    }

    fn stamps(&self) -> Result<Option<Stamps>, KeysError> {
        self.setup.stamps()
    }
}

impl Setup {
    /// As the process reads it from its second lane.
    pub fn said(&self) -> io::Result<Vec<u8>> {
        let told = serde_json::to_vec(self).map_err(io::Error::other)?;
        Ok(wire::frame(&[&[0], &told]).to_vec())
    }

    /// What the operator's files are like; none: the certificate is our own. Errors: one of them is
    /// not there.
    pub fn stamps(&self) -> Result<Option<Stamps>, KeysError> {
        let Source::Files { certificate, key } = &self.source else {
            return Ok(None);
        };
        Ok(Some([stamp(certificate)?, stamp(key)?]))
    }
}

fn stamp(path: &Path) -> Result<Stamp, KeysError> {
    let found = fs::metadata(path).map_err(|error| KeysError::File {
        path: path.to_owned(),
        why: error.to_string(),
    })?;
    Ok(Stamp {
        device: found.dev(),
        inode: found.ino(),
        bytes: found.len(),
        changed: (found.ctime(), found.ctime_nsec()),
    })
}
