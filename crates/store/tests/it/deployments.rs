use model::{
    audit::EventKind as E,
    deployment::{Emergency, Proposal, State, Verdict},
    id::{DeploymentId, Hash},
    principal::Actor,
};
use store::{AuditFilter, Seen, StoreError};

use crate::house::{
    House, START, actor, applying, applying_from, commit, content, credentials, decision, found,
    main_instance, proposal,
};

#[expect(
    clippy::needless_pass_by_value,
    reason = "reads better at each of its many uses"
)]
pub(crate) fn is_conflict<T>(result: Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Conflict(_)))
}

#[tokio::test]
async fn a_deployment_goes_its_way_and_every_step_is_recorded() {
    let house = House::new().await;
    found(&house.store).await;
    let mut changes = house.store.queue_changes();
    let deployment = applying(&house.store, "[1]").await.unwrap();
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    let done = house.store.commit_apply(commit(&deployment)).await.unwrap();
    assert!(changes.has_changed().unwrap());

    let now = house
        .store
        .baseline(&main_instance())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&*now.flows, "[1]");
    assert_eq!(now.credentials, credentials("second"));
    assert_eq!(now.baseline.node, "24.0.0");
    assert_eq!(
        done.state,
        State::Applied {
            at: START,
            baseline: now.baseline.hash()
        }
    );
    assert_eq!(house.store.deployment(done.id).await.unwrap(), done);
    assert_eq!(
        house.kinds().await,
        [
            E::Applied,
            E::DeploymentQueued,
            E::ReviewStarted,
            E::Decided,
            E::DeploymentApproved,
            E::ApplyStarted,
            E::Applied
        ]
    );
    assert_eq!(house.store.verify_audit().await.unwrap(), (7, vec![]));
    let bobs = AuditFilter {
        user: Some("bob".into()),
        ..AuditFilter::default()
    };
    assert_eq!(house.store.audit(&bobs).await.unwrap().len(), 4);
}

#[tokio::test]
async fn every_other_end_is_recorded_too() {
    let house = House::new().await;
    found(&house.store).await;
    let (ann, bob) = (actor(1, "ann"), actor(2, "bob"));
    let at = START;
    let ends = [
        (
            State::Rejected {
                by: bob.clone(),
                at,
                reason: "no".into(),
            },
            E::DeploymentRejected,
        ),
        (State::Withdrawn { at }, E::DeploymentWithdrawn),
        (
            State::Superseded {
                at,
                by: DeploymentId(9),
            },
            E::DeploymentSuperseded,
        ),
        (State::Stale { at }, E::DeploymentStale),
        (State::InReview, E::ReviewStarted),
    ];
    for (state, kind) in ends {
        let new = proposal(&house.store, "[1]").await.unwrap();
        let queued = house.store.queue(new).await.unwrap();
        let moved = house
            .store
            .step(queued.id, &State::Pending, state.clone(), &ann)
            .await;
        assert_eq!(moved.unwrap().state, state);
        assert_eq!(house.kinds().await.last(), Some(&kind));
    }
    let deployment = applying(&house.store, "[2]").await.unwrap();
    let failed = State::Failed {
        at,
        reason: "refused".into(),
    };
    house
        .store
        .step(deployment.id, &deployment.state, failed, &bob)
        .await
        .unwrap();
    assert_eq!(house.kinds().await.last(), Some(&E::ApplyFailed));
}

#[tokio::test]
async fn a_step_from_a_state_that_is_past_is_refused() {
    let house = House::new().await;
    found(&house.store).await;
    let queued = house
        .store
        .queue(proposal(&house.store, "[1]").await.unwrap())
        .await
        .unwrap();
    let ann = actor(1, "ann");
    let before = house.kinds().await.len();
    let late = house
        .store
        .step(queued.id, &State::InReview, State::Pending, &ann);
    assert!(is_conflict(late.await));
    let illegal = State::Applying {
        since: START,
        result: Hash::of(b"x"),
        approved_by: None,
    };
    assert!(is_conflict(
        house
            .store
            .step(queued.id, &State::Pending, illegal, &ann)
            .await
    ));
    let none = house
        .store
        .step(DeploymentId(99), &State::Pending, State::InReview, &ann);
    assert!(matches!(none.await, Err(StoreError::NotFound(_))));
    assert_eq!(house.kinds().await.len(), before);
    assert_eq!(
        house.store.deployment(queued.id).await.unwrap().state,
        State::Pending
    );
}

