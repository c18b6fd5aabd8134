//! What waits to be told by mail: noted from the record, kept until it was sent.
//!
//! The record is the queue: an event is durable with what it is about, and
//! [`Store::note_mails`] goes through what is new in it. Nothing that is done waits for a mail.

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

impl Change<'_> {
    async fn set_mail_place(&mut self, sequence: i64) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO mail_place (only, sequence) VALUES (1, ?) \
             ON CONFLICT (only) DO UPDATE SET sequence = excluded.sequence",
        )
        .bind(sequence)
        .execute(self.db())
        .await?;
        Ok(())
    }

    /// Notes whom an entry is to be told to; returns how many those are.
    async fn note_entry(&mut self, entry: &Entry, every_seconds: i64) -> Result<usize, StoreError> {
        let event = &entry.event;
        if event.at.0 < self.now.0 - AGE_MAX {
            return Ok(0);
        }
        let Some(told) = told(event) else {
            return Ok(0);
        };
        let users = accounts::with_mail(self.db()).await?;
        let chosen = match told {
            Told::Reviewers(id) => self.reviewers(id, event, &users).await?,
            Told::Proposer(id) => self.proposer(id, event, &users).await?,
            Told::Others(id) => self.others(id, event, &users).await?,
            Told::Alerted(alert) => {
                let topic = Topic::Alert(alert, event.instance.clone());
                let of = |user: &User| (user.id, topic.clone());
                let is_for = |user: &&User| topic.is_for(user.role, user.mail_wishes);
                users.iter().filter(is_for).map(of).collect()
            }
        };
        for (user, topic) in &chosen {
            self.note(*user, topic, entry, every_seconds).await?;
        }
        Ok(chosen.len())
    }

    /// Whoever decides, but for who did it: they know.
    async fn reviewers(
        &mut self,
        id: DeploymentId,
        event: &Event,
        users: &[User],
    ) -> Result<Vec<(UserId, Topic)>, StoreError> {
        let deployment = deployment_in(self.db(), id).await?;
        let topic = Topic::Reviews(deployment.instance);
        let is_for = |user: &&User| {
            topic.is_for(user.role, user.mail_wishes)
                && event.actor.user() != Some(user.id)
                && deployment.proposer.user() != Some(user.id)
        };
        let users = users.iter().filter(is_for);
        Ok(users.map(|user| (user.id, topic.clone())).collect())
    }

    async fn proposer(
        &mut self,
        id: DeploymentId,
        event: &Event,
        users: &[User],
    ) -> Result<Vec<(UserId, Topic)>, StoreError> {
        let deployment = deployment_in(self.db(), id).await?;
        let topic = Topic::Own(id);
        let is_for = |user: &&User| {
            deployment.proposer.user() == Some(user.id)
                && event.actor.user() != Some(user.id)
                && topic.is_for(user.role, user.mail_wishes)
        };
        let users = users.iter().filter(is_for);
        Ok(users.map(|user| (user.id, topic.clone())).collect())
    }

    /// What somebody said: to the proposer; what the proposer said: to whoever took part before,
    /// else to whoever decides.
    async fn others(
        &mut self,
        id: DeploymentId,
        event: &Event,
        users: &[User],
    ) -> Result<Vec<(UserId, Topic)>, StoreError> {
        let deployment = deployment_in(self.db(), id).await?;
        let by_proposer =
            event.actor.user().is_some() && event.actor.user() == deployment.proposer.user();
        if !by_proposer {
            return self.proposer(id, event, users).await;
        }
        let took_part = took_part(self.db(), id).await?;
        let mut reviewers = self.reviewers(id, event, users).await?;
        if reviewers.iter().any(|(user, _)| took_part.contains(user)) {
            reviewers.retain(|(user, _)| took_part.contains(user));
        }
        Ok(reviewers)
    }

    async fn mail(
        &mut self,
        user: UserId,
        topic: &Topic,
    ) -> Result<Option<(WaitingMail, Option<i64>)>, StoreError> {
        let row = sqlx::query(
            "SELECT user_id, topic, entries, count, since, tries, sent_at FROM mails \
             WHERE user_id = ? AND topic = ?",
        )
        .bind(user.0)
        .bind(topic.to_string())
        .fetch_optional(self.db())
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some((read_mail(&row)?, row.try_get("sent_at")?)))
    }

    async fn note(
        &mut self,
        user: UserId,
        topic: &Topic,
        entry: &Entry,
        every_seconds: i64,
    ) -> Result<(), StoreError> {
        let at = entry.event.at.0;
        let standing = self.mail(user, topic).await?;
        let (mut mail, sent_at) = match standing {
            Some((mail, sent_at)) => (Some(mail), sent_at),
            None => (None, None),
        };
        let waits = mail.as_ref().is_some_and(|mail| mail.count > 0);
        let mut entries = mail.take().map_or_else(Vec::new, |mail| mail.entries);
        entries.push(entry.sequence);
        let excess = entries.len().saturating_sub(ENTRIES_MAX);
        entries.drain(..excess);
        let due = sent_at
            .map_or(0, |at| at + every_seconds * 1000)
            .max(at + GRACE);
        sqlx::query(
            "INSERT INTO mails (user_id, topic, entries, count, since, due_at, tries, sent_at) \
             VALUES (?, ?, ?, 1, ?, ?, 0, NULL) ON CONFLICT (user_id, topic) DO UPDATE SET \
             entries = excluded.entries, count = count + 1, \
             since = CASE WHEN ? THEN since ELSE excluded.since END, \
             due_at = CASE WHEN ? THEN due_at ELSE excluded.due_at END, \
             tries = CASE WHEN ? THEN tries ELSE 0 END",
        )
        .bind(user.0)
        .bind(topic.to_string())
        .bind(json::canonical(&entries))
        .bind(at)
        .bind(due)
        .bind(waits)
        .bind(waits)
        .bind(waits)
        .execute(self.db())
        .await?;
        Ok(())
    }

    /// A server that is down for days must not fill the disk. What goes is recorded.
    async fn drop_excess(&mut self) -> Result<(), StoreError> {
        let personal = "DELETE FROM mails WHERE (user_id, topic) IN \
             (SELECT user_id, topic FROM (SELECT user_id, topic, row_number() OVER \
              (PARTITION BY user_id ORDER BY since DESC, topic) AS place \
              FROM mails WHERE count > 0) WHERE place > ?) RETURNING user_id";
        let all = "DELETE FROM mails WHERE count > 0 AND (user_id, topic) NOT IN \
             (SELECT user_id, topic FROM mails WHERE count > 0 \
              ORDER BY since DESC, user_id, topic LIMIT ?) RETURNING user_id";
        let mut dropped = BTreeMap::<i64, u64>::new();
        for (query, max) in [(personal, PERSONAL_MAX), (all, WAITING_MAX)] {
            let users: Vec<i64> = sqlx::query_scalar(query)
                .bind(max)
                .fetch_all(self.db())
                .await?;
            for user in users {
                *dropped.entry(user).or_default() += 1;
            }
        }
        for (user, count) in dropped {
            let name = accounts::user_in(self.db(), UserId(user)).await?.name;
            let why = "too many mails wait";
            let detail = serde_json::json!({ "user": name, "count": count, "why": why });
            let about = accounts::subject(&name);
            self.append(EventKind::MailDropped, &Actor::System, None, &about, detail)
                .await?;
        }
        Ok(())
    }
}

/// Who decided on a deployment or said something about it.
async fn took_part(
    db: &mut SqliteConnection,
    id: DeploymentId,
) -> Result<BTreeSet<UserId>, StoreError> {
    let users: Vec<i64> = sqlx::query_scalar(
        "SELECT DISTINCT json_extract(by, '$.user') FROM comments \
         WHERE deployment = ?1 AND json_extract(by, '$.user') IS NOT NULL \
         UNION SELECT DISTINCT json_extract(decision, '$.by.user') FROM decisions \
         WHERE deployment = ?1 AND json_extract(decision, '$.by.user') IS NOT NULL",
    )
    .bind(id.0)
    .fetch_all(db)
    .await?;
    Ok(users.into_iter().map(UserId).collect())
}
