//! A policy that is made stricter holds for what was decided, confirmed or accepted before.

use deploy::{Acceptance, Caller, Choice, DeployError, Proposed};
use model::{
    access::Role,
    deployment::{Decision, Origin, State, Verdict},
    flow::Limits,
    id::DeploymentId,
    instance::{Ask, OwnChanges, Policy},
    principal::Actor,
};

use crate::house::{FLOWS, House, commanding, editor, person, reviewer};

fn ada() -> Caller {
    person(5, "ada", Role::Administrator)
}

fn rob() -> Caller {
    person(3, "rob", Role::Reviewer)
}

fn four_eyes() -> Policy {
    Policy {
        own_changes: OwnChanges::FourEyes,
        ..Policy::default()
    }
}

/// Approves every change with this comment, whoever decided before.
async fn decide(house: &House, by: &Caller, id: DeploymentId, comment: &str) {
    let review = house.room.review(by, id).await.unwrap();
    let choices = review.diff.changes.iter().map(|change| Choice {
        change: change.id.clone(),
        verdict: Verdict::Approve,
        comment: comment.to_owned(),
        seen: review.decision(&change.id).map(Decision::mark),
    });
    let choices: Vec<_> = choices.collect();
    let decided = house.room.decide(by, id, review.shown, choices);
    decided.await.unwrap();
}

fn asks<T: std::fmt::Debug>(refused: &Result<T, DeployError>, what: Ask) {
    assert!(
        matches!(refused, Err(DeployError::Demanded { ask, .. }) if *ask == what),
        "{what}: {refused:?}"
    );
}

#[tokio::test]
async fn a_role_is_asked_of_decisions_older_than_the_demand() {
    let house = House::new().await;
    let queued = house.propose(&editor(), &commanding()).await;
    let shown = queued.proposal.hash();
    decide(&house, &reviewer(), queued.id, "").await;
    house.demand(&["exec-command: role administrator"]).await;
    let refused = house.room.approve(&ada(), queued.id, shown).await;
    asks(&refused, Ask::Role(Role::Administrator));
    decide(&house, &ada(), queued.id, "").await;
    house.room.approve(&rob(), queued.id, shown).await.unwrap();
}

#[tokio::test]
async fn what_was_confirmed_is_held_against_the_rules_of_now_before_it_runs() {
    let demands = [
        ("danger: two reviewers", Ask::TwoReviewers),
        (
            "exec-command: role administrator",
            Ask::Role(Role::Administrator),
        ),
        ("danger: reason", Ask::Reason),
        ("exec-command: refuse", Ask::Refusal),
    ];
    for (demand, ask) in demands {
        let house = House::new().await;
        let queued = house.propose(&editor(), &commanding()).await;
        let (rita, id, shown) = (reviewer(), queued.id, queued.proposal.hash());
        decide(&house, &rita, id, "").await;
        house.room.approve(&rita, id, shown).await.unwrap();
        house.demand(&[demand]).await;
        for who in [&rita, &ada()] {
            asks(&house.room.apply(who, id, shown).await, ask);
        }
        assert_eq!(&*house.running().await.flows, "[]", "{demand}");
        assert!(matches!(house.state(id).await, State::Approved { .. }));
        if ask == Ask::Refusal {
            continue;
        }
        // The way out: decided again as asked, and confirmed.
        decide(&house, &ada(), id, "looked at").await;
        house.room.approve(&rob(), id, shown).await.unwrap();
        let applied = house.room.apply(&rita, id, shown).await.unwrap();
        assert!(matches!(applied.state, State::Applied { .. }), "{demand}");
    }
}

#[tokio::test]
async fn the_way_out_of_two_reviewers_is_another_who_confirms() {
    let house = House::new().await;
    house.demand(&["danger: two reviewers"]).await;
    let queued = house.propose(&editor(), &commanding()).await;
    let (rita, id, shown) = (reviewer(), queued.id, queued.proposal.hash());
    decide(&house, &rita, id, "").await;
    let refused = house.room.approve(&rita, id, shown).await;
    asks(&refused, Ask::TwoReviewers);
    let why = refused.unwrap_err().to_string();
    assert!(why.contains("have somebody else confirm"), "{why}");
    // Deciding it again and confirming that oneself is no way out, and not said to be one.
    decide(&house, &rob(), id, "").await;
    let refused = house.room.approve(&rob(), id, shown).await;
    asks(&refused, Ask::TwoReviewers);
    house.room.approve(&rita, id, shown).await.unwrap();
}

