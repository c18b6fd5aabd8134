//! kill -9 at any moment: no accepted deployment or decision is lost, none is applied twice.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Instant,
};

use serde_json::json;
use testkit::{Client, Redkeep, flows, until};

/// How many times it is killed.
const KILLS: u32 = 20;

/// What the outside was told, and so must hold after any kill.
#[derive(Debug, Default)]
struct Told {
    /// The newest deployment whose acceptance was answered.
    queued: AtomicI64,
    /// The newest whose approval was answered.
    approved: AtomicI64,
    /// The newest whose apply was answered.
    applied: AtomicI64,
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_nothing_is_lost_and_nothing_is_applied_twice() {
    let mut redkeep = Redkeep::up().await;
    redkeep.person("rob", "reviewer").await;
    let rob = redkeep.token("rob", &["propose", "review"]).await;
    let secret = rob.bearer().unwrap().to_owned();
    let told = Told::default();
    let begun = Instant::now();
    work(&redkeep, &rob, KILLS, &told).await;
    assert!(
        told.applied.load(Ordering::SeqCst) > 0,
        "undisturbed, nothing was applied"
    );
    // Spread over the whole of propose, decide, approve and apply, however long they take here.
    let whole = begun.elapsed() + begun.elapsed() / 4;
    for round in 0..KILLS {
        let rob = redkeep.client().with_bearer(&secret);
        tokio::select! {
            () = work(&redkeep, &rob, round, &told) => {}
            () = tokio::time::sleep(whole * round / KILLS) => {}
        }
        let options = redkeep.options();
        let data = redkeep.kill().await;
        redkeep = Redkeep::again(data, options).await;
        holds(&redkeep, round, &told).await;
    }
    let rob = redkeep.client().with_bearer(&secret);
    let last = redkeep
        .propose(&rob, &flows::greeting("/round", "after all"))
        .await;
    assert_eq!(redkeep.approve_and_apply(last).await["state"], "applied");
    until("flows after all the kills", || async {
        (rob.get(redkeep.gate_url("/round")).await.text() == "after all").then_some(())
    })
    .await;
    redkeep.assert_record_whole().await;
}

/// Proposes, decides, approves, applies; notes each answer as soon as it is there.
async fn work(redkeep: &Redkeep, rob: &Client, round: u32, told: &Told) {
    let flows = flows::greeting("/round", &format!("round {round}"));
    let body = json!({"instance": "main", "flows": flows});
    let asked = rob
        .ask("POST", redkeep.api_url("/deployments"))
        .json(&body)
        .try_send()
        .await;
    let Ok(answer) = asked else { return };
    if answer.status != 202 {
        return;
    }
    let deployment = answer.json()["deployment"].clone();
    let (id, shown) = (
        deployment["id"].as_i64().unwrap(),
        deployment["shown"].clone(),
    );
    told.queued.store(id, Ordering::SeqCst);
    let all = json!({"shown": shown, "choices": "all-approve"});
    for (verb, body) in [
        ("decisions", all),
        ("approve", json!({"shown": shown})),
        ("apply", json!({"shown": shown})),
    ] {
        let url = redkeep.api_url(&format!("/deployments/{id}/{verb}"));
        let Ok(answer) = rob.ask("POST", url).json(&body).try_send().await else {
            return;
        };
        assert_eq!(answer.status, 200, "{verb} of {id}: {}", answer.text());
        match verb {
            "approve" => told.approved.store(id, Ordering::SeqCst),
            "apply" => {
                assert_eq!(answer.json()["state"], "applied", "{}", answer.text());
                told.applied.store(id, Ordering::SeqCst);
            }
            _ => {}
        }
    }
}

async fn holds(redkeep: &Redkeep, round: u32, told: &Told) {
    let found = redkeep.deployments().await;
    let state = |id: i64| {
        let found = found.iter().find(|it| it["id"] == id);
        found.map(|it| it["state"].as_str().unwrap().to_owned())
    };
    let queued = told.queued.load(Ordering::SeqCst);
    assert!(
        queued == 0 || state(queued).is_some(),
        "round {round}: {queued} was lost"
    );
    let approved = told.approved.load(Ordering::SeqCst);
    let is_kept = approved == 0
        || matches!(
            state(approved).as_deref(),
            Some("approved" | "applied" | "superseded" | "stale")
        );
    assert!(
        is_kept,
        "round {round}: approved {approved} is {:?}",
        state(approved)
    );
    let applied = told.applied.load(Ordering::SeqCst);
    assert!(
        applied == 0 || state(applied).as_deref() == Some("applied"),
        "round {round}: applied {applied} is {:?}",
        state(applied)
    );
    assert!(
        !found.iter().any(|it| it["state"] == "applying"),
        "round {round}: something is neither applied nor not"
    );
    let record = redkeep.audit("applied").await;
    for deployment in &found {
        let subject = format!("deployment {}", deployment["id"]);
        let times = record
            .iter()
            .filter(|it| it["event"]["subject"] == subject.as_str())
            .count();
        let is_right = if deployment["state"] == "applied" {
            times == 1
        } else {
            times == 0
        };
        assert!(
            is_right,
            "round {round}: {subject} was applied {times} times: {deployment}"
        );
    }
    // What runs is the newest baseline, whole.
    let snapshots = redkeep.cli(&["deployments", "rollback"]).await.ok().json();
    let snapshots = testkit::verbs::listed(&snapshots, "snapshots");
    let current = snapshots
        .iter()
        .find(|it| it["is_current"] == true)
        .expect("a baseline");
    let author = redkeep.author().await;
    let runs = redkeep.running(&author).await;
    assert_eq!(
        runs["rev"], current["baseline"]["flows"],
        "round {round}: not the baseline runs"
    );
    redkeep.assert_record_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_node_red_comes_back_with_the_same_flows() {
    let redkeep = Redkeep::up().await;
    let author = redkeep.author().await;
    redkeep
        .run_flows(&author, &flows::greeting("/hello", "one"))
        .await;
    let before = redkeep.running(&author).await;
    let killed = redkeep.node_pids();
    for pid in &killed {
        let pid = rustix::process::Pid::from_raw(i32::try_from(*pid).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }
    redkeep.recorded("instance-crashed", |_| true).await;
    until("another Node-RED", || async {
        let now = redkeep.node_pids();
        (!now.is_empty() && now.iter().all(|pid| !killed.contains(pid))).then_some(())
    })
    .await;
    assert_eq!(redkeep.endpoint(&author, "/hello").await, "one");
    assert_eq!(redkeep.running(&author).await, before);
    redkeep.assert_record_whole().await;
}
