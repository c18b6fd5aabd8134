//! What can go wrong in the ledger.

use keys::KeysError;

use crate::PasswordError;

/// Why the store could not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database failed (disk full, locked, damaged).
    #[error("the database failed: {0}")]
    Database(String),
    /// The data directory was written by a newer version.
    #[error(
        "the data directory was written by a newer version of Redkeep (schema {found}, this one \
         knows {known}); install that version or newer"
    )]
    Newer {
        /// The schema found.
        found: i64,
        /// The newest schema this program knows.
        known: i64,
    },
    /// Something stored does not read back: damage, or a hand in the database.
    #[error(
        "the stored {what} is damaged: {why}; restore a backup, and see `redkeep audit verify`"
    )]
    Damaged {
        /// What it is.
        what: String,
        /// What is wrong with it; never its content.
        why: String,
    },
    /// There is no such thing.
    #[error("there is no {0}")]
    NotFound(String),
    /// There is one already.
    #[error("there is already {0}")]
    Exists(String),
    /// The state moved on meanwhile, or the step is not one the state machine has.
    #[error("{0}")]
    Conflict(String),
    /// The change was decided already, by somebody else since it was looked at, or before a lump.
    #[error(
        "{by} {verdict} {change} already; look at that decision, then decide the change by itself \
         if you must"
    )]
    Overtaken {
        /// Who.
        by: String,
        /// `approved` or `rejected`.
        verdict: &'static str,
        /// Which change.
        change: String,
    },
    /// The password is not accepted.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The keys did not do as asked.
    #[error("{0}")]
    Keys(KeysError),
    /// A file of the data directory could not be read or written.
    #[error("{path}: {why}")]
    File {
        /// Which file.
        path: String,
        /// What failed, and what to do.
        why: String,
    },
}

impl StoreError {
    /// Something stored that does not read back.
    #[expect(clippy::needless_pass_by_value, reason = "`map_err` hands errors over")]
    pub(crate) fn damaged(what: impl Into<String>, why: impl ToString) -> Self {
        Self::Damaged {
            what: what.into(),
            why: why.to_string(),
        }
    }
}

impl From<KeysError> for StoreError {
    fn from(error: KeysError) -> Self {
        match error {
            KeysError::Damaged { what, why } => Self::Damaged { what, why },
            KeysError::File { path, why } => Self::File {
                path: path.display().to_string(),
                why,
            },
            other => Self::Keys(other),
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let code = error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code);
        // Extended codes hold the plain one in their low byte: <https://sqlite.org/rescode.html>
        let code = code
            .and_then(|code| code.parse::<u32>().ok())
            .map(|code| code & 0xff);
        let way_out = match code {
            Some(5 | 6) => "; another process holds it, stop that one first",
            Some(8) => "; the data directory must be writable",
            Some(10) => "; check the disk",
            Some(11 | 26) => "; the file is damaged, restore a backup",
            Some(13) => "; free space on the disk that holds the data directory",
            _ => "",
        };
        Self::Database(format!("{error}{way_out}"))
    }
}
