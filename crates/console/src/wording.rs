//! How things are said: moments, people, states, and text from strangers made visible.

mod hidden;

use std::fmt::Write as _;

use askama::Template;
use model::{
    clock::Timestamp,
    deployment::{Deployment, Emergency, Origin, State},
    flow::finding::Severity,
    principal::{Actor, Via},
};

pub(crate) use self::hidden::{Sign, signs};

/// A moment: relative for reading, exact (UTC) on hover and in the markup.
#[derive(Debug, Clone, Template)]
#[template(path = "parts/time.html")]
pub(crate) struct Moment {
    iso: String,
    exact: String,
    ago: String,
}

impl askama::filters::HtmlSafe for Moment {}

impl Moment {
    pub(crate) fn new(at: Timestamp, now: Timestamp) -> Self {
        let iso = at.to_string();
        let exact = match iso.split_once('T') {
            Some((day, rest)) => format!("{day} {} UTC", rest.get(..8).unwrap_or(rest)),
            None => iso.clone(),
        };
        Self {
            ago: relative(now.seconds_since(at)),
            iso,
            exact,
        }
    }

    /// The exact moment in UTC.
    pub(crate) fn exact(&self) -> &str {
        &self.exact
    }

    /// The time of day in UTC, to the second.
    pub(crate) fn clock(&self) -> &str {
        self.exact.get(11..19).unwrap_or(&self.exact)
    }
}

fn relative(seconds: i64) -> String {
    let (amount, unit) = match seconds.abs() {
        0..45 => return "just now".to_owned(),
        amount @ 45..3_300 => ((amount + 30) / 60, "minute"),
        amount @ 3_300..84_600 => ((amount + 1_800) / 3_600, "hour"),
        amount @ 84_600..2_592_000 => ((amount + 43_200) / 86_400, "day"),
        amount @ 2_592_000..31_536_000 => (amount / 2_592_000, "month"),
        amount => (amount / 31_536_000, "year"),
    };
    let unit = counted(usize::try_from(amount).unwrap_or(0), unit);
    if seconds < 0 {
        format!("in {unit}")
    } else {
        format!("{unit} ago")
    }
}

/// "1 change", "12 changes".
pub(crate) fn counted(count: usize, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}

/// A message as a sentence: capital first, full stop last.
pub(crate) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let Some(first) = chars.next() else {
        return String::new();
    };
    let mut sentence: String = first.to_uppercase().chain(chars).collect();
    if !sentence.ends_with(['.', '!', '?', '…']) {
        sentence.push('.');
    }
    sentence
}

/// Text from strangers with everything invisible made visible, so that what a reviewer reads is
/// what a machine reads: controls, zero-width and direction-changing characters ("Trojan Source",
/// CVE-2021-42574) are written as `⟨U+202E⟩`. Tabs and line ends stay.
pub fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for c in text.chars() {
        if hidden::is_hidden(c, before) {
            // Writing to a string cannot fail.
            write!(out, "⟨U+{:04X}⟩", u32::from(c)).ok();
        } else {
            out.push(c);
        }
        before = c;
    }
    out
}

