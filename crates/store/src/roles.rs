//! Roles an administrator made. What one permits is looked up with whoever has it, so that a change
//! holds with the next request, and for live connections within a second.

use model::{
    access::{CustomRole, Permissions, Role, RoleName},
    audit::EventKind,
    principal::Actor,
};
use serde_json::json;
use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};

use crate::{
    Store, StoreError,
    json::{self, read_word},
    open::Change,
};

/// Roles there may be: people are to understand them.
const ROLES_MAX: i64 = 50;
/// Holders that are named when a role cannot be removed.
const NAMED_MAX: usize = 10;

/// The role of a row with `role` and `role_permissions`. One whose permissions are not there permits
/// nothing.
pub(crate) fn read_role(what: &str, row: &SqliteRow) -> Result<Role, StoreError> {
    let word: String = row.try_get("role")?;
    let role: Role = read_word(what, &word)?;
    let Role::Custom(custom) = role else {
        return Ok(role);
    };
    let kept: Option<String> = row.try_get("role_permissions")?;
    let permissions = kept.map(|text| json::read("role", &text)).transpose()?;
    Ok(Role::Custom(CustomRole {
        permissions: permissions.unwrap_or_default(),
        ..custom
    }))
}

async fn kept(
    db: &mut SqliteConnection,
    name: RoleName,
) -> Result<Option<Permissions>, StoreError> {
    let found: Option<String> = sqlx::query_scalar("SELECT permissions FROM roles WHERE name = ?")
        .bind(name.as_str())
        .fetch_optional(db)
        .await?;
    found.map(|text| json::read("role", &text)).transpose()
}

/// The role of this name, with what it permits now.
pub(crate) async fn find(db: &mut SqliteConnection, role: Role) -> Result<Role, StoreError> {
    let Role::Custom(custom) = role else {
        return Ok(role);
    };
    match kept(db, custom.name).await? {
        Some(permissions) => Ok(Role::Custom(CustomRole {
            permissions,
            ..custom
        })),
        None => Err(StoreError::NotFound(format!("role {role}"))),
    }
}

impl Store {
    /// The roles that were made here, by name.
    pub async fn custom_roles(&self) -> Result<Vec<CustomRole>, StoreError> {
        let rows = sqlx::query("SELECT name, permissions FROM roles ORDER BY name")
            .fetch_all(self.read())
            .await?;
        rows.iter()
            .map(|row| {
                let (name, permissions): (String, String) =
                    (row.try_get("name")?, row.try_get("permissions")?);
                Ok(CustomRole {
                    name: read_word("role", &name)?,
                    permissions: json::read("role", &permissions)?,
                })
            })
            .collect()
    }

    /// A role with what it permits now, known by its name; `NotFound` for one that was never made.
    pub async fn role(&self, role: Role) -> Result<Role, StoreError> {
        let mut db = self.read().acquire().await?;
        find(&mut db, role).await
    }

    /// Makes a role, or changes what it permits: for whoever has it, at once.
    pub async fn set_custom_role(
        &self,
        name: RoleName,
        permissions: Permissions,
        by: &Actor,
    ) -> Result<CustomRole, StoreError> {
        if Role::ALL.iter().any(|it| it.as_str() == name.as_str()) {
            let why = format!("{name} is a built-in role and stays as it is; take another name");
            return Err(StoreError::Conflict(why));
        }
        if permissions.is_empty() {
            let why = "a role needs at least one permission";
            return Err(StoreError::Conflict(why.to_owned()));
        }
        let mut change = self.begin().await?;
        let before = kept(change.db(), name).await?;
        if before == Some(permissions) {
            return Ok(CustomRole { name, permissions });
        }
        let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM roles")
            .fetch_one(change.db())
            .await?;
        if before.is_none() && count >= ROLES_MAX {
            let why = format!("there are {ROLES_MAX} roles; remove one first");
            return Err(StoreError::Conflict(why));
        }
        let now = change.now;
        sqlx::query(
            "INSERT INTO roles (name, permissions, at) VALUES (?, ?, ?) ON CONFLICT (name) \
             DO UPDATE SET permissions = excluded.permissions, at = excluded.at",
        )
        .bind(name.as_str())
        .bind(json::canonical(&permissions))
        .bind(now.0)
        .execute(change.db())
        .await?;
        let detail = json!({ "role": name, "before": before, "after": permissions });
        let about = format!("role {name}");
        change
            .append(EventKind::RoleChanged, by, None, &about, detail)
            .await?;
        change.revokes = true;
        change.commit().await?;
        Ok(CustomRole { name, permissions })
    }

    /// Removes a role nobody has, and no invitation gives.
    pub async fn remove_custom_role(&self, name: RoleName, by: &Actor) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        let before = kept(change.db(), name).await?;
        let before = before.ok_or_else(|| StoreError::NotFound(format!("role {name}")))?;
        change.refuse_used_role(name).await?;
        sqlx::query("DELETE FROM roles WHERE name = ?")
            .bind(name.as_str())
            .execute(change.db())
            .await?;
        let detail = json!({ "role": name, "before": before });
        let about = format!("role {name}");
        change
            .append(EventKind::RoleRemoved, by, None, &about, detail)
            .await?;
        change.revokes = true;
        change.commit().await
    }
}

impl Change<'_> {
    async fn refuse_used_role(&mut self, name: RoleName) -> Result<(), StoreError> {
        let holders: Vec<String> =
            sqlx::query_scalar("SELECT name FROM users WHERE role = ? ORDER BY folded")
                .bind(name.as_str())
                .fetch_all(self.db())
                .await?;
        if !holders.is_empty() {
            let more = holders.len().saturating_sub(NAMED_MAX);
            let named = holders.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>();
            let named = named.join(", ");
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            let why = format!("{named}{more} have the role {name}; give them another first");
            return Err(StoreError::Conflict(why));
        }
        let now = self.now;
        let invited: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM enrolments WHERE role = ? AND expires_at > ?")
                .bind(name.as_str())
                .bind(now.0)
                .fetch_one(self.db())
                .await?;
        if invited > 0 {
            let why = format!(
                "{invited} invitations that are still good make somebody {name}; wait until they \
                 were used or are over"
            );
            return Err(StoreError::Conflict(why));
        }
        Ok(())
    }
}
