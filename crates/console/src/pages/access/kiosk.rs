//! Wall displays: made as a one-time link, revoked.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use model::{
    access::Permission,
    id::{InstanceId, KioskId},
};
use store::{Kiosk, NewKiosk, StoreError};

use super::show::{KioskForm, build};
use crate::{
    App,
    csrf::{Fields, Posted},
    pages::account::token::{known_networks, networks},
    problem::{PageError, Problem},
    qr,
    session::SignedIn,
    shell::{Shell, page as render},
    wording::{Moment, name_of, sentence},
};

/// The link, this once.
#[derive(Template)]
#[template(path = "access/kiosk.html")]
struct LinkPage {
    shell: Shell,
    name: String,
    link: String,
    until: Moment,
    qr: qr::Qr,
}

/// The link of a wall display: an address of its instance's gate.
pub(crate) fn link_of(app: &App, kiosk: &Kiosk, secret: &str) -> Result<String, Problem> {
    let origin = app.addresses.gate(&kiosk.instance);
    let origin = origin.ok_or_else(|| {
        let why = format!("{} has no gate while Redkeep does not run", kiosk.instance);
        Problem::new(StatusCode::CONFLICT, "not-running", why)
    })?;
    Ok(format!("{origin}/.redkeep/kiosk?code={secret}"))
}

/// `POST /access/kiosks`: `name`, `instance`, `path`, `networks`, `days`.
pub(crate) async fn submit(
    State(app): State<App>,
    Posted { by, fields }: Posted,
) -> Result<Response, PageError> {
    by.caller.require(Permission::Administer)?;
    let new = match read(&app, &fields).await {
        Ok(new) => new,
        Err(problem) => return again(&app, &by, &fields, &problem.message).await,
    };
    let (user, actor) = (by.caller.principal.user, by.caller.actor());
    let (kiosk, secret) = match app.store.make_kiosk(user, new, &actor).await {
        Ok(made) => made,
        Err(StoreError::Conflict(why)) => return again(&app, &by, &fields, &why).await,
        Err(error) => return Err(error.into()),
    };
    let link = link_of(&app, &kiosk, &secret)?;
    let shell = Shell::new(&app, &by, "access", "Wall display").await?;
    let page = LinkPage {
        name: name_of(&kiosk.name),
        until: shell.moment(kiosk.link_until.unwrap_or(kiosk.made_at)),
        qr: qr::draw(&link).ok_or_else(|| Problem::bad_form("this link is too long"))?,
        link,
        shell,
    };
    Ok(render(&page)?.into_response())
}

async fn read(app: &App, fields: &Fields) -> Result<NewKiosk, Problem> {
    let instance: InstanceId = fields.get("instance").parse()?;
    if app.addresses.gate(&instance).is_none() {
        return Err(Problem::not_found("such instance"));
    }
    let networks = networks(fields.get("networks"))?;
    known_networks(app, &networks).await?;
    let days: i64 = fields
        .get("days")
        .parse()
        .map_err(|_| Problem::bad_form("say for how many days"))?;
    Ok(NewKiosk {
        name: fields.get("name").to_owned(),
        instance,
        networks,
        path: fields.get("path").to_owned(),
        life_seconds: days.saturating_mul(86_400),
    })
}

async fn again(
    app: &App,
    by: &SignedIn,
    fields: &Fields,
    why: &str,
) -> Result<Response, PageError> {
    let mut page = build(app, by).await?;
    let typed = |name: &str| fields.get(name).chars().take(2_000).collect();
    page.kiosk = KioskForm {
        name: typed("name"),
        instance: typed("instance"),
        path: typed("path"),
        networks: typed("networks"),
        days: fields.get("days").parse().unwrap_or(30),
        error: Some(sentence(why)),
    };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response())
}

/// `POST /access/kiosks/{id}/revoke`.
pub(crate) async fn revoke(
    State(app): State<App>,
    Path(id): Path<i64>,
    Posted { by, .. }: Posted,
) -> Result<Redirect, PageError> {
    by.caller.require(Permission::Administer)?;
    let actor = by.caller.actor();
    app.store.revoke_kiosk(KioskId(id), &actor).await?;
    Ok(Redirect::to("/access?done=revoked"))
}
