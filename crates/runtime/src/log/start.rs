//! What Node-RED's log says between "Starting flows" and "Started flows".
//!
//! Node-RED reports the flows as started also when a node of them could not be made, or a whole
//! flow threw: its log alone says so.

use std::time::Duration;

use tokio::{sync::watch, time::timeout};

use store::LogLevel;

/// How long the log's "Started flows" is waited for once Node-RED reports that it did: the two
/// come by different ways.
const LOG_TIME: Duration = Duration::from_secs(2);
/// Complaints shown by their words; the rest is counted.
const SHOWN_MAX: usize = 3;
const COMPLAINT_CHARS_MAX: usize = 200;

/// One start of the flows as the log tells it. Bounded, whatever is printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Start {
    is_under_way: bool,
    is_over: bool,
    complaints: Vec<String>,
    count: usize,
}

/// The present start of the flows.
#[derive(Debug)]
pub(crate) struct StartLog(watch::Sender<Start>);

impl Default for StartLog {
    fn default() -> Self {
        Self(watch::Sender::new(Start::default()))
    }
}

impl StartLog {
    /// The flows are about to be started: what was said of the start before is void.
    pub(crate) fn begin(&self) {
        self.0.send_replace(Start::default());
    }

    /// A line of the log.
    pub(crate) fn see(&self, level: LogLevel, text: &str) {
        let message = message_of(text);
        self.0.send_if_modified(|start| {
            match message {
                Some("Starting flows" | "Starting modified flows" | "Starting modified nodes") => {
                    *start = Start {
                        is_under_way: true,
                        ..Start::default()
                    };
                }
                Some("Started flows" | "Started modified flows" | "Started modified nodes") => {
                    (start.is_under_way, start.is_over) = (false, true);
                }
                // A flow that throws is printed as a bare stack; its first line is at the margin.
                _ if start.is_under_way && is_complaint(level, message, text) => {
                    start.complain(message.unwrap_or(text));
                }
                _ => return false,
            }
            true
        });
    }

    /// Once the flows are reported as running: what the log complained of while they started.
    pub(crate) async fn complaints(&self) -> Option<String> {
        let mut starts = self.0.subscribe();
        let over = timeout(LOG_TIME, starts.wait_for(|start| start.is_over)).await;
        // Late or never: what was said until now counts.
        drop(over);
        starts.borrow_and_update().words()
    }
}

impl Start {
    fn complain(&mut self, words: &str) {
        self.count = self.count.saturating_add(1);
        if self.complaints.len() < SHOWN_MAX {
            let words = words.trim().chars().take(COMPLAINT_CHARS_MAX).collect();
            self.complaints.push(words);
        }
    }

    fn words(&self) -> Option<String> {
        let shown = self.complaints.join("; ");
        match self.count.saturating_sub(self.complaints.len()) {
            _ if self.count == 0 => None,
            0 => Some(format!("while the flows started, its log said: {shown}")),
            more => Some(format!(
                "while the flows started, its log said: {shown}; and {more} more"
            )),
        }
    }
}

/// What stands after `[level] ` in a line of Node-RED's own format.
fn message_of(text: &str) -> Option<&str> {
    super::level_of(text)?;
    let (_, rest) = text.split_once("] ")?;
    Some(rest)
}

fn is_complaint(level: LogLevel, message: Option<&str>, text: &str) -> bool {
    match message {
        Some(_) => level == LogLevel::Error,
        None => !text.starts_with(' ') && text.contains("Error: "),
    }
}

#[cfg(test)]
mod tests {
    use LogLevel::{Error, Info};

    use super::*;

    fn saw(lines: &[(LogLevel, &str)]) -> Option<String> {
        let log = StartLog::default();
        for (level, text) in lines {
            log.see(*level, text);
        }
        log.0.borrow().words()
    }

    const STARTING: (LogLevel, &str) = (Info, "20 Nov 18:00:00 - [info] Starting flows");
    const STARTED: (LogLevel, &str) = (Info, "20 Nov 18:00:01 - [info] Started flows");
    const BROKEN: (LogLevel, &str) = (
        Error,
        "20 Nov 18:00:01 - [error] [function:f] SyntaxError: Unexpected token",
    );

    #[test]
    fn an_error_while_starting_is_told_and_one_after_it_is_not() {
        let said = saw(&[STARTING, BROKEN, STARTED]).unwrap();
        assert!(
            said.ends_with("[function:f] SyntaxError: Unexpected token"),
            "{said}"
        );
        assert_eq!(saw(&[BROKEN, STARTING, STARTED, BROKEN]), None);
    }

    #[test]
    fn a_flow_that_throws_is_told_by_the_first_line_of_its_stack() {
        let stack = (Info, "Error: Circular config node dependency detected: a");
        let place = (Info, "    at Flow.start (Flow.js:1)");
        let said = saw(&[STARTING, stack, place, STARTED]).unwrap();
        assert!(said.ends_with("detected: a"), "{said}");
    }

    #[test]
    fn a_flood_of_complaints_is_counted() {
        let mut lines = vec![STARTING];
        lines.extend(std::iter::repeat_n(BROKEN, 5000));
        let said = saw(&lines).unwrap();
        assert!(
            said.ends_with("and 4997 more") && said.len() < 1000,
            "{said}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_logs_end_of_a_start_is_waited_for() {
        let log = StartLog::default();
        log.see(STARTING.0, STARTING.1);
        let late = async {
            tokio::time::sleep(LOG_TIME / 2).await;
            log.see(BROKEN.0, BROKEN.1);
            log.see(STARTED.0, STARTED.1);
        };
        let (said, ()) = tokio::join!(log.complaints(), late);
        assert!(said.is_some());
        log.begin();
        assert_eq!(log.complaints().await, None);
    }
}
