//! The history as Git's own client sees it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests say what failed by ending"
)]

use std::{path::Path, process::Command, sync::Arc};

use history::History;
use model::{
    baseline::Baseline,
    clock::{FixedClock, Timestamp},
    deployment::{Decision, Deployment, DeploymentType, Origin, State, Verdict},
    flow::{
        change::ChangeId,
        credentials::{CredentialChanges, Credentials},
    },
    id::{Hash, InstanceId, UserId},
    principal::{Actor, Via},
};
use store::{BaselineContent, Commit, NewDeployment, Seen, Store};

const FIRST: &str = r#"[{"id":"t","type":"tab","label":"Pump"}]"#;
const SECOND: &str = r#"[{"id":"t","type":"tab","label":"Pump"},{"id":"f","type":"function","z":"t","name":"limit","func":"return msg;","x":10,"y":10,"wires":[[]]}]"#;
const THIRD: &str = r#"[{"id":"t","type":"tab","label":"Pump house"}]"#;

struct House {
    _dir: tempfile::TempDir,
    clock: Arc<FixedClock>,
    store: Store,
    history: History,
    instance: InstanceId,
    git: std::path::PathBuf,
}

impl House {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(FixedClock::new(Timestamp(1_800_000_000_000)));
        let store = Store::open(dir.path(), clock.clone()).await.unwrap();
        let instance: InstanceId = "main".parse().unwrap();
        store.ensure_instance(&instance, None).await.unwrap();
        let credentials = Credentials::default();
        let baseline = Baseline {
            flows: Hash::of(FIRST.as_bytes()),
            credentials: store.credentials_digest(&credentials).unwrap(),
            settings: Hash::of(b"s"),
            modules: Hash::of(b"m"),
            node_red: "5.0.7".into(),
            node: "24.21.0".into(),
        };
        let content = BaselineContent {
            baseline,
            flows: FIRST.into(),
            credentials,
        };
        store
            .set_platform_baseline(&instance, &content)
            .await
            .unwrap();
        let instances = dir.path().join("instances");
        let git = instances.join("main/history.git");
        let history = History::new(store.clone(), instances);
        Self {
            _dir: dir,
            clock,
            store,
            history,
            instance,
            git,
        }
    }

    /// Queues, approves and applies `flows`, as `ann` proposes and `bob` approves.
    async fn apply(&self, flows: &str) -> Deployment {
        self.clock.advance(60);
        let (ann, bob) = (person(1, "ann"), person(2, "bob"));
        let base = self
            .store
            .baseline(&self.instance)
            .await
            .unwrap()
            .unwrap()
            .baseline;
        let flows = self.store.keep_blob(flows).await.unwrap();
        let new = NewDeployment {
            instance: self.instance.clone(),
            origin: Origin::Editor,
            proposer: ann,
            base: base.hash(),
            base_flows: base.flows,
            flows,
            credentials: CredentialChanges::default(),
            deployment_type: DeploymentType::Full,
            unchanged: std::collections::BTreeSet::new(),
            supersedes: None,
        };
        let queued = self.store.queue(new).await.unwrap();
        let at = self.store.clock().now();
        let decision = Decision {
            change: ChangeId("added:f".to_owned()),
            verdict: Verdict::Approve,
            by: bob.clone(),
            role: None,
            at,
            comment: String::new(),
            taken_on: None,
        };
        let shown = queued.proposal.hash();
        self.store
            .decide(
                queued.id,
                shown,
                std::slice::from_ref(&decision),
                &Seen::new(),
            )
            .await
            .unwrap();
        let mut now = self.store.deployment(queued.id).await.unwrap();
        for next in [
            State::Approved {
                by: bob.clone(),
                at,
                result: flows,
            },
            State::Applying {
                since: at,
                result: flows,
                approved_by: None,
            },
        ] {
            now = self
                .store
                .step(now.id, &now.state, next, &bob)
                .await
                .unwrap();
        }
        let commit = Commit {
            deployment: now.id,
            flows,
            credentials: Credentials::default(),
        };
        self.store.commit_apply(commit).await.unwrap()
    }
}

fn person(user: i64, name: &str) -> Actor {
    Actor::Principal {
        user: UserId(user),
        name: name.parse().unwrap(),
        via: Via::ControlSocket,
        address: None,
    }
}

