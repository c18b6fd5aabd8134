//! One deployment: what it does, who proposed it, what to know about it, and the way through it.

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    response::Html,
};
use model::deployment::State as Stands;

use super::view::{FindingGroup, Head, Looked, StepLine, rehearsal::RehearsalView};
use crate::{
    App,
    frame::{Frame, frame},
    pages::{Asked, deployment_id},
    problem::PageError,
    session::SignedIn,
    shell::{Shell, page as render},
    wording::{Moment, Who, shown},
};

/// Steps listed on one page.
const STEPS_SHOWN: usize = 200;

#[derive(Template)]
#[template(path = "deployments/show.html")]
struct ShowPage {
    shell: Shell,
    head: Head,
    stands: Stand,
    emergency: Option<EmergencyView>,
    findings: Vec<FindingGroup>,
    rehearsal: Option<RehearsalView>,
    steps: Vec<StepLine>,
    earlier: Option<usize>,
    later: Option<usize>,
    steps_count: usize,
    next: Option<usize>,
    frame: Option<Frame>,
}

struct EmergencyView {
    reason: String,
    reviewed_by: Option<String>,
    may_review: bool,
}

/// How it stands, in a box of its own.
enum Stand {
    Open,
    Approved { by: Who, at: Moment },
    Applying { since: Moment },
    Applied { at: Moment, baseline: String },
    Rejected { by: Who, at: Moment, reason: String },
    Withdrawn { at: Moment },
    Superseded { by: i64 },
    Stale { at: Moment },
    Failed { at: Moment, reason: String },
}

impl Stand {
    fn of(state: &Stands, shell: &Shell) -> Self {
        match state {
            Stands::Pending | Stands::InReview => Self::Open,
            Stands::Approved { by, at, .. } => Self::Approved {
                by: Who::of(by),
                at: shell.moment(*at),
            },
            Stands::Applying { since, .. } => Self::Applying {
                since: shell.moment(*since),
            },
            Stands::Applied { at, baseline } => Self::Applied {
                at: shell.moment(*at),
                baseline: baseline.short(),
            },
            Stands::Rejected { by, at, reason } => Self::Rejected {
                by: Who::of(by),
                at: shell.moment(*at),
                reason: shown(reason),
            },
            Stands::Withdrawn { at } => Self::Withdrawn {
                at: shell.moment(*at),
            },
            Stands::Superseded { by, .. } => Self::Superseded { by: by.0 },
            Stands::Stale { at } => Self::Stale {
                at: shell.moment(*at),
            },
            Stands::Failed { at, reason } => Self::Failed {
                at: shell.moment(*at),
                reason: shown(reason),
            },
        }
    }
}

fn notice(done: Option<&String>) -> Option<&'static str> {
    match done.map(String::as_str) {
        Some("applied") => Some("Applied. Node-RED took it and runs."),
        Some("rejected") => Some("Rejected. What runs is unchanged."),
        Some("withdrawn") => Some("Withdrawn. What runs is unchanged."),
        Some("rebased") => Some("Rebased onto what runs now. Its review starts anew."),
        Some("rollback") => Some("Going back is a deployment like any other: review it here."),
        Some("reviewed") => Some("Noted: the emergency deployment was reviewed."),
        _ => None,
    }
}

/// `GET /deployments/{id}`.
pub(crate) async fn page(
    State(app): State<App>,
    by: SignedIn,
    Path(id): Path<String>,
    Query(asked): Asked,
) -> Result<Html<String>, PageError> {
    let id = deployment_id(&id)?;
    if by.may(model::access::Permission::Decide) {
        app.deployments.start_review(&by.caller, id).await?;
    }
    let review = app.deployments.review(&by.caller, id).await?;
    let title = format!("Deployment {id}");
    let shell = Shell::new(&app, &by, "queue", title)
        .await?
        .on(Some(&review.deployment.instance))
        .with_notice(notice(asked.get("done")));
    let head = Head::new(&app, &by, &shell, &review).await?;
    let looked = Looked::new(&review);
    let number = |name: &str| asked.get(name).and_then(|text| text.parse::<usize>().ok());
    let from = number("from").unwrap_or(0).min(review.steps.len());
    let emergency = review
        .deployment
        .emergency
        .as_ref()
        .map(|emergency| EmergencyView {
            reason: shown(&emergency.reason),
            reviewed_by: emergency.reviewed_by.as_ref().map(|by| Who::of(by).name),
            may_review: emergency.reviewed_by.is_none()
                && shell.sees.decides
                && review.deployment.proposer.user() != Some(by.caller.principal.user),
        });
    let frame = frame(
        &review,
        asked.get("tab").map(String::as_str),
        asked.get("mode"),
        None,
    );
    let rehearsal = app.deployments.rehearsal(&by.caller, id).await?;
    let instance = app.store.instance(&review.deployment.instance).await?;
    let rehearsal = RehearsalView::new(
        rehearsal.as_ref(),
        instance.policy.rehearsal,
        review.deployment.state.is_open(),
        &shell,
    );
    render(&ShowPage {
        rehearsal,
        stands: Stand::of(&review.deployment.state, &shell),
        emergency,
        findings: looked.findings(),
        steps: review
            .steps
            .iter()
            .skip(from)
            .take(STEPS_SHOWN)
            .map(|step| looked.line(step))
            .collect(),
        earlier: (from > 0).then(|| from.saturating_sub(STEPS_SHOWN)),
        later: (from + STEPS_SHOWN < review.steps.len()).then_some(from + STEPS_SHOWN),
        steps_count: review.steps.len(),
        next: looked.next_undecided(0),
        frame,
        head,
        shell,
    })
}
