//! The queue.

use askama::Template;
use axum::{
    extract::{Query, State},
    response::Html,
};
use model::access::Permission;

use super::view::Card;
use crate::{
    App,
    pages::{Asked, instance_id},
    problem::PageError,
    session::SignedIn,
    shell::{Shell, page as render},
};

const LISTED_MAX: u32 = 100;

#[derive(Template)]
#[template(path = "deployments/list.html")]
struct ListPage {
    shell: Shell,
    cards: Vec<Card>,
    /// Applied before review, and nobody has looked yet.
    emergencies: Vec<Card>,
    is_all: bool,
    instance: Option<String>,
}

/// `GET /deployments?instance=&show=all`.
pub(crate) async fn page(
    State(app): State<App>,
    by: SignedIn,
    Query(asked): Asked,
) -> Result<Html<String>, PageError> {
    by.caller.require(Permission::ReadQueue)?;
    let instance = instance_id(asked.get("instance").map(String::as_str))?;
    let is_all = asked.get("show").is_some_and(|show| show == "all");
    let shell = Shell::new(&app, &by, "queue", "Queue")
        .await?
        .on(instance.as_ref());
    let found = app
        .store
        .deployments(instance.as_ref(), !is_all, LISTED_MAX)
        .await?;
    let mut cards = Vec::with_capacity(found.len());
    for deployment in &found {
        cards.push(Card::new(&app, &by, &shell, deployment).await);
    }
    let mut emergencies = Vec::new();
    for deployment in app.store.emergencies_to_review().await? {
        if instance
            .as_ref()
            .is_none_or(|id| *id == deployment.instance)
        {
            emergencies.push(Card::new(&app, &by, &shell, &deployment).await);
        }
    }
    let instance = instance.map(|id| id.to_string());
    render(&ListPage {
        shell,
        cards,
        emergencies,
        is_all,
        instance,
    })
}
