//! One change, ready to be shown and decided.

use deploy::Review;
use model::{
    deployment::{Comment, Decision, Verdict},
    flow::{
        Flows,
        change::{Aspect, Change, CredentialAction, CredentialNote, Subject, WireChange},
        words::Said,
    },
};

use super::{FindingLine, Looked, WayLine};
use crate::{
    compare::{Comparison, Pieces, Preset, compare, words},
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
    /// What it is seen to be: the same node with a new id, a copy.
    pub(crate) recognised: Option<String>,
    /// What it does, in words.
    pub(crate) said: Vec<SaidLine>,
    pub(crate) properties: Vec<Comparison>,
    /// Properties that come or go with the value the node's package sets, folded.
    pub(crate) presets: Vec<Comparison>,
    /// Properties this page leaves out.
    pub(crate) properties_more: usize,
    pub(crate) wires: Vec<WireLine>,
    pub(crate) wires_more: usize,
    pub(crate) credentials: Vec<CredentialLine>,
    /// What it means for the inputs and outputs round it.
    pub(crate) ways: Vec<WayLine>,
    /// Who uses it: the first, and the rest, folded.
    pub(crate) used_by: Vec<UserLine>,
    pub(crate) used_by_folded: Vec<UserLine>,
    /// Users this page leaves out.
    pub(crate) used_by_more: usize,
    pub(crate) findings: Vec<FindingLine>,
    /// What policy asks before this may run.
    pub(crate) asks: Vec<String>,
    pub(crate) decision: Option<DecisionView>,
    pub(crate) error: Option<String>,
    pub(crate) comment: String,
    /// Why what was to be said about it was not taken, and what that was.
    pub(crate) say_error: Option<String>,
    pub(crate) say: String,
    /// The step it stands in.
    pub(crate) step: usize,
    /// The mark of the decision that is shown; empty when there is none.
    pub(crate) mark: String,
    /// The policy lets it be approved together with others.
    pub(crate) is_low_risk: bool,
    /// It is new or another than in the version before.
    pub(crate) is_new: bool,
    pub(crate) comments: Vec<CommentView>,
}

/// Wires listed at most.
const WIRES_SHOWN: usize = 100;
/// Users of a config node or subflow shown at once, and listed at most.
const USERS_SHOWN: usize = 20;
const USERS_LISTED: usize = 500;

impl ChangeView {
    /// Whether the whole node comes or goes.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self.verb, "Added" | "Removed")
    }

    /// Whether something of it is not on the page.
    pub(crate) fn is_cut(&self) -> bool {
        let mut shown = self.properties.iter().chain(&self.presets);
        self.properties_more > 0
            || self.wires_more > 0
            || self.used_by_more > 0
            || shown.any(Comparison::is_cut)
    }

    pub(crate) fn new(looked: &Looked<'_>, change: &Change, at: usize, shell: &Shell) -> Self {
        let (icon, tone, verb) = aspect_words(change.aspect);
        let budget = &looked.budget;
        let (used_by, used_by_folded) = UserLine::all(looked, change);
        let review = looked.review;
        let decision = review.decision(&change.id);
        let comment = decision.map(|d| d.comment.clone());
        let (properties, presets) = properties(looked, change);
        let ways = looked.ways(&change.id);
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
            recognised: change.recognised_words().map(|words| shown(&words)),
            said: change
                .said
                .iter()
                .map(|said| SaidLine::new(said, change.aspect))
                .collect(),
            properties_more: change.properties.len() - properties.len() - presets.len(),
            presets,
            properties,
            wires_more: change.wires.len().saturating_sub(wires_shown),
            wires: change
                .wires
                .iter()
                .take(wires_shown)
                .map(|wire| WireLine::new(looked, wire))
                .collect(),
            credentials: change.credentials.iter().map(CredentialLine::new).collect(),
            ways: ways.map_or_else(Vec::new, |ways| WayLine::all(looked, ways, change)),
            used_by_more: change.used_by.len() - used_by.len() - used_by_folded.len(),
            used_by,
            used_by_folded,
            findings: FindingLine::all(change, shell),
            asks: sentences(review, change),
            decision: decision.map(|d| DecisionView::new(d, review, shell)),
            error: None,
            say_error: None,
            say: String::new(),
            comment: comment.unwrap_or_default(),
            step: looked.step_of(&change.id).unwrap_or(1),
            mark: decision.map_or_else(String::new, |it| it.mark().to_string()),
            is_low_risk: review.is_low_risk(change),
            is_new: review.is_new_in_version(&change.id),
            comments: looked
                .thread(&change.id)
                .iter()
                .map(|it| CommentView::new(it, review, shell))
                .collect(),
        }
    }
}

