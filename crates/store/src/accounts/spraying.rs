//! Spraying: a few passwords tried with many names from one network. Each account sees too little of
//! it to be slowed down, and one address of many too.

use std::net::IpAddr;

use model::{audit::EventKind, principal::Actor};
use serde_json::json;

use super::limits::Counted;
use crate::{StoreError, open::Change};

/// Different accounts from one network within [`WINDOW_SECONDS`] that are no mistyping any more.
const ACCOUNTS: i64 = 10;
/// One network is told of once within this.
const WINDOW_SECONDS: i64 = 3600;
/// Rows kept, at most eleven of one network; the oldest go first.
const ROWS_MAX: i64 = 10_000;

impl Change<'_> {
    /// Notes that a login failed; says so once when its network tried too many different accounts.
    /// Names nobody has count as well: who sprays has a list of names.
    pub(super) async fn note_target(
        &mut self,
        counted: &Counted,
        address: Option<IpAddr>,
    ) -> Result<(), StoreError> {
        let Some(wide) = &counted.wide else {
            return Ok(());
        };
        let now = self.now;
        sqlx::query("DELETE FROM login_targets WHERE at < ?")
            .bind(now.plus_seconds(-WINDOW_SECONDS).0)
            .execute(self.db())
            .await?;
        let told: Option<i64> =
            sqlx::query_scalar("SELECT 1 FROM login_targets WHERE network = ? AND account = ''")
                .bind(&wide.digest)
                .fetch_optional(self.db())
                .await?;
        // More rows would only be memory for whoever has a list.
        if told.is_some() {
            return Ok(());
        }
        self.keep_target(&wide.digest, &counted.account).await?;
        let accounts: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM login_targets WHERE network = ?")
                .bind(&wide.digest)
                .fetch_one(self.db())
                .await?;
        if accounts < ACCOUNTS {
            return Ok(());
        }
        self.keep_target(&wide.digest, "").await?;
        let what = format!(
            "failed logins for {ACCOUNTS} different names within an hour from {}",
            wide.block
        );
        let detail = json!({ "network": wide.block, "what": what });
        let by = Actor::Anonymous { address };
        self.append(EventKind::LoginSprayed, &by, None, "login", detail)
            .await
    }

    async fn keep_target(&mut self, network: &str, account: &str) -> Result<(), StoreError> {
        let now = self.now;
        sqlx::query(
            "DELETE FROM login_targets WHERE rowid IN (SELECT rowid FROM login_targets \
             ORDER BY at DESC LIMIT -1 OFFSET ?)",
        )
        .bind(ROWS_MAX - 1)
        .execute(self.db())
        .await?;
        sqlx::query(
            "INSERT INTO login_targets (network, account, at) VALUES (?, ?, ?) \
             ON CONFLICT (network, account) DO UPDATE SET at = excluded.at",
        )
        .bind(network)
        .bind(account)
        .bind(now.0)
        .execute(self.db())
        .await?;
        Ok(())
    }
}
