//! What is applied before its review, by whom, and what it does not overrule.

use deploy::{Choice, DeployError, Proposed};
use model::{
    access::Role,
    audit::EventKind,
    deployment::{Emergency, Origin, Skipped, State, Verdict},
    flow::Limits,
    instance::{Ask, Emergencies, OwnChanges, Policy, RehearsalPolicy},
};

use store::AuditFilter;

use crate::house::{FLOWS, House, commanding, editor, person, reviewer};

async fn rule(house: &House, emergencies: Emergencies) {
    let policy = Policy {
        emergencies,
        own_changes: OwnChanges::FourEyes,
        ..Policy::default()
    };
    house.rule(policy).await;
}

#[tokio::test]
async fn what_waits_is_applied_at_once_and_flagged_until_a_third_person_looked() {
    let house = House::new().await;
    rule(&house, Emergencies::Allowed).await;
    let queued = house.propose(&editor(), FLOWS).await;
    let shown = queued.proposal.hash();
    let rita = reviewer();
    let done = house
        .room
        .apply_emergency(&rita, queued.id, shown, " pump stuck ")
        .await
        .unwrap();
    assert!(matches!(done.state, State::Applied { .. }), "{done:?}");
    assert_eq!(house.running().await.baseline.flows, queued.proposal.flows);
    let emergency = done.emergency.unwrap();
    assert_eq!(emergency.reason, "pump stuck");
    assert_eq!(emergency.declared_by, Some(rita.actor()));
    let waiting = house.store().emergencies_to_review().await.unwrap();
    assert_eq!(waiting.len(), 1);
    // Neither who applied it nor who proposed it, even as a reviewer by now.
    let proposer = person(1, "ed", Role::Reviewer);
    for own in [&rita, &proposer] {
        let refused = house.room.review_emergency(own, queued.id).await;
        assert!(matches!(refused, Err(DeployError::OwnChanges { .. })));
    }
    let rob = person(3, "rob", Role::Reviewer);
    house.room.review_emergency(&rob, queued.id).await.unwrap();
    assert!(
        house
            .store()
            .emergencies_to_review()
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn it_needs_the_right_person_the_rules_a_reason_and_what_was_shown() {
    let house = House::new().await;
    let queued = house.propose(&editor(), FLOWS).await;
    let (id, shown) = (queued.id, queued.proposal.hash());
    let (rita, ada) = (reviewer(), person(4, "ada", Role::Administrator));
    let room = &house.room;
    let by_editor = room.apply_emergency(&editor(), id, shown, "now").await;
    assert!(matches!(by_editor, Err(DeployError::NotAllowed { .. })));
    let no_reason = room.apply_emergency(&rita, id, shown, "  ").await;
    assert!(matches!(no_reason, Err(DeployError::EmergencyReasonNeeded)));
    let other = room
        .apply_emergency(&rita, id, model::id::Hash::of(b"other"), "now")
        .await;
    assert!(matches!(other, Err(DeployError::NotWhatWasShown)));
    rule(&house, Emergencies::Never).await;
    let never = room.apply_emergency(&ada, id, shown, "now").await;
    assert!(matches!(never, Err(DeployError::NoEmergency { .. })));
    let mut submission = house.submission(&ada, FLOWS);
    submission.emergency = Some(Emergency::new("now", None));
    let at_the_door = room.propose(submission, &Limits::default()).await;
    assert!(matches!(at_the_door, Err(DeployError::NoEmergency { .. })));
    rule(&house, Emergencies::Administrators).await;
    let by_reviewer = room.apply_emergency(&rita, id, shown, "now").await;
    assert!(matches!(by_reviewer, Err(DeployError::NoEmergency { .. })));
    assert!(matches!(house.state(id).await, State::Pending));
    room.apply_emergency(&ada, id, shown, "now").await.unwrap();
    let again = room.apply_emergency(&ada, id, shown, "now").await;
    assert!(matches!(again, Err(DeployError::WrongState { .. })));
}

#[tokio::test]
async fn it_overrules_no_rejection_and_nothing_nobody_asked_for() {
    let house = House::new().await;
    let (rita, rob) = (reviewer(), person(3, "rob", Role::Reviewer));
    let queued = house.propose(&editor(), FLOWS).await;
    let review = house.room.review(&rita, queued.id).await.unwrap();
    let no = Choice {
        change: review.diff.changes[0].id.clone(),
        verdict: Verdict::Reject,
        comment: "not this one".into(),
        seen: None,
    };
    let shown = review.shown;
    let decided = house.room.decide(&rita, queued.id, shown, vec![no]).await;
    decided.unwrap();
    let refused = house
        .room
        .apply_emergency(&rob, queued.id, shown, "now")
        .await;
    let why = refused.unwrap_err().to_string();
    assert!(why.contains("rita rejected"), "{why}");
    assert_eq!(&*house.running().await.flows, "[]");

    for origin in [Origin::Runtime, Origin::Disk] {
        let mut submission = house.submission(&editor(), FLOWS);
        submission.origin = origin;
        let Proposed::Queued { deployment, .. } = house
            .room
            .propose(submission, &Limits::default())
            .await
            .unwrap()
        else {
            panic!("not queued")
        };
        let shown = deployment.proposal.hash();
        let refused = house
            .room
            .apply_emergency(&rob, deployment.id, shown, "now")
            .await;
        assert!(matches!(refused, Err(DeployError::WrongState { .. })));
    }
}

#[tokio::test]
async fn what_node_red_refuses_goes_back_and_stays_flagged() {
    let house = House::new().await;
    let queued = house.propose(&editor(), FLOWS).await;
    *house.node_red.mood.lock().unwrap() = crate::house::Mood::Refuses;
    let shown = queued.proposal.hash();
    let failed = house
        .room
        .apply_emergency(&reviewer(), queued.id, shown, "now")
        .await
        .unwrap();
    assert!(matches!(failed.state, State::Failed { .. }));
    assert_eq!(&*house.running().await.flows, "[]");
    assert_eq!(
        house.store().emergencies_to_review().await.unwrap().len(),
        1
    );
}

/// Whoever tries another's interrupted emergency again has applied it too.
#[tokio::test]
async fn nobody_who_had_a_hand_in_any_attempt_gives_the_second_look() {
    let house = House::new().await;
    let (rita, rob) = (reviewer(), person(3, "rob", Role::Reviewer));
    let queued = house.propose(&editor(), FLOWS).await;
    let (id, shown) = (queued.id, queued.proposal.hash());
    let by = rita.actor();
    let declared = Emergency::new("now", Some(by.clone()));
    let declare = house.store().declare_emergency(&queued, declared, &by);
    declare.await.unwrap();
    let third = person(6, "tom", Role::Reviewer);
    let early = house.room.review_emergency(&third, id).await;
    assert!(early.is_err(), "nothing to look back on was applied yet");
    house.interrupt(id, &rita).await;
    let ada = person(5, "ada", Role::Administrator);
    house.interrupt(id, &ada).await;
    let done = house.room.apply_emergency(&rob, id, shown, "still").await;
    assert!(matches!(done.unwrap().state, State::Applied { .. }));
    let deployment = house.store().deployment(id).await.unwrap();
    for own in [&rita, &ada, &rob] {
        assert!(!house.room.may_review_emergency(own, &deployment));
        let refused = house.room.review_emergency(own, id).await;
        assert!(matches!(refused, Err(DeployError::OwnChanges { .. })));
    }
    house.room.review_emergency(&third, id).await.unwrap();
}

#[tokio::test]
async fn its_record_says_what_it_went_past() {
    let house = House::new().await;
    house
        .rule(Policy {
            demands: vec![
                "danger: two reviewers".parse().unwrap(),
                "exec-command: role administrator".parse().unwrap(),
            ],
            rehearsal: RehearsalPolicy::Required,
            ..Policy::default()
        })
        .await;
    let queued = house.propose(&editor(), &commanding()).await;
    let shown = queued.proposal.hash();
    let rita = reviewer();
    let done = house
        .room
        .apply_emergency(&rita, queued.id, shown, "now")
        .await;
    let skipped = done.unwrap().emergency.unwrap().skipped;
    let words: Vec<_> = skipped.iter().map(Skipped::words).collect();
    assert_eq!(
        words,
        [
            "role administrator (1 change)",
            "two reviewers (1 change)",
            "a clean rehearsal"
        ]
    );
    let Skipped::Demand { ask, changes, .. } = &skipped[1] else {
        panic!("{skipped:?}")
    };
    assert_eq!(
        (*ask, changes[0].0.as_str()),
        (Ask::TwoReviewers, "added:x")
    );
    // Four eyes: missing where its proposer declares it, there where another does.
    for (by, expected) in [
        (person(1, "ed", Role::Reviewer), vec!["four eyes"]),
        (rita, Vec::new()),
    ] {
        let house = House::new().await;
        rule(&house, Emergencies::Allowed).await;
        let queued = house.propose(&editor(), FLOWS).await;
        let shown = queued.proposal.hash();
        let done = house.room.apply_emergency(&by, queued.id, shown, "now");
        let skipped = done.await.unwrap().emergency.unwrap().skipped;
        let words: Vec<_> = skipped.iter().map(Skipped::words).collect();
        assert_eq!(words, expected);
    }
}

/// The rules may be stricter by then, and the first reason is not the second person's.
#[tokio::test]
async fn who_tries_it_again_is_on_record_with_their_reason_and_what_it_went_past() {
    let house = House::new().await;
    let (rita, rob) = (reviewer(), person(3, "rob", Role::Reviewer));
    let queued = house.propose(&editor(), &commanding()).await;
    let (id, shown) = (queued.id, queued.proposal.hash());
    let by = rita.actor();
    let declared = Emergency::new("pump stuck", Some(by.clone()));
    let declare = house.store().declare_emergency(&queued, declared, &by);
    declare.await.unwrap();
    house.demand(&["exec-command: role administrator"]).await;
    let done = house.room.apply_emergency(&rob, id, shown, "tank full");
    let emergency = done.await.unwrap().emergency.unwrap();
    assert_eq!(emergency.reason, "tank full");
    assert_eq!(emergency.declared_by, Some(rob.actor()));
    let words: Vec<_> = emergency.skipped.iter().map(Skipped::words).collect();
    assert_eq!(words, ["role administrator (1 change)"]);
    assert!(emergency.is_by(rita.principal.user), "her hand stays in it");
    let filter = AuditFilter {
        kind: Some(EventKind::DeploymentApproved),
        ..AuditFilter::default()
    };
    let recorded = house.store().audit(&filter).await.unwrap();
    let reasons: Vec<_> = recorded
        .iter()
        .map(|entry| entry.event.detail["emergency"].as_str().unwrap())
        .collect();
    assert_eq!(reasons, ["tank full", "pump stuck"]);
    let skipped = &recorded[0].event.detail["skipped"][0]["what"];
    assert_eq!(skipped, "demand");
}
