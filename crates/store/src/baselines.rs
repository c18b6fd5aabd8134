//! Baselines and snapshots: what was approved to run, now and before.

use std::sync::Arc;

use model::{
    audit::EventKind,
    baseline::Baseline,
    clock::Timestamp,
    flow::credentials::Credentials,
    id::{DeploymentId, Hash, InstanceId},
    principal::Actor,
};
use serde_json::json;
use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};
use zeroize::Zeroizing;

use crate::{Keyring, Store, StoreError, instances::instance_in, json, open::Change};

/// What the keyed digest of credentials, and their sealing, is for.
const CREDENTIALS: &str = "credentials";
/// Snapshots listed at most.
const SNAPSHOTS_MAX: u32 = 1000;

/// What a [`Current`] is read from.
const SELECT: &str = "SELECT snapshots.id, hash, baseline, at, deployment, ran_well, previous, \
     instances.snapshot = snapshots.id AS is_current \
     FROM snapshots JOIN instances ON instances.id = snapshots.instance";

/// A baseline with its content.
#[derive(Debug, Clone)]
pub struct BaselineContent {
    /// The baseline.
    pub baseline: Baseline,
    /// The flows' canonical text.
    pub flows: Arc<str>,
    /// All credentials, unsealed.
    pub credentials: Credentials,
}

/// A baseline one can go back to.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Snapshot {
    /// Its place among all that were kept: rises, whatever the clock does.
    #[serde(skip)]
    pub id: i64,
    /// The baseline's digest.
    pub hash: Hash,
    /// The baseline.
    pub baseline: Baseline,
    /// Since when it was the baseline.
    pub at: Timestamp,
    /// The deployment that made it; none for the first.
    pub deployment: Option<DeploymentId>,
    /// Whether Node-RED was seen running well with it.
    pub ran_well: bool,
    /// Whether it is the present one.
    pub is_current: bool,
}

/// One row of the snapshots.
pub(crate) struct Kept {
    pub(crate) id: i64,
    pub(crate) hash: Hash,
    pub(crate) baseline: Baseline,
    pub(crate) deployment: Option<DeploymentId>,
    pub(crate) previous: Option<i64>,
}

fn read_kept(row: &SqliteRow) -> Result<Kept, StoreError> {
    let hash: String = row.try_get("hash")?;
    let baseline: String = row.try_get("baseline")?;
    let hash = hash
        .parse::<Hash>()
        .map_err(|error| StoreError::damaged("baseline", error))?;
    let baseline: Baseline = json::read("baseline", &baseline)?;
    if baseline.hash() != hash {
        let why = format!("its parts do not give its digest {}", hash.short());
        return Err(StoreError::damaged("baseline", why));
    }
    let deployment: Option<i64> = row.try_get("deployment")?;
    Ok(Kept {
        id: row.try_get("id")?,
        hash,
        baseline,
        deployment: deployment.map(DeploymentId),
        previous: row.try_get("previous")?,
    })
}

fn read_snapshot(row: &SqliteRow) -> Result<Snapshot, StoreError> {
    let Kept {
        id,
        hash,
        baseline,
        deployment,
        ..
    } = read_kept(row)?;
    Ok(Snapshot {
        id,
        hash,
        baseline,
        at: Timestamp(row.try_get("at")?),
        deployment,
        ran_well: row.try_get::<i64, _>("ran_well")? != 0,
        is_current: row.try_get::<Option<i64>, _>("is_current")? == Some(1),
    })
}

pub(crate) async fn current(
    db: &mut SqliteConnection,
    id: &InstanceId,
) -> Result<Option<Kept>, StoreError> {
    let query = format!("{SELECT} WHERE instances.id = ? AND instances.snapshot = snapshots.id");
    let row = sqlx::query(sqlx::AssertSqlSafe(query))
        .bind(id.as_str())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(read_kept).transpose()
}

pub(crate) async fn kept_by_hash(
    db: &mut SqliteConnection,
    id: &InstanceId,
    hash: Hash,
) -> Result<Option<Kept>, StoreError> {
    let query = format!(
        "{SELECT} WHERE snapshots.instance = ? AND hash = ? ORDER BY snapshots.id DESC LIMIT 1"
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(query))
        .bind(id.as_str())
        .bind(hash.to_string())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(read_kept).transpose()
}

