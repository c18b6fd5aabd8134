//! New versions of a proposal, what of their review holds, and what is said about them.

use deploy::{Choice, DeployError, Proposed};
use model::{
    access::Role,
    deployment::{Deployment, State, Verdict},
    flow::{Limits, change::ChangeId},
};
use store::StoreError;

use crate::house::{House, editor, person, reviewer};

const BASE: &str = r#"[{"id":"t","type":"tab","label":"Tab"},{"id":"a","type":"inject","z":"t","name":"a","x":100,"y":80,"wires":[[]]},{"id":"b","type":"inject","z":"t","name":"b","x":100,"y":120,"wires":[[]]},{"id":"c","type":"mqtt-broker","broker":"one"}]"#;

async fn based() -> House {
    let house = House::new().await;
    let first = house.propose(&editor(), BASE).await;
    house.apply(&reviewer(), first.id).await;
    house
}

fn change(name: &str) -> ChangeId {
    ChangeId(name.to_owned())
}

async fn decide(house: &House, id: &Deployment, name: &str, verdict: Verdict) {
    let choice = Choice {
        change: change(name),
        verdict,
        comment: "seen".into(),
        seen: None,
    };
    let shown = id.proposal.hash();
    let rita = reviewer();
    let decided = house.room.decide(&rita, id.id, shown, vec![choice]);
    decided.await.unwrap();
}

#[tokio::test]
async fn a_new_version_keeps_decisions_on_what_is_byte_for_byte_the_same() {
    let house = based().await;
    let one = BASE
        .replace("\"name\":\"a\"", "\"name\":\"A\"")
        .replace("\"name\":\"b\"", "\"name\":\"B\"");
    let first = house.propose(&editor(), &one).await;
    decide(&house, &first, "changed:a", Verdict::Approve).await;
    decide(&house, &first, "changed:b", Verdict::Reject).await;
    let two = one.replace("\"name\":\"B\"", "\"name\":\"BB\"");
    let second = house.propose(&editor(), &two).await;
    let state = house.state(first.id).await;
    assert!(matches!(state, State::Superseded { by, .. } if by == second.id));
    let review = house.room.review(&reviewer(), second.id).await.unwrap();
    let kept = review.decision(&change("changed:a")).unwrap();
    assert_eq!(kept.taken_on, Some(first.id));
    assert_eq!(review.number_of(first.id), Some(1));
    assert!(
        review.decision(&change("changed:b")).is_none(),
        "another change"
    );
    assert!(!review.is_new_in_version(&change("changed:a")));
    assert!(review.is_new_in_version(&change("changed:b")));
    let version = review.version.clone().unwrap();
    assert_eq!((version.number, version.earlier), (2, first.id));
    // And the same once more, over two versions; then it is applied with what was decided on 1.
    let three = two.replace("\"name\":\"BB\"", "\"name\":\"BBB\"");
    let third = house.propose(&editor(), &three).await;
    let review = house.room.review(&reviewer(), third.id).await.unwrap();
    let kept = review.decision(&change("changed:a")).unwrap();
    assert_eq!(review.number_of(kept.taken_on.unwrap()), Some(1));
    assert_eq!(review.version.as_ref().unwrap().number, 3);
    decide(&house, &third, "changed:b", Verdict::Approve).await;
    let shown = third.proposal.hash();
    house
        .room
        .approve(&reviewer(), third.id, shown)
        .await
        .unwrap();
    let applied = house
        .room
        .apply(&reviewer(), third.id, shown)
        .await
        .unwrap();
    assert!(matches!(applied.state, State::Applied { .. }));
}

#[tokio::test]
async fn another_password_is_another_change() {
    let house = based().await;
    let with = |password: &str| {
        BASE.replace(
            "\"broker\":\"one\"",
            &format!("\"broker\":\"one\",\"credentials\":{{\"password\":\"{password}\"}}"),
        )
    };
    let first = house.propose(&editor(), &with("s1")).await;
    decide(&house, &first, "changed:c", Verdict::Approve).await;
    let second = house.propose(&editor(), &with("s2")).await;
    let review = house.room.review(&reviewer(), second.id).await.unwrap();
    assert!(review.version.is_some());
    assert!(review.decisions.is_empty(), "{:?}", review.decisions);
}

#[tokio::test]
async fn what_touches_other_nodes_waits_beside_it() {
    let house = based().await;
    let first = house
        .propose(&editor(), &BASE.replace("\"name\":\"a\"", "\"name\":\"A\""))
        .await;
    let other = house
        .propose(&editor(), &BASE.replace("\"name\":\"b\"", "\"name\":\"B\""))
        .await;
    assert!(matches!(house.state(first.id).await, State::Pending));
    assert!(matches!(house.state(other.id).await, State::Pending));
    // The editor that goes on from the first was told its revision.
    let both = BASE
        .replace("\"name\":\"a\"", "\"name\":\"A\"")
        .replace("\"broker\":\"one\"", "\"broker\":\"two\"");
    let mut submission = house.submission(&editor(), &both);
    submission.revision = Some(first.proposal.flows.to_string());
    let proposed = house.room.propose(submission, &Limits::default()).await;
    assert!(matches!(proposed.unwrap(), Proposed::Queued { .. }));
    assert!(matches!(
        house.state(first.id).await,
        State::Superseded { .. }
    ));
    assert!(matches!(house.state(other.id).await, State::Pending));
}

