//! The events of the audit record, and the chain that holds them together.

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    id::{Hash, InstanceId},
    principal::Actor,
};

/// What happened. The word is what `redkeep audit list` prints and what filters match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// Redkeep started.
    Started,
    /// Redkeep stopped in order.
    Stopped,
    /// A login succeeded.
    LoggedIn,
    /// A login failed.
    LoginFailed,
    /// A login was refused before it was looked at: too many failures.
    LoginLimited,
    /// Logins for many different names failed from one network.
    LoginSprayed,
    /// Somebody came in with the local account for the day no provider answers.
    BreakGlassUsed,
    /// A session ended by its owner.
    LoggedOut,
    /// A session was revoked.
    SessionRevoked,
    /// Somebody signed in proved once more who they are, before something dangerous.
    IdentityProven,
    /// A link for a wall display was made.
    KioskMade,
    /// A wall display was opened with its link.
    KioskOpened,
    /// A user was added.
    UserAdded,
    /// A user's role changed, or a recovery code was used.
    UserChanged,
    /// A user's password changed.
    PasswordChanged,
    /// A user's second factor or recovery codes were renewed.
    FactorRenewed,
    /// An administrator reset a user's account: sessions ended, a link renews it.
    AccountReset,
    /// A role was made, or its permissions changed.
    RoleChanged,
    /// A role was removed.
    RoleRemoved,
    /// A user was removed.
    UserRemoved,
    /// An enrolment link was made.
    EnrolmentMade,
    /// A token was made.
    TokenMade,
    /// A token was revoked.
    TokenRevoked,
    /// A token or a wall display's session was used from elsewhere than its networks, and refused.
    /// At most one row a minute for each.
    UsedElsewhere,
    /// A request was refused by the gate's policy.
    RequestRefused,
    /// An effect was triggered (inject, debug switch, context deletion).
    Triggered,
    /// A deployment came into the queue.
    DeploymentQueued,
    /// A proposal was refused at intake (malformed, too large, never allowed).
    ProposalRefused,
    /// A reviewer opened a deployment.
    ReviewStarted,
    /// A change was approved or rejected.
    Decided,
    /// Somebody said something about a deployment or one of its changes.
    Commented,
    /// An approval was signed with a touch of a passkey.
    ApprovalTouched,
    /// A deployment was approved as a whole.
    DeploymentApproved,
    /// A deployment was rejected.
    DeploymentRejected,
    /// A deployment was withdrawn by its proposer.
    DeploymentWithdrawn,
    /// A newer version by the same proposer replaced it.
    DeploymentSuperseded,
    /// The baseline moved under it.
    DeploymentStale,
    /// A stale deployment was put onto the present baseline.
    DeploymentRebased,
    /// Applying began.
    ApplyStarted,
    /// Applied: the baseline moved.
    Applied,
    /// Applying failed, or Node-RED did not survive it; the old baseline is back.
    ApplyFailed,
    /// An emergency deployment awaits its review afterwards.
    EmergencyApplied,
    /// An emergency deployment was reviewed afterwards.
    EmergencyReviewed,
    /// Something inside Node-RED tried to change what runs and was refused.
    RuntimeRefused,
    /// A file on disk was found changed.
    DiskDrift,
    /// What Node-RED says it runs was found different from the baseline, or equal to it again.
    MemoryDrift,
    /// Node-RED became ready.
    InstanceReady,
    /// Node-RED ended unexpectedly.
    InstanceCrashed,
    /// Node-RED was stopped for crashing again and again, or could not be started again and again.
    InstanceCrashLoop,
    /// The canary in the jail could do something it must not; Node-RED was not started.
    CanaryFailed,
    /// Somebody asked that a deployment be tried again.
    RehearsalAsked,
    /// A finding was accepted as a risk.
    RiskAccepted,
    /// An accepted risk was withdrawn.
    RiskWithdrawn,
    /// A mail was refused for good, or could not be delivered for days, and was given up.
    MailDropped,
    /// A certificate authority issued the doors' certificate.
    CertificateIssued,
    /// The doors' certificate cannot be renewed, and its end comes near.
    CertificateFailing,
    /// Our own authority got another root, or that was taken back; or the root's key was taken away
    /// or brought back.
    AuthorityChanged,
    /// A certificate of our own authority was revoked.
    CertificateRevoked,
    /// A secret by which a sender signs was kept or removed.
    WebhookSecretChanged,
    /// Policy or allowed routes changed.
    PolicyChanged,
    /// The rules who may come from where changed, were confirmed, or undid themselves.
    RulesChanged,
}

impl EventKind {
    /// The word for it.
    pub fn word(self) -> String {
        serde_json::to_value(self)
            .ok()
            .and_then(|value| value.as_str().map(str::to_owned))
            .unwrap_or_default()
    }
}

/// An event before it has its place in the record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: EventKind,
    /// Who.
    pub actor: Actor,
    /// On which instance, if on one.
    pub instance: Option<InstanceId>,
    /// On what: `deployment 12`, `user ann`, `POST /flows`.
    pub subject: String,
    /// Details as a flat JSON object. Never a secret.
    pub detail: serde_json::Value,
}

/// An event in the record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its place, from 1, without gaps.
    pub sequence: i64,
    /// The event.
    pub event: Event,
    /// The link of the entry before (all zeros for the first).
    pub previous: Hash,
    /// [`link`] of this entry.
    pub link: Hash,
}

/// The chain's link: SHA-256 over the place, the previous link and the event's canonical text.
///
/// `event_text` is the stored text, so that what is verified is what is read.
pub fn link(sequence: i64, previous: &Hash, event_text: &str) -> Hash {
    let mut bytes = Vec::with_capacity(event_text.len() + 96);
    bytes.extend_from_slice(b"redkeep-audit-1\n");
    bytes.extend_from_slice(&sequence.to_be_bytes());
    bytes.extend_from_slice(previous.as_bytes());
    bytes.extend_from_slice(event_text.as_bytes());
    Hash::of(&bytes)
}
