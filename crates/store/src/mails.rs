//! What waits to be told by mail: noted from the record, kept until it was sent.
//!
//! The record is the queue: an event is durable with what it is about, and
//! [`Store::note_mails`] goes through what is new in it. Nothing that is done waits for a mail.

mod noting;

use std::collections::{BTreeMap, BTreeSet};

use model::{
    audit::{Entry, Event, EventKind},
    clock::Timestamp,
    id::{DeploymentId, UserId},
    mail::{KINDS, Told, Topic, told},
    principal::Actor,
};
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection, sqlite::SqliteRow};

use crate::{
    Store, StoreError, User, accounts, audit, deployments::deployment_in, json, open::Change,
};

/// Entries looked through in one transaction.
const NOTED_AT_ONCE: u32 = 200;
/// Entries a mail is about at most; older ones are counted.
const ENTRIES_MAX: usize = 10;
/// Mails that may wait; the oldest go beyond.
const WAITING_MAX: i64 = 2_000;
/// Of them for one person: what concerns one must not push out what concerns the others.
const PERSONAL_MAX: i64 = 200;
/// Matters one person is written to about within an hour.
const HOURLY_MAX: i64 = 30;
const HOUR: i64 = 3_600_000;
/// How long a mail may wait. What is older is in the record, and on the console.
const AGE_MAX: i64 = 3 * 24 * HOUR;
/// What happens within this is told together.
const GRACE: i64 = 2_000;

/// A mail that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingMail {
    /// Whom it is for.
    pub user: UserId,
    /// What it is about.
    pub topic: Topic,
    /// The newest entries of the record it tells of, at most ten, oldest first.
    pub entries: Vec<i64>,
    /// How many there were.
    pub count: u32,
    /// Since when it waits.
    pub since: Timestamp,
    /// How often it was refused.
    pub tries: u32,
}

fn read_mail(row: &SqliteRow) -> Result<WaitingMail, StoreError> {
    let topic: String = row.try_get("topic")?;
    Ok(WaitingMail {
        user: UserId(row.try_get("user_id")?),
        topic: topic
            .parse()
            .map_err(|error| StoreError::damaged("mail", error))?,
        entries: json::read("mail", &row.try_get::<String, _>("entries")?)?,
        count: row.try_get("count")?,
        since: Timestamp(row.try_get("since")?),
        tries: row.try_get("tries")?,
    })
}

const COLUMNS: &str = "SELECT user_id, topic, entries, count, since, tries FROM mails";

