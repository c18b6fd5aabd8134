//! Mails: addresses, who wishes which, and what an event of the record gives rise to.
//!
//! An event is told to people, not its text: what a mail says is read when it is sent.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    access::{Permission, Role},
    audit::{Event, EventKind},
    id::{DeploymentId, InstanceId},
};

/// A mail address: a dot-atom at a host name, in ASCII (RFC 5321, 4.1.2). Quoted local parts,
/// comments, address literals and everything that could end a header or a command are refused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MailAddress(String);

/// Why a text is not a mail address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is not a mail address: write it like ann@plant.example, with letters, digits and \
     .!#$%&'*+/=?^_`{{|}}~- before the @ and a host name after it"
)]
pub struct InvalidMailAddress;

/// RFC 5321, 4.5.3.1: what stands before the `@`, and the whole of a path without its brackets.
const LOCAL_MAX: usize = 64;
const ADDRESS_MAX: usize = 254;

impl MailAddress {
    /// It as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MailAddress {
    type Err = InvalidMailAddress;

    fn from_str(text: &str) -> Result<Self, InvalidMailAddress> {
        let (local, host) = text.rsplit_once('@').ok_or(InvalidMailAddress)?;
        let is_atom = |atom: &str| {
            let mut bytes = atom.bytes();
            !atom.is_empty()
                && bytes.all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&b))
        };
        let is_label = |label: &str| {
            let mut bytes = label.bytes();
            (1..=63).contains(&label.len())
                && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        // A last label of digits alone would be read as an address of the network.
        let ends_well = host.rsplit('.').next().is_some_and(|last| {
            let mut bytes = last.bytes();
            bytes.any(|b| b.is_ascii_alphabetic())
        });
        let is_right = text.len() <= ADDRESS_MAX
            && local.len() <= LOCAL_MAX
            && local.split('.').all(is_atom)
            && host.split('.').all(is_label)
            && ends_well;
        is_right
            .then(|| Self(text.to_owned()))
            .ok_or(InvalidMailAddress)
    }
}

impl TryFrom<String> for MailAddress {
    type Error = InvalidMailAddress;

    fn try_from(text: String) -> Result<Self, InvalidMailAddress> {
        text.parse()
    }
}

impl From<MailAddress> for String {
    fn from(address: MailAddress) -> Self {
        address.0
    }
}

impl fmt::Display for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which mails somebody wishes to get. Who may not see a thing is not written to about it whatever
/// they wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MailWishes {
    /// Deployments that wait for review, and answers of their proposers.
    pub reviews: bool,
    /// What became of one's own deployments, and questions about them.
    pub answers: bool,
    /// Alerts: an emergency, drift, damaged files, a Node-RED that does not stay up.
    pub alerts: bool,
}

impl Default for MailWishes {
    fn default() -> Self {
        Self {
            reviews: true,
            answers: true,
            alerts: true,
        }
    }
}

/// What an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alert {
    /// A deployment was applied before its review.
    Emergency,
    /// What Node-RED runs is not the baseline.
    Memory,
    /// A file on disk was changed.
    Disk,
    /// Node-RED ends again and again, or cannot be started.
    CrashLoop,
    /// The jail does not hold; Node-RED was not started.
    Canary,
    /// Something inside Node-RED tried to change what runs.
    Inside,
    /// The doors' certificate cannot be renewed.
    Certificate,
    /// Somebody tries passwords with many names.
    Spraying,
    /// The local account for the day no provider answers was used.
    BreakGlass,
}

impl Alert {
    const ALL: [Self; 9] = [
        Self::Emergency,
        Self::Memory,
        Self::Disk,
        Self::CrashLoop,
        Self::Canary,
        Self::Inside,
        Self::Certificate,
        Self::Spraying,
        Self::BreakGlass,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Emergency => "emergency",
            Self::Memory => "memory",
            Self::Disk => "disk",
            Self::CrashLoop => "crash-loop",
            Self::Canary => "canary",
            Self::Inside => "inside",
            Self::Certificate => "certificate",
            Self::Spraying => "spraying",
            Self::BreakGlass => "break-glass",
        }
    }
}

/// What one mail is about. Events of one topic come in one mail.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// What waits for review on an instance.
    Reviews(InstanceId),
    /// What became of a deployment, for its proposer.
    Own(DeploymentId),
    /// Something is wrong with an instance, or with Redkeep itself.
    Alert(Alert, Option<InstanceId>),
}

