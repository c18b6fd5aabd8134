//! One deployment: what it does, who proposed it, what to know about it, and the way through it.

use std::collections::HashMap;

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    response::Html,
};
use deploy::Review;
use model::{
    deployment::{Skipped, State as Stands},
    flow::{change::Aspect, finding::Severity},
    id::DeploymentId,
    instance::RehearsalPolicy,
    rehearsal::Rehearsal,
};

use super::{
    together::Lot,
    view::{CommentView, Findings, Head, Looked, StepLine, rehearsal::RehearsalView},
};
use crate::{
    App,
    frame::{Frame, Look, frame},
    pages::{Asked, deployment_id},
    problem::PageError,
    session::SignedIn,
    shell::{Shell, made},
    wording::{Moment, Pill, Who, counted, severity_pill, shown},
};

/// Steps listed on one page.
const STEPS_SHOWN: usize = 200;
/// Steps named for one thing policy asks.
const DEMANDED_SHOWN: usize = 40;
/// What was said about the whole, on one page.
const SAID_SHOWN: usize = 50;

#[derive(Template)]
#[template(path = "deployments/show.html")]
struct ShowPage {
    shell: Shell,
    head: Head,
    stands: Stand,
    emergency: Option<EmergencyView>,
    findings: Findings,
    rehearsal: Option<RehearsalView>,
    /// It was tried, or could not be, and the reader may have it tried again.
    may_rehearse: bool,
    steps: Vec<StepLine>,
    earlier: Option<usize>,
    later: Option<usize>,
    steps_count: usize,
    next: Option<usize>,
    frame: Option<Frame>,
    lots: Vec<Lot>,
    /// What was said about the whole.
    said: Vec<CommentView>,
    said_earlier: Option<usize>,
    said_later: Option<usize>,
    say_error: Option<String>,
    say: String,
    summary: Summary,
    demands: Vec<Demanded>,
}

/// What policy asks, and of which steps.
struct Demanded {
    sentence: String,
    steps: Vec<usize>,
    /// Steps that are not named.
    more: usize,
}

impl Demanded {
    fn all(looked: &Looked<'_>) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for (change, asks) in &looked.review.asks {
            let Some(step) = looked.step_of(change) else {
                continue;
            };
            for sentence in asks.iter().map(|ask| ask.sentence()) {
                // A policy asks few different things.
                match all.iter_mut().find(|it| it.sentence == sentence) {
                    Some(known) => known.steps.push(step),
                    None => all.push(Self {
                        sentence,
                        steps: vec![step],
                        more: 0,
                    }),
                }
            }
        }
        for demanded in &mut all {
            demanded.steps.sort_unstable();
            demanded.steps.dedup();
            demanded.more = demanded.steps.len().saturating_sub(DEMANDED_SHOWN);
            demanded.steps.truncate(DEMANDED_SHOWN);
        }
        all
    }
}

/// What a reviewer wants to know before the first step.
struct Summary {
    /// What the proposer said first about the whole.
    why: Option<String>,
    /// "2 added, 1 changed".
    size: String,
    /// "41 nodes before, 43 after".
    nodes: String,
    /// How many findings of each weight, heaviest first.
    weights: Vec<(Pill, usize)>,
    /// Changes with a comment.
    discussed: usize,
}

impl Summary {
    fn of(looked: &Looked<'_>, said: &[CommentView]) -> Self {
        let review = looked.review;
        let changes = &review.diff.changes;
        let aspects = [
            (Aspect::Added, "added"),
            (Aspect::Removed, "removed"),
            (Aspect::Changed, "changed"),
            (Aspect::Wired, "rewired"),
            (Aspect::Layout, "moved on the canvas"),
        ];
        let counts = aspects.iter().filter_map(|(aspect, word)| {
            let count = changes.iter().filter(|it| it.aspect == *aspect).count();
            (count > 0).then(|| format!("{count} {word}"))
        });
        let findings = || changes.iter().flat_map(|change| &change.findings);
        let weights = [Severity::Danger, Severity::Warning, Severity::Note];
        let weights = weights.into_iter().filter_map(|severity| {
            let count = findings().filter(|it| it.severity == severity).count();
            (count > 0).then(|| (severity_pill(severity), count))
        });
        Self {
            why: said
                .iter()
                .find(|comment| comment.is_proposers)
                .map(|comment| comment.text.clone()),
            size: counts.collect::<Vec<_>>().join(", "),
            nodes: format!(
                "{} before, {} after",
                counted(review.base.len(), "node"),
                review.proposal.len()
            ),
            weights: weights.collect(),
            discussed: looked.discussed(),
        }
    }
}

struct EmergencyView {
    reason: String,
    declared_by: Option<String>,
    /// What policy asks for and did not get.
    skipped: Vec<String>,
    /// It was applied (or failed); else it is still on its way.
    is_done: bool,
    reviewed_by: Option<String>,
    may_review: bool,
}

