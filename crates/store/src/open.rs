//! Opening the ledger.

use std::{path::Path, sync::Arc};

use model::clock::Clock;

use crate::{Keyring, StoreError};

/// The ledger of one data directory. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Store {
    /// Opens `<data_dir>/redkeep.db` (SQLite: WAL, `synchronous=FULL`, foreign keys on), makes or
    /// migrates its tables, and the keyring in `<data_dir>/keys`.
    pub async fn open(data_dir: &Path, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let _ = (data_dir, clock);
        unimplemented!()
    }

    /// The installation's keys.
    pub fn keyring(&self) -> &Arc<Keyring> {
        &self.keyring
    }

    /// The clock everything is dated by.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }
}
