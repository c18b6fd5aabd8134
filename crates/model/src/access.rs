//! Roles, permissions and scopes: who may do what. Decided here, enforced at the doors.

mod custom;
mod scope;

use serde::{Deserialize, Serialize};

pub use self::{
    custom::{CustomRole, Permissions, RoleName},
    scope::Scope,
};
use crate::principal::{Principal, Via};

/// A user's role: a named set of permissions, see [`Role::permits`]. The built-in ones are fixed; a
/// custom one is what an administrator made it, looked up with the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Role {
    /// Sees the editor and the dashboards; changes nothing.
    Viewer,
    /// Proposes changes in the editor and triggers effects such as inject.
    Editor,
    /// Decides on deployments (and may also edit).
    Reviewer,
    /// Everything, users and policy included.
    Administrator,
    /// Reads the record and the queue; changes nothing.
    Auditor,
    /// One made here. Read from a text alone it permits nothing.
    Custom(CustomRole),
}

impl Role {
    /// Every built-in role, in the order people list them.
    pub const ALL: [Self; 5] = [
        Self::Viewer,
        Self::Editor,
        Self::Reviewer,
        Self::Administrator,
        Self::Auditor,
    ];

    /// The word for it, as in the configuration and on the command line.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Reviewer => "reviewer",
            Self::Administrator => "administrator",
            Self::Auditor => "auditor",
            Self::Custom(custom) => custom.name.as_str(),
        }
    }

    /// Whether it is the same role by name, whatever it permits at the moment.
    pub fn is(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }

    /// Whether this role holds `permission`.
    pub fn permits(self, permission: Permission) -> bool {
        self.permissions().contains(permission)
    }

    /// All it holds.
    pub fn permissions(self) -> Permissions {
        use Permission as P;
        match self {
            Self::Viewer => [P::UseEndpoints, P::ReadRuntime].into_iter().collect(),
            Self::Editor => [
                P::UseEndpoints,
                P::ReadRuntime,
                P::Trigger,
                P::Propose,
                P::ReadQueue,
                P::ReadLogs,
            ]
            .into_iter()
            .collect(),
            Self::Reviewer => [
                P::UseEndpoints,
                P::ReadRuntime,
                P::Trigger,
                P::Propose,
                P::ReadQueue,
                P::Decide,
                P::Apply,
                P::ReadRecord,
                P::ReadLogs,
            ]
            .into_iter()
            .collect(),
            Self::Administrator => Permission::ALL.into_iter().collect(),
            Self::Auditor => [P::ReadRuntime, P::ReadQueue, P::ReadRecord, P::ReadLogs]
                .into_iter()
                .collect(),
            Self::Custom(custom) => custom.permissions,
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A built-in role, or the name of a custom one: what that permits is not known by its name.
impl std::str::FromStr for Role {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let known = Self::ALL.into_iter().find(|role| role.as_str() == text);
        match known {
            Some(role) => Ok(role),
            None => Ok(Self::Custom(CustomRole {
                name: text.parse()?,
                permissions: Permissions::default(),
            })),
        }
    }
}

impl TryFrom<String> for Role {
    type Error = UnknownWord;

    fn try_from(text: String) -> Result<Self, UnknownWord> {
        text.parse()
    }
}

impl From<Role> for String {
    fn from(role: Role) -> Self {
        role.as_str().to_owned()
    }
}

/// A word that is none of those expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is none of: {expected}")]
pub struct UnknownWord {
    /// What was given.
    pub text: String,
    /// The words that are known.
    pub expected: &'static str,
}

/// One thing a principal may be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// Reach dashboards and http-in endpoints that ask for a login.
    UseEndpoints,
    /// Open the editor, read flows and status.
    ReadRuntime,
    /// Cause an effect in what already runs: inject, debug switches, deleting context.
    Trigger,
    /// Put a deployment into the queue.
    Propose,
    /// See the queue and the history.
    ReadQueue,
    /// Approve and reject changes.
    Decide,
    /// Apply an approved deployment, roll back.
    Apply,
    /// Read the audit record.
    ReadRecord,
    /// Read Node-RED's log.
    ReadLogs,
    /// Users, tokens, sessions of others, policy, allowed routes.
    Administer,
}

impl Permission {
    /// Every permission, in the order people list them.
    pub const ALL: [Self; 10] = [
        Self::UseEndpoints,
        Self::ReadRuntime,
        Self::Trigger,
        Self::Propose,
        Self::ReadQueue,
        Self::Decide,
        Self::Apply,
        Self::ReadRecord,
        Self::ReadLogs,
        Self::Administer,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UseEndpoints => "use-endpoints",
            Self::ReadRuntime => "read-runtime",
            Self::Trigger => "trigger",
            Self::Propose => "propose",
            Self::ReadQueue => "read-queue",
            Self::Decide => "decide",
            Self::Apply => "apply",
            Self::ReadRecord => "read-record",
            Self::ReadLogs => "read-logs",
            Self::Administer => "administer",
        }
    }

    /// What it lets somebody do, for people.
    pub fn explained(self) -> &'static str {
        match self {
            Self::UseEndpoints => "reach dashboards and endpoints that ask for a login",
            Self::ReadRuntime => "open the editor, read flows and status",
            Self::Trigger => "inject, switch debug nodes, read and delete context",
            Self::Propose => "send deployments to the queue",
            Self::ReadQueue => "see the queue and the history",
            Self::Decide => "approve and reject changes",
            Self::Apply => "apply what is approved, roll back, declare an emergency",
            Self::ReadRecord => "read the record",
            Self::ReadLogs => "read Node-RED's log",
            Self::Administer => "people, roles, tokens, sessions, rules and policy",
        }
    }
}

