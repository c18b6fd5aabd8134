//! Who may come from where: the rules, their versions, and the trial of those that might shut
//! their own author out.

use model::{audit::EventKind, clock::Timestamp, principal::Actor, rules::AccessRules};
use serde_json::{Value, json};
use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};
use tokio::sync::watch;

use crate::{Store, StoreError, json, open::Change};

/// Versions kept; the record names all.
const VERSIONS_MAX: i64 = 200;
/// How long a trial may last: an hour.
const TRIAL_MAX_SECONDS: i64 = 3600;
const SUBJECT: &str = "access rules";

/// The rules as they hold.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct KeptRules {
    /// Counted up with every change; 0: there never was one.
    pub version: i64,
    /// What holds.
    pub rules: AccessRules,
    /// Since when; none for version 0.
    pub at: Option<Timestamp>,
    /// Who made them; none for version 0.
    pub by: Option<Actor>,
    /// That they are on trial.
    pub trial: Option<Trial>,
}

/// Rules on trial: they undo themselves unless somebody confirms them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Trial {
    /// When they undo themselves.
    pub undo_at: Timestamp,
}

/// The newest version, whether or not it holds.
struct Newest {
    kept: KeptRules,
    before: AccessRules,
}

impl Newest {
    fn read(row: &SqliteRow) -> Result<Self, StoreError> {
        let what = "access rules";
        let rules: String = row.try_get("rules")?;
        let by: String = row.try_get("by")?;
        let before: Option<String> = row.try_get("before")?;
        let undo_at: Option<i64> = row.try_get("undo_at")?;
        let kept = KeptRules {
            version: row.try_get("version")?,
            rules: json::read(what, &rules)?,
            at: Some(Timestamp(row.try_get("at")?)),
            by: Some(json::read(what, &by)?),
            trial: undo_at.map(|at| Trial {
                undo_at: Timestamp(at),
            }),
        };
        let before = before.map_or_else(|| Ok(AccessRules::default()), |it| json::read(what, &it));
        Ok(Self {
            kept,
            before: before?,
        })
    }

    async fn find(db: &mut SqliteConnection) -> Result<Self, StoreError> {
        let query = "SELECT version, rules, at, by, undo_at, before FROM access_rules \
                     ORDER BY version DESC LIMIT 1";
        match sqlx::query(query).fetch_optional(db).await? {
            Some(row) => Self::read(&row),
            None => Ok(Self {
                kept: KeptRules {
                    version: 0,
                    rules: AccessRules::default(),
                    at: None,
                    by: None,
                    trial: None,
                },
                before: AccessRules::default(),
            }),
        }
    }

    fn is_over(&self, now: Timestamp) -> bool {
        self.kept.trial.is_some_and(|trial| trial.undo_at <= now)
    }
}

impl Change<'_> {
    async fn put_rules(
        &mut self,
        rules: &AccessRules,
        trial: Option<(Timestamp, &AccessRules)>,
        by: &Actor,
        detail: Value,
    ) -> Result<i64, StoreError> {
        let version: i64 = sqlx::query_scalar(
            "INSERT INTO access_rules (rules, at, by, undo_at, before) VALUES (?, ?, ?, ?, ?) \
             RETURNING version",
        )
        .bind(json::canonical(rules))
        .bind(self.now.0)
        .bind(json::canonical(by))
        .bind(trial.map(|(undo_at, _)| undo_at.0))
        .bind(trial.map(|(_, before)| json::canonical(before)))
        .fetch_one(self.db())
        .await?;
        sqlx::query("DELETE FROM access_rules WHERE version <= ?")
            .bind(version - VERSIONS_MAX)
            .execute(self.db())
            .await?;
        self.append(EventKind::RulesChanged, by, None, SUBJECT, detail)
            .await?;
        self.moves_rules = true;
        Ok(version)
    }

    /// Writes down that a trial is over, if one is.
    async fn settle(&mut self) -> Result<Newest, StoreError> {
        let newest = Newest::find(self.db()).await?;
        if !newest.is_over(self.now) {
            return Ok(newest);
        }
        let detail = json!({ "undone": newest.kept.version, "after": newest.before });
        self.put_rules(&newest.before, None, &Actor::System, detail)
            .await?;
        Newest::find(self.db()).await
    }
}

