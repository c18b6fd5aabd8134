//! One step of a review: its changes side by side, in their picture, each to be decided.

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    response::Html,
};
use deploy::{Review, Step, StepKind};
use model::{flow::change::ChangeId, id::DeploymentId};

use super::view::{ChangeView, Head, Looked, StepLine};
use crate::{
    App,
    compare::{Body, Part},
    csrf::Fields,
    frame::{self, Frame},
    pages::{Asked, deployment_id},
    problem::{PageError, Problem},
    session::SignedIn,
    shell::{Shell, made},
};

/// Changes shown on one page of a step.
const CHANGES_SHOWN: usize = 100;
/// Steps listed beside, before and after this one.
const NEIGHBOURS: usize = 12;

#[derive(Template)]
#[template(path = "deployments/step.html")]
struct StepPage {
    shell: Shell,
    head: Head,
    line: StepLine,
    steps: Vec<StepLine>,
    steps_count: usize,
    changes: Vec<ChangeView>,
    changes_count: usize,
    is_layout: bool,
    earlier: Option<usize>,
    later: Option<usize>,
    previous: Option<usize>,
    next: Option<usize>,
    next_undecided: Option<usize>,
    frame: Option<Frame>,
    /// Changes on this page that may be approved together, and the other undecided ones.
    lot: Vec<String>,
    others: Vec<String>,
    bulk_error: Option<String>,
    bulk_comment: String,
    /// Which page of the step it is, for the form that decides what is on it.
    from: usize,
    is_full: bool,
}

/// What a form brought back: the error stands where it arose, with what was typed.
pub(super) struct Again {
    pub(super) form: Form,
    /// The change the form was for; none for the whole step.
    pub(super) change: Option<ChangeId>,
    pub(super) message: String,
    pub(super) comment: String,
}

impl Again {
    /// Puts it onto its change; what was for none comes back: the comment, and why.
    fn put_back(self, changes: &mut [ChangeView]) -> Option<(String, String)> {
        let mut changes = changes.iter_mut();
        let found = self.change.and_then(|id| changes.find(|it| it.id == id.0));
        match (found, self.form) {
            (None, _) => return Some((self.comment, self.message)),
            (Some(change), Form::Say) => {
                change.say_error = Some(self.message);
                change.say = self.comment;
            }
            (Some(change), Form::Decide) => {
                change.error = Some(self.message);
                change.comment = self.comment;
            }
        }
        None
    }
}

/// The forms of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Approves or rejects.
    Decide,
    /// Says something about a change.
    Say,
}

/// `GET /deployments/{id}/steps/{number}`.
pub(crate) async fn page(
    State(app): State<App>,
    by: SignedIn,
    Path((id, number)): Path<(String, usize)>,
    Query(asked): Asked,
) -> Result<Html<String>, PageError> {
    let id = deployment_id(&id)?;
    if by.may(model::access::Permission::Decide) {
        app.deployments.start_review(&by.caller, id).await?;
    }
    let look = Look {
        picture: frame::Look::asked(&asked),
        is_full: asked.contains_key("full"),
        from: asked
            .get("from")
            .and_then(|text| text.parse().ok())
            .unwrap_or(0),
    };
    show(&app, &by, id, number, look, None).await
}

/// What the reader asked to see.
#[derive(Default)]
pub(super) struct Look {
    picture: frame::Look,
    is_full: bool,
    from: usize,
}

impl Look {
    /// The page a form for several changes was on: what is decided when it is sent again must be
    /// what was on it.
    pub(super) fn posted(fields: &Fields) -> Self {
        Self {
            picture: frame::Look::default(),
            is_full: fields.get("full") == "1",
            from: fields.get("from").parse().unwrap_or(0),
        }
    }
}

