//! A ledger in a folder of its own, with a clock that stands still.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use model::{
    access::Role,
    audit::EventKind,
    baseline::Baseline,
    clock::{FixedClock, Timestamp},
    deployment::{Decision, Deployment, DeploymentType, Origin, State, Verdict},
    flow::{
        change::ChangeId,
        credentials::{CredentialChange, CredentialChanges, Credentials},
    },
    id::{Hash, InstanceId, SessionId, UserId, UserName},
    principal::{Actor, Via},
};
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use store::{
    AuditFilter, BaselineContent, Commit, NewDeployment, NewUser, SecondFactor, Secret, Seen,
    Store, StoreError, User,
};
use tempfile::TempDir;

pub(crate) const PASSWORD: &str = "tram oyster dial";
pub(crate) const START: Timestamp = Timestamp(1_800_000_000_000);

pub(crate) struct House {
    pub(crate) dir: TempDir,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) store: Store,
}

impl House {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(FixedClock::new(START));
        let store = Store::open(dir.path(), clock.clone()).await.unwrap();
        Self { dir, clock, store }
    }

    /// The same folder, opened again.
    pub(crate) async fn again(&self) -> Store {
        Store::open(self.dir.path(), self.clock.clone())
            .await
            .unwrap()
    }

    /// A hand in the database.
    pub(crate) async fn hand(&self) -> SqliteConnection {
        hand(self.dir.path()).await
    }

    pub(crate) async fn user(&self, name: &str, role: Role) -> User {
        self.store
            .add_user(new_user(name, role), &Actor::System)
            .await
            .unwrap()
            .0
    }

    /// The kinds recorded, oldest first.
    pub(crate) async fn kinds(&self) -> Vec<EventKind> {
        let filter = AuditFilter {
            limit: 1000,
            ..AuditFilter::default()
        };
        let mut entries = self.store.audit(&filter).await.unwrap();
        entries.reverse();
        entries.into_iter().map(|entry| entry.event.kind).collect()
    }

    /// What the newest entries of a kind say.
    pub(crate) async fn details(&self, kind: EventKind) -> Vec<serde_json::Value> {
        let filter = AuditFilter {
            limit: 1000,
            ..AuditFilter::default()
        };
        let mut entries = self.store.audit(&filter).await.unwrap();
        entries.retain(|entry| entry.event.kind == kind);
        entries
            .into_iter()
            .map(|entry| entry.event.detail)
            .collect()
    }
}

pub(crate) async fn hand(dir: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(dir.join("redkeep.db"));
    SqliteConnection::connect_with(&options).await.unwrap()
}

pub(crate) fn new_user(name: &str, role: Role) -> NewUser {
    let password = Secret::new(PASSWORD.into());
    NewUser {
        name: name.parse().unwrap(),
        role,
        password,
        second_factor: None,
        passkey: None,
    }
}

pub(crate) fn with_factor(name: &str, role: Role) -> (NewUser, SecondFactor) {
    let factor = SecondFactor::generate();
    (
        NewUser {
            second_factor: Some(factor.clone()),
            ..new_user(name, role)
        },
        factor,
    )
}

pub(crate) fn actor(user: i64, name: &str) -> Actor {
    let name: UserName = name.parse().unwrap();
    let via = Via::ConsoleSession {
        session: SessionId(user),
    };
    Actor::Principal {
        user: UserId(user),
        name,
        via,
        address: None,
    }
}

pub(crate) fn main_instance() -> InstanceId {
    "main".parse().unwrap()
}

pub(crate) fn credentials(value: &str) -> Credentials {
    let fields = BTreeMap::from([("password".to_owned(), value.into())]);
    Credentials(BTreeMap::from([("broker".to_owned(), fields)]))
}

pub(crate) fn credential_changes(value: &str) -> CredentialChanges {
    let change = CredentialChange::Set(value.into());
    let fields = BTreeMap::from([("password".to_owned(), change)]);
    CredentialChanges(BTreeMap::from([("broker".to_owned(), fields)]))
}

pub(crate) fn content(store: &Store, flows: &str, node: &str) -> BaselineContent {
    let credentials = credentials("first");
    let baseline = Baseline {
        flows: Hash::of(flows.as_bytes()),
        credentials: store.credentials_digest(&credentials).unwrap(),
        settings: Hash::of(b"settings"),
        modules: Hash::of(b"modules"),
        node_red: "5.0.0".into(),
        node: node.into(),
    };
    BaselineContent {
        baseline,
        flows: flows.into(),
        credentials,
    }
}

/// Makes the instance `main` with a first baseline.
pub(crate) async fn found(store: &Store) -> Hash {
    store.ensure_instance(&main_instance(), None).await.unwrap();
    let content = content(store, "[]", "24.0.0");
    store
        .set_platform_baseline(&main_instance(), &content)
        .await
        .unwrap();
    content.baseline.hash()
}

/// A proposal on the present baseline.
pub(crate) async fn proposal(store: &Store, flows: &str) -> Result<NewDeployment, StoreError> {
    let base = store.baseline(&main_instance()).await?.unwrap().baseline;
    Ok(NewDeployment {
        instance: main_instance(),
        origin: Origin::Editor,
        proposer: actor(1, "ann"),
        base: base.hash(),
        base_flows: base.flows,
        flows: store.keep_blob(flows).await?,
        credentials: credential_changes("second"),
        deployment_type: DeploymentType::Full,
        supersedes: None,
        unchanged: BTreeSet::new(),
    })
}

pub(crate) fn decision(change: &str, verdict: Verdict) -> Decision {
    Decision {
        change: ChangeId(change.to_owned()),
        verdict,
        by: actor(2, "bob"),
        role: Some(Role::Reviewer),
        at: START,
        comment: "looked at".to_owned(),
        taken_on: None,
    }
}

/// Queued by ann, decided and approved by bob, being applied.
pub(crate) async fn applying(store: &Store, flows: &str) -> Result<Deployment, StoreError> {
    let queued = store.queue(proposal(store, flows).await?).await?;
    applying_from(store, queued).await
}

pub(crate) async fn applying_from(
    store: &Store,
    queued: Deployment,
) -> Result<Deployment, StoreError> {
    let (id, shown, result) = (queued.id, queued.proposal.hash(), queued.proposal.flows);
    let bob = actor(2, "bob");
    let decisions = [decision("added:x", Verdict::Approve)];
    let seen = store.decide(id, shown, &decisions, &Seen::new()).await?;
    let approved = State::Approved {
        by: bob.clone(),
        at: START,
        result,
    };
    let approved = store.step(id, &seen.state, approved, &bob).await?;
    store
        .step(
            id,
            &approved.state,
            State::Applying {
                since: START,
                result,
                approved_by: Some(bob.clone()),
            },
            &bob,
        )
        .await
}

pub(crate) fn commit(deployment: &Deployment) -> Commit {
    Commit {
        deployment: deployment.id,
        flows: deployment.proposal.flows,
        credentials: credentials("second"),
    }
}