impl Store {
    /// Counts up when the rules change.
    pub fn rules_changes(&self) -> watch::Receiver<u64> {
        self.inner.rules.subscribe()
    }

    /// The rules that hold now. Where a trial is over, those from before it.
    pub async fn access_rules(&self) -> Result<KeptRules, StoreError> {
        let mut db = self.read().acquire().await?;
        let newest = Newest::find(&mut db).await?;
        if !newest.is_over(self.clock.now()) {
            return Ok(newest.kept);
        }
        Ok(KeptRules {
            rules: newest.before,
            trial: None,
            ..newest.kept
        })
    }

    /// Replaces the rules that were looked at in `version`; on trial for `trial_seconds` (at most
    /// an hour) where given: unless confirmed they undo themselves.
    ///
    /// Errors: `Conflict` when they cannot be kept, moved on meanwhile, or are on trial already.
    pub async fn set_access_rules(
        &self,
        version: i64,
        rules: &AccessRules,
        trial_seconds: Option<i64>,
        by: &Actor,
    ) -> Result<KeptRules, StoreError> {
        rules
            .check()
            .map_err(|error| StoreError::Conflict(error.to_string()))?;
        let mut change = self.begin().await?;
        let newest = change.settle().await?;
        if newest.kept.trial.is_some() {
            return Err(StoreError::Conflict(
                "the present rules are on trial; confirm or undo them first".to_owned(),
            ));
        }
        if newest.kept.version != version {
            return Err(StoreError::Conflict(
                "the rules were changed meanwhile; look at them as they are now, then change them"
                    .to_owned(),
            ));
        }
        let before = newest.kept.rules;
        let undo_at = trial_seconds
            .map(|seconds| change.now.plus_seconds(seconds.clamp(1, TRIAL_MAX_SECONDS)));
        let detail = json!({ "before": before, "after": rules, "undo_at": undo_at });
        let trial = undo_at.map(|undo_at| (undo_at, &before));
        change.put_rules(rules, trial, by, detail).await?;
        let newest = Newest::find(change.db()).await?;
        change.commit().await?;
        Ok(newest.kept)
    }

    /// Ends the trial of `version`: its rules stand.
    ///
    /// Errors: `Conflict` when that version is not on trial (any more).
    pub async fn confirm_access_rules(
        &self,
        version: i64,
        by: &Actor,
    ) -> Result<KeptRules, StoreError> {
        let mut change = self.begin().await?;
        let newest = change.settle().await?;
        if newest.kept.version != version || newest.kept.trial.is_none() {
            return Err(StoreError::Conflict(
                "these rules are not on trial any more; look at what holds now".to_owned(),
            ));
        }
        sqlx::query("UPDATE access_rules SET undo_at = NULL, before = NULL WHERE version = ?")
            .bind(version)
            .execute(change.db())
            .await?;
        let detail = json!({ "confirmed": version });
        change
            .append(EventKind::RulesChanged, by, None, SUBJECT, detail)
            .await?;
        change.moves_rules = true;
        let newest = Newest::find(change.db()).await?;
        change.commit().await?;
        Ok(newest.kept)
    }

    /// Ends the trial under way: what held before it holds again.
    ///
    /// Errors: `Conflict` when nothing is on trial.
    pub async fn undo_access_rules(&self, by: &Actor) -> Result<KeptRules, StoreError> {
        let mut change = self.begin().await?;
        let newest = Newest::find(change.db()).await?;
        if newest.kept.trial.is_none() {
            return Err(StoreError::Conflict("no rules are on trial".to_owned()));
        }
        let detail = json!({ "undone": newest.kept.version, "after": newest.before });
        change.put_rules(&newest.before, None, by, detail).await?;
        let newest = Newest::find(change.db()).await?;
        change.commit().await?;
        Ok(newest.kept)
    }

    /// Writes down that a trial is over, if one is, and tells who waits for it. Whether it did.
    pub async fn settle_access_rules(&self) -> Result<bool, StoreError> {
        let mut db = self.read().acquire().await?;
        if !Newest::find(&mut db).await?.is_over(self.clock.now()) {
            return Ok(false);
        }
        drop(db);
        let mut change = self.begin().await?;
        let before = Newest::find(change.db()).await?.kept.version;
        let is_over = change.settle().await?.kept.version != before;
        if is_over {
            change.commit().await?;
        }
        Ok(is_over)
    }
}
