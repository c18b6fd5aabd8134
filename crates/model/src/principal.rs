//! Who acts, by what, and from where.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{
    access::{Role, Scope},
    id::{SessionId, TokenId, UserId, UserName},
};

/// A person (or a person's token) whose identity was established, with what it may do.
///
/// Made only where a session or a token is looked up; everything that decides takes one of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// The user's number.
    pub user: UserId,
    /// The login name.
    pub name: UserName,
    /// The user's role, read anew on every request.
    pub role: Role,
    /// By what the user acts.
    pub via: Via,
}

/// By what a principal acts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "by")]
pub enum Via {
    /// A browser session on the gate's origin, where the editor's (hostile) page runs too.
    GateSession { session: SessionId },
    /// A browser session on the console's origin.
    ConsoleSession { session: SessionId },
    /// A wall display's session on the gate's origin: it looks, whatever its owner may do.
    KioskSession { session: SessionId },
    /// A bearer token, limited to its scopes.
    Token { token: TokenId, scopes: Vec<Scope> },
    /// The local control socket, which only the system's administrator can open.
    ControlSocket,
}

/// Who proposed something: a principal, or a part of the system acting by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "who")]
pub enum Actor {
    /// A person or a person's token.
    Principal {
        /// Whose account.
        user: UserId,
        /// The login name at that time.
        name: UserName,
        /// `gate-session`, `console-session`, `kiosk-session`, `token` or `control-socket`.
        via: Via,
        /// The peer address, where there is one.
        address: Option<IpAddr>,
    },
    /// Somebody who was not identified.
    Anonymous {
        /// The peer address, where there is one.
        address: Option<IpAddr>,
    },
    /// Something inside a Node-RED process: a node, a plugin, a function.
    Runtime {
        /// The user name Node-RED reported. It can be forged by in-process code: shown, never trusted.
        claimed: Option<String>,
    },
    /// Redkeep itself: recovery, the watch, a policy.
    System,
}

impl Actor {
    /// This principal, at that address.
    pub fn principal(principal: &Principal, address: Option<IpAddr>) -> Self {
        Self::Principal {
            user: principal.user,
            name: principal.name.clone(),
            via: principal.via.clone(),
            address,
        }
    }

    /// The user's number, when it is a known user.
    pub fn user(&self) -> Option<UserId> {
        match self {
            Self::Principal { user, .. } => Some(*user),
            Self::Anonymous { .. } | Self::Runtime { .. } | Self::System => None,
        }
    }

    /// A name for people.
    pub fn label(&self) -> String {
        match self {
            Self::Principal { name, .. } => name.to_string(),
            Self::Anonymous { .. } => "someone not logged in".to_owned(),
            Self::Runtime {
                claimed: Some(claimed),
            } => {
                format!("something inside Node-RED (says it is {claimed:?})")
            }
            Self::Runtime { claimed: None } => "something inside Node-RED".to_owned(),
            Self::System => "Redkeep".to_owned(),
        }
    }
}
