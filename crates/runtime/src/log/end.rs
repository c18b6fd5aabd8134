//! What Node-RED's log says as it dies.

use std::time::Duration;

use model::instance::Memory;
use tokio::{sync::watch, time::timeout};

/// How long the log may take to be read to its end once the process is gone.
const LOG_TIME: Duration = Duration::from_secs(2);

/// Told whether the memory ran out; the other end is dropped with the log's.
#[derive(Debug)]
pub(crate) struct LastWords {
    out_of_memory: watch::Receiver<bool>,
    memory_bytes: Option<u64>,
}

/// Listens to the log.
#[derive(Debug)]
pub(crate) struct Hears(watch::Sender<bool>);

impl LastWords {
    pub(crate) fn new(memory_bytes: Option<u64>) -> (Self, Hears) {
        let (sender, out_of_memory) = watch::channel(false);
        let last_words = Self {
            out_of_memory,
            memory_bytes,
        };
        (last_words, Hears(sender))
    }

    /// Why it ended, in words one can act on. A flow can print what V8 prints: this chooses words,
    /// and decides nothing.
    pub(crate) async fn explain(mut self, reason: String) -> String {
        let heard = timeout(LOG_TIME, self.out_of_memory.wait_for(|it| *it)).await;
        if !matches!(heard, Ok(Ok(_))) {
            return reason;
        }
        let limit = self
            .memory_bytes
            .map(|bytes| format!(" of {}", Memory::within_bounds(bytes)))
            .unwrap_or_default();
        format!(
            "Node-RED ran out of its memory{limit} ({reason}); flows that need more can be given \
             more in the instance's policy"
        )
    }
}

impl Hears {
    pub(crate) fn see(&mut self, text: &str) {
        if text.starts_with("FATAL ERROR: ") && text.ends_with("out of memory") {
            self.0.send_replace(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V8: &str =
        "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory";

    async fn explained(lines: &[&str]) -> String {
        let (last_words, mut hears) = LastWords::new(Some(512 << 20));
        for line in lines {
            hears.see(line);
        }
        drop(hears);
        last_words.explain("killed by signal 6".to_owned()).await
    }

    #[tokio::test]
    async fn an_end_for_want_of_memory_is_told_with_the_way_out() {
        let why = explained(&[
            "<--- Last few GCs --->",
            V8,
            "----- Native stack trace -----",
        ])
        .await;
        assert!(
            why.contains("memory of 512 MiB (killed by signal 6)"),
            "{why}"
        );
        assert!(why.ends_with("policy"), "{why}");
        assert_eq!(
            explained(&["[error] out of memory"]).await,
            "killed by signal 6"
        );
    }
}
