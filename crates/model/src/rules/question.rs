//! "May X from Y do Z?", and the answer.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Area, Bearer, Bounds, By, Shown};
use crate::{access::Role, id::InstanceId};

/// The question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// At which instance's gate; none: at the console.
    #[serde(default)]
    pub instance: Option<InstanceId>,
    /// From where.
    pub from: IpAddr,
    /// Who; none: nobody who is logged in.
    #[serde(default)]
    pub who: Option<Visitor>,
    /// Showing this client certificate; none: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Bearer>,
    /// With which method.
    #[serde(default = "get")]
    pub method: String,
    /// The path as a browser sends it, query and all.
    #[serde(default = "root")]
    pub path: String,
    /// Whether it opens a `WebSocket`.
    #[serde(default)]
    pub websocket: bool,
}

impl Question {
    /// What its connection would have shown.
    pub fn shown(&self) -> Vec<Shown> {
        let shown = self.certificate.iter().map(|it| Shown {
            authority: it.authority.clone(),
            names: it.name.iter().cloned().collect(),
        });
        shown.collect()
    }
}

fn get() -> String {
    "GET".to_owned()
}

fn root() -> String {
    "/".to_owned()
}

/// Somebody who is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Visitor {
    /// With which role.
    pub role: Role,
    /// By an access token that covers all the role may, in place of a browser's session.
    #[serde(default)]
    pub token: bool,
}

/// What comes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// They may.
    Allowed,
    /// They would be asked to log in.
    LogIn,
    /// They may not.
    Refused,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What comes of it.
    pub outcome: Outcome,
    /// Which rule decides who may come; none where the request is refused before any is asked.
    pub by: Option<By>,
    /// What the request is for; none where it cannot be told.
    pub area: Option<Area>,
    /// In words: why.
    pub why: String,
    /// How much one asker may.
    pub bounds: Bounds,
}
