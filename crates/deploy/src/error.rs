//! Why the waiting room refuses.

use model::{
    access::Permission,
    flow::{FlowError, compose::NotWhole},
    id::Hash,
};
use store::StoreError;

/// A refusal or a failure. Every message is for people and says the way out.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The role, scope or session may not.
    #[error("{name} may not do this ({permission:?}); ask an administrator for a role that may")]
    NotAllowed {
        name: String,
        permission: Permission,
    },
    /// Four eyes.
    #[error("this instance asks for four eyes: somebody other than {name} must approve")]
    OwnChanges { name: String },
    /// Policy asks for a clean rehearsal.
    #[error("this instance asks for a clean rehearsal before anything is applied: {why}")]
    NotRehearsed { why: String },
    /// Policy asks for a touch of a passkey.
    #[error(
        "this instance asks for a touch of a passkey before anything is applied: sign in to the \
         console and open /deployments/{id}/touch there"
    )]
    TouchNeeded { id: model::id::DeploymentId },
    /// A passkey was not accepted.
    #[error(transparent)]
    Passkey(#[from] store::PasskeyError),
    /// The submitted text is not a flows file.
    #[error(transparent)]
    Flows(#[from] FlowError),
    /// Reading it broke our own code.
    #[error("the flows could not be read; nothing was changed. Please report this with the file")]
    Unreadable,
    /// The submitter started from other flows than those that run.
    #[error("the flows that run have changed meanwhile; load them and try again")]
    RevisionMismatch { current: Hash },
    /// What was decided on is not what stands there now.
    #[error("the deployment changed since this page was shown; look at it again")]
    NotWhatWasShown,
    /// Some changes are not decided yet.
    #[error("{count} {} not decided yet", if *.count == 1 { "change is" } else { "changes are" })]
    Undecided { count: usize },
    /// Every change was rejected.
    #[error("no change was approved: reject the deployment instead")]
    NothingApproved,
    /// A rejection without a reason.
    #[error("a rejection needs a reason")]
    ReasonNeeded,
    /// A change that is no light matter was approved in a lump.
    #[error("{label} has a finding that must be looked at: decide it by itself")]
    NotTogether { label: String },
    /// A comment that says nothing.
    #[error("a comment needs some words")]
    CommentEmpty,
    /// Somebody who neither proposed nor reviews wants to comment.
    #[error("{name} neither proposed this nor reviews here, and cannot comment on it")]
    NotInThread { name: String },
    /// A comment or reason is too long.
    #[error("a comment may have at most {max} characters")]
    CommentTooLong { max: usize },
    /// There is no such change in the deployment.
    #[error("the deployment has no change {0}")]
    NoSuchChange(String),
    /// The approved changes do not give a whole flow.
    #[error("the approved changes do not fit together: {}", .0.iter().map(|p| p.message.as_str()).collect::<Vec<_>>().join("; "))]
    NotWhole(Vec<NotWhole>),
    /// Another deployment is being applied to this instance.
    #[error("another deployment is being applied to this instance; wait for it")]
    Busy,
    /// More people look at reviews than can be served at once.
    #[error("too many reviews are being read at this moment; try again in a few seconds")]
    Crowded,
    /// There is no running Redkeep to apply it.
    #[error("Redkeep is not running, so nothing can be applied; start it with `redkeep up`")]
    NotRunning,
    /// Node-RED did not take it.
    #[error("Node-RED did not take it: {0}")]
    Target(String),
    /// The instance has no baseline yet.
    #[error("the instance has not been started yet")]
    NoBaseline,
    /// Too much came from inside the runtime in too short a time.
    #[error("too many changes from inside Node-RED in an hour; this one was refused and not kept")]
    TooMany,
    /// One person's proposals would fill the queue.
    #[error(
        "{max} of your proposals wait already, or are stale; have them decided or withdraw some, \
         then deploy again"
    )]
    TooManyWaiting { max: usize },
    /// The instance's policy has no emergencies, or not for this person.
    #[error(
        "the rules of {instance} let {who} apply before review; have it reviewed, or an \
         administrator change the rules under Settings"
    )]
    NoEmergency {
        instance: model::id::InstanceId,
        who: &'static str,
    },
    /// An emergency without a reason.
    #[error("an emergency needs a reason: say why this cannot wait for a review")]
    EmergencyReasonNeeded,
    /// It is in a state in which this cannot be done.
    #[error("deployment {id} is {state}: {why}")]
    WrongState {
        id: model::id::DeploymentId,
        state: &'static str,
        why: &'static str,
    },
    /// Policy asks for something that is not given.
    #[error("{change}: {}{way_out}", .ask.sentence().trim_end_matches('.'))]
    Demanded {
        change: String,
        ask: model::instance::Ask,
        way_out: &'static str,
    },
    /// The finding is not there (any more).
    #[error("the change has no such finding any more; look at it again")]
    NoSuchFinding,
    /// An acceptance lacks something.
    #[error(
        "an accepted risk needs an owner, a reason, and 1 to {} days",
        model::risk::DAYS_MAX
    )]
    RiskIncomplete,
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
