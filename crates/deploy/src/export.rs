//! A deployment as one signed file that can be checked anywhere, by anyone, without Redkeep running.
//!
//! The envelope is DSSE (<https://github.com/secure-systems-lab/dsse>), signed with an Ed25519 key of
//! this installation. The statement in it holds both flows whole, the difference, the decisions and
//! the digests, so that a reader can work all of them out again.

mod verify;

use data_encoding::BASE64;
use model::{
    access::Permission,
    baseline::Baseline,
    clock::Timestamp,
    deployment::{Decision, Deployment, State},
    flow::change::Change,
    id::{DeploymentId, Hash},
    touch::Touch,
};
use serde::{Deserialize, Serialize};
use store::{Signing, StoreError};

use crate::{Caller, DeployError, Deployments, Review, apply::result_of};

pub use verify::{NotGenuine, Verified, consistent, verify};

/// DSSE's name for what is signed.
const PAYLOAD_TYPE: &str = "application/vnd.redkeep.deployment+json";
/// What the signing key is for.
const PURPOSE: Signing = Signing::DeploymentExport;
/// The form of the statement.
const FORM: u32 = 1;

/// Everything that is said of one deployment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// The form of this statement: 1.
    pub form: u32,
    /// When it was written.
    pub exported_at: Timestamp,
    /// The deployment, as it stood then.
    pub deployment: Deployment,
    /// The digest that was shown, decided on and applied.
    pub shown: Hash,
    /// The baseline it starts from.
    pub base: Baseline,
    /// That baseline's flows: the canonical text.
    pub base_flows: String,
    /// The proposed flows: the canonical text.
    pub proposed_flows: String,
    /// What differs.
    pub changes: Vec<Change>,
    /// The decisions.
    pub decisions: Vec<Decision>,
    /// Digest of the flows that result from the approved changes; none while something is
    /// undecided or the whole was refused.
    pub result: Option<Hash>,
    /// The baseline it made, if it was applied.
    pub applied: Option<Baseline>,
    /// The touch it was confirmed with, if it was: with everything needed to check it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub touch: Option<Touch>,
}

/// The file: DSSE's envelope.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    #[serde(rename = "payloadType")]
    payload_type: String,
    /// The statement's JSON text in base64.
    payload: String,
    signatures: Vec<Signature>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    /// The public key, in hexadecimal digits.
    keyid: String,
    sig: String,
}

/// What is signed: DSSE's pre-authentication encoding, which binds the type to the bytes.
fn signed_bytes(payload: &[u8]) -> Vec<u8> {
    let head = format!(
        "DSSEv1 {} {PAYLOAD_TYPE} {} ",
        PAYLOAD_TYPE.len(),
        payload.len()
    );
    [head.as_bytes(), payload].concat()
}

impl Deployments {
    /// The signed file of one deployment. Needs `ReadQueue`.
    pub async fn export(&self, caller: &Caller, id: DeploymentId) -> Result<String, DeployError> {
        caller.require(Permission::ReadQueue)?;
        let review = self.review(caller, id).await?;
        let deployment = &review.deployment;
        let base = self
            .store
            .baseline_at(&deployment.instance, deployment.proposal.base)
            .await?;
        let applied = match deployment.state {
            State::Applied { baseline, .. } => {
                let found = self
                    .store
                    .baseline_at(&deployment.instance, baseline)
                    .await?;
                Some(found.baseline)
            }
            _ => None,
        };
        let touch = self
            .touch_that_counts(deployment, &review.decisions)
            .await?;
        // Composing, writing and signing tens of megabytes is reading work like any other: whoever
        // may look stands in the line of those who look.
        let room = self.clone();
        let written = self
            .desk
            .work(move || room.envelope(review, base.baseline, applied, touch));
        written.await?
    }

    fn envelope(
        &self,
        review: Review,
        base: Baseline,
        applied: Option<Baseline>,
        touch: Option<Touch>,
    ) -> Result<String, DeployError> {
        let result = match review.undecided() {
            0 => result_of(&review).ok().map(|flows| flows.hash()),
            _ => None,
        };
        let statement = Statement {
            form: FORM,
            exported_at: self.store.clock().now(),
            shown: review.shown,
            base,
            base_flows: review.base.text().to_string(),
            proposed_flows: review.proposal.text().to_string(),
            changes: review.diff.changes.clone(),
            decisions: review.decisions,
            result,
            applied,
            touch,
            deployment: review.deployment,
        };
        let payload = serde_json::to_vec(&statement).map_err(|_| DeployError::Unreadable)?;
        let signature = self.store.keyring().sign(PURPOSE, &signed_bytes(&payload));
        let signature = signature.map_err(StoreError::from)?;
        let envelope = Envelope {
            payload_type: PAYLOAD_TYPE.to_owned(),
            signatures: vec![Signature {
                keyid: self.export_key(),
                sig: BASE64.encode(&signature),
            }],
            payload: BASE64.encode(&payload),
        };
        serde_json::to_string_pretty(&envelope).map_err(|_| DeployError::Unreadable)
    }

    /// The public key of this installation's exports, in hexadecimal digits: what a reader holds
    /// a file against.
    pub fn export_key(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.store.keyring().public_key(PURPOSE))
    }
}
