//! Allowing a refused admin route of a node, or taking that back.

use axum::{extract::State, response::Redirect};
use model::{
    access::Permission,
    id::InstanceId,
    instance::{AllowedRoute, Instance},
};

use crate::{
    App,
    csrf::Posted,
    problem::{PageError, Problem},
};

/// Routes an instance may have allowed.
const ALLOWED_MAX: usize = 200;

/// `POST /settings/routes`: `instance`, `method`, `path`, `do` (`allow` or `forget`).
pub(crate) async fn submit(
    State(app): State<App>,
    Posted { by, fields }: Posted,
) -> Result<Redirect, PageError> {
    by.caller.require(Permission::Administer)?;
    let id: InstanceId = fields.get("instance").parse().map_err(Problem::from)?;
    let mut instance = app.store.instance(&id).await?;
    let route = AllowedRoute {
        method: fields.get("method").to_owned(),
        path: fields.get("path").to_owned(),
    };
    if fields.get("do") == "forget" {
        instance
            .policy
            .allowed_routes
            .retain(|known| *known != route);
    } else {
        allow(&mut instance, route)?;
    }
    app.store
        .set_policy(&id, &instance.policy, &by.caller.actor())
        .await?;
    Ok(Redirect::to(&format!(
        "/settings?instance={id}&done=route#routes"
    )))
}

/// Adds a route to an instance's policy.
pub(crate) fn allow(instance: &mut Instance, route: AllowedRoute) -> Result<(), Problem> {
    if !matches!(route.method.as_str(), "GET" | "POST" | "PUT" | "DELETE") {
        return Err(Problem::bad_form(
            "the method must be GET, POST, PUT or DELETE",
        ));
    }
    if !route.path.starts_with('/') || route.path.len() > 200 {
        return Err(Problem::bad_form(
            "the path must start with / and have 200 characters at most",
        ));
    }
    let allowed = &mut instance.policy.allowed_routes;
    if allowed.len() >= ALLOWED_MAX {
        return Err(Problem::bad_form(
            "too many routes are allowed already; forget some",
        ));
    }
    if !allowed.contains(&route) {
        allowed.push(route);
    }
    Ok(())
}
