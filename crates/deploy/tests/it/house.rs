//! A waiting room with a real ledger in front of a Node-RED that does as it is told.

use std::sync::{Arc, Mutex, OnceLock};

use deploy::{
    Caller, Choice, Deployments, FlowTarget, Proposed, SaveVerdict, Submission, Taken,
    futures::{Given, Known},
};
use model::{
    access::Role,
    baseline::Baseline,
    clock::{FixedClock, Timestamp},
    deployment::{Deployment, DeploymentType, Origin, State, Verdict},
    flow::{
        Flows, Limits,
        credentials::{CredentialChange, Credentials},
    },
    id::{DeploymentId, Hash, InstanceId, UserId},
    instance::Policy,
    palette::Palette,
    principal::{Actor, Principal, Via},
};
use store::{BaselineContent, Store};

/// How the fake Node-RED behaves when it is given flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Mood {
    /// Saves what it was given.
    #[default]
    Obedient,
    /// Answers 400 before it saves.
    Refuses,
    /// Saves, then dies.
    DiesAfterSaving,
    /// Saves other flows than it was given.
    Bends,
    /// Saves a credential nobody approved beside them.
    Smuggles,
    /// Saves, and runs none of it.
    Halts,
    /// Says yes and saves nothing.
    Lies,
}

#[derive(Debug, Default)]
pub(crate) struct FakeNodeRed {
    deployments: OnceLock<Deployments>,
    pub(crate) mood: Mutex<Mood>,
    pub(crate) reloads: Mutex<usize>,
    /// Opens for review whatever waits, as soon as somebody else begins to look at it.
    pub(crate) opener: Mutex<Option<Caller>>,
}

impl FlowTarget for FakeNodeRed {
    fn give(&self, instance: &InstanceId, body: String, _: DeploymentType) -> Given<'_, Taken> {
        let (instance, mood) = (instance.clone(), *self.mood.lock().unwrap());
        Box::pin(async move { self.take(&instance, &body, mood).await })
    }

    fn palette(&self, instance: &InstanceId) -> Known<'_, Arc<Palette>> {
        let (instance, opener) = (instance.clone(), self.opener.lock().unwrap().take());
        Box::pin(async move {
            if let Some(opener) = opener {
                let room = self.deployments.get().unwrap();
                let open = room.store().deployments(Some(&instance), true, 10).await;
                for one in open.unwrap() {
                    room.start_review(&opener, one.id).await.unwrap();
                }
            }
            Arc::default()
        })
    }

    fn reload(&self, _: &InstanceId) -> Given<'_, ()> {
        *self.reloads.lock().unwrap() += 1;
        Box::pin(std::future::ready(Ok(())))
    }
}

impl FakeNodeRed {
    /// What Node-RED's `POST /flows` does: take credentials off, save them, save the flows.
    async fn take(&self, instance: &InstanceId, body: &str, mood: Mood) -> Result<Taken, String> {
        let room = self.deployments.get().unwrap();
        if mood == Mood::Refuses {
            return Err("Node-RED answered 400".into());
        }
        if mood == Mood::Lies {
            return Ok(Taken::Running);
        }
        let envelope: serde_json::Value = serde_json::from_str(body).unwrap();
        let flows = envelope["flows"].to_string();
        let submitted = Flows::submitted(flows.as_bytes(), &Limits::default()).unwrap();
        let base = room.store().baseline(instance).await.unwrap().unwrap();
        let mut credentials = base.credentials.after(&submitted.credentials, |id| {
            submitted.flows.get(id).is_some()
        });
        let mut text = submitted.flows.text().to_string();
        match mood {
            Mood::Smuggles => {
                let entry = credentials.0.entry("a".into()).or_default();
                entry.insert("password".into(), "smuggled".into());
            }
            Mood::Bends => text = text.replace("\"one\"", "\"bent\""),
            _ => {}
        }
        if credentials != base.credentials {
            room.save_credentials(instance, credentials);
        }
        match room
            .save_flows(instance, text.as_bytes(), None)
            .await
            .unwrap()
        {
            SaveVerdict::Committed | SaveVerdict::Unchanged => {}
            SaveVerdict::Refused { message } => return Err(message),
        }
        match mood {
            Mood::DiesAfterSaving => Err("Node-RED ended".into()),
            Mood::Halts => Ok(Taken::Halted("node types are missing: x".into())),
            _ => Ok(Taken::Running),
        }
    }
}

pub(crate) struct House {
    pub(crate) room: Deployments,
    pub(crate) node_red: Arc<FakeNodeRed>,
    pub(crate) main: InstanceId,
    _dir: tempfile::TempDir,
}

/// [`FLOWS`] with a command in it.
pub(crate) fn commanding() -> String {
    let node = r#",{"id":"x","type":"exec","z":"t","command":"reboot","x":1,"y":1,"wires":[]}]"#;
    format!("{}{node}", FLOWS.strip_suffix(']').unwrap())
}

