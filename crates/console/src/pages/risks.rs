//! Accepted risks: who answers for what, until when.

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    response::{Html, Redirect},
};
use model::risk::Risk;

use crate::{
    App,
    csrf::Posted,
    pages::{Asked, instance_id},
    problem::PageError,
    session::SignedIn,
    shell::{Shell, page as render},
    wording::{Moment, Pill, Who, name_of, shown},
};

/// Risks listed at most.
const LISTED_MAX: usize = 500;

#[derive(Template)]
#[template(path = "risks.html")]
struct RisksPage {
    shell: Shell,
    risks: Vec<Line>,
}

struct Line {
    id: i64,
    instance: String,
    rule: String,
    message: String,
    label: String,
    owner: String,
    reason: String,
    by: String,
    until: Moment,
    pill: Pill,
    holds: bool,
}

impl Line {
    fn new(app: &App, shell: &Shell, risk: &Risk) -> Self {
        let holds = risk.holds(app.store.clock().now());
        let pill = match (holds, risk.withdrawn_at) {
            (true, _) => Pill::new("look", "dot", "holds"),
            (false, Some(_)) => Pill::new("quiet", "minus", "withdrawn"),
            (false, None) => Pill::new("quiet", "minus", "expired"),
        };
        Self {
            id: risk.id,
            instance: risk.instance.to_string(),
            rule: name_of(&risk.matter.rule),
            message: shown(&risk.matter.message),
            label: name_of(&risk.matter.label),
            owner: name_of(&risk.owner),
            reason: shown(&risk.reason),
            by: Who::of(&risk.by).name,
            until: shell.moment(risk.until),
            pill,
            holds,
        }
    }
}

/// `GET /risks?instance=`.
pub(crate) async fn page(
    State(app): State<App>,
    by: SignedIn,
    Query(asked): Asked,
) -> Result<Html<String>, PageError> {
    let chosen = instance_id(asked.get("instance").map(String::as_str))?;
    let found = app.deployments.risks(&by.caller, chosen.as_ref()).await?;
    let shell = Shell::new(&app, &by, "queue", "Accepted risks")
        .await?
        .on(chosen.as_ref());
    let risks = found.iter().take(LISTED_MAX);
    let risks = risks.map(|risk| Line::new(&app, &shell, risk)).collect();
    render(&RisksPage { shell, risks })
}

/// `POST /risks/{id}/withdraw`.
pub(crate) async fn withdraw(
    State(app): State<App>,
    Path(id): Path<i64>,
    Posted { by, .. }: Posted,
) -> Result<Redirect, PageError> {
    app.deployments.withdraw_risk(&by.caller, id).await?;
    Ok(Redirect::to("/risks"))
}
