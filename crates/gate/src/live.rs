//! Long-lived connections: they end within a second when the session or token behind them does, or
//! when who may come from where changes and they would not be let in any more.

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
};

use crate::{
    gate::{Inner, Standing},
    identify::{self, Known},
};

/// How often a session's own end (idle, age) is looked for.
const LOOK: Duration = Duration::from_mins(5);
/// Bytes held each way.
const BUFFER: usize = 64 * 1024;

/// Returns when what was let in would be refused: who stands behind it is no longer who it was
/// (revoked, expired, or of another role), or the rules say so.
pub(crate) async fn until_refused(gate: &Inner, standing: &Standing) {
    tokio::select! {
        () = until_revoked(gate, standing) => {}
        () = until_ruled_out(gate, standing) => {}
    }
}

async fn until_ruled_out(gate: &Inner, standing: &Standing) {
    let mut rules = gate.store.rules_changes();
    // What changed between the decision and here must count.
    rules.mark_changed();
    let mut certificates = standing.certificate_changes();
    loop {
        tokio::select! {
            changed = rules.changed() => if changed.is_err() {
                return;
            },
            () = changed(certificates.as_mut()) => {}
        }
        // A network that a token or a wall display is bound to may hold other addresses now.
        if let Some(known) = &standing.known
            && !is_same(gate, known, standing).await
        {
            return;
        }
        match gate.judge(&standing.asking()).await {
            Ok(judged) if judged.permit.is_ok() => {}
            Ok(_) => return,
            Err(error) => {
                // An unreadable ledger cannot say that it may go on.
                tracing::error!(%error, "a live connection is closed: the rules cannot be read");
                return;
            }
        }
    }
}

/// Returns when a certificate may be judged otherwise; never without one.
async fn changed(certificates: Option<&mut watch::Receiver<u64>>) {
    let Some(certificates) = certificates else {
        return std::future::pending().await;
    };
    if certificates.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Returns when who stands behind it is no longer who it was; never for nobody.
async fn until_revoked(gate: &Inner, standing: &Standing) {
    let Some(known) = &standing.known else {
        return std::future::pending().await;
    };
    let mut revocations = gate.store.revocations();
    // What was revoked between the look-up and here must count.
    revocations.mark_changed();
    let mut tick = tokio::time::interval(LOOK);
    tick.tick().await;
    loop {
        let is_good = tokio::select! {
            changed = revocations.changed() => {
                changed.is_ok() && is_same(gate, known, standing).await
            }
            _ = tick.tick() => {
                let listed = identify::is_listed(&gate.store, known, gate.place(standing.address));
                listed.await.unwrap_or(false)
            }
        };
        if !is_good {
            return;
        }
    }
}

async fn is_same(gate: &Inner, known: &Known, standing: &Standing) -> bool {
    let place = gate.place(standing.address);
    match identify::look_up(&gate.store, known.credential.clone(), place).await {
        Ok(found) => found.is_some_and(|found| found.principal == known.principal),
        Err(error) => {
            // An unreadable ledger cannot vouch for anybody.
            tracing::error!(%error, "a live connection is closed: its session cannot be checked");
            false
        }
    }
}

/// Carries bytes both ways until one side ends or it would not be let in any more.
pub(crate) async fn carry<A, B>(mut client: A, mut server: B, gate: &Inner, standing: &Standing)
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let copy = tokio::io::copy_bidirectional_with_sizes(&mut client, &mut server, BUFFER, BUFFER);
    tokio::select! {
        ended = copy => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a live connection ended badly");
            }
        }
        () = until_refused(gate, standing) => {
            tracing::debug!("a live connection was closed: it would not be let in any more");
        }
    }
}
