//! Opening the ledger, and the transactions in which it changes.

use std::{
    fs::{DirBuilder, OpenOptions},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
    sync::Arc,
    time::Duration,
};

use model::clock::{Clock, Timestamp};
use sqlx::{
    Sqlite, SqliteConnection, SqlitePool, Transaction,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::{Semaphore, watch};

use crate::{
    Keyring, StoreError, accounts::Ceremonies, anchor::Anchor, audit::Head, elsewhere::Elsewhere,
    entry::EntryCodes, session_cache::SessionCache,
};

/// The migrations, in order; the schema's version is how many of them were run.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_ledger.sql"),
    include_str!("../migrations/0002_threads.sql"),
    include_str!("../migrations/0003_rehearsals.sql"),
    include_str!("../migrations/0004_risks.sql"),
    include_str!("../migrations/0005_approval.sql"),
    include_str!("../migrations/0006_mail.sql"),
    include_str!("../migrations/0007_passkeys.sql"),
    include_str!("../migrations/0008_rules.sql"),
    include_str!("../migrations/0009_login_targets.sql"),
    include_str!("../migrations/0010_identity.sql"),
    include_str!("../migrations/0011_sessions.sql"),
    include_str!("../migrations/0012_transport.sql"),
];
/// How long a statement waits for another process' lock.
const BUSY: Duration = Duration::from_secs(10);
/// Connections that read.
const READERS: u32 = 4;
/// Password hashes computed at a time: each takes 19 MiB.
const HASHES_AT_ONCE: usize = 2;
/// Logins that may wait for a hash; more are told to come again.
const HASHES_WAITING: usize = 64;

/// The ledger of one data directory. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) inner: Arc<Inner>,
}

/// What all clones of a [`Store`] share.
#[derive(Debug)]
pub(crate) struct Inner {
    /// The one connection that writes: SQLite has one writer at a time anyway.
    writer: SqlitePool,
    readers: SqlitePool,
    pub(crate) anchor: Anchor,
    pub(crate) revocations: watch::Sender<u64>,
    pub(crate) queue: watch::Sender<u64>,
    pub(crate) rules: watch::Sender<u64>,
    pub(crate) recorded: watch::Sender<u64>,
    pub(crate) hashing: Semaphore,
    pub(crate) hash_waiting: Semaphore,
    pub(crate) entry_codes: EntryCodes,
    pub(crate) session_cache: SessionCache,
    pub(crate) ceremonies: Ceremonies,
    pub(crate) elsewhere: Elsewhere,
    /// Words nobody is to take for a password.
    pub(crate) site_words: std::sync::OnceLock<Vec<String>>,
}

impl Store {
    /// Opens `<data_dir>/redkeep.db` (SQLite: WAL, `synchronous=FULL`, foreign keys on), makes or
    /// migrates its tables, and the keyring in `<data_dir>/keys`, in the memory of this process: for
    /// verbs on a stopped installation.
    pub async fn open(data_dir: &Path, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        make_private(data_dir, &data_dir.join("redkeep.db"))?;
        let keyring = Keyring::open(&data_dir.join("keys"))?;
        Self::open_with(data_dir, clock, keyring).await
    }