/// The same on one line, cut to 120 characters.
pub fn name_of(text: &str) -> String {
    let text = shown(&text.replace(['\n', '\t'], " "));
    match text.char_indices().nth(120) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// A word with a shape and a colour: how every status is told.
#[derive(Debug, Clone, Template)]
#[template(path = "parts/pill.html")]
pub(crate) struct Pill {
    /// `wait`, `look`, `good`, `bad`, `warn` or `quiet`.
    tone: &'static str,
    icon: Icon,
    label: String,
}

impl askama::filters::HtmlSafe for Pill {}

impl Pill {
    pub(crate) fn new(tone: &'static str, icon: &'static str, label: impl Into<String>) -> Self {
        Self {
            tone,
            icon: Icon(icon),
            label: label.into(),
        }
    }
}

/// A small drawing beside a word; silent to screen readers.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "parts/icon.html")]
pub(crate) struct Icon(pub(crate) &'static str);

impl askama::filters::HtmlSafe for Icon {}

/// How a deployment stands.
pub(crate) fn state_pill(state: &State) -> Pill {
    match state {
        State::Pending => Pill::new("wait", "clock", "Waits for review"),
        State::InReview => Pill::new("look", "eye", "In review"),
        State::Approved { .. } => Pill::new("look", "check", "Approved"),
        State::Applying { .. } => Pill::new("look", "arrow", "Being applied"),
        State::Applied { .. } => Pill::new("good", "check", "Applied"),
        State::Rejected { .. } => Pill::new("bad", "cross", "Rejected"),
        State::Withdrawn { .. } => Pill::new("quiet", "back", "Withdrawn"),
        State::Superseded { .. } => Pill::new("quiet", "back", "Replaced"),
        State::Stale { .. } => Pill::new("warn", "triangle", "Stale"),
        State::Failed { .. } => Pill::new("bad", "octagon", "Failed"),
    }
}

/// An emergency, and whether anybody has looked at it afterwards.
pub(crate) fn emergency_pill(emergency: &Emergency) -> Pill {
    if emergency.reviewed_by.is_some() {
        Pill::new("quiet", "eye", "Emergency, looked at")
    } else {
        Pill::new("warn", "triangle", "Emergency, not looked at yet")
    }
}

/// How much a finding weighs.
pub(crate) fn severity_pill(severity: Severity) -> Pill {
    match severity {
        Severity::Danger => Pill::new("bad", "octagon", "Danger"),
        Severity::Warning => Pill::new("warn", "triangle", "Look twice"),
        Severity::Note => Pill::new("quiet", "info", "Note"),
    }
}

/// Who did something, by what and from where, in two pieces.
#[derive(Debug, Clone)]
pub(crate) struct Who {
    pub(crate) name: String,
    pub(crate) means: String,
}

impl Who {
    pub(crate) fn of(actor: &Actor) -> Self {
        let from = |address: &Option<std::net::IpAddr>| match address {
            Some(address) => format!(" from {address}"),
            None => String::new(),
        };
        let means = match actor {
            Actor::Principal { via, address, .. } => {
                let by = match via {
                    Via::GateSession { .. } => "in the editor",
                    Via::KioskSession { .. } => "on a wall display",
                    Via::ConsoleSession { .. } => "in the console",
                    Via::Token { .. } => "by token",
                    Via::ControlSocket => "on this machine",
                };
                format!("{by}{}", from(address))
            }
            Actor::Anonymous { address } => from(address).trim().to_owned(),
            Actor::Runtime { .. } | Actor::System => String::new(),
        };
        Self {
            name: name_of(&actor.label()),
            means,
        }
    }
}

/// A deployment's origin, where it is worth a word.
pub(crate) fn origin_words(deployment: &Deployment) -> &'static str {
    match deployment.origin {
        Origin::Editor => "from the editor",
        Origin::Api => "through the admin API",
        Origin::Runtime => "from inside Node-RED",
        Origin::Disk => "from a file on disk",
        Origin::Package => "from a package change",
        Origin::Promotion => "from another instance",
        Origin::Rollback => "going back to a snapshot",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_people_say_them() {
        for (seconds, expected) in [
            (3, "just now"),
            (60, "1 minute ago"),
            (250, "4 minutes ago"),
            (3_600, "1 hour ago"),
            (86_400, "1 day ago"),
            (-600, "in 10 minutes"),
        ] {
            assert_eq!(relative(seconds), expected);
        }
    }

    #[test]
    fn what_is_hidden_is_shown() {
        assert_eq!(
            shown("a\u{202e}b\u{200b}\u{0}\n"),
            "a⟨U+202E⟩b⟨U+200B⟩⟨U+0000⟩\n"
        );
    }

    #[test]
    fn a_message_becomes_a_sentence() {
        assert_eq!(sentence("there is no user"), "There is no user.");
    }
}
