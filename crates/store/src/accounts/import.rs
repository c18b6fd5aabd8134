//! Accounts brought along from a Node-RED's `adminAuth`: their bcrypt hashes stay good until the first
//! right password, which is then hashed as all others are.

use model::{access::Role, id::UserName, principal::Actor};
use serde_json::json;

use super::{NewUser, User, user_in};
use crate::{Secret, Store, StoreError, open::Change};

/// The costs (log2 of rounds) that are taken: less is guessed soon, more would hold up every login.
const COSTS: std::ops::RangeInclusive<u32> = 8..=12;

/// A bcrypt hash as `node-red admin hash-pw` makes it: `$2b$08$…`, `$2a$` and `$2y$` too.
#[derive(Clone)]
pub struct ImportedHash(String);

impl std::fmt::Debug for ImportedHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ImportedHash(…)")
    }
}

impl std::str::FromStr for ImportedHash {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let refuse = |why: &str| Err(StoreError::Conflict(why.to_owned()));
        let Some(cost) = cost_of(text) else {
            return refuse("the password is no bcrypt hash as `node-red admin hash-pw` makes it");
        };
        if !COSTS.contains(&cost) {
            return refuse(
                "the bcrypt hash costs less than 8 rounds or more than 12; invite them instead",
            );
        }
        Ok(Self(text.to_owned()))
    }
}

/// The cost of a bcrypt hash; none: it is none.
pub(super) fn cost_of(stored: &str) -> Option<u32> {
    let rest = ["$2a$", "$2b$", "$2y$"]
        .iter()
        .find_map(|it| stored.strip_prefix(it))?;
    let (cost, rest) = rest.split_once('$')?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '/';
    let is_hash = cost.len() == 2 && rest.len() == 53 && rest.chars().all(is_plain);
    cost.parse().ok().filter(|_| is_hash)
}

impl Store {
    /// Adds a user with a hash they bring along.
    pub async fn import_user(
        &self,
        name: UserName,
        role: Role,
        hash: &ImportedHash,
        by: &Actor,
    ) -> Result<User, StoreError> {
        let mut change = self.begin().await?;
        let new = NewUser {
            name,
            role,
            password: Secret::new(Vec::new()),
            second_factor: None,
            passkey: None,
        };
        let (user, _) = change.insert_user(&new, role, &hash.0, by).await?;
        let detail = json!({ "from": "adminAuth" });
        change
            .note_user_change(&user, "imported", detail, by)
            .await?;
        change.commit().await?;
        Ok(user)
    }

    /// The costs of the hashes that were brought along and are still there, each once: every login
    /// does the work of all of them, so that its time tells nothing.
    pub(super) async fn imported_costs(&self) -> Result<Vec<u32>, StoreError> {
        let hashes: Vec<String> = sqlx::query_scalar(
            "SELECT DISTINCT substr(password, 1, 7) FROM users WHERE password LIKE '$2%'",
        )
        .fetch_all(self.read())
        .await?;
        let costs = hashes.iter().filter_map(|it| it.get(4..6)?.parse().ok());
        let mut costs: Vec<u32> = costs.filter(|it| COSTS.contains(it)).collect();
        costs.sort_unstable();
        costs.dedup();
        Ok(costs)
    }
}

impl Change<'_> {
    /// A right password under a hash that was brought along: from now on under ours. One that would
    /// not be taken as a new one stays good for this once, and another is asked for.
    pub(super) async fn replace_imported(
        &mut self,
        user: &User,
        stored: &str,
        fresh: &str,
        is_good: bool,
    ) -> Result<User, StoreError> {
        sqlx::query("UPDATE users SET password = ?, must_change = ? WHERE id = ? AND password = ?")
            .bind(fresh)
            .bind(i64::from(!is_good))
            .bind(user.id.0)
            .bind(stored)
            .execute(self.db())
            .await?;
        user_in(self.db(), user.id).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bcrypt_hashes_of_a_bearable_cost_are_taken() {
        let hash = |cost: &str| format!("$2b${cost}${}", "a".repeat(53));
        assert!(hash("08").parse::<ImportedHash>().is_ok());
        assert!(
            hash("12")
                .replace("2b", "2y")
                .parse::<ImportedHash>()
                .is_ok()
        );
        for bad in [
            hash("04"),
            hash("31"),
            hash("8"),
            "plain".to_owned(),
            hash("08") + "x",
        ] {
            assert!(bad.parse::<ImportedHash>().is_err(), "{bad}");
        }
        assert!(!format!("{:?}", hash("08").parse::<ImportedHash>().unwrap()).contains("aaa"));
    }
}
