//! Roles: what each permits, and those made here.

use std::collections::BTreeMap;

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use model::access::{Permission, Permissions, Role, RoleName, UnknownWord};
use store::StoreError;

use crate::{
    App,
    csrf::Posted,
    grants,
    pages::Asked,
    problem::{PageError, Problem},
    session::SignedIn,
    shell::{Shell, page as render},
    wording::sentence,
};

#[derive(Template)]
#[template(path = "access/roles.html")]
struct RolesPage {
    shell: Shell,
    roles: Vec<RoleLine>,
    form: Form,
    error: Option<String>,
}

struct RoleLine {
    name: String,
    permissions: Vec<Permission>,
    people: usize,
    is_custom: bool,
}

/// The form: a new role, or the one that is changed.
#[derive(Default)]
struct Form {
    name: String,
    is_new: bool,
    /// Each permission, whether it is chosen, and whether who looks may give it.
    choices: Vec<(Permission, bool, bool)>,
}

impl Form {
    fn new(by: &SignedIn, name: &str, is_new: bool, chosen: Permissions) -> Self {
        let all = Permission::ALL.into_iter();
        Self {
            name: name.to_owned(),
            is_new,
            choices: all
                .map(|it| (it, chosen.contains(it), by.may(it)))
                .collect(),
        }
    }
}

/// `GET /access/roles?role=`.
pub(crate) async fn page(
    State(app): State<App>,
    by: SignedIn,
    Query(asked): Asked,
) -> Result<Response, PageError> {
    let wanted = asked.get("role").and_then(|it| it.parse::<Role>().ok());
    let made = app.store.custom_roles().await?;
    let changed = made
        .iter()
        .find(|it| wanted.is_some_and(|wanted| wanted.is(&Role::Custom(**it))));
    let form = match changed {
        Some(role) => Form::new(&by, role.name.as_str(), false, role.permissions),
        None => Form::new(&by, "", true, Permissions::default()),
    };
    let mut page = build(&app, &by, form, None).await?;
    page.shell = page
        .shell
        .with_notice(match asked.get("done").map(String::as_str) {
            Some("set") => {
                Some("The role is as you said, for whoever has it, from this moment on.")
            }
            Some("removed") => Some("The role was removed."),
            _ => None,
        });
    Ok(render(&page)?.into_response())
}

async fn build(
    app: &App,
    by: &SignedIn,
    form: Form,
    error: Option<String>,
) -> Result<RolesPage, PageError> {
    by.caller.require(Permission::Administer)?;
    let mut people = BTreeMap::<String, usize>::new();
    for user in app.store.users().await? {
        *people.entry(user.role.to_string()).or_default() += 1;
    }
    let roles = grants::all(app).await?.into_iter().map(|role| RoleLine {
        name: role.to_string(),
        permissions: role.permissions().iter().collect(),
        people: people.get(role.as_str()).copied().unwrap_or_default(),
        is_custom: matches!(role, Role::Custom(_)),
    });
    Ok(RolesPage {
        roles: roles.collect(),
        shell: Shell::new(app, by, "access", "Roles").await?,
        form,
        error,
    })
}

/// `POST /access/roles`: `name`, `permission` (several), `new` where it must not be there yet.
pub(crate) async fn submit(
    State(app): State<App>,
    Posted { by, fields }: Posted,
) -> Result<Response, PageError> {
    by.caller.require(Permission::Administer)?;
    let is_new = fields.get("new") == "yes";
    let text = fields.get("name");
    let chosen: Result<Permissions, UnknownWord> =
        fields.all("permission").map(str::parse).collect();
    let chosen = chosen.map_err(|error| Problem::bad_form(error.to_string()))?;
    let set = set(&app, &by, text, chosen, is_new).await;
    match set {
        Ok(()) => Ok(Redirect::to("/access/roles?done=set").into_response()),
        Err(problem) if problem.status.is_client_error() => {
            let name: String = text.chars().take(64).collect();
            let form = Form::new(&by, &name, is_new, chosen);
            let why = sentence(&problem.message);
            let page = build(&app, &by, form, Some(why)).await?;
            Ok((problem.status, render(&page)?).into_response())
        }
        Err(problem) => Err(problem.into()),
    }
}

async fn set(
    app: &App,
    by: &SignedIn,
    name: &str,
    chosen: Permissions,
    is_new: bool,
) -> Result<(), Problem> {
    let name: RoleName = name.parse().map_err(|_| {
        Problem::bad_form("a role's name is 1 to 32 of a-z, 0-9 and -, starting with a letter")
    })?;
    let made = app.store.custom_roles().await?;
    if is_new && made.iter().any(|it| it.name == name) {
        let why = format!("there is a role {name} already; change it below, or take another name");
        return Err(Problem::new(StatusCode::CONFLICT, "exists", why));
    }
    grants::permissions(&by.caller, chosen)?;
    let actor = by.caller.actor();
    app.store.set_custom_role(name, chosen, &actor).await?;
    Ok(())
}

/// `POST /access/roles/{name}/remove`.
pub(crate) async fn remove(
    State(app): State<App>,
    Path(name): Path<String>,
    Posted { by, .. }: Posted,
) -> Result<Response, PageError> {
    by.caller.require(Permission::Administer)?;
    let name: RoleName = name.parse().map_err(|_| Problem::not_found("such role"))?;
    match app.store.remove_custom_role(name, &by.caller.actor()).await {
        Ok(()) => Ok(Redirect::to("/access/roles?done=removed").into_response()),
        Err(error @ StoreError::Conflict(_)) => {
            let form = Form::new(&by, "", true, Permissions::default());
            let why = sentence(&error.to_string());
            let page = build(&app, &by, form, Some(why)).await?;
            Ok((StatusCode::CONFLICT, render(&page)?).into_response())
        }
        Err(error) => Err(error.into()),
    }
}
