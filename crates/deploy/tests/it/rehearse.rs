//! What waits is tried one at a time, and a policy may ask that it went well.

use std::sync::{Arc, Mutex};

use deploy::{DeployError, Proposed, Rehearsals, Trial, futures::Given};
use model::{
    deployment::{Deployment, Verdict},
    flow::Limits,
    instance::{ApplyPolicy, Policy, RehearsalPolicy},
    principal::Actor,
    rehearsal::{Observation, Outcome, Rehearsal},
};
use tokio::sync::Notify;

use crate::house::{FLOWS, House, editor, reviewer};

/// Sees what it is told to see; waits for a nod when it is told to.
#[derive(Debug)]
struct FakeStage {
    outcome: Outcome,
    waits_for: Option<Arc<Notify>>,
    tried: Mutex<Vec<Trial>>,
    begun: Notify,
}

impl FakeStage {
    fn new(outcome: Outcome) -> Self {
        Self {
            outcome,
            waits_for: None,
            tried: Mutex::default(),
            begun: Notify::new(),
        }
    }

    fn flows_tried(&self) -> Vec<String> {
        let tried = self.tried.lock().unwrap();
        tried.iter().map(|trial| trial.flows.to_string()).collect()
    }
}

impl Rehearsals for FakeStage {
    fn rehearse(&self, trial: Trial) -> Given<'_, Observation> {
        Box::pin(async move {
            self.tried.lock().unwrap().push(trial);
            self.begun.notify_one();
            if let Some(nod) = &self.waits_for {
                nod.notified().await;
            }
            Ok(Observation {
                outcome: self.outcome.clone(),
                missing_types: Vec::new(),
                log: Vec::new(),
                attempts: Vec::new(),
                has_more: false,
                memory_bytes: 1,
                cpu_ms: 1,
                watched_seconds: 20,
            })
        })
    }
}

/// Rehearses until this deployment's is over.
async fn rehearse(house: &House, stage: &FakeStage, deployment: &Deployment) -> Rehearsal {
    let over = async {
        loop {
            if let Some(found) = house.store().rehearsal(deployment.id).await.unwrap()
                && found.is_over()
            {
                return found;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        never = house.room.rehearse(stage) => match never {},
        found = over => found,
    }
}

async fn set(house: &House, policy: &Policy) {
    let set = house
        .store()
        .set_policy(&house.main, policy, &Actor::System);
    set.await.unwrap();
}

fn required() -> Policy {
    Policy {
        rehearsal: RehearsalPolicy::Required,
        ..Policy::default()
    }
}

#[tokio::test]
async fn a_proposal_and_its_base_are_tried_and_the_base_once_only() {
    let house = House::new().await;
    let stage = FakeStage::new(Outcome::Ran);
    let first = house.propose(&editor(), FLOWS).await;
    let found = rehearse(&house, &stage, &first).await;
    assert!(found.is_clean());
    assert!(matches!(found, Rehearsal::Done { base: Some(_), .. }));
    let other = FLOWS.replace("return msg", "return null");
    let second = house.propose(&reviewer(), &other).await;
    rehearse(&house, &stage, &second).await;
    let tried = stage.flows_tried();
    assert_eq!(tried.len(), 3, "{tried:?}");
    assert_eq!(tried[0], "[]");
}

#[tokio::test]
async fn a_run_of_what_was_withdrawn_is_let_go_of() {
    let house = House::new().await;
    let stage = FakeStage {
        waits_for: Some(Arc::default()),
        ..FakeStage::new(Outcome::Ran)
    };
    let queued = house.propose(&editor(), FLOWS).await;
    let next = FLOWS.replace("return msg", "return null");
    let meanwhile = async {
        stage.begun.notified().await;
        house.room.withdraw(&editor(), queued.id).await.unwrap();
        // The next one begins although nobody nodded.
        let next = house.propose(&editor(), &next).await;
        stage.begun.notified().await;
        next
    };
    let next = tokio::select! {
        never = house.room.rehearse(&stage) => match never {},
        next = meanwhile => next,
    };
    let known = house.store().rehearsal(next.id).await.unwrap();
    assert!(matches!(known, Some(Rehearsal::Running { .. })));
}

#[tokio::test]
async fn where_it_is_required_nothing_is_approved_before_it_went_well() {
    let house = House::new().await;
    set(&house, &required()).await;
    let rita = reviewer();
    let queued = house.propose(&editor(), FLOWS).await;
    let shown = queued.proposal.hash();
    house.decide_all(&rita, queued.id, Verdict::Approve).await;
    let approve = || house.room.approve(&rita, queued.id, shown);
    let refused = |error| matches!(error, Err(DeployError::NotRehearsed { .. }));
    assert!(refused(approve().await));
    rehearse(&house, &FakeStage::new(Outcome::Ran), &queued).await;
    approve().await.unwrap();
}

#[tokio::test]
async fn what_crashed_cannot_be_approved_where_it_is_required() {
    let house = House::new().await;
    set(&house, &required()).await;
    let rita = reviewer();
    let queued = house.propose(&editor(), FLOWS).await;
    house.decide_all(&rita, queued.id, Verdict::Approve).await;
    let stage = FakeStage::new(Outcome::Crashed("exit code 3".into()));
    let found = rehearse(&house, &stage, &queued).await;
    assert!(!found.is_clean());
    let shown = queued.proposal.hash();
    let refused = house.room.approve(&rita, queued.id, shown).await;
    assert!(matches!(refused, Err(DeployError::NotRehearsed { .. })));
}

#[tokio::test]
async fn a_policy_that_came_later_holds_for_what_was_approved_before() {
    let house = House::new().await;
    let rita = reviewer();
    let queued = house.propose(&editor(), FLOWS).await;
    let shown = queued.proposal.hash();
    house.decide_all(&rita, queued.id, Verdict::Approve).await;
    house.room.approve(&rita, queued.id, shown).await.unwrap();
    set(&house, &required()).await;
    let refused = house.room.apply(&rita, queued.id, shown).await;
    assert!(matches!(refused, Err(DeployError::NotRehearsed { .. })));
}

#[tokio::test]
async fn where_it_is_required_nothing_is_applied_at_once() {
    let house = House::new().await;
    let policy = Policy {
        apply: ApplyPolicy::Automatic,
        ..required()
    };
    set(&house, &policy).await;
    let submission = house.submission(&reviewer(), FLOWS);
    let proposed = house.room.propose(submission, &Limits::default()).await;
    assert!(matches!(proposed, Ok(Proposed::Queued { .. })));
}
