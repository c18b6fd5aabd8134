//! Applying: all or nothing.

use model::{
    deployment::Deployment,
    id::{DeploymentId, Hash},
};

use crate::{Caller, DeployError, Deployments};

/// What is being applied, by instance.
#[derive(Debug, Default)]
pub(crate) struct Slots;

/// A deployment that was approved as a whole: the only thing that can be applied.
#[derive(Debug)]
pub struct Approved(());

/// A deployment that is being applied.
#[derive(Debug)]
pub struct Applying(());

impl Deployments {
    /// Confirms the decisions on the whole (`Approved`). Needs `Apply`; every change decided, at
    /// least one approved, and the result whole.
    pub async fn approve(&self, caller: &Caller, id: DeploymentId, shown: Hash) -> Result<Deployment, DeployError> {
        let _ = (caller, id, shown);
        unimplemented!()
    }

    /// Applies an approved deployment and waits until it runs or the old baseline is back.
    /// Needs `Apply`.
    pub async fn apply(&self, caller: &Caller, id: DeploymentId, shown: Hash) -> Result<Deployment, DeployError> {
        let _ = (caller, id, shown);
        unimplemented!()
    }
}