fn git(dir: &Path, arguments: &[&str]) -> String {
    let mut git = Command::new("git");
    git.arg("-C")
        .arg(dir)
        .args(["-c", "safe.directory=*"])
        .args(arguments);
    let done = git
        .output()
        .unwrap_or_else(|error| panic!("git is needed for this test: {error}"));
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "git {arguments:?}: {errors}");
    String::from_utf8(done.stdout).unwrap()
}

#[tokio::test]
async fn every_baseline_is_a_commit_that_git_reads() {
    let house = House::new().await;
    assert_eq!(house.history.bring_up(&house.instance).await.unwrap(), 1);
    let second = house.apply(SECOND).await;
    assert_eq!(house.history.bring_up(&house.instance).await.unwrap(), 1);
    assert_eq!(
        house.history.bring_up(&house.instance).await.unwrap(),
        0,
        "nothing twice"
    );

    let errors = git(&house.git, &["fsck", "--full", "--strict"]);
    assert!(!errors.contains("error"), "{errors}");
    let log = git(
        &house.git,
        &[
            "log",
            "--format=%an|%s|%(trailers:key=Approved-by,valueonly)",
            "main",
        ],
    );
    let lines: Vec<&str> = log.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(
        lines,
        [
            &format!("ann|Deployment {}: adds 1 node on Pump|bob", second.id),
            "Redkeep|Node-RED 5.0.7 on Node.js 24.21.0|",
        ]
    );
    let flows = git(&house.git, &["show", "main:flows.json"]);
    let same: serde_json::Value = serde_json::from_str(&flows).unwrap();
    assert_eq!(
        same,
        serde_json::from_str::<serde_json::Value>(SECOND).unwrap()
    );
    assert_eq!(
        git(&house.git, &["show", "main:code/f.js"]),
        "return msg;\n"
    );
    let State::Applied { baseline, .. } = second.state else {
        panic!("{:?}", second.state)
    };
    let body = git(&house.git, &["log", "-1", "--format=%b", "main"]);
    assert!(body.contains(&format!("Baseline: {baseline}")), "{body}");
}

#[tokio::test]
async fn what_was_taken_back_is_told() {
    let house = House::new().await;
    house.history.bring_up(&house.instance).await.unwrap();
    let failed = house.apply(THIRD).await;
    house.history.bring_up(&house.instance).await.unwrap();
    house
        .store
        .revert_apply(failed.id, "it died")
        .await
        .unwrap();
    assert_eq!(house.history.bring_up(&house.instance).await.unwrap(), 1);
    assert_eq!(house.history.bring_up(&house.instance).await.unwrap(), 0);
    let subjects = git(&house.git, &["log", "--format=%s", "main"]);
    assert!(subjects.starts_with("Back to "), "{subjects}");
    assert!(git(&house.git, &["show", "main:flows.json"]).contains("\"Pump\""));
    house.apply(SECOND).await;
    assert_eq!(house.history.bring_up(&house.instance).await.unwrap(), 1);
    git(&house.git, &["fsck", "--full", "--strict"]);
}

#[tokio::test]
async fn a_clock_set_back_loses_no_baseline() {
    let house = House::new().await;
    house.history.bring_up(&house.instance).await.unwrap();
    house.clock.advance(-86_400);
    house.apply(SECOND).await;
    assert_eq!(house.history.bring_up(&house.instance).await.unwrap(), 1);
    let subject = git(&house.git, &["log", "-1", "--format=%s", "main"]);
    assert!(subject.starts_with("Deployment"), "{subject}");
}

#[tokio::test]
async fn killed_halfway_it_goes_on() {
    let house = House::new().await;
    house.history.bring_up(&house.instance).await.unwrap();
    house.apply(SECOND).await;
    let branch = house.git.join("refs/heads/main");
    let before = std::fs::read(&branch).unwrap();
    house.history.bring_up(&house.instance).await.unwrap();
    let after = std::fs::read(&branch).unwrap();
    // As a kill between the note and the branch leaves it.
    std::fs::write(&branch, before).unwrap();
    assert_eq!(house.history.bring_up(&house.instance).await.unwrap(), 0);
    assert_eq!(std::fs::read(&branch).unwrap(), after);
    // Deleted by somebody: made anew from the ledger.
    std::fs::remove_dir_all(&house.git).unwrap();
    assert_eq!(house.history.bring_up(&house.instance).await.unwrap(), 2);
    assert_eq!(std::fs::read(&branch).unwrap(), after, "the same commits");
}