    /// The same with keys that are held elsewhere. Each use of one is then a short round trip over a
    /// Unix socket for which its thread waits: rare beside the disk in all that changes the ledger,
    /// and needed nowhere to know who asks.
    pub async fn open_with(
        data_dir: &Path,
        clock: Arc<dyn Clock>,
        keyring: Keyring,
    ) -> Result<Self, StoreError> {
        let path = data_dir.join("redkeep.db");
        make_private(data_dir, &path)?;
        let keyring = Arc::new(keyring);
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(false)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY);
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.clone())
            .await?;
        migrate(&writer).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.pragma("query_only", "on"))
            .await?;
        let anchor = Anchor::open(data_dir, &keyring);
        let inner = Inner {
            writer,
            readers,
            anchor,
            revocations: watch::Sender::new(0),
            queue: watch::Sender::new(0),
            rules: watch::Sender::new(0),
            recorded: watch::Sender::new(0),
            hashing: Semaphore::new(HASHES_AT_ONCE),
            hash_waiting: Semaphore::new(HASHES_WAITING),
            entry_codes: EntryCodes::default(),
            session_cache: SessionCache::default(),
            ceremonies: Ceremonies::new(),
            elsewhere: Elsewhere::default(),
            site_words: std::sync::OnceLock::new(),
        };
        let store = Self {
            keyring,
            clock,
            inner: Arc::new(inner),
        };
        store.check_anchor().await?;
        Ok(store)
    }

    /// The installation's keys.
    pub fn keyring(&self) -> &Arc<Keyring> {
        &self.keyring
    }

    /// The clock everything is dated by.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Closes the database once what is under way is done; nothing can be read or written after.
    /// Not needed for durability, only for leaving a single file behind.
    pub async fn close(&self) {
        self.inner.readers.close().await;
        self.inner.writer.close().await;
    }

    /// Connections for reading.
    pub(crate) fn read(&self) -> &SqlitePool {
        &self.inner.readers
    }

    /// Begins a change. Nothing of it is kept unless [`Change::commit`] returns `Ok`.
    pub(crate) async fn begin(&self) -> Result<Change<'_>, StoreError> {
        // A deferred transaction that upgrades to writing fails at once, whatever the timeout.
        let transaction = self.inner.writer.begin_with("BEGIN IMMEDIATE").await?;
        Ok(Change {
            store: self,
            now: self.clock.now(),
            transaction,
            head: None,
            is_milestone: false,
            revokes: false,
            moves_queue: false,
            moves_rules: false,
        })
    }
}

/// One transaction, with the audit rows that belong to it.
#[expect(
    clippy::struct_excessive_bools,
    reason = "one for each of those who are told"
)]
pub(crate) struct Change<'a> {
    pub(crate) store: &'a Store,
    /// When it happens: one moment for all of it.
    pub(crate) now: Timestamp,
    transaction: Transaction<'static, Sqlite>,
    pub(crate) head: Option<Head>,
    pub(crate) is_milestone: bool,
    /// Sessions, tokens or roles change: live connections check again.
    pub(crate) revokes: bool,
    /// A deployment changes: lists look again.
    pub(crate) moves_queue: bool,
    /// Who may come from where changes: doors look again.
    pub(crate) moves_rules: bool,
}

impl Change<'_> {
    /// The connection, for statements.
    pub(crate) fn db(&mut self) -> &mut SqliteConnection {
        &mut self.transaction
    }

    /// Signs the head of the record, makes everything durable, and tells who waits for it.
    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        let signed = self.sign_head().await?;
        let Self {
            store,
            transaction,
            revokes,
            moves_queue,
            moves_rules,
            ..
        } = self;
        // Told even when the commit's answer is lost or this future is dropped within it: looking
        // again for nothing costs little, a revocation nobody hears of does not.
        let _revocations = Told(revokes.then_some(&store.inner.revocations));
        let _queue = Told(moves_queue.then_some(&store.inner.queue));
        let _rules = Told(moves_rules.then_some(&store.inner.rules));
        let _recorded = Told(signed.is_some().then_some(&store.inner.recorded));
        transaction.commit().await?;
        if let Some(signed) = signed {
            store.inner.anchor.advance(&signed);
        }
        Ok(())
    }
}

/// Tells when it is dropped.
struct Told<'a>(Option<&'a watch::Sender<u64>>);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if let Some(sender) = self.0 {
            sender.send_modify(|count| *count = count.wrapping_add(1));
        }
    }
}

/// Makes the database file before SQLite does, so that it and what SQLite puts beside it (which
/// takes its mode) can be read by nobody else.
fn make_private(data_dir: &Path, path: &Path) -> Result<(), StoreError> {
    let failed = |path: &Path, error: std::io::Error| StoreError::File {
        path: path.display().to_string(),
        why: error.to_string(),
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data_dir)
        .map_err(|error| failed(data_dir, error))?;
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map(drop)
        .map_err(|error| failed(path, error))
}

async fn migrate(pool: &SqlitePool) -> Result<(), StoreError> {
    let known = i64::try_from(MIGRATIONS.len()).expect("a handful of migrations");
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    let found: i64 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(&mut *transaction)
        .await?;
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    let done = usize::try_from(found)
        .map_err(|_| StoreError::damaged("schema version", "it is negative"))?;
    for migration in &MIGRATIONS[done..] {
        sqlx::raw_sql(*migration).execute(&mut *transaction).await?;
    }
    if found < known {
        let set = sqlx::AssertSqlSafe(format!("PRAGMA user_version = {known}"));
        sqlx::raw_sql(set).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(())
}
