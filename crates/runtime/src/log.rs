//! Node-RED's own log: its output read line by line, bounded, and kept in the store.
//!
//! What comes here is hostile text: a flow can print anything, as fast as it likes.

use std::{sync::Arc, time::Duration};

use model::{
    clock::{Clock, Timestamp},
    id::InstanceId,
    letter::is_invisible,
};
use store::{LogLevel, Store};
use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt as _, AsyncRead, BufReader},
    sync::mpsc,
    time::Instant,
};

mod end;
mod start;

pub(crate) use end::LastWords;
pub(crate) use start::StartLog;

/// Longest kept line, in bytes.
pub(crate) const LINE_BYTES_MAX: usize = 8 * 1024;
/// Most lines kept per second, of one instance.
const LINES_PER_SECOND_MAX: u32 = 500;
/// Most bytes read per second: what so many of the longest lines take. A flow that prints more waits
/// for us, or reading it would take the processor that guards the house.
const BYTES_PER_SECOND_MAX: usize = LINES_PER_SECOND_MAX as usize * LINE_BYTES_MAX;
/// How long lines are gathered before they are written together.
const GATHER: Duration = Duration::from_millis(250);
const BATCH_MAX: usize = 200;

/// One line, when it was read and how serious it is.
pub(crate) type Line = (Timestamp, LogLevel, String);

/// Reads lines from `source` until it ends; each is told to `hears`. Lines beyond what may be kept are counted, not kept.
pub(crate) async fn read(
    source: impl AsyncRead + Unpin,
    default: LogLevel,
    clock: Arc<dyn Clock>,
    mut hears: impl FnMut(LogLevel, &str),
    lines: mpsc::Sender<Line>,
) {
    let mut source = BufReader::new(source);
    let mut rate = Rate::new();
    let mut pace = Pace::new();
    let mut level = default;
    while let Some(bytes) = next_line(&mut source, &mut pace).await {
        let text = clean(&bytes);
        if text.is_empty() {
            continue;
        }
        level = level_of(&text).unwrap_or(if text.starts_with(' ') {
            level
        } else {
            default
        });
        hears(level, &text);
        if is_by_design(&text) {
            continue;
        }
        let now = clock.now();
        let (passes, dropped) = rate.count(Instant::now());
        let count = dropped.map(|count| (now, LogLevel::Warn, dropped_line(count)));
        let line = passes.then_some((now, level, text));
        for line in count.into_iter().chain(line) {
            // Never waits: a slow disk must not fill the pipe and stop Node-RED with it.
            if lines.try_send(line).is_err() {
                rate.dropped += 1;
            }
        }
    }
    if rate.dropped > 0 {
        // The receiver may be gone already, and then nobody keeps the count.
        lines
            .send((clock.now(), LogLevel::Warn, dropped_line(rate.dropped)))
            .await
            .ok();
    }
}

/// Writes lines to the store, several at a time, until all senders are gone.
pub(crate) async fn keep(store: Store, instance: InstanceId, mut lines: mpsc::Receiver<Line>) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while lines.recv_many(&mut batch, BATCH_MAX).await > 0 {
        if batch.len() < BATCH_MAX {
            tokio::time::sleep(GATHER).await;
            while batch.len() < BATCH_MAX {
                let Ok(line) = lines.try_recv() else { break };
                batch.push(line);
            }
        }
        if let Err(error) = store.keep_log(&instance, &batch).await {
            tracing::warn!(%instance, %error, "Node-RED's log could not be kept");
        }
        batch.clear();
    }
}

/// Node-RED warns at each load that its credentials are not encrypted. They lie sealed on Redkeep's
/// side of the bridge, and no key to them is in the jail: the warning is about our own design, and
/// would alarm whoever reads the log.
fn is_by_design(text: &str) -> bool {
    level_of(text) == Some(LogLevel::Warn) && text.ends_with("[warn] Using unencrypted credentials")
}

fn dropped_line(count: u64) -> String {
    format!("{count} lines dropped: more than {LINES_PER_SECOND_MAX} a second")
}

/// How many lines of the present second passed.
struct Rate {
    second: Instant,
    passed: u32,
    dropped: u64,
}

impl Rate {
    fn new() -> Self {
        Self {
            second: Instant::now(),
            passed: 0,
            dropped: 0,
        }
    }

    /// Whether this line passes, and how many were dropped in a second that is over.
    fn count(&mut self, now: Instant) -> (bool, Option<u64>) {
        let mut over = None;
        if now.duration_since(self.second) >= Duration::from_secs(1) {
            over = Some(self.dropped).filter(|&dropped| dropped > 0);
            *self = Self {
                second: now,
                passed: 0,
                dropped: 0,
            };
        }
        if self.passed < LINES_PER_SECOND_MAX {
            self.passed += 1;
            (true, over)
        } else {
            self.dropped += 1;
            (false, over)
        }
    }
}

/// How many bytes of the present second were read.
struct Pace {
    second: Instant,
    read: usize,
}

impl Pace {
    fn new() -> Self {
        Self {
            second: Instant::now(),
            read: 0,
        }
    }

    /// So many more were read. Waits until the second is over when they are too many.
    async fn read(&mut self, bytes: usize) {
        self.read = self.read.saturating_add(bytes);
        if self.read < BYTES_PER_SECOND_MAX {
            return;
        }
        tokio::time::sleep_until(self.second + Duration::from_secs(1)).await;
        *self = Self::new();
    }
}

