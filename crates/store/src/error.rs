//! What can go wrong in the ledger.

/// Why the store could not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database failed (disk full, locked, damaged).
    #[error("the database failed: {0}")]
    Database(String),
    /// The data directory was written by a newer version.
    #[error("the data directory was written by a newer version of Redkeep (schema {found}, this one knows {known}); install that version or newer")]
    Newer { found: i64, known: i64 },
    /// Something stored does not read back: damage, or a hand in the database.
    #[error("the stored {what} is damaged: {why}; restore a backup, and see `redkeep audit verify`")]
    Damaged { what: String, why: String },
    /// There is no such thing.
    #[error("there is no {0}")]
    NotFound(String),
    /// There is one already.
    #[error("there is already {0}")]
    Exists(String),
    /// The state moved on meanwhile, or the step is not one the state machine has.
    #[error("{0}")]
    Conflict(String),
    /// A file of the data directory could not be read or written.
    #[error("{path}: {why}")]
    File { path: String, why: String },
}
