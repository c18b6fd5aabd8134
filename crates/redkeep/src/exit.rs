//! Exit codes, documented in README.md.

use std::process::ExitCode;

/// How a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done,
    /// It failed; the message says why.
    Failed,
    /// `redkeep inspect` found something at or above the level, `redkeep check` something to mend.
    Found,
    /// The command line or configuration is wrong, or a file is no flow file.
    Usage,
    /// `redkeep up` is not running, and this needs it.
    NotRunning,
    /// It was refused: not allowed, not found, or things have moved on.
    Refused,
    /// What was verified is not whole.
    NotWhole,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed | Exit::Found => 1,
            Exit::Usage => 2,
            Exit::NotRunning => 3,
            Exit::Refused => 4,
            Exit::NotWhole => 5,
        })
    }
}

/// A failure with its exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
        }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        let error: anyhow::Error = error.into();
        Self {
            exit: Exit::Failed,
            message: told(&error),
        }
    }
}

/// An error and its causes in one line. Some errors tell their cause themselves: nothing is said
/// twice.
pub(crate) fn told(error: &anyhow::Error) -> String {
    error.chain().fold(String::new(), |text, cause| {
        let cause = cause.to_string();
        match text {
            text if text.is_empty() => cause,
            text if text.contains(&cause) => text,
            text => format!("{text}: {cause}"),
        }
    })
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn nothing_is_said_twice() {
        let error = anyhow!("the disk is full").context("cannot write a: the disk is full");
        assert_eq!(told(&error), "cannot write a: the disk is full");
        let error = anyhow!("the disk is full").context("cannot write a");
        assert_eq!(told(&error), "cannot write a: the disk is full");
    }
}
