//! Low-risk changes of a kind: shown one below the other, then approved together.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{Html, IntoResponse, Redirect, Response},
};
use deploy::{Choices, DeployError, Review, StepKind};
use model::{
    flow::change::{Change, ChangeId},
    id::{DeploymentId, Hash},
};
use store::StoreError;

use super::{
    decide::onward,
    view::{ChangeView, Head, Looked},
};
use crate::{
    App,
    compare::{Body, Part},
    csrf::Posted,
    pages::deployment_id,
    problem::{PageError, Problem},
    session::SignedIn,
    shell::{Shell, made},
    wording::{counted, sentence},
};

/// Changes shown, and so approved, at a time.
const SHOWN_MAX: usize = 50;

/// Changes too long for any page that are named on one: each is read twice to know it.
const LONG_MAX: usize = 5;

/// Every kind, with its word in addresses and what its changes are called.
const KINDS: [(StepKind, &str, &str); 7] = [
    (
        StepKind::Structure,
        "structure",
        "change of tabs and groups",
    ),
    (StepKind::Added, "added", "added node"),
    (StepKind::Removed, "removed", "removed node"),
    (StepKind::Changed, "changed", "changed node"),
    (StepKind::Wires, "wires", "rewired node"),
    (StepKind::Layout, "layout", "moved node"),
    (StepKind::Order, "order", "change of order"),
];

/// A kind of which several changes can be approved together.
pub(crate) struct Lot {
    pub(crate) word: &'static str,
    /// "12 added nodes".
    pub(crate) what: String,
}

impl Lot {
    /// The kinds of which more than one low-risk change is left.
    pub(super) fn all(review: &Review) -> Vec<Self> {
        let lots = KINDS.iter().map(|(kind, word, noun)| {
            let count = open(review, *kind).count();
            (count, word, noun)
        });
        lots.filter(|(count, ..)| *count > 1)
            .map(|(count, word, noun)| Self {
                word,
                what: match *word {
                    "structure" => format!("{count} changes of tabs and groups"),
                    _ => counted(count, noun),
                },
            })
            .collect()
    }
}

/// The low-risk changes of a kind that nobody has decided.
fn open(review: &Review, kind: StepKind) -> impl Iterator<Item = &Change> {
    let steps = review.steps.iter().filter(move |step| step.kind == kind);
    let ids = steps.flat_map(|step| &step.changes);
    ids.filter_map(|id| review.change(id))
        .filter(|change| review.is_low_risk(change) && review.decision(&change.id).is_none())
}

#[derive(Template)]
#[template(path = "deployments/together.html")]
struct TogetherPage {
    shell: Shell,
    head: Head,
    word: String,
    changes: Vec<ChangeView>,
    /// Changes too long to be shown whole here: their name and step. They are decided there.
    long: Vec<(String, usize)>,
    more: usize,
    error: Option<String>,
}

fn kind_of(word: &str) -> Result<StepKind, Problem> {
    let known = KINDS.iter().find(|(_, known, _)| *known == word);
    let known = known.ok_or_else(|| Problem::not_found("such kind of change"))?;
    Ok(known.0)
}

/// `GET /deployments/{id}/together/{kind}`.
pub(crate) async fn page(
    State(app): State<App>,
    by: SignedIn,
    Path((id, word)): Path<(String, String)>,
) -> Result<Html<String>, PageError> {
    by.caller.require(model::access::Permission::Decide)?;
    show(&app, &by, deployment_id(&id)?, &word, None).await
}

async fn show(
    app: &App,
    by: &SignedIn,
    id: DeploymentId,
    word: &str,
    error: Option<String>,
) -> Result<Html<String>, PageError> {
    let kind = kind_of(word)?;
    let review = app.deployments.review(&by.caller, id).await?;
    let shell = Shell::new(app, by, "queue", format!("Together of deployment {id}"))
        .await?
        .on(Some(&review.deployment.instance));
    let head = Head::new(app, by, &shell, &review).await?;
    let word = word.to_owned();
    let build = move || {
        let Whole { changes, long } = Whole::of(&review, kind, &shell);
        Ok(TogetherPage {
            word,
            more: open(&review, kind).count() - changes.len() - long.len(),
            changes,
            long,
            error,
            head,
            shell,
        })
    };
    made(app, build).await
}

/// The first open changes of a kind that one page shows whole: what is approved here has been
/// shown whole, so what is cut stands neither in the list nor in the form.
struct Whole {
    changes: Vec<ChangeView>,
    long: Vec<(String, usize)>,
}

impl Whole {
    fn of(review: &Review, kind: StepKind, shell: &Shell) -> Self {
        let looked = Looked::new(review);
        let (mut changes, mut long) = (Vec::new(), Vec::new());
        for change in open(review, kind).take(SHOWN_MAX) {
            let view = |looked: &Looked<'_>, at| ChangeView::new(looked, change, at, shell);
            let shown = view(&looked, changes.len());
            if !shown.is_cut() {
                changes.push(shown);
            } else if long.len() < LONG_MAX && view(&Looked::new(review), 0).is_cut() {
                // Even a page of its own does not hold it.
                long.push((shown.label, shown.step));
            } else {
                // The next page begins with it.
                break;
            }
            if !looked.budget.has_room() {
                break;
            }
        }
        Self { changes, long }
    }
}

/// `POST /deployments/{id}/together/{kind}`: `shown`, and a `change` for each that was on the page.
pub(crate) async fn submit(
    State(app): State<App>,
    Path((id, word)): Path<(String, String)>,
    Posted { by, fields }: Posted,
) -> Result<Response, PageError> {
    let (id, kind) = (deployment_id(&id)?, kind_of(&word)?);
    let shown: Hash = fields.get("shown").parse().map_err(Problem::from)?;
    let named = fields.all("change").map(|text| ChangeId(text.to_owned()));
    let choices = Choices::Together(named.collect());
    match app.deployments.decide(&by.caller, id, shown, choices).await {
        Ok(review) if open(&review, kind).next().is_some() => {
            Ok(Redirect::to(&format!("/deployments/{id}/together/{word}")).into_response())
        }
        Ok(review) => Ok(onward(&review, id, 0)),
        Err(
            error @ (DeployError::NotWhatWasShown
            | DeployError::NotTogether { .. }
            | DeployError::Demanded { .. }
            | DeployError::Store(StoreError::Overtaken { .. })),
        ) => {
            let why = Some(sentence(&error.to_string()));
            let page = show(&app, &by, id, &word, why).await?;
            Ok((StatusCode::CONFLICT, page).into_response())
        }
        Err(error) => Err(error.into()),
    }
}
