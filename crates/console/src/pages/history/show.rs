//! Snapshots, and what became of past deployments.

use askama::Template;
use axum::{
    extract::{Query, State},
    response::Html,
};
use model::access::Permission;

use crate::{
    App,
    pages::{Asked, deployments::view::Card, instance_id},
    problem::PageError,
    session::SignedIn,
    shell::{Shell, page as render},
    wording::Moment,
};

const SNAPSHOTS_MAX: u32 = 50;
const CLOSED_READ: u32 = 60;
const CLOSED_SHOWN: usize = 30;

#[derive(Template)]
#[template(path = "history/show.html")]
struct HistoryPage {
    shell: Shell,
    shelves: Vec<Shelf>,
    closed: Vec<Card>,
}

/// One instance's snapshots.
struct Shelf {
    instance: String,
    /// Where its history can be cloned from; none where it has no gate.
    repository: Option<String>,
    snapshots: Vec<SnapshotLine>,
}

struct SnapshotLine {
    hash: String,
    short: String,
    at: Moment,
    deployment: Option<i64>,
    versions: String,
    ran_well: bool,
    is_current: bool,
}

/// `GET /history?instance=`.
pub(crate) async fn page(
    State(app): State<App>,
    by: SignedIn,
    Query(asked): Asked,
) -> Result<Html<String>, PageError> {
    by.caller.require(Permission::ReadQueue)?;
    let chosen = instance_id(asked.get("instance").map(String::as_str))?;
    let shell = Shell::new(&app, &by, "history", "History")
        .await?
        .on(chosen.as_ref());
    let mut shelves = Vec::new();
    for instance in app.store.instances().await? {
        if chosen.as_ref().is_some_and(|chosen| *chosen != instance.id) {
            continue;
        }
        let snapshots = app.store.snapshots(&instance.id, SNAPSHOTS_MAX).await?;
        let lines = snapshots.into_iter().map(|snapshot| SnapshotLine {
            hash: snapshot.hash.to_string(),
            short: snapshot.hash.short(),
            at: shell.moment(snapshot.at),
            deployment: snapshot.deployment.map(|id| id.0),
            versions: format!(
                "Node-RED {} · Node.js {}",
                snapshot.baseline.node_red, snapshot.baseline.node
            ),
            ran_well: snapshot.ran_well,
            is_current: snapshot.is_current,
        });
        shelves.push(Shelf {
            repository: app
                .addresses
                .gate(&instance.id)
                .map(|gate| format!("{gate}/.redkeep/history.git")),
            instance: instance.id.to_string(),
            snapshots: lines.collect(),
        });
    }
    let found = app
        .store
        .deployments(chosen.as_ref(), false, CLOSED_READ)
        .await?;
    let mut closed = Vec::new();
    for deployment in found
        .iter()
        .filter(|d| !d.state.is_open())
        .take(CLOSED_SHOWN)
    {
        closed.push(Card::new(&app, &by, &shell, deployment).await);
    }
    render(&HistoryPage {
        shell,
        shelves,
        closed,
    })
}
