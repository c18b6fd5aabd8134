//! What was heard of one run, bounded and put in order.

use std::{mem, time::Duration};

use model::rehearsal::{self, Attempt, LINES_MAX, Line, Observation, Outcome, TYPES_MAX, tamed};
use sandbox::observed::{self, Sighting, Usage};
use store::LogLevel;

use super::jailed::Heard;

/// What Node-RED says once its flows run.
const STARTED: &str = "Started flows";
/// What it says when it keeps them from running.
const MISSING: &str = "Waiting for missing types to be registered:";
/// Before each missing type.
const ITEM: &str = "- ";
/// Lines kept to say why something ended.
const LAST_MAX: usize = 4;

/// What was heard so far.
#[derive(Debug, Default)]
pub(super) struct Record {
    state: State,
    missing_types: Vec<String>,
    log: Vec<Line>,
    last: Vec<String>,
    attempts: Vec<Attempt>,
    has_more: bool,
    usage: Option<Usage>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Starting,
    Started,
    Halted,
}

impl Record {
    /// Whether the flows run, or are said not to.
    pub(super) fn has_started(&self) -> bool {
        self.state != State::Starting
    }

    /// Whether missing types keep them from running.
    pub(super) fn is_halted(&self) -> bool {
        self.state == State::Halted
    }

    pub(super) fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Logged((_, level, text)) => self.logged(level, &text),
            Heard::Sighted(Sighting::Attempt(attempt)) => {
                if self.attempts.len() < rehearsal::ATTEMPTS_MAX {
                    self.attempts.push(translated(attempt));
                }
            }
            Heard::Sighted(Sighting::More) => self.has_more = true,
            Heard::Sighted(Sighting::Ended(usage)) => self.usage = Some(usage),
        }
    }

    fn logged(&mut self, level: LogLevel, text: &str) {
        if text.starts_with("redkeep jail: ") {
            return;
        }
        // Without the date and the level in front, so that it can be compared with another run's.
        let said = match text.split_once(" - [") {
            Some((_, rest)) => rest.split_once("] ").map_or(rest, |(_, said)| said),
            None => text,
        };
        match (self.state, said.trim()) {
            (State::Starting, STARTED) => self.state = State::Started,
            (State::Starting, MISSING) => {
                self.state = State::Halted;
                return;
            }
            (State::Halted, item) if item.starts_with(ITEM) => {
                let name = tamed(item.trim_start_matches(ITEM));
                if self.missing_types.len() < TYPES_MAX && !self.missing_types.contains(&name) {
                    self.missing_types.push(name);
                }
                return;
            }
            _ => {}
        }
        if level < LogLevel::Warn || text.starts_with(' ') {
            return;
        }
        let line = Line {
            is_error: level == LogLevel::Error,
            text: tamed(said),
        };
        self.last.push(line.text.clone());
        if self.last.len() > LAST_MAX {
            self.last.remove(0);
        }
        if self.log.len() < LINES_MAX && !self.log.contains(&line) {
            self.log.push(line);
        }
    }

    /// How it ended, with the last that was logged before.
    pub(super) fn cause(&self, how: &str) -> String {
        if self.last.is_empty() {
            return tamed(how);
        }
        tamed(&format!(
            "{how}; the last it said: {}",
            self.last.join(" · ")
        ))
    }

    /// The observation.
    pub(super) fn sum_up(mut self, outcome: Outcome, watched: Duration) -> Observation {
        // Where somebody went says that they looked it up.
        let reached: Vec<String> = self
            .attempts
            .iter()
            .filter_map(|attempt| match attempt {
                Attempt::Reach { host, .. } => Some(host.clone()),
                _ => None,
            })
            .collect();
        self.attempts.retain(
            |attempt| !matches!(attempt, Attempt::LookUp { name } if reached.contains(name)),
        );
        let usage = self.usage.unwrap_or(Usage {
            memory_bytes: 0,
            cpu_ms: 0,
        });
        Observation {
            outcome,
            missing_types: self.missing_types,
            log: self.log,
            attempts: in_turns(self.attempts),
            has_more: self.has_more,
            memory_bytes: usage.memory_bytes,
            cpu_ms: usage.cpu_ms,
            watched_seconds: watched.as_secs(),
        }
    }
}

/// Each once, one of each kind and then the next of each: whoever reads the beginning has seen every
/// kind, and a flood of one hides no other.
fn in_turns(mut attempts: Vec<Attempt>) -> Vec<Attempt> {
    attempts.sort();
    attempts.dedup();
    // Sorted, those of a kind stand together.
    let (mut turn, mut turns) = (0, Vec::with_capacity(attempts.len()));
    let mut before = None;
    for attempt in attempts {
        let kind = mem::discriminant(&attempt);
        let is_same = before.replace(kind) == Some(kind);
        turn = if is_same { turn + 1 } else { 0 };
        turns.push((turn, attempt));
    }
    // Stable: within a turn they stay in order.
    turns.sort_by_key(|(turn, _)| *turn);
    turns.into_iter().map(|(_, attempt)| attempt).collect()
}