/// The next line without its end, cut to [`LINE_BYTES_MAX`]; none when the source has ended or
/// fails.
async fn next_line(source: &mut (impl AsyncBufRead + Unpin), pace: &mut Pace) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    loop {
        let buffer = source.fill_buf().await.ok()?;
        if buffer.is_empty() {
            return (!line.is_empty()).then_some(line);
        }
        let end = buffer.iter().position(|&byte| byte == b'\n');
        let used = end.unwrap_or(buffer.len());
        // A line that never ends must not fill the memory: the rest of it is read and let go.
        let room = LINE_BYTES_MAX - line.len();
        line.extend_from_slice(&buffer[..used.min(room)]);
        let used = used + usize::from(end.is_some());
        source.consume(used);
        pace.read(used).await;
        if end.is_some() {
            return Some(line);
        }
    }
}

/// The text with every control and invisible character replaced, so that it neither steers a terminal
/// nor reads in another order than it is written.
fn clean(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let replace = |c: char| match c {
        '\t' => ' ',
        c if c.is_control() || is_invisible(c) => '\u{fffd}',
        c => c,
    };
    text.trim_end().chars().map(replace).collect()
}

/// The level in `20 Nov 18:00:00 - [info] …`, Node-RED's console format.
fn level_of(text: &str) -> Option<LogLevel> {
    let (date, rest) = text.split_once(" - [")?;
    let looks_dated = date.len() <= 20
        && date.starts_with(|c: char| c.is_ascii_digit())
        && date.bytes().filter(|&byte| byte == b':').count() == 2;
    let (word, _) = rest.split_once(']').filter(|_| looks_dated)?;
    match word {
        "fatal" | "error" => Some(LogLevel::Error),
        "warn" => Some(LogLevel::Warn),
        "info" => Some(LogLevel::Info),
        "debug" | "trace" | "audit" | "metric" => Some(LogLevel::Debug),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use LogLevel::{Error, Info, Warn};
    use model::clock::FixedClock;

    use super::*;

    async fn lines_of(bytes: &[u8]) -> Vec<(LogLevel, String)> {
        let (sender, mut receiver) = mpsc::channel(4096);
        let clock = Arc::new(FixedClock::new(Timestamp(0)));
        read(bytes, Info, clock, |_, _| {}, sender).await;
        let mut lines = Vec::new();
        while let Some((_, level, text)) = receiver.recv().await {
            lines.push((level, text));
        }
        lines
    }

    #[tokio::test]
    async fn levels_are_read_and_continued_lines_keep_theirs() {
        let lines = lines_of(
            b"20 Nov 18:00:00 - [info] Started flows\n20 Nov 18:00:01 - [error] [function:f] boom\n\
              \x20   at line 1\nplain\n1 Nov 8:00:00 - [warn] w",
        )
        .await;
        let levels: Vec<_> = lines.iter().map(|(level, _)| *level).collect();
        assert_eq!(levels, [Info, Error, Error, Info, Warn]);
        assert_eq!(lines[0].1, "20 Nov 18:00:00 - [info] Started flows");
    }

    #[tokio::test]
    async fn a_line_without_end_is_cut_and_the_next_is_whole() {
        let mut bytes = vec![b'x'; LINE_BYTES_MAX * 3];
        bytes.extend_from_slice(b"\nnext\n");
        let lines = lines_of(&bytes).await;
        assert_eq!(lines[0].1.len(), LINE_BYTES_MAX);
        assert_eq!(lines[1].1, "next");
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_read_no_faster_than_it_may_come() {
        // The clock stands still but for what waits.
        let begun = Instant::now();
        lines_of(&vec![b'x'; BYTES_PER_SECOND_MAX - 1]).await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
        lines_of(&vec![b'x'; 3 * BYTES_PER_SECOND_MAX]).await;
        assert_eq!(begun.elapsed().as_secs(), 3);
    }

    #[tokio::test]
    async fn control_characters_are_replaced() {
        let lines = lines_of("a\x1b[2Jb\u{202e}c\td\r\n".as_bytes()).await;
        assert_eq!(lines[0].1, "a\u{fffd}[2Jb\u{fffd}c d");
    }

    #[tokio::test]
    async fn the_warning_about_our_own_design_is_left_out() {
        let lines = lines_of(
            b"20 Nov 18:00:00 - [warn] Using unencrypted credentials\n\
              20 Nov 18:00:00 - [warn] [function:f] Using unencrypted credentials\nplain",
        )
        .await;
        let texts: Vec<_> = lines.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts.len(), 2, "{texts:?}");
        assert!(texts[0].contains("[function:f]"), "{texts:?}");
    }

    #[test]
    fn a_flood_is_counted_instead_of_kept() {
        let begin = Instant::now();
        let mut rate = Rate::new();
        rate.second = begin;
        for _ in 0..LINES_PER_SECOND_MAX {
            assert_eq!(rate.count(begin), (true, None));
        }
        for _ in 0..42 {
            assert_eq!(rate.count(begin), (false, None));
        }
        assert_eq!(rate.count(begin + Duration::from_secs(1)), (true, Some(42)));
        assert_eq!(rate.count(begin + Duration::from_secs(2)), (true, None));
    }

    #[test]
    fn only_node_reds_own_format_sets_a_level() {
        assert_eq!(level_of("x - [error] not dated"), None);
        assert_eq!(level_of("20 Nov 18:00:00 - [shout] x"), None);
        assert_eq!(level_of("20 Nov 18:00:00 - [fatal] x"), Some(Error));
    }
}
