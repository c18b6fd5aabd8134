//! Node-RED's own log, bounded.

use model::{clock::Timestamp, id::InstanceId};

use sqlx::{Row as _, sqlite::SqliteRow};

use crate::{
    Store, StoreError,
    json::{read_word, word},
};

/// Lines kept for an instance.
const LINES_MAX: usize = 20_000;
/// Bytes of a line.
const LINE_MAX: usize = 8 * 1024;
/// Lines returned at a time.
const LIMIT_MAX: u32 = 20_000;

/// A line that can be shown on a terminal or a page: cut, control characters (escape sequences,
/// false line ends) replaced. Tabs stay.
fn tamed(text: &str) -> String {
    let mut tame = String::with_capacity(text.len().min(LINE_MAX));
    for c in text.chars() {
        let c = if c.is_control() && c != '\t' {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        };
        if tame.len() + c.len_utf8() > LINE_MAX {
            break;
        }
        tame.push(c);
    }
    tame
}

/// How serious a line is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
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

fn read_line(row: &SqliteRow) -> Result<LogLine, StoreError> {
    let level: String = row.try_get("level")?;
    Ok(LogLine {
        sequence: row.try_get("sequence")?,
        at: Timestamp(row.try_get("at")?),
        level: read_word("log line", &level)?,
        text: row.try_get("text")?,
    })
}

impl Store {
    /// Keeps lines; the oldest beyond 20,000 an instance go.
    pub async fn keep_log(
        &self,
        id: &InstanceId,
        lines: &[(Timestamp, LogLevel, String)],
    ) -> Result<(), StoreError> {
        if lines.is_empty() {
            return Ok(());
        }
        let mut change = self.begin().await?;
        let last: Option<i64> =
            sqlx::query_scalar("SELECT MAX(sequence) FROM log_lines WHERE instance = ?")
                .bind(id.as_str())
                .fetch_one(change.db())
                .await?;
        let mut sequence = last.unwrap_or(0);
        for (at, level, text) in &lines[lines.len().saturating_sub(LINES_MAX)..] {
            sequence += 1;
            sqlx::query(
                "INSERT INTO log_lines (instance, sequence, at, level, text) \
                 VALUES (?, ?, ?, ?, ?)",
            )
            .bind(id.as_str())
            .bind(sequence)
            .bind(at.0)
            .bind(word(level))
            .bind(tamed(text))
            .execute(change.db())
            .await?;
        }
        let kept = i64::try_from(LINES_MAX).expect("a small number");
        sqlx::query("DELETE FROM log_lines WHERE instance = ? AND sequence <= ?")
            .bind(id.as_str())
            .bind(sequence - kept)
            .execute(change.db())
            .await?;
        change.commit().await
    }

    /// Lines after `after` (0: the last `limit`), oldest first.
    pub async fn log(
        &self,
        id: &InstanceId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<LogLine>, StoreError> {
        let query = if after <= 0 {
            "SELECT * FROM (SELECT sequence, at, level, text FROM log_lines WHERE instance = ? \
             AND sequence > ? ORDER BY sequence DESC LIMIT ?) AS newest ORDER BY sequence"
        } else {
            "SELECT sequence, at, level, text FROM log_lines WHERE instance = ? \
             AND sequence > ? ORDER BY sequence LIMIT ?"
        };
        let rows = sqlx::query(query)
            .bind(id.as_str())
            .bind(after)
            .bind(i64::from(limit.min(LIMIT_MAX)))
            .fetch_all(self.read())
            .await?;
        rows.iter().map(read_line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_cannot_write_to_the_terminal() {
        assert_eq!(
            tamed("a\u{1b}[2Jb\r\nc\td"),
            "a\u{fffd}[2Jb\u{fffd}\u{fffd}c\td"
        );
        assert_eq!(tamed(&"é".repeat(LINE_MAX)).len(), LINE_MAX);
    }
}
