//! The last page: it sums up, asks once, and applies.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{Html, IntoResponse, Redirect, Response},
};
use deploy::{Caller, Choices, DeployError, Deployments, Review};
use model::{
    access::Permission,
    deployment::{Deployment, State as Stands, Verdict},
    id::{DeploymentId, Hash},
};

use super::view::{Findings, Head, Looked, StepLine};
use crate::{
    App,
    csrf::Posted,
    pages::deployment_id,
    problem::{PageError, Problem},
    session::SignedIn,
    shell::{Shell, made},
    wording::{counted, name_of, sentence, shown},
};

/// Lines listed at most.
const LISTED_MAX: usize = 200;

#[derive(Template)]
#[template(path = "deployments/confirm.html")]
struct ConfirmPage {
    shell: Shell,
    head: Head,
    button: String,
    rejected: Vec<RejectedLine>,
    /// Lines that are not listed, of each kind.
    rejected_more: usize,
    undecided_more: usize,
    approved_more: usize,
    undecided: Vec<StepLine>,
    /// Of the undecided ones, how many may be approved together.
    low_risk: usize,
    approved: Vec<StepLine>,
    findings: Findings,
    error: Option<String>,
    is_applicable: bool,
    /// Policy asks for a touch, which is given on a page of its own: this one holds no script.
    asks_touch: bool,
}

struct RejectedLine {
    label: String,
    step: usize,
    comment: String,
}

/// `GET /deployments/{id}/confirm`.
pub(crate) async fn page(
    State(app): State<App>,
    by: SignedIn,
    Path(id): Path<String>,
) -> Result<Html<String>, PageError> {
    by.caller.require(Permission::Decide)?;
    show(&app, &by, deployment_id(&id)?, None).await
}

async fn show(
    app: &App,
    by: &SignedIn,
    id: DeploymentId,
    error: Option<String>,
) -> Result<Html<String>, PageError> {
    let review = app.deployments.review(&by.caller, id).await?;
    let title = format!("Confirm deployment {id}");
    let shell = Shell::new(app, by, "queue", title)
        .await?
        .on(Some(&review.deployment.instance));
    let head = Head::new(app, by, &shell, &review).await?;
    let asks_touch = app
        .deployments
        .asks_touch(&review.deployment.instance)
        .await?;
    made(app, move || {
        Ok(build(shell, head, &review, error, asks_touch))
    })
    .await
}

fn build(
    shell: Shell,
    head: Head,
    review: &Review,
    error: Option<String>,
    asks_touch: bool,
) -> ConfirmPage {
    let looked = Looked::new(review);
    let has = |step: &&deploy::Step, verdict: Option<Verdict>| {
        let mut changes = step.changes.iter();
        changes.any(|change| review.decision(change).map(|d| d.verdict) == verdict)
    };
    let lines = |verdict: Option<Verdict>| -> (Vec<StepLine>, usize) {
        let steps = || review.steps.iter().filter(|step| has(step, verdict));
        let listed: Vec<_> = steps().take(LISTED_MAX).map(|it| looked.line(it)).collect();
        let more = steps().count() - listed.len();
        (listed, more)
    };
    let rejections = review
        .decisions
        .iter()
        .filter(|d| d.verdict == Verdict::Reject);
    let rejected: Vec<_> = rejections
        .clone()
        .take(LISTED_MAX)
        .map(|decision| RejectedLine {
            label: looked
                .change(&decision.change)
                .map_or_else(String::new, |c| name_of(&c.label)),
            step: looked.step_of(&decision.change).unwrap_or(1),
            comment: shown(&decision.comment),
        })
        .collect();
    let (undecided, undecided_more) = lines(None);
    let (approved, approved_more) = lines(Some(Verdict::Approve));
    ConfirmPage {
        button: format!(
            "Apply {} to {}",
            counted(head.approved, "change"),
            head.instance
        ),
        rejected_more: rejections.count() - rejected.len(),
        rejected,
        low_risk: review
            .diff
            .changes
            .iter()
            .filter(|change| review.is_low_risk(change) && review.decision(&change.id).is_none())
            .count(),
        undecided,
        undecided_more,
        approved,
        approved_more,
        findings: Findings::page(looked.findings(), 0),
        error,
        is_applicable: head.may_apply && head.undecided == 0 && head.approved > 0,
        asks_touch,
        head,
        shell,
    }
}

/// `POST /deployments/{id}/confirm`: `do` is `apply`, or `approve-rest` with `looked` ticked.
pub(crate) async fn submit(
    State(app): State<App>,
    Path(id): Path<String>,
    Posted { by, fields }: Posted,
) -> Result<Response, PageError> {
    let id = deployment_id(&id)?;
    let shown: Hash = fields.get("shown").parse().map_err(Problem::from)?;
    let done = match fields.get("do") {
        "approve-rest" if fields.get("looked") == "yes" => {
            let choices = Choices::LowRisk;
            app.deployments.decide(&by.caller, id, shown, choices).await
        }
        "approve-rest" => {
            let why = "Tick the box to say that you have looked at all of them.".to_owned();
            return again(&app, &by, id, why).await;
        }
        _ => return apply(&app, &by, id, shown).await,
    };
    match done {
        Ok(_) => Ok(Redirect::to(&format!("/deployments/{id}/confirm")).into_response()),
        Err(DeployError::Store(error)) => Err(error.into()),
        Err(error) => again(&app, &by, id, sentence(&error.to_string())).await,
    }
}

async fn apply(
    app: &App,
    by: &SignedIn,
    id: DeploymentId,
    shown: Hash,
) -> Result<Response, PageError> {
    let done = approve_and_apply(app.deployments.clone(), by.caller.clone(), id, shown).await?;
    match done {
        Ok(deployment) => {
            let is_applied = matches!(deployment.state, Stands::Applied { .. });
            let done = if is_applied { "?done=applied" } else { "" };
            Ok(Redirect::to(&format!("/deployments/{id}{done}")).into_response())
        }
        Err(DeployError::Target(_)) => {
            Ok(Redirect::to(&format!("/deployments/{id}")).into_response())
        }
        Err(DeployError::Store(error)) => Err(error.into()),
        // Asked for since the page was opened, or the form was not ours.
        Err(DeployError::TouchNeeded { id }) => {
            Ok(Redirect::to(&format!("/deployments/{id}/touch")).into_response())
        }
        Err(error) => again(app, by, id, sentence(&error.to_string())).await,
    }
}

/// Approves and applies in a task of its own: a browser that goes away must not stop an apply
/// halfway.
pub(crate) async fn approve_and_apply(
    deployments: Deployments,
    caller: Caller,
    id: DeploymentId,
    shown: Hash,
) -> Result<Result<Deployment, DeployError>, Problem> {
    let task = tokio::spawn(async move {
        let stands = deployments.store().deployment(id).await?.state;
        if !matches!(stands, Stands::Approved { .. }) {
            deployments.approve(&caller, id, shown).await?;
        }
        deployments.apply(&caller, id, shown).await
    });
    task.await.map_err(|error| {
        tracing::error!(%error, "an apply ended unexpectedly");
        let why = "applying ended unexpectedly; look at the deployment to see how it stands";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", why)
    })
}

async fn again(
    app: &App,
    by: &SignedIn,
    id: DeploymentId,
    why: String,
) -> Result<Response, PageError> {
    let page = show(app, by, id, Some(why)).await?;
    Ok((StatusCode::CONFLICT, page).into_response())
}
