//! What was seen when a proposal was tried, before anybody decides on it.
//!
//! All texts come from the tried flows and are hostile: [`tamed`] before they are kept, lists cut.

use serde::{Deserialize, Serialize};

use crate::{clock::Timestamp, letter::is_invisible};

/// Log lines kept of one run.
pub const LINES_MAX: usize = 60;
/// Attempts kept of one run: more than are told of one, of all kinds together.
pub const ATTEMPTS_MAX: usize = 640;
/// Missing node types kept of one run.
pub const TYPES_MAX: usize = 50;
/// Longest text kept, in characters.
pub const TEXT_CHARS_MAX: usize = 400;

/// How a deployment's rehearsal stands. One that waits has none yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Rehearsal {
    /// It is being tried.
    Running {
        /// Since when.
        since: Timestamp,
    },
    /// It was tried.
    Done {
        /// Until when.
        at: Timestamp,
        /// What was seen of the flows it starts from; none when they could not be tried.
        base: Option<Box<Observation>>,
        /// What was seen of the proposal.
        proposal: Box<Observation>,
    },
    /// It could not be tried.
    Impossible {
        /// Since when.
        at: Timestamp,
        /// Why, and the way out.
        why: String,
    },
}

/// What was seen in one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// How it went.
    pub outcome: Outcome,
    /// Node types no installed package has.
    pub missing_types: Vec<String>,
    /// Warnings and errors Node-RED logged, each once.
    pub log: Vec<Line>,
    /// What it tried to do outside itself, each once: one of each kind, then the next of each, so
    /// that many of one kind do not stand before the others. Nothing of it got out.
    pub attempts: Vec<Attempt>,
    /// Whether there were more attempts than are kept.
    pub has_more: bool,
    /// The most memory it had at a time.
    pub memory_bytes: u64,
    /// Processor time it took.
    pub cpu_ms: u64,
    /// How long it was watched after its start, in seconds.
    pub watched_seconds: u64,
}

/// How a run went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "outcome", content = "why")]
pub enum Outcome {
    /// The flows started and were still well at the end.
    Ran,
    /// Node-RED started and runs none of the flows, because node types are missing.
    Halted,
    /// Node-RED did not come to start the flows.
    NotStarted(String),
    /// Node-RED ended while the flows ran.
    Crashed(String),
    /// Node-RED no longer answered while the flows ran.
    Hung(String),
}

/// A line of Node-RED's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// An error, else a warning.
    pub is_error: bool,
    /// What it says, without its date.
    pub text: String,
}

/// Over what one reaches a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// Something a run tried to do outside itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Attempt {
    /// Connect or send to a host, by its name where it was looked up.
    Reach {
        /// Over what.
        protocol: Protocol,
        /// Name or address.
        host: String,
        /// The port.
        port: u16,
    },
    /// Find out a host's address, without going there.
    LookUp {
        /// The host's name.
        name: String,
    },
    /// Be reachable from the network; port 0 is any.
    Listen {
        /// Over what.
        protocol: Protocol,
        /// The port.
        port: u16,
    },
    /// Run a program.
    Run {
        /// Its path.
        program: String,
        /// Its arguments.
        arguments: Vec<String>,
    },
    /// Change a file or device outside its own folders.
    Write {
        /// Its path.
        path: String,
    },
    /// Connect to a Unix socket of another program.
    Socket {
        /// Its path.
        path: String,
    },
    /// Read a file or folder that is neither its own nor was shown to it.
    Read {
        /// Its path.
        path: String,
    },
    /// Use a part of the system that no program in a jail may use.
    Call {
        /// Its name.
        call: String,
    },
    /// Change the flows from inside Node-RED.
    Deploy,
    /// Something that could not be made out.
    Unreadable,
}

impl Protocol {
    /// The word for it.
    fn word(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        }
    }
}

impl Attempt {
    /// It in words, as it was read: hostile text.
    pub fn words(&self) -> String {
        match self {
            Self::Reach {
                protocol,
                host,
                port,
            } => format!("reach {host}, {} port {port}", protocol.word()),
            Self::LookUp { name } => format!("look up {name}"),
            Self::Listen { protocol, port: 0 } => {
                format!("listen on any {} port", protocol.word())
            }
            Self::Listen { protocol, port } => {
                format!("listen on {} port {port}", protocol.word())
            }
            Self::Run { program, arguments } => format!("run {program} {}", arguments.join(" "))
                .trim_end()
                .to_owned(),
            Self::Write { path } => format!("change {path}"),
            Self::Socket { path } => format!("connect to the socket {path}"),
            Self::Read { path } => format!("read {path}"),
            Self::Call { call } => format!("make the system call {call}"),
            Self::Deploy => "change the flows from inside".to_owned(),
            Self::Unreadable => "something that could not be made out".to_owned(),
        }
    }
}

