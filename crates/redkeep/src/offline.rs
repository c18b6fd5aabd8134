//! The API in this process, when `redkeep up` does not run: the ledger can be read and people can
//! be added; what needs a running Node-RED is refused.

use std::{path::Path, sync::Arc};

use axum::Router;
use console::{Addresses, Context};
use deploy::{Deployments, FlowTarget, Taken, futures::Given};
use model::{deployment::DeploymentType, id::InstanceId};
use store::Store;

use crate::{
    clock::SystemClock,
    exit::{Exit, Failure},
};

/// A target that is not there.
#[derive(Debug)]
struct NotRunning;

const NOT_RUNNING: &str = "Redkeep is not running; start it with `redkeep up`";

impl FlowTarget for NotRunning {
    fn is_there(&self) -> bool {
        false
    }

    fn give(&self, _: &InstanceId, _: String, _: DeploymentType) -> Given<'_, Taken> {
        Box::pin(async { Err(NOT_RUNNING.to_owned()) })
    }

    fn reload(&self, _: &InstanceId) -> Given<'_, ()> {
        Box::pin(async { Err(NOT_RUNNING.to_owned()) })
    }
}

/// The API over the ledger of `data_dir`.
pub(crate) async fn router(data_dir: &Path) -> Result<Router, Failure> {
    sandbox::process::create_private_dir(data_dir, None)?;
    let store = Store::open(data_dir, Arc::new(SystemClock)).await?;
    let deployments = Deployments::new(store.clone(), Arc::new(NotRunning));
    let ca_pem = match tokio::fs::read_to_string(data_dir.join("tls/ca.pem")).await {
        Ok(pem) => pem,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Failure::new(Exit::Failed, format!("tls/ca.pem: {error}"))),
    };
    let context = Context {
        store,
        deployments,
        workshop: None,
        addresses: Addresses {
            console_origin: String::new(),
            gates: Vec::new(),
        },
        ca_pem,
        keys: Vec::new(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        passkey_required: Vec::new(),
        terms: console::Terms::default(),
        post: None,
        doorman: None,
        providers: None,
        issuing: None,
    };
    Ok(console::control_router(context))
}
