//! Nobody gives what they do not hold: pages and API ask here before somebody becomes something, or is
//! acted on in a way that would let another person be them.

use axum::http::StatusCode;
use deploy::Caller;
use model::{
    access::{Permission, Permissions, Role, may_grant, may_grant_all},
    id::UserId,
};

use crate::{App, problem::Problem};

fn lacking(what: &str, permission: Permission) -> Problem {
    let why = format!(
        "{what} holds `{permission}`, which you do not; ask somebody who does, or an administrator"
    );
    Problem::new(StatusCode::FORBIDDEN, "not-held", why)
}

/// The role of that name as it is now, if the caller may make somebody it.
pub(crate) async fn role(app: &App, caller: &Caller, role: Role) -> Result<Role, Problem> {
    // Known by name until here: what it permits is looked up, never taken from a request.
    let role = app.store.role(role).await?;
    may_grant(&caller.principal, role).map_err(|it| lacking(&format!("the role {role}"), it))?;
    Ok(role)
}

/// Whether the caller may make a role of these permissions.
pub(crate) fn permissions(caller: &Caller, wanted: Permissions) -> Result<(), Problem> {
    may_grant_all(&caller.principal, wanted).map_err(|it| lacking("this role", it))
}

/// Whether the caller may act on this user's account: reset it, or make a token of it.
pub(crate) async fn user(app: &App, caller: &Caller, user: UserId) -> Result<(), Problem> {
    let user = app.store.user(user).await?;
    may_grant(&caller.principal, user.role).map_err(|it| lacking(user.name.as_str(), it))
}

/// All roles there are: the built-in ones, then those made here.
pub(crate) async fn all(app: &App) -> Result<Vec<Role>, Problem> {
    let made = app.store.custom_roles().await?;
    let built_in = Role::ALL.into_iter();
    Ok(built_in.chain(made.into_iter().map(Role::Custom)).collect())
}