pub(crate) async fn blob_in(db: &mut SqliteConnection, hash: Hash) -> Result<Arc<str>, StoreError> {
    let text: Option<String> = sqlx::query_scalar("SELECT text FROM blobs WHERE hash = ?")
        .bind(hash.to_string())
        .fetch_optional(db)
        .await?;
    let text = text.ok_or_else(|| StoreError::NotFound(format!("text {}", hash.short())))?;
    if Hash::of(text.as_bytes()) != hash {
        let why = format!("it does not give its digest {}", hash.short());
        return Err(StoreError::damaged("text", why));
    }
    Ok(text.into())
}

/// Bound to the digest, so that one sealed set cannot stand in for another.
fn sealing_purpose(digest: Hash) -> String {
    format!("{CREDENTIALS} {digest}")
}

pub(crate) fn credentials_digest(
    keyring: &Keyring,
    credentials: &Credentials,
) -> Result<Hash, StoreError> {
    let text = Zeroizing::new(json::canonical(credentials));
    Ok(keyring.digest(CREDENTIALS, text.as_bytes())?)
}

impl Change<'_> {
    pub(crate) async fn put_blob(&mut self, text: &str) -> Result<Hash, StoreError> {
        let hash = Hash::of(text.as_bytes());
        sqlx::query("INSERT INTO blobs (hash, text) VALUES (?, ?) ON CONFLICT (hash) DO NOTHING")
            .bind(hash.to_string())
            .bind(text)
            .execute(self.db())
            .await?;
        Ok(hash)
    }

    pub(crate) async fn put_credentials(
        &mut self,
        credentials: &Credentials,
    ) -> Result<Hash, StoreError> {
        let text = Zeroizing::new(json::canonical(credentials));
        let digest = self.store.keyring.digest(CREDENTIALS, text.as_bytes())?;
        let sealed = self
            .store
            .keyring
            .seal(&sealing_purpose(digest), text.as_bytes())?;
        sqlx::query(
            "INSERT INTO credential_sets (digest, sealed) VALUES (?, ?) \
             ON CONFLICT (digest) DO NOTHING",
        )
        .bind(digest.to_string())
        .bind(sealed)
        .execute(self.db())
        .await?;
        Ok(digest)
    }

    /// Makes `baseline` the present one.
    pub(crate) async fn move_baseline(
        &mut self,
        id: &InstanceId,
        baseline: &Baseline,
        deployment: Option<DeploymentId>,
        previous: Option<i64>,
    ) -> Result<Hash, StoreError> {
        let hash = baseline.hash();
        let now = self.now;
        let snapshot: i64 = sqlx::query_scalar(
            "INSERT INTO snapshots (instance, hash, baseline, at, deployment, ran_well, previous) \
             VALUES (?, ?, ?, ?, ?, 0, ?) RETURNING id",
        )
        .bind(id.as_str())
        .bind(hash.to_string())
        .bind(json::canonical(baseline))
        .bind(now.0)
        .bind(deployment.map(|deployment| deployment.0))
        .bind(previous)
        .fetch_one(self.db())
        .await?;
        self.set_current(id, snapshot).await?;
        Ok(hash)
    }

    pub(crate) async fn set_current(
        &mut self,
        id: &InstanceId,
        snapshot: i64,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE instances SET snapshot = ? WHERE id = ?")
            .bind(snapshot)
            .bind(id.as_str())
            .execute(self.db())
            .await?;
        Ok(())
    }
}

impl Store {
    /// Keeps a text by its SHA-256.
    pub async fn keep_blob(&self, text: &str) -> Result<Hash, StoreError> {
        let mut change = self.begin().await?;
        let hash = change.put_blob(text).await?;
        change.commit().await?;
        Ok(hash)
    }

    /// A text by its SHA-256, checked against it.
    pub async fn blob(&self, hash: Hash) -> Result<Arc<str>, StoreError> {
        let mut db = self.read().acquire().await?;
        blob_in(&mut db, hash).await
    }

    /// The keyed digest under which credentials are named.
    pub fn credentials_digest(&self, credentials: &Credentials) -> Result<Hash, StoreError> {
        credentials_digest(&self.keyring, credentials)
    }

    async fn content(
        &self,
        db: &mut SqliteConnection,
        baseline: Baseline,
    ) -> Result<BaselineContent, StoreError> {
        let flows = blob_in(db, baseline.flows).await?;
        let digest = baseline.credentials;
        let sealed: Option<Vec<u8>> =
            sqlx::query_scalar("SELECT sealed FROM credential_sets WHERE digest = ?")
                .bind(digest.to_string())
                .fetch_optional(db)
                .await?;
        let sealed = sealed.ok_or_else(|| StoreError::damaged(CREDENTIALS, "they are gone"))?;
        let text = self.keyring.unseal(&sealing_purpose(digest), &sealed)?;
        let credentials: Credentials = serde_json::from_slice(text.expose())
            .map_err(|_| StoreError::damaged(CREDENTIALS, "they are not JSON"))?;
        if credentials_digest(&self.keyring, &credentials)? != digest {
            return Err(StoreError::damaged(
                CREDENTIALS,
                "they do not give their digest",
            ));
        }
        Ok(BaselineContent {
            baseline,
            flows,
            credentials,
        })
    }