impl std::fmt::Display for Permission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Permission {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let known = Self::ALL.into_iter().find(|it| it.as_str() == text);
        known.ok_or_else(|| UnknownWord {
            text: text.chars().take(64).collect(),
            expected: "use-endpoints, read-runtime, trigger, propose, read-queue, decide, apply, \
                       read-record, read-logs or administer",
        })
    }
}

/// Whether `principal` may do `permission`, by role, and by what it acts.
///
/// An editor session never decides: a plugin's script runs in that page with the user's session.
pub fn may(principal: &Principal, permission: Permission) -> bool {
    let by_role = principal.role.permits(permission);
    let by_means = match &principal.via {
        Via::GateSession { .. } => matches!(
            permission,
            Permission::UseEndpoints
                | Permission::ReadRuntime
                | Permission::Trigger
                | Permission::Propose
                | Permission::ReadQueue
        ),
        Via::Token { scopes, .. } => scopes.iter().any(|scope| scope.covers(permission)),
        Via::ConsoleSession { .. } | Via::ControlSocket => true,
    };
    by_role && by_means
}

/// Whether `principal` may make somebody `role`, or act on somebody who is: nobody gives what they do
/// not hold, by whatever they act. Else the first permission they lack.
pub fn may_grant(principal: &Principal, role: Role) -> Result<(), Permission> {
    may_grant_all(principal, role.permissions())
}

/// The same for permissions a role is to have.
pub fn may_grant_all(principal: &Principal, permissions: Permissions) -> Result<(), Permission> {
    match permissions.iter().find(|it| !may(principal, *it)) {
        None => Ok(()),
        Some(lacking) => Err(lacking),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{SessionId, TokenId, UserId};

    fn principal(role: Role, via: Via) -> Principal {
        Principal {
            user: UserId(1),
            name: "ann".parse().unwrap(),
            role,
            via,
        }
    }

    #[test]
    fn an_editor_session_never_decides() {
        for role in Role::ALL {
            let ann = principal(
                role,
                Via::GateSession {
                    session: SessionId(1),
                },
            );
            for permission in [
                Permission::Decide,
                Permission::Apply,
                Permission::Administer,
                Permission::ReadRecord,
            ] {
                assert!(
                    !may(&ann, permission),
                    "{role} may {permission:?} from the editor"
                );
            }
        }
    }

    #[test]
    fn a_token_exceeds_neither_its_scope_nor_its_user() {
        let token = |role, scope| {
            principal(
                role,
                Via::Token {
                    token: TokenId(1),
                    scopes: vec![scope],
                },
            )
        };
        assert!(may(
            &token(Role::Editor, Scope::Propose),
            Permission::Propose
        ));
        assert!(!may(&token(Role::Editor, Scope::Read), Permission::Propose));
        assert!(!may(
            &token(Role::Viewer, Scope::Admin),
            Permission::Propose
        ));
        assert!(!may(
            &token(Role::Editor, Scope::Review),
            Permission::Decide
        ));
    }

    #[test]
    fn only_reviewers_and_administrators_decide() {
        for role in Role::ALL {
            let expected = matches!(role, Role::Reviewer | Role::Administrator);
            assert_eq!(role.permits(Permission::Decide), expected, "{role}");
        }
    }

    fn custom(name: &str, permissions: &[Permission]) -> Role {
        Role::Custom(CustomRole {
            name: name.parse().unwrap(),
            permissions: permissions.iter().copied().collect(),
        })
    }

    #[test]
    fn a_custom_role_is_its_permissions_and_no_more() {
        let shift = custom("shift", &[Permission::ReadRuntime, Permission::Trigger]);
        for permission in Permission::ALL {
            let expected = matches!(permission, Permission::ReadRuntime | Permission::Trigger);
            assert_eq!(shift.permits(permission), expected, "{permission}");
        }
        // By its name alone, as it stands in a file or an old record, it permits nothing.
        let by_name: Role = "shift".parse().unwrap();
        assert!(by_name.is(&shift) && by_name != shift);
        assert!(Permission::ALL.into_iter().all(|it| !by_name.permits(it)));
        assert_eq!(serde_json::to_string(&shift).unwrap(), "\"shift\"");
        for bad in ["", "Shift", "a b", "-x", "../x", &"a".repeat(33)] {
            assert!(bad.parse::<Role>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn nobody_gives_what_they_do_not_hold() {
        let session = SessionId(1);
        let keeper = custom("keeper", &[Permission::Administer, Permission::ReadRecord]);
        let keeper = principal(keeper, Via::ConsoleSession { session });
        let reader = custom("reader", &[Permission::ReadRecord]);
        assert_eq!(may_grant(&keeper, reader), Ok(()));
        assert_eq!(
            may_grant(&keeper, Role::Viewer),
            Err(Permission::UseEndpoints)
        );
        assert!(may_grant(&keeper, Role::Administrator).is_err());
        let ada = principal(Role::Administrator, Via::ConsoleSession { session });
        assert_eq!(may_grant(&ada, Role::Administrator), Ok(()));
        // A token gives no more than its scopes cover.
        let scopes = vec![Scope::Audit];
        let token = principal(
            Role::Administrator,
            Via::Token {
                token: TokenId(1),
                scopes,
            },
        );
        assert!(may_grant(&token, Role::Viewer).is_err());
    }
}