impl Store {
    /// Goes through what is new in the record and notes whom to write to; returns how many mails
    /// were noted or grew, and whether there is more to go through. About one topic somebody is
    /// written to at once, then at most every `every_seconds`. The first call ever begins at the
    /// end of the record: what was before mail was set up is told to nobody.
    pub async fn note_mails(&self, every_seconds: i64) -> Result<(usize, bool), StoreError> {
        let place: Option<i64> = sqlx::query_scalar("SELECT sequence FROM mail_place")
            .fetch_optional(self.read())
            .await?;
        let newest: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(sequence), 0) FROM audit")
            .fetch_one(self.read())
            .await?;
        let Some(place) = place else {
            self.set_mail_place(newest).await?;
            return Ok((0, false));
        };
        if newest <= place {
            return Ok((0, false));
        }
        let mut query =
            QueryBuilder::<Sqlite>::new("SELECT sequence, text, previous, link FROM audit WHERE ");
        query.push("sequence > ").push_bind(place);
        query.push(" AND sequence <= ").push_bind(newest);
        query.push(" AND kind IN (");
        let mut kinds = query.separated(", ");
        for kind in KINDS {
            kinds.push_bind(kind.word());
        }
        query.push(") ORDER BY sequence LIMIT ");
        query.push_bind(i64::from(NOTED_AT_ONCE));
        let rows = query.build().fetch_all(self.read()).await?;
        let entries: Vec<Entry> = rows
            .iter()
            .map(audit::read_entry)
            .collect::<Result<_, _>>()?;
        let is_full = rows.len() == NOTED_AT_ONCE as usize;
        let upto = match entries.last() {
            Some(last) if is_full => last.sequence,
            _ => newest,
        };
        let mut change = self.begin().await?;
        let mut noted = 0;
        for entry in &entries {
            noted += change.note_entry(entry, every_seconds).await?;
        }
        if noted > 0 {
            change.drop_excess().await?;
        }
        change.set_mail_place(upto).await?;
        change.commit().await?;
        Ok((noted, is_full))
    }

    async fn set_mail_place(&self, sequence: i64) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        change.set_mail_place(sequence).await?;
        change.commit().await
    }

    /// The mail that is to be sent next, if one is due. Mails too old are forgotten first; how many
    /// those were.
    pub async fn next_mail(&self) -> Result<(Option<WaitingMail>, u64), StoreError> {
        let now = self.clock().now().0;
        let old = "count > 0 AND since < ?";
        let aged: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
            "SELECT COUNT(*) FROM mails WHERE {old}"
        )))
        .bind(now - AGE_MAX)
        .fetch_one(self.read())
        .await?;
        if aged > 0 {
            let mut change = self.begin().await?;
            sqlx::query(sqlx::AssertSqlSafe(format!(
                "DELETE FROM mails WHERE {old}"
            )))
            .bind(now - AGE_MAX)
            .execute(change.db())
            .await?;
            change.commit().await?;
        }
        let query = sqlx::AssertSqlSafe(format!(
            "{COLUMNS} AS mail WHERE count > 0 AND due_at <= ? AND \
             (SELECT COUNT(*) FROM mails WHERE user_id = mail.user_id AND sent_at > ?) < ? \
             ORDER BY due_at, user_id, topic LIMIT 1"
        ));
        let row = sqlx::query(query)
            .bind(now)
            .bind(now - HOUR)
            .bind(HOURLY_MAX)
            .fetch_optional(self.read())
            .await?;
        let mail = row.as_ref().map(read_mail).transpose()?;
        Ok((mail, u64::try_from(aged).unwrap_or(0)))
    }

    /// How many mails wait, and since when the oldest does.
    pub async fn waiting_mails(&self) -> Result<(u32, Option<Timestamp>), StoreError> {
        let row =
            sqlx::query("SELECT COUNT(*) AS count, MIN(since) AS since FROM mails WHERE count > 0")
                .fetch_one(self.read())
                .await?;
        let since: Option<i64> = row.try_get("since")?;
        Ok((row.try_get("count")?, since.map(Timestamp)))
    }

    /// Notes that a mail was sent, or needs not be: what came to it meanwhile goes on waiting, until
    /// `every_seconds` after `is_sent`.
    pub async fn close_mail(
        &self,
        mail: &WaitingMail,
        is_sent: bool,
        every_seconds: i64,
    ) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        let now = change.now.0;
        let Some((standing, sent_at)) = change.mail(mail.user, &mail.topic).await? else {
            return Ok(());
        };
        let upto = mail.entries.last().copied().unwrap_or(0);
        let left: Vec<i64> = standing
            .entries
            .into_iter()
            .filter(|it| *it > upto)
            .collect();
        let count = standing.count.saturating_sub(mail.count);
        let due = if is_sent {
            now + every_seconds * 1000
        } else {
            now + GRACE
        };
        sqlx::query(
            "UPDATE mails SET entries = ?, count = ?, since = ?, due_at = ?, tries = 0, \
             sent_at = ? WHERE user_id = ? AND topic = ?",
        )
        .bind(json::canonical(&left))
        .bind(if left.is_empty() { 0 } else { count })
        .bind(now)
        .bind(due)
        .bind(if is_sent { Some(now) } else { sent_at })
        .bind(mail.user.0)
        .bind(mail.topic.to_string())
        .execute(change.db())
        .await?;
        // Who was written to longer ago than anything asks about.
        let kept = (every_seconds * 1000).max(HOUR);
        sqlx::query("DELETE FROM mails WHERE count = 0 AND COALESCE(sent_at, 0) < ?")
            .bind(now - kept)
            .execute(change.db())
            .await?;
        change.commit().await
    }

    /// Puts a mail off by so many seconds; with `is_refused` the refusal is counted.
    pub async fn put_off_mail(
        &self,
        mail: &WaitingMail,
        seconds: i64,
        is_refused: bool,
    ) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        let now = change.now.0;
        sqlx::query(
            "UPDATE mails SET due_at = ?, tries = tries + ? WHERE user_id = ? AND topic = ?",
        )
        .bind(now + seconds * 1000)
        .bind(i64::from(is_refused))
        .bind(mail.user.0)
        .bind(mail.topic.to_string())
        .execute(change.db())
        .await?;
        change.commit().await
    }

    /// The entries of the record at these places, oldest first; those that are not there are left
    /// out.
    pub async fn entries(&self, places: &[i64]) -> Result<Vec<Entry>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new(
            "SELECT sequence, text, previous, link FROM audit WHERE sequence IN (",
        );
        let mut listed = query.separated(", ");
        for place in places.iter().take(ENTRIES_MAX) {
            listed.push_bind(*place);
        }
        query.push(") ORDER BY sequence");
        let rows = query.build().fetch_all(self.read()).await?;
        rows.iter().map(audit::read_entry).collect()
    }
}
