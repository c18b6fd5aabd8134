//! Why there is no jail.

use std::io;
use std::path::PathBuf;

use crate::enforcement::Layer;
use crate::mounts::MountError;
use crate::spec::SpecError;

/// Why a jail could not be built. Nothing was executed.
#[derive(Debug, thiserror::Error)]
pub enum JailError {
    /// The spec did not arrive whole.
    #[error("the jail's description did not arrive: {0}")]
    NoSpec(io::Error),
    /// It is not a spec.
    #[error("the jail's description is not understood: {0}")]
    Malformed(#[from] serde_json::Error),
    /// It cannot be meant.
    #[error("the jail's description is wrong: {0}")]
    Spec(#[from] SpecError),
    /// Root without a user to become.
    #[error("started as root, but no user is given for the jail; set one that owns nothing else")]
    RootNeedsUser,
    /// An ordinary user cannot become another.
    #[error("only root can run the jail as user {0}; start Redkeep as root or as that user")]
    CannotBecome(u32),
    /// Only a mount namespace can show a path elsewhere, or read-only inside a writable folder.
    #[error(
        "{0:?} is to be shown at another path, in memory, or read-only inside a writable one, which \
         needs a mount namespace; there is none: {1}"
    )]
    NeedsMountNamespace(PathBuf, String),
    /// Nothing would keep the program from the machine's files.
    #[error(
        "neither a mount namespace nor Landlock can be had, so nothing would guard the machine's \
         files; use a kernel with Landlock (5.13 or newer, lsm=landlock), or allow namespaces: {0}"
    )]
    NoWall(String),
    /// What an observed jail relies on is not there; `redkeep check` says more about it.
    #[error("what is tried in a jail can only be observed where this is there in full: {0}")]
    NotObservable(Layer),
    /// The file system could not be made.
    #[error(transparent)]
    Mount(#[from] MountError),
    /// Landlock refused a rule.
    #[error("the Landlock rules were refused: {0}")]
    Landlock(#[from] landlock::RulesetError),
    /// Any other step.
    #[error("{step} failed: {source}")]
    Step {
        /// What was being done.
        step: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
}

/// Names the step an error came from.
pub(super) fn at<E: Into<io::Error>>(step: &'static str) -> impl FnOnce(E) -> JailError {
    move |source| JailError::Step {
        step,
        source: source.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_step() {
        let error = at("entering the working directory")(io::Error::from(io::ErrorKind::NotFound));
        assert!(
            error
                .to_string()
                .starts_with("entering the working directory failed: ")
        );
    }
}
