//! Long-lived connections: they end within a second when the session or token behind them does.

use std::time::Duration;

use model::principal::Principal;
use store::Store;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::identify::{self, Known};

/// How often a session's own end (idle, age) is looked for.
const LOOK: Duration = Duration::from_mins(5);
/// Bytes held each way.
const BUFFER: usize = 64 * 1024;

/// Returns when `known` is no longer who it was: revoked, expired, or of another role.
pub(crate) async fn until_revoked(store: &Store, known: &Known) {
    let mut revocations = store.revocations();
    // What was revoked between the look-up and here must count.
    revocations.mark_changed();
    let mut tick = tokio::time::interval(LOOK);
    tick.tick().await;
    loop {
        let is_good = tokio::select! {
            changed = revocations.changed() => changed.is_ok() && is_same(store, known).await,
            _ = tick.tick() => is_listed(store, &known.principal).await,
        };
        if !is_good {
            return;
        }
    }
}

async fn is_same(store: &Store, known: &Known) -> bool {
    match identify::look_up(store, known.credential.clone()).await {
        Ok(found) => found.is_some_and(|found| found.principal == known.principal),
        Err(error) => {
            // An unreadable ledger cannot vouch for anybody.
            tracing::error!(%error, "a live connection is closed: its session cannot be checked");
            false
        }
    }
}

async fn is_listed(store: &Store, principal: &Principal) -> bool {
    identify::is_listed(store, principal).await.unwrap_or(false)
}

/// Carries bytes both ways until one side ends or `known` is revoked.
pub(crate) async fn carry<A, B>(mut client: A, mut server: B, store: &Store, known: Option<&Known>)
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let copy = tokio::io::copy_bidirectional_with_sizes(&mut client, &mut server, BUFFER, BUFFER);
    let revoked = async {
        match known {
            Some(known) => until_revoked(store, known).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        ended = copy => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a live connection ended badly");
            }
        }
        () = revoked => tracing::debug!("a live connection was closed: its session ended"),
    }
}