#[tokio::test]
async fn no_step_moves_the_baseline() {
    let house = House::new().await;
    let first = found(&house.store).await;
    let deployment = applying(&house.store, "[1]").await.unwrap();
    let applied = State::Applied {
        at: START,
        baseline: first,
    };
    let by = Actor::System;
    assert!(is_conflict(
        house
            .store
            .step(deployment.id, &deployment.state, applied, &by)
            .await
    ));
    let applied = house.store.commit_apply(commit(&deployment)).await.unwrap();
    let failed = State::Failed {
        at: START,
        reason: "died".into(),
    };
    assert!(is_conflict(
        house
            .store
            .step(applied.id, &applied.state, failed, &by)
            .await
    ));
}

#[tokio::test]
async fn decisions_hold_for_what_was_shown() {
    let house = House::new().await;
    found(&house.store).await;
    let queued = house
        .store
        .queue(proposal(&house.store, "[1]").await.unwrap())
        .await
        .unwrap();
    let (id, shown) = (queued.id, queued.proposal.hash());
    let approve = [
        decision("added:a", Verdict::Approve),
        decision("added:b", Verdict::Approve),
    ];
    assert!(is_conflict(
        house
            .store
            .decide(id, Hash::of(b"other"), &approve, &Seen::new())
            .await
    ));
    assert!(house.store.decisions(id).await.unwrap().is_empty());
    let seen = house
        .store
        .decide(id, shown, &approve, &Seen::new())
        .await
        .unwrap();
    assert_eq!(seen.state, State::InReview);
    let reject = [decision("added:a", Verdict::Reject)];
    house
        .store
        .decide(id, shown, &reject, &Seen::new())
        .await
        .unwrap();
    let decisions = house.store.decisions(id).await.unwrap();
    assert_eq!(decisions, [reject[0].clone(), approve[1].clone()]);

    let bob = actor(2, "bob");
    let result = queued.proposal.flows;
    let approved = State::Approved {
        by: bob.clone(),
        at: START,
        result,
    };
    house
        .store
        .step(id, &State::InReview, approved, &bob)
        .await
        .unwrap();
    let again = house
        .store
        .decide(id, shown, &approve, &Seen::new())
        .await
        .unwrap();
    assert_eq!(
        again.state,
        State::InReview,
        "deciding again takes the approval back"
    );
    let stale = State::Stale { at: START };
    house
        .store
        .step(id, &State::InReview, stale, &bob)
        .await
        .unwrap();
    assert!(house.store.decisions(id).await.unwrap().is_empty());
    assert!(is_conflict(
        house.store.decide(id, shown, &approve, &Seen::new()).await
    ));
}

#[tokio::test]
async fn others_go_stale_and_can_be_rebased() {
    let house = House::new().await;
    found(&house.store).await;
    let other = house
        .store
        .queue(proposal(&house.store, "[2]").await.unwrap())
        .await
        .unwrap();
    let shown = other.proposal.hash();
    let approve = [decision("added:a", Verdict::Approve)];
    house
        .store
        .decide(other.id, shown, &approve, &Seen::new())
        .await
        .unwrap();
    let late = proposal(&house.store, "[3]").await.unwrap();
    let deployment = applying(&house.store, "[1]").await.unwrap();
    house.store.commit_apply(commit(&deployment)).await.unwrap();

    let stale = house.store.deployment(other.id).await.unwrap();
    assert_eq!(stale.state, State::Stale { at: START });
    assert!(house.store.decisions(other.id).await.unwrap().is_empty());
    let late = house.store.queue(late).await.unwrap();
    assert_eq!(
        late.state,
        State::Stale { at: START },
        "it was made on the old baseline"
    );

    let base = house
        .store
        .baseline(&main_instance())
        .await
        .unwrap()
        .unwrap()
        .baseline;
    let old = stale.proposal.clone();
    let new = Proposal {
        base: base.hash(),
        base_flows: base.flows,
        ..old.clone()
    };
    let smuggled = Proposal {
        credentials: Hash::of(b"x"),
        ..new.clone()
    };
    let ann = actor(1, "ann");
    assert!(is_conflict(house.store.rebase(other.id, &old, &ann).await));
    assert!(is_conflict(
        house.store.rebase(other.id, &smuggled, &ann).await
    ));
    let rebased = house.store.rebase(other.id, &new, &ann).await.unwrap();
    assert_eq!(
        (rebased.state, rebased.proposal),
        (State::Pending, new.clone())
    );
    assert_eq!(house.kinds().await.last(), Some(&E::DeploymentRebased));
    assert!(is_conflict(house.store.rebase(other.id, &new, &ann).await));
    assert!(is_conflict(
        house
            .store
            .decide(other.id, shown, &approve, &Seen::new())
            .await
    ));
}

