//! Roles, permissions and scopes: who may do what. Decided here, enforced at the doors.

use serde::{Deserialize, Serialize};

use crate::principal::{Principal, Via};

/// A user's role. Each is a fixed set of permissions, see [`Role::permits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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
}

impl Role {
    /// Every role, in the order people list them.
    pub const ALL: [Self; 5] = [
        Self::Viewer,
        Self::Editor,
        Self::Reviewer,
        Self::Administrator,
        Self::Auditor,
    ];

    /// The word for it, as in the configuration and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Reviewer => "reviewer",
            Self::Administrator => "administrator",
            Self::Auditor => "auditor",
        }
    }

    /// Whether this role holds `permission`.
    pub fn permits(self, permission: Permission) -> bool {
        use Permission as P;
        match self {
            Self::Viewer => matches!(permission, P::UseEndpoints | P::ReadRuntime),
            Self::Editor => matches!(
                permission,
                P::UseEndpoints
                    | P::ReadRuntime
                    | P::Trigger
                    | P::Propose
                    | P::ReadQueue
                    | P::ReadLogs
            ),
            Self::Reviewer => matches!(
                permission,
                P::UseEndpoints
                    | P::ReadRuntime
                    | P::Trigger
                    | P::Propose
                    | P::ReadQueue
                    | P::Decide
                    | P::Apply
                    | P::ReadRecord
                    | P::ReadLogs
            ),
            Self::Administrator => true,
            Self::Auditor => {
                matches!(
                    permission,
                    P::ReadRuntime | P::ReadQueue | P::ReadRecord | P::ReadLogs
                )
            }
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Role {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| UnknownWord {
                text: text.chars().take(64).collect(),
                expected: "viewer, editor, reviewer, administrator or auditor",
            })
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

/// What a bearer token is limited to. A token never exceeds its user's role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Read runtime, queue and logs.
    Read,
    /// Propose deployments and trigger effects.
    Propose,
    /// Decide and apply.
    Review,
    /// Read the audit record.
    Audit,
    /// Everything the user may do.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 5] = [
        Self::Read,
        Self::Propose,
        Self::Review,
        Self::Audit,
        Self::Admin,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Propose => "propose",
            Self::Review => "review",
            Self::Audit => "audit",
            Self::Admin => "admin",
        }
    }

    /// Whether this scope covers `permission`.
    pub fn covers(self, permission: Permission) -> bool {
        use Permission as P;
        match self {
            Self::Read => {
                matches!(
                    permission,
                    P::UseEndpoints | P::ReadRuntime | P::ReadQueue | P::ReadLogs
                )
            }
            Self::Propose => matches!(
                permission,
                P::UseEndpoints | P::ReadRuntime | P::ReadQueue | P::Propose | P::Trigger
            ),
            Self::Review => matches!(
                permission,
                P::ReadRuntime | P::ReadQueue | P::Decide | P::Apply
            ),
            Self::Audit => matches!(permission, P::ReadRecord | P::ReadQueue),
            Self::Admin => true,
        }
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Scope {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| UnknownWord {
                text: text.chars().take(64).collect(),
                expected: "read, propose, review, audit or admin",
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
        Via::KioskSession { .. } => {
            matches!(
                permission,
                Permission::UseEndpoints | Permission::ReadRuntime
            )
        }
        Via::Token { scopes, .. } => scopes.iter().any(|scope| scope.covers(permission)),
        Via::ConsoleSession { .. } | Via::ControlSocket => true,
    };
    by_role && by_means
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
    fn a_wall_display_looks_and_no_more_whoever_started_it() {
        let all = [
            Permission::UseEndpoints,
            Permission::ReadRuntime,
            Permission::Trigger,
            Permission::Propose,
            Permission::ReadQueue,
            Permission::Decide,
            Permission::Apply,
            Permission::ReadRecord,
            Permission::ReadLogs,
            Permission::Administer,
        ];
        let session = SessionId(1);
        let kiosk = principal(Role::Administrator, Via::KioskSession { session });
        let may: Vec<_> = all.into_iter().filter(|it| may(&kiosk, *it)).collect();
        assert_eq!(may, [Permission::UseEndpoints, Permission::ReadRuntime]);
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
}
