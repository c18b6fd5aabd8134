//! Where people get mails, and which.

use model::{
    id::UserId,
    mail::{MailAddress, MailWishes},
    principal::Actor,
};
use serde_json::json;
use sqlx::SqliteConnection;

use super::{SELECT, User, read_user, user_in};
use crate::{Store, StoreError, json::canonical};

/// Everybody who has an address.
pub(crate) async fn with_mail(db: &mut SqliteConnection) -> Result<Vec<User>, StoreError> {
    let query = sqlx::AssertSqlSafe(format!("{SELECT} WHERE mail IS NOT NULL ORDER BY id"));
    let rows = sqlx::query(query).fetch_all(db).await?;
    rows.iter().map(read_user).collect()
}

impl Store {
    /// Says where a user gets mails (none: nowhere) and which. The record keeps both addresses: a
    /// changed one is how somebody else would come to read along.
    pub async fn set_mail(
        &self,
        user: UserId,
        address: Option<&MailAddress>,
        wishes: MailWishes,
        by: &Actor,
    ) -> Result<User, StoreError> {
        let mut change = self.begin().await?;
        let before = user_in(change.db(), user).await?;
        if before.mail.as_ref() == address && before.mail_wishes == wishes {
            return Ok(before);
        }
        sqlx::query("UPDATE users SET mail = ?, mail_wishes = ? WHERE id = ?")
            .bind(address.map(MailAddress::as_str))
            .bind(canonical(&wishes))
            .bind(user.0)
            .execute(change.db())
            .await?;
        // What waits for the old address is not for the new one.
        if before.mail.as_ref() != address {
            sqlx::query("DELETE FROM mails WHERE user_id = ?")
                .bind(user.0)
                .execute(change.db())
                .await?;
        }
        let detail = json!({ "before": before.mail, "after": address, "wishes": wishes });
        change.note_user_change(&before, "mail", detail, by).await?;
        let after = user_in(change.db(), user).await?;
        change.commit().await?;
        Ok(after)
    }
}
