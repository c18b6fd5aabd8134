//! The streams of one HTTP/2 connection, each of which can be let go without the others: an answer
//! nobody takes must not live on beside a WebSocket, and must not take it along either.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use hyper::rt::Executor;
use tokio::sync::Notify;

tokio::task_local! {
    /// Whether the client has something to take of the answer on this task's stream.
    static OWED: Arc<AtomicBool>;
}

/// Runs a connection's streams.
#[derive(Debug, Clone, Default)]
pub(super) struct Streams {
    let_go: Arc<Notify>,
}

impl Streams {
    /// Ends those whose answers wait for the client; h2 resets them and drops what it held.
    pub(super) fn let_go(&self) {
        self.let_go.notify_waiters();
    }
}

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let owed = Arc::new(AtomicBool::new(false));
        let ended = until_let_go(Arc::clone(&self.let_go), Arc::clone(&owed));
        tokio::spawn(OWED.scope(owed, async move {
            tokio::select! {
                biased;
                () = stream => {}
                () = ended => tracing::debug!("an answer nobody takes is let go"),
            }
        }));
    }
}

async fn until_let_go(let_go: Arc<Notify>, owed: Arc<AtomicBool>) {
    loop {
        let_go.notified().await;
        if owed.load(Ordering::SeqCst) {
            return;
        }
    }
}

/// The mark of the stream whose task this is; one of its own over HTTP/1.1.
pub(super) fn mark() -> Arc<AtomicBool> {
    OWED.try_with(Arc::clone).unwrap_or_default()
}
