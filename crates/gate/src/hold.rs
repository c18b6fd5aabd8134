//! The editor's two largest scripts stay off the wire until the editor has its flows.
//!
//! Monaco is asked for among the first and needed when somebody opens a node; on a slow link it
//! takes the place of everything the editor waits for. So who has just opened the editor's page gets
//! it once the flows were sent, or after [`LONGEST`]. The bytes are the same.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use model::id::SessionId;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

/// How long after the page was asked for nothing is held back any more.
const LONGEST: Duration = Duration::from_secs(15);
/// Sessions with an editor on its way, at most; of more, nothing is held back.
const OPENING_MAX: usize = 1000;

/// Editors on their way.
#[derive(Debug, Default)]
pub(crate) struct Holds(Mutex<HashMap<SessionId, Opening>>);

/// A page that was asked for, and not its flows yet.
#[derive(Debug)]
struct Opening {
    until: Instant,
    /// Cancelled when nothing is to wait any more.
    over: CancellationToken,
}

impl Holds {
    /// The session asks for the editor's page.
    pub(crate) fn open(&self, session: SessionId) {
        let now = Instant::now();
        let mut openings = self.lock();
        openings.retain(|_, opening| opening.until > now);
        if openings.len() >= OPENING_MAX {
            return;
        }
        let opening = Opening {
            until: now + LONGEST,
            over: CancellationToken::new(),
        };
        // The page before, in the same session, does not wait for the flows of this one.
        if let Some(before) = openings.insert(session, opening) {
            before.over.cancel();
        }
    }

    /// Waits while the session's editor has no flows yet. At once, if no page was asked for, or its
    /// flows were sent already.
    pub(crate) async fn wait(&self, session: SessionId) {
        let opening = {
            let openings = self.lock();
            let opening = openings.get(&session);
            opening.map(|it| (it.until, it.over.clone()))
        };
        if let Some((until, over)) = opening {
            // Whichever comes first.
            timeout_at(until, over.cancelled()).await.ok();
        }
    }

    /// When this goes away, the session's editor has its flows, or will not get them.
    pub(crate) fn flows(self: &Arc<Self>, session: SessionId) -> Flows {
        Flows {
            holds: Arc::clone(self),
            session,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Opening>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer with the flows, on its way.
#[derive(Debug)]
pub(crate) struct Flows {
    holds: Arc<Holds>,
    session: SessionId,
}

impl Drop for Flows {
    fn drop(&mut self) {
        if let Some(opening) = self.holds.lock().remove(&self.session) {
            opening.over.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    const ANN: SessionId = SessionId(1);
    const BOB: SessionId = SessionId(2);

    #[tokio::test(start_paused = true)]
    async fn nothing_waits_that_has_nothing_to_wait_for() {
        let holds = Arc::new(Holds::default());
        assert!(holds.wait(ANN).now_or_never().is_some(), "no page");
        holds.open(ANN);
        assert!(holds.wait(ANN).now_or_never().is_none());
        assert!(holds.wait(BOB).now_or_never().is_some(), "another's page");
        drop(holds.flows(ANN));
        assert!(holds.wait(ANN).now_or_never().is_some(), "flows were sent");
    }

    #[tokio::test(start_paused = true)]
    async fn the_flows_let_go_of_what_waits() {
        let holds = Arc::new(Holds::default());
        holds.open(ANN);
        let mut waiting = Box::pin(holds.wait(ANN));
        assert!(waiting.as_mut().now_or_never().is_none());
        let flows = holds.flows(ANN);
        assert!(waiting.as_mut().now_or_never().is_none(), "not all sent");
        drop(flows);
        assert!(waiting.now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn an_editor_that_never_asks_waits_so_long_and_no_longer() {
        let holds = Arc::new(Holds::default());
        holds.open(ANN);
        let since = Instant::now();
        holds.wait(ANN).await;
        assert_eq!(since.elapsed(), LONGEST);
        assert!(
            holds.wait(ANN).now_or_never().is_some(),
            "nor a second time"
        );
        // What is over is not kept.
        holds.open(BOB);
        assert_eq!(holds.lock().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_page_does_not_hold_the_first() {
        let holds = Arc::new(Holds::default());
        holds.open(ANN);
        let mut waiting = Box::pin(holds.wait(ANN));
        assert!(waiting.as_mut().now_or_never().is_none());
        holds.open(ANN);
        assert!(waiting.now_or_never().is_some());
        assert!(holds.wait(ANN).now_or_never().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_an_end_to_what_is_remembered() {
        let holds = Holds::default();
        for session in 0..2 * i64::try_from(OPENING_MAX).unwrap() {
            holds.open(SessionId(session));
        }
        assert_eq!(holds.lock().len(), OPENING_MAX);
    }
}
