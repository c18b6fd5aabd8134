//! Our own authority: what an administrator has done with it, recorded.

use axum::http::StatusCode;
use deploy::Caller;
use model::{access::Permission, audit::EventKind};
use serde_json::{Value, json};

use crate::{App, AuthorityStatus, Issuing, problem::Problem};

/// What can be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Act {
    /// A new root, good beside the old one for so many days.
    Rotate(u16),
    /// The old root stays.
    Cancel,
    /// A leaf onto the revocation list.
    Revoke(String),
}

/// Does it for an administrator and records it. It is done in a task of its own: a browser that goes
/// away must not leave it without its record.
pub(crate) async fn act(app: &App, caller: &Caller, act: Act) -> Result<(), Problem> {
    caller.require(Permission::Administer)?;
    let Some(issuing) = app.issuing.clone() else {
        let why = "Redkeep is not running; start it with `redkeep up`";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        return Err(Problem::new(status, "not-running", why));
    };
    let (store, by) = (app.store.clone(), caller.actor());
    let task = tokio::spawn(async move {
        let asked = act.clone();
        let done = tokio::task::spawn_blocking(move || {
            let done = match &asked {
                Act::Rotate(days) => issuing.rotate(*days),
                Act::Cancel => issuing.cancel_rotation(),
                Act::Revoke(serial) => issuing.revoke(serial),
            };
            done.map(|()| issuing.authority())
        });
        let done = done.await.map_err(|error| error.to_string()).flatten();
        let state = done.map_err(|why| Problem::new(StatusCode::CONFLICT, "not-done", why))?;
        let (kind, detail) = recorded(&act, state.as_ref());
        let noted = store.record(kind, &by, None, "authority", detail).await;
        noted.map_err(Problem::from)
    });
    task.await.unwrap_or_else(|error| {
        let (status, why) = (StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
        Err(Problem::new(status, "internal", why))
    })
}

fn recorded(act: &Act, state: Option<&AuthorityStatus>) -> (EventKind, Value) {
    let root = state.map(|it| it.root.fingerprint.to_string());
    let until = state.and_then(|it| it.both_until).map(|at| at.to_string());
    match act {
        Act::Rotate(_) => (
            EventKind::AuthorityChanged,
            json!({ "what": "a new root, the old one good beside it", "root": root, "until": until }),
        ),
        Act::Cancel => (
            EventKind::AuthorityChanged,
            json!({ "what": "the new root was taken back", "root": root }),
        ),
        Act::Revoke(serial) => (EventKind::CertificateRevoked, json!({ "serial": serial })),
    }
}

/// The root to trust (PEM); empty: the certificate comes from the operator's files.
pub(crate) fn root_pem(app: &App) -> String {
    let issuing = app.issuing.as_ref();
    let state = issuing.and_then(|issuing| Issuing::authority(&**issuing));
    state.map_or_else(|| app.ca_pem.clone(), |state| state.root.pem)
}
