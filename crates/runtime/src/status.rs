//! How an instance is.

use model::{clock::Timestamp, id::InstanceId};
use serde::Serialize;

/// How one instance is, for the console, the command line and the gate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InstanceStatus {
    /// Which.
    pub id: InstanceId,
    /// Node-RED's version.
    pub node_red: String,
    /// Node.js' version.
    pub node: String,
    /// What it does.
    #[serde(flatten)]
    pub phase: Phase,
    /// Since when.
    pub since: Timestamp,
    /// How often it was started since Redkeep was.
    pub starts: u32,
    /// The jail's layers: name, whether enforced, and in words what is missing.
    pub enforcement: Vec<LayerStatus>,
}

/// One layer of the jail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LayerStatus {
    /// Such as `landlock`.
    pub layer: String,
    /// `enforced`, `partial` or `missing`.
    pub state: String,
    /// What it covers, or what is missing and why.
    pub note: String,
}

/// What an instance does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "phase")]
pub enum Phase {
    /// Was not started, or was stopped in order.
    Stopped,
    /// The jail is checked and Node-RED starts.
    Starting,
    /// It answers, and its flows run.
    Ready,
    /// It answers, but its flows do not run (missing node types, for one).
    Degraded {
        /// Why, as Node-RED says.
        reason: String,
    },
    /// It ended and will be started again.
    BackingOff {
        /// Why it ended.
        reason: String,
        /// When it is started again.
        until: Timestamp,
    },
    /// It ended again and again, and is left stopped.
    CrashLoop {
        /// Why it ended the last time.
        reason: String,
    },
    /// It was not started because the jail does not hold.
    Refused {
        /// What the canary could do.
        reason: String,
    },
}
