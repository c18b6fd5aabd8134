//! A deployment's life, from the click to running and back.

use deploy::{Choice, DeployError, Proposed};
use model::{
    access::Role,
    deployment::{State, Verdict},
    flow::Limits,
};

use crate::house::{FLOWS, House, editor, is_set_to, person, reviewer};

#[tokio::test]
async fn nothing_moves_until_it_is_approved_and_applied() {
    let house = House::new().await;
    let (ed, rita) = (editor(), reviewer());
    let queued = house.propose(&ed, FLOWS).await;
    assert_eq!(&*house.running().await.flows, "[]");
    let shown = queued.proposal.hash();
    assert!(matches!(
        house.room.apply(&rita, queued.id, shown).await,
        Err(DeployError::WrongState { .. })
    ));
    assert!(matches!(
        house.room.approve(&rita, queued.id, shown).await,
        Err(DeployError::Undecided { count }) if count > 0
    ));
    assert_eq!(&*house.running().await.flows, "[]");
    let applied = house.apply(&rita, queued.id).await;
    assert!(
        matches!(applied.state, State::Applied { .. }),
        "{:?}",
        applied.state
    );
    let running = house.running().await;
    assert_eq!(
        running.baseline.flows, queued.proposal.flows,
        "what runs is what was shown"
    );
    assert!(matches!(
        house.room.apply(&rita, queued.id, shown).await,
        Err(DeployError::WrongState { .. })
    ));
    let (_, problems) = house.store().verify_audit().await.unwrap();
    assert!(problems.is_empty(), "{problems:?}");
}

#[tokio::test]
async fn another_hash_than_the_one_shown_decides_nothing() {
    let house = House::new().await;
    let queued = house.propose(&editor(), FLOWS).await;
    let rita = reviewer();
    let other = queued.proposal.flows;
    let choice = |verdict, comment: &str| {
        vec![Choice {
            change: model::flow::change::ChangeId("x".into()),
            verdict,
            comment: comment.into(),
            seen: None,
        }]
    };
    let decided = house
        .room
        .decide(&rita, queued.id, other, choice(Verdict::Approve, ""))
        .await;
    assert!(matches!(decided, Err(DeployError::NotWhatWasShown)));
    let approved = house.room.approve(&rita, queued.id, other).await;
    assert!(matches!(approved, Err(DeployError::NotWhatWasShown)));
    let shown = queued.proposal.hash();
    let unknown = house
        .room
        .decide(&rita, queued.id, shown, choice(Verdict::Approve, ""))
        .await;
    assert!(matches!(unknown, Err(DeployError::NoSuchChange(_))));
}

#[tokio::test]
async fn a_rejection_needs_a_reason_and_is_left_out() {
    let house = House::new().await;
    let rita = reviewer();
    let first = house.propose(&editor(), FLOWS).await;
    house.apply(&rita, first.id).await;
    let changed = FLOWS
        .replace("return msg;", "return null;")
        .replace("\"one\"", "\"two\"");
    let queued = house.propose(&editor(), &changed).await;
    let review = house.room.review(&rita, queued.id).await.unwrap();
    let choice = |node: &str, verdict, comment: &str| {
        let found = review
            .diff
            .changes
            .iter()
            .find(|change| change.node == node)
            .unwrap();
        Choice {
            change: found.id.clone(),
            verdict,
            comment: comment.into(),
            seen: None,
        }
    };
    let without = vec![choice("a", Verdict::Reject, " ")];
    let refused = house
        .room
        .decide(&rita, queued.id, review.shown, without)
        .await;
    assert!(matches!(refused, Err(DeployError::ReasonNeeded)));
    let choices = vec![
        choice("a", Verdict::Reject, "not ours"),
        choice("n", Verdict::Approve, ""),
    ];
    house
        .room
        .decide(&rita, queued.id, review.shown, choices)
        .await
        .unwrap();
    house
        .room
        .approve(&rita, queued.id, review.shown)
        .await
        .unwrap();
    house
        .room
        .apply(&rita, queued.id, review.shown)
        .await
        .unwrap();
    let running = house.running().await.flows;
    assert!(
        running.contains("return null;") && running.contains("\"one\""),
        "{running}"
    );
}