pub(crate) const FLOWS: &str = r#"[{"id":"t","type":"tab","label":"Tab"},{"id":"a","type":"mqtt-broker","broker":"one"},{"id":"n","type":"function","z":"t","name":"f","func":"return msg;","x":100,"y":80,"wires":[[]]}]"#;

impl House {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(FixedClock::new(Timestamp(1_700_000_000_000)));
        let store = Store::open(dir.path(), clock).await.unwrap();
        let node_red = Arc::new(FakeNodeRed::default());
        let room = Deployments::new(store.clone(), node_red.clone());
        node_red.deployments.set(room.clone()).unwrap();
        let main: InstanceId = "main".parse().unwrap();
        store.ensure_instance(&main, None).await.unwrap();
        let flows: Arc<str> = "[]".into();
        let credentials = Credentials::default();
        let baseline = Baseline {
            flows: Hash::of(flows.as_bytes()),
            credentials: store.credentials_digest(&credentials).unwrap(),
            settings: Hash::of(b"settings"),
            modules: Hash::of(b"modules"),
            node_red: "5.0.7".into(),
            node: "24".into(),
        };
        let content = BaselineContent {
            baseline,
            flows,
            credentials,
        };
        store.set_platform_baseline(&main, &content).await.unwrap();
        Self {
            room,
            node_red,
            main,
            _dir: dir,
        }
    }

    pub(crate) fn store(&self) -> &Store {
        self.room.store()
    }

    /// From now on these rules hold.
    pub(crate) async fn rule(&self, policy: Policy) {
        let by = Actor::System;
        let set = self.store().set_policy(&self.main, &policy, &by);
        set.await.unwrap();
    }

    /// From now on findings ask for this, and nothing else is ruled.
    pub(crate) async fn demand(&self, demands: &[&str]) {
        let demands = demands.iter().map(|it| it.parse().unwrap()).collect();
        let policy = Policy {
            demands,
            ..Policy::default()
        };
        self.rule(policy).await;
    }

    /// Redkeep ends while this deployment is being applied by `by`, and starts again.
    pub(crate) async fn interrupt(&self, id: DeploymentId, by: &Caller) {
        let approved = self.state(id).await;
        let State::Approved {
            by: ref approver,
            result,
            ..
        } = approved
        else {
            panic!("not approved: {approved:?}");
        };
        let next = State::Applying {
            since: self.store().clock().now(),
            result,
            approved_by: Some(approver.clone()),
        };
        let by = by.actor();
        let begun = self.store().step(id, &approved, next, &by);
        begun.await.unwrap();
        assert_eq!(self.room.recover().await.unwrap(), 1);
    }

    pub(crate) fn submission(&self, caller: &Caller, flows: &str) -> Submission {
        Submission {
            instance: self.main.clone(),
            origin: Origin::Editor,
            proposer: caller.actor(),
            flows: flows.as_bytes().to_vec(),
            revision: None,
            deployment_type: DeploymentType::Full,
            emergency: None,
        }
    }

    pub(crate) async fn propose(&self, caller: &Caller, flows: &str) -> Deployment {
        let submission = self.submission(caller, flows);
        match self
            .room
            .propose(submission, &Limits::default())
            .await
            .unwrap()
        {
            Proposed::Queued { deployment, .. } => deployment,
            other => panic!("not queued: {other:?}"),
        }
    }

    pub(crate) async fn decide_all(&self, caller: &Caller, id: DeploymentId, verdict: Verdict) {
        let review = self.room.review(caller, id).await.unwrap();
        let choices = review.diff.changes.iter().map(|change| Choice {
            change: change.id.clone(),
            verdict,
            comment: "seen".into(),
            seen: None,
        });
        self.room
            .decide(caller, id, review.shown, choices.collect::<Vec<_>>())
            .await
            .unwrap();
    }

    /// Approves everything and applies it.
    pub(crate) async fn apply(&self, caller: &Caller, id: DeploymentId) -> Deployment {
        self.decide_all(caller, id, Verdict::Approve).await;
        let shown = self.store().deployment(id).await.unwrap().proposal.hash();
        self.room.approve(caller, id, shown).await.unwrap();
        self.room.apply(caller, id, shown).await.unwrap()
    }

    pub(crate) async fn running(&self) -> BaselineContent {
        self.store().baseline(&self.main).await.unwrap().unwrap()
    }

    pub(crate) async fn state(&self, id: DeploymentId) -> State {
        self.store().deployment(id).await.unwrap().state
    }
}

pub(crate) fn editor() -> Caller {
    person(1, "ed", Role::Editor)
}

pub(crate) fn reviewer() -> Caller {
    person(2, "rita", Role::Reviewer)
}

/// Somebody at the local control socket.
pub(crate) fn person(number: i64, name: &str, role: Role) -> Caller {
    let via = Via::ControlSocket;
    let principal = Principal {
        user: UserId(number),
        name: name.parse().unwrap(),
        role,
        via,
    };
    Caller {
        principal,
        address: None,
    }
}

/// The value a set of changes sets, for looking at in a test.
pub(crate) fn is_set_to(change: Option<&CredentialChange>, value: &str) -> bool {
    matches!(change, Some(CredentialChange::Set(set)) if set == value)
}
