//! Who stands in line before the desk, who is refused where it is full, and what holds after it.

use std::{pin::pin, time::Duration};

use deploy::{DeployError, Deployments, Turn};
use model::{
    access::Role,
    deployment::{State, Verdict},
    instance::{Ask, OwnChanges, Policy},
};
use tokio::task::JoinHandle;

use crate::house::{FLOWS, House, commanding, editor, person, reviewer};

/// Looks into the ledger that whatever goes on at the same time needs at most, many times over.
const ROUNDS: usize = 100;

/// Takes every place at the desk.
async fn take_places(house: &House) -> Vec<Turn> {
    let mut taken = Vec::new();
    for _ in 0..house.room.desk().places() {
        taken.push(house.room.desk().turn().await.unwrap());
    }
    taken
}

/// Fills the line before the desk until one more is refused.
async fn fill_line(house: &House) -> Vec<JoinHandle<Result<(), DeployError>>> {
    let mut line: Vec<JoinHandle<_>> = Vec::new();
    loop {
        let desk = house.room.desk().clone();
        let one = tokio::spawn(async move { desk.work(|| ()).await });
        while house.room.desk().waiting() <= line.len() && !one.is_finished() {
            tokio::task::yield_now().await;
        }
        if one.is_finished() {
            return line;
        }
        line.push(one);
    }
}

async fn let_time_pass(house: &House) {
    for _ in 0..ROUNDS {
        house.store().instance(&house.main).await.unwrap();
    }
}

/// What comes of it without waiting for anybody; none: it stands in line.
async fn at_once<T>(house: &House, future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        done = future => Some(done),
        () = let_time_pass(house) => None,
    }
}

/// What comes of it, however slow the disk is; one that stands in line never comes to it.
async fn at_last<T>(future: impl Future<Output = T>) -> T {
    let patience = Duration::from_mins(2);
    let done = tokio::time::timeout(patience, future).await;
    done.expect("it stands in line")
}

fn is_crowded<T>(answer: Option<&Result<T, DeployError>>) -> bool {
    matches!(answer, Some(Err(DeployError::Crowded)))
}

#[tokio::test]
async fn an_export_stands_in_line_with_those_who_look() {
    let (house, ed) = (House::new().await, editor());
    let places = take_places(&house).await;
    let queued = house.propose(&ed, FLOWS).await;
    let line = fill_line(&house).await;
    assert!(!line.is_empty());
    // Whether it is to be read first, or only to be written.
    let export = house.room.export(&ed, queued.id);
    assert!(is_crowded(at_once(&house, export).await.as_ref()));
    drop(places);
    for one in line {
        one.await.unwrap().unwrap();
    }
    house.room.review(&editor(), queued.id).await.unwrap();
    let places = take_places(&house).await;
    let _line = fill_line(&house).await;
    let export = house.room.export(&ed, queued.id);
    assert!(is_crowded(at_once(&house, export).await.as_ref()));
    drop(places);
}

#[tokio::test]
async fn who_may_not_apply_before_review_has_nothing_read_for_them() {
    let house = House::new().await;
    let _places = take_places(&house).await;
    let queued = house.propose(&editor(), FLOWS).await;
    let (id, shown) = (queued.id, queued.proposal.hash());
    let ed = editor();
    let refused = Box::pin(house.room.apply_emergency(&ed, id, shown, "now"));
    let refused = at_once(&house, refused).await;
    assert!(
        matches!(refused, Some(Err(DeployError::NotAllowed { .. }))),
        "{refused:?}"
    );
    let rita = reviewer();
    let waits = Box::pin(house.room.apply_emergency(&rita, id, shown, "now"));
    assert!(at_once(&house, waits).await.is_none());
}

#[tokio::test]
async fn what_is_read_ahead_takes_no_place_in_the_line() {
    let house = House::new().await;
    let places = take_places(&house).await;
    let queued = house.propose(&editor(), FLOWS).await;
    for _ in 0..ROUNDS {
        house.store().instance(&house.main).await.unwrap();
        assert_eq!(house.room.desk().waiting(), 0);
    }
    drop(places);
    house.room.review(&editor(), queued.id).await.unwrap();
}

#[tokio::test]
async fn after_a_start_what_waits_is_read_before_anybody_asks() {
    let house = House::new().await;
    let queued = house.propose(&editor(), FLOWS).await;
    let again = Deployments::new(house.store().clone(), house.node_red.clone());
    again.read_waiting_ahead().await.unwrap();
    let mut places = Vec::new();
    for _ in 0..again.desk().places() {
        places.push(again.desk().turn().await.unwrap());
    }
    // With no place free, only what was read already is shown.
    let rita = reviewer();
    let shown = Box::pin(again.review(&rita, queued.id));
    let shown = at_last(shown).await.unwrap();
    assert_eq!(shown.shown, queued.proposal.hash());
}

