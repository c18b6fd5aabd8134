//! What was seen when the proposal was tried, against the same for what runs.

use model::{
    instance::RehearsalPolicy,
    rehearsal::{Attempt, Line, Observation, Outcome, Rehearsal, against, gone},
};

use crate::{
    shell::Shell,
    wording::{Moment, Pill, name_of, shown},
};

/// Things listed of one kind.
const ITEMS_SHOWN: usize = 25;

/// What the addresses begin with that stand for names while there is no network.
const STAND_IN: &str = "198.18.";

/// The rehearsal's part of a deployment's page.
#[derive(Debug)]
pub(crate) struct RehearsalView {
    pub(crate) tone: &'static str,
    pub(crate) icon: &'static str,
    pub(crate) verdict: &'static str,
    pub(crate) sentence: String,
    pub(crate) why: Option<String>,
    pub(crate) at: Option<Moment>,
    pub(crate) groups: Vec<Group>,
    pub(crate) facts: Vec<(&'static str, String)>,
}

/// Things of one kind, new ones first.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) title: &'static str,
    pub(crate) items: Vec<Item>,
    pub(crate) more: usize,
}

/// One thing seen.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) text: String,
    pub(crate) pill: Pill,
}

impl RehearsalView {
    /// None where there is nothing to say: policy asks for none, or it is over without one.
    pub(crate) fn new(
        rehearsal: Option<&Rehearsal>,
        policy: RehearsalPolicy,
        is_open: bool,
        shell: &Shell,
    ) -> Option<Self> {
        let plain = |tone, icon, verdict, sentence: &str, at| Self {
            tone,
            icon,
            verdict,
            sentence: sentence.to_owned(),
            why: None,
            at,
            groups: Vec::new(),
            facts: Vec::new(),
        };
        match rehearsal {
            None if policy == RehearsalPolicy::Off || !is_open => None,
            None => Some(plain(
                "quiet",
                "clock",
                "Waits for its turn.",
                "It will be tried without a network in a Node-RED that is thrown away. Load this \
                 page again in a minute.",
                None,
            )),
            Some(Rehearsal::Running { since }) => Some(plain(
                "look",
                "clock",
                "Being tried now.",
                "It takes up to two minutes. Load this page again to see what was found.",
                Some(shell.moment(*since)),
            )),
            Some(Rehearsal::Impossible { at, why }) => Some(Self {
                why: Some(shown(why)),
                ..plain(
                    "warn",
                    "triangle",
                    "It could not be tried.",
                    "Nothing is known of what it would do when it runs.",
                    Some(shell.moment(*at)),
                )
            }),
            Some(Rehearsal::Done { at, base, proposal }) => {
                Some(Self::done(base.as_deref(), proposal, shell.moment(*at)))
            }
        }
    }

    fn done(base: Option<&Observation>, seen: &Observation, at: Moment) -> Self {
        let Verdict {
            tone,
            icon,
            words,
            sentence,
        } = verdict(base, seen);
        let why = match &seen.outcome {
            Outcome::Ran | Outcome::Halted => None,
            other => other.why().map(shown),
        };
        Self {
            tone,
            icon,
            verdict: words,
            sentence,
            why,
            at: Some(at),
            groups: groups(base, seen),
            facts: facts(base, seen),
        }
    }
}

/// How a rehearsal went, in words.
pub(crate) struct Verdict {
    tone: &'static str,
    icon: &'static str,
    pub(crate) words: &'static str,
    pub(crate) sentence: String,
}