#[tokio::test]
async fn only_what_is_being_applied_is_committed_and_once() {
    let house = House::new().await;
    let first = found(&house.store).await;
    let queued = house
        .store
        .queue(proposal(&house.store, "[1]").await.unwrap())
        .await
        .unwrap();
    assert!(is_conflict(house.store.commit_apply(commit(&queued)).await));
    let deployment = applying_from(&house.store, queued).await.unwrap();
    let mut smuggled = commit(&deployment);
    smuggled.flows = house.store.keep_blob("[\"smuggled\"]").await.unwrap();
    assert!(is_conflict(house.store.commit_apply(smuggled).await));
    let now = house
        .store
        .baseline(&main_instance())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(now.baseline.hash(), first);
    house.store.commit_apply(commit(&deployment)).await.unwrap();
    assert!(is_conflict(
        house.store.commit_apply(commit(&deployment)).await
    ));
    assert_eq!(
        house
            .store
            .snapshots(&main_instance(), 10)
            .await
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn two_being_applied_at_once_do_not_both_win() {
    let house = House::new().await;
    found(&house.store).await;
    let one = applying(&house.store, "[1]").await.unwrap();
    let other = applying(&house.store, "[2]").await.unwrap();
    house.store.commit_apply(commit(&one)).await.unwrap();
    assert!(is_conflict(house.store.commit_apply(commit(&other)).await));
    let now = house
        .store
        .baseline(&main_instance())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&*now.flows, "[1]");
}

#[tokio::test]
async fn a_deployment_that_did_not_survive_is_undone() {
    let house = House::new().await;
    let first = found(&house.store).await;
    let deployment = applying(&house.store, "[1]").await.unwrap();
    house.store.commit_apply(commit(&deployment)).await.unwrap();
    let waiting = house
        .store
        .queue(proposal(&house.store, "[2]").await.unwrap())
        .await
        .unwrap();
    let failed = house
        .store
        .revert_apply(deployment.id, "it died")
        .await
        .unwrap();
    assert_eq!(
        failed.state,
        State::Failed {
            at: START,
            reason: "it died".into()
        }
    );
    let now = house
        .store
        .baseline(&main_instance())
        .await
        .unwrap()
        .unwrap();
    assert_eq!((now.baseline.hash(), &*now.flows), (first, "[]"));
    assert_eq!(now.credentials, credentials("first"));
    let waiting = house.store.deployment(waiting.id).await.unwrap();
    assert_eq!(waiting.state, State::Stale { at: START });
    assert!(is_conflict(
        house.store.revert_apply(deployment.id, "again").await
    ));
}

#[tokio::test]
async fn only_the_present_baseline_is_undone() {
    let house = House::new().await;
    found(&house.store).await;
    let one = applying(&house.store, "[1]").await.unwrap();
    house.store.commit_apply(commit(&one)).await.unwrap();
    let two = applying(&house.store, "[2]").await.unwrap();
    house.store.commit_apply(commit(&two)).await.unwrap();
    assert!(is_conflict(house.store.revert_apply(one.id, "late").await));
    let now = house
        .store
        .baseline(&main_instance())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&*now.flows, "[2]");
}

