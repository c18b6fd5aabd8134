//! What Node-RED's own save calls meet: the storage bridge's other end.

use model::{flow::credentials::Credentials, id::InstanceId};

use crate::{DeployError, Deployments};

/// What became of a save from inside Node-RED.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SaveVerdict {
    /// It is what was approved, and now the baseline.
    Committed,
    /// It is what the baseline already is.
    Unchanged,
    /// It was not approved: queued (or only noted), and Node-RED must be reloaded, since a refused
    /// save leaves credentials changed in its memory.
    Refused {
        /// For Node-RED's error and the log.
        message: String,
    },
}

impl Deployments {
    /// Node-RED wants to save credentials: staged until the flows follow.
    pub async fn save_credentials(&self, instance: &InstanceId, credentials: Credentials) -> Result<(), DeployError> {
        let _ = (instance, credentials);
        unimplemented!()
    }

    /// Node-RED wants to save flows (the text of its `JSON.stringify`). `claimed` is the user name
    /// it reports, which in-process code can forge.
    pub async fn save_flows(&self, instance: &InstanceId, text: &[u8], claimed: Option<String>) -> Result<SaveVerdict, DeployError> {
        let _ = (instance, text, claimed);
        unimplemented!()
    }
}
