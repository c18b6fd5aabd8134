//! What browsers were told about HTTPS, across restarts.

use model::{clock::Timestamp, hsts::Kept};
use sqlx::Row as _;

use crate::{Store, StoreError};

impl Store {
    /// What is kept; nothing was said where there is none.
    pub async fn hsts(&self) -> Result<Kept, StoreError> {
        let mut db = self.read().acquire().await?;
        let query = "SELECT good_since, was_promised FROM hsts WHERE id = 1";
        let Some(row) = sqlx::query(query).fetch_optional(&mut *db).await? else {
            return Ok(Kept::default());
        };
        let good_since: Option<i64> = row.try_get("good_since")?;
        let was_promised: i64 = row.try_get("was_promised")?;
        Ok(Kept {
            good_since: good_since.map(Timestamp),
            was_promised: was_promised != 0,
        })
    }

    /// Keeps it.
    pub async fn keep_hsts(&self, kept: Kept) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        let query = "INSERT INTO hsts (id, good_since, was_promised) VALUES (1, ?, ?) \
                     ON CONFLICT (id) DO UPDATE SET good_since = excluded.good_since, \
                     was_promised = excluded.was_promised";
        sqlx::query(query)
            .bind(kept.good_since.map(|at| at.0))
            .bind(i64::from(kept.was_promised))
            .execute(change.db())
            .await?;
        change.commit().await
    }
}
