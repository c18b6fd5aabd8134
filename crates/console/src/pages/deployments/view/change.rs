//! One change, ready to be shown and decided.

use deploy::Review;
use model::{
    deployment::{Comment, Decision, Verdict},
    flow::{
        Flows,
        change::{Aspect, Change, ChangeId, CredentialAction, Subject, WireChange},
    },
};

use super::{FindingLine, Looked};
use crate::{
    compare::{Comparison, compare},
    shell::Shell,
    wording::{Icon, Moment, Pill, Who, name_of, shown},
};

/// A change, ready to be shown and decided.
#[derive(Debug)]
pub(crate) struct ChangeView {
    pub(crate) id: String,
    pub(crate) verb: &'static str,
    pub(crate) tone: &'static str,
    pub(crate) icon: Icon,
    pub(crate) label: String,
    pub(crate) node_type: String,
    pub(crate) node: String,
    pub(crate) subject: &'static str,
    pub(crate) place: String,
    pub(crate) properties: Vec<Comparison>,
    pub(crate) wires: Vec<WireLine>,
    pub(crate) credentials: Vec<CredentialLine>,
    pub(crate) used_by: Vec<String>,
    pub(crate) used_by_more: usize,
    pub(crate) findings: Vec<FindingLine>,
    /// What policy asks before this may run.
    pub(crate) asks: Vec<String>,
    pub(crate) decision: Option<DecisionView>,
    pub(crate) error: Option<String>,
    pub(crate) comment: String,
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

/// Users of a config node listed by name at most.
const USERS_SHOWN: usize = 50;

impl ChangeView {
    pub(crate) fn new(looked: &Looked<'_>, change: &Change, shell: &Shell, is_full: bool) -> Self {
        let (icon, tone, verb) = match change.aspect {
            Aspect::Added => ("plus", "good", "Added"),
            Aspect::Removed => ("minus", "bad", "Removed"),
            Aspect::Changed => ("change", "warn", "Changed"),
            Aspect::Wired => ("wire", "look", "Rewired"),
            Aspect::Layout => ("move", "quiet", "Moved"),
            Aspect::Order => ("lines", "quiet", "Reordered"),
        };
        let users = change.used_by.iter().take(USERS_SHOWN);
        let review = looked.review;
        let decision = review.decision(&change.id);
        let comment = decision.map(|d| d.comment.clone());
        Self {
            id: change.id.to_string(),
            verb,
            tone,
            icon: Icon(icon),
            label: name_of(&change.label),
            node_type: name_of(&change.node_type),
            node: name_of(&change.node),
            subject: subject_word(change.subject),
            place: looked.place(change),
            properties: change
                .properties
                .iter()
                .map(|p| compare(p, is_full))
                .collect(),
            wires: change
                .wires
                .iter()
                .map(|wire| WireLine::new(looked, wire))
                .collect(),
            credentials: change
                .credentials
                .iter()
                .map(|note| CredentialLine {
                    field: name_of(&note.field),
                    action: match note.action {
                        CredentialAction::Set => "set",
                        CredentialAction::Changed => "changed",
                        CredentialAction::Removed => "removed",
                    },
                })
                .collect(),
            used_by: users.map(|id| looked.name(id)).collect(),
            used_by_more: change.used_by.len().saturating_sub(USERS_SHOWN),
            findings: change
                .findings
                .iter()
                .map(|finding| FindingLine::new(finding, shell))
                .collect(),
            asks: review
                .asks(&change.id)
                .iter()
                .map(|ask| ask.sentence())
                .collect(),
            decision: decision.map(|d| DecisionView::new(d, review, shell)),
            error: None,
            comment: comment.unwrap_or_default(),
            step: looked.step_of(&change.id).unwrap_or(1),
            mark: decision.map_or_else(String::new, |it| it.mark().to_string()),
            is_low_risk: review.is_low_risk(change),
            is_new: review.is_new_in_version(&change.id),
            comments: CommentView::thread(review, Some(&change.id), shell),
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
    /// What was said about a change, or (none) about the whole.
    pub(crate) fn thread(review: &Review, change: Option<&ChangeId>, shell: &Shell) -> Vec<Self> {
        let proposer = review.deployment.proposer.user();
        let view = |comment: &Comment| Self {
            by: Who::of(&comment.by).name,
            at: shell.moment(comment.at),
            text: shown(&comment.text),
            version: review.number_of(comment.deployment),
            is_proposers: proposer.is_some() && comment.by.user() == proposer,
        };
        review.thread(change).map(view).collect()
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