/// Redkeep was killed between: who confirmed is known still.
#[tokio::test]
async fn an_interrupted_apply_keeps_who_confirmed_it() {
    let house = House::new().await;
    house.demand(&["danger: two reviewers"]).await;
    let queued = house.propose(&editor(), &commanding()).await;
    let (id, shown) = (queued.id, queued.proposal.hash());
    decide(&house, &reviewer(), id, "").await;
    house.room.approve(&rob(), id, shown).await.unwrap();
    house.interrupt(id, &rob()).await;
    let applied = house.room.apply(&reviewer(), id, shown).await.unwrap();
    assert!(matches!(applied.state, State::Applied { .. }));
}

#[tokio::test]
async fn four_eyes_hold_for_what_its_proposer_approved_or_confirmed_before() {
    for is_decided_by_proposer in [true, false] {
        let house = House::new().await;
        let rita = reviewer();
        let queued = house.propose(&rita, FLOWS).await;
        let (id, shown) = (queued.id, queued.proposal.hash());
        let (decider, confirmer) = if is_decided_by_proposer {
            (rita, rob())
        } else {
            (rob(), rita)
        };
        decide(&house, &decider, id, "").await;
        house.room.approve(&confirmer, id, shown).await.unwrap();
        house.rule(four_eyes()).await;
        let refused = house.room.apply(&rob(), id, shown).await;
        assert!(
            matches!(refused, Err(DeployError::OwnChanges { ref name }) if name == "rita"),
            "{refused:?}"
        );
        assert_eq!(&*house.running().await.flows, "[]");
        decide(&house, &rob(), id, "").await;
        house.room.approve(&rob(), id, shown).await.unwrap();
        house.room.apply(&rob(), id, shown).await.unwrap();
    }
}

/// A reviewer who gets something inside Node-RED to propose for them is no second pair of eyes.
#[tokio::test]
async fn four_eyes_are_two_reviewers_where_nobody_is_known_to_have_proposed() {
    let house = House::new().await;
    house.rule(four_eyes()).await;
    let rita = reviewer();
    let mut submission = house.submission(&rita, FLOWS);
    submission.origin = Origin::Runtime;
    submission.proposer = Actor::Runtime { claimed: None };
    let Proposed::Queued { deployment, .. } = house
        .room
        .propose(submission, &Limits::default())
        .await
        .unwrap()
    else {
        panic!("not queued")
    };
    let (id, shown) = (deployment.id, deployment.proposal.hash());
    decide(&house, &rita, id, "").await;
    let refused = house.room.approve(&rita, id, shown).await;
    asks(&refused, Ask::TwoReviewers);
    house.room.approve(&rob(), id, shown).await.unwrap();
    house.room.apply(&rita, id, shown).await.unwrap();
}

/// Who could not have lifted the demand did not lift it before it was made.
#[tokio::test]
async fn a_risk_accepted_by_a_reviewer_lifts_no_demand_made_later() {
    for (who, lifts) in [(reviewer(), false), (ada(), true)] {
        let house = House::new().await;
        let queued = house.propose(&editor(), &commanding()).await;
        let review = house.room.review(&who, queued.id).await.unwrap();
        let (change, finding) = review
            .diff
            .changes
            .iter()
            .flat_map(|change| change.findings.iter().map(move |it| (change, it)))
            .find(|(_, finding)| finding.rule == "exec-command")
            .unwrap();
        let acceptance = Acceptance {
            change: change.id.clone(),
            mark: finding.mark,
            owner: "Plant manager".into(),
            reason: "needed".into(),
            days: 30,
        };
        let accepted = house.room.accept_risk(&who, queued.id, acceptance);
        accepted.await.unwrap();
        house.demand(&["exec-command: refuse"]).await;
        let choice = vec![Choice {
            change: change.id.clone(),
            verdict: Verdict::Approve,
            comment: String::new(),
            seen: None,
        }];
        let (by, shown) = (rob(), review.shown);
        let decided = house.room.decide(&by, queued.id, shown, choice).await;
        assert_eq!(decided.is_ok(), lifts, "{decided:?}");
    }
}