/// The properties that differ, and apart those that only are as the package sets them.
fn properties(looked: &Looked<'_>, change: &Change) -> (Vec<Comparison>, Vec<Comparison>) {
    let budget = &looked.budget;
    let kind = looked.review.palette.get(&change.node_type);
    let (mut properties, mut presets) = (Vec::new(), Vec::new());
    for property in &change.properties {
        let is_first = properties.is_empty() && presets.is_empty();
        if !is_first && !budget.is_full() && !budget.has_room() {
            break;
        }
        let preset = Preset::of(change, property, kind);
        let mut compared = compare(property, budget);
        compared.preset = preset.note();
        let shelf = match preset {
            Preset::Folded => &mut presets,
            Preset::Neither | Preset::Before | Preset::After => &mut properties,
        };
        shelf.push(compared);
    }
    (properties, presets)
}

/// A node that uses a config node or a subflow.
#[derive(Debug)]
pub(crate) struct UserLine {
    pub(crate) label: String,
    /// The tab or subflow it is on; empty for none.
    pub(crate) place: String,
}

impl UserLine {
    /// The users shown at once, and those folded.
    fn all(looked: &Looked<'_>, change: &Change) -> (Vec<Self>, Vec<Self>) {
        let budget = &looked.budget;
        let users = change.used_by.iter();
        let users_listed = if budget.is_full() {
            usize::MAX
        } else {
            USERS_LISTED
        };
        let mut used_by: Vec<Self> = users
            .take(users_listed)
            .map(|id| Self::new(looked, id))
            .collect();
        let used_by_folded = used_by.split_off(USERS_SHOWN.min(used_by.len()));
        (used_by, used_by_folded)
    }

    fn new(looked: &Looked<'_>, id: &str) -> Self {
        let node = looked.review.proposal.get(id);
        let tab = node.and_then(|node| node.tab());
        Self {
            label: looked.name(id),
            place: tab.map(|tab| looked.name(tab)).unwrap_or_default(),
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
    /// The number of the earlier version it was taken on.
    pub(crate) version: Option<usize>,
}

impl DecisionView {
    pub(crate) fn new(decision: &Decision, review: &Review, shell: &Shell) -> Self {
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
            version: decision.taken_on.and_then(|id| review.number_of(id)),
        }
    }
}

/// Something said about a change or the whole.
#[derive(Debug)]
pub(crate) struct CommentView {
    pub(crate) by: String,
    pub(crate) at: Moment,
    pub(crate) text: String,
    /// The number of the earlier version it was said on.
    pub(crate) version: Option<usize>,
    /// The proposer said it.
    pub(crate) is_proposers: bool,
}

impl CommentView {
    fn new(comment: &Comment, review: &Review, shell: &Shell) -> Self {
        let proposer = review.deployment.proposer.user();
        Self {
            by: Who::of(&comment.by).name,
            at: shell.moment(comment.at),
            text: shown(&comment.text),
            version: review.number_of(comment.deployment),
            is_proposers: proposer.is_some() && comment.by.user() == proposer,
        }
    }

    /// What was said about the whole.
    pub(crate) fn of_all(review: &Review, shell: &Shell) -> Vec<Self> {
        let said = review.thread(None);
        said.map(|it| Self::new(it, review, shell)).collect()
    }
}

/// What policy asks before a change may run.
fn sentences(review: &Review, change: &Change) -> Vec<String> {
    let asks = review.asks(&change.id).iter();
    asks.map(|ask| ask.sentence()).collect()
}

fn aspect_words(aspect: Aspect) -> (&'static str, &'static str, &'static str) {
    match aspect {
        Aspect::Added => ("plus", "good", "Added"),
        Aspect::Removed => ("minus", "bad", "Removed"),
        Aspect::Changed => ("change", "warn", "Changed"),
        Aspect::Wired => ("wire", "look", "Rewired"),
        Aspect::Layout => ("move", "quiet", "Moved"),
        Aspect::Order => ("lines", "quiet", "Reordered"),
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
