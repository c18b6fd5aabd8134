//! Reading the whole record again, believing nothing.

use model::{
    audit::{Event, link},
    clock::Timestamp,
    id::{Hash, InstanceId},
};
use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};

use super::{AuditProblem, Head, SignedHead, user_of};
use crate::{Store, StoreError};

/// Rows read at a time.
const PAGE: i64 = 1000;
/// Problems listed; a forger could make more places empty than memory holds.
const PROBLEMS_MAX: usize = 1000;

/// How far the reading has come.
struct Reader {
    /// The last place read, and the link that stands there.
    last: Head,
    /// How many entries there are.
    count: i64,
    /// Heads not yet passed, by place.
    heads: Vec<SignedHead>,
    problems: Vec<AuditProblem>,
}

impl Reader {
    fn tell(&mut self, problem: AuditProblem) {
        if self.problems.len() < PROBLEMS_MAX && !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    fn entry(&mut self, row: &SqliteRow) -> Result<(), StoreError> {
        let sequence: i64 = row.try_get("sequence")?;
        self.count += 1;
        if sequence <= self.last.sequence {
            // Only places before the first one: rows come in order, and places are unique.
            self.tell(AuditProblem::Reordered { sequence });
            return Ok(());
        }
        let is_next = sequence == self.last.sequence + 1;
        for missing in (self.last.sequence + 1..sequence).take(PROBLEMS_MAX) {
            self.tell(AuditProblem::Removed { sequence: missing });
        }
        let (previous, stored): (String, String) = (row.try_get("previous")?, row.try_get("link")?);
        let (previous, stored) = (previous.parse::<Hash>(), stored.parse::<Hash>());
        let (Ok(previous), Ok(stored)) = (previous, stored) else {
            self.tell(AuditProblem::Edited { sequence });
            self.last.sequence = sequence;
            return Ok(());
        };
        if is_next && previous != self.last.link {
            self.tell(AuditProblem::Reordered { sequence });
        } else if !text_agrees(row, sequence, previous, stored)? {
            self.tell(AuditProblem::Edited { sequence });
        }
        self.last = Head {
            sequence,
            link: stored,
        };
        self.pass_heads();
        Ok(())
    }

    /// A chain made anew by somebody without the key agrees with itself, but not with the heads.
    fn pass_heads(&mut self) {
        let Head { sequence, link } = self.last;
        let here = self
            .heads
            .iter()
            .find(|signed| signed.head.sequence == sequence);
        if here.is_some_and(|signed| signed.head.link != link) {
            self.tell(AuditProblem::Reordered { sequence });
        }
    }

    fn finish(&mut self, keyring: &crate::Keyring) {
        for signed in std::mem::take(&mut self.heads) {
            let sequence = signed.head.sequence;
            if !signed.is_ours(keyring) {
                self.tell(AuditProblem::BadSignature { sequence });
            } else if sequence > self.last.sequence {
                let last = self.last.sequence;
                self.tell(AuditProblem::CutOff {
                    last,
                    expected: sequence,
                });
            }
        }
    }
}

/// Whether a row's text gives its link, and the columns that are searched say what the text says.
fn text_agrees(
    row: &SqliteRow,
    sequence: i64,
    previous: Hash,
    stored: Hash,
) -> Result<bool, StoreError> {
    let text: String = row.try_get("text")?;
    if link(sequence, &previous, &text) != stored {
        return Ok(false);
    }
    let Ok(event) = serde_json::from_str::<Event>(&text) else {
        return Ok(false);
    };
    let at: i64 = row.try_get("at")?;
    let kind: String = row.try_get("kind")?;
    let instance: Option<String> = row.try_get("instance")?;
    let user: Option<String> = row.try_get("user_name")?;
    Ok(event.at == Timestamp(at)
        && event.kind.word() == kind
        && event.instance.as_ref().map(InstanceId::as_str) == instance.as_deref()
        && user_of(&event) == user)
}

async fn signed_heads(db: &mut SqliteConnection) -> Result<Vec<SignedHead>, StoreError> {
    let rows =
        sqlx::query("SELECT sequence, link, at, signature FROM audit_heads ORDER BY sequence")
            .fetch_all(db)
            .await?;
    let read = |row: &SqliteRow| {
        let link: String = row.try_get("link")?;
        // A link that is none can't be the signed one: the signature will be found wrong.
        let link = link.parse().unwrap_or(Hash::from_bytes([0; 32]));
        let head = Head {
            sequence: row.try_get("sequence")?,
            link,
        };
        let at = Timestamp(row.try_get("at")?);
        Ok(SignedHead {
            head,
            at,
            signature: row.try_get("signature")?,
        })
    };
    rows.iter().map(read).collect()
}

impl Store {
    /// Reads the whole record and checks links, places and signed heads, the one outside the
    /// database too. Returns how many entries there are, and what is wrong (nothing: empty; at
    /// most 1,000 problems are listed).
    pub async fn verify_audit(&self) -> Result<(i64, Vec<AuditProblem>), StoreError> {
        // Before the database: it is written after a commit, so what it names must be there.
        let anchor = self.inner.anchor.read();
        let mut transaction = self.read().begin().await?;
        let mut heads = signed_heads(&mut transaction).await?;
        let newest_head = heads.last().map_or(0, |signed| signed.head.sequence);
        heads.extend(anchor);
        let last = Head {
            sequence: 0,
            link: Hash::from_bytes([0; 32]),
        };
        let mut reader = Reader {
            last,
            count: 0,
            heads,
            problems: Vec::new(),
        };
        let mut after = i64::MIN;
        loop {
            let rows = sqlx::query(
                "SELECT sequence, at, kind, instance, user_name, text, previous, link FROM audit \
                 WHERE sequence > ? ORDER BY sequence LIMIT ?",
            )
            .bind(after)
            .bind(PAGE)
            .fetch_all(&mut *transaction)
            .await?;
            let Some(row) = rows.last() else { break };
            after = row.try_get("sequence")?;
            for row in &rows {
                reader.entry(row)?;
            }
        }
        if reader.last.sequence > newest_head {
            // Every change signs its last entry: this one was not written by us.
            reader.tell(AuditProblem::BadSignature {
                sequence: reader.last.sequence,
            });
        }
        reader.finish(&self.keyring);
        Ok((reader.count, reader.problems))
    }
}
