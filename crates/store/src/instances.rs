//! Instances: their policy, small runtime state, and admin routes that were refused.

use model::{
    clock::Timestamp,
    id::InstanceId,
    instance::{AllowedRoute, Instance, NodeRedMajor, Policy},
    principal::Actor,
};

use crate::{Store, StoreError};

/// An admin route no table knows that somebody asked for and was refused.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RefusedRoute {
    /// Method and normalised path.
    pub route: AllowedRoute,
    /// How often.
    pub count: i64,
    /// Last time.
    pub last_at: Timestamp,
}

impl Store {
    /// Makes the instance with the default policy if it is new; returns it as stored. `node_red`
    /// replaces the stored major version when given.
    pub async fn ensure_instance(&self, id: &InstanceId, node_red: Option<NodeRedMajor>) -> Result<Instance, StoreError> {
        let _ = (id, node_red);
        unimplemented!()
    }

    /// All instances by name.
    pub async fn instances(&self) -> Result<Vec<Instance>, StoreError> {
        unimplemented!()
    }

    /// One instance.
    pub async fn instance(&self, id: &InstanceId) -> Result<Instance, StoreError> {
        let _ = id;
        unimplemented!()
    }

    /// Replaces an instance's policy.
    pub async fn set_policy(&self, id: &InstanceId, policy: &Policy, by: &Actor) -> Result<(), StoreError> {
        let _ = (id, policy, by);
        unimplemented!()
    }

    /// Notes a refused admin route (bounded: 200 an instance, paths cut to 200 characters).
    pub async fn note_refused_route(&self, id: &InstanceId, route: &AllowedRoute) -> Result<(), StoreError> {
        let _ = (id, route);
        unimplemented!()
    }

    /// Refused routes, newest first, without those allowed since.
    pub async fn refused_routes(&self, id: &InstanceId) -> Result<Vec<RefusedRoute>, StoreError> {
        let _ = id;
        unimplemented!()
    }

    /// A small JSON document Node-RED keeps (its own settings blob, for one). At most 5 MB.
    pub async fn runtime_document(&self, id: &InstanceId, name: &str) -> Result<Option<String>, StoreError> {
        let _ = (id, name);
        unimplemented!()
    }

    /// Replaces such a document.
    pub async fn set_runtime_document(&self, id: &InstanceId, name: &str, text: &str) -> Result<(), StoreError> {
        let _ = (id, name, text);
        unimplemented!()
    }
}
