//! Who may, and what an instance's policy says.

use deploy::{DeployError, Proposed};
use model::{
    access::Role,
    deployment::{Emergency, Origin, State, Verdict},
    flow::Limits,
    instance::{ApplyPolicy, OwnChanges, Policy},
};

use crate::house::{FLOWS, House, editor, person, reviewer};

#[tokio::test]
async fn only_reviewers_and_administrators_decide() {
    let house = House::new().await;
    let queued = house.propose(&editor(), FLOWS).await;
    let shown = queued.proposal.hash();
    for role in [Role::Viewer, Role::Editor, Role::Auditor] {
        let caller = person(9, "mal", role);
        let refused = [
            house
                .room
                .decide(&caller, queued.id, shown, vec![])
                .await
                .err(),
            house.room.approve(&caller, queued.id, shown).await.err(),
            house.room.apply(&caller, queued.id, shown).await.err(),
            house.room.reject(&caller, queued.id, "no").await.err(),
        ];
        for error in refused {
            assert!(
                matches!(error, Some(DeployError::NotAllowed { .. })),
                "{role}: {error:?}"
            );
        }
    }
}

#[tokio::test]
async fn four_eyes_keep_the_proposer_from_deciding_and_applying() {
    let house = House::new().await;
    let policy = Policy {
        own_changes: OwnChanges::FourEyes,
        ..Policy::default()
    };
    house.rule(policy).await;
    let rita = reviewer();
    let queued = house.propose(&rita, FLOWS).await;
    let shown = queued.proposal.hash();
    let own = house.room.decide(&rita, queued.id, shown, vec![]).await;
    assert!(matches!(own, Err(DeployError::OwnChanges { .. })));
    let other = person(3, "rob", Role::Reviewer);
    house.decide_all(&other, queued.id, Verdict::Approve).await;
    assert!(matches!(
        house.room.approve(&rita, queued.id, shown).await,
        Err(DeployError::OwnChanges { .. })
    ));
    house.room.approve(&other, queued.id, shown).await.unwrap();
    assert!(matches!(
        house.room.apply(&rita, queued.id, shown).await,
        Err(DeployError::OwnChanges { .. })
    ));
    assert!(house.room.apply(&other, queued.id, shown).await.is_ok());
}

#[tokio::test]
async fn what_a_reviewer_opens_before_it_applies_itself_is_queued_and_said_to_be() {
    for is_emergency in [false, true] {
        let house = House::new().await;
        let policy = Policy {
            apply: ApplyPolicy::Automatic,
            demands: vec!["exec-command: reason".parse().unwrap()],
            ..Policy::default()
        };
        house.rule(policy).await;
        *house.node_red.opener.lock().unwrap() = Some(reviewer());
        let mut submission = house.submission(&editor(), FLOWS);
        submission.emergency = is_emergency.then(|| Emergency::new("now", None));
        let outcome = house.room.propose(submission, &Limits::default()).await;
        let Ok(Proposed::Queued { deployment, .. }) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(deployment.state, State::InReview);
        assert_eq!(&*house.running().await.flows, "[]");
    }
}

#[tokio::test]
async fn automatic_apply_is_for_people_only() {
    let house = House::new().await;
    let policy = Policy {
        apply: ApplyPolicy::Automatic,
        ..Policy::default()
    };
    house.rule(policy).await;
    let submission = house.submission(&editor(), FLOWS);
    let outcome = house
        .room
        .propose(submission, &Limits::default())
        .await
        .unwrap();
    assert!(matches!(outcome, Proposed::Applied { .. }));
    for origin in [
        Origin::Disk,
        Origin::Runtime,
        Origin::Package,
        Origin::Promotion,
    ] {
        let mut submission = house.submission(&editor(), "[]");
        submission.origin = origin;
        let outcome = house
            .room
            .propose(submission, &Limits::default())
            .await
            .unwrap();
        assert!(matches!(outcome, Proposed::Queued { .. }), "{origin:?}");
    }
}

#[tokio::test]
async fn an_emergency_applies_at_once_and_waits_for_somebody_elses_look() {
    let house = House::new().await;
    let rita = reviewer();
    let mut submission = house.submission(&rita, FLOWS);
    submission.emergency = Some(Emergency::new("pump stuck", None));
    let Proposed::Applied { deployment, .. } = house
        .room
        .propose(submission, &Limits::default())
        .await
        .unwrap()
    else {
        panic!("not applied")
    };
    assert!(matches!(deployment.state, State::Applied { .. }));
    let own = house.room.review_emergency(&rita, deployment.id).await;
    assert!(matches!(own, Err(DeployError::OwnChanges { .. })));
    let other = person(3, "rob", Role::Reviewer);
    house
        .room
        .review_emergency(&other, deployment.id)
        .await
        .unwrap();
    let seen = house.store().deployment(deployment.id).await.unwrap();
    assert!(seen.emergency.is_some_and(|it| it.reviewed_by.is_some()));
}

#[tokio::test]
async fn a_proposal_is_taken_back_by_its_proposer_alone() {
    let house = House::new().await;
    let queued = house.propose(&editor(), FLOWS).await;
    let other = person(5, "otto", Role::Editor);
    assert!(matches!(
        house.room.withdraw(&other, queued.id).await,
        Err(DeployError::NotAllowed { .. })
    ));
    let back = house.room.withdraw(&editor(), queued.id).await.unwrap();
    assert!(matches!(back.state, State::Withdrawn { .. }));
}
