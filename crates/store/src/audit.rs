//! The audit record: append-only, hash-chained, its head signed.

mod verify;

use model::{
    audit::{Entry, Event, EventKind, link},
    clock::Timestamp,
    id::{Hash, InstanceId},
    principal::Actor,
};
use serde_json::Value;
use sqlx::{QueryBuilder, Row as _, Sqlite, sqlite::SqliteRow};

use crate::{Keyring, Signing, Store, StoreError, json, open::Change};

/// What the record's signing key is for.
const PURPOSE: Signing = Signing::Audit;
/// Every so many entries a signed head is kept for good; else only the newest is.
const MILESTONE: i64 = 1000;
/// Entries listed when the filter names no limit, and at most.
const LIMIT_DEFAULT: u32 = 100;
const LIMIT_MAX: u32 = 10_000;

/// Which entries to list.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Only of this kind.
    pub kind: Option<EventKind>,
    /// Only of this instance.
    pub instance: Option<InstanceId>,
    /// Only of this user name.
    pub user: Option<String>,
    /// Only from then on.
    pub since: Option<Timestamp>,
    /// Only entries before this place (for paging backwards).
    pub before: Option<i64>,
    /// At most so many (0: 100; never more than 10,000).
    pub limit: u32,
}

/// What is wrong with the record, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "problem")]
pub enum AuditProblem {
    /// An entry's text no longer gives its link, or what is searched for differs from its text.
    #[error("entry {sequence} was edited")]
    Edited {
        /// Its place.
        sequence: i64,
    },
    /// A place is empty.
    #[error("entry {sequence} was removed")]
    Removed {
        /// The place.
        sequence: i64,
    },
    /// An entry does not follow the one before it.
    #[error("entry {sequence} does not follow the entry before it: reordered or replaced")]
    Reordered {
        /// Its place.
        sequence: i64,
    },
    /// The signed head names more entries than there are.
    #[error("the record was cut off after entry {last}; the signed head names {expected} entries")]
    CutOff {
        /// The last entry there is.
        last: i64,
        /// The last entry there was.
        expected: i64,
    },
    /// A head's signature is not ours, or the last entry has no signed head.
    #[error("the signature of the head at entry {sequence} is wrong")]
    BadSignature {
        /// The entry it should vouch for.
        sequence: i64,
    },
}

/// The newest place and its link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) sequence: i64,
    pub(crate) link: Hash,
}

/// A head somebody with the installation's key vouched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignedHead {
    pub(crate) head: Head,
    pub(crate) at: Timestamp,
    pub(crate) signature: Vec<u8>,
}

impl SignedHead {
    fn message(head: Head, at: Timestamp) -> String {
        let Head { sequence, link } = head;
        format!(
            "redkeep-audit-head-1\nsequence {sequence}\nlink {link}\nat {}\n",
            at.0
        )
    }

    pub(crate) fn sign(keyring: &Keyring, head: Head, at: Timestamp) -> Result<Self, StoreError> {
        let signature = keyring
            .sign(PURPOSE, Self::message(head, at).as_bytes())?
            .to_vec();
        Ok(Self {
            head,
            at,
            signature,
        })
    }

    pub(crate) fn is_ours(&self, keyring: &Keyring) -> bool {
        let message = Self::message(self.head, self.at);
        keyring.is_signed(PURPOSE, message.as_bytes(), &self.signature)
    }
}

/// The user name an entry is found by: who acted, or whom it is about.
fn user_of(event: &Event) -> Option<String> {
    match &event.actor {
        Actor::Principal { name, .. } => Some(name.to_string()),
        _ => event
            .detail
            .get("user")
            .and_then(Value::as_str)
            .map(str::to_owned),
    }
}