pub(super) async fn show(
    app: &App,
    by: &SignedIn,
    id: DeploymentId,
    number: usize,
    look: Look,
    again: Option<Again>,
) -> Result<Html<String>, PageError> {
    let review = app.deployments.review(&by.caller, id).await?;
    let title = format!("Step {number} of deployment {id}");
    let shell = Shell::new(app, by, "queue", title)
        .await?
        .on(Some(&review.deployment.instance));
    let head = Head::new(app, by, &shell, &review).await?;
    made(app, move || {
        build(shell, head, &review, number, &look, again)
    })
    .await
}

fn build(
    shell: Shell,
    head: Head,
    review: &Review,
    number: usize,
    look: &Look,
    again: Option<Again>,
) -> Result<StepPage, Problem> {
    let mut looked = Looked::new(review).in_full(look.is_full);
    let step = review.step(number);
    let step = step.ok_or_else(|| Problem::not_found("such step"))?;
    let mut from = look.from.min(step.changes.len());
    let mut is_full = look.is_full;
    let mut changes = views(&looked, step, from, &shell);
    // What came back stands on its own page of the step.
    let back = again.as_ref().and_then(|again| again.change.as_ref());
    let back = back.filter(|id| changes.iter().all(|change| change.id != id.0));
    if let Some(at) = back.and_then(|id| step.changes.iter().position(|it| it == id)) {
        looked = Looked::new(review);
        is_full = false;
        (from, changes) = (at, views(&looked, step, at, &shell));
    }
    let later = from + changes.len();
    // What is left comes first.
    changes.sort_by_key(|change| change.decision.is_some());
    let (lot, others) = (undecided(&changes, true), undecided(&changes, false));
    let bulk = again.and_then(|again| again.put_back(&mut changes));
    let (bulk_comment, bulk_error) =
        bulk.map_or_else(Default::default, |(it, why)| (it, Some(why)));
    let focus = step.changes.first().and_then(|id| looked.change(id));
    let tab = focus.and_then(|change| match change.subject {
        model::flow::change::Subject::Tab | model::flow::change::Subject::Subflow => {
            Some(change.node.as_str())
        }
        _ => change.tab.as_deref(),
    });
    let has_picture = step.kind != StepKind::Order && tab.is_some();
    let picture = look.picture.clone().or_on(tab);
    let frame = if has_picture {
        frame::frame(review, &picture, &step.changes, true)
    } else {
        None
    };
    let first = number.saturating_sub(NEIGHBOURS + 1);
    let around = review.steps.iter().skip(first).take(2 * NEIGHBOURS + 1);
    Ok(StepPage {
        line: looked.line(step),
        steps: around.map(|step| looked.line(step)).collect(),
        steps_count: review.steps.len(),
        changes_count: step.changes.len(),
        is_layout: step.kind == StepKind::Layout,
        earlier: (from > 0).then(|| from.saturating_sub(CHANGES_SHOWN)),
        later: (later < step.changes.len()).then_some(later),
        previous: (number > 1).then(|| number - 1),
        next: (number < review.steps.len()).then_some(number + 1),
        next_undecided: looked.next_undecided(number),
        changes,
        lot,
        others,
        frame,
        bulk_error,
        bulk_comment,
        from,
        is_full,
        head,
        shell,
    })
}

/// The changes of a step from `from` on, as many as a page holds.
fn views(looked: &Looked<'_>, step: &Step, from: usize, shell: &Shell) -> Vec<ChangeView> {
    let here = step.changes.iter().enumerate().skip(from);
    here.filter_map(|(at, id)| Some((at, looked.change(id)?)))
        .take(CHANGES_SHOWN)
        .take_while(|_| looked.budget.has_room())
        .map(|(at, change)| ChangeView::new(looked, change, at, shell))
        .collect()
}

/// The undecided changes on the page that may, or may not, be approved together.
fn undecided(changes: &[ChangeView], is_low_risk: bool) -> Vec<String> {
    let open = changes.iter().filter(|change| change.decision.is_none());
    open.filter(|change| change.is_low_risk == is_low_risk)
        .map(|change| change.id.clone())
        .collect()
}