impl EmergencyView {
    fn of(app: &App, by: &SignedIn, review: &Review) -> Option<Self> {
        let emergency = review.deployment.emergency.as_ref()?;
        Some(Self {
            reason: shown(&emergency.reason),
            skipped: emergency.skipped.iter().map(Skipped::words).collect(),
            reviewed_by: emergency.reviewed_by.as_ref().map(|by| Who::of(by).name),
            declared_by: emergency.declared_by.as_ref().map(|by| Who::of(by).name),
            is_done: !review.deployment.state.is_open(),
            may_review: emergency.reviewed_by.is_none()
                && !review.deployment.state.is_open()
                && app
                    .deployments
                    .may_review_emergency(&by.caller, &review.deployment),
        })
    }
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
        Some("emergency") => {
            Some("Applied before review. It stays flagged until somebody else has looked at it.")
        }
        Some("rejected") => Some("Rejected. What runs is unchanged."),
        Some("withdrawn") => Some("Withdrawn. What runs is unchanged."),
        Some("comment") => Some("Said. Whoever reviews or proposed this reads it here."),
        Some("rebased") => Some("Rebased onto what runs now. Its review starts anew."),
        Some("rollback") => Some("Going back is a deployment like any other: review it here."),
        Some("rehearse") => Some("It will be tried again. Load this page again in a minute."),
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
    show(&app, &by, id, asked, None).await
}

/// A comment on the whole that was not taken: what was typed, and why.
pub(super) struct Unsaid {
    pub(super) text: String,
    pub(super) error: String,
}

pub(super) async fn show(
    app: &App,
    by: &SignedIn,
    id: DeploymentId,
    asked: HashMap<String, String>,
    unsaid: Option<Unsaid>,
) -> Result<Html<String>, PageError> {
    let review = app.deployments.review(&by.caller, id).await?;
    let title = format!("Deployment {id}");
    let shell = Shell::new(app, by, "queue", title)
        .await?
        .on(Some(&review.deployment.instance))
        .with_notice(notice(asked.get("done")));
    let head = Head::new(app, by, &shell, &review).await?;
    let emergency = EmergencyView::of(app, by, &review);
    let rehearsal = app.deployments.rehearsal(&by.caller, id).await?;
    let is_over = rehearsal.as_ref().is_some_and(Rehearsal::is_over);
    let instance = app.store.instance(&review.deployment.instance).await?;
    let rehearsal = RehearsalView::new(
        rehearsal.as_ref(),
        instance.policy.rehearsal,
        review.deployment.state.is_open(),
        &shell,
    );
    let may_rehearse = is_over
        && instance.policy.rehearsal != RehearsalPolicy::Off
        && app
            .deployments
            .may_rehearse_again(&by.caller, &review.deployment);
    let beside = Beside {
        shell,
        head,
        emergency,
        rehearsal,
        may_rehearse,
        unsaid,
    };
    made(app, move || Ok(build(&review, beside, &asked))).await
}

/// What the page shows beside the review itself.
struct Beside {
    shell: Shell,
    head: Head,
    emergency: Option<EmergencyView>,
    rehearsal: Option<RehearsalView>,
    may_rehearse: bool,
    unsaid: Option<Unsaid>,
}

fn build(review: &Review, beside: Beside, asked: &HashMap<String, String>) -> ShowPage {
    let Beside {
        shell,
        head,
        emergency,
        rehearsal,
        may_rehearse,
        unsaid,
    } = beside;
    let (say, say_error) = unsaid.map_or_else(Default::default, |it| (it.text, Some(it.error)));
    let looked = Looked::new(review);
    let number = |name: &str| asked.get(name).and_then(|text| text.parse::<usize>().ok());
    let from = number("from").unwrap_or(0).min(review.steps.len());
    let said = CommentView::of_all(review, &shell);
    let summary = Summary::of(&looked, &said);
    let findings = Findings::page(looked.findings(), number("found").unwrap_or(0));
    // The last ones, unless the reader goes back.
    let said_from = number("said").unwrap_or(said.len().saturating_sub(SAID_SHOWN));
    let said_from = said_from.min(said.len().saturating_sub(1));
    let said_earlier = (said_from > 0).then(|| said_from.saturating_sub(SAID_SHOWN));
    let said_later = said_from.saturating_add(SAID_SHOWN);
    let said_later = (said_later < said.len()).then_some(said_later);
    ShowPage {
        stands: Stand::of(&review.deployment.state, &shell),
        emergency,
        rehearsal,
        may_rehearse,
        findings,
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
        lots: if head.may_decide {
            Lot::all(review)
        } else {
            Vec::new()
        },
        demands: Demanded::all(&looked),
        summary,
        said: said.into_iter().skip(said_from).take(SAID_SHOWN).collect(),
        said_earlier,
        said_later,
        say_error,
        say,
        frame: frame(review, &Look::asked(asked), &[], false),
        head,
        shell,
    }
}