#[tokio::test]
async fn when_the_baseline_moves_others_are_stale_until_rebased() {
    let house = House::new().await;
    let rita = reviewer();
    let first = house.propose(&editor(), FLOWS).await;
    house.apply(&rita, first.id).await;
    let ann = person(7, "ann", Role::Editor);
    let mine = house
        .propose(&editor(), &FLOWS.replace("return msg;", "return 1;"))
        .await;
    let theirs = house
        .propose(&ann, &FLOWS.replace("\"one\"", "\"two\""))
        .await;
    house.decide_all(&rita, mine.id, Verdict::Approve).await;
    house.apply(&rita, theirs.id).await;
    assert!(matches!(house.state(mine.id).await, State::Stale { .. }));
    assert!(
        house.store().decisions(mine.id).await.unwrap().is_empty(),
        "approvals are void"
    );
    let shown = mine.proposal.hash();
    assert!(house.room.approve(&rita, mine.id, shown).await.is_err());
    let between = house.room.changed_since(&rita, mine.id).await.unwrap();
    assert_eq!(between.changes.len(), 1, "what changed in between is shown");
    house.room.rebase(&editor(), mine.id).await.unwrap();
    let applied = house.apply(&rita, mine.id).await;
    assert!(matches!(applied.state, State::Applied { .. }));
    let running = house.running().await.flows;
    assert!(
        running.contains("return 1;") && running.contains("\"two\""),
        "{running}"
    );
}

#[tokio::test]
async fn an_amended_proposal_replaces_the_first_and_keeps_the_typed_password() {
    let house = House::new().await;
    let ed = editor();
    let typed = FLOWS.replace(
        "\"broker\":\"one\"",
        "\"broker\":\"one\",\"credentials\":{\"password\":\"s3cret\"}",
    );
    let first = house.propose(&ed, &typed).await;
    // The editor was told the future revision and does not send the password again.
    let mut again = house.submission(&ed, &FLOWS.replace("return msg;", "return 2;"));
    again.revision = Some(first.proposal.flows.to_string());
    let Proposed::Queued {
        deployment: second, ..
    } = house.room.propose(again, &Limits::default()).await.unwrap()
    else {
        panic!("not queued")
    };
    assert!(matches!(house.state(first.id).await, State::Superseded { by, .. } if by == second.id));
    let carried = house.store().credential_changes(second.id).await.unwrap();
    assert!(is_set_to(
        carried.0.get("a").and_then(|it| it.get("password")),
        "s3cret"
    ));
    house.apply(&reviewer(), second.id).await;
    let running = house.running().await;
    assert_eq!(running.credentials.0["a"]["password"], "s3cret");
    assert!(!running.flows.contains("s3cret"));
}

#[tokio::test]
async fn an_old_revision_is_a_conflict() {
    let house = House::new().await;
    let mut submission = house.submission(&editor(), FLOWS);
    submission.revision = Some("0".repeat(64));
    let refused = house.room.propose(submission, &Limits::default()).await;
    assert!(matches!(refused, Err(DeployError::RevisionMismatch { .. })));
}

#[tokio::test]
async fn the_same_flows_queue_nothing_and_deploying_the_original_withdraws() {
    let house = House::new().await;
    let ed = editor();
    let queued = house.propose(&ed, FLOWS).await;
    let back = house.submission(&ed, "[]");
    let outcome = house.room.propose(back, &Limits::default()).await.unwrap();
    assert!(matches!(outcome, Proposed::Unchanged { .. }));
    assert!(matches!(
        house.state(queued.id).await,
        State::Withdrawn { .. }
    ));
}

#[tokio::test]
async fn going_back_to_a_snapshot_is_a_deployment_that_brings_flows_and_secrets_back() {
    let house = House::new().await;
    let rita = reviewer();
    let with_secret = FLOWS.replace(
        "\"broker\":\"one\"",
        "\"broker\":\"one\",\"credentials\":{\"password\":\"old\"}",
    );
    let first = house.propose(&editor(), &with_secret).await;
    house.apply(&rita, first.id).await;
    let then = house.running().await.baseline.hash();
    let changed = with_secret
        .replace("return msg;", "return 3;")
        .replace("old", "new");
    let second = house.propose(&editor(), &changed).await;
    house.apply(&rita, second.id).await;
    assert_eq!(house.running().await.credentials.0["a"]["password"], "new");
    let Proposed::Queued { deployment, .. } = house
        .room
        .roll_back(&rita, &house.main, then)
        .await
        .unwrap()
    else {
        panic!("not queued")
    };
    house.apply(&rita, deployment.id).await;
    let running = house.running().await;
    assert_eq!(running.baseline.hash(), then);
    assert_eq!(running.credentials.0["a"]["password"], "old");
}