fn translated(attempt: observed::Attempt) -> Attempt {
    let over = |protocol| match protocol {
        observed::Protocol::Tcp => rehearsal::Protocol::Tcp,
        observed::Protocol::Udp => rehearsal::Protocol::Udp,
    };
    match attempt {
        observed::Attempt::Reach {
            protocol,
            host,
            port,
        } => Attempt::Reach {
            protocol: over(protocol),
            host: tamed(&host),
            port,
        },
        observed::Attempt::LookUp { name } => Attempt::LookUp { name: tamed(&name) },
        observed::Attempt::Socket { path } => Attempt::Socket { path: tamed(&path) },
        observed::Attempt::Listen { protocol, port } => Attempt::Listen {
            protocol: over(protocol),
            port,
        },
        observed::Attempt::Run { program, arguments } => Attempt::Run {
            program: tamed(&program),
            // The first is the program's name again.
            arguments: arguments.iter().skip(1).map(|it| tamed(it)).collect(),
        },
        observed::Attempt::Write { path, .. } => Attempt::Write { path: tamed(&path) },
        observed::Attempt::Read { path } => Attempt::Read { path: tamed(&path) },
        observed::Attempt::Call { call } => Attempt::Call { call: tamed(&call) },
        observed::Attempt::Unreadable { .. } => Attempt::Unreadable,
    }
}

#[cfg(test)]
mod tests {
    use model::clock::Timestamp;

    use super::*;

    fn record(lines: &[(LogLevel, &str)]) -> Record {
        let mut record = Record::default();
        for (level, text) in lines {
            record.hear(Heard::Logged((Timestamp(0), *level, (*text).to_owned())));
        }
        record
    }

    #[test]
    fn a_start_and_what_was_logged_are_read_without_their_dates() {
        let record = record(&[
            (LogLevel::Info, "20 Nov 18:00:00 - [info] Started flows"),
            (
                LogLevel::Error,
                "20 Nov 18:00:01 - [error] [function:f] boom",
            ),
            (LogLevel::Error, "    at somewhere"),
            (
                LogLevel::Error,
                "20 Nov 18:00:09 - [error] [function:f] boom",
            ),
        ]);
        assert!(record.has_started() && !record.is_halted());
        let seen = record.sum_up(Outcome::Ran, Duration::from_secs(20));
        let line = Line {
            is_error: true,
            text: "[function:f] boom".into(),
        };
        assert_eq!(seen.log, [line]);
    }

    #[test]
    fn missing_types_are_read_once_each() {
        let record = record(&[
            (
                LogLevel::Info,
                "20 Nov 18:00:00 - [info] Waiting for missing types to be registered:",
            ),
            (LogLevel::Info, "20 Nov 18:00:00 - [info]  - modbus-read"),
            (LogLevel::Info, "20 Nov 18:00:00 - [info]  - modbus-read"),
        ]);
        assert!(record.is_halted());
        assert_eq!(record.missing_types, ["modbus-read"]);
    }

    #[test]
    fn many_of_one_kind_do_not_stand_before_the_others() {
        let mut record = Record::default();
        for port in 1..=64 {
            record.hear(Heard::Sighted(Sighting::Attempt(
                observed::Attempt::Reach {
                    protocol: observed::Protocol::Tcp,
                    host: "a".into(),
                    port,
                },
            )));
        }
        let path = "/etc/shadow".to_owned();
        record.hear(Heard::Sighted(Sighting::Attempt(observed::Attempt::Read {
            path: path.clone(),
        })));
        let seen = record.sum_up(Outcome::Ran, Duration::ZERO);
        assert_eq!(seen.attempts.len(), 65);
        assert_eq!(seen.attempts[1], Attempt::Read { path });
    }

    #[test]
    fn a_name_that_was_gone_to_is_told_once() {
        let mut record = Record::default();
        for attempt in [
            observed::Attempt::LookUp { name: "b".into() },
            observed::Attempt::LookUp { name: "a".into() },
            observed::Attempt::Reach {
                protocol: observed::Protocol::Tcp,
                host: "b".into(),
                port: 1883,
            },
        ] {
            record.hear(Heard::Sighted(Sighting::Attempt(attempt)));
        }
        let seen = record.sum_up(Outcome::Ran, Duration::ZERO);
        let reach = Attempt::Reach {
            protocol: rehearsal::Protocol::Tcp,
            host: "b".into(),
            port: 1883,
        };
        assert_eq!(seen.attempts, [reach, Attempt::LookUp { name: "a".into() }]);
    }
}
