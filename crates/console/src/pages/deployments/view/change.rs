//! One change, ready to be shown and decided.

use model::{
    deployment::{Decision, Verdict},
    flow::{
        Flows,
        change::{Aspect, Change, CredentialAction, CredentialNote, Subject, WireChange},
        words::Said,
    },
};

use super::{FindingLine, Looked};
use crate::{
    compare::{Comparison, Pieces, compare, words},
    shell::Shell,
    wording::{Icon, Moment, Pill, Who, name_of, shown},
};

/// A change, ready to be shown and decided.
#[derive(Debug)]
pub(crate) struct ChangeView {
    pub(crate) id: String,
    /// Its place in its step, from 0.
    pub(crate) at: usize,
    pub(crate) verb: &'static str,
    pub(crate) tone: &'static str,
    pub(crate) icon: Icon,
    pub(crate) label: String,
    pub(crate) node_type: String,
    pub(crate) node: String,
    pub(crate) subject: &'static str,
    pub(crate) place: String,
    /// What it does, in words.
    pub(crate) said: Vec<SaidLine>,
    pub(crate) properties: Vec<Comparison>,
    /// Properties this page leaves out.
    pub(crate) properties_more: usize,
    pub(crate) wires: Vec<WireLine>,
    pub(crate) wires_more: usize,
    pub(crate) credentials: Vec<CredentialLine>,
    pub(crate) used_by: Vec<String>,
    pub(crate) used_by_more: usize,
    pub(crate) findings: Vec<FindingLine>,
    pub(crate) decision: Option<DecisionView>,
    pub(crate) error: Option<String>,
    pub(crate) comment: String,
}

/// Wires listed at most.
const WIRES_SHOWN: usize = 100;
/// Users of a config node listed by name at most.
const USERS_SHOWN: usize = 50;

impl ChangeView {
    pub(crate) fn new(looked: &Looked<'_>, change: &Change, at: usize, shell: &Shell) -> Self {
        let (icon, tone, verb) = match change.aspect {
            Aspect::Added => ("plus", "good", "Added"),
            Aspect::Removed => ("minus", "bad", "Removed"),
            Aspect::Changed => ("change", "warn", "Changed"),
            Aspect::Wired => ("wire", "look", "Rewired"),
            Aspect::Layout => ("move", "quiet", "Moved"),
            Aspect::Order => ("lines", "quiet", "Reordered"),
        };
        let budget = &looked.budget;
        let users = change.used_by.iter().take(USERS_SHOWN);
        let comment = looked
            .review
            .decision(&change.id)
            .map(|d| d.comment.clone());
        let properties: Vec<Comparison> = change
            .properties
            .iter()
            .enumerate()
            .take_while(|(index, _)| *index == 0 || budget.is_full() || budget.has_room())
            .map(|(_, property)| compare(property, budget))
            .collect();
        let wires_shown = if budget.is_full() {
            usize::MAX
        } else {
            WIRES_SHOWN
        };
        Self {
            id: change.id.to_string(),
            at,
            verb,
            tone,
            icon: Icon(icon),
            label: name_of(&change.label),
            node_type: name_of(&change.node_type),
            node: name_of(&change.node),
            subject: subject_word(change.subject),
            place: looked.place(change),
            said: change
                .said
                .iter()
                .map(|said| SaidLine::new(said, change.aspect))
                .collect(),
            properties_more: change.properties.len() - properties.len(),
            properties,
            wires_more: change.wires.len().saturating_sub(wires_shown),
            wires: change
                .wires
                .iter()
                .take(wires_shown)
                .map(|wire| WireLine::new(looked, wire))
                .collect(),
            credentials: change.credentials.iter().map(CredentialLine::new).collect(),
            used_by: users.map(|id| looked.name(id)).collect(),
            used_by_more: change.used_by.len().saturating_sub(USERS_SHOWN),
            findings: change.findings.iter().map(FindingLine::new).collect(),
            decision: looked
                .review
                .decision(&change.id)
                .map(|d| DecisionView::new(d, shell)),
            error: None,
            comment: comment.unwrap_or_default(),
        }
    }
}

/// A sentence of what a change does.
#[derive(Debug)]
pub(crate) struct SaidLine {
    pub(crate) about: String,
    pub(crate) before: Option<Pieces>,
    pub(crate) after: Option<Pieces>,
    /// The whole node comes or goes with it: no mark is needed.
    pub(crate) is_whole: bool,
}

impl SaidLine {
    fn new(said: &Said, aspect: Aspect) -> Self {
        let (before, after) = match (&said.before, &said.after) {
            (Some(before), Some(after)) => {
                let (before, after) = words(before, after);
                (Some(before), Some(after))
            }
            (before, after) => {
                let plain = |text: &Option<String>| text.as_deref().map(Pieces::plain);
                (plain(before), plain(after))
            }
        };
        Self {
            about: name_of(&said.about),
            before,
            after,
            is_whole: matches!(aspect, Aspect::Added | Aspect::Removed),
        }
    }
}

/// A wire that comes or goes, in names.
#[derive(Debug)]
pub(crate) struct WireLine {
    pub(crate) is_added: bool,
    pub(crate) from: String,
    pub(crate) port: usize,
    pub(crate) to: String,
    /// The target does not exist in the flows the wire is in.
    pub(crate) is_dangling: bool,
}

impl WireLine {
    fn new(looked: &Looked<'_>, wire: &WireChange) -> Self {
        let flows: &Flows = if wire.added {
            &looked.review.proposal
        } else {
            &looked.review.base
        };
        Self {
            is_added: wire.added,
            from: looked.name(&wire.from),
            port: wire.port + 1,
            to: looked.name(&wire.to),
            is_dangling: flows.get(&wire.to).is_none(),
        }
    }
}

/// A credential that is set, changed or removed.
#[derive(Debug)]
pub(crate) struct CredentialLine {
    pub(crate) field: String,
    pub(crate) action: &'static str,
}

impl CredentialLine {
    fn new(note: &CredentialNote) -> Self {
        Self {
            field: name_of(&note.field),
            action: match note.action {
                CredentialAction::Set => "set",
                CredentialAction::Changed => "changed",
                CredentialAction::Removed => "removed",
            },
        }
    }
}

/// What was decided.
#[derive(Debug)]
pub(crate) struct DecisionView {
    pub(crate) pill: Pill,
    pub(crate) is_approval: bool,
    pub(crate) by: String,
    pub(crate) at: Moment,
    pub(crate) comment: String,
}

impl DecisionView {
    pub(crate) fn new(decision: &Decision, shell: &Shell) -> Self {
        let is_approval = decision.verdict == Verdict::Approve;
        Self {
            pill: if is_approval {
                Pill::new("good", "check", "Approved")
            } else {
                Pill::new("bad", "cross", "Rejected")
            },
            is_approval,
            by: Who::of(&decision.by).name,
            at: shell.moment(decision.at),
            comment: shown(&decision.comment),
        }
    }
}

fn subject_word(subject: Subject) -> &'static str {
    match subject {
        Subject::Tab => "flow",
        Subject::Subflow => "subflow",
        Subject::Group => "group",
        Subject::Config => "config node",
        Subject::Node => "node",
        Subject::File => "file",
    }
}
