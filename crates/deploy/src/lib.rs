//! The waiting room: every change to what runs is queued, reviewed, decided and applied here.
//!
//! `intake` → `queue` (store) → `review` → `decide` → `apply` → [`FlowTarget`] (the runtime).
#![forbid(unsafe_code)]

mod apply;
mod decide;
mod demand;
mod desk;
mod emergency;
mod error;
pub mod export;
mod intake;
mod rebase;
mod recovery;
mod rehearse;
mod review;
mod risk;
mod rollback;
mod save;
mod secrets;
mod thread;
mod touch;
mod version;

use std::{net::IpAddr, sync::Arc};

use model::{
    access::{Permission, may},
    deployment::DeploymentType,
    id::InstanceId,
    palette::Palette,
    principal::{Actor, Principal},
};
use store::Store;

pub use apply::Approved;
pub use decide::{Choice, Choices, check_length};
pub use desk::{Desk, Turn};
pub use error::DeployError;
pub use intake::{Proposed, Submission};
pub use rehearse::{Rehearsals, Trial};
pub use review::{Named, Names, Reading, Review, Step, StepKind, names, steps};
pub use risk::Acceptance;
pub use save::SaveVerdict;
pub use touch::ToTouch;

/// Who asks, and from where. The address is for the record only.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who.
    pub principal: Principal,
    /// The peer address, where there is one.
    pub address: Option<IpAddr>,
}

impl Caller {
    /// The same, for the record.
    pub fn actor(&self) -> Actor {
        Actor::principal(&self.principal, self.address)
    }

    /// Whether the caller may, else the refusal.
    pub fn require(&self, permission: Permission) -> Result<(), DeployError> {
        if may(&self.principal, permission) {
            Ok(())
        } else {
            Err(DeployError::NotAllowed {
                name: self.principal.name.to_string(),
                permission,
            })
        }
    }
}

/// What the waiting room needs of the workshop: a Node-RED that takes flows. Joined in
/// `redkeep::wire`.
pub trait FlowTarget: Send + Sync + std::fmt::Debug {
    /// Whether there is a running Redkeep behind it. Without one nothing is applied.
    fn is_there(&self) -> bool {
        true
    }

    /// Whether the instance's flows run at present.
    fn runs(&self, _instance: &InstanceId) -> bool {
        true
    }

    /// What the instance's packages say of their node types. Empty when nothing is known: it
    /// shows changes better and decides nothing.
    fn palette(&self, _instance: &InstanceId) -> futures::Known<'_, Arc<Palette>> {
        Box::pin(std::future::ready(Arc::default()))
    }

    /// Gives Node-RED flows with the approved credential changes in place, as its own editor
    /// would, and waits for its answer and for it to be ready. While this runs, Node-RED saves
    /// through [`Deployments::save_flows`], which commits.
    fn give(
        &self,
        instance: &InstanceId,
        body: String,
        deployment_type: DeploymentType,
    ) -> futures::Given<'_, Taken>;

    /// Has Node-RED load flows and credentials anew from the baseline.
    fn reload(&self, instance: &InstanceId) -> futures::Given<'_, ()>;
}

/// What Node-RED does with flows it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// They run.
    Running,
    /// It keeps them and runs none of them, for this reason: missing node types, for one.
    Halted(String),
}

/// Names for boxed futures, since trait objects cannot have async methods.
pub mod futures {
    use std::{future::Future, pin::Pin};

    /// Done, or why Node-RED refused, in words for people.
    pub type Given<'a, T> = Pin<Box<dyn Future<Output = Result<T, String>> + Send + 'a>>;

    /// An answer there always is.
    pub type Known<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
}

/// The waiting room. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Deployments {
    store: Store,
    target: Arc<dyn FlowTarget>,
    applying: Arc<apply::Slots>,
    shelf: Arc<review::Shelf>,
    desk: Desk,
}

impl Deployments {
    /// A waiting room over this ledger, in front of this target.
    pub fn new(store: Store, target: Arc<dyn FlowTarget>) -> Self {
        Self {
            store,
            target,
            applying: Arc::default(),
            shelf: Arc::default(),
            desk: Desk::default(),
        }
    }

    /// Where whatever takes the processor for long is done: reading flows, making pages of them.
    pub fn desk(&self) -> &Desk {
        &self.desk
    }

    /// The ledger.
    pub fn store(&self) -> &Store {
        &self.store
    }
}