impl Change<'_> {
    /// Writes an audit row for what this change does.
    pub(crate) async fn append(
        &mut self,
        kind: EventKind,
        actor: &Actor,
        instance: Option<&InstanceId>,
        subject: &str,
        detail: Value,
    ) -> Result<(), StoreError> {
        let event = Event {
            at: self.now,
            kind,
            actor: actor.clone(),
            instance: instance.cloned(),
            subject: subject.to_owned(),
            detail,
        };
        let before = self.newest().await?;
        let sequence = before.sequence + 1;
        let text = json::canonical(&event);
        let link = link(sequence, &before.link, &text);
        sqlx::query(
            "INSERT INTO audit (sequence, at, kind, instance, user_name, text, previous, link) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(sequence)
        .bind(event.at.0)
        .bind(kind.word())
        .bind(instance.map(InstanceId::as_str))
        .bind(user_of(&event))
        .bind(text)
        .bind(before.link.to_string())
        .bind(link.to_string())
        .execute(self.db())
        .await?;
        self.is_milestone |= sequence % MILESTONE == 0;
        self.head = Some(Head { sequence, link });
        Ok(())
    }

    /// Where the record goes on. Where a signed head names more entries than there are, it goes on
    /// behind that: the gap stays for everyone to see.
    async fn newest(&mut self) -> Result<Head, StoreError> {
        if let Some(head) = self.head {
            return Ok(head);
        }
        let row = sqlx::query(
            "SELECT sequence, link FROM (SELECT sequence, link FROM audit \
             UNION ALL SELECT sequence, link FROM audit_heads) AS places \
             ORDER BY sequence DESC LIMIT 1",
        )
        .fetch_optional(self.db())
        .await?;
        match row {
            Some(row) => read_head(&row),
            None => Ok(Head {
                sequence: 0,
                link: Hash::from_bytes([0; 32]),
            }),
        }
    }

    /// Signs the newest entry of this change, if it has any.
    pub(crate) async fn sign_head(&mut self) -> Result<Option<SignedHead>, StoreError> {
        let Some(head) = self.head else {
            return Ok(None);
        };
        let signed = SignedHead::sign(&self.store.keyring, head, self.now)?;
        sqlx::query("DELETE FROM audit_heads WHERE kept = 0 AND sequence < ?")
            .bind(head.sequence)
            .execute(self.db())
            .await?;
        let is_kept = i64::from(self.is_milestone);
        sqlx::query(
            "INSERT INTO audit_heads (sequence, link, at, signature, kept) VALUES (?, ?, ?, ?, ?)",
        )
        .bind(head.sequence)
        .bind(head.link.to_string())
        .bind(signed.at.0)
        .bind(signed.signature.clone())
        .bind(is_kept)
        .execute(self.db())
        .await?;
        Ok(Some(signed))
    }
}

fn read_head(row: &SqliteRow) -> Result<Head, StoreError> {
    let link: String = row.try_get("link")?;
    let link = link
        .parse()
        .map_err(|error| StoreError::damaged("audit record", error))?;
    Ok(Head {
        sequence: row.try_get("sequence")?,
        link,
    })
}

pub(crate) fn read_entry(row: &SqliteRow) -> Result<Entry, StoreError> {
    let text: String = row.try_get("text")?;
    let previous: String = row.try_get("previous")?;
    let head = read_head(row)?;
    Ok(Entry {
        sequence: head.sequence,
        event: json::read("audit entry", &text)?,
        previous: previous
            .parse()
            .map_err(|error| StoreError::damaged("audit record", error))?,
        link: head.link,
    })
}

impl Store {
    /// Writes an event that stands alone. Those that belong to a change are written by the method
    /// that makes the change, in its transaction.
    pub async fn record(
        &self,
        kind: EventKind,
        actor: &Actor,
        instance: Option<&InstanceId>,
        subject: &str,
        detail: Value,
    ) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        change
            .append(kind, actor, instance, subject, detail)
            .await?;
        change.commit().await
    }

    /// Tells whenever something was recorded. Carries no data: look up what you need.
    pub fn record_changes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.inner.recorded.subscribe()
    }

    /// Entries, newest first.
    pub async fn audit(&self, filter: &AuditFilter) -> Result<Vec<Entry>, StoreError> {
        let limit = if filter.limit == 0 {
            LIMIT_DEFAULT
        } else {
            filter.limit.min(LIMIT_MAX)
        };
        let mut query = QueryBuilder::<Sqlite>::new(
            "SELECT sequence, text, previous, link FROM audit WHERE sequence > 0",
        );
        if let Some(kind) = filter.kind {
            query.push(" AND kind = ").push_bind(kind.word());
        }
        if let Some(instance) = &filter.instance {
            query
                .push(" AND instance = ")
                .push_bind(instance.as_str().to_owned());
        }
        if let Some(user) = &filter.user {
            query.push(" AND user_name = ").push_bind(user.clone());
        }
        if let Some(since) = filter.since {
            query.push(" AND at >= ").push_bind(since.0);
        }
        if let Some(before) = filter.before {
            query.push(" AND sequence < ").push_bind(before);
        }
        query
            .push(" ORDER BY sequence DESC LIMIT ")
            .push_bind(i64::from(limit));
        let rows = query.build().fetch_all(self.read()).await?;
        rows.iter().map(read_entry).collect()
    }
}