#[tokio::test]
async fn one_person_does_not_fill_the_queue() {
    let house = based().await;
    let tab = |number: usize| {
        let tab = format!("{{\"id\":\"new{number}\",\"type\":\"tab\",\"label\":\"x\"}}]");
        format!("{},{tab}", BASE.trim_end().trim_end_matches(']'))
    };
    for number in 0..10 {
        house.propose(&editor(), &tab(number)).await;
    }
    let eleventh = house.submission(&editor(), &tab(10));
    let refused = house.room.propose(eleventh, &Limits::default()).await;
    assert!(
        matches!(refused, Err(DeployError::TooManyWaiting { max: 10 })),
        "{refused:?}"
    );
    // Going on from one that waits replaces it, as ever; and somebody else is not held up.
    house
        .propose(
            &editor(),
            &tab(9).replace("\"label\":\"x\"", "\"label\":\"y\""),
        )
        .await;
    let theirs = house.propose(&reviewer(), &tab(11)).await;
    // What went stale still counts: it would pile up until nobody could propose.
    house.apply(&reviewer(), theirs.id).await;
    let more = house.submission(&editor(), &tab(12));
    let refused = house.room.propose(more, &Limits::default()).await;
    assert!(
        matches!(refused, Err(DeployError::TooManyWaiting { .. })),
        "{refused:?}"
    );
    // What changes nothing fills nothing: whoever deploys what runs is not told to tidy up first.
    let same = house.submission(&editor(), &tab(11));
    let same = house.room.propose(same, &Limits::default()).await;
    assert!(matches!(same, Ok(Proposed::Unchanged { .. })), "{same:?}");
}

#[tokio::test]
async fn a_rebase_voids_what_was_kept() {
    let house = based().await;
    let one = BASE.replace("\"name\":\"a\"", "\"name\":\"A\"");
    house.propose(&editor(), &one).await;
    let second = house.propose(&editor(), &one.replace("100", "101")).await;
    let ann = person(7, "ann", Role::Editor);
    let theirs = BASE.replace("\"name\":\"b\"", "\"name\":\"B\"");
    let theirs = house.propose(&ann, &theirs).await;
    house.apply(&reviewer(), theirs.id).await;
    house.room.rebase(&editor(), second.id).await.unwrap();
    let review = house.room.review(&reviewer(), second.id).await.unwrap();
    assert!(review.decisions.is_empty());
    assert!(review.version.unwrap().unchanged.is_empty());
}

#[tokio::test]
async fn nobody_overrules_what_they_have_not_seen() {
    let house = based().await;
    let one = BASE.replace("\"name\":\"a\"", "\"name\":\"A\"");
    let queued = house.propose(&editor(), &one).await;
    decide(&house, &queued, "changed:a", Verdict::Reject).await;
    let (rob, shown) = (person(3, "rob", Role::Reviewer), queued.proposal.hash());
    let choice = |seen| Choice {
        change: change("changed:a"),
        verdict: Verdict::Approve,
        comment: String::new(),
        seen,
    };
    let blind = house
        .room
        .decide(&rob, queued.id, shown, vec![choice(None)]);
    let blind = blind.await.unwrap_err();
    assert!(matches!(&blind, DeployError::Store(StoreError::Overtaken { by, .. }) if by == "rita"));
    let review = house.room.review(&rob, queued.id).await.unwrap();
    assert_eq!(review.decisions[0].verdict, Verdict::Reject);
    let mark = Some(review.decisions[0].mark());
    // rita turns her own round without being asked; what rob saw is old now.
    decide(&house, &queued, "changed:a", Verdict::Approve).await;
    let old = house
        .room
        .decide(&rob, queued.id, shown, vec![choice(mark)]);
    assert!(old.await.is_err());
    let review = house.room.review(&rob, queued.id).await.unwrap();
    let mark = Some(review.decisions[0].mark());
    let seen = house
        .room
        .decide(&rob, queued.id, shown, vec![choice(mark)]);
    assert_eq!(seen.await.unwrap().decisions[0].by, rob.actor());
}

#[tokio::test]
async fn proposer_and_reviewers_talk_and_nobody_else() {
    let house = based().await;
    let one = BASE.replace("\"name\":\"a\"", "\"name\":\"A\"");
    let first = house.propose(&editor(), &one).await;
    let about = Some(change("changed:a"));
    let say =
        |caller, text: &'static str| house.room.comment(caller, first.id, about.clone(), text);
    let (rita, ed) = (reviewer(), editor());
    say(&rita, "Why?").await.unwrap();
    say(&ed, " Clearer. ").await.unwrap();
    let other = person(8, "olaf", Role::Editor);
    let refused = say(&other, "Me too").await;
    assert!(matches!(refused, Err(DeployError::NotInThread { .. })));
    let auditor = person(9, "aud", Role::Auditor);
    assert!(say(&auditor, "Hm").await.is_err());
    assert!(matches!(
        say(&rita, " \n ").await,
        Err(DeployError::CommentEmpty)
    ));
    let long = "x".repeat(4_001);
    let long = house.room.comment(&rita, first.id, None, &long).await;
    assert!(matches!(long, Err(DeployError::CommentTooLong { .. })));
    let nothing = house
        .room
        .comment(&rita, first.id, Some(change("changed:zz")), "x")
        .await;
    assert!(matches!(nothing, Err(DeployError::NoSuchChange(_))));
    // The next version shows what was said on this one.
    let second = house.propose(&ed, &one.replace("100", "101")).await;
    let review = house.room.review(&rita, second.id).await.unwrap();
    let said: Vec<_> = review.thread(about.as_ref()).collect();
    assert_eq!(said.len(), 2);
    assert_eq!(said[1].text, "Clearer.");
    assert_eq!(review.number_of(said[1].deployment), Some(1));
    // Said on this one still, it would stand on no page, and count nowhere.
    let late = say(&rita, "And?").await;
    assert!(matches!(late, Err(DeployError::WrongState { .. })));
}
