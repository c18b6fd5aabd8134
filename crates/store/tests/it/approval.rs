//! What was looked at is what is confirmed, rehearsed and talked about; and what is kept has an end.

use model::{
    audit::EventKind as E,
    clock::Timestamp,
    deployment::{Deployment, Emergency, Proposal, State, Verdict},
    id::Hash,
    rehearsal::Rehearsal,
    risk::Matter,
};
use store::{NewRisk, Seen, Store};

use crate::deployments::is_conflict;
use crate::house::{
    House, START, actor, applying, commit, decision, found, main_instance, proposal,
};

/// A deployment as somebody looked at it, and the same one since: rebased, so that its state is
/// what it was and its proposal is not.
async fn rebased(store: &Store) -> (Deployment, Deployment) {
    let looked_at = store.queue(proposal(store, "[2]").await.unwrap()).await;
    let looked_at = looked_at.unwrap();
    let moved = applying(store, "[1]").await.unwrap();
    store.commit_apply(commit(&moved)).await.unwrap();
    let base = store.baseline(&main_instance()).await.unwrap().unwrap();
    let next = Proposal {
        base: base.baseline.hash(),
        base_flows: base.baseline.flows,
        flows: store.keep_blob("[1,2]").await.unwrap(),
        ..looked_at.proposal.clone()
    };
    let rebase = store.rebase(looked_at.id, &next, &actor(1, "ann")).await;
    let now = rebase.unwrap();
    assert_eq!(now.state, looked_at.state);
    (looked_at, now)
}

#[tokio::test]
async fn an_emergency_is_declared_on_what_was_looked_at() {
    let house = House::new().await;
    found(&house.store).await;
    let (looked_at, now) = rebased(&house.store).await;
    let bob = actor(2, "bob");
    let declare = |seen| {
        let emergency = Emergency::new("flood", Some(bob.clone()));
        house.store.declare_emergency(seen, emergency, &bob)
    };
    assert!(is_conflict(declare(&looked_at).await));
    let declared = declare(&now).await.unwrap();
    let result = now.proposal.flows;
    assert!(matches!(declared.state, State::Approved { result: it, .. } if it == result));
}

#[tokio::test]
async fn a_confirmation_is_of_what_was_looked_at_with_the_decisions_that_stood_then() {
    let house = House::new().await;
    found(&house.store).await;
    let store = &house.store;
    let (looked_at, now) = rebased(store).await;
    let (id, result, bob) = (now.id, now.proposal.flows, actor(2, "bob"));
    assert!(is_conflict(
        store.confirm(&looked_at, &[], result, &bob).await
    ));
    let approve = [decision("added:x", Verdict::Approve)];
    let shown = now.proposal.hash();
    let now = store
        .decide(id, shown, &approve, &Seen::new())
        .await
        .unwrap();
    // Somebody turns it round after it was looked at, and before it is confirmed.
    let reject = [decision("added:x", Verdict::Reject)];
    store
        .decide(id, shown, &reject, &Seen::new())
        .await
        .unwrap();
    assert!(is_conflict(
        store.confirm(&now, &approve, result, &bob).await
    ));
    let confirmed = store.confirm(&now, &reject, result, &bob).await.unwrap();
    assert!(matches!(confirmed.state, State::Approved { .. }));
}

#[tokio::test]
async fn a_rehearsal_of_other_flows_is_not_kept_for_these() {
    let house = House::new().await;
    found(&house.store).await;
    let (looked_at, now) = rebased(&house.store).await;
    let seen = Rehearsal::Running { since: START };
    let set = |tried| house.store.set_rehearsal(tried, &seen);
    assert!(!set(&looked_at).await.unwrap());
    assert_eq!(house.store.rehearsal(now.id).await.unwrap(), None);
    assert!(set(&now).await.unwrap());
    assert_eq!(house.store.rehearsal(now.id).await.unwrap(), Some(seen));
}