#[tokio::test]
async fn an_approval_that_stood_in_line_is_judged_by_the_rules_of_now() {
    let house = House::new().await;
    let queued = house.propose(&editor(), &commanding()).await;
    let (rita, id, shown) = (reviewer(), queued.id, queued.proposal.hash());
    house.decide_all(&rita, id, Verdict::Approve).await;
    // Rules under which nobody has looked at it yet: it is read anew.
    house.demand(&["exec-command: reason"]).await;
    let places = take_places(&house).await;
    let mut approval = pin!(house.room.approve(&rita, id, shown));
    assert!(at_once(&house, &mut approval).await.is_none());
    house.demand(&["exec-command: role administrator"]).await;
    drop(places);
    let refused = approval.await;
    assert!(
        matches!(refused, Err(DeployError::NotWhatWasShown)),
        "{refused:?}"
    );
    let refused = house.room.approve(&rita, id, shown).await;
    let ask = Ask::Role(Role::Administrator);
    assert!(matches!(refused, Err(DeployError::Demanded { ask: it, .. }) if it == ask));
}

#[tokio::test]
async fn an_emergency_that_stood_in_line_goes_past_no_refusal_made_meanwhile() {
    let house = House::new().await;
    let places = take_places(&house).await;
    let queued = house.propose(&editor(), &commanding()).await;
    let (rita, id, shown) = (reviewer(), queued.id, queued.proposal.hash());
    let mut emergency = pin!(house.room.apply_emergency(&rita, id, shown, "now"));
    assert!(at_once(&house, &mut emergency).await.is_none());
    house.demand(&["exec-command: refuse"]).await;
    drop(places);
    let refused = emergency.await;
    assert!(
        matches!(refused, Err(DeployError::NotWhatWasShown)),
        "{refused:?}"
    );
    assert_eq!(house.state(id).await, State::Pending);
}

#[tokio::test]
async fn viewers_are_refused_where_the_line_is_full_and_decisions_wait() {
    let house = House::new().await;
    let (rita, ann) = (reviewer(), person(7, "ann", Role::Editor));
    let other = FLOWS.replace("\"one\"", "\"two\"");
    let mine = house.propose(&editor(), FLOWS).await;
    let theirs = house.propose(&ann, &other).await;
    house.apply(&rita, theirs.id).await;
    assert!(matches!(house.state(mine.id).await, State::Stale { .. }));
    // Read before, so that only what is done with it needs a place.
    house.room.review(&rita, mine.id).await.unwrap();
    let places = take_places(&house).await;
    let line = fill_line(&house).await;
    let between = house.room.changed_since(&rita, mine.id);
    assert!(is_crowded(at_once(&house, between).await.as_ref()));
    let mut rebase = pin!(house.room.rebase(&rita, mine.id));
    assert!(at_once(&house, &mut rebase).await.is_none());
    // A new version is compared with the one before.
    let next = other.replace("return msg", "return null");
    at_last(house.propose(&ann, &next)).await;
    let next = other.replace("return msg", "return 2");
    let mut second = pin!(house.propose(&ann, &next));
    assert!(at_once(&house, &mut second).await.is_none());
    drop(places);
    rebase.await.unwrap();
    second.await;
    for one in line {
        one.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn what_a_part_asks_is_worked_out_in_its_turn() {
    let house = House::new().await;
    let policy = Policy {
        own_changes: OwnChanges::Allowed,
        ..Policy::default()
    };
    house.rule(policy).await;
    let queued = house.propose(&editor(), &commanding()).await;
    let (rita, id) = (reviewer(), queued.id);
    let review = house.room.review(&rita, id).await.unwrap();
    let choices = review.diff.changes.iter().map(|change| deploy::Choice {
        change: change.id.clone(),
        verdict: if change.node == "x" {
            Verdict::Reject
        } else {
            Verdict::Approve
        },
        comment: "seen".into(),
        seen: None,
    });
    let choices: Vec<_> = choices.collect();
    let decided = house.room.decide(&rita, id, review.shown, choices);
    decided.await.unwrap();
    let places = take_places(&house).await;
    let mut approval = pin!(house.room.approve(&rita, id, review.shown));
    assert!(at_once(&house, &mut approval).await.is_none());
    drop(places);
    approval.await.unwrap();
}