impl Topic {
    /// Whether somebody of this role, with these wishes, is written to about it.
    pub fn is_for(&self, role: Role, wishes: MailWishes) -> bool {
        match self {
            Self::Reviews(_) => wishes.reviews && role.permits(Permission::Decide),
            Self::Own(_) => wishes.answers && role.permits(Permission::ReadQueue),
            // Whoever decides has to look at an emergency afterwards.
            Self::Alert(Alert::Emergency, _) => wishes.alerts && role.permits(Permission::Decide),
            Self::Alert(..) => wishes.alerts && role.permits(Permission::Administer),
        }
    }
}

/// As the ledger keeps it: `reviews main`, `own 12`, `alert disk main`.
impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reviews(instance) => write!(f, "reviews {instance}"),
            Self::Own(deployment) => write!(f, "own {deployment}"),
            Self::Alert(alert, Some(instance)) => write!(f, "alert {} {instance}", alert.word()),
            Self::Alert(alert, None) => write!(f, "alert {}", alert.word()),
        }
    }
}

/// A text is no topic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is not what a mail can be about")]
pub struct InvalidTopic;

impl FromStr for Topic {
    type Err = InvalidTopic;

    fn from_str(text: &str) -> Result<Self, InvalidTopic> {
        let words: Vec<&str> = text.split(' ').collect();
        let alert = |word: &str| Alert::ALL.into_iter().find(|it| it.word() == word);
        match words.as_slice() {
            ["reviews", instance] => instance.parse().map(Self::Reviews).ok(),
            ["own", deployment] => deployment.parse().map(Self::Own).ok(),
            ["alert", word] => alert(word).map(|alert| Self::Alert(alert, None)),
            ["alert", word, instance] => alert(word)
                .zip(instance.parse().ok())
                .map(|(alert, instance)| Self::Alert(alert, Some(instance))),
            _ => None,
        }
        .ok_or(InvalidTopic)
    }
}

/// Who is to be told of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Whoever decides, of a deployment that waits.
    Reviewers(DeploymentId),
    /// The proposer of a deployment.
    Proposer(DeploymentId),
    /// Something was said about a deployment: the proposer, or by the proposer the reviewers.
    Others(DeploymentId),
    /// Whoever has to do with such alerts.
    Alerted(Alert),
}

/// The kinds of events somebody may be told of: the others need not be read.
pub const KINDS: [EventKind; 17] = [
    EventKind::DeploymentQueued,
    EventKind::DeploymentRebased,
    EventKind::DeploymentApproved,
    EventKind::DeploymentRejected,
    EventKind::Applied,
    EventKind::ApplyFailed,
    EventKind::Decided,
    EventKind::Commented,
    EventKind::EmergencyApplied,
    EventKind::MemoryDrift,
    EventKind::DiskDrift,
    EventKind::InstanceCrashLoop,
    EventKind::CanaryFailed,
    EventKind::RuntimeRefused,
    EventKind::CertificateFailing,
    EventKind::LoginSprayed,
    EventKind::BreakGlassUsed,
];

