//! What waits is tried one at a time, and a policy may ask that it went well.

use std::sync::{Arc, Mutex};

use deploy::{DeployError, Proposed, Rehearsals, Trial, futures::Given};
use model::{
    deployment::{Deployment, Verdict},
    flow::Limits,
    instance::{ApplyPolicy, Policy, RehearsalPolicy},
    rehearsal::{Observation, Outcome, Rehearsal},
};
use tokio::sync::Notify;

use crate::house::{FLOWS, House, editor, reviewer};

/// Sees what it is told to see; waits for a nod when it is told to.
#[derive(Debug)]
struct FakeStage {
    /// What is seen; none: it cannot be tried here.
    outcome: Option<Outcome>,
    waits_for: Option<Arc<Notify>>,
    tried: Mutex<Vec<Trial>>,
    begun: Notify,
}

impl FakeStage {
    fn new(outcome: Outcome) -> Self {
        Self {
            outcome: Some(outcome),
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
            let outcome = self.outcome.clone();
            Ok(Observation {
                outcome: outcome.ok_or("no namespaces here")?,
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
    house.rule(required()).await;
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
    house.rule(required()).await;
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
    house.rule(required()).await;
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
    house.rule(policy).await;
    let submission = house.submission(&reviewer(), FLOWS);
    let proposed = house.room.propose(submission, &Limits::default()).await;
    assert!(matches!(proposed, Ok(Proposed::Queued { .. })));
}

#[tokio::test]
async fn what_could_not_be_tried_says_the_way_out_and_is_tried_again_when_asked() {
    let house = House::new().await;
    house.rule(required()).await;
    let rita = reviewer();
    let queued = house.propose(&editor(), FLOWS).await;
    let shown = queued.proposal.hash();
    house.decide_all(&rita, queued.id, Verdict::Approve).await;
    let stage = FakeStage {
        outcome: None,
        ..FakeStage::new(Outcome::Ran)
    };
    rehearse(&house, &stage, &queued).await;
    let refused = house.room.approve(&rita, queued.id, shown).await;
    let why = refused.unwrap_err().to_string();
    for part in ["no namespaces here", "again", "rule `rehearsal` of main"] {
        assert!(why.contains(part), "{why}");
    }
    let by_editor = house.room.rehearse_again(&editor(), queued.id).await;
    assert!(matches!(by_editor, Err(DeployError::NotAllowed { .. })));
    house.room.rehearse_again(&rita, queued.id).await.unwrap();
    rehearse(&house, &FakeStage::new(Outcome::Ran), &queued).await;
    house.room.approve(&rita, queued.id, shown).await.unwrap();
}

/// Forgotten in the middle, what the running one sees would be taken for the answer.
#[tokio::test]
async fn what_is_being_tried_is_not_asked_for_again() {
    let house = House::new().await;
    let stage = FakeStage {
        waits_for: Some(Arc::default()),
        ..FakeStage::new(Outcome::Ran)
    };
    let queued = house.propose(&editor(), FLOWS).await;
    let meanwhile = async {
        stage.begun.notified().await;
        house.room.rehearse_again(&reviewer(), queued.id).await
    };
    let refused = tokio::select! {
        never = house.room.rehearse(&stage) => match never {},
        refused = meanwhile => refused,
    };
    let why = refused.unwrap_err().to_string();
    assert!(why.contains("wait for it"), "{why}");
}

/// What was seen is kept for the same flows; asked again, they run again.
#[tokio::test]
async fn what_went_badly_by_chance_is_run_anew_and_not_remembered() {
    let house = House::new().await;
    let queued = house.propose(&editor(), FLOWS).await;
    let crashed = FakeStage::new(Outcome::Crashed("exit code 3".into()));
    assert!(!rehearse(&house, &crashed, &queued).await.is_clean());
    house
        .room
        .rehearse_again(&reviewer(), queued.id)
        .await
        .unwrap();
    let stage = FakeStage::new(Outcome::Ran);
    assert!(rehearse(&house, &stage, &queued).await.is_clean());
    assert_eq!(
        stage.flows_tried().len(),
        2,
        "what runs now, and the proposal"
    );
    house.room.withdraw(&editor(), queued.id).await.unwrap();
    let closed = house.room.rehearse_again(&reviewer(), queued.id).await;
    assert!(matches!(closed, Err(DeployError::WrongState { .. })));
}

#[tokio::test]
async fn what_waits_is_tried_when_the_rules_begin_to_ask_for_it() {
    let house = House::new().await;
    house
        .rule(Policy {
            rehearsal: RehearsalPolicy::Off,
            ..Policy::default()
        })
        .await;
    let queued = house.propose(&editor(), FLOWS).await;
    let off = house.room.rehearse_again(&reviewer(), queued.id).await;
    assert!(matches!(off, Err(DeployError::WrongState { .. })));
    let stage = FakeStage::new(Outcome::Ran);
    let idle = async {
        // More turns than finding nothing to try takes: the room waits for the queue by then.
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        assert!(stage.flows_tried().is_empty());
        house.rule(required()).await;
        stage.begun.notified().await;
    };
    tokio::select! {
        never = house.room.rehearse(&stage) => match never {},
        () = idle => {}
    }
}
