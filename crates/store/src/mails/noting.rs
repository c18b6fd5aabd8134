//! Whom an entry of the record is told to, and the row it is noted in.

use super::*;

impl Change<'_> {
    pub(super) async fn set_mail_place(&mut self, sequence: i64) -> Result<(), StoreError> {
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
    pub(super) async fn note_entry(
        &mut self,
        entry: &Entry,
        every_seconds: i64,
    ) -> Result<usize, StoreError> {
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

    pub(super) async fn mail(
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
    pub(super) async fn drop_excess(&mut self) -> Result<(), StoreError> {
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