#[tokio::test]
async fn a_newer_version_replaces_the_proposers_own_only() {
    let house = House::new().await;
    found(&house.store).await;
    let old = house
        .store
        .queue(proposal(&house.store, "[1]").await.unwrap())
        .await
        .unwrap();
    let mut foreign = proposal(&house.store, "[2]").await.unwrap();
    foreign.supersedes = Some(old.id);
    foreign.proposer = actor(7, "eve");
    assert!(is_conflict(house.store.queue(foreign).await));
    assert_eq!(
        house.store.deployments(None, true, 10).await.unwrap().len(),
        1
    );
    let mut new = proposal(&house.store, "[2]").await.unwrap();
    new.supersedes = Some(old.id);
    let new = house.store.queue(new).await.unwrap();
    let old = house.store.deployment(old.id).await.unwrap();
    assert_eq!(
        old.state,
        State::Superseded {
            at: START,
            by: new.id
        }
    );
    let open = house
        .store
        .deployments(Some(&main_instance()), true, 10)
        .await
        .unwrap();
    assert_eq!(open, [new]);
    assert_eq!(
        house
            .store
            .deployments(None, false, 10)
            .await
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn an_emergency_is_recorded_and_reviewed_once() {
    let house = House::new().await;
    found(&house.store).await;
    let new = proposal(&house.store, "[1]").await.unwrap();
    let (result, bob) = (new.flows, actor(2, "bob"));
    let queued = house.store.queue(new).await.unwrap();
    let declared = house
        .store
        .declare_emergency(&queued, Emergency::new("flood", None), &bob)
        .await
        .unwrap();
    let since = START;
    let next = State::Applying {
        since,
        result,
        approved_by: None,
    };
    let deployment = house
        .store
        .step(queued.id, &declared.state, next, &bob)
        .await
        .unwrap();
    house.store.commit_apply(commit(&deployment)).await.unwrap();
    assert_eq!(
        house.kinds().await[2..],
        [
            E::DeploymentApproved,
            E::ApplyStarted,
            E::Applied,
            E::EmergencyApplied
        ]
    );
    house
        .store
        .review_emergency(deployment.id, &bob)
        .await
        .unwrap();
    let reviewed = house.store.deployment(deployment.id).await.unwrap();
    assert_eq!(reviewed.emergency.unwrap().reviewed_by, Some(bob.clone()));
    assert!(is_conflict(
        house.store.review_emergency(deployment.id, &bob).await
    ));
    assert_eq!(house.kinds().await.last(), Some(&E::EmergencyReviewed));
}

#[tokio::test]
async fn credential_changes_come_back_and_lie_sealed() {
    let house = House::new().await;
    found(&house.store).await;
    let new = proposal(&house.store, "[1]").await.unwrap();
    let changes = new.credentials.clone();
    let digest = house.store.credential_changes_digest(&changes).unwrap();
    let queued = house.store.queue(new).await.unwrap();
    assert_eq!(queued.proposal.credentials, digest);
    assert_eq!(
        house.store.credential_changes(queued.id).await.unwrap(),
        changes
    );

    // Another deployment's sealed changes put in its place are found out.
    let mut other = proposal(&house.store, "[1]").await.unwrap();
    other.credentials = crate::house::credential_changes("third");
    let other = house.store.queue(other).await.unwrap();
    let mut hand = house.hand().await;
    sqlx::query(
        "UPDATE deployments SET credentials = (SELECT credentials FROM deployments WHERE id = ?)",
    )
    .bind(other.id.0)
    .execute(&mut hand)
    .await
    .unwrap();
    let swapped = house.store.credential_changes(queued.id).await;
    assert!(matches!(swapped, Err(StoreError::Damaged { .. })));
}

#[tokio::test]
async fn a_platform_baseline_voids_what_was_approved_on_the_old_one() {
    let house = House::new().await;
    found(&house.store).await;
    let queued = house
        .store
        .queue(proposal(&house.store, "[1]").await.unwrap())
        .await
        .unwrap();
    let newer = content(&house.store, "[]", "24.1.0");
    house
        .store
        .set_platform_baseline(&main_instance(), &newer)
        .await
        .unwrap();
    let stale = house.store.deployment(queued.id).await.unwrap();
    assert_eq!(stale.state, State::Stale { at: START });
}

#[tokio::test]
async fn an_apply_cut_off_by_an_upgrade_can_still_be_committed() {
    let house = House::new().await;
    found(&house.store).await;
    let deployment = applying(&house.store, "[1]").await.unwrap();
    let newer = content(&house.store, "[]", "24.1.0");
    house
        .store
        .set_platform_baseline(&main_instance(), &newer)
        .await
        .unwrap();
    house.store.commit_apply(commit(&deployment)).await.unwrap();
    let now = house
        .store
        .baseline(&main_instance())
        .await
        .unwrap()
        .unwrap();
    assert_eq!((&*now.flows, now.baseline.node.as_str()), ("[1]", "24.1.0"));
}

#[tokio::test]
async fn a_flood_of_proposals_has_an_end() {
    let house = House::new().await;
    found(&house.store).await;
    let new = proposal(&house.store, "[1]").await.unwrap();
    let first = house.store.queue(new.clone()).await.unwrap();
    let mut hand = house.hand().await;
    sqlx::query(
        "WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) \
         INSERT INTO deployments SELECT i, instance, word, is_open, state, origin, proposer, \
         created_at, proposal, credentials, emergency FROM deployments, n",
    )
    .execute(&mut hand)
    .await
    .unwrap();
    assert!(is_conflict(house.store.queue(new.clone()).await));
    let withdrawn = State::Withdrawn { at: START };
    house
        .store
        .step(first.id, &State::Pending, withdrawn, &actor(1, "ann"))
        .await
        .unwrap();
    house.store.queue(new).await.unwrap();
}