/// What is to be said of a run, against the same for what runs.
pub(crate) fn verdict(base: Option<&Observation>, seen: &Observation) -> Verdict {
    let (tone, icon, words, sentence) = match &seen.outcome {
        Outcome::Ran if seen.missing_types.is_empty() => (
            "good",
            "check",
            "It started and ran.",
            format!(
                "Watched for {} seconds, without a network.",
                seen.watched_seconds
            ),
        ),
        Outcome::Ran | Outcome::Halted => (
            "bad",
            "octagon",
            "None of its flows would run.",
            "Node types are missing: install their packages first.".to_owned(),
        ),
        Outcome::NotStarted(_) => (
            "bad",
            "octagon",
            "It did not start.",
            "Applied, it would very likely not start either.".to_owned(),
        ),
        Outcome::Crashed(_) => (
            "bad",
            "octagon",
            "It ended Node-RED.",
            "Applied, it would very likely stop all flows.".to_owned(),
        ),
        Outcome::Hung(_) => (
            "bad",
            "octagon",
            "It made Node-RED hang.",
            "Applied, all flows would very likely stand still.".to_owned(),
        ),
    };
    let is_before = base.is_some_and(|base| !base.is_clean()) && !seen.is_clean();
    let sentence = if is_before {
        format!("{sentence} What runs now does not rehearse well either.")
    } else {
        sentence
    };
    Verdict {
        tone,
        icon,
        words,
        sentence,
    }
}

fn groups(base: Option<&Observation>, seen: &Observation) -> Vec<Group> {
    let all = [
        group(
            "Missing node types",
            &seen.missing_types,
            base.map(|base| base.missing_types.as_slice()),
            String::clone,
        ),
        group(
            "What it tried outside itself; nothing of it got out",
            &seen.attempts,
            base.map(|base| base.attempts.as_slice()),
            Attempt::words,
        ),
        group(
            "Warnings and errors it logged",
            &seen.log,
            base.map(|base| base.log.as_slice()),
            |line: &Line| line.text.clone(),
        ),
    ];
    all.into_iter()
        .filter(|group| !group.items.is_empty())
        .collect()
}

fn group<T: PartialEq>(
    title: &'static str,
    now: &[T],
    before: Option<&[T]>,
    text: impl Fn(&T) -> String,
) -> Group {
    let seen = against(now, before).into_iter().map(|seen| Item {
        text: shown(&text(seen.what)),
        pill: if seen.is_new {
            Pill::new("warn", "triangle", "new")
        } else {
            Pill::new("quiet", "check", "as before")
        },
    });
    let gone = gone(now, before).into_iter().map(|what| Item {
        text: shown(&text(what)),
        pill: Pill::new("quiet", "cross", "no more"),
    });
    let mut items: Vec<_> = seen.chain(gone).collect();
    let more = items.len().saturating_sub(ITEMS_SHOWN);
    items.truncate(ITEMS_SHOWN);
    Group { title, items, more }
}

fn facts(base: Option<&Observation>, seen: &Observation) -> Vec<(&'static str, String)> {
    let megabytes = |seen: &Observation| format!("{} MB", seen.memory_bytes >> 20);
    let seconds =
        |seen: &Observation| format!("{}.{} s", seen.cpu_ms / 1000, seen.cpu_ms % 1000 / 100);
    let both = |of: &dyn Fn(&Observation) -> String| match base {
        Some(base) => format!("{} (before: {})", of(seen), of(base)),
        None => of(seen),
    };
    let mut facts = vec![
        ("Memory, at most", both(&megabytes)),
        ("Processor time", both(&seconds)),
    ];
    if seen.log.iter().any(|line| line.text.contains(STAND_IN)) {
        let text = "198.18.… stands for a host's name; without a network every connection fails";
        facts.push(("Addresses", text.to_owned()));
    }
    if seen.has_more {
        facts.push(("Attempts", "more than are kept".to_owned()));
    }
    if base.is_none() {
        let text = "what it starts from could not be tried, so nothing is marked as new";
        facts.push(("Before", name_of(text)));
    }
    facts
}

#[cfg(test)]
mod tests {
    use model::rehearsal::Protocol;

    use super::*;

    #[test]
    fn every_attempt_is_said_in_words_and_made_visible() {
        let reach = Attempt::Reach {
            protocol: Protocol::Udp,
            host: "plc.example".into(),
            port: 161,
        };
        assert_eq!(reach.words(), "reach plc.example, UDP port 161");
        let run = Attempt::Run {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), "reboot\u{202e}".into()],
        };
        let group = group("x", &[run, reach.clone()], Some(&[reach]), Attempt::words);
        assert_eq!(group.items[0].text, "run /bin/sh -c reboot⟨U+202E⟩");
        assert_eq!(group.items.len(), 2);
    }
}
