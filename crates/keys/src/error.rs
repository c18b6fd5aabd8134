//! Why a key was not used.

use std::path::PathBuf;

/// Why the keys could not do as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// A key file could not be read or written, or others may read it.
    #[error("{}: {why}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What failed, and what to do.
        why: String,
    },
    /// Something sealed or kept does not read back.
    #[error("the {what} is damaged: {why}")]
    Damaged {
        /// What it is.
        what: String,
        /// What is wrong with it; never its content.
        why: String,
    },
    /// The process that holds the keys will not do this for anybody.
    #[error("the keys process refused: {0}")]
    Refused(#[from] Refusal),
    /// No certificate could be made or read.
    #[error("{0}")]
    Certificate(String),
    /// The process that holds the keys does not answer.
    #[error(
        "the process that holds the keys does not answer ({0}); it is started again by itself, try \
         once more in a moment, and see Redkeep's log if that does not help"
    )]
    Unavailable(String),
}

/// What is refused whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// More bytes than this kind of request may have.
    #[error("the request is too long")]
    TooLong,
    /// The bytes are no request of this version.
    #[error("the request cannot be read")]
    Unreadable,
    /// A kind of request this lane does not take.
    #[error("there is no such request here")]
    UnknownRequest,
    /// A purpose no key is kept for.
    #[error("no key is kept for this purpose")]
    UnknownPurpose,
    /// A certificate that is not held.
    #[error("this certificate is not held here")]
    UnknownCertificate,
    /// A signature scheme that this certificate's key or this version of TLS does not have.
    #[error("the key does not sign in this way")]
    Scheme,
    /// The message is no part of a TLS handshake that a server signs.
    #[error("a certificate's key signs TLS handshakes and nothing else")]
    NotAHandshake,
}
