//! kill -9 at any moment loses nothing that was acknowledged and applies nothing twice.
//!
//! The test runs itself again as a worker that writes a line for every acknowledged step, and
//! kills it at a random point of its work, again and again.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
};

use model::{
    clock::FixedClock,
    deployment::{State, Verdict},
    id::DeploymentId,
};
use store::{Keyring, Seen, Store};

use crate::house::{
    START, applying_from, commit, credentials, decision, found, main_instance, proposal,
};

const KILLS: u32 = 40;

/// Not a test of its own: what the test below starts and kills. Reads the folder from its input.
#[tokio::test]
#[ignore = "the worker that is killed; started by the test below"]
async fn worker() {
    let mut dir = String::new();
    std::io::stdin().read_line(&mut dir).unwrap();
    let store = Store::open(Path::new(dir.trim()), Arc::new(FixedClock::new(START)))
        .await
        .unwrap();
    if store.instances().await.unwrap().is_empty() {
        found(&store).await;
    }
    say("ready");
    for number in 0.. {
        let new = proposal(&store, &format!("[{number},{}]", std::process::id()))
            .await
            .unwrap();
        let queued = store.queue(new).await.unwrap();
        let (id, shown) = (queued.id, queued.proposal.hash());
        say(&format!("queued {id}"));
        let decisions = [
            decision("added:a", Verdict::Approve),
            decision("b", Verdict::Reject),
        ];
        let seen = store
            .decide(id, shown, &decisions, &Seen::new())
            .await
            .unwrap();
        say(&format!("decided {id}"));
        let deployment = applying_from(&store, seen).await.unwrap();
        let applied = store.commit_apply(commit(&deployment)).await.unwrap();
        say(&format!("applied {}", applied.id));
    }
}

fn say(line: &str) {
    // One write for one line: what arrives was acknowledged.
    std::io::stdout()
        .write_all(format!("@{line}\n").as_bytes())
        .unwrap();
}

fn start(dir: &Path) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed::worker", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{}", dir.display()).unwrap();
    child
}

/// What workers had acknowledged before they were killed.
#[derive(Default)]
struct Acknowledged {
    queued: BTreeSet<i64>,
    decided: BTreeSet<i64>,
    applied: BTreeSet<i64>,
}

impl Acknowledged {
    fn hear(&mut self, line: &str) {
        // The test harness may have begun the line.
        let Some((_, line)) = line.split_once('@') else {
            return;
        };
        let Some((what, id)) = line.split_once(' ') else {
            return;
        };
        let id = id.trim().parse().unwrap();
        match what {
            "queued" => self.queued.insert(id),
            "decided" => self.decided.insert(id),
            "applied" => self.applied.insert(id),
            _ => unreachable!("{line}"),
        };
    }
}

/// Lets a worker work for a random while, kills it, and notes what it had acknowledged.
fn kill_one(dir: &Path, heard: &mut Acknowledged) {
    let mut child = start(dir);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let [first, spins @ ..] = Keyring::random::<3>();
    // One in eight is killed while it opens the ledger, the others anywhere in their work.
    if first % 8 > 0 {
        while !lines
            .next()
            .expect("the worker gets ready")
            .unwrap()
            .contains("@ready")
        {}
        for _ in 0..first % 24 {
            heard.hear(&lines.next().expect("the worker works on").unwrap());
        }
    }
    // Anywhere between two lines.
    let pause = u64::from(u16::from_be_bytes(spins)) / 8;
    std::thread::sleep(std::time::Duration::from_micros(pause));
    child.kill().unwrap();
    child.wait().unwrap();
    for line in lines.map_while(Result::ok) {
        heard.hear(&line);
    }
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_and_nothing_applied_twice() {
    let dir = tempfile::tempdir().unwrap();
    let mut heard = Acknowledged::default();
    for kill in 1..=KILLS {
        kill_one(dir.path(), &mut heard);
        if kill % 5 > 0 {
            continue;
        }
        let clock = Arc::new(FixedClock::new(START));
        let store = Store::open(dir.path(), clock).await.unwrap();
        if store.instances().await.unwrap().is_empty() {
            continue;
        }
        check(&store, &heard).await;
    }
    assert!(heard.applied.len() > 10, "the workers got nothing done");
    assert!(heard.queued.len() >= heard.applied.len());
}

async fn check(store: &Store, heard: &Acknowledged) {
    let deployments = store.deployments(None, false, 10_000).await.unwrap();
    let states: BTreeMap<i64, State> = deployments
        .into_iter()
        .map(|deployment| (deployment.id.0, deployment.state))
        .collect();
    for id in heard
        .queued
        .iter()
        .chain(&heard.decided)
        .chain(&heard.applied)
    {
        assert!(states.contains_key(id), "deployment {id} is lost");
    }
    for id in &heard.decided {
        let decisions = store.decisions(DeploymentId(*id)).await.unwrap();
        // Void only where another apply made it stale.
        let is_stale = matches!(states[id], State::Stale { .. });
        assert!(
            decisions.len() >= 2 || is_stale,
            "decisions of {id} are lost: {:?}",
            states[id]
        );
    }
    for id in &heard.applied {
        assert!(
            matches!(states[id], State::Applied { .. }),
            "{id}: {:?}",
            states[id]
        );
    }
    let snapshots = store.snapshots(&main_instance(), 1000).await.unwrap();
    let made: Vec<_> = snapshots
        .iter()
        .filter_map(|snapshot| snapshot.deployment)
        .collect();
    let applied = states
        .iter()
        .filter(|(_, state)| matches!(state, State::Applied { .. }));
    let applied: Vec<_> = applied.map(|(id, _)| DeploymentId(*id)).rev().collect();
    assert_eq!(made, applied, "each applied deployment made one baseline");
    let now = store.baseline(&main_instance()).await.unwrap().unwrap();
    if let Some(newest) = made.first() {
        let newest = store.deployment(*newest).await.unwrap();
        let baseline = now.baseline.hash();
        assert_eq!(
            newest.state,
            State::Applied {
                at: START,
                baseline
            }
        );
        assert_eq!(now.credentials, credentials("second"));
    }
    assert_eq!(store.verify_audit().await.unwrap().1, []);
}