    /// The instance's present baseline; none before the first start.
    pub async fn baseline(&self, id: &InstanceId) -> Result<Option<BaselineContent>, StoreError> {
        let mut transaction = self.read().begin().await?;
        match current(&mut transaction, id).await? {
            Some(kept) => Ok(Some(self.content(&mut transaction, kept.baseline).await?)),
            None => Ok(None),
        }
    }

    /// Any baseline the instance ever had, by digest.
    pub async fn baseline_at(
        &self,
        id: &InstanceId,
        hash: Hash,
    ) -> Result<BaselineContent, StoreError> {
        let mut transaction = self.read().begin().await?;
        let kept = kept_by_hash(&mut transaction, id, hash).await?;
        let kept =
            kept.ok_or_else(|| StoreError::NotFound(format!("baseline {} of {id}", hash.short())))?;
        self.content(&mut transaction, kept.baseline).await
    }

    /// Sets the first baseline, or one that differs only in versions, modules and settings (made
    /// by Redkeep itself at start). Flows and credentials change only through a deployment.
    ///
    /// Open deployments (not one being applied) become `Stale`: what they were approved against
    /// is no longer what runs. Setting the present baseline again does nothing.
    pub async fn set_platform_baseline(
        &self,
        id: &InstanceId,
        content: &BaselineContent,
    ) -> Result<(), StoreError> {
        let BaselineContent {
            baseline,
            flows,
            credentials,
        } = content;
        let is_whole = Hash::of(flows.as_bytes()) == baseline.flows
            && self.credentials_digest(credentials)? == baseline.credentials;
        if !is_whole {
            let message = "the baseline does not name the flows and credentials given with it";
            return Err(StoreError::Conflict(message.to_owned()));
        }
        let mut change = self.begin().await?;
        instance_in(change.db(), id).await?;
        let before = current(change.db(), id).await?;
        if let Some(before) = &before {
            let same = |get: fn(&Baseline) -> Hash| get(&before.baseline) == get(baseline);
            if !same(|baseline| baseline.flows) || !same(|baseline| baseline.credentials) {
                let message = "flows and credentials change only through a deployment";
                return Err(StoreError::Conflict(message.to_owned()));
            }
            if before.hash == baseline.hash() {
                return Ok(());
            }
        }
        change.put_blob(flows).await?;
        change.put_credentials(credentials).await?;
        let previous = before.as_ref().map(|before| before.id);
        let hash = change.move_baseline(id, baseline, None, previous).await?;
        let by = Actor::System;
        let about = format!("baseline {}", hash.short());
        let detail = json!({
            "baseline": hash,
            "before": before.map(|before| before.hash),
            "node_red": baseline.node_red,
            "node": baseline.node,
        });
        change
            .append(EventKind::Applied, &by, Some(id), &about, detail)
            .await?;
        change.make_others_stale(id, None, &by).await?;
        change.commit().await
    }

    /// Snapshots, newest first, at most `limit`.
    pub async fn snapshots(
        &self,
        id: &InstanceId,
        limit: u32,
    ) -> Result<Vec<Snapshot>, StoreError> {
        let query =
            format!("{SELECT} WHERE snapshots.instance = ? ORDER BY snapshots.id DESC LIMIT ?");
        let rows = sqlx::query(sqlx::AssertSqlSafe(query))
            .bind(id.as_str())
            .bind(i64::from(limit.min(SNAPSHOTS_MAX)))
            .fetch_all(self.read())
            .await?;
        rows.iter().map(read_snapshot).collect()
    }

    /// Notes that Node-RED ran well with this baseline.
    pub async fn mark_ran_well(&self, id: &InstanceId, hash: Hash) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        let marked =
            sqlx::query("UPDATE snapshots SET ran_well = 1 WHERE instance = ? AND hash = ?")
                .bind(id.as_str())
                .bind(hash.to_string())
                .execute(change.db())
                .await?
                .rows_affected();
        if marked == 0 {
            return Err(StoreError::NotFound(format!(
                "baseline {} of {id}",
                hash.short()
            )));
        }
        change.commit().await
    }
}