impl Outcome {
    /// Why, when it did not go well.
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Ran => None,
            Self::Halted => Some("node types are missing"),
            Self::NotStarted(why) | Self::Crashed(why) | Self::Hung(why) => Some(why),
        }
    }
}

impl Observation {
    /// Whether it started, stayed well, and lacked nothing. What it logged or tried to reach does
    /// not count: without a network every connection fails.
    pub fn is_clean(&self) -> bool {
        self.outcome == Outcome::Ran && self.missing_types.is_empty()
    }
}

impl Rehearsal {
    /// Whether a policy that asks for a clean rehearsal is content.
    pub fn is_clean(&self) -> bool {
        match self {
            Self::Done { proposal, .. } => proposal.is_clean(),
            Self::Running { .. } | Self::Impossible { .. } => false,
        }
    }

    /// Whether nothing more will come of it by itself.
    pub fn is_over(&self) -> bool {
        !matches!(self, Self::Running { .. })
    }
}

/// One thing seen, and whether it is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen<'a, T> {
    /// What.
    pub what: &'a T,
    /// It was not seen before.
    pub is_new: bool,
}

/// Everything of `now`, new things first, each told whether it was in `before`.
pub fn against<'a, T: PartialEq>(now: &'a [T], before: Option<&[T]>) -> Vec<Seen<'a, T>> {
    let mut seen: Vec<_> = now
        .iter()
        .map(|what| Seen {
            what,
            is_new: before.is_some_and(|before| !before.contains(what)),
        })
        .collect();
    seen.sort_by_key(|seen| !seen.is_new);
    seen
}

/// What was in `before` and is no more.
pub fn gone<'a, T: PartialEq>(now: &[T], before: Option<&'a [T]>) -> Vec<&'a T> {
    let before = before.unwrap_or_default();
    before.iter().filter(|what| !now.contains(what)).collect()
}

/// The text cut, and with nothing in it that steers a terminal or turns its order round.
pub fn tamed(text: &str) -> String {
    let is_steering = |c: char| c.is_control() || is_invisible(c);
    let mut chars = text.chars();
    let mut tame: String = chars
        .by_ref()
        .take(TEXT_CHARS_MAX)
        .map(|c| if is_steering(c) { '\u{fffd}' } else { c })
        .collect();
    if chars.next().is_some() {
        tame.push('…');
    }
    tame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_things_come_first_and_gone_ones_are_named() {
        let (now, before) = (["a", "b", "c"], ["a", "x"]);
        let seen: Vec<_> = against(&now, Some(&before))
            .iter()
            .map(|seen| (*seen.what, seen.is_new))
            .collect();
        assert_eq!(seen, [("b", true), ("c", true), ("a", false)]);
        assert_eq!(gone(&now, Some(&before)), [&"x"]);
        assert!(against(&now, None).iter().all(|seen| !seen.is_new));
    }

    #[test]
    fn a_text_can_neither_steer_nor_fill() {
        assert_eq!(tamed("a\u{1b}[2J\u{202e}b"), "a\u{fffd}[2J\u{fffd}b");
        let long = tamed(&"é".repeat(TEXT_CHARS_MAX + 1));
        assert_eq!(long.chars().count(), TEXT_CHARS_MAX + 1);
        assert!(long.ends_with('…'));
    }

    #[test]
    fn only_what_ran_and_lacked_nothing_is_clean() {
        let mut seen = Observation {
            outcome: Outcome::Ran,
            missing_types: Vec::new(),
            log: Vec::new(),
            attempts: Vec::new(),
            has_more: false,
            memory_bytes: 0,
            cpu_ms: 0,
            watched_seconds: 20,
        };
        assert!(seen.is_clean());
        seen.missing_types.push("modbus-read".into());
        assert!(!seen.is_clean());
        seen.missing_types.clear();
        for outcome in [
            Outcome::Halted,
            Outcome::NotStarted("x".into()),
            Outcome::Crashed("x".into()),
            Outcome::Hung("x".into()),
        ] {
            seen.outcome = outcome;
            assert!(!seen.is_clean());
        }
    }
}
