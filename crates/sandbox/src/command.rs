//! How `runtime` asks for a jail, and the protocol between the two.
//!
//! The program is started again as `<program> __jail` (or `__canary`), single-threaded, with
//!
//! | fd | carries |
//! |----|---------|
//! | 0  | in: the [`JailSpec`] as one line of JSON; then nothing, but it stays open: the **lifeline**. When its write end closes, because whoever holds it died or let go, everything in the jail is killed. The jailed program's own stdin is `/dev/null`. |
//! | 1  | out: one line of JSON, a [`JailReport`]; then the program's stdout. The line is written before the program exists, so it cannot be forged. For the canary: a second line with the [`CanaryReport`](crate::CanaryReport). |
//! | 2  | out: the program's stderr, and sentences of the jailer that begin with `redkeep jail: `. |
//!
//! `SIGTERM` and `SIGINT` sent to the started process are passed on to the program; `SIGKILL` takes
//! the whole jail with it. Its exit code is the program's; 128+n when signal n killed the program;
//! 125 when the jail could not be built, 126 when the program could not be executed. The canary
//! exits with 0 when it passed, 1 when it did not.
//!
//! Two duties stay with the caller: keep the write end of fd 0 out of other children (std and tokio
//! open it close-on-exec), and read fd 1 from the start.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::enforcement::Enforcement;
use crate::spec::{JailSpec, SpecError};

/// First argument that makes the binary a jailer.
pub const JAIL_VERB: &str = "__jail";
/// First argument that makes the binary run the canary in a jail.
pub const CANARY_VERB: &str = "__canary";

/// Exit code: the jail could not be built; fd 1 and fd 2 say why.
pub const EXIT_NOT_BUILT: u8 = 125;
/// Exit code: the jail stands, but the program could not be executed; fd 2 says why.
pub const EXIT_NOT_EXECUTED: u8 = 126;
/// Exit code: the lifeline closed, and the jail was killed.
pub const EXIT_LIFELINE: u8 = 124;

/// The first line on the jailer's stdout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JailReport {
    /// The jail stands; the program is executed next.
    Built(Enforcement),
    /// It does not, and nothing was executed.
    Failed(String),
}

impl JailReport {
    /// Reads the first line of the jailer's stdout.
    ///
    /// # Errors
    /// When it is something else, which only a jailer of another version or a crash would cause.
    pub fn parse(line: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(line)
    }
}

/// What to start, with what argument, and what to write to its stdin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JailCommand {
    /// The program to start: normally `/proc/self/exe`.
    pub program: PathBuf,
    /// Its only argument.
    pub verb: &'static str,
    /// What to write to its stdin before anything else. Then keep stdin open.
    pub stdin: Vec<u8>,
}

impl JailCommand {
    /// Runs `spec.argv` in a jail.
    ///
    /// # Errors
    /// [`SpecError`] when the spec cannot be meant.
    pub fn jail(spec: &JailSpec) -> Result<Self, SpecError> {
        Self::with_verb(spec, JAIL_VERB)
    }

    /// Builds the same jail and tries, inside it, everything that must be denied.
    ///
    /// # Errors
    /// [`SpecError`] when the spec cannot be meant.
    pub fn canary(spec: &JailSpec) -> Result<Self, SpecError> {
        Self::with_verb(spec, CANARY_VERB)
    }

    fn with_verb(spec: &JailSpec, verb: &'static str) -> Result<Self, SpecError> {
        spec.validate()?;
        let mut stdin = serde_json::to_vec(spec).map_err(|_| SpecError::Text)?;
        stdin.push(b'\n');
        Ok(Self {
            program: "/proc/self/exe".into(),
            verb,
            stdin,
        })
    }
}