/// What is open is tried and its rehearsal kept, however much came after it.
#[tokio::test]
async fn an_old_open_deployment_is_still_tried_and_stays_so() {
    let house = House::new().await;
    found(&house.store).await;
    let new = proposal(&house.store, "[1]").await.unwrap();
    let first = house.store.queue(new.clone()).await.unwrap();
    let mut hand = house.hand().await;
    sqlx::query(
        "WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 900) \
         INSERT INTO deployments SELECT i, instance, word, is_open, state, origin, proposer, \
         created_at, proposal, credentials, emergency FROM deployments, n",
    )
    .execute(&mut hand)
    .await
    .unwrap();
    let untried = house.store.untried().await.unwrap();
    assert_eq!((untried.len(), untried[0].id), (900, first.id));
    let over = Rehearsal::Impossible {
        at: START,
        why: "no namespaces".into(),
    };
    let last = house.store.queue(new).await.unwrap();
    for tried in [&first, &last] {
        assert!(house.store.set_rehearsal(tried, &over).await.unwrap());
    }
    let kept = house.store.rehearsal(first.id).await.unwrap();
    assert_eq!(kept, Some(over));
    assert_eq!(house.store.untried().await.unwrap().len(), 899);
    let (keys, bob) = ([Hash::of(b"run")], actor(2, "bob"));
    let forget = house.store.forget_rehearsal(&first, &keys, &bob);
    forget.await.unwrap();
    assert_eq!(house.store.untried().await.unwrap()[0].id, first.id);
    assert_eq!(house.kinds().await.last(), Some(&E::RehearsalAsked));
}

#[tokio::test]
async fn a_thread_has_one_end_over_all_versions() {
    let house = House::new().await;
    found(&house.store).await;
    let store = &house.store;
    let new = proposal(store, "[1]").await.unwrap();
    let first = store.queue(new.clone()).await.unwrap();
    let ann = actor(1, "ann");
    store.comment(first.id, None, "one", &ann).await.unwrap();
    let mut hand = house.hand().await;
    sqlx::query(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 998) \
         INSERT INTO comments (deployment, change, by, at, text) \
         SELECT deployment, change, by, at, text FROM comments, n",
    )
    .execute(&mut hand)
    .await
    .unwrap();
    let mut newer = new;
    newer.supersedes = Some(first.id);
    let second = store.queue(newer).await.unwrap();
    store.comment(second.id, None, "last", &ann).await.unwrap();
    assert!(is_conflict(
        store.comment(second.id, None, "more", &ann).await
    ));
    // Nor is it gone round on the version before.
    assert!(is_conflict(
        store.comment(first.id, None, "more", &ann).await
    ));
    let said = store.comments(second.id).await.unwrap();
    assert_eq!((said.len(), said[999].text.as_str()), (1_000, "last"));
}

fn risk(mark: &[u8], until: Timestamp) -> NewRisk {
    let text = String::from;
    NewRisk {
        instance: main_instance(),
        mark: Hash::of(mark),
        matter: Matter {
            rule: text("exec-command"),
            message: text("runs a command"),
            node: text("x"),
            label: text("x"),
        },
        owner: text("Plant manager"),
        reason: text("needed"),
        until,
        lifts_demands: false,
    }
}

/// As many more as `count`, all like the first.
async fn many(house: &House, count: i64) {
    let mut hand = house.hand().await;
    sqlx::query(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) \
         INSERT INTO risks (instance, mark, matter, owner, reason, by, at, until) \
         SELECT instance, printf('%064d', i), matter, owner, reason, by, at, until FROM risks, n WHERE id = 1",
    )
    .bind(count)
    .execute(&mut hand)
    .await
    .unwrap();
}

#[tokio::test]
async fn risks_that_ended_make_room_and_few_of_them_are_kept() {
    let house = House::new().await;
    found(&house.store).await;
    let (store, ann) = (&house.store, actor(1, "ann"));
    let soon = START.plus_seconds(60);
    store.accept_risk(risk(b"a", soon), &ann).await.unwrap();
    many(&house, 1_499).await;
    let later = START.plus_seconds(3_600);
    assert!(is_conflict(
        store.accept_risk(risk(b"b", later), &ann).await
    ));
    house.clock.advance(120);
    assert!(
        store
            .holding_risks(&main_instance())
            .await
            .unwrap()
            .is_empty()
    );
    store.accept_risk(risk(b"b", later), &ann).await.unwrap();
    let holding = store.holding_risks(&main_instance()).await.unwrap();
    assert_eq!(holding.len(), 1);
    assert_eq!(holding[0].mark, Hash::of(b"b"));
    let all = store.risks(Some(&main_instance())).await.unwrap();
    assert_eq!(all.len(), 1_001);
}
