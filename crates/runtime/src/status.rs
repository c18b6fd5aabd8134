//! How an instance is.

use model::{clock::Timestamp, id::InstanceId};
use sandbox::{Enforcement, enforcement::Status};
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
    /// Whether its flows run. `Degraded` and running: some of it failed to start.
    pub flows_run: bool,
    /// Since when.
    pub since: Timestamp,
    /// How often it was started since Redkeep was.
    pub starts: u32,
    /// What runs in place of the baseline's flows, if Node-RED says it runs something else.
    pub drift: Option<Drift>,
    /// What is wrong with the files of Node.js and Node-RED on disk, if something is.
    pub damage: Option<Drift>,
    /// The most memory it may take, such as `512 MiB`.
    pub memory: String,
    /// The most processor time, in percent of one core; none: no limit.
    pub cpu_percent: Option<u16>,
    /// The jail's layers: name, whether enforced, and in words what is missing.
    pub enforcement: Vec<LayerStatus>,
}

/// What runs or lies on disk is not the baseline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// In a sentence.
    pub what: String,
    /// When it was first seen.
    pub since: Timestamp,
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
    /// It answers, but its flows do not run (missing node types, for one), or not all of them (see
    /// [`InstanceStatus::flows_run`]).
    Degraded {
        /// Why, as Node-RED says.
        reason: String,
    },
    /// It ended, or could not be started, and will be started again.
    BackingOff {
        /// Why it ended, or what kept it from being started.
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

impl Phase {
    /// Whether Node-RED's process is there and answers.
    pub fn is_up(&self) -> bool {
        matches!(self, Self::Ready | Self::Degraded { .. })
    }

    /// Why it is not as it should be, if something is wrong.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Stopped | Self::Starting | Self::Ready => None,
            Self::Degraded { reason }
            | Self::BackingOff { reason, .. }
            | Self::CrashLoop { reason }
            | Self::Refused { reason } => Some(reason),
        }
    }
}

/// The jail's report in the status' words. Layers the policy does not ask for are left out.
pub fn layers(enforcement: &Enforcement) -> Vec<LayerStatus> {
    let word = |layer: &sandbox::Layer| {
        let word = serde_json::to_value(layer).ok();
        word.and_then(|word| word.as_str().map(str::to_owned))
            .unwrap_or_default()
    };
    let row = |(layer, status): (&sandbox::Layer, &Status)| {
        let (state, note) = match status {
            Status::Enforced => ("enforced", layer.to_string()),
            Status::Partial(why) => ("partial", why.clone()),
            Status::Missing(why) => ("missing", why.clone()),
            Status::NotAsked => return None,
        };
        Some(LayerStatus {
            layer: word(layer),
            state: state.to_owned(),
            note,
        })
    };
    enforcement.layers.iter().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use sandbox::Layer;

    use super::*;

    #[test]
    fn a_missing_layer_says_why() {
        let mut enforcement = Enforcement::default();
        enforcement
            .layers
            .insert(Layer::Landlock, Status::Missing("old kernel".into()));
        enforcement
            .layers
            .insert(Layer::NetworkNamespace, Status::NotAsked);
        let expected = LayerStatus {
            layer: "landlock".into(),
            state: "missing".into(),
            note: "old kernel".into(),
        };
        assert_eq!(layers(&enforcement), [expected]);
    }
}
