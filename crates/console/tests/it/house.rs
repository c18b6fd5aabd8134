//! A console over a real ledger and a real waiting room, in front of a Node-RED that does as it
//! is told.

use std::{
    path::Path,
    sync::{Arc, OnceLock},
};

use console::{Addresses, Context};
use deploy::{
    Caller, Choice, Deployments, FlowTarget, Proposed, SaveVerdict, Submission, Taken,
    futures::Given,
};
use model::{
    access::Role,
    baseline::Baseline,
    clock::Clock,
    deployment::{DeploymentType, Origin, Verdict},
    flow::{Flows, Limits, credentials::Credentials},
    id::{DeploymentId, Hash, InstanceId, UserId},
    principal::{Actor, Principal, Via},
};
use store::{BaselineContent, NewUser, Secret, Store};

/// The console's origin in tests.
pub(crate) const ORIGIN: &str = "https://keep.localhost:8443";
/// The gate's.
pub(crate) const GATE: &str = "https://localhost:1443";
/// Everybody's password.
pub(crate) const PASSWORD: &str = "seven green bottles on a wall";

#[derive(Debug, Default)]
struct Obedient {
    deployments: OnceLock<Deployments>,
    refuses: std::sync::atomic::AtomicBool,
}

impl FlowTarget for Obedient {
    fn give(&self, instance: &InstanceId, body: String, _: DeploymentType) -> Given<'_, Taken> {
        let instance = instance.clone();
        Box::pin(async move {
            if self.refuses.load(std::sync::atomic::Ordering::SeqCst) {
                return Err("it answered 400: missing types: modbus-read".to_owned());
            }
            let room = self.deployments.get().unwrap();
            let envelope: serde_json::Value = serde_json::from_str(&body).unwrap();
            let flows = envelope["flows"].to_string();
            let submitted = Flows::submitted(flows.as_bytes(), &Limits::default()).unwrap();
            let base = room.store().baseline(&instance).await.unwrap().unwrap();
            let credentials = base.credentials.after(&submitted.credentials, |id| {
                submitted.flows.get(id).is_some()
            });
            if credentials != base.credentials {
                room.save_credentials(&instance, credentials);
            }
            let text = submitted.flows.text().as_bytes().to_vec();
            match room.save_flows(&instance, &text, None).await.unwrap() {
                SaveVerdict::Committed | SaveVerdict::Unchanged => Ok(Taken::Running),
                SaveVerdict::Refused { message } => Err(message),
            }
        })
    }

    fn reload(&self, _: &InstanceId) -> Given<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// The house.
pub(crate) struct House {
    pub(crate) store: Store,
    pub(crate) room: Deployments,
    pub(crate) main: InstanceId,
    node_red: Arc<Obedient>,
}

impl House {
    pub(crate) async fn new(dir: &Path, clock: Arc<dyn Clock>) -> Self {
        let store = Store::open(dir, clock).await.unwrap();
        let node_red = Arc::new(Obedient::default());
        let room = Deployments::new(store.clone(), node_red.clone());
        node_red.deployments.set(room.clone()).unwrap();
        let main: InstanceId = "main".parse().unwrap();
        let house = Self {
            store,
            room,
            main: main.clone(),
            node_red,
        };
        house.instance(&main).await;
        house
    }

    /// Makes an instance with empty flows.
    pub(crate) async fn instance(&self, id: &InstanceId) {
        self.store.ensure_instance(id, None).await.unwrap();
        let flows: Arc<str> = "[]".into();
        let credentials = Credentials::default();
        let baseline = Baseline {
            flows: Hash::of(flows.as_bytes()),
            credentials: self.store.credentials_digest(&credentials).unwrap(),
            settings: Hash::of(b"settings"),
            modules: Hash::of(b"modules"),
            node_red: "5.0.7".into(),
            node: "24.11.0".into(),
        };
        let content = BaselineContent {
            baseline,
            flows,
            credentials,
        };
        self.store
            .set_platform_baseline(id, &content)
            .await
            .unwrap();
    }

    pub(crate) fn context(&self) -> Context {
        Context {
            store: self.store.clone(),
            deployments: self.room.clone(),
            workshop: None,
            addresses: Addresses {
                console_origin: ORIGIN.to_owned(),
                gates: vec![(self.main.clone(), GATE.to_owned())],
            },
            ca_pem: "-----BEGIN CERTIFICATE-----\n".to_owned(),
            keys: Vec::new(),
            version: "0.1.0".to_owned(),
            passkey_required: Vec::new(),
            terms: console::Terms::default(),
            post: None,
            doorman: None,
            providers: None,
            issuing: None,
        }
    }

    /// Makes Node-RED refuse what it is given from now on.
    pub(crate) fn refuse(&self) {
        self.node_red
            .refuses
            .store(true, std::sync::atomic::Ordering::SeqCst);
    }

    pub(crate) async fn user(&self, name: &str, role: Role) -> UserId {
        let new = NewUser {
            name: name.parse().unwrap(),
            role,
            password: Secret::new(PASSWORD.as_bytes().to_vec()),
            second_factor: None,
            passkey: None,
        };
        self.store.add_user(new, &Actor::System).await.unwrap().0.id
    }

    pub(crate) async fn caller(&self, name: &str) -> Caller {
        let user = self
            .store
            .user_by_name(&name.parse().unwrap())
            .await
            .unwrap()
            .unwrap();
        let via = Via::ControlSocket;
        let principal = Principal {
            user: user.id,
            name: user.name,
            role: user.role,
            via,
        };
        Caller {
            principal,
            address: Some("192.0.2.7".parse().unwrap()),
        }
    }

    pub(crate) async fn propose(&self, name: &str, flows: &str) -> DeploymentId {
        self.propose_on(&self.main.clone(), name, flows).await
    }

    pub(crate) async fn propose_on(
        &self,
        instance: &InstanceId,
        name: &str,
        flows: &str,
    ) -> DeploymentId {
        let submission = Submission {
            instance: instance.clone(),
            origin: Origin::Editor,
            proposer: self.caller(name).await.actor(),
            flows: flows.as_bytes().to_vec(),
            revision: None,
            deployment_type: DeploymentType::Full,
            emergency: None,
        };
        match self
            .room
            .propose(submission, &Limits::default())
            .await
            .unwrap()
        {
            Proposed::Queued { deployment, .. } => deployment.id,
            other => panic!("not queued: {other:?}"),
        }
    }

    /// Approves everything and applies it.
    pub(crate) async fn apply(&self, name: &str, id: DeploymentId) {
        let caller = self.caller(name).await;
        let review = self.room.review(&caller, id).await.unwrap();
        let choices = review.diff.changes.iter().map(|change| Choice {
            change: change.id.clone(),
            verdict: Verdict::Approve,
            comment: String::new(),
            seen: None,
        });
        self.room
            .decide(&caller, id, review.shown, choices.collect::<Vec<_>>())
            .await
            .unwrap();
        self.room.approve(&caller, id, review.shown).await.unwrap();
        self.room.apply(&caller, id, review.shown).await.unwrap();
    }
}
