//! What editors are told of deployments: waiting, applied, rejected; and how many wait.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use model::{
    deployment::{Deployment, State},
    id::{DeploymentId, InstanceId, UserId},
};
use serde_json::{Value, json};
use store::{Store, StoreError};
use tokio::sync::broadcast;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::respond::escape;

/// Deployments looked at, newest first.
const LOOKED_AT: u32 = 100;
/// Notices a slow socket may be behind.
const BEHIND_MAX: usize = 64;
/// How long a notice of something done stays, in milliseconds.
const DONE_MS: u32 = 15_000;
/// How long a notice of something that did not work stays, in milliseconds.
const FAILED_MS: u32 = 120_000;

/// Something to be told.
#[derive(Debug)]
pub(crate) struct Notice {
    /// The proposer's sockets; none: everybody who may see the queue.
    user: Option<UserId>,
    /// The frame, in the form of Node-RED's own.
    pub(super) frame: String,
}

impl Notice {
    /// Whether it is for this user.
    pub(super) fn is_for(&self, user: UserId, reads_queue: bool) -> bool {
        self.user.map_or(reads_queue, |whom| whom == user)
    }
}

/// What editors are told.
#[derive(Debug)]
pub(crate) struct Notices {
    store: Store,
    instance: InstanceId,
    console: String,
    sender: broadcast::Sender<Arc<Notice>>,
    seen: Mutex<Seen>,
}

/// The queue as it was last looked at.
#[derive(Debug, Default)]
struct Seen {
    deployments: BTreeMap<DeploymentId, Deployment>,
    waiting: usize,
}

impl Notices {
    /// For editors of this instance; links lead to `console`.
    pub(crate) fn new(store: Store, instance: InstanceId, console: String) -> Self {
        let (sender, _) = broadcast::channel(BEHIND_MAX);
        Self {
            store,
            instance,
            console,
            sender,
            seen: Mutex::default(),
        }
    }

    /// What is told from now on.
    pub(super) fn listen(&self) -> broadcast::Receiver<Arc<Notice>> {
        self.sender.subscribe()
    }

    /// Looks at the queue whenever it changes, for ever.
    pub(crate) async fn watch(&self) {
        let mut changes = self.store.queue_changes();
        let mut is_first = true;
        loop {
            changes.mark_unchanged();
            match self.look(is_first).await {
                Ok(()) => is_first = false,
                Err(error) => {
                    tracing::error!(%error, "the queue could not be read for the editors");
                }
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    async fn look(&self, is_first: bool) -> Result<(), StoreError> {
        let listed = self
            .store
            .deployments(Some(&self.instance), false, LOOKED_AT)
            .await?;
        let waiting = listed
            .iter()
            .filter(|deployment| deployment.state.is_open())
            .count();
        let listed: BTreeMap<_, _> = listed.into_iter().map(|found| (found.id, found)).collect();
        let (before, counted) = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let counted = std::mem::replace(&mut seen.waiting, waiting);
            (
                std::mem::replace(&mut seen.deployments, listed.clone()),
                counted,
            )
        };
        if is_first {
            return Ok(());
        }
        if counted != waiting {
            self.tell(None, self.count(waiting));
        }
        for (id, deployment) in &listed {
            let was = before.get(id).map(|before| before.state.word());
            if was == Some(deployment.state.word()) {
                continue;
            }
            let Some(user) = deployment.proposer.user() else {
                continue;
            };
            for frame in self.moved(deployment) {
                self.tell(Some(user), frame);
            }
            if matches!(
                deployment.state,
                State::Rejected { .. } | State::Failed { .. }
            ) {
                self.offer_what_runs(user).await?;
            }
        }
        Ok(())
    }

    /// The editor believes it has deployed. Told the revision that runs, it offers to compare.
    async fn offer_what_runs(&self, user: UserId) -> Result<(), StoreError> {
        if let Some(base) = self.store.baseline(&self.instance).await? {
            let revision = base.baseline.flows.to_string();
            let frame = frame(
                "notification/runtime-deploy",
                &json!({ "revision": revision }),
            );
            self.tell(Some(user), frame);
        }
        Ok(())
    }

    fn tell(&self, user: Option<UserId>, frame: String) {
        // Nobody listening is no error.
        drop(self.sender.send(Arc::new(Notice { user, frame })));
    }

    /// What is told again to a page that subscribes to `topic`, because it was loaded anew.
    pub(super) fn replay(&self, topic: &str, user: UserId, reads_queue: bool) -> Vec<Utf8Bytes> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match topic {
            "redkeep/queue" if reads_queue => vec![self.count(seen.waiting).into()],
            "notification/#" => seen
                .deployments
                .values()
                .filter(|found| found.state.is_open() && found.proposer.user() == Some(user))
                .flat_map(|found| self.moved(found))
                .map(Utf8Bytes::from)
                .collect(),
            _ => Vec::new(),
        }
    }

    fn count(&self, waiting: usize) -> String {
        frame(
            "redkeep/queue",
            &json!({ "count": waiting, "url": format!("{}/deployments", self.console) }),
        )
    }

    /// The frames that tell a proposer where the deployment is now.
    fn moved(&self, deployment: &Deployment) -> Vec<String> {
        let id = deployment.id;
        let fixed = format!("notification/redkeep-{id}");
        // An id that closed by time is dead for the page, so what is done has one of its own.
        let done = format!("notification/redkeep-{id}-{}", deployment.state.word());
        let link = format!(
            "<a href=\"{}/deployments/{id}\" target=\"_blank\" rel=\"noopener\" \
             style=\"text-decoration:underline\">Deployment {id}</a>",
            escape(&self.console)
        );
        let stays = |html: String, kind: &str| vec![frame(&fixed, &notice(id, &html, kind, None))];
        let ends = |html: String, kind: &str, time| {
            vec![
                frame(&fixed, &json!({})),
                frame(&done, &notice(id, &html, kind, time)),
            ]
        };
        match &deployment.state {
            State::Pending | State::InReview => stays(
                format!("{link} waits for review. Nothing of it is running yet."),
                "warning",
            ),
            State::Approved { .. } => stays(
                format!("{link} is approved and will be applied."),
                "warning",
            ),
            State::Applying { .. } => stays(format!("{link} is being applied."), "warning"),
            State::Stale { .. } => stays(
                format!("{link} was made from flows that no longer run. It needs a rebase."),
                "warning",
            ),
            State::Applied { .. } => ends(
                format!("{link} is applied and running."),
                "success",
                Some(DONE_MS),
            ),
            State::Rejected { by, reason, .. } => ends(
                format!(
                    "{link} was rejected by {}: {}",
                    escape(&by.label()),
                    escape(reason)
                ),
                "error",
                Some(FAILED_MS),
            ),
            State::Failed { reason, .. } => ends(
                format!(
                    "{link} failed, what ran before runs again: {}",
                    escape(reason)
                ),
                "error",
                Some(FAILED_MS),
            ),
            State::Withdrawn { .. } | State::Superseded { .. } => vec![frame(&fixed, &json!({}))],
        }
    }
}

fn frame(topic: &str, data: &Value) -> String {
    json!([{ "topic": topic, "data": data }]).to_string()
}

/// The editor looks `text` up as a key and falls back on `defaultValue`, which it takes for HTML.
/// Fixed without a timeout; with one it closes by itself or by a click.
fn notice(id: DeploymentId, html: &str, kind: &str, timeout: Option<u32>) -> Value {
    let mut data = json!({ "text": format!("redkeep-{id}"), "defaultValue": html, "type": kind });
    if let Some(timeout) = timeout {
        data["timeout"] = timeout.into();
    }
    data
}
