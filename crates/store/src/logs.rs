//! Node-RED's own log, bounded.

use model::{clock::Timestamp, id::InstanceId};

use crate::{Store, StoreError};

/// How serious a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    /// trace, debug
    Debug,
    /// info
    Info,
    /// warn
    Warn,
    /// error, fatal
    Error,
}

/// A line of Node-RED's log.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LogLine {
    /// Its place, rising.
    pub sequence: i64,
    /// When it was read.
    pub at: Timestamp,
    /// How serious.
    pub level: LogLevel,
    /// The text; cut to 8 KiB, control characters replaced.
    pub text: String,
}

impl Store {
    /// Keeps lines; the oldest beyond 20,000 an instance go.
    pub async fn keep_log(&self, id: &InstanceId, lines: &[(Timestamp, LogLevel, String)]) -> Result<(), StoreError> {
        let _ = (id, lines);
        unimplemented!()
    }

    /// Lines after `after` (0: the last `limit`), oldest first.
    pub async fn log(&self, id: &InstanceId, after: i64, limit: u32) -> Result<Vec<LogLine>, StoreError> {
        let _ = (id, after, limit);
        unimplemented!()
    }
}
