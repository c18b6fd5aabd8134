//! A stale deployment: what changed in between, and onto the present baseline.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::{Html, Redirect},
};
use model::flow::change::{Aspect, Change};

use super::view::Head;
use crate::{
    App,
    csrf::Posted,
    pages::deployment_id,
    problem::{PageError, Problem},
    session::SignedIn,
    shell::{Shell, page as render},
    summaries::capital,
    wording::{Icon, name_of},
};

/// Lines listed at most.
const LISTED_MAX: usize = 200;

#[derive(Template)]
#[template(path = "deployments/rebase.html")]
struct RebasePage {
    shell: Shell,
    head: Head,
    between: String,
    lines: Vec<Line>,
    more: usize,
    now_short: String,
}

/// What changed meanwhile.
struct Line {
    icon: Icon,
    tone: &'static str,
    verb: &'static str,
    label: String,
    node_type: String,
    keys: String,
    /// The deployment changes the same node.
    is_both: bool,
}

impl Line {
    fn new(change: &Change, is_both: bool) -> Self {
        let (icon, tone, verb) = match change.aspect {
            Aspect::Added => ("plus", "good", "Added"),
            Aspect::Removed => ("minus", "bad", "Removed"),
            Aspect::Changed => ("change", "warn", "Changed"),
            Aspect::Wired => ("wire", "look", "Rewired"),
            Aspect::Layout => ("move", "quiet", "Moved"),
            Aspect::Order => ("lines", "quiet", "Reordered"),
        };
        let is_whole = matches!(change.aspect, Aspect::Added | Aspect::Removed);
        let keys = change
            .properties
            .iter()
            .take(12)
            .map(|property| name_of(&property.key));
        let keys: Vec<_> = if is_whole { Vec::new() } else { keys.collect() };
        Self {
            icon: Icon(icon),
            tone,
            verb,
            label: name_of(&change.label),
            node_type: name_of(&change.node_type),
            keys: keys.join(", "),
            is_both,
        }
    }
}

/// `GET /deployments/{id}/rebase`.
pub(crate) async fn page(
    State(app): State<App>,
    by: SignedIn,
    Path(id): Path<String>,
) -> Result<Html<String>, PageError> {
    let id = deployment_id(&id)?;
    let review = app.deployments.review(&by.caller, id).await?;
    let instance = &review.deployment.instance;
    let now = app
        .store
        .baseline(instance)
        .await?
        .ok_or(deploy::DeployError::NoBaseline)?
        .baseline;
    let between = app.deployments.changed_since(&by.caller, id).await?;
    let ours: std::collections::HashSet<&str> = review
        .diff
        .changes
        .iter()
        .map(|change| change.node.as_str())
        .collect();
    let shell = Shell::new(&app, &by, "queue", format!("Rebase deployment {id}"))
        .await?
        .on(Some(instance));
    let head = Head::new(&app, &by, &shell, &review).await?;
    if !head.may_rebase {
        let why = "only a stale deployment is rebased, by its proposer or a reviewer";
        return Err(Problem::new(http::StatusCode::CONFLICT, "not-stale", why).into());
    }
    let shown = between.changes.iter().take(LISTED_MAX);
    let lines = shown
        .map(|c| Line::new(c, !c.node.is_empty() && ours.contains(c.node.as_str())))
        .collect();
    render(&RebasePage {
        between: capital(&between.summary()),
        lines,
        more: between.changes.len().saturating_sub(LISTED_MAX),
        now_short: now.hash().short(),
        head,
        shell,
    })
}

/// `POST /deployments/{id}/rebase`.
pub(crate) async fn submit(
    State(app): State<App>,
    Path(id): Path<String>,
    Posted { by, .. }: Posted,
) -> Result<Redirect, PageError> {
    let id = deployment_id(&id)?;
    app.deployments.rebase(&by.caller, id).await?;
    Ok(Redirect::to(&format!("/deployments/{id}?done=rebased")))
}
