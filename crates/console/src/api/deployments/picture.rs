//! The picture of a deployment, as a file for a ticket or a mail.

use std::collections::HashMap;

use axum::{
    extract::{Path, Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{
    App,
    frame::{Look, view},
    pages::deployment_id,
    picture::{self, Place, Raster, Scheme, in_turn},
    problem::{ApiError, Problem},
    session::Authenticated,
};

/// `GET /deployments/{id}/picture.svg?tab=&mode=&zoom=&at=`.
pub(in crate::api) async fn svg(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    Query(asked): Query<HashMap<String, String>>,
) -> Result<Response, ApiError> {
    let review = app.deployments.review(&caller, deployment_id(&id)?).await?;
    let look = Look::asked(&asked);
    let desk = app.deployments.desk();
    let drawn = desk.work(move || view(&review, &look, &[], picture::file));
    let drawn = drawn.await?.ok_or_else(no_tab)?;
    // A file for a ticket or a mail: its style is in it, which this origin's pages may not have.
    Ok(file(&id, "svg", "image/svg+xml", drawn))
}

/// `GET /deployments/{id}/picture.png?tab=&mode=&zoom=&at=&scale=&width=&scheme=`.
pub(in crate::api) async fn png(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    Query(asked): Query<HashMap<String, String>>,
) -> Result<Response, ApiError> {
    let raster = raster(&asked)?;
    let look = Look::asked(&asked);
    let number = deployment_id(&id)?;
    let review = app.deployments.review(&caller, number).await?;
    let place = Place::take(caller.principal.user).ok_or_else(too_many)?;
    let drawing = in_turn(move || {
        let _place = place;
        view(&review, &look, &[], |view| picture::png(view, &raster))
    });
    let drawn = drawing.await.ok_or_else(|| not_drawn(&"it broke off"))?;
    let drawn = drawn.ok_or_else(no_tab)?;
    let drawn = drawn.map_err(|error| not_drawn(&error))?;
    Ok(file(&id, "png", "image/png", drawn))
}

fn raster(asked: &HashMap<String, String>) -> Result<Raster, Problem> {
    let mut raster = Raster::default();
    if let Some(scale) = asked.get("scale") {
        let scale = scale.parse().ok();
        let scale = scale.filter(|it| (0.1..=4.0).contains(it));
        let why = "scale is a number from 0.1 to 4";
        raster.scale = scale.ok_or_else(|| Problem::bad_form(why))?;
    }
    if let Some(width) = asked.get("width") {
        let width = width.parse().ok().filter(|it| *it > 0);
        let why = "width is a number of pixels";
        raster.width_max = Some(width.ok_or_else(|| Problem::bad_form(why))?);
    }
    if let Some(scheme) = asked.get("scheme") {
        let scheme = Scheme::named(scheme);
        raster.scheme = scheme.ok_or_else(|| Problem::bad_form("scheme is light or dark"))?;
    }
    Ok(raster)
}

fn file(id: &str, ending: &str, kind: &str, bytes: impl IntoResponse) -> Response {
    // The number was read: nothing else is in it.
    let name = format!("attachment; filename=\"deployment-{id}.{ending}\"");
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    (headers, bytes).into_response()
}

fn no_tab() -> Problem {
    Problem::not_found("picture: no such tab changes")
}

fn too_many() -> Problem {
    let why = "many pictures are being drawn; try again in a few seconds";
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many", why)
}

fn not_drawn(error: &dyn std::fmt::Display) -> Problem {
    tracing::error!(%error, "a picture could not be drawn");
    let why = "the picture could not be drawn; Redkeep's log says why";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", why)
}