/// Who is to be told of it; none: nobody.
pub fn told(event: &Event) -> Option<Told> {
    let deployment = || {
        let number = event.subject.strip_prefix("deployment ")?;
        number.parse::<DeploymentId>().ok()
    };
    let has = |field: &str| event.detail.get(field).is_some();
    match event.kind {
        EventKind::DeploymentQueued | EventKind::DeploymentRebased => {
            deployment().map(Told::Reviewers)
        }
        EventKind::DeploymentApproved
        | EventKind::DeploymentRejected
        | EventKind::Applied
        | EventKind::ApplyFailed => deployment().map(Told::Proposer),
        // An approval of one change among many is no news; a rejection asks for something.
        EventKind::Decided => {
            let is_rejection = event.detail.get("verdict").and_then(|it| it.as_str())? == "reject";
            is_rejection.then(deployment)?.map(Told::Proposer)
        }
        EventKind::Commented => deployment().map(Told::Others),
        EventKind::EmergencyApplied => Some(Told::Alerted(Alert::Emergency)),
        // Without these it is told that all is well again.
        EventKind::MemoryDrift => has("runs").then_some(Told::Alerted(Alert::Memory)),
        EventKind::DiskDrift => {
            (has("damage") || has("what")).then_some(Told::Alerted(Alert::Disk))
        }
        EventKind::InstanceCrashLoop => Some(Told::Alerted(Alert::CrashLoop)),
        EventKind::CanaryFailed => Some(Told::Alerted(Alert::Canary)),
        EventKind::RuntimeRefused => Some(Told::Alerted(Alert::Inside)),
        EventKind::CertificateFailing => Some(Told::Alerted(Alert::Certificate)),
        EventKind::LoginSprayed => Some(Told::Alerted(Alert::Spraying)),
        EventKind::BreakGlassUsed => Some(Told::Alerted(Alert::BreakGlass)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::Timestamp, principal::Actor};

    #[test]
    fn an_address_can_carry_nothing_else() {
        for good in [
            "ann@plant.example",
            "a.b+c@x.y-z.example",
            "o'neill@example.org",
            "ann@localhost",
        ] {
            assert!(good.parse::<MailAddress>().is_ok(), "{good}");
        }
        let long = format!("{}@plant.example", "a".repeat(65));
        let far = format!("ann@{}example", "abcdefgh.".repeat(30));
        for bad in [
            "",
            "ann",
            "@plant.example",
            "ann@",
            "ann@plant..example",
            "a@b@c.example",
            ".ann@plant.example",
            "ann@plant.example\r\nBcc: eve@evil.example",
            "ann@plant.example\n",
            "ann smith@plant.example",
            "\"ann\"@plant.example",
            "Ann <ann@plant.example>",
            "ann@[192.0.2.1]",
            "ann@192.0.2.1",
            "ann@-plant.example",
            "änn@plant.example",
            "ann@plant.example\u{0}",
            "ann@plant.example,eve@evil.example",
            &long,
            &far,
        ] {
            assert!(bad.parse::<MailAddress>().is_err(), "{bad:?}");
        }
    }

    fn event(kind: EventKind, detail: serde_json::Value) -> Event {
        Event {
            at: Timestamp(0),
            kind,
            actor: Actor::System,
            instance: None,
            subject: "deployment 7".to_owned(),
            detail,
        }
    }

    #[test]
    fn what_is_no_news_is_told_to_nobody() {
        let quiet = [
            event(EventKind::LoggedIn, serde_json::json!({})),
            event(
                EventKind::Decided,
                serde_json::json!({"verdict": "approve"}),
            ),
            event(
                EventKind::MemoryDrift,
                serde_json::json!({"what": "the baseline runs again"}),
            ),
            event(
                EventKind::DiskDrift,
                serde_json::json!({"outcome": "whole again"}),
            ),
        ];
        for event in quiet {
            assert_eq!(told(&event), None, "{event:?}");
        }
        let rejected = event(EventKind::Decided, serde_json::json!({"verdict": "reject"}));
        assert_eq!(told(&rejected), Some(Told::Proposer(DeploymentId(7))));
    }

    #[test]
    fn a_topic_is_read_as_it_was_written() {
        let main: InstanceId = "main".parse().unwrap();
        let mut topics = vec![Topic::Reviews(main.clone()), Topic::Own(DeploymentId(7))];
        for alert in Alert::ALL {
            topics.push(Topic::Alert(alert, None));
            topics.push(Topic::Alert(alert, Some(main.clone())));
        }
        for topic in topics {
            assert_eq!(topic.to_string().parse(), Ok(topic));
        }
        assert!("reviews ../x".parse::<Topic>().is_err());
    }

    #[test]
    fn spraying_is_told_to_administrators() {
        let event = Event {
            at: Timestamp(0),
            kind: EventKind::LoginSprayed,
            actor: Actor::Anonymous { address: None },
            instance: None,
            subject: "login".to_owned(),
            detail: serde_json::json!({}),
        };
        assert_eq!(told(&event), Some(Told::Alerted(Alert::Spraying)));
        assert!(
            KINDS.contains(&event.kind),
            "an event that is not read is told to nobody"
        );
    }

    #[test]
    fn nobody_is_written_to_about_what_they_may_not_see() {
        let main: InstanceId = "main".parse().unwrap();
        let all = MailWishes::default();
        let reviews = Topic::Reviews(main.clone());
        let disk = Topic::Alert(Alert::Disk, Some(main));
        for role in Role::ALL {
            assert_eq!(
                reviews.is_for(role, all),
                role.permits(Permission::Decide),
                "{role}"
            );
            assert_eq!(
                disk.is_for(role, all),
                role == Role::Administrator,
                "{role}"
            );
        }
        let none = MailWishes {
            reviews: false,
            ..all
        };
        assert!(!reviews.is_for(Role::Administrator, none));
    }
}
