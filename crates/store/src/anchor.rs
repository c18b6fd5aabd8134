//! The newest signed head, once more in a file of its own (`audit.head`): whoever puts an older
//! database in place of this one has to know of it too.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use data_encoding::BASE64;
use model::{clock::Timestamp, id::Hash};
use serde::{Deserialize, Serialize};

use crate::{
    Keyring, Store, StoreError,
    audit::{Head, SignedHead},
};

/// The file's content.
#[derive(Serialize, Deserialize)]
struct Written {
    sequence: i64,
    link: Hash,
    at: Timestamp,
    signature: String,
}

/// The file, and what this process knows of it.
#[derive(Debug)]
pub(crate) struct Anchor {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    newest: i64,
    /// The database and the file do not agree: the file is evidence and is not written any more.
    is_evidence: bool,
}

impl Anchor {
    pub(crate) fn open(data_dir: &Path, keyring: &Keyring) -> Self {
        let path = data_dir.join("audit.head");
        let anchor = Self {
            path,
            state: Mutex::new(State {
                newest: 0,
                is_evidence: false,
            }),
        };
        let is_foreign = anchor.read().is_some_and(|signed| !signed.is_ours(keyring));
        if is_foreign {
            anchor.keep_as_evidence();
        }
        anchor
    }

    fn keep_as_evidence(&self) {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_evidence = true;
        tracing::error!(
            "the audit record and the head kept beside it do not agree; see `redkeep audit verify`"
        );
    }

    /// What the file says. None when there is none, or it was torn by a power cut.
    pub(crate) fn read(&self) -> Option<SignedHead> {
        let text = fs::read(&self.path).ok()?;
        let Written {
            sequence,
            link,
            at,
            signature,
        } = serde_json::from_slice(&text).ok()?;
        let signature = BASE64.decode(signature.as_bytes()).ok()?;
        Some(SignedHead {
            head: Head { sequence, link },
            at,
            signature,
        })
    }

    /// Writes a head that was just committed. Best effort: the database is what counts.
    pub(crate) fn advance(&self, signed: &SignedHead) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.is_evidence || signed.head.sequence <= state.newest {
            return;
        }
        state.newest = signed.head.sequence;
        if let Err(error) = self.write(signed) {
            tracing::warn!(%error, path = %self.path.display(), "the audit head was not written");
        }
    }

    fn write(&self, signed: &SignedHead) -> io::Result<()> {
        let written = Written {
            sequence: signed.head.sequence,
            link: signed.head.link,
            at: signed.at,
            signature: BASE64.encode(&signed.signature),
        };
        let draft = self
            .path
            .with_extension(format!("head.{}", std::process::id()));
        fs::write(&draft, serde_json::to_vec(&written)?)?;
        fs::rename(&draft, &self.path)
    }
}

impl Store {
    /// Compares the file with the database before the first write moves it.
    pub(crate) async fn check_anchor(&self) -> Result<(), StoreError> {
        let Some(signed) = self.inner.anchor.read() else {
            return Ok(());
        };
        let link: Option<String> = sqlx::query_scalar("SELECT link FROM audit WHERE sequence = ?")
            .bind(signed.head.sequence)
            .fetch_optional(self.read())
            .await?;
        if link != Some(signed.head.link.to_string()) {
            self.inner.anchor.keep_as_evidence();
        }
        Ok(())
    }
}
